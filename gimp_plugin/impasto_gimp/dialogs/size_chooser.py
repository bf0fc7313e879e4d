"""The choice of the size at which a layer is painted, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from impasto_gimp.arguments.procedure_arguments import (
    LABELS,
    SIZE_IS_CHOSEN,
    argument_name,
    integer_of,
    is_size_chosen,
    set_size_chosen,
)
from impasto_gimp.arguments.size_choices import (
    default_size,
    other_words,
    remark,
    words,
)
from impasto_gimp.dialogs.bindings import connect_while, keep_updated
from impasto_gimp.introspection import Gimp
from impasto_gimp.introspection_gtk import Gtk, Pango
from impasto_gimp.translation import gettext
from impasto_shared.protocol.messages import ForecastReport
from impasto_shared.settings import SETTINGS, Quality

_SETTING = SETTINGS.integer("size")
_SIZE = argument_name(_SETTING)
_SPACING_PX = 6
_REMARK_CHARACTERS = 48
# There is no more next to the preview, on a screen of 1024 pixels.
_ENTRY_WIDTH_PX = 200
_TEXT = 0


class SizeChooser:
    """A row that chooses among the sizes for a layer, and a row for any other size.

    As long as the user has chosen none, it chooses the largest that is painted soon, once for each
    dialog: as soon as the daemon has told how long each takes.

    widget: the row. label: its label. remark: what to know of the chosen size.
    sizes: those to choose from. layer_px: the longest side of the layer.
    quality: returns the quality of the picture.
    number: GIMP's own row of the setting, shown for *Other…*; None: there are no other sizes.
    """

    def __init__(
        self,
        config: Gimp.ProcedureConfig,
        sizes: tuple[int, ...],
        layer_px: int,
        quality: Callable[[], Quality],
        number: Gtk.Widget | None = None,
    ) -> None:
        self._config, self._layer_px, self._quality = config, layer_px, quality
        self.sizes, self._number = sizes, number
        self._forecasts: Mapping[int, ForecastReport | None] = {}
        self._is_other = self._is_showing = self._has_default = False
        self._entries = Gtk.ListStore(str)
        self._fill()
        self._chooser = _new_chooser(self._entries)
        self.label = Gtk.Label.new_with_mnemonic(LABELS[gettext(_SETTING.label)])
        self.label.set_xalign(0)
        self.label.set_mnemonic_widget(self._chooser)
        self.remark = Gtk.Label(xalign=0.0, wrap=True)
        self.remark.set_max_width_chars(_REMARK_CHARACTERS)
        self.remark.set_no_show_all(True)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
        self.widget.pack_start(self.label, False, False, 0)
        self.widget.pack_start(self._chooser, True, True, 0)
        self.widget.show_all()
        if number is not None:
            number.set_no_show_all(True)
        if not self._is_chosen:
            self._set_size(_SETTING.default if number else sizes[-1])
        self._chooser.connect("changed", self._on_changed)
        connect_while(self.widget, config, f"notify::{_SIZE}", self._on_size)
        connect_while(self.widget, config, f"notify::{SIZE_IS_CHOSEN}", self._on_is_chosen)
        keep_updated(self.widget, config, [_SIZE], self.show)

    def offer(self, sizes: tuple[int, ...], layer_px: int) -> None:
        """Offers other sizes, because another area of the layer is to be painted."""
        if (sizes, layer_px) == (self.sizes, self._layer_px):
            return
        self.sizes, self._layer_px = sizes, layer_px
        self._has_default = False
        self._is_showing = True
        self._entries.clear()
        self._fill()
        self._is_showing = False
        self.show()

    def _fill(self) -> None:
        for _ in range(len(self.sizes) + (self._number is not None)):
            self._entries.append([""])

    def show_forecasts(self, forecasts: Mapping[int, ForecastReport | None]) -> None:
        """Shows what each of `sizes` takes, as far as there are `forecasts`, by size."""
        self._forecasts = forecasts
        self._choose_default()
        self.show()

    @property
    def _is_chosen(self) -> bool:
        return is_size_chosen(self._config)

    def _choose_default(self) -> None:
        if self._has_default or self._is_chosen:
            return
        # Those of another area may still be on their way.
        forecasts = {size: self._forecasts.get(size) for size in self.sizes}
        if (size := default_size(forecasts)) is not None:
            self._has_default = True
            self._set_size(size)

    def _set_size(self, size: int) -> None:
        """Sets the size without a choice of the user."""
        self._is_showing = True
        try:
            self._config.set_property(_SIZE, size)
        finally:
            self._is_showing = False

    def _on_changed(self, *_: object) -> None:
        """Takes the entry that the user has chosen."""
        index = self._chooser.get_active()
        if self._is_showing or index < 0:
            return
        self._is_other = index == len(self.sizes)
        set_size_chosen(self._config, is_chosen=True)
        if not self._is_other:
            self._set_size(self.sizes[index])
        self.show()

    def _on_size(self, *_: object) -> None:
        size = integer_of(self._config, _SETTING)
        if self._number is None and size not in self.sizes:  # the settings were reset
            self._set_size(self.sizes[-1])
            return
        is_reset = not self._is_other and size == _SETTING.default
        if not (self._is_showing or is_reset):
            set_size_chosen(self._config, is_chosen=True)

    def _on_is_chosen(self, *_: object) -> None:
        if not self._is_chosen:  # the settings were reset
            self._is_other = self._has_default = False
            self._choose_default()
            self.show()

    def show(self) -> None:
        """Shows the choice; to be called when the quality has changed."""
        size = integer_of(self._config, _SETTING)
        index = len(self.sizes) if self._is_other else self._index_of(size)
        is_other = index == len(self.sizes)
        self._set_texts(size if is_other else None)
        self._is_showing = True
        try:
            self._chooser.set_active(index)
        finally:
            self._is_showing = False
        if self._number is not None:
            self._number.set_visible(is_other)
        note = remark(size, self._layer_px, self._quality())
        self.remark.set_text(note or "")
        self.remark.set_visible(note is not None)

    def _set_texts(self, other: int | None) -> None:
        """Writes the entries; `other` is the size that is chosen by its number."""
        quality = self._quality()
        texts = [
            words(size, self._layer_px, quality, self._forecasts.get(size)) for size in self.sizes
        ]
        if self._number is not None:
            texts.append(other_words(other, self._layer_px, quality))
        for row, text in zip(self._entries, texts, strict=True):
            if row[_TEXT] != text:
                row[_TEXT] = text

    def _index_of(self, size: int) -> int:
        """Returns the entry for a size; more than the layer has makes no difference."""
        used = min(size, self.sizes[0]) if self.sizes[0] >= self._layer_px else size
        return self.sizes.index(used) if used in self.sizes else len(self.sizes)


def _new_chooser(entries: Gtk.ListStore) -> Gtk.ComboBox:
    chooser = Gtk.ComboBox(model=entries)
    text = Gtk.CellRendererText()
    text.set_property("wrap-mode", Pango.WrapMode.WORD)
    text.set_property("wrap-width", _ENTRY_WIDTH_PX)
    chooser.pack_start(text, True)
    chooser.add_attribute(text, "text", _TEXT)
    chooser.set_tooltip_text(gettext(_SETTING.help))
    return chooser
