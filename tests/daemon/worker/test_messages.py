import pytest

from impasto_daemon.worker.messages import (
    Begun,
    Failed,
    Loaded,
    Painted,
    Previewed,
    Ready,
    Run,
    ServerMessage,
    Show,
    Split,
    Stepped,
    Stop,
    Stopped,
    WorkerMessage,
    Written,
)
from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import decode, encode
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

JOB = "0" * 32
PIXEL = Image(1, 1, PixelFormat.RGB_U8, b"abc")


@pytest.mark.parametrize(
    "message",
    [
        Run(JOB, StyleSettings(), PIXEL, (Style(PIXEL),), PreviewOptions(64, 0.5), "/proc/1/fd/7"),
        Split(JOB, PIXEL, 3, "/proc/1/fd/7"),
        Stop(JOB, keeps_result=True),
        Show(JOB, PreviewOptions(64, 0.5)),
    ],
)
def test_message_to_the_worker_survives_the_wire(message: ServerMessage) -> None:
    frames = encode(message)

    received = decode(frames, ServerMessage)

    assert type(received) is type(message)
    assert encode(received) == frames


@pytest.mark.parametrize(
    "message",
    [
        Ready(None, bfloat16=False),
        Begun(JOB),
        Loaded("CPU", "vgg19"),
        Stepped(JOB, 1, 2, 0.5, 0.25, 181),
        Previewed(JOB, 1, PIXEL),
        Painted(JOB, PIXEL),
        Written(JOB, 1, 1, PixelFormat.RGB_U8),
        Stopped(JOB),
        Failed(JOB, Problem(ErrorCode.OUT_OF_MEMORY, "Choose a smaller size.")),
    ],
)
def test_message_to_the_server_survives_the_wire(message: WorkerMessage) -> None:
    frames = encode(message)

    received = decode(frames, WorkerMessage)

    assert type(received) is type(message)
    assert encode(received) == frames
