"""The server never waits in a send or a receive: a peer that does not read would stop it for all.

The loop waits in one place, for all of its sockets at once.
"""

import ast
from pathlib import Path

import pytest

import impasto_daemon.server
import impasto_daemon.worker.pipe
import impasto_daemon.worker.process

SERVER = Path(impasto_daemon.server.__file__).parent
TO_WORKERS = [
    Path(impasto_daemon.worker.pipe.__file__),
    Path(impasto_daemon.worker.process.__file__),
]
CALLS = {
    *("recv", "recv_multipart", "recv_into", "recvmsg", "recvfrom", "recv_string", "recv_json"),
    *("send", "send_multipart", "sendmsg", "sendto", "sendall", "send_string", "send_json"),
}
# Objects of our own, whose methods are checked where they are defined, or have no socket (zmtp).
OWN = {"self._worker", "self._clients", "self._local", "self._link", "self.link", "front", "client"}
OWN |= {"connection.zmtp", "zmtp", "self._zmtp", "self._pipe"}
NON_BLOCKING = {"zmq.NOBLOCK", "socket.MSG_DONTWAIT", "NO_WAIT"}


def waiting_calls(source: str) -> list[str]:
    """Returns the calls in `source` that may wait for a peer."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        f"line {call.lineno}: {ast.unparse(call)}"
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in CALLS
        and ast.unparse(call.func.value) not in OWN
        and not flags_of(call) & NON_BLOCKING
    ]


def flags_of(call: ast.Call) -> set[str]:
    """Returns the flags among the arguments of a call; they may be combined."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {flag.strip() for argument in arguments for flag in ast.unparse(argument).split("|")}


@pytest.mark.parametrize(
    "path",
    [*sorted(SERVER.rglob("*.py")), *TO_WORKERS],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_module_never_waits_for_a_peer(path: Path) -> None:
    assert waiting_calls(path.read_text()) == []


@pytest.mark.parametrize(
    "call",
    [
        "self._socket.recv_multipart()",
        "self._socket.send(b'', zmq.SNDMORE)",
        "router.send_multipart(frames, copy=False)",
        "pair.recv(4096)",
        "out.sendto(news, address)",
    ],
)
def test_call_that_may_wait_is_noticed(call: str) -> None:
    assert waiting_calls(call)


def test_call_that_cannot_wait_is_allowed() -> None:
    assert not waiting_calls("socket.send(b'', zmq.SNDMORE | zmq.NOBLOCK)")
    assert not waiting_calls("socket.recv_multipart(flags=zmq.NOBLOCK)")
