"""The picture that a job begins from, painted earlier at a smaller size."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image
from impasto_shared.settings import SETTINGS
from impasto_shared.style import check_same_size
from impasto_shared.text.sentences import sentence

LARGEST_BEGUN_PX = SETTINGS.integer("size").high


@dataclass(frozen=True)
class Beginning:
    """A picture to begin from, with the photo's proportions, in place of the setting `start`.

    size: the longest side at which it was painted, in [1, 16384] pixels. The scales up to it are
        omitted, so that the composition remains.
    trust: for frames of a video, a mask of the picture's size: white where the paint is to stay,
        black where it may change. None: the whole picture may.

    photo: for frames of a video, in place of `trust`: the frame that the picture was painted from,
        of its size. The daemon then moves the picture along the optical flow from that frame to the
        one to paint, and finds the mask itself.

    Raises InvalidSettings if the size is out of range, and InvalidImage for a mask or a frame of
    another size, or both.
    """

    image: Image
    size: int
    trust: Image | None = None
    photo: Image | None = None

    @property
    def is_frame(self) -> bool:
        """True for a frame of a video, whose paint the next one keeps where it can."""
        return self.trust is not None or self.photo is not None

    @property
    def images(self) -> tuple[Image, ...]:
        """The picture, and its mask or frame if there is one."""
        images = (self.image, self.trust, self.photo)
        return tuple(image for image in images if image is not None)

    def __post_init__(self) -> None:
        if self.trust is not None:
            check_same_size(self.trust, self.image, "trust-of-another-size")
            if self.photo is not None:
                raise InvalidImage(sentence("trust-and-frame"))
        if self.photo is not None:
            check_same_size(self.photo, self.image, "frame-of-another-size")
        if not 1 <= self.size <= LARGEST_BEGUN_PX:
            raise InvalidSettings(
                "size",
                sentence("begun-size-out-of-range", limit=LARGEST_BEGUN_PX, size=self.size),
            )


def beginning_of(before: Image, now: Image, painted: Image, size: int) -> Beginning | None:
    """Returns what a frame of a video begins with; None if the one before has another size.

    before, now: the two frames. painted: the first of them, painted at `size`.
    """
    if len({(each.width, each.height) for each in (before, now, painted)}) > 1:
        return None
    return Beginning(painted, size, photo=before)


def check_beginning(beginning: Beginning, content: Image) -> None:
    """Raises InvalidImage unless a picture has the proportions of the photo `content`.

    Both sides of a reduced picture are rounded. A frame to move has exactly its size.
    """
    image = beginning.image
    if beginning.photo is not None:
        check_same_size(image, content, "frames-of-two-sizes")
    difference = abs(image.width * content.height - image.height * content.width)
    if difference > max(content.width, content.height):
        raise InvalidImage(
            sentence(
                "beginning-of-other-proportions",
                width=image.width,
                height=image.height,
                right_width=content.width,
                right_height=content.height,
            )
        )
