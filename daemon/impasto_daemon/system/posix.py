"""The system as Linux has it: locks, memory, priority, signals, sockets; see `host`."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from impasto_shared.system.host import ROOT

assert sys.platform != "win32"  # noqa: S101 - for mypy

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM,)
"""They stop the daemon in any case."""
TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP)
"""They do, too, unless they are ignored: under nohup, and by programs in the background."""
CHILD_SIGNALS = (signal.SIGCHLD,)
"""They say that a child process has ended."""

NO_WAIT = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
"""The flags of calls of sockets that neither wait nor end the process."""
LATER = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)
"""The errors of a connection that is as good as before: the system says when it has room."""

_PEER = struct.Struct("=iII")  # struct ucred: process, user, group
# The fields of /proc/PID/stat after the name, which may contain spaces and parentheses.
_USER_TIME, _SYSTEM_TIME = 11, 12


def try_to_lock(descriptor: int) -> bool:
    """Locks a file until it is closed; returns False if another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(descriptor: int) -> None:
    """Locks a file until it is closed, once no other process has locked it."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def is_locked(descriptor: int, pid: str) -> bool:
    """Returns whether the process has locked a file; it only looks."""
    inode = os.fstat(descriptor).st_ino
    lock = re.compile(rf"FLOCK +ADVISORY +WRITE +{re.escape(pid)} +\S+:{inode} ")
    return bool(lock.search(Path("/proc/locks").read_text()))


def read_at(position: int, descriptor: int, size: int) -> bytes:
    """Returns bytes of a file, fewer than `size` only at its end or by chance. Raises OSError."""
    return os.pread(descriptor, size, position)


def write_start(descriptor: int, data: bytes) -> None:
    """Writes the first bytes of a file. Raises OSError."""
    os.pwrite(descriptor, data, 0)


def resident_bytes(pid: int) -> int | None:
    """Returns the bytes of memory that a process has; None if the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def free_bytes() -> int | None:
    """Returns the bytes of memory that programs could take; None if the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s*(\d+) kB", text, re.MULTILINE)
    return None if match is None else 1024 * int(match[1])


def physical_bytes() -> int:
    """Returns the bytes of memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def processor_ticks(pid: int) -> int | None:
    """Returns the processor time of a process in clock ticks; None if the system does not say."""
    try:
        fields = _stat_of(pid)
        return int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
    except (OSError, IndexError, ValueError):
        return None


def is_suspended(pid: int) -> bool:
    """Returns whether a process is stopped, by a signal or a debugger, so that it may continue."""
    try:
        return _stat_of(pid)[:1] in (["T"], ["t"])
    except OSError:
        return False


def _stat_of(pid: int) -> list[str]:
    """Returns what Linux says of a process after its name: first its state; raises OSError."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def processors() -> int:
    """Returns the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))


def has_gpu_driver(devices: Sequence[str | Path]) -> bool:
    """Returns whether one of the device files of GPUs is there."""
    return any(os.path.exists(path) for path in devices)  # noqa: PTH110 - Path's may fail


def set_limits() -> None:
    """Allows as many descriptors as the system does, and no core files.

    Each connection takes a descriptor, and libzmq aborts the process if there is none for a new
    one. A core file would hold keys and pictures.
    """
    for limit, soft in (
        (resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(limit, (soft, resource.getrlimit(limit)[1]))
        except (OSError, ValueError) as error:
            logger.warning("a limit of this process cannot be changed: %s", error)


def most_descriptors() -> int:
    """Returns the number of files and connections that this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def lower_priority(niceness: int) -> None:
    """Lets other programs have the processor first, the more so the higher the niceness."""
    os.nice(niceness)


def prefer_to_kill_this(adjustment: int) -> None:
    """Has the kernel kill this process before others, once memory runs out."""
    file = Path("/proc/self/oom_score_adj")
    try:
        file.write_text(str(min(1000, int(file.read_text()) + adjustment)))
    except OSError as error:
        logger.warning("the worker's oom_score_adj cannot be changed: %s", error)


def request_end(pid: int) -> None:
    """Asks a daemon of this user to end. Raises OSError."""
    os.kill(pid, signal.SIGTERM)


def watch_for_end(_on_request: Callable[[], None]) -> None:
    """Changes nothing: `request_end` sends a signal."""


def is_killed(exit_status: int) -> bool:
    """Returns whether a process was killed, as the kernel does when memory runs out."""
    return exit_status == -signal.SIGKILL


def start_with_socket(
    program: Sequence[str], end: socket.socket, arguments: Sequence[str], **options: Any
) -> subprocess.Popen[bytes]:
    """Starts a program that inherits a socket; its first argument is for `inherited_socket`.

    Its standard input is a pipe. options: of Popen. Raises OSError.
    """
    return subprocess.Popen(  # noqa: S603 - our own program
        [*program, str(end.fileno()), *arguments],
        stdin=subprocess.PIPE,
        pass_fds=[end.fileno()],
        cwd=ROOT,
        **options,
    )


def inherited_socket(argument: str) -> socket.socket:
    """Returns the socket that this process was started with."""
    return socket.socket(fileno=int(argument))


def program_of(connection: socket.socket) -> int:
    """Returns the id of the process at the other end of a Unix socket."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return int(_PEER.unpack(peer)[0])
