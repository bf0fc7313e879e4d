"""The system as Windows has it: locks, memory, priority, signals, sockets; see `host`."""

from __future__ import annotations

import ctypes
import errno
import msvcrt
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import wintypes
from pathlib import Path
from typing import Any

from impasto_shared.system.host import ROOT

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

# Locked is a byte behind all contents, which other processes can then read.
_LOCKED_AT = 2**31 - 2
_LOCK_S = 0.05
_LOCKED = (errno.EACCES, errno.EDEADLK, 0)  # of Windows, of its second tries, of Wine
_LENGTH = struct.Struct("<I")
_END_EVENT = "Local\\impasto-end-{}"
_MAY_SET, _FOREVER = 2, 0xFFFFFFFF
_BELOW_NORMAL = 0x4000
_QUERY_LIMITED = 0x1000
_CONNECTIONS = 500  # of which select takes 512 at once
_SECOND_TICKS = 10_000_000  # of GetProcessTimes

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.GetCurrentProcess.restype = wintypes.HANDLE
_kernel32.SetPriorityClass.argtypes = [wintypes.HANDLE, wintypes.DWORD]
_kernel32.OpenProcess.restype = wintypes.HANDLE
_kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
_kernel32.OpenEventW.restype = wintypes.HANDLE
_kernel32.OpenEventW.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR]
_kernel32.CreateEventW.restype = wintypes.HANDLE
_kernel32.CreateEventW.argtypes = [
    wintypes.LPVOID,
    wintypes.BOOL,
    wintypes.BOOL,
    wintypes.LPCWSTR,
]
_kernel32.SetEvent.argtypes = [wintypes.HANDLE]
_kernel32.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
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
    try:
        _lock(descriptor, msvcrt.LK_NBLCK)
    except OSError as error:
        if error.errno not in _LOCKED:
            raise
        return False
    return True


def wait_for_lock(descriptor: int) -> None:
    """Locks a file until it is closed, once no other process has locked it."""
    while not try_to_lock(descriptor):
        time.sleep(_LOCK_S)


def is_locked(descriptor: int, _pid: str) -> bool:
    """Returns whether a process has locked a file; a lock for the moment of the look shows it."""
    if not try_to_lock(descriptor):
        return True
    _lock(descriptor, msvcrt.LK_UNLCK)
    return False


def read_at(position: int, descriptor: int, size: int) -> bytes:
    """Returns bytes of a file, fewer than `size` only at its end or by chance. Raises OSError."""
    os.lseek(descriptor, position, os.SEEK_SET)
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


def is_suspended(_pid: int) -> bool:
    """Returns False: the system does not say it."""
    return False


def processors() -> int:
    """Returns the number of processors that this process may use."""
    return os.cpu_count() or 1


def has_gpu_driver(_devices: Sequence[str | Path]) -> bool:
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


def request_end(pid: int) -> None:
    """Asks a daemon of this user to end. Raises OSError.

    There are no signals to other programs, but names for events that programs of a user share.
    """
    event = _kernel32.OpenEventW(_MAY_SET, False, _END_EVENT.format(pid))
    if not event:
        raise ctypes.WinError(ctypes.get_last_error())
    _kernel32.SetEvent(event)
    _kernel32.CloseHandle(event)


def watch_for_end(on_request: Callable[[], None]) -> None:
    """Has a thread call `on_request` once another program calls `request_end`."""
    event = _kernel32.CreateEventW(None, True, False, _END_EVENT.format(os.getpid()))

    def wait() -> None:
        if event and _kernel32.WaitForSingleObject(event, _FOREVER) == 0:
            on_request()

    threading.Thread(target=wait, daemon=True).start()


def is_killed(_exit_status: int) -> bool:
    """Returns False: Windows does not say whether a process was killed."""
    return False


def start_with_socket(
    program: Sequence[str], end: socket.socket, arguments: Sequence[str], **options: Any
) -> subprocess.Popen[bytes]:
    """Starts a program that is given a socket; its first argument is for `inherited_socket`.

    Its standard input is a pipe, through which it learns of the socket. options: of Popen. Raises
    OSError.
    """
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*program, "stdin", *arguments], stdin=subprocess.PIPE, cwd=ROOT, **options
    )
    try:
        shared = end.share(process.pid)
        assert process.stdin is not None  # noqa: S101 - for mypy
        process.stdin.write(_LENGTH.pack(len(shared)) + shared)
        process.stdin.flush()
    except BaseException:
        process.kill()
        raise
    return process


def inherited_socket(_argument: str) -> socket.socket:
    """Returns the socket that this process was given."""
    (length,) = _LENGTH.unpack(sys.stdin.buffer.read(_LENGTH.size))
    return socket.fromshare(sys.stdin.buffer.read(length))


def program_of(_connection: socket.socket) -> int:
    """Returns 0: there are no Unix sockets whose other end could be asked for."""
    return 0


def _lock(descriptor: int, how: int) -> None:
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, _LOCKED_AT, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, how, 1)
    finally:
        os.lseek(descriptor, position, os.SEEK_SET)


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
