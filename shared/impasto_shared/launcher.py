"""Starting the daemon on demand: one is found or started, and answers hello, or it says why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from impasto_shared.client import Client
from impasto_shared.configuration.resolution import default_endpoint
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.paths import data_dir, log_path, socket_path

START_TIMEOUT_S = 20.0
_RETRY_S = 0.1
# Set for the host's own Python, these would make the daemon's Python import the wrong modules.
_FOREIGN_VARIABLES = ("PYTHONHOME", "PYTHONPATH")
# Large pictures come in pages of two megabytes: four kilobytes at a time, the system's work for new
# memory takes a third of the time that a picture is on its way. (Older glibcs ignore it.)
MEMORY_VARIABLES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def find_impasto() -> list[str]:
    """The command line of the `impasto` program, without arguments.

    $IMPASTO_COMMAND, the environment that install.sh made, or the PATH, in this order.

    Raises:
        DaemonUnavailable: where there is none.
    """
    if given := os.environ.get("IMPASTO_COMMAND"):
        return [given]
    installed = data_dir() / "venv" / "bin" / "impasto"
    found = str(installed) if installed.exists() else shutil.which("impasto")
    if found is None:
        raise DaemonUnavailable(
            "The Impasto daemon is not installed: there is no program impasto on the PATH or in "
            f"{installed.parent}. Run ./install.sh demo in the Impasto folder."
        )
    return [found]


def connect_or_start(
    endpoint: str | None = None,
    *,
    name: str,
    command: Callable[[], Sequence[str]] = find_impasto,
    on_start: Callable[[], None] = lambda: None,
    while_waiting: Callable[[], object] = lambda: None,
) -> Client:
    """A client of the daemon at `endpoint`, which is started if none answers there.

    Without an endpoint it is this user's own daemon. `command` gives the program to start;
    `on_start` is called before it is; `while_waiting` as in `Client.connect`, while it starts too.

    Raises:
        DaemonUnavailable: where none answers and none could be started.
    """
    endpoint = endpoint or default_endpoint()
    try:
        return Client.connect(endpoint, name=name, while_waiting=while_waiting)
    except DaemonUnavailable as error:
        if socket_path(endpoint) is None:
            raise DaemonUnavailable(
                f"{error} A daemon at another address than this user's own must be started "
                "there: impasto serve."
            ) from error
    on_start()
    log = log_path()
    process = _start([*command(), "serve", "--endpoint", endpoint], log)
    return _wait_for(endpoint, name, process, log, while_waiting)


def _start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a daemon that outlives this process, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = MEMORY_VARIABLES | {
        name: value for name, value in os.environ.items() if name not in _FOREIGN_VARIABLES
    }
    try:
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise DaemonUnavailable(
            f"The Impasto daemon could not be started: {error}. Run ./install.sh demo in the "
            "Impasto folder to repair the installation."
        ) from error


def _wait_for(
    endpoint: str,
    name: str,
    process: subprocess.Popen[bytes],
    log: Path,
    while_waiting: Callable[[], object],
) -> Client:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        exit_status = process.poll()
        try:
            return Client.connect(endpoint, name=name, while_waiting=while_waiting)
        except DaemonUnavailable:
            # Two programs may have started one at once: the one that lost ends with 0.
            if exit_status:
                raise DaemonUnavailable(
                    f"The Impasto daemon ended as soon as it was started: {_last_line(log)} "
                    f"(The whole log: {log}.) Run impasto serve in a terminal to see it happen."
                ) from None
        while_waiting()
        time.sleep(_RETRY_S)
    raise DaemonUnavailable(
        f"The Impasto daemon was started but did not answer within {START_TIMEOUT_S:.0f} s: "
        f"{_last_line(log)} (The whole log: {log}.)"
    )


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it left no message."
