"""A real daemon in a runtime folder of its own, and raw conversations with it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import zmq

from impasto_daemon.server.jobs.time_estimate import ThroughputHistory
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.client import Client
from impasto_shared.errors import AccessDenied, DaemonUnavailable
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import Frame, decode
from impasto_shared.protocol.messages import DaemonMessage, Update
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import StyleSettings

ROOT = Path(__file__).parent.parent.parent
# On a machine that does other work, too.
PATIENCE_S = 150.0
_LOOK_S = 0.05

SMALL: dict[str, Any] = {"iterations": 3, "size": 64}
ENDLESS: dict[str, Any] = {"iterations": 10_000, "size": 64}


def picture(width: int = 64, height: int = 48, form: PixelFormat = PixelFormat.RGB_U8) -> Image:
    """Returns a picture of two waves of colour."""
    row = bytes(
        (x * 7 + channel * 80) % 256 for x in range(width) for channel in range(form.channels)
    )
    rows = [bytes((value + y * 5) % 256 for value in row) for y in range(height)]
    return Image(width, height, form, b"".join(rows))


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Returns the first true value of `condition`, which is polled."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if value := condition():
            return value
        time.sleep(_LOOK_S)
    raise AssertionError(f"{what} did not come within {PATIENCE_S:.0f} s")


def free_address() -> str:
    """Returns a TCP address of this machine, which no other test gets as long as this process runs.

    A socket stays bound to it, so that Linux chooses its port for no other. Since it does not
    listen, and may share its address, a daemon can be bound to it, too.
    """
    reserving = socket.socket()
    reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserving.bind(("127.0.0.2", 0))
    port = reserving.getsockname()[1]
    reserving.detach()  # closed by the end of the process
    return f"tcp://127.0.0.2:{port}"


def is_alive(pid: int) -> bool:
    """Returns whether the process `pid` is running."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class DaemonProcess:
    """`impasto serve` as a child, used with `with`; its folders are removed at the end.

    options: of `impasto serve`.
    is_scripted: whether its worker follows a script instead of painting; see scripted_worker.
    knows_pace: whether it knows how fast this machine paints; if not, it measures that first.
    variables: additional or different variables of its environment.
    python: the Python that runs it, and commands; this one by default.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        options: Sequence[str] = (),
        *,
        is_scripted: bool = False,
        knows_pace: bool = True,
        variables: Mapping[str, str] = MappingProxyType({}),
        python: Path = Path(sys.executable),
    ) -> None:
        self._options = options
        self.variables = variables
        self._python = str(python)
        self._is_scripted = is_scripted
        # Not pytest's own folder: the path of a socket must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="impasto-test-"))
        self.runtime = self.folder / "impasto"
        self.endpoint = endpoint or f"ipc://{self.runtime}/daemon.sock"
        self.process: subprocess.Popen[str] | None = None
        if knows_pace:
            self._write_pace()

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which commands find this daemon and nothing of the user's."""
        return os.environ | {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "IMPASTO_ENDPOINT": self.endpoint,
            "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / 'daemon'}",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
            **self.variables,
        }

    def _write_pace(self) -> None:
        """Writes the pace of a machine: measuring it would start a worker in each test."""
        file = self.folder / "cache/impasto/pace.json"
        for has_gpu in (bool, partial(bool, 1)):
            steps = [CurvePoint(1, 0.0, 1.0), CurvePoint(2, 1.0, 1.0)]
            ThroughputHistory(file, has_gpu).record(Work(StyleSettings(), 256, 256), steps)

    def command(self, *arguments: str) -> list[str]:
        """Returns the command line of `impasto` with `arguments`."""
        return [self._python, "-m", "impasto_daemon", *arguments]

    @property
    def serve_command(self) -> list[str]:
        """The command line of the daemon itself."""
        if self._is_scripted:
            program = Path(__file__).with_name("scripted_worker.py")
            return [sys.executable, str(program), "serve", *self._options]
        return self.command("serve", *self._options)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `impasto` with `arguments` to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S * 2,
        )

    def start(self) -> None:
        """Starts the daemon and waits until it answers."""
        log = (self.folder / "log").open("a")
        with log:
            self.process = subprocess.Popen(
                self.serve_command, env=self.environment, stderr=log, text=True
            )
        process = self.process
        wait_for(lambda: process.poll() is not None or self.answers(), "an answer of the daemon")
        assert process.poll() is None, "the daemon ended as soon as it was started"

    def answers(self) -> bool:
        """Returns whether a daemon answers at the endpoint."""
        try:
            Client.connect(self.endpoint, name="test").close()
        except (DaemonUnavailable, AccessDenied):  # the front of a killed daemon ends after it
            return False
        return True

    def client(self) -> Client:
        """Opens a new connection."""
        return Client.connect(self.endpoint, name="test")

    def signal(self, number: signal.Signals) -> int:
        """Sends a signal to the daemon and gives the status with which it then ends."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """The output of the daemon."""
        return (self.folder / "log").read_text()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            sys.stderr.write(self.log)
            self.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            sys.stderr.write(self.log)
        self.end()

    def end(self) -> None:
        """Ends the daemon if it runs, and removes its folders."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)
        shutil.rmtree(self.folder)


class RawConnection:
    """A DEALER that sends any frames, used with `with`."""

    def __init__(self, endpoint: str) -> None:
        self._socket = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)

    def send(self, *frames: Frame) -> None:
        """Sends `frames`, whose reply `receive` returns."""
        self._socket.send_multipart(frames)

    def ask(self, *frames: Frame) -> Any:
        """Sends `frames`; returns the reply."""
        self.send(*frames)
        return self.receive()

    def receive(self) -> Any:
        """Returns the next reply, skipping updates of jobs."""
        while self._socket.poll(PATIENCE_S * 1000):
            message = decode(self._socket.recv_multipart(), DaemonMessage)
            if not isinstance(message, Update):
                return message
        raise AssertionError("the daemon did not answer")

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close(linger=0)
