"""Small videos for tests, written by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, RATE = 48, 32, Fraction(24000, 1001)


def write_clip(
    path: Path,
    count: int,
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    has_sound: bool = False,
    turned: int = 0,
    times: tuple[int, ...] = (),
    options: dict[str, str] | None = None,
) -> None:
    """Writes a video of grey frames, the later the brighter, whose left upper quarter is white.

    turned: by how many degrees, counterclockwise, it is to be shown.
    times: of the frames, in 1/24000 s; by default as the rate says.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv444p" if size[0] % 2 else "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        sound: Any = container.add_stream("aac", rate=48000, layout="mono") if has_sound else None
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(grey(number, size), format="rgb24")
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 24000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            for at in range(0, int(48000 * count / RATE), 1024):
                noise = np.random.default_rng(at).integers(-9000, 9000, (1, 1024), np.int16)
                heard = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
                heard.sample_rate, heard.pts = 48000, at
                container.mux(sound.encode(heard))
            container.mux(sound.encode())


def grey(number: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray[Any, Any]:
    """Returns a frame, (H, W, 3)."""
    width, height = size
    rgb = np.full((height, width, 3), 40 + 7 * number, np.uint8)
    rgb[: height // 2, : width // 2] = 255
    return rgb
