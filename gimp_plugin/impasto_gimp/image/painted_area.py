"""The area of a layer that is painted: all of it, or the selection with what surrounds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage

# Strokes at the edge of the selection depend on what is around it.
_SURROUNDINGS = 1 / 8
_SURROUNDINGS_PX = 32


@dataclass(frozen=True)
class PaintedArea:
    """A rectangle of `layer`, whose top left corner is (0, 0), in pixels.

    is_selection: whether the selection becomes the mask of the painting.
    """

    layer: Gimp.Layer
    x: int
    y: int
    width: int
    height: int
    is_selection: bool = False

    @property
    def is_whole(self) -> bool:
        """True if it is all of the layer."""
        return (self.width, self.height) == (self.layer.get_width(), self.layer.get_height())

    @property
    def is_inside(self) -> bool:
        """True if the layer has all of its pixels."""
        right, bottom = self.x + self.width, self.y + self.height
        return right <= self.layer.get_width() and bottom <= self.layer.get_height()

    @property
    def longest_side_px(self) -> int:
        """The longer of its sides."""
        return max(self.width, self.height)

    def rectangle(self, x: int = 0, y: int = 0) -> Gegl.Rectangle:
        """Returns the area in a buffer in which the layer begins at (`x`, `y`)."""
        return Gegl.Rectangle.new(self.x + x, self.y + y, self.width, self.height)

    def image_rectangle(self) -> Gegl.Rectangle:
        """Returns the area in the coordinates of the image."""
        _, x, y = self.layer.get_offsets()
        return self.rectangle(x, y)


def check_valid(layer: Gimp.Layer) -> None:
    """Raises InvalidImage if `layer` was deleted."""
    if not layer.is_valid():
        raise InvalidImage(gettext("The chosen layer no longer exists. Choose another."))


def whole(layer: Gimp.Layer) -> PaintedArea:
    """Returns all of `layer`."""
    return PaintedArea(layer, 0, 0, layer.get_width(), layer.get_height())


def painted_area(layer: Gimp.Layer, regions: Iterable[Gimp.Drawable | None] = ()) -> PaintedArea:
    """Returns the bounds of the selection with what surrounds it, as far as the layer goes.

    All of `layer` if nothing in it is selected, or if the selection is one of `regions`.

    Raises:
        InvalidImage: if the layer was deleted.
    """
    check_valid(layer)
    image = layer.get_image()
    _, is_selected, left, top, right, bottom = Gimp.Selection.bounds(image)
    if not is_selected or image.get_selection() in regions:
        return whole(layer)
    _, x, y = layer.get_offsets()
    around = max(_SURROUNDINGS_PX, round(_SURROUNDINGS * max(right - left, bottom - top)))
    left, right = max(0, left - x - around), min(layer.get_width(), right - x + around)
    top, bottom = max(0, top - y - around), min(layer.get_height(), bottom - y + around)
    if right <= left or bottom <= top:
        return whole(layer)
    return PaintedArea(layer, left, top, right - left, bottom - top, is_selection=True)
