"""A shell in GIMP's root that runs one command after the other."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path

from gimp.gimps import Home

_END = b"\0"
_CHUNK_BYTES = 65_536


class Shell:
    """Runs commands: entering the root for each would take longer than most of them.

    log: the file for what they write to standard error.
    """

    def __init__(self, home: Home, log: Path) -> None:
        self._process = home.start_shell(log)

    def output_of(self, *command: str, variables: Mapping[str, str] | None = None) -> str:
        """Returns what a command writes, whatever its exit status.

        variables: changed variables of its environment.
        """
        assert self._process.stdin is not None
        changes = (f"{name}={shlex.quote(value)}" for name, value in (variables or {}).items())
        line = " ".join([*changes, shlex.join(command)])
        self._process.stdin.write(f"{line} </dev/null; printf '\\0'\n".encode())
        self._process.stdin.flush()
        return self._read_to_end().decode()

    def _read_to_end(self) -> bytes:
        assert self._process.stdout is not None
        output = b""
        while not output.endswith(_END):
            chunk = os.read(self._process.stdout.fileno(), _CHUNK_BYTES)
            assert chunk, "the shell in GIMP's root has ended"
            output += chunk
        return output.removesuffix(_END)

    def close(self) -> None:
        """Ends the shell, and a command that it still runs."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
