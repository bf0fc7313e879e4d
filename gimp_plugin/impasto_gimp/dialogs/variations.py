"""A dialog with small paintings that differ in their settings; a click adopts those of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from impasto_gimp.dialogs.daemon_work import DaemonWork
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.pictures.pixbufs import filling_size, pixbuf_of, scaled, show_sharply
from impasto_gimp.image.layer_reader import read_small
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.image.paintings.styles import ChosenStyle
from impasto_gimp.introspection import GLib
from impasto_gimp.introspection_gtk import Gdk, Gtk, Pango
from impasto_gimp.jobs.variation_jobs import (
    PICTURE_PX,
    Variation,
    VariationJobs,
    by_loss,
    by_strength_and_scale,
)
from impasto_gimp.translation import gettext
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from impasto_shared.text.durations import format_duration

TITLE = gettext("Neural Style: Variations")
_LARGEST_SHOWN_PX, _SMALLEST_SHOWN_PX = 256, 140
# The height of the window without its pictures, and of a picture's caption and frame.
_OTHER_HEIGHT_PX, _CAPTION_PX = 190, 40
_UNPAINTED_OPACITY = 0.25
_COLUMNS = 3
_TICK_MS = 100
_SPACING_PX = 6
_KINDS: tuple[tuple[str, Callable[[StyleSettings], list[Variation]]], ...] = (
    (gettext("Style strength and stroke size"), by_strength_and_scale),
    (gettext("Style loss"), by_loss),
)


def choose_variation(
    parent: Gtk.Window, area: PaintedArea, styles: Sequence[ChosenStyle], settings: StyleSettings
) -> StyleSettings | None:
    """Returns the settings of the small painting of `area` that is clicked; None if none is.

    Raises:
        InvalidImage: if a painting or a region cannot be used.
    """
    content = read_small(area, PICTURE_PX)
    small_styles = [style.read_small(area, content) for style in styles]
    dialog = _Variations(parent, content, small_styles, settings)
    try:
        return dialog.run()
    finally:
        dialog.close()


class _Variations:
    def __init__(
        self, parent: Gtk.Window, content: Image, styles: Sequence[Style], settings: StyleSettings
    ) -> None:
        self._content, self._styles, self._settings = content, styles, settings
        self._jobs: VariationJobs | None = None
        self._tiles: list[_Tile] = []
        self._chosen: StyleSettings | None = None
        self._dialog = Gtk.Dialog(title=TITLE, transient_for=parent, modal=True)
        self._dialog.add_button(gettext("_Cancel"), Gtk.ResponseType.CANCEL)
        self._dialog.connect("response", self._on_response)
        self._shown_px = _shown_px(content)
        self._kind = Gtk.ComboBoxText()
        self._grid = Gtk.Grid(row_spacing=_SPACING_PX, column_spacing=_SPACING_PX)
        self._line = Gtk.Label(label=" ", xalign=0, wrap=True)
        self._arrange()
        self._work = DaemonWork(self._update, self._line.set_text, _TICK_MS)

    def run(self) -> StyleSettings | None:
        """Shows the dialog until a picture is clicked or it is closed; returns the settings."""
        self._dialog.show_all()
        self._kind.set_active(0)
        self._dialog.run()
        return self._chosen

    def close(self) -> None:
        """Closes the dialog and cancels its unfinished jobs."""
        self._work.close()
        self._dialog.destroy()
        handle_events()

    def _arrange(self) -> None:
        for label, _ in _KINDS:
            self._kind.append_text(label)
        self._kind.connect("changed", self._on_changed)
        vary = Gtk.Label.new_with_mnemonic(gettext("_Vary"))
        vary.set_mnemonic_widget(self._kind)
        head = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
        head.pack_start(vary, False, False, 0)
        head.pack_start(self._kind, True, True, 0)
        box = self._dialog.get_content_area()
        box.set_spacing(_SPACING_PX)
        box.set_border_width(2 * _SPACING_PX)
        for widget in (head, self._grid, self._line):
            box.pack_start(widget, False, False, 0)

    def _on_changed(self, *_: object) -> None:
        self._work.ask("submit", self._submit)

    def _submit(self) -> None:
        """Cancels all jobs and submits those of the chosen kind of variations."""
        self._disconnect()
        for button in self._grid.get_children():
            button.destroy()
        variations = _KINDS[self._kind.get_active()][1](self._settings)
        self._tiles = []
        for index, variation in enumerate(variations):
            tile = _Tile(variation, self._content, self._shown_px)
            tile.button.connect("clicked", self._choose, variation.settings)
            self._tiles.append(tile)
            self._grid.attach(tile.button, index % _COLUMNS, index // _COLUMNS, 1, 1)
        self._grid.show_all()
        self._dialog.resize(1, 1)  # as small as its content allows
        self._line.set_text(gettext("Looking for the daemon…"))
        client = self._work.client()
        self._jobs = VariationJobs(client, self._content, self._styles, variations)

    def _choose(self, _button: Gtk.Button, settings: StyleSettings) -> None:
        self._chosen = settings
        self._dialog.response(Gtk.ResponseType.OK)

    def _on_response(self, *_: object) -> None:
        self._work.is_ended = True

    def _update(self) -> None:
        """Shows the pictures that have changed since the last call."""
        jobs = self._jobs
        if jobs is None:
            return
        for index, picture in jobs.poll():
            self._tiles[index].show(picture)
        count = len(self._tiles)
        line = gettext("Click a picture to use its settings.")
        if jobs.unfinished:
            painted = gettext("{painted} of {count} painted.")
            line = f"{painted.format(painted=count - jobs.unfinished, count=count)} {line}"
            if jobs.left_s is not None:
                left = gettext("{time} left.")
                line = f"{left.format(time=format_duration(jobs.left_s, gettext))} {line}"
        self._line.set_text(line)
        if not jobs.unfinished:
            self._disconnect()

    def _disconnect(self) -> None:
        """Closes the connection, which cancels its unfinished jobs."""
        self._work.disconnect()
        self._jobs = None


class _Tile:
    """A picture above its caption; it can be clicked once there is paint on it.

    button: all of it.
    """

    def __init__(self, variation: Variation, content: Image, shown_px: int) -> None:
        self._shown_px = shown_px
        self._picture = Gtk.Image()
        self._state = Gtk.Label(label=gettext("Not yet painted"))
        caption = Gtk.Label(label=variation.label, max_width_chars=1)
        caption.set_ellipsize(Pango.EllipsizeMode.END)
        if variation.is_current:
            now = GLib.markup_escape_text(gettext("Current settings"))
            caption.set_markup(f"<b>{now}</b>")
        picture = Gtk.Overlay()
        picture.add(self._picture)
        picture.add_overlay(self._state)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX // 2)
        box.pack_start(picture, True, True, 0)
        box.pack_start(caption, False, False, 0)
        self.button = Gtk.Button(sensitive=False)
        self.button.set_relief(Gtk.ReliefStyle.NONE)
        self.button.add(box)
        self.button.set_tooltip_text(variation.label)
        self.button.get_accessible().set_name(variation.label)
        self._show(content)
        self._picture.set_opacity(_UNPAINTED_OPACITY)

    def show(self, picture: Image) -> None:
        """Shows `picture` in place of the photo."""
        self._show(picture)
        self._picture.set_opacity(1.0)
        self._state.hide()
        self.button.set_sensitive(True)

    def _show(self, picture: Image) -> None:
        scale = self._picture.get_scale_factor()
        width, height = filling_size(picture.width, picture.height, self._shown_px)
        pixbuf = scaled(pixbuf_of(picture), (width * scale, height * scale))
        if pixbuf is not None:
            show_sharply(self._picture, pixbuf, scale)


def _shown_px(content: Image) -> int:
    """Returns the longest side of the pictures of `content` with which the window is on screen."""
    display = Gdk.Display.get_default()
    monitor = display and (display.get_primary_monitor() or display.get_monitor(0))
    if not monitor:
        return _SMALLEST_SHOWN_PX
    area = monitor.get_workarea()
    height = (area.height - _OTHER_HEIGHT_PX) // _COLUMNS - _CAPTION_PX
    width = area.width // _COLUMNS - _CAPTION_PX
    scale = min(width / content.width, height / content.height)
    fitting_px = int(scale * max(content.width, content.height))
    return min(max(fitting_px, _SMALLEST_SHOWN_PX), _LARGEST_SHOWN_PX)
