"""The worker's end of the connection to its server."""

from __future__ import annotations

from impasto_daemon.system.polling import new_poller
from impasto_daemon.worker.messages import ServerMessage, WorkerMessage
from impasto_daemon.worker.pipe import MessagePipe, PipeEnded
from impasto_shared.protocol.codec import decode, encode


class Channel:
    """Messages over a pipe; its methods raise PipeEnded if the server has exited."""

    def __init__(self, pipe: MessagePipe) -> None:
        self._pipe = pipe
        self._received: list[ServerMessage] = []

    def send(self, message: WorkerMessage) -> None:
        """Sends a message to the server; waits while that is behind."""
        self._pipe.send(encode(message))
        while self._pipe.can_send and self._pipe.has_unsent:
            self._wait()
        if not self._pipe.can_send:
            raise PipeEnded("the server has exited")

    def receive(self) -> ServerMessage:
        """Returns the next message of the server; waits for it."""
        while not self.has_pending():
            self._wait()
        return self._received.pop(0)

    def has_pending(self) -> bool:
        """Returns whether there are messages to receive."""
        if not self._received:
            frames = self._pipe.receive()
            if frames is not None:
                self._received.append(decode(frames, ServerMessage))
        return bool(self._received)

    def receive_pending(self) -> list[ServerMessage]:
        """Returns the messages received since the last call; does not wait."""
        messages = []
        while self.has_pending():
            messages.append(self.receive())
        return messages

    def _wait(self) -> None:
        """Waits until the pipe makes progress."""
        poller = new_poller()
        poller.register(self._pipe, self._pipe.events)
        poller.poll()
        self._pipe.transfer()
