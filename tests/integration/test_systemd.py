"""The daemon as a service: what systemd hears of it, at a real socket, and the unit."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from impasto_shared.client import Client
from impasto_shared.messages import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import ROOT, DaemonProcess, picture

WATCHDOG_S = 1.0
UNIT = ROOT / "daemon/impasto.service"


class Service(DaemonProcess):
    """A daemon started as systemd would, with a watchdog, and systemd's ear."""

    def __init__(self) -> None:
        super().__init__(is_scripted=True)
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(str(self.folder / "notify"))
        self.ear.settimeout(20)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
        }

    def start_only(self) -> None:
        """Starts it, and does not wait."""
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                self.serve_command, env=self.environment, stderr=log, text=True
            )

    def hear(self) -> str:
        """What it says next."""
        return self.ear.recv(4096).decode()

    def hear_rest(self) -> list[str]:
        """What it has said since, without waiting for more."""
        self.ear.settimeout(0)
        said = []
        with suppress(BlockingIOError):
            while True:
                said.append(self.hear())
        return said

    def end(self) -> None:
        super().end()
        self.ear.close()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.end()


def test_daemon_is_ready_when_it_says_so_and_says_when_it_ends(service: Service) -> None:
    service.start_only()

    assert service.hear() == f"READY=1\nSTATUS=Serving at {service.endpoint}"
    with Client.connect(service.endpoint, name="test") as client:
        assert client.status().pid == service.pid
    assert service.signal(signal.SIGTERM) == 0
    *before, last = service.hear_rest()
    assert last == "STOPPING=1"
    assert set(before) <= {"WATCHDOG=1"}


def test_watchdog_hears_of_a_daemon_that_is_idle_and_not_of_one_that_hangs(
    service: Service,
) -> None:
    service.start_only()
    service.hear()
    service.ear.settimeout(WATCHDOG_S)
    assert [service.hear() for _ in range(4)] == ["WATCHDOG=1"] * 4

    os.kill(service.pid, signal.SIGSTOP)
    service.hear_rest()
    service.ear.settimeout(2 * WATCHDOG_S)
    with pytest.raises(TimeoutError):
        service.hear()
    os.kill(service.pid, signal.SIGCONT)


def test_worker_cannot_speak_for_the_daemon(service: Service) -> None:
    service.start_only()
    service.hear()
    with service.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=2))
        assert [*client.updates(job)][-1].state is JobState.DONE
        worker = client.status().worker.pid

    variables = Path(f"/proc/{worker}/environ").read_bytes()
    assert b"HOME=" in variables
    assert b"NOTIFY_SOCKET" not in variables
    assert b"WATCHDOG" not in variables


def test_second_daemon_does_not_say_that_it_is_ready(service: Service) -> None:
    service.start_only()
    service.hear()

    second = service.run("serve")

    assert second.returncode == 0
    assert f"running already (pid {service.pid})" in second.stderr
    assert set(service.hear_rest()) <= {"WATCHDOG=1"}
    assert service.answers()


# The unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/impasto"
    program.touch(mode=0o755)
    unit = tmp_path / "impasto.service"
    unit.write_text(UNIT.read_text().replace("@ENVIRONMENT@", str(tmp_path)))

    def verify() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["systemd-analyze", "verify", "--user", str(unit)],
            env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )

    understood = verify()
    assert (understood.returncode, understood.stderr) == (0, "")

    unit.write_text(unit.read_text() + "\n[Service]\nProtectSystme=strict\n")
    assert "ProtectSystme" in verify().stderr


def test_unit_lets_the_daemon_at_the_gpu_and_at_its_own_folders() -> None:
    lines = UNIT.read_text().splitlines()
    options = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")

    hiding = {"PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock"}
    assert not hiding & options.keys()  # they hide /dev/nvidia*, /dev/kfd and /dev/dri
    assert "MemoryDenyWriteExecute" not in options  # PyTorch makes code as it runs
    assert options["Type"] == "notify"
    assert options["Restart"] == "on-failure"
    assert {"RuntimeDirectory", "CacheDirectory", "ConfigurationDirectory"} <= options.keys()
    assert float(options["WatchdogSec"]) >= 10
