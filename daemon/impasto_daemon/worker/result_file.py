"""The worker's side of handing a result over: through the file that the server has opened for it.

A picture of a hundred megabytes thus crosses no socket.
"""

from __future__ import annotations

import logging
from pathlib import Path

from impasto_daemon.worker.messages import Painted, Run, Split, Written
from impasto_shared.image import Image

logger = logging.getLogger(__name__)

MIN_FILE_BYTES = 32 * 2**10
"""Smaller pictures travel as messages and stay in memory."""


def hand_over(run: Run | Split, image: Image) -> Painted | Written:
    """Writes the result of a run to its file, and returns the message that says so.

    A small result, and one that cannot be written, is returned as a message itself; the server
    then keeps it in memory.
    """
    if run.result_file is None or memoryview(image.pixels).nbytes < MIN_FILE_BYTES:
        return Painted(run.job, image)
    try:
        write_result_file(run.result_file, image.pixels)
    except OSError as error:
        logger.warning("job %s: its picture cannot be written to a file: %s", run.job, error)
        return Painted(run.job, image)
    return Written(run.job, image.width, image.height, image.format)


def write_result_file(path: str, pixels: bytes | memoryview) -> None:
    """Writes all bytes of a result. Raises OSError, and then leaves the file empty."""
    remaining = memoryview(pixels).cast("B")
    with Path(path).open("r+b", buffering=0) as file:
        try:
            while remaining:
                remaining = remaining[file.write(remaining) :]
        except OSError:
            file.truncate(0)
            raise
