"""Optical flow between two frames: where paint has moved to, and where it is to stay.

The flow is OpenCV's, by dense inverse search (Kroeger et al., ECCV 2016). Where it is trusted
follows Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos" (GCPR 2016), section 4:
neither where forward and backward flow disagree, since something has been uncovered there (equation
5), nor at the borders of what moves (equation 6). A third condition is added: nor where the frame
before looked different.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto_shared.beginning import Beginning
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.text.sentences import sentence

_WHITE = 255
# The type of a stored number and its white, by its bytes.
_DEPTHS = {1: ("<u1", 255), 2: ("<u2", 65_535), 4: ("<f4", 1)}
# Of 255: noise and the compression of films stay below it.
_OTHER_COLOUR = 24
# The search for the motion ends at a level of at least this longest side.
_SEARCHED_PX = 512
# Of each of the three colours, to know paints by the colour of the photo.
_BINS = 16
# Of a pixel: so much do the other colours count if none is like it.
_LITTLE = 1e-3


class FlowMissing(ImpastoError):
    """The library that calculates optical flow is not installed."""

    code = ErrorCode.INVALID_SETTINGS


def check_flow() -> None:
    """Raises FlowMissing if optical flow cannot be calculated."""
    try:
        import cv2  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise FlowMissing(sentence("opencv-missing", reason=error)) from error


@dataclass(frozen=True)
class Flow:
    """The motion from the frame before, of each pixel of a frame of H × W.

    backward: (H, W, 2), where it was, in pixels to the right and down.
    is_trusted: (H, W), whether that is certain.
    is_new: (H, W), whether the frame before shows something else there, or nothing.
    """

    backward: NDArray[np.float32]
    is_trusted: NDArray[np.bool_]
    is_new: NDArray[np.bool_]


def brought_along(begin_from: Beginning, now: Image) -> Beginning:
    """Returns a painted frame moved as the subject has moved since, with the mask of where it is.

    begin_from: with the frame that it was painted from. now: the next one.

    Raises FlowMissing.
    """
    if begin_from.photo is None:
        return begin_from
    check_flow()
    warped, trust = moved(begin_from.photo, now, begin_from.image)
    return Beginning(warped, begin_from.size, trust)


def moved(before: Image, now: Image, painted: Image) -> tuple[Image, Image]:
    """Returns the frame before as it would be seen now, painted, and the mask of where it is.

    What is new has the mean paint of its colour.

    before, now: two frames of the same size. painted: the first of them, painted.
    """
    import cv2

    first, second = (_rgb(frame) for frame in (before, now))
    flow = flow_between(first, second)
    rows, columns = _positions(second)
    x, y = columns + flow.backward[..., 0], rows + flow.backward[..., 1]
    # A softer kernel would blur the paint from frame to frame.
    kernel = cv2.INTER_LANCZOS4
    warped: Any = cv2.remap(_rgb(painted), x, y, kernel, borderMode=cv2.BORDER_REPLICATE)
    if flow.is_trusted.any():
        paint = _mean_paint(second, warped, flow.is_trusted)
        warped = np.where(flow.is_new[..., None], paint, warped)
    mask = np.repeat((flow.is_trusted * np.uint8(255))[..., None], 3, axis=2)
    return _image(warped), _image(mask)


def _mean_paint(
    photo: NDArray[np.uint8], painted: NDArray[np.uint8], where: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Returns for each pixel of a photo the mean paint of pixels of about its colour.

    where: the pixels whose paint is known, some at least.
    """
    from scipy.ndimage import gaussian_filter

    bins = (photo // (256 // _BINS)).astype(np.intp)
    places = (bins[..., 0] * _BINS + bins[..., 1]) * _BINS + bins[..., 2]
    cube = (_BINS,) * 3

    def smoothed(weights: NDArray[Any]) -> NDArray[np.float64]:
        sums = np.bincount(places[where], weights, minlength=_BINS**3)
        blurred: NDArray[np.float64] = gaussian_filter(sums.astype(float).reshape(cube), 1.0)
        return blurred.ravel()

    counts = smoothed(np.ones(np.count_nonzero(where)))
    paint = np.empty(photo.shape)
    for channel in range(3):
        known = painted[..., channel][where]
        means = (smoothed(known) + _LITTLE * known.mean()) / (counts + _LITTLE)
        paint[..., channel] = means[places]
    return paint.round().clip(0, 255).astype(np.uint8)


def flow_between(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> Flow:
    """Returns the flow between two frames (H, W, 3)."""
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(_finest_scale(max(now.shape)))
    first, second = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, now))
    backward: Any = search.calc(second, first, None)  # type: ignore[call-overload]
    forward: Any = search.calc(first, second, None)  # type: ignore[call-overload]
    rows, columns = _positions(now)
    x, y = columns + backward[..., 0], rows + backward[..., 1]
    returning = cv2.remap(forward, x, y, cv2.INTER_LINEAR)
    height, width = now.shape[:2]
    is_outside = (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)
    disagreement = _square(returning + backward)
    is_uncovered = disagreement > 0.01 * (_square(returning) + _square(backward)) + 0.5
    moved_frame = cv2.blur(cv2.remap(before, x, y, cv2.INTER_LINEAR), (3, 3))
    is_other = cv2.absdiff(moved_frame, cv2.blur(now, (3, 3))).max(axis=-1) > _OTHER_COLOUR
    gradients = [np.gradient(backward[..., axis]) for axis in (0, 1)]
    change = sum(np.square(each) for pair in gradients for each in pair)
    is_border = change > 0.01 * _square(backward) + 0.002
    is_new = is_outside | is_uncovered | is_other
    return Flow(backward, ~(is_new | is_border), is_new)


def _finest_scale(longest_side_px: int) -> int:
    """Returns the level of the pyramid that the search ends at; each halves the sides.

    The preset ends at 1. One level lower takes three times as long, and has a third of the error;
    but of a large frame, that could not be seen in the paint.
    """
    return max(0, int(math.log2(longest_side_px / _SEARCHED_PX)))


def _square(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    squares: NDArray[np.float32] = np.square(flow).sum(axis=-1)
    return squares


def _positions(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = frame.shape[:2]
    return np.mgrid[:height, :width].astype(np.float32)


def _rgb(image: Image) -> NDArray[np.uint8]:
    """Returns the colours of an image, of any depth, as (H, W, 3)."""
    shape = (image.height, image.width, image.format.channels)
    number_type, white = _DEPTHS[image.format.bytes_per_channel]
    colours = np.frombuffer(image.pixels, number_type).reshape(shape)[..., :3]
    if white == _WHITE:
        return colours.astype(np.uint8)
    scaled = np.nan_to_num(colours.astype(np.float32)) * (_WHITE / white)
    return scaled.round().clip(0, _WHITE).astype(np.uint8)


def _image(rgb: NDArray[np.uint8]) -> Image:
    height, width = rgb.shape[:2]
    return Image(width, height, PixelFormat.RGB_U8, np.ascontiguousarray(rgb).tobytes())
