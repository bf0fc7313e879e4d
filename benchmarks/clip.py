"""A clip made from the assets, whose motion is known: a pan and a zoom, and a subject before it.

The camera pans and zooms over a photo, and the head of a cat moves before it, across the camera's
motion. Every frame is resampled from the photos themselves, and none from another frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import samples
from impasto_daemon.commands.image_file import read_image
from impasto_shared.image import Image, PixelFormat

WIDTH, HEIGHT = 288, 216
_BACKGROUND, _SUBJECT = "summer_palace", "chelsea"
# Of the photo, in pixels of a frame: where the camera begins, and its path in a frame.
_BACKGROUND_WIDTH = 400
_CAMERA = np.array((12.0, 14.0))
_PAN = np.array((4.3, 1.4))
_ZOOM = 1.006
# The subject is an ellipse of its photo.
_SUBJECT_WIDTH = 170
_CENTRE_IN_PHOTO = np.array((88.0, 52.0))
_RADII = np.array((38.0, 44.0))
_CENTRE = np.array((128.0, 140.0))
_SUBJECT_PATH = np.array((4.6, -1.3))
# What lies this near to the edge of the subject belongs to both.
_EDGE_PX = 2

Pixels = NDArray[np.uint8]
Positions = NDArray[np.float32]


@dataclass(frozen=True)
class Motion:
    """The places of a frame's pixels in the one before it.

    positions: (H, W, 2), as x and y in pixels.
    is_visible: (H, W), whether the frame before shows it.
    is_new: (H, W), whether it certainly does not.
    """

    positions: Positions
    is_visible: NDArray[np.bool_]
    is_new: NDArray[np.bool_]


def frame(number: int) -> Image:
    """Returns a frame (from 0)."""
    grid = _grid()
    background = _sampled(_photo(_BACKGROUND, _BACKGROUND_WIDTH), _in_background(grid, number))
    subject = _sampled(_photo(_SUBJECT, _SUBJECT_WIDTH), _in_subject(grid, number))
    cover = _cover(grid, number)[..., None]
    rgb = (background * (1 - cover) + subject * cover).round().clip(0, 255).astype(np.uint8)
    return Image(WIDTH, HEIGHT, PixelFormat.RGB_U8, rgb.tobytes())


def motion(number: int) -> Motion:
    """Returns the motion to a frame (from 1) from the one before it."""
    grid = _grid()
    is_subject = _cover(grid, number) > 0.5
    background = _from_background(_in_background(grid, number), number - 1)
    positions = np.where(is_subject[..., None], grid - _SUBJECT_PATH, background)
    positions = positions.astype(np.float32)
    was_subject = _near_edge(positions, number - 1)
    before = _cover(positions, number - 1) > 0.5
    inside = (positions >= 0).all(-1) & (positions <= (WIDTH - 1, HEIGHT - 1)).all(-1)
    is_edge = _near_edge(grid, number) | was_subject
    is_same = before == is_subject
    return Motion(positions, inside & is_same & ~is_edge, (~inside | ~is_same) & ~is_edge)


def warped(rgb: Pixels, motion: Motion) -> NDArray[np.float32]:
    """Returns the frame before, (H, W, 3), as it would be seen now."""
    return _sampled(rgb.astype(np.float32), motion.positions, cv2.INTER_LANCZOS4)


def _grid() -> NDArray[np.float64]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    return np.stack((columns, rows), -1)


def _photo(name: str, width: int) -> NDArray[np.float32]:
    """Returns a photo (H, W, 3) of a width."""
    image = read_image(samples.photo(name))
    rgb = np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width, -1)[..., :3]
    size = width, round(image.height * width / image.width)
    photo = cv2.resize(rgb.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(photo, np.float32)


def _sampled(
    photo: NDArray[np.float32], positions: NDArray[Any], kernel: int = cv2.INTER_CUBIC
) -> NDArray[np.float32]:
    x, y = (positions[..., axis].astype(np.float32) for axis in (0, 1))
    picture = cv2.remap(photo, x, y, kernel, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(picture, np.float32)


def _in_background(positions: NDArray[Any], number: int) -> NDArray[np.float64]:
    """Returns where positions of a frame are in the photo."""
    middle = np.array((WIDTH, HEIGHT)) / 2
    return np.asarray((positions - middle) / _ZOOM**number + middle + _CAMERA + _PAN * number)


def _from_background(positions: NDArray[Any], number: int) -> NDArray[np.float64]:
    """Returns where positions of the photo are in a frame."""
    middle = np.array((WIDTH, HEIGHT)) / 2
    return np.asarray((positions - middle - _CAMERA - _PAN * number) * _ZOOM**number + middle)


def _in_subject(positions: NDArray[Any], number: int) -> NDArray[np.float64]:
    return np.asarray(positions - _CENTRE - _SUBJECT_PATH * number + _CENTRE_IN_PHOTO)


def _from_edge(positions: NDArray[Any], number: int) -> NDArray[np.float64]:
    """Returns about how many pixels positions of a frame are within the subject."""
    offset = (positions - _CENTRE - _SUBJECT_PATH * number) / _RADII
    return np.asarray((1 - np.sqrt(np.square(offset).sum(-1))) * _RADII.min())


def _cover(positions: NDArray[Any], number: int) -> NDArray[np.float64]:
    """Returns how much of each pixel the subject covers."""
    return np.asarray((_from_edge(positions, number) + 0.5).clip(0, 1))


def _near_edge(positions: NDArray[Any], number: int) -> NDArray[np.bool_]:
    return np.asarray(np.abs(_from_edge(positions, number)) < _EDGE_PX)
