"""Pictures shown on the canvas for a while, without a trace in the image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from impasto_gimp.image.layer_reader import SourceLayer
from impasto_gimp.image.layer_writer import new_layer
from impasto_gimp.introspection import Gimp
from impasto_gimp.translation import gettext
from impasto_shared.image import Image


class CanvasView:
    """Shows pictures on the canvas of an image, one at a time, which remains as it is.

    The picture is in a layer of its own, that comes and goes without a step in the history.
    """

    def __init__(self, image: Gimp.Image) -> None:
        self._image = image
        self._layer: Gimp.Layer | None = None

    def show(self, source: SourceLayer | None, picture: Image) -> None:
        """Shows `picture` where it was painted; in the top left corner if that is unknown."""
        self.hide()
        if not self._image.is_valid():
            return
        with _unchanged(self._image):
            layer = new_layer(self._image, gettext("Shown by Results"), picture)
            place = source.area.image_rectangle() if source else None
            if place:
                layer.set_offsets(place.x, place.y)
            self._image.insert_layer(layer, None, 0)
        self._layer = layer
        Gimp.displays_flush()

    def hide(self) -> None:
        """Takes the picture off the canvas."""
        layer, self._layer = self._layer, None
        if layer is not None and layer.is_valid() and self._image.is_valid():
            with _unchanged(self._image):
                self._image.remove_layer(layer)
            Gimp.displays_flush()


@contextmanager
def _unchanged(image: Gimp.Image) -> Iterator[None]:
    """Has changes leave no trace in the history, in what is selected or what is to be saved."""
    was_dirty, selected = image.is_dirty(), image.get_selected_layers()
    image.undo_freeze()
    try:
        yield
    finally:
        image.undo_thaw()
        image.set_selected_layers([layer for layer in selected if layer.is_valid()])
        if not was_dirty:
            image.clean_all()
