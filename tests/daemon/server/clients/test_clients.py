"""The clients of a server: real sockets, and a real front."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from daemon.server.patience import PATIENCE_S, eventually
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.clients.clients import Clients
from impasto_daemon.server.front.delivery import Delivery, Received
from impasto_daemon.server.process.endpoint import CannotServe
from impasto_shared.connection.keys import KeyPair, Role, ensure_keys
from integration.daemon_process import free_address


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def authorized() -> AuthorizedClients:
    return AuthorizedClients.of_user()


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[tuple[Clients, str, str]]:
    """Clients, with their address for this machine and that for others."""
    ensure_keys(Role.DAEMON)
    unix, tcp = f"ipc://{tmp_path}/s", free_address()
    clients = Clients(tcp)
    clients.serve(unix)
    yield clients, unix, tcp
    clients.close()


def connected(endpoint: str, **options: bytes) -> zmq.Socket[bytes]:
    dealer: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
    for name, value in options.items():
        dealer.setsockopt(getattr(zmq, name), value)
    dealer.connect(endpoint)
    return dealer


def remote(endpoint: str, keys: KeyPair | None = None) -> zmq.Socket[bytes]:
    """Connects as a client on another machine."""
    keys = keys or ensure_keys(Role.CLIENT)
    return connected(
        endpoint,
        CURVE_SERVERKEY=ensure_keys(Role.DAEMON).public,
        CURVE_PUBLICKEY=keys.public,
        CURVE_SECRETKEY=keys.secret,
    )


def new_keys() -> KeyPair:
    public, secret = zmq.curve_keypair()
    return KeyPair(z85.decode(public), z85.decode(secret))


def next_message(clients: Clients) -> Received:
    def look() -> list[Received]:
        clients.supervise()
        return clients.receive()

    (received,) = eventually(look)
    assert isinstance(received, Received)
    return received


def test_clients_of_both_addresses_are_answered_and_known_by_their_keys(
    clients: tuple[Clients, str, str], authorized: AuthorizedClients
) -> None:
    served, unix, tcp = clients
    key = ensure_keys(Role.CLIENT).public.hex()
    authorized.add("laptop", key)
    with connected(unix) as near, remote(tcp) as far:
        for client, user in ((near, ""), (far, key)):
            client.send(b"question")
            received = next_message(served)
            assert received.user == user
            assert served.send(received.address, [b"answer"]) is Delivery.SENT
            assert client.recv() == b"answer"


def test_client_that_claims_the_address_of_another_gets_nothing(
    clients: tuple[Clients, str, str], authorized: AuthorizedClients
) -> None:
    served, unix, tcp = clients
    authorized.add("laptop", ensure_keys(Role.CLIENT).public.hex())
    with remote(tcp) as far:
        far.send(b"x")
        address = next_message(served).address
        with connected(unix, ROUTING_ID=address) as near:
            near.send(b"x")
            claimed = next_message(served).address
            served.send(address, [b"for the other"])
            assert far.recv() == b"for the other"
            assert claimed != address
            assert not near.poll(100)


def test_removed_key_ends_its_own_connection_alone(
    clients: tuple[Clients, str, str], authorized: AuthorizedClients
) -> None:
    served, unix, tcp = clients
    removed, remaining = new_keys(), new_keys()
    authorized.add("laptop", removed.public.hex())
    authorized.add("studio", remaining.public.hex())
    with connected(unix) as near, remote(tcp, removed) as laptop, remote(tcp, remaining) as studio:
        addresses = {}
        for name, client in (("near", near), ("laptop", laptop), ("studio", studio)):
            client.send(b"x")
            addresses[name] = next_message(served).address

        authorized.remove("laptop")
        eventually(lambda: is_lost(served, addresses["laptop"]))

        for name, client in (("near", near), ("studio", studio)):
            assert served.send(addresses[name], [b"answer"]) is Delivery.SENT
            assert client.recv() == b"answer"


def is_lost(clients: Clients, address: bytes) -> bool:
    clients.supervise()
    clients.receive()
    return clients.send(address, [b""]) is Delivery.LOST


def test_address_of_a_front_that_has_ended_is_lost(
    clients: tuple[Clients, str, str], authorized: AuthorizedClients
) -> None:
    served, _, tcp = clients
    authorized.add("laptop", ensure_keys(Role.CLIENT).public.hex())
    with remote(tcp) as far:
        far.send(b"x")
        address = next_message(served).address
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for pid in children:
            if b"server.front.main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)

        eventually(lambda: served.receive() or served.send(address, [b""]) is Delivery.LOST)
        far.send(b"y")
        received = next_message(served)
        assert [bytes(frame) for frame in received.frames] == [b"y"]


@pytest.mark.parametrize("listen", ["tcp://127.0.0.1:99999", "tcp://no.such.host.invalid:5570"])
def test_address_that_cannot_be_served_is_named(listen: str, tmp_path: Path) -> None:
    clients = Clients(listen)
    with pytest.raises(CannotServe, match=listen):
        clients.serve(f"ipc://{tmp_path}/s")
    clients.close()
