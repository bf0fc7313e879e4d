"""The proof of both ends over loopback TCP: between them, and against strangers."""

from __future__ import annotations

import os
import random

import pytest

from impasto_shared.connection.proof import SECRET_BYTES, ClientProof, DaemonProof, Proof
from impasto_shared.connection.zmtp import ZmtpConnection, ZmtpError
from shared.connection.zmtp_peer import greeting, ready

SECRET = bytes(range(SECRET_BYTES))
CHALLENGE_BYTES, ANSWER_BYTES, PROOF_BYTES = 8 + 32, 8 + 4 + 32 + 32, 32
PICTURE = b"pixels" * 1000


def end(proof: Proof) -> ZmtpConnection:
    is_daemon = isinstance(proof, DaemonProof)
    return ZmtpConnection(2**20, 6, is_daemon=is_daemon, proof=proof)


def sent_by(connection: ZmtpConnection) -> bytes:
    """Takes all that a connection has to send."""
    data = b"".join(connection.outgoing())
    connection.sent(len(data))
    return data


def give(connection: ZmtpConnection, data: bytes) -> None:
    while data:
        buffer = connection.receive_buffer()
        part = data[: len(buffer)]
        buffer[: len(part)] = part
        connection.received(len(part))
        data = data[len(part) :]


def exchange(client: ZmtpConnection, daemon: ZmtpConnection) -> None:
    while (to_client := sent_by(daemon)) + (to_daemon := sent_by(client)):
        give(client, to_client)
        give(daemon, to_daemon)


def test_both_ends_with_the_secret_exchange_messages() -> None:
    proof = DaemonProof(SECRET)
    client, daemon = end(ClientProof(SECRET)), end(proof)
    client.send([b"hello", PICTURE])
    daemon.send([b"welcome"])

    exchange(client, daemon)

    assert client.is_proven
    assert daemon.is_proven
    assert proof.pid == os.getpid()
    assert [bytes(frame) for frame in daemon.messages[0]] == [b"hello", PICTURE]
    assert [bytes(frame) for frame in client.messages[0]] == [b"welcome"]


def test_daemon_sends_a_stranger_its_challenge_alone() -> None:
    daemon = end(DaemonProof(SECRET))
    daemon.send([b"secret news"])

    assert len(sent_by(daemon)) == CHALLENGE_BYTES
    with pytest.raises(ZmtpError, match="does not speak as a program of Impasto"):
        give(daemon, greeting() + ready(b"DEALER"))
    assert sent_by(daemon) == b""
    assert not daemon.is_proven


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01" * 9]
)
def test_bytes_of_a_browser_are_refused(first: bytes) -> None:
    daemon = end(DaemonProof(SECRET))
    sent_by(daemon)

    with pytest.raises(ZmtpError):
        give(daemon, first)
    assert sent_by(daemon) == b""


def test_client_with_another_secret_gets_no_proof() -> None:
    client, daemon = end(ClientProof(bytes(SECRET_BYTES))), end(DaemonProof(SECRET))
    give(client, sent_by(daemon))

    with pytest.raises(ZmtpError, match="does not know the secret of this daemon"):
        give(daemon, sent_by(client))
    assert sent_by(daemon) == b""


def test_client_sends_what_poses_as_its_daemon_no_message() -> None:
    client, squatter = end(ClientProof(SECRET)), end(DaemonProof(bytes(SECRET_BYTES)))
    client.send([b"hello", PICTURE])
    assert sent_by(client) == b""
    give(client, sent_by(squatter))

    heard = sent_by(client)
    assert len(heard) == ANSWER_BYTES
    assert SECRET not in heard
    with pytest.raises(ZmtpError, match="does not know the secret of the daemon"):
        give(client, os.urandom(PROOF_BYTES) + greeting() + ready())
    assert sent_by(client) == b""


def test_client_does_not_take_its_own_proof_for_the_daemons() -> None:
    client = end(ClientProof(SECRET))
    give(client, b"IMPASTO\x01" + bytes(32))
    own_proof = sent_by(client)[-PROOF_BYTES:]

    with pytest.raises(ZmtpError):
        give(client, own_proof)


def test_proof_heard_on_one_connection_is_worth_nothing_on_another() -> None:
    client, first, second = end(ClientProof(SECRET)), *(end(DaemonProof(SECRET)) for _ in range(2))
    give(client, sent_by(first))
    heard = sent_by(client)
    sent_by(second)

    with pytest.raises(ZmtpError):
        give(second, heard)
    give(first, heard)
    assert first.is_proven


def test_a_changed_bit_is_noticed_wherever_it_is() -> None:
    for seed in range(50):
        choice = random.Random(seed)
        client, daemon = end(ClientProof(SECRET)), end(DaemonProof(SECRET))
        give(client, sent_by(daemon))
        answer = bytearray(sent_by(client))
        answer[choice.randrange(len(answer))] ^= 1 << choice.randrange(8)

        with pytest.raises(ZmtpError):
            give(daemon, bytes(answer))
        assert sent_by(daemon) == b""
