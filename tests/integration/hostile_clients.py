"""Clients that mean harm: `python hostile_clients.py NAME ENDPOINT` attacks until it is killed.

Each writes a line to its standard output once it has begun.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import zmq

from impasto_shared.protocol.codec import MAGIC, encode
from impasto_shared.protocol.messages import Cancel, Hello, Keep, PreviewOptions, Status, Watch

MORE, LONG_AND_MORE = b"\x01", b"\x03"
# The first routing ids in a process that never calls srand(): of its first socket, of its second.
UNSEEDED_IDS = (0x6B8B4567, 0xE43C9869)


def greeting(mechanism: bytes = b"NULL") -> bytes:
    """Returns the greeting of a ZMTP 3.0 connection (RFC 23)."""
    return b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32)


def ready() -> bytes:
    """Returns the command that ends the handshake of a client without authentication."""
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    return struct.pack(">BB", 0x04, len(body)) + body


def connected(endpoint: str) -> socket.socket:
    """Opens a plain socket at an endpoint, without ZeroMQ."""
    if endpoint.startswith("ipc:"):
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(endpoint.removeprefix("ipc://"))
        return plain
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)))


def admitted(endpoint: str) -> socket.socket:
    """Opens a plain socket whose handshake is done and read: messages may follow."""
    plain = connected(endpoint)
    plain.sendall(greeting())
    plain.recv(64, socket.MSG_WAITALL)
    plain.sendall(ready())
    plain.recv(plain.recv(2, socket.MSG_WAITALL)[1], socket.MSG_WAITALL)
    return plain


def dealer(endpoint: str) -> zmq.Socket[bytes]:
    """Opens a connection with ZeroMQ."""
    connection: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    connection.setsockopt(zmq.LINGER, 0)
    connection.connect(endpoint)
    return connection


def begun() -> None:
    """Notifies the test that has started this attack."""
    sys.stdout.write("begun\n")
    sys.stdout.flush()


def job_of_another(endpoint: str) -> str:
    """Returns the name of the running job."""
    from impasto_shared.client import Client

    with Client.connect(endpoint, name="spy") as client:
        return client.status().jobs[-1].job


def wire_form(message: object) -> bytes:
    """Returns a message without pixels as it is on the wire: short or long frames (RFC 23)."""
    magic, header = map(bytes, encode(message))
    return MORE + bytes([len(magic)]) + magic + b"\x02" + struct.pack(">Q", len(header)) + header


def flood(endpoint: str, *messages: object) -> None:
    """Sends the messages in turn without a pause, from several connections; reads no reply."""
    words = b"".join(map(wire_form, messages)) * (400 // len(messages))
    rests = {admitted(endpoint): words for _ in range(4)}
    begun()
    while True:
        _, writable, _ = select.select([], rests, [])
        for connection in writable:
            try:
                sent = connection.send(rests[connection], socket.MSG_DONTWAIT)
                rests[connection] = rests[connection][sent:] or words
            except OSError:  # it was closed, as it does not read
                del rests[connection]
                rests[admitted(endpoint)] = words


def hellos(endpoint: str) -> None:
    """Greets without end."""
    flood(endpoint, Hello("1", "hostile"))


def statuses(endpoint: str) -> None:
    """Asks for the status without end."""
    flood(endpoint, Status("1"))


def watches(endpoint: str) -> None:
    """Subscribes to the job of another, with other previews each time."""
    job = job_of_another(endpoint)
    flood(
        endpoint,
        *(Watch("1", job, PreviewOptions(16 + number, 60.0)) for number in range(40)),
    )


def unknown_jobs(endpoint: str) -> None:
    """Asks for jobs that do not exist."""
    flood(endpoint, *(kind("1", f"{7:032x}") for kind in (Watch, Cancel, Keep)))


def many_frames(endpoint: str) -> None:
    """Sends messages of 200,000 empty frames each, and connects again when it is cut off."""
    message = b"".join(
        (
            MORE + bytes([len(MAGIC)]) + MAGIC,
            MORE + b"\x02{}",
            (MORE + b"\x00") * 200_000,
            b"\x00\x00",
        )
    )
    begun()
    while True:
        with admitted(endpoint) as connection, suppress(OSError):
            while True:
                connection.sendall(message)
        time.sleep(0.5)


def half_messages(endpoint: str) -> None:
    """Begins messages on many connections, and sends a frame of one of them from time to time."""
    connections = [admitted(endpoint) for _ in range(100)]
    for connection in connections:
        connection.sendall((MORE + b"\x01x") * 20)
    begun()
    while True:
        for connection in connections:
            with suppress(OSError):
                connection.sendall(MORE + b"\x01x")
            time.sleep(0.01)


def routing_ids(endpoint: str) -> None:
    """Claims the ids that libzmq would give to others, then connects many others."""
    claims = [zmq.Context.instance().socket(zmq.DEALER) for _ in range(200)]
    for number, claim in enumerate(claims):
        claim.setsockopt(zmq.LINGER, 0)
        identity = (UNSEEDED_IDS[number % 2] + 20 + number // 2) % 2**32
        claim.setsockopt(zmq.ROUTING_ID, b"\0" + identity.to_bytes(4, "big"))
        claim.connect(endpoint)
        claim.send_multipart(encode(Hello("1", "squatter")))
    begun()
    while True:
        with dealer(endpoint) as connection:
            connection.send_multipart(encode(Hello("1", "another")))
            connection.poll(1000)


def idle_connections(endpoint: str) -> None:
    """Opens a thousand connections, over and over."""
    begun()
    while True:
        connections = []
        for _ in range(1000):
            try:
                connections.append(connected(endpoint))
                connections[-1].send(greeting())
            except OSError:
                time.sleep(0.01)
        time.sleep(0.5)
        for connection in connections:
            connection.close()


def endless_frames(endpoint: str) -> None:
    """Begins frames of the largest size on many connections, and sends their bytes."""
    header = struct.pack(">BQ", 0x06, 1_600_000_000)  # a long command: none is needed to begin
    connections = [connected(endpoint) for _ in range(8)]
    for connection in connections:
        connection.setblocking(False)
        connection.send(greeting(b"CURVE") + header)
    begun()
    while True:
        for number, connection in enumerate(connections):
            try:
                connection.send(bytes(2**20))
            except BlockingIOError:
                time.sleep(0.001)
            except OSError:
                connections[number] = connected(endpoint)
                connections[number].send(greeting(b"CURVE") + header)
                connections[number].setblocking(False)


ATTACKS: dict[str, Callable[[str], None]] = {
    attack.__name__: attack
    for attack in (
        hellos,
        statuses,
        watches,
        unknown_jobs,
        many_frames,
        half_messages,
        routing_ids,
        idle_connections,
    )
}

# Of strangers, who have no key.
UNKNOWN_ATTACKS: dict[str, Callable[[str], None]] = {
    attack.__name__: attack for attack in (idle_connections, endless_frames)
}

if __name__ == "__main__":
    (ATTACKS | UNKNOWN_ATTACKS)[sys.argv[1]](sys.argv[2])
