"""A worker that inverts pictures instead of painting, at once or step by step as the job says.

`python scripted_worker.py serve …` is `impasto serve …` with this worker: all else is real. It
needs no torch, so it is there in a tenth of a second. With $SCRIPTED_GPU_BYTES it says that it has
a GPU of so much memory, or $SCRIPTED_GPUS of them, and the daemon that there may be one.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from enum import IntEnum

from impasto_daemon.commands import main as cli
from impasto_daemon.system import process_memory as memory
from impasto_daemon.worker import process as worker_process
from impasto_daemon.worker.channel import Channel
from impasto_daemon.worker.messages import (
    Begun,
    Failed,
    Loaded,
    Painted,
    Previewed,
    Ready,
    Run,
    Show,
    Stepped,
    Stop,
    Stopped,
    Written,
)
from impasto_daemon.worker.pipe import MessagePipe
from impasto_daemon.worker.result_file import hand_over
from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import Problem
from impasto_shared.settings import Model

STEP_S = float(os.environ.get("SCRIPTED_STEP_S", "0.01"))
GPU_BYTES = int(os.environ.get("SCRIPTED_GPU_BYTES", "0")) or None
GPUS = int(os.environ.get("SCRIPTED_GPUS", "1")) if GPU_BYTES else 0
_INVERTED = bytes(range(255, -1, -1))


class Behaviour(IntEnum):
    """The fate of a job with this seed; its iterations are the steps, of 10 ms each.

    Any other seed is as 0. The weights of vgg19-torchvision are missing whatever the seed.
    """

    INVERT = 0
    FAIL = 1
    DIE = 2
    """After the first step."""
    HANG = 3
    """After the first step it hears nothing any more."""
    DIE_AT_ONCE = 5
    """Before the first step."""
    ECHO = 4
    """The picture comes back as it was, without a step and without a copy."""


def invert(picture: Image) -> Image:
    """Returns the picture with every byte subtracted from 255."""
    pixels = bytes(picture.pixels).translate(_INVERTED)
    return Image(picture.width, picture.height, picture.format, pixels)


class ScriptedWorker:
    """Does what the server asks for."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def serve(self) -> None:
        """Serves for ever."""
        while True:
            self._channel.send(Ready(GPU_BYTES, bfloat16=GPU_BYTES is not None, gpus=GPUS))
            message = self._channel.receive()
            if isinstance(message, Run):
                self._channel.send(Begun(message.job))
                self._channel.send(Loaded(sys.argv[3] or "CPU", "scripted"))
                self._channel.send(self._run(message))

    def _run(self, run: Run) -> Painted | Written | Stopped | Failed:
        seed, previews = run.settings.seed, run.previews
        behaviour = Behaviour(seed) if seed in list(Behaviour) else Behaviour.INVERT
        steps = 0 if behaviour is Behaviour.ECHO else run.settings.iterations
        if behaviour is Behaviour.DIE_AT_ONCE:
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour is Behaviour.FAIL or run.settings.model is Model.VGG19_TORCHVISION:
            return Failed(run.job, Problem(ErrorCode.WEIGHTS_MISSING, "There are no weights."))
        for step in range(1, steps + 1):
            self._channel.send(Stepped(run.job, step, steps, 1 / step, step / steps))
            if previews is not None:
                grey = Image(1, 1, PixelFormat.RGB_U8, bytes([128]) * 3)
                self._channel.send(Previewed(run.job, step, grey))
            if behaviour is Behaviour.DIE:
                os.kill(os.getpid(), signal.SIGKILL)
            if behaviour is Behaviour.HANG:
                time.sleep(600)
            time.sleep(STEP_S)
            for message in self._channel.receive_pending():
                if isinstance(message, Show):
                    previews = message.previews
                elif isinstance(message, Stop) and message.job == run.job:
                    return (
                        hand_over(run, invert(run.content))
                        if message.keeps_result
                        else Stopped(run.job)
                    )
        picture = run.content if behaviour is Behaviour.ECHO else invert(run.content)
        return hand_over(run, picture)


def _end_with_server() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serves as the daemon, or the daemon that has started this."""
    if sys.argv[1] == "serve":
        worker_process.WORKER_COMMAND = (sys.executable, __file__)
        if GPU_BYTES is not None:
            memory.GPU_DEVICES = (__file__,)
        cli.main(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_server, daemon=True).start()
    ScriptedWorker(Channel(MessagePipe(socket.socket(fileno=int(sys.argv[1]))))).serve()


if __name__ == "__main__":
    main()
