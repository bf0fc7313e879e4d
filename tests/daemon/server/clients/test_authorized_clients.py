import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from impasto_daemon.server.clients.authorized_clients import AuthorizedClients, InvalidKey

ROOT = Path(__file__).parent.parent.parent.parent
KEY, OTHER_KEY = "0123456789abcdef" * 4, "f" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "known_clients"


def test_without_a_file_no_client_is_authorised(path: Path) -> None:
    assert AuthorizedClients(path).read() == {}


def test_added_clients_are_read_by_every_reader_until_they_are_removed(path: Path) -> None:
    clients, reader = AuthorizedClients(path), AuthorizedClients(path)

    clients.add("laptop", KEY)
    clients.add("studio", OTHER_KEY)
    assert reader.read() == {KEY: "laptop", OTHER_KEY: "studio"}
    clients.remove("laptop")

    assert reader.read() == {OTHER_KEY: "studio"}


def test_file_and_folder_are_this_users_alone(path: Path) -> None:
    AuthorizedClients(path).add("laptop", KEY)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.name for file in path.parent.iterdir()} == {"known_clients", "known_clients.lock"}


@pytest.mark.parametrize(
    ("name", "key", "problem"),
    [
        ("two words", KEY, "letters, digits"),
        ("", KEY, "letters, digits"),
        ("laptop", KEY[:-1], "64 hexadecimal digits"),
        ("laptop", KEY.upper(), "64 hexadecimal digits"),
        ("studio", KEY, "exists already: studio"),
        ("laptop", OTHER_KEY, "exists already: studio"),
    ],
)
def test_invalid_client_is_refused_with_a_reason(
    path: Path, name: str, key: str, problem: str
) -> None:
    clients = AuthorizedClients(path)
    clients.add("studio", OTHER_KEY)

    with pytest.raises(InvalidKey, match=problem):
        clients.add(name, key)

    assert clients.read() == {OTHER_KEY: "studio"}


def test_unknown_client_cannot_be_removed(path: Path) -> None:
    with pytest.raises(InvalidKey, match="No client is called laptop"):
        AuthorizedClients(path).remove("laptop")


def start(path: Path, *call: str) -> subprocess.Popen[bytes]:
    """Starts a process that calls a method of the clients, when it gets a line."""
    program = (
        "import sys; from pathlib import Path\n"
        "from impasto_daemon.server.clients.authorized_clients import AuthorizedClients\n"
        "clients = AuthorizedClients(Path(sys.argv[1])); print(flush=True); input()\n"
        "getattr(clients, sys.argv[2])(*sys.argv[3:])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path), *call],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / 'daemon'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_changes_at_the_same_time_are_all_there(path: Path) -> None:
    stolen = "e" * 64
    AuthorizedClients(path).add("stolen", stolen)
    calls: list[tuple[str, ...]] = [
        ("add", f"client{number}", f"{number:064x}") for number in range(12)
    ]
    calls.insert(6, ("remove", "stolen"))
    processes = [start(path, *call) for call in calls]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()

    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    outcomes = []
    for process in processes:
        process.communicate()
        outcomes.append(process.returncode)

    assert outcomes == [0] * 13
    assert AuthorizedClients(path).read() == {f"{n:064x}": f"client{n}" for n in range(12)}


def test_file_that_is_not_text_is_an_error_and_named(path: Path) -> None:
    AuthorizedClients(path).add("laptop", KEY)
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InvalidKey, match=re.escape(f"{path}, line 1 is not a key")):
        AuthorizedClients(path).read()


def test_damaged_line_is_an_error_and_named(path: Path) -> None:
    AuthorizedClients(path).add("laptop", KEY)
    with path.open("a") as file:
        file.write("nonsense\n")

    with pytest.raises(InvalidKey, match="line 2 is not a key followed by a name"):
        AuthorizedClients(path).read()


@pytest.mark.parametrize("is_text", [True, False], ids=["a damaged line", "an unreadable file"])
def test_known_clients_are_those_of_the_last_file_that_could_be_read(
    path: Path, caplog: pytest.LogCaptureFixture, *, is_text: bool
) -> None:
    clients = AuthorizedClients(path)
    assert clients.known == {}
    clients.add("laptop", KEY)
    assert clients.known == {KEY: "laptop"}
    path.unlink()
    path.write_text("nonsense\n") if is_text else path.mkdir()

    assert [clients.known for _ in range(3)] == [{KEY: "laptop"}] * 3
    assert caplog.text.count("those known before remain") == 1
    assert AuthorizedClients(path).known == {}
    path.unlink() if is_text else path.rmdir()
    assert clients.known == {}
