"""The row that chooses the region of a style."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from impasto_gimp.arguments.procedure_arguments import (
    LABELS,
    REGION_HELP,
    REGION_LABEL,
    STYLES,
    StyleArguments,
)
from impasto_gimp.dialogs.bindings import keep_updated
from impasto_gimp.dialogs.pictures.pixbufs import icon_of, icon_size, pixbuf_of
from impasto_gimp.image.layer_reader import all_layers
from impasto_gimp.image.painted_area import whole
from impasto_gimp.image.paintings.styles import chosen_region
from impasto_gimp.image.region_mask import Region, inverted
from impasto_gimp.introspection import Gegl, Gimp, Gio, GLib
from impasto_gimp.introspection_gtk import Gtk, Pango
from impasto_gimp.translation import gettext, percent
from impasto_shared.errors import InvalidImage
from impasto_shared.image import fitted_size

_EVERYWHERE = gettext("Wherever no other style applies")
_SELECTION = gettext("The selection")
_OUTSIDE_SELECTION = gettext("All but the selection")
_OUTSIDE = gettext("All but “{region}”")
_SAMPLE_PX = 24
_MASK, _TEXT = range(2)
_SPACING_PX = 6
_NAME_CHARACTERS = 16


class Regions:
    """The selection, the layers and the channels that can be the region of a style.

    config: its choices remain in the list as long as they exist.
    painted: the layer that is to be painted, which cannot be one.
    scale: the pixels of the screen each way for one of GTK's.
    choices: the regions; None stands for no region.
    model: a row for each of them: its mask as a small picture, and its name with the share of
        `painted` that it covers. These are added while nothing else happens: large layers take
        some time.
    """

    def __init__(self, config: Gimp.ProcedureConfig, painted: Gimp.Layer, scale: int) -> None:
        self._config, self._painted, self._scale = config, painted, scale
        self.choices: list[Region | None] = []
        self.model = Gtk.ListStore(Gio.Icon, str)
        self.is_updating = False
        self._when_updated: list[Callable[[], object]] = []
        self._state: list[object] = []
        self._area = whole(painted)
        self._unread: list[tuple[Region, Gtk.TreeModelRow, Gtk.TreeModelRow]] = []
        self._reading: int | None = None
        self.update()

    def update(self) -> None:
        """Takes in what has changed in the image: the selection, layers, channels."""
        regions = _regions(self._config, self._painted)
        state: list[object] = [(region, _name(region)) for region in regions]
        state.append(_selected(self._painted.get_image(), _SAMPLE_PX * self._scale))
        if state == self._state:
            return
        self.close()
        self._state, self.choices = state, [None, *regions]
        self.is_updating = True  # nothing is chosen while the rows are replaced
        self.model.clear()
        for region in self.choices:
            self.model.append([None, _name(region) if region else _EVERYWHERE])
        self.is_updating = False
        _, *rows = self.model
        self._unread = list(zip(regions[::2], rows[::2], rows[1::2], strict=True))
        self._reading = GLib.idle_add(self._read_next) if self._unread else None
        for function in self._when_updated:
            function()

    def when_updated(self, function: Callable[[], object]) -> None:
        """Has `function` called when the rows have been replaced."""
        self._when_updated.append(function)

    def close(self) -> None:
        """Reads no further masks."""
        if self._reading is not None:
            GLib.source_remove(self._reading)
            self._reading = None

    def _read_next(self) -> bool:
        """Completes the rows of the next drawable; returns whether there are more."""
        region, *rows = self._unread.pop(0)
        with suppress(InvalidImage):  # deleted meanwhile; OK says so
            side = _SAMPLE_PX * self._scale
            size = fitted_size(self._area.width, self._area.height, side)
            mask = region.read(self._area, size)
            for row, shown in zip(rows, (mask, inverted(mask)), strict=True):
                share = sum(shown.pixels) / (255 * len(shown.pixels))
                row[_MASK], row[_TEXT] = (
                    icon_of(pixbuf_of(shown)),
                    f"{row[_TEXT]} ({percent(share)})",
                )
        if not self._unread:
            self._reading = None
        return bool(self._unread)


class RegionChooser:
    """A row that chooses one of `regions` for a style."""

    def __init__(
        self, config: Gimp.ProcedureConfig, arguments: StyleArguments, regions: Regions
    ) -> None:
        self._config, self._arguments = config, arguments
        self._regions = regions
        self._chooser = Gtk.ComboBox.new_with_model(regions.model)
        self._chooser.set_tooltip_text(REGION_HELP)
        _add_cells(self._chooser)
        label = Gtk.Label.new_with_mnemonic(LABELS[REGION_LABEL])
        label.set_xalign(0)
        label.set_mnemonic_widget(self._chooser)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
        self.widget.pack_start(label, False, False, 0)
        self.widget.pack_start(_in_the_given_width(self._chooser), True, True, 0)
        self._chooser.connect("changed", self._on_changed)
        keep_updated(
            self._chooser, config, [arguments.region, arguments.outside], self._show_choice
        )
        regions.when_updated(self._show_choice)

    def _on_changed(self, *_: object) -> None:
        index = self._chooser.get_active()
        if self._regions.is_updating or index < 0:
            return
        region = self._regions.choices[index]
        if region != chosen_region(self._config, self._arguments):
            drawable = region.drawable if region else None
            self._config.set_property(self._arguments.outside, bool(region and region.is_outside))
            self._config.set_property(self._arguments.region, drawable)

    def _show_choice(self) -> None:
        region = chosen_region(self._config, self._arguments)
        if region is not None and region not in self._regions.choices:
            self._regions.update()  # it is new
        choices = self._regions.choices
        self._chooser.set_active(choices.index(region) if region in choices else 0)


def _regions(config: Gimp.ProcedureConfig, painted: Gimp.Layer) -> list[Region]:
    """Returns all regions, each before what is outside of it."""
    image = painted.get_image()
    chosen = [config.get_property(arguments.region) for arguments in STYLES]
    is_listed = image.get_selection() in chosen or not Gimp.Selection.is_empty(image)
    selection = [image.get_selection()] if is_listed else []
    layers = [layer for layer in all_layers(image) if layer != painted]
    drawables: list[Gimp.Drawable] = [*selection, *layers, *image.get_channels()]
    return [Region(drawable, is_outside) for drawable in drawables for is_outside in (False, True)]


def _selected(image: Gimp.Image, side_px: int) -> bytes | None:
    """Returns a small picture of what is selected, one byte a pixel; None if nothing is."""
    if Gimp.Selection.is_empty(image):
        return None
    scale = min(1.0, side_px / max(image.get_width(), image.get_height()))
    width, height = (max(1, round(px * scale)) for px in (image.get_width(), image.get_height()))
    area = Gegl.Rectangle.new(0, 0, width, height)
    buffer = image.get_selection().get_buffer()
    return buffer.get(area, scale, "Y u8", Gegl.AbyssPolicy.NONE)


def _name(region: Region) -> str:
    if isinstance(region.drawable, Gimp.Selection):
        return _OUTSIDE_SELECTION if region.is_outside else _SELECTION
    name = region.drawable.get_name()
    return _OUTSIDE.format(region=name) if region.is_outside else name


def _in_the_given_width(chooser: Gtk.ComboBox) -> Gtk.Widget:
    """Returns a container in which `chooser` takes no more width than there is.

    The names of layers are long, and the dialog must fit on a small screen. The list shows them.
    """
    chooser.set_property("popup-fixed-width", False)
    container = Gtk.ScrolledWindow()
    container.set_policy(Gtk.PolicyType.EXTERNAL, Gtk.PolicyType.NEVER)
    container.add(chooser)
    return container


def _add_cells(chooser: Gtk.ComboBox) -> None:
    picture, text = Gtk.CellRendererPixbuf(), Gtk.CellRendererText()
    picture.set_property("stock-size", icon_size("impasto-region", _SAMPLE_PX))
    # Otherwise a long name widens the dialog.
    text.set_property("ellipsize", Pango.EllipsizeMode.END)
    text.set_property("max-width-chars", _NAME_CHARACTERS)
    chooser.pack_start(picture, False)
    chooser.add_attribute(picture, "gicon", _MASK)
    text.set_property("ellipsize", Pango.EllipsizeMode.END)
    chooser.pack_start(text, True)
    chooser.add_attribute(text, "text", _TEXT)
