"""Other programs, which the setup runs outside the current folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.lock import held_descriptors

# The first start of GIMP takes ten seconds, starting Python in a Flatpak a few.
PATIENCE_S = 60.0


def succeeds(command: Sequence[str]) -> bool:
    """Returns whether a program can be run and succeeds; what it prints is dropped."""
    return printed_lines(command) is not None


def printed_lines(
    command: Sequence[str], variables: Mapping[str, str] | None = None
) -> list[str] | None:
    """Returns what a program prints, errors included; None if it cannot be run or fails."""
    try:
        completed = subprocess.run(  # noqa: S603 - programs of this machine
            command,
            cwd="/",
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError:
        return None
    return None if completed.returncode else completed.stdout.splitlines()


def run(command: Sequence[str]) -> None:
    """Runs a program, which shows its own progress; raises SetupFailed unless it succeeds."""
    sys.stdout.flush()
    try:
        completed = subprocess.run(  # noqa: S603 - programs of this machine
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            check=False,
            pass_fds=held_descriptors(),
        )
    except OSError as error:
        raise SetupFailed(f"{command[0]} cannot be run: {error.strerror}.") from error
    if completed.returncode:
        raise SetupFailed(
            f"{command[0]} failed (see above). What is done so far stays: repair the cause, and "
            "run the same command again."
        )


def captured(command: Sequence[str], patience_s: float) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, whatever its status, and returns what it printed.

    Raises OSError if it cannot be run, subprocess.TimeoutExpired if it does not end in time.
    """
    return subprocess.run(  # noqa: S603 - programs of this machine, no text from outside
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=patience_s,
    )


def output_of(command: Sequence[str]) -> str | None:
    """Returns the standard output of a program; None if it fails or does not end in time."""
    try:
        completed = captured(command, PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if completed.returncode else completed.stdout


def run_quietly(command: Sequence[str]) -> None:
    """Runs a program whose output matters only if it fails; raises SetupFailed then."""
    try:
        completed = captured(command, PATIENCE_S)
    except OSError as error:
        raise SetupFailed(f"{command[0]} cannot be run: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise SetupFailed(f"{' '.join(command)} did not end in {PATIENCE_S:.0f} s") from error
    if completed.returncode:
        last_line = (completed.stderr.strip() or "it printed no message").splitlines()[-1]
        raise SetupFailed(f"{' '.join(command)} failed: {last_line}")
