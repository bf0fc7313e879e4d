"""The form of the log: one line an event, on standard error."""

from __future__ import annotations

import logging

from impasto_shared.options import LogLevel


def start_logging(process: str, level: LogLevel = LogLevel.INFO) -> None:
    """Sends the log of this process, called `process` in each line, to standard error."""
    logging.basicConfig(
        level=level.upper(),
        format=f"%(asctime)s {process} %(levelname)s %(name)s: %(message)s",
    )
