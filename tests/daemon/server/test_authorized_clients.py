from pathlib import Path

import pytest

from impasto_daemon.server.authorized_clients import AuthorizedClients, InvalidKey

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
    assert list(path.parent.iterdir()) == [path]


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


def test_damaged_line_is_an_error_and_named(path: Path) -> None:
    AuthorizedClients(path).add("laptop", KEY)
    with path.open("a") as file:
        file.write("nonsense\n")

    with pytest.raises(InvalidKey, match="line 2 is not a key followed by a name"):
        AuthorizedClients(path).read()
