from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from impasto_daemon.server.clients.authentication import Authenticator
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients

KEY = bytes(range(32))


@pytest.fixture
def clients(tmp_path: Path) -> AuthorizedClients:
    return AuthorizedClients(tmp_path / "keys" / "known_clients")


@pytest.fixture
def authenticator(
    clients: AuthorizedClients, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Authenticator]:
    # A context of its own: in a shared one the address of the last test may still be closing.
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    monkeypatch.setattr(zmq.Context, "instance", lambda: context)
    authenticator = Authenticator(clients)
    yield authenticator
    authenticator.close()
    context.term()


def status_of(
    authenticator: Authenticator, domain: bytes, mechanism: bytes, *credentials: bytes
) -> bytes:
    """Asks as libzmq does (ZAP); returns the status of the reply."""
    with zmq.Context.instance().socket(zmq.REQ) as libzmq:
        libzmq.connect("inproc://zeromq.zap.01")
        libzmq.send_multipart(
            [b"1.0", b"7", domain + b" 10.0.0.1:7", b"", b"", mechanism, *credentials]
        )
        assert authenticator.socket.poll(1000)
        authenticator.answer_requests()
        version, request_id, status, *_ = libzmq.recv_multipart()
    assert (version, request_id) == (b"1.0", b"7")
    return status


def test_local_client_needs_no_key(authenticator: Authenticator) -> None:
    assert status_of(authenticator, b"local", b"NULL") == b"200"


def test_remote_client_needs_an_authorised_key(
    authenticator: Authenticator, clients: AuthorizedClients, caplog: pytest.LogCaptureFixture
) -> None:
    assert status_of(authenticator, b"remote", b"CURVE", KEY) == b"400"
    assert "10.0.0.1:7 was refused: its key is not authorised" in caplog.text
    clients.add("laptop", KEY.hex())
    assert status_of(authenticator, b"remote", b"CURVE", KEY) == b"200"
    clients.remove("laptop")
    assert status_of(authenticator, b"remote", b"CURVE", KEY) == b"400"


@pytest.mark.parametrize(
    ("domain", "mechanism", "credentials"),
    [
        (b"remote", b"NULL", []),
        (b"remote", b"PLAIN", [b"ada", b"secret"]),
        (b"remote", b"CURVE", []),
        (b"remote", b"CURVE", [KEY, KEY]),
        (b"local", b"CURVE", [KEY]),
        (b"", b"NULL", []),
    ],
)
def test_any_other_request_is_refused(
    authenticator: Authenticator,
    clients: AuthorizedClients,
    domain: bytes,
    mechanism: bytes,
    credentials: list[bytes],
) -> None:
    clients.add("laptop", KEY.hex())

    assert status_of(authenticator, domain, mechanism, *credentials) == b"400"


def test_damaged_file_refuses_strangers_and_keeps_the_known(
    authenticator: Authenticator, clients: AuthorizedClients, tmp_path: Path
) -> None:
    stranger = bytes(reversed(KEY))
    clients.add("laptop", KEY.hex())
    assert status_of(authenticator, b"remote", b"CURVE", KEY) == b"200"
    file = tmp_path / "keys" / "known_clients"
    file.write_text(f"{stranger.hex()} stranger\nnonsense\n")

    assert status_of(authenticator, b"remote", b"CURVE", stranger) == b"400"
    assert status_of(authenticator, b"remote", b"CURVE", KEY) == b"200"
    file.write_text(f"{stranger.hex()} stranger\n")
    assert status_of(authenticator, b"remote", b"CURVE", KEY) == b"400"
    assert status_of(authenticator, b"remote", b"CURVE", stranger) == b"200"


def test_client_is_named_by_its_key(
    authenticator: Authenticator, clients: AuthorizedClients
) -> None:
    clients.add("laptop", KEY.hex())

    assert authenticator.name_of(KEY.hex()) == "laptop"
    assert authenticator.name_of("") == "a local client"
    clients.remove("laptop")
    assert authenticator.name_of(KEY.hex()) == "a client that is no longer authorised"
