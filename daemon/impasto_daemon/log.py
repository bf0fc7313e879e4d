"""The form of the log: one line an event, on standard error."""

from __future__ import annotations

import logging


def start_logging(process: str) -> None:
    """Sends the log of this process, called `process` in each line, to standard error."""
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s {process} %(levelname)s %(name)s: %(message)s",
    )
