"""The system as Windows has it: locks, memory, priority, signals, sockets; see `host`."""

from __future__ import annotations

import ctypes
import errno
import msvcrt
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import wintypes
from pathlib import Path

assert sys.platform == "win32"  # noqa: S101 - for mypy

STOP_SIGNALS = (signal.SIGTERM, signal.SIGBREAK)
"""They stop the daemon in any case."""
TERMINAL_SIGNALS = (signal.SIGINT,)
"""They do, too, unless they are ignored."""
CHILD_SIGNALS: tuple[signal.Signals, ...] = ()
"""There is no signal for the end of a child: the server looks while it has a job."""

NO_WAIT = 0
"""The flags of calls of sockets: these do not wait here, and send no signals."""
LATER = (errno.EAGAIN, errno.EWOULDBLOCK, errno.WSAEWOULDBLOCK, errno.WSAENOBUFS)
"""The errors of a connection that is as good as before: the system says when it has room."""

# Locked is a byte behind the process id, which others can then read.
_LOCKED_AT = 1024
_BELOW_NORMAL = 0x4000
_QUERY_LIMITED = 0x1000
_CONNECTIONS = 500  # of which select takes 512 at once
_SECOND_TICKS = 10_000_000  # of GetProcessTimes

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.GetCurrentProcess.restype = wintypes.HANDLE
_kernel32.SetPriorityClass.argtypes = [wintypes.HANDLE, wintypes.DWORD]
_kernel32.OpenProcess.restype = wintypes.HANDLE
_kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel32.GetProcessTimes.argtypes = [
    wintypes.HANDLE,
    *[ctypes.POINTER(wintypes.FILETIME)] * 4,
]
_kernel32.K32GetProcessMemoryInfo.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD]


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX."""

    _fields_ = (
        ("length", wintypes.DWORD),
        ("load", wintypes.DWORD),
        ("physical", ctypes.c_uint64),
        ("free_physical", ctypes.c_uint64),
        ("others", ctypes.c_uint64 * 5),
    )


class _ProcessMemory(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("page_faults", wintypes.DWORD),
        ("peak_working_set", ctypes.c_size_t),
        ("working_set", ctypes.c_size_t),
        ("others", ctypes.c_size_t * 6),
    )


def try_to_lock(descriptor: int) -> bool:
    """Locks a file until it is closed; returns False if another process has locked it."""
    os.lseek(descriptor, _LOCKED_AT, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError:
        return False
    return True


def is_locked(descriptor: int, _pid: str) -> bool:
    """Returns whether a process has locked a file; a lock for the moment of the look shows it."""
    if not try_to_lock(descriptor):
        return True
    os.lseek(descriptor, _LOCKED_AT, os.SEEK_SET)
    msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    return False


def read_start(descriptor: int, size: int) -> bytes:
    """Returns the first bytes of a file. Raises OSError."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, size)


def write_start(descriptor: int, data: bytes) -> None:
    """Writes the first bytes of a file. Raises OSError."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, data)


def resident_bytes(pid: int) -> int | None:
    """Returns the bytes of memory that a process has; None if the system does not say."""
    memory = _ProcessMemory(size=ctypes.sizeof(_ProcessMemory))
    with _process(pid) as handle:
        if handle is None or not _kernel32.K32GetProcessMemoryInfo(
            handle, ctypes.byref(memory), memory.size
        ):
            return None
    return int(memory.working_set)


def free_bytes() -> int | None:
    """Returns the bytes of memory that programs could take; None if the system does not say."""
    status = _memory_status()
    return None if status is None else int(status.free_physical)


def physical_bytes() -> int:
    """Returns the bytes of memory that the machine has; four gigabytes if that is unknown."""
    status = _memory_status()
    return 2**32 if status is None else int(status.physical)


def processor_ticks(pid: int) -> int | None:
    """Returns the processor time of a process in clock ticks; None if the system does not say."""
    times = [wintypes.FILETIME() for _ in range(4)]
    with _process(pid) as handle:
        if handle is None or not _kernel32.GetProcessTimes(handle, *map(ctypes.byref, times)):
            return None
    _created, _exited, *used = (time.dwHighDateTime << 32 | time.dwLowDateTime for time in times)
    return sum(used) * 100 // _SECOND_TICKS


def processors() -> int:
    """Returns the number of processors that this process may use."""
    return os.cpu_count() or 1


def has_gpu_driver(_devices: Sequence[Path]) -> bool:
    """Returns whether the driver of NVIDIA's GPUs is installed."""
    root = os.environ.get("SYSTEMROOT", r"C:\Windows")
    return os.path.exists(rf"{root}\System32\nvcuda.dll")  # noqa: PTH110 - Path's may fail


def set_limits() -> None:
    """Changes nothing: there are neither limits for descriptors nor core files."""


def most_descriptors() -> int:
    """Returns twice the number of connections that can be waited for at once."""
    return 2 * _CONNECTIONS


def lower_priority(_niceness: int) -> None:
    """Lets other programs have the processor first."""
    _kernel32.SetPriorityClass(_kernel32.GetCurrentProcess(), _BELOW_NORMAL)


def prefer_to_kill_this(_adjustment: int) -> None:
    """Changes nothing: Windows ends no process when memory runs out, but refuses it more."""


def is_killed(_exit_status: int) -> bool:
    """Returns False: Windows does not say whether a process was killed."""
    return False


def program_of(_connection: socket.socket) -> int:
    """Returns 0: there are no Unix sockets whose other end could be asked for."""
    return 0


def _memory_status() -> _MemoryStatus | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    return status if _kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None


@contextmanager
def _process(pid: int) -> Iterator[int | None]:
    """Gives a handle to a process; None if there is no such process, or it is another user's."""
    handle = _kernel32.OpenProcess(_QUERY_LIMITED, False, pid)
    try:
        yield handle
    finally:
        if handle:
            _kernel32.CloseHandle(handle)
