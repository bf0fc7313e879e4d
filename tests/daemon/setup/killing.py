"""A process that is killed at a change of the disk, or as it starts a program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

_CHANGES = {
    os: ("mkdir", "unlink", "rmdir", "chmod", "replace", "rename", "symlink"),
    Path: ("touch", "write_text"),
    subprocess: ("run",),
}


class Killed(BaseException):
    """The end of the process."""


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> bool:
    """Runs an action that ends before that change; returns whether it came so far."""
    changes = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def change(*arguments: object, **named: object) -> object:
            nonlocal changes
            changes += 1
            if changes >= number:  # nothing is cleaned up either
                raise Killed
            return original(*arguments, **named)

        return change

    with monkeypatch.context() as patches:
        for module, names in _CHANGES.items():
            for name in names:
                patches.setattr(module, name, counted(getattr(module, name)))
        try:
            action()
        except Killed:
            return True
    return False
