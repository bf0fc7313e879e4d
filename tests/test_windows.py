"""The modules that run on Windows, which use nothing that it lacks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# The modules and names of the standard library that are not there on Windows.
MISSING_MODULES = {"fcntl", "grp", "pwd", "resource", "termios"}
MISSING_NAMES = {
    "os": "O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK eventfd geteuid getgid getuid killpg nice "
    "pread pwrite sched_getaffinity sysconf uname",
    "select": "epoll poll",
    "signal": "SIGCHLD SIGHUP SIGKILL SIGPIPE",
    "socket": "MSG_DONTWAIT MSG_NOSIGNAL",
}
# These are not run there, or ask first whether the name is there.
LINUX_ALONE = (
    "daemon/impasto_daemon/commands/image_file/writing.py",
    "daemon/impasto_daemon/server/front/link.py",
    "daemon/impasto_daemon/server/front/main.py",
    "daemon/impasto_daemon/server/front/process.py",
    "daemon/impasto_daemon/server/front/remote_client.py",
    "daemon/impasto_daemon/server/front/remote_clients.py",
    "daemon/impasto_daemon/server/process/systemd.py",
    "daemon/impasto_daemon/system/polling.py",
    "daemon/impasto_daemon/system/posix.py",
    "daemon/impasto_daemon/system/wakeup.py",
    "shared/impasto_shared/connection/system_sockets.py",
    "shared/impasto_shared/installation/installation.py",
    "shared/impasto_shared/installation/lock.py",
    "shared/impasto_shared/system/posix.py",
)
RUN_ON_WINDOWS = sorted(
    name
    for folder in ("shared", "daemon")
    for path in (ROOT / folder / f"impasto_{folder}").rglob("*.py")
    if not (name := str(path.relative_to(ROOT))).startswith(LINUX_ALONE)
)


def missing_in(source: str) -> list[str]:
    """Returns the modules and names of a source that Windows lacks."""
    missing = {
        f"{module}.{name}" for module, names in MISSING_NAMES.items() for name in names.split()
    }
    used: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            used += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            used += [str(node.module), *(f"{node.module}.{each.name}" for each in node.names)]
        elif isinstance(node, ast.Attribute):
            used.append(ast.unparse(node))
    return [name for name in used if name in missing | MISSING_MODULES]


@pytest.mark.parametrize("name", RUN_ON_WINDOWS)
def test_module_uses_nothing_that_windows_lacks(name: str) -> None:
    assert missing_in((ROOT / name).read_text()) == []


@pytest.mark.parametrize(
    "source", ["import fcntl", "from os import getuid", "if x:\n    os.open(y, os.O_NOFOLLOW)"]
)
def test_a_missing_name_is_noticed(source: str) -> None:
    assert missing_in(source)
