"""A daemon for other machines: the keys that it accepts, and the clients that it refuses."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from impasto_gimp.jobs.daemon_status import daemon_status
from impasto_shared.client import Client
from impasto_shared.connection.keys import KeysUnusable, Role, ensure_keys, load_keys
from impasto_shared.errors import AccessDenied, DaemonUnavailable
from impasto_shared.launcher import connect_or_start
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import ROOT, DaemonProcess, free_address, picture, wait_for
from integration.scripted_jobs import last_report, submit
from integration.scripted_worker import Behaviour

KEY = "0123456789abcdef" * 4


class RemoteDaemon(DaemonProcess):
    """A daemon that serves other machines at `address` as well.

    Its worker is scripted: how pictures and reports travel does not depend on who made them.
    """

    def __init__(self) -> None:
        super().__init__(is_scripted=True)
        self.address = free_address()
        self.config = self.folder / ".config/impasto/config.toml"
        self.config.parent.mkdir(parents=True)
        # A client that waited for the end of the lease would wait for longer than a test may.
        self.config.write_text(f'[daemon]\nlisten = "{self.address}"\nlease_seconds = 86400\n')

    @property
    def key(self) -> str:
        """Its public key, as it shows it to people."""
        line = next(
            line for line in self.run("keys").stdout.splitlines() if line.startswith("Daemon's key")
        )
        return line.split()[-1]


@pytest.fixture(scope="module")
def remote() -> Iterator[RemoteDaemon]:
    with RemoteDaemon() as daemon:
        yield daemon


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A client's machine with its own configuration; the value is the client's public key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("IMPASTO_SERVER_KEY", raising=False)
    return ensure_keys(Role.CLIENT).public.hex()


@pytest.fixture
def known(remote: RemoteDaemon, machine: str) -> Iterator[None]:
    """Authorises the client's key."""
    added = remote.run("keys", "add", "laptop", machine)
    assert added.returncode == 0, added.stderr
    yield
    remote.run("keys", "remove", "laptop")


@pytest.mark.usefixtures("known")
def test_configured_client_needs_only_its_configuration(
    remote: RemoteDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMPASTO_ENDPOINT", raising=False)
    config = tmp_path / "impasto/config.toml"
    config.write_text(f'[client]\nendpoint = "{remote.address}"\nserver_key = "{remote.key}"\n')

    with connect_or_start(name="GIMP") as client:
        assert client.status().pid == remote.pid


@pytest.mark.usefixtures("known")
def test_command_line_paints_on_the_other_machine(remote: RemoteDaemon, tmp_path: Path) -> None:
    here = DaemonProcess(remote.address)
    config = here.folder / ".config/impasto"
    config.mkdir(parents=True)
    (tmp_path / "impasto/keys").rename(config / "keys")
    (config / "config.toml").write_text(f'[client]\nserver_key = "{remote.key}"\n')

    done = here.run(
        *("stylize", str(ROOT / "assets/photos/chelsea.jpg")),
        *(str(ROOT / "assets/styles/auvers.jpg"), "-o", "out.png"),
        *("--size", "64", "--iterations", "3"),
    )
    written = (here.folder / "out.png").exists()
    here.end()

    assert done.returncode == 0, done.stderr
    assert written


@pytest.mark.usefixtures("known")
def test_progress_and_result_are_those_of_a_client_on_the_same_machine(
    remote: RemoteDaemon,
) -> None:
    with (
        remote.client() as near,
        Client.connect(remote.address, name="test", server_key=remote.key) as far,
    ):
        outcomes = [watch_a_job(client) for client in (near, far)]

    sizes, last, _ = outcomes[0]
    assert sizes == {(1, 1)}  # as the scripted worker makes them
    assert (last.state, last.step) == (JobState.DONE, 40)
    assert outcomes[1] == outcomes[0]


def watch_a_job(client: Client) -> tuple[set[tuple[int, int]], JobReport, bytes]:
    """Follows a job; returns the sizes of its previews, its end, the picture."""
    settings = StyleSettings(size=64, iterations=40)
    wish = PreviewOptions(longest_side_px=32, interval_s=0.2)
    job = client.submit(picture(), [Style(picture(48, 48))], settings, wish)
    sizes = set()
    reports = []
    for report in client.updates(job):
        reports.append(report)
        if preview := client.take_preview(job):
            sizes.add((preview.width, preview.height))
    last = replace(reports[-1], job="", submitted_s=0.0, painted_s=None, kept_s=None)
    return sizes, last, bytes(client.fetch(job).pixels)


def front_of(daemon: RemoteDaemon) -> int:
    """Returns the process id of the daemon's front."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    (front,) = (
        child for child in children if b"front.main" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    return int(front)


def refuse_large_files(pid: int) -> None:
    """Leaves a process no memory that it could share: it has nothing to pass pictures on with."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (2**16, 2**16))


@pytest.mark.parametrize("is_front", [True, False], ids=["to the server", "to the client"])
def test_client_whose_picture_cannot_be_passed_on_learns_it(
    *, machine: str, is_front: bool
) -> None:
    with RemoteDaemon() as daemon:
        daemon.run("keys", "add", "laptop", machine)
        with Client.connect(daemon.address, name="test", server_key=daemon.key) as client:
            job = submit(client, behaviour=Behaviour.ECHO, content=picture(512, 512))
            last_report(client, job)
            refuse_large_files(front_of(daemon) if is_front else daemon.pid)

            request = partial(submit, client, content=picture(512, 512))
            with pytest.raises(DaemonUnavailable, match="short of memory"):
                request() if is_front else client.fetch(job)

            assert client.status().pid == daemon.pid


@pytest.mark.usefixtures("known")
def test_dialog_reports_that_a_remote_daemon_is_ready(
    remote: RemoteDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_ENDPOINT", remote.address)
    monkeypatch.setenv("IMPASTO_SERVER_KEY", remote.key)

    assert daemon_status().text.startswith("The Impasto daemon is ready")


@pytest.mark.usefixtures("machine")
def test_dialog_reports_that_a_remote_daemon_refuses_the_key(
    remote: RemoteDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_ENDPOINT", remote.address)
    monkeypatch.setenv("IMPASTO_SERVER_KEY", remote.key)

    line = daemon_status()

    assert "does not know this client's key" in line.text
    assert not line.can_start


@pytest.mark.usefixtures("machine")
def test_client_whose_key_is_not_authorised_is_refused(remote: RemoteDaemon) -> None:
    with pytest.raises(AccessDenied, match="does not know this client's key"):
        Client.connect(remote.address, name="test", server_key=remote.key)

    wait_for(lambda: "was refused: its key is not authorised" in remote.log, "a line in the log")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("server_key", [KEY, ""], ids=["another key", "no key"])
def test_client_without_the_daemons_key_is_refused(remote: RemoteDaemon, server_key: str) -> None:
    with pytest.raises(AccessDenied, match="set server_key here"):
        Client.connect(remote.address, name="test", server_key=server_key)


@pytest.mark.usefixtures("machine")
def test_key_for_a_daemon_without_keys_is_named_as_the_cause() -> None:
    with (
        DaemonProcess(free_address()) as daemon,
        pytest.raises(AccessDenied, match="remove server_key"),
    ):
        Client.connect(daemon.endpoint, name="test", server_key=KEY)


def test_added_key_is_accepted_at_once_and_refused_once_removed(
    remote: RemoteDaemon, machine: str
) -> None:
    key = remote.key
    with pytest.raises(AccessDenied):
        Client.connect(remote.address, name="test", server_key=key)

    remote.run("keys", "add", "desk", machine)
    Client.connect(remote.address, name="test", server_key=key).close()
    assert f"{machine}  desk" in remote.run("keys").stdout

    remote.run("keys", "remove", "desk")
    with pytest.raises(AccessDenied):
        Client.connect(remote.address, name="test", server_key=key)


@pytest.mark.usefixtures("known")
def test_client_whose_key_is_removed_in_the_middle_of_a_job_is_refused(
    remote: RemoteDaemon,
) -> None:
    with Client.connect(remote.address, name="test", server_key=remote.key) as client:
        job = submit(client, 9000)
        next(report for report in client.updates(job) if report.step)
        remote.run("keys", "remove", "laptop")

        with pytest.raises(AccessDenied, match="does not know this client's key"):
            list(client.updates(job))


def test_this_machines_own_clients_need_no_keys(remote: RemoteDaemon) -> None:
    with remote.client() as client:
        assert client.status().pid == remote.pid


@pytest.mark.usefixtures("machine")
def test_damaged_file_of_keys_authorises_no_stranger_and_keeps_the_known(
    remote: RemoteDaemon, machine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = remote.folder / ".config/impasto/keys/known_clients"
    file.write_text(f"{machine} desk\n")
    key = remote.key
    try:
        with Client.connect(remote.address, name="test", server_key=key) as client:
            monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "stranger"))
            stranger = ensure_keys(Role.CLIENT).public.hex()
            file.write_text(f"{stranger} stranger\nnonsense\n")
            with pytest.raises(AccessDenied):
                Client.connect(remote.address, name="test", server_key=key)
            monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
            Client.connect(remote.address, name="test", server_key=key).close()
            assert client.status().pid == remote.pid
        assert "known_clients, line 2 is not a key" in remote.run("keys").stderr
        wait_for(lambda: "those known before remain" in remote.log, "a line of the log")
    finally:
        file.unlink()


def test_client_without_keys_learns_how_to_make_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    with pytest.raises(KeysUnusable, match="run: impasto keys"):
        Client.connect("tcp://127.0.0.2:9", name="test", server_key=KEY)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("host", ["192.0.2.1", "studio.example"])
def test_no_picture_leaves_the_machine_without_encryption(host: str) -> None:
    with pytest.raises(KeysUnusable, match="Set server_key"):
        Client.connect(f"tcp://{host}:5570", name="test", server_key="")


@pytest.mark.usefixtures("machine")
def test_absent_daemon_is_reported_as_absent_not_as_refusing() -> None:
    with pytest.raises(DaemonUnavailable, match="No Impasto daemon answers"):
        Client.connect(free_address(), name="test", server_key=KEY, timeout_s=0.5)


def test_secret_keys_are_this_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    made = ensure_keys(Role.DAEMON)
    file = tmp_path / "impasto/keys/daemon.secret"

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert ensure_keys(Role.DAEMON) == load_keys(Role.DAEMON) == made
    assert ensure_keys(Role.CLIENT).public != made.public
    assert made.secret.hex() not in repr(made)

    file.chmod(0o640)
    with pytest.raises(KeysUnusable, match="Other users may have read"):
        load_keys(Role.DAEMON)

    file.chmod(0o600)
    file.write_text("abc")
    with pytest.raises(KeysUnusable, match="damaged"):
        load_keys(Role.DAEMON)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "laptop", "abc"), "64 hexadecimal digits"),
        (("add", "my laptop", KEY), "1 to 100 letters"),
        (("add", "two", KEY), "exists already: one"),
        (("add", "one", KEY[::-1]), "exists already: one"),
        (("remove", "two"), "No client is called two"),
    ],
)
def test_invalid_keys_are_refused(
    machine_with_one_client: DaemonProcess, arguments: tuple[str, ...], message: str
) -> None:
    file = machine_with_one_client.folder / ".config/impasto/keys/known_clients"

    refused = machine_with_one_client.run("keys", *arguments)

    assert refused.returncode == 1
    assert message in refused.stderr
    assert file.read_text() == f"{KEY} one\n"


@pytest.fixture(scope="module")
def machine_with_one_client() -> Iterator[DaemonProcess]:
    """A machine whose daemon, if it were started, would authorise one client."""
    machine = DaemonProcess()
    machine.run("keys", "add", "one", KEY)
    yield machine
    machine.end()


@pytest.mark.parametrize("option", ["--endpoint", "--listen"])
def test_address_in_use_is_named(option: str) -> None:
    machine = DaemonProcess()
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.2", 0))
        occupant.listen()
        refused = machine.run("serve", option, f"tcp://127.0.0.2:{occupant.getsockname()[1]}")
    machine.end()

    assert refused.returncode == 1
    assert "cannot serve at tcp://127.0.0.2:" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_bytes_that_a_browser_could_send_are_refused() -> None:
    """Bytes that do not begin with 0xff are ZMTP 1.0 to libzmq, which has no handshake."""
    hello = b'{"type": "hello", "id": "1", "client": "a web page"}'
    address = free_address()
    with DaemonProcess(address) as daemon:
        frames = [b"", b"impasto/1", hello]
        more = [1, 1, 0]
        text = b"".join(
            bytes([len(frame) + 1, flag]) + frame for frame, flag in zip(frames, more, strict=True)
        )
        host, _, port = address.removeprefix("tcp://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as browser:
            browser.sendall(b"\x01\x00" + text)
            try:
                answer = b"".join(iter(lambda: browser.recv(4096), b""))
            except ConnectionResetError:
                answer = b""

        assert answer == b""
        assert daemon.answers()
