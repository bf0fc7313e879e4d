"""Messages as a broken or hostile client might send them: valid ones, altered at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from impasto_shared.beginning import Beginning
from impasto_shared.protocol.codec import MAGIC, MAX_HEADER_BYTES, encode
from impasto_shared.protocol.messages import (
    Cancel,
    Curve,
    Detach,
    Fetch,
    Forecast,
    Forget,
    Hello,
    Keep,
    PreviewOptions,
    Status,
    Submit,
    Watch,
)
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import picture

_JOBS = [digit * 32 for digit in "0123"]
_STRANGE: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, 0.5, 1e308, "", "x", "0" * 32, "\ud800", "🖌",
    "\x00", "../../etc/passwd", "x" * 101, "y" * 20_000, [], {}, [[]] * 9, {"type": "hello"},
]  # fmt: skip
_STRANGE_JSON = [
    b"", b"{", b"[" * 60_000, b"NaN", b'{"type": Infinity}', b"\xff\xfe", b'{"type": 1e999}',
    b" " * (MAX_HEADER_BYTES + 1), b'{"type": "status", "id": "1", "id": 2}', b"\x80\x04K\x01.",
]  # fmt: skip


class MessageFuzzer:
    """Draws messages; the same `seed` draws the same ones."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        small = picture(8, 8)
        self._image = small

    def frames(self) -> list[bytes]:
        """Returns the frames of a message."""
        if self._chance.random() < 0.05:
            return [self._bytes() for _ in range(self._chance.randint(1, 30))]
        magic, header, *pixels = map(bytes, encode(self._proper()))
        if self._chance.random() < 0.8:
            header = self._changed_header(json.loads(header))
        frames = [magic, header, *pixels]
        while self._chance.random() < 0.3:
            self._change_frames(frames)
        return frames

    def _proper(self) -> Any:
        chance = self._chance
        number = str(chance.randrange(10**9))
        job = chance.choice([*_JOBS, f"{chance.getrandbits(128):032x}"])
        wish = chance.choice([None, PreviewOptions(16, 0.2)])
        style = Style(self._image, 1.0, *chance.choices([None, self._image], k=2))
        submit = Submit(
            number,
            job,
            StyleSettings(iterations=chance.choice([0, 2, 50]), size=64),
            self._image,
            (style,) * chance.randint(1, 3),
            wish,
            chance.random() < 0.2,
            chance.random() < 0.2,
            chance.choice([None, Beginning(self._image, 32)]),
        )
        kind = chance.choice([Cancel, Keep, Detach, Fetch, Forget, Curve])
        return chance.choice(
            [
                Hello(number, "fuzzer"),
                submit,
                Watch(number, job, wish),
                kind(number, job),
                Status(number),
                Forecast(number, StyleSettings(), 8, 8, 1, chance.choice([0, 256])),
            ]
        )

    def _changed_header(self, header: dict[str, Any]) -> bytes:
        """Returns the header with a value replaced, added or removed."""
        container, key = self._chance.choice(list(_entries(header)))
        match self._chance.randrange(4):
            case 0:
                container[key] = self._chance.choice(_STRANGE)
            case 1:
                container[key] = self._chance.choice(list(_entries(header)))[1]
            case 2:
                del container[key]
            case 3 if isinstance(container, dict):
                container[self._chance.choice(["x", "\ud800", "z" * 9000])] = container[key]
        return json.dumps(header).encode()

    def _change_frames(self, frames: list[bytes]) -> None:
        if not frames:
            return
        index = self._chance.randrange(len(frames))
        frame = bytearray(frames[index])
        match self._chance.randrange(7):
            case 0:
                del frame[self._chance.randrange(len(frame) + 1) :]
                frames[index] = bytes(frame)
            case 1 if frame:
                frame[self._chance.randrange(len(frame))] ^= 1 << self._chance.randrange(8)
                frames[index] = bytes(frame)
            case 2:
                frames.insert(index, bytes(frame))
            case 3 if len(frames) > 1:
                del frames[index]
            case 4:
                self._chance.shuffle(frames)
            case 5:
                frames[index] = self._bytes()
            case _:
                frames[:] = [MAGIC, self._chance.choice(_STRANGE_JSON)]

    def _bytes(self) -> bytes:
        return self._chance.randbytes(self._chance.choice([0, 1, 9, 100, 3000]))


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every container in a JSON value, with each of its keys or positions."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _entries(inner)
