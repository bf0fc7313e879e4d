"""The systemd unit that install.sh writes: whether it starts a program that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, note, ok, problem
from impasto_daemon.commands.doctor.gimps import config_home

_PROGRAM = re.compile(r'^ExecStart="?([^"\n]+?)"? serve', re.MULTILINE)


def service_unit() -> Path:
    """Where install.sh writes the unit."""
    return config_home() / "systemd/user/impasto.service"


def check_service() -> Iterator[Finding]:
    """Whether the daemon is started at login."""
    unit = service_unit()
    if not unit.is_file():
        yield note("service", "not installed: the daemon is started when somebody needs it")
        return
    found = _PROGRAM.search(unit.read_text())
    if found is None or not Path(found[1]).is_file():
        yield problem(
            "service",
            f"{unit} starts {found[1] if found else 'no impasto'}, which is not there",
            "Run ./install.sh service in the Impasto folder.",
        )
    else:
        yield ok("service", f"{unit}; its log: journalctl --user -u impasto")
