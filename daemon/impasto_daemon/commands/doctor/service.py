"""The check of the systemd units that the setup writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, note, ok, problem
from impasto_daemon.setup.service import (
    has_systemd,
    is_listening,
    service_unit,
    socket_text,
    socket_unit,
)

_TOPIC, _SOCKET_TOPIC = "service", "socket"
_AGAIN = "Run: impasto setup --service"
_PROGRAM = re.compile(r'^ExecStart=("(?:[^"\\\n]|\\.)+"|[^"\n]+?) serve', re.MULTILINE)


def check_service() -> Iterator[Finding]:
    """Checks whether systemd starts the daemon at login, with a program that exists."""
    unit = service_unit()
    if not unit.is_file():
        yield note(_TOPIC, "not installed: the daemon starts when it is needed")
        return
    match = _PROGRAM.search(unit.read_text(errors="replace"))
    program = None if match is None else _unescaped(match[1])
    if program is None or not Path(program).is_file():
        wrong = f"starts {program}, which does not exist" if program else "does not start impasto"
        yield problem(_TOPIC, f"{unit} {wrong}", _AGAIN)
        return
    yield ok(_TOPIC, f"{unit}; its log: journalctl --user -u impasto")
    yield _check_socket(socket_unit())


def _check_socket(unit: Path) -> Finding:
    """Checks whether systemd starts the daemon for a program that connects."""
    if not unit.is_file():
        return note(
            _SOCKET_TOPIC, "not installed: a sandbox cannot have the daemon started", _AGAIN
        )
    if unit.read_text(errors="replace") != socket_text():
        return note(_SOCKET_TOPIC, f"{unit} is not the one of this version", _AGAIN)
    if has_systemd() and not is_listening():
        text = "systemd does not listen for programs that need the daemon"
        return problem(_SOCKET_TOPIC, text, "Run: systemctl --user enable --now impasto.socket")
    return ok(_SOCKET_TOPIC, f"{unit}: a program that connects has the daemon started")


def _unescaped(word: str) -> str:
    """Returns a word of ExecStart as systemd reads it; the setup writes such words."""
    text = re.sub(r"\\(.)", r"\1", word.strip('"')) if word.startswith('"') else word
    return text.replace("%%", "%").replace("$$", "$")
