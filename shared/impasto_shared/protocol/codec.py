"""Encoding of messages as frames: a magic frame, a JSON header, and a frame of pixels per image.

All types and sizes are validated here, so the rest of the program need not check them. The codec
knows nothing of sockets: frames are bytes or memoryviews, and pixels are never copied.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from impasto_shared.errors import ErrorCode, ImpastoError, InvalidImage, ProtocolError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import StyleSettings
from impasto_shared.str_enum import StrEnum
from impasto_shared.style import MAX_STYLES

MAGIC = b"impasto/1"
MAX_HEADER_BYTES = 65_536
_OTHER_MAGIC = re.compile(rb"impasto/([0-9]{1,9})")
_LONGEST_MAGIC_BYTES = 32
_FIRST_REQUEST = "hello"
# Magic and header, the content, three images per style, two of the picture to begin from.
MAX_FRAMES = 2 + 1 + 3 * MAX_STYLES + 2

Frame = bytes | memoryview


def encode(message: Any) -> list[Frame]:
    """Returns the frames of a message: MAGIC, header, and the pixels of its images, in order."""
    pixels: list[Frame] = []
    header = {"type": message.type, **_encode_fields(message, pixels)}
    return [MAGIC, _to_json(header), *pixels]


def header_bytes(value: Any) -> int:
    """Returns the number of bytes of a header that a dataclass in a list takes."""
    return len(_to_json(_encode_fields(value, []))) + len(b", ")


def decode(frames: Sequence[Frame], messages: UnionType) -> Any:
    """Returns the message in `frames`, an instance of a dataclass of the union `messages`.

    Raises:
        ProtocolError: if the frames contain anything else.
        InvalidSettings: if a setting is unknown or out of range.
        InvalidImage: if an image is too large, or its frame does not match its description.
    """
    by_type = {message.type: message for message in get_args(messages)}
    header = decode_header(frames, by_daemon=_FIRST_REQUEST in by_type)
    kind = header.get("type")
    if not isinstance(kind, str) or kind not in by_type:
        raise ProtocolError(
            f"There is no message type {kind!r}. Choose from {', '.join(sorted(by_type))}; if a "
            "newer Impasto has sent it, update Impasto here.",
            ErrorCode.UNKNOWN_TYPE,
            field="type",
        )
    return _Decoder(frames[2:]).decode_message(by_type[kind], header)


def decode_header(frames: Sequence[Frame], *, by_daemon: bool = True) -> dict[str, Any]:
    """Returns the header as a JSON object, its fields unchecked; raises ProtocolError.

    by_daemon: whether this is the daemon's side.
    """
    first = bytes(frames[0][:_LONGEST_MAGIC_BYTES]) if frames else b""
    if first != MAGIC:
        text = _other_version(first, by_daemon=by_daemon)
        raise ProtocolError(text, ErrorCode.UNSUPPORTED_VERSION)
    if not 2 <= len(frames) <= MAX_FRAMES:
        raise ProtocolError(f"A message must have 2 to {MAX_FRAMES} frames.")
    if len(frames[1]) > MAX_HEADER_BYTES:
        raise ProtocolError(
            f"The header has {len(frames[1])} bytes; the limit is {MAX_HEADER_BYTES}.",
            ErrorCode.TOO_LARGE,
        )
    try:
        header = json.loads(bytes(frames[1]).decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"The header is not JSON in UTF-8: {error}") from error
    if not isinstance(header, dict):
        raise ProtocolError("The header must be a JSON object.")
    if b"\\u" in bytes(frames[1]) and not _is_text(header):
        raise ProtocolError("The header contains text that is not valid Unicode.")
    return header


def _other_version(first: bytes, *, by_daemon: bool) -> str:
    """Returns what is wrong with the first frame of a message, and which side to update."""
    ours, match = MAGIC.decode(), _OTHER_MAGIC.fullmatch(first)
    if match is None:
        return f"The first frame must be {ours}: this is no message of Impasto."
    theirs, is_newer = first.decode(), int(match[1]) > int(ours.rpartition("/")[2])
    program, daemon = "the program that connects to it", "the daemon"
    sides = f"The daemon speaks {ours}, and {program} {theirs}."
    older = daemon if is_newer else program
    if not by_daemon:
        sides = f"The daemon speaks {theirs}, and this program {ours}."
        older = "this program" if is_newer else daemon
    restart = ", and restart it" if older == daemon else ""
    return f"{sides} Update the older one, {older}: install the newer Impasto{restart}."


def _to_json(header: dict[str, Any]) -> bytes:
    return json.dumps(header, allow_nan=False).encode()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _encode_fields(value: Any, pixels: list[Frame]) -> dict[str, Any]:
    return {
        entry.name: _encode_value(getattr(value, entry.name), pixels) for entry in fields(value)
    }


def _encode_value(value: Any, pixels: list[Frame]) -> Any:
    if isinstance(value, Image):
        pixels.append(value.pixels)
        return {"width": value.width, "height": value.height, "format": value.format.value}
    if isinstance(value, StyleSettings):
        return value.to_message()
    if is_dataclass(value):
        return _encode_fields(value, pixels)
    if isinstance(value, tuple):
        return [_encode_value(item, pixels) for item in value]
    return value


@cache
def _fields_of(kind: type[Any]) -> tuple[tuple[Field[Any], Any], ...]:
    hints = get_type_hints(kind)
    return tuple((entry, hints[entry.name]) for entry in fields(kind))


@dataclass(frozen=True)
class _ImageDescription:
    """The description in the header of an image, whose pixels follow in a frame."""

    width: int
    height: int
    format: PixelFormat


class _Decoder:
    """Builds the values of a message from JSON, taking the images from the frames of `pixels`.

    `path` is the position of a value in the header, such as `styles[0].image`, for errors. Raises
    what `decode` raises.
    """

    def __init__(self, pixels: Sequence[Frame]) -> None:
        self._pixels = iter(pixels)

    def decode_message(self, kind: Any, header: dict[str, Any]) -> Any:
        """Returns the message; all frames of pixels must be used."""
        message = self._decode_dataclass(kind, header, "")
        if next(self._pixels, None) is not None:
            raise ProtocolError("The message has more frames of pixels than images.")
        return message

    def _decode_dataclass(self, kind: Any, values: object, path: str) -> Any:
        """Returns an instance of `kind`; ignores unknown names in `values`."""
        if not isinstance(values, dict):
            raise ProtocolError(f"{path} must be an object, not {values!r:.80}.", field=path)
        arguments = {}
        for entry, annotation in _fields_of(kind):
            name = f"{path}.{entry.name}" if path else entry.name
            if entry.name in values:
                arguments[entry.name] = self._decode_value(annotation, values[entry.name], name)
            elif entry.default is MISSING:
                raise ProtocolError(f"The field {name} is missing.", field=name)
        try:
            return kind(**arguments)
        except ImpastoError as error:
            if path:
                error.field = f"{path}.{error.field}" if error.field else path
            raise

    def _decode_value(self, annotation: Any, value: object, path: str) -> Any:
        """Returns `value` as an instance of the type `annotation`."""
        if isinstance(annotation, UnionType):  # always `X | None` here
            if value is None:
                return None
            (annotation,) = (arm for arm in get_args(annotation) if arm is not NoneType)
        if annotation is StyleSettings:
            return StyleSettings.from_json(value)
        if annotation is Image:
            return self._decode_image(value, path)
        if get_origin(annotation) is tuple:
            return self._decode_tuple(get_args(annotation)[0], value, path)
        if is_dataclass(annotation) and isinstance(annotation, type):
            return self._decode_dataclass(annotation, value, path)
        return _decode_scalar(annotation, value, path)

    def _decode_tuple(self, annotation: Any, value: object, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ProtocolError(f"{path} must be a list, not {value!r:.80}.", field=path)
        return tuple(
            self._decode_value(annotation, item, f"{path}[{index}]")
            for index, item in enumerate(value)
        )

    def _decode_image(self, value: object, path: str) -> Image:
        description = self._decode_dataclass(_ImageDescription, value, path)
        frame = next(self._pixels, None)
        if frame is None:
            raise ProtocolError(f"The frame with the pixels of {path} is missing.", field=path)
        try:
            return Image(description.width, description.height, description.format, frame)
        except InvalidImage as error:
            error.field = path
            raise


def _decode_scalar(annotation: type[Any], value: object, path: str) -> Any:
    if issubclass(annotation, StrEnum):
        if isinstance(value, str) and value in set(annotation):
            return annotation(value)
        names = ", ".join(annotation)
        raise ProtocolError(f"{path} must be one of {names}, not {value!r:.80}.", field=path)
    if annotation is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if type(value) is not annotation:
        raise ProtocolError(
            f"{path} must be of type {annotation.__name__}, not {value!r:.80}.", field=path
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ProtocolError(f"{path} must be finite.", field=path)
    return value


def _is_text(value: object) -> bool:
    """Returns whether all text in a JSON value is Unicode; JSON allows lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True
