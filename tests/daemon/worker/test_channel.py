from zmq import PAIR, Context

from impasto_daemon.worker.channel import Channel
from impasto_daemon.worker.messages import Loaded, Stop, WorkerMessage
from impasto_shared.protocol.codec import decode, encode


def test_messages_cross_the_socket_in_both_directions() -> None:
    context = Context.instance()
    with context.socket(PAIR) as server, context.socket(PAIR) as worker:
        server.bind("inproc://channel")
        worker.connect("inproc://channel")
        channel = Channel(worker)

        assert channel.receive_pending() == []
        channel.send(Loaded("CPU", "vgg19"))
        for job in ("a" * 32, "b" * 32, "c" * 32):
            server.send_multipart(encode(Stop(job)))

        assert decode(server.recv_multipart(), WorkerMessage) == Loaded("CPU", "vgg19")
        assert channel.receive() == Stop("a" * 32)
        assert channel.receive_pending() == [Stop("b" * 32), Stop("c" * 32)]
