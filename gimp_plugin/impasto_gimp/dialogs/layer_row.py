"""The row that says which layer is painted, and what to know before."""

from __future__ import annotations

from impasto_gimp.dialogs.pictures.pixbufs import faded, pixbuf_of, show_sharply
from impasto_gimp.image.layer_reader import read_small
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.image.recipe import PARASITE
from impasto_gimp.image.region_mask import new_layers_mask
from impasto_gimp.introspection import Gimp
from impasto_gimp.introspection_gtk import Gtk, Pango
from impasto_gimp.translation import gettext, ngettext
from impasto_shared.image import fitted_size

_THUMBNAIL_PX = 32
# The opacity of what the mask hides.
_HIDDEN = 0.25
_LINE_CHARACTERS = 90
# Of each sentence: a layer may have a name that is longer than the dialog is high.
_MAX_LINES = 2
_SPACING_PX = 12
_PAINTING_NOTE = gettext(
    "It is itself a painting. To paint its photo with other settings: Neural Style: Again…"
)
_CHANNEL_NOTE = gettext(
    "A channel is selected in GIMP, so this is the topmost visible layer. To paint another one, "
    "select it in the Layers dialog first."
)
_GRAY_NOTE = gettext(
    "The image is grayscale, and so will be the picture. To paint in colours: Image > Mode > RGB"
)
_SELECTION_NOTE = gettext(
    "Only the selection is painted, with what surrounds it: it becomes the mask of the new layer."
)


class LayerRow:
    """The thumbnail and the name of `layer`, and notes if it is a painting or partly selected.

    further: the number of layers that are painted after it; is_animation: as its frames.
    widget: the row.
    scale: the pixels of the screen each way for one of GTK's.
    """

    def __init__(
        self, layer: Gimp.Layer, scale: int, further: int = 0, *, is_animation: bool = False
    ) -> None:
        self._layer, self._further, self._is_animation = layer, further, is_animation
        self._label = Gtk.Label(xalign=0.0, wrap=True)
        self._label.set_max_width_chars(_LINE_CHARACTERS)
        self._label.set_lines(_MAX_LINES)
        self._label.set_ellipsize(Pango.EllipsizeMode.END)
        self._picture, self._scale = Gtk.Image(), scale
        self._shown: tuple[PaintedArea, bytes | None] | None = None
        self.widget = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
        self.widget.pack_start(self._picture, False, False, 0)
        self.widget.pack_start(self._label, False, False, 0)
        self.widget.show_all()

    def show(self, area: PaintedArea) -> None:
        """Says and shows what is painted; what the mask of the new layer will hide is pale."""
        side = _THUMBNAIL_PX * self._scale
        mask = new_layers_mask(area, fitted_size(area.width, area.height, side))
        if self._shown != (area, mask):
            self._shown = area, mask
            picture = faded(read_small(area, side), mask, _HIDDEN)
            show_sharply(self._picture, pixbuf_of(picture), self._scale)
        is_selection = area.is_selection
        if self._is_animation:
            lines = _lines_of_frames(self._layer, self._further + 1, is_selection=is_selection)
        else:
            lines = _lines(self._layer, self._further, is_selection=is_selection)
        self._label.set_text("\n".join(lines))
        self._label.set_tooltip_text(lines[0])


def _lines_of_frames(first: Gimp.Layer, count: int, *, is_selection: bool) -> list[str]:
    text = gettext(
        "Paints {count} layers of {image} as frames of an animation, the first of them “{layer}”"
    )
    image = first.get_image().get_name()
    lines = [text.format(layer=first.get_name(), image=image, count=count)]
    return lines + _notes(first, is_selection=is_selection)


def _lines(layer: Gimp.Layer, further: int, *, is_selection: bool) -> list[str]:
    text = gettext("Paints the layer “{layer}” of {image}")
    if further:
        text = ngettext(
            "Paints the layer “{layer}” of {image}, and then {count} more selected layer",
            "Paints the layer “{layer}” of {image}, and then {count} more selected layers",
            further,
        )
    image = layer.get_image()
    lines = [text.format(layer=layer.get_name(), image=image.get_name(), count=further)]
    if image.get_selected_channels() and len(image.get_layers()) > 1:
        lines.append(_CHANNEL_NOTE)
    if layer.get_parasite(PARASITE) is not None:
        lines.append(_PAINTING_NOTE)
    return lines + _notes(layer, is_selection=is_selection)


def _notes(layer: Gimp.Layer, *, is_selection: bool) -> list[str]:
    """Returns what to know of a layer of any kind."""
    notes = []
    if layer.get_image().get_base_type() == Gimp.ImageBaseType.GRAY:
        notes.append(_GRAY_NOTE)
    if is_selection:
        notes.append(_SELECTION_NOTE)
    return notes
