"""The worker's end of the connection to its server."""

from __future__ import annotations

import zmq

from impasto_daemon.worker.messages import ServerMessage, WorkerMessage
from impasto_shared.protocol.codec import decode, encode


class Channel:
    """Messages over a PAIR socket."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket

    def send(self, message: WorkerMessage) -> None:
        """Sends a message to the server."""
        self._socket.send_multipart(encode(message), copy=False)

    def receive(self) -> ServerMessage:
        """Returns the next message of the server; waits for it."""
        frames = self._socket.recv_multipart(copy=False)
        message: ServerMessage = decode([frame.buffer for frame in frames], ServerMessage)
        return message

    def has_pending(self) -> bool:
        """Returns whether there are messages to receive."""
        return bool(self._socket.poll(0))

    def receive_pending(self) -> list[ServerMessage]:
        """Returns the messages received since the last call; does not wait."""
        messages = []
        while self.has_pending():
            messages.append(self.receive())
        return messages
