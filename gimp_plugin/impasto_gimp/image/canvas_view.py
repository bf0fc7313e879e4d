"""Pictures shown on the canvas for a while, without a trace in the image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from impasto_gimp.image.layer_reader import SourceLayer
from impasto_gimp.image.layer_writer import new_layer
from impasto_gimp.image.pixel_formats import check_base_type
from impasto_gimp.introspection import Gimp, Gio
from impasto_gimp.translation import gettext
from impasto_shared.image import Image

_SAVED = gettext(
    "The image was saved while a result was shown on it: the file has that as a layer, “{layer}”. "
    "Save the image again."
)
_NAME = gettext("Shown by Results")


class CanvasView:
    """Shows pictures on the canvas of an image, one at a time, which remains as it is.

    The picture is in a layer of its own, that comes and goes without a step in the history.
    """

    def __init__(self, image: Gimp.Image) -> None:
        self._image = image
        self._layer: Gimp.Layer | None = None
        self._state: _FileState | None = None

    def show(self, source: SourceLayer | None, picture: Image) -> None:
        """Shows `picture` where it was painted; in the top left corner if that is unknown.

        Raises:
            InvalidImage: if the image is indexed.
        """
        self.hide()
        if not self._image.is_valid():
            return
        check_base_type(self._image)
        with _unchanged(self._image):
            layer = new_layer(self._image, _NAME, picture)
            place = source.area.image_rectangle() if source else None
            if place:
                layer.set_offsets(place.x, place.y)
            self._image.insert_layer(layer, None, 0)
        self._layer, self._state = layer, _file_state(self._image)
        Gimp.displays_flush()

    def hide(self) -> None:
        """Takes the picture off the canvas.

        If the image was saved with it, it has to be saved again, and the user is told.
        """
        layer, self._layer = self._layer, None
        if layer is None or not (layer.is_valid() and self._image.is_valid()):
            return
        was_saved = _file_state(self._image) != self._state
        with _unchanged(self._image, must_be_saved=was_saved):
            self._image.remove_layer(layer)
        Gimp.displays_flush()
        if was_saved:
            Gimp.message(_SAVED.format(layer=_NAME))


# The files of an image, and when each was written.
_FileState: TypeAlias = list[tuple[str, int] | None]


def _file_state(image: Gimp.Image) -> _FileState:
    return [_written(file) for file in (image.get_xcf_file(), image.get_exported_file())]


def _written(file: Gio.File | None) -> tuple[str, int] | None:
    if file is None:
        return None
    path = file.get_path()
    with suppress(OSError):  # it was removed
        return file.get_uri() or "", Path(path).stat().st_mtime_ns if path else 0
    return None


@contextmanager
def _unchanged(image: Gimp.Image, *, must_be_saved: bool = False) -> Iterator[None]:
    """Has changes leave no trace in the history, in what is selected or what is to be saved.

    must_be_saved: whether the image must be saved because of them all the same.
    """
    was_dirty = image.is_dirty()
    layers, channels = image.get_selected_layers(), image.get_selected_channels()
    image.undo_freeze()
    try:
        yield
    finally:
        image.undo_thaw()
        if channels:
            image.set_selected_channels(channels)
        else:
            image.set_selected_layers([layer for layer in layers if layer.is_valid()])
        if not (was_dirty or must_be_saved):
            image.clean_all()
