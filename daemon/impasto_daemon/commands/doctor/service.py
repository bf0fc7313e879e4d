"""The check of the systemd unit that the setup writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, note, ok, problem
from impasto_daemon.setup.service import service_unit

_TOPIC = "service"
_PROGRAM = re.compile(r'^ExecStart=("(?:[^"\\\n]|\\.)+"|[^"\n]+?) serve', re.MULTILINE)


def check_service() -> Iterator[Finding]:
    """Checks whether systemd starts the daemon at login, with a program that exists."""
    unit = service_unit()
    if not unit.is_file():
        yield note(_TOPIC, "not installed: the daemon starts when it is needed")
        return
    match = _PROGRAM.search(unit.read_text(errors="replace"))
    program = None if match is None else _unescaped(match[1])
    if program is not None and Path(program).is_file():
        yield ok(_TOPIC, f"{unit}; its log: journalctl --user -u impasto")
        return
    wrong = f"starts {program}, which does not exist" if program else "does not start impasto"
    yield problem(_TOPIC, f"{unit} {wrong}", "Run: impasto setup --service")


def _unescaped(word: str) -> str:
    """Returns a word of ExecStart as systemd reads it; the setup writes such words."""
    text = re.sub(r"\\(.)", r"\1", word.strip('"')) if word.startswith('"') else word
    return text.replace("%%", "%").replace("$$", "$")
