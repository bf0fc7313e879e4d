"""The daemon as a service: its notifications on a real socket, and the unit."""

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
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import ROOT, DaemonProcess, free_address, picture

WATCHDOG_S = 1.0
NO_KEY = "WARNING impasto_daemon.server.main: no client is authorised yet"
UNIT = ROOT / "daemon/impasto_daemon/setup/impasto.service"


class Service(DaemonProcess):
    """A daemon started as by systemd, with a watchdog, and the socket of its notifications."""

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
        """Returns its next message."""
        return self.ear.recv(4096).decode()

    def hear_rest(self) -> list[str]:
        """Returns its messages since then, without waiting for more."""
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


def test_daemon_notifies_when_it_is_ready_and_when_it_stops(service: Service) -> None:
    service.start_only()

    assert service.hear() == f"READY=1\nSTATUS=Serving at {service.endpoint}"
    with Client.connect(service.endpoint, name="test") as client:
        assert client.status().pid == service.pid
    assert service.signal(signal.SIGTERM) == 0
    *before, last = service.hear_rest()
    assert last == "STOPPING=1"
    assert set(before) <= {"WATCHDOG=1"}


def test_watchdog_is_notified_by_an_idle_daemon_but_not_by_one_that_hangs(
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


def test_second_daemon_does_not_notify_that_it_is_ready(service: Service) -> None:
    service.start_only()
    service.hear()

    second = service.run("serve")

    assert second.returncode == 0
    assert f"running already (pid {service.pid})" in second.stderr
    assert set(service.hear_rest()) <= {"WATCHDOG=1"}
    assert service.answers()


# The unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("name", ["impasto.service", "impasto.socket"])
def test_systemd_understands_the_unit(tmp_path: Path, name: str) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/impasto"
    program.touch(mode=0o755)
    for source in (UNIT, UNIT.with_suffix(".socket")):
        (tmp_path / source.name).write_text(
            source.read_text().replace("@ENVIRONMENT@", str(tmp_path))
        )
    unit = tmp_path / name

    def verify() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["systemd-analyze", "verify", "--user", str(unit)],
            env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )

    understood = verify()
    assert (understood.returncode, understood.stderr) == (0, "")

    unit.write_text(unit.read_text() + f"\n[{name[8:].title()}]\nProtectSystme=strict\n")
    assert "ProtectSystme" in verify().stderr


# The unit's sandbox made by hand: all is read-only but the folders that are the first arguments.
SANDBOX = """
set -e
umask 077
while [ "$1" != -- ]; do
    mkdir -p "$1"
    mount --bind "$1" "$1"
    shift
done
shift
mount -o remount,bind,ro /
mount -t tmpfs tmpfs "$TMPDIR"
exec setpriv --no-new-privs "$@"
"""


class SandboxedDaemon(DaemonProcess):
    """A daemon that can write only where the unit allows."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"TMPDIR": str(self.folder / "tmp")}

    def sandboxed(self, *command: str) -> list[str]:
        """Returns a command as it is run in the sandbox."""
        (self.folder / "tmp").mkdir(exist_ok=True)
        options = unit_options()
        homes = {
            "RuntimeDirectory": self.folder,
            "CacheDirectory": self.folder / "cache",
            "ConfigurationDirectory": self.folder / ".config",
        }
        folders = [home / options[name] for name, home in homes.items()]
        more = options["ReadWritePaths"].replace("-", "").split()
        specifiers = {"%C": str(homes["CacheDirectory"]), "%h": str(self.folder)}
        folders += [Path(specifiers[path[:2]] + path[2:]) for path in more]
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SANDBOX, "sandbox"]
        return [*enter, *map(str, folders), "--", *command]

    @property
    def serve_command(self) -> list[str]:
        return self.sandboxed(*super().serve_command)


EXPOSURE_LIMIT = 5.7


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_exposure_of_the_unit_is_limited(tmp_path: Path) -> None:
    unit = tmp_path / "impasto.service"
    text = UNIT.read_text().replace("@ENVIRONMENT@", str(tmp_path))

    def is_exposed(text: str) -> bool:
        unit.write_text(text)
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
        threshold = f"--threshold={EXPOSURE_LIMIT * 10:.0f}"
        completed = subprocess.run([*command, threshold, unit], capture_output=True, text=True)
        if "exposure level" not in completed.stdout:
            pytest.skip(f"systemd-analyze cannot examine a file here: {completed.stderr.strip()}")
        return completed.returncode != 0

    assert not is_exposed(text)
    assert is_exposed(text.replace("NoNewPrivileges=yes", "").replace("SystemCallFilter=", "#"))


def test_unit_limits_descriptors_cores_and_memory() -> None:
    lines = UNIT.read_text().splitlines()

    limits = {"LimitNOFILE=65536", "LimitCORE=0", "TasksMax=4096", "MemoryHigh=90%"}
    assert {*limits, "OOMScoreAdjust=100"} <= {*lines}


@pytest.mark.parametrize(
    "lines",
    [
        {"ProtectSystem=strict", "ProtectHome=read-only"},
        {"PrivateTmp=yes"},
        {"NoNewPrivileges=yes", "RestrictSUIDSGID=yes", "RestrictNamespaces=yes"},
        # The first leaves out what mounts and loads modules.
        {"SystemCallFilter=@system-service", "SystemCallFilter=~@privileged"},
        {"ProtectKernelTunables=yes", "ProtectControlGroups=yes"},
        {"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK"},
        # Without the last, a service that stops would remove the socket at which systemd listens.
        {"RuntimeDirectory=impasto", "RuntimeDirectoryMode=0700", "RuntimeDirectoryPreserve=yes"},
        {"UMask=0077"},
        {"OOMPolicy=continue"},
        {"Restart=on-failure", "WatchdogSec=30"},
    ],
    ids=lambda lines: " ".join(sorted(lines)),
)
def test_unit_has_each_part_of_what_the_documentation_says(lines: set[str]) -> None:
    """The exposure as a whole stays below its limit without one or two of them."""
    assert lines <= {*UNIT.read_text().splitlines()}


def test_sockets_of_the_unit_are_this_users_alone() -> None:
    lines = UNIT.with_suffix(".socket").read_text().splitlines()

    assert {"SocketMode=0600", "DirectoryMode=0700"} <= {*lines}
    # One is in the folder that the service preserves.
    assert "ListenStream=%t/impasto/daemon.sock" in lines


def test_kernel_ends_the_worker_before_the_server() -> None:
    with DaemonProcess() as daemon, daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=1))
        list(client.updates(job))
        worker = client.status().worker.pid
        scores = [
            int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (worker, daemon.pid)
        ]

    assert scores[0] > scores[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a sandbox")
def test_daemon_writes_only_where_the_unit_allows() -> None:
    """Without a GPU, for which a machine with one is needed."""
    with SandboxedDaemon(options=["--listen", free_address()]) as daemon:
        for place, can_write in (("data", False), (".config/impasto", True), ("impasto", True)):
            (daemon.folder / place).mkdir(parents=True, exist_ok=True)
            touched = daemon.sandboxed("touch", str(daemon.folder / place / "file"))
            done = subprocess.run(touched, env=daemon.environment, capture_output=True, text=True)
            assert (done.returncode == 0) is can_write, done.stderr
        photo = picture(200, 150)  # large enough for a file of its own
        with daemon.client() as client:
            job = client.submit(photo, [Style(photo)], StyleSettings(size=64, iterations=2))
            last = [*client.updates(job)][-1]
            painted = client.fetch(job) if last.state is JobState.DONE else None
            metrics = client.status().metrics

        assert painted is not None, last.problem
        assert (metrics.pictures, metrics.picture_problem) == (1, None)
        assert (daemon.folder / "cache/impasto/jobs").is_dir()
        assert (daemon.folder / ".config/impasto/keys/daemon.secret").exists()
        for trouble in ("Read-only", "Traceback", "WARNING", "ERROR"):
            assert trouble not in daemon.log.replace(NO_KEY, "")
        assert daemon.signal(signal.SIGTERM) == 0


def unit_options() -> dict[str, str]:
    lines = UNIT.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")


def test_unit_gives_access_to_the_gpu_and_to_the_daemons_folders() -> None:
    options = unit_options()

    hiding = {"PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock"}
    assert not hiding & options.keys()  # they hide /dev/nvidia*, /dev/kfd and /dev/dri
    assert "MemoryDenyWriteExecute" not in options  # PyTorch generates code at run time
    assert options["Type"] == "notify"
    assert options["Restart"] == "on-failure"
    assert {"RuntimeDirectory", "CacheDirectory", "ConfigurationDirectory"} <= options.keys()
    assert float(options["WatchdogSec"]) >= 10
