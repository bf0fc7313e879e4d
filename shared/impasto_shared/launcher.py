"""Start of the daemon on demand."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from impasto_shared.client import Client
from impasto_shared.configuration.resolution import default_endpoint
from impasto_shared.connection.local_socket import is_served
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.files.open_flags import NOFOLLOW, NONBLOCK, PLAIN
from impasto_shared.files.paths import (
    local_path,
    log_path,
    socket_path,
    spare_log_path,
)
from impasto_shared.installation.environment import installed_program, own_environment
from impasto_shared.installation.sandbox import is_in_sandbox
from impasto_shared.installation.variables import own_variables
from impasto_shared.system.host import (
    HAS_UNIX_SOCKETS,
    background_command,
    restrict,
    start_apart,
)
from impasto_shared.text.printable import printable
from impasto_shared.text.sentences import Sentence, reason_of, sentence

START_TIMEOUT_S = 60.0  # Python starts slowly on a busy machine
_RETRY_S = 0.1
# Large pictures get huge pages, of two megabytes: with pages of four kilobytes, page faults take a
# third of the time of a transfer. (Older versions of glibc ignore this variable.)
MEMORY_VARIABLES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

# Daemons outlive the process that starts them, of which the destructors of these would warn.
_started: list[subprocess.Popen[bytes]] = []


def find_impasto() -> list[str]:
    """Returns the command line of the `impasto` program, without arguments.

    Tries $IMPASTO_COMMAND, what the setup has installed, and the PATH, in this order.

    Raises:
        DaemonUnavailable: if the program is not installed.
    """
    if configured := os.environ.get("IMPASTO_COMMAND"):
        return [str(Path(configured).absolute()) if os.sep in configured else configured]
    program = installed_program() or shutil.which("impasto")
    if program is None and is_in_sandbox():
        raise DaemonUnavailable(sentence("not-startable-in-sandbox"))
    if program is None:
        raise DaemonUnavailable(sentence("not-installed", folder=own_environment().program.parent))
    return background_command(str(Path(program).absolute()))


def connect_or_start(
    endpoint: str | None = None,
    *,
    name: str,
    command: Callable[[], Sequence[str]] = find_impasto,
    on_start: Callable[[], None] = lambda: None,
    while_waiting: Callable[[], object] = lambda: None,
) -> Client:
    """Returns a client of the daemon at `endpoint`, which is started if none answers there.

    endpoint: None for the configured one.
    command: returns the command line of the program to start.
    on_start: called before the daemon is started.
    while_waiting: as in `Client.connect`; also called while the daemon starts.

    Raises:
        DaemonUnavailable: if none answers and none can be started.
    """
    endpoint = endpoint or default_endpoint()
    connect = partial(Client.connect, endpoint, name=name, while_waiting=while_waiting)
    try:
        return connect()
    except DaemonUnavailable:
        if local_path(endpoint) is None:
            raise  # a daemon at a TCP address must be started on its machine
    on_start()
    if client := _connect_to_starting(endpoint, connect, while_waiting):
        return client
    output, log = _open_log()
    with output:
        process = _start([*command(), "serve", "--endpoint", endpoint], output)
    return _connect_to(process, connect, log=log, while_waiting=while_waiting)


def _connect_to_starting(
    endpoint: str, connect: Callable[[], Client], while_waiting: Callable[[], object]
) -> Client | None:
    """Returns a client of the daemon that systemd starts when a client connects to its socket.

    None if no program listens there (any more). Raises DaemonUnavailable if none answers.
    """
    path = socket_path(endpoint) if HAS_UNIX_SOCKETS else None
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while path is not None and is_served(path):
        try:
            return connect()
        except DaemonUnavailable:
            if time.monotonic() > deadline_s:
                raise
        while_waiting()
        time.sleep(_RETRY_S)
    return None


def _open_log() -> tuple[BinaryIO, Path | None]:
    """Opens the log, or the spare one; a user who can write to neither has none."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | NOFOLLOW | PLAIN
    flags |= NONBLOCK  # for a pipe without a reader
    for path in (log_path(), spare_log_path()):
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            output = os.fdopen(os.open(path, flags, 0o600), "ab")
            restrict(output.fileno())  # it may be one of an earlier version
            return output, path
        except OSError:
            continue
    return open(os.devnull, "ab"), None  # noqa: PTH123 - closed by the caller


def _start(command: Sequence[str], output: BinaryIO) -> subprocess.Popen[bytes]:
    """Starts a daemon that outlives this process, and writes its output to a file.

    Not in this process's folder: it could not be unmounted, or deleted without harm to the daemon.
    """
    environment = MEMORY_VARIABLES | own_variables()
    try:
        process = start_apart(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )
    except OSError as error:
        raise DaemonUnavailable(
            sentence("not-started", command=command[0], errno=reason_of(error))
        ) from error
    _started[:] = [each for each in _started if each.poll() is None]
    _started.append(process)
    return process


def _connect_to(
    process: subprocess.Popen[bytes],
    connect: Callable[[], Client],
    *,
    log: Path | None,
    while_waiting: Callable[[], object],
) -> Client:
    """Returns a client of the daemon that `process` starts, as soon as it answers."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        exit_status = process.poll()
        try:
            return connect()
        except DaemonUnavailable:
            # If two clients start a daemon at the same time, the second daemon exits with 0.
            if exit_status:
                raise DaemonUnavailable(_explained("exited-at-start", log)) from None
        while_waiting()
        time.sleep(_RETRY_S)
    raise DaemonUnavailable(_explained("no-answer-at-start", log, time=START_TIMEOUT_S))


def _explained(code: str, log: Path | None, **values: object) -> Sentence:
    """Returns the sentence of a code with the last line of the log, and where to see the cause."""
    lines = [] if log is None else log.read_text(errors="replace").strip().splitlines()
    if not lines:
        return sentence(f"{code}-silently", **values)
    return sentence(code, line=printable(lines[-1]).rstrip("."), log=log, **values)
