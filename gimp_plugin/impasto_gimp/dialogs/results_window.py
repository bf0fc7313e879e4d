"""The window with the pictures of an image that the daemon keeps: to see them, and to keep one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from impasto_gimp.dialogs.daemon_work import DaemonWork
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.pictures.pixbufs import on_canvas, show_sharply, small_pixbuf
from impasto_gimp.image.canvas_view import CanvasView
from impasto_gimp.image.image_identity import file_of, id_of
from impasto_gimp.image.layer_writer import ImageChanged, add_painting, open_as_new_image
from impasto_gimp.image.profile.kept_results import KeptResult, KeptResults
from impasto_gimp.image.result_layer import recipe_of_result, restored_region, source_of_result
from impasto_gimp.introspection import GdkPixbuf, Gimp, GLib
from impasto_gimp.introspection_gtk import GimpUi, Gtk, Pango
from impasto_gimp.jobs.kept_pictures import KeptPictures, PictureState, state_of, state_text
from impasto_gimp.translation import decimal, gettext
from impasto_shared.configuration.resolution import default_endpoint
from impasto_shared.errors import ImpastoError, InvalidImage
from impasto_shared.image import Image
from impasto_shared.protocol.reports import JobReport
from impasto_shared.schema import ChoiceSetting
from impasto_shared.settings import SETTINGS

TITLE = gettext("Neural Style: Results")
_THUMBNAIL_PX = 160
_COLUMNS = 3
_WINDOW_PX = (600, 520)
_TICK_MS = 250
_SPACING_PX = 12
_KEEP, _FORGET = 1, 2
_EMPTY = gettext(
    "There are no pictures of this image yet. Choose Filters > Artistic > Neural Style… and paint "
    "one: every picture that is painted from this image is kept here for a day, also if you undo "
    "its layer, and if it was not done when you closed the image."
)
_HINT = gettext("Click a picture to see it on the canvas.")


def show_results(image: Gimp.Image, parent: Gtk.Window | None = None) -> None:
    """Shows the kept pictures of `image`, until the window is closed."""
    GimpUi.init("impasto-gimp")
    window = _ResultsWindow(image, parent)
    try:
        window.run()
    finally:
        window.close()


@dataclass
class _Tile:
    """A result, and how the window shows it."""

    result: KeptResult
    box: Gtk.FlowBoxChild
    picture: Gtk.Image
    state: Gtk.Label
    report: JobReport | None = None
    has_thumbnail: bool = False


class _ResultsWindow:
    def __init__(self, image: Gimp.Image, parent: Gtk.Window | None) -> None:
        self._image = image
        self._results = KeptResults()
        self._canvas = CanvasView(image)
        self._pictures: KeptPictures | None = None
        self._tiles: dict[str, _Tile] = {}
        self._others = {result.job for result in self._results.of_daemon(default_endpoint())}
        self._dialog = Gtk.Dialog(title=TITLE, role="impasto-results")
        if parent is not None:
            self._dialog.set_transient_for(parent)
            self._dialog.set_modal(True)
        self._flow = Gtk.FlowBox(selection_mode=Gtk.SelectionMode.SINGLE, homogeneous=True)
        self._scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        self._line = Gtk.Label(xalign=0.0, wrap=True)
        self._forget = self._dialog.add_button(gettext("_Forget"), _FORGET)
        self._dialog.add_button(gettext("_Close"), Gtk.ResponseType.CLOSE)
        self._keep = self._dialog.add_button(gettext("_Keep as Layer"), _KEEP)
        self._arrange()
        self._add_tiles()
        self._show_choice()
        self._work = DaemonWork(self._look, self._show_error, _TICK_MS)

    def run(self) -> None:
        """Returns when the window is closed."""
        self._dialog.show_all()
        # GTK chooses the first picture, which would cover the canvas.
        self._dialog.set_focus(None)
        self._flow.unselect_all()
        self._show_choice()
        if self._dialog.get_transient_for() is None:
            GimpUi.window_set_transient(self._dialog)
        while not self._work.is_ended:
            GLib.MainContext.default().iteration(True)

    def close(self) -> None:
        """Closes the window and the connection, and clears the canvas."""
        self._work.close()
        self._canvas.hide()
        self._dialog.destroy()
        handle_events()

    # Widgets

    def _arrange(self) -> None:
        self._flow.set_min_children_per_line(_COLUMNS)
        self._flow.set_valign(Gtk.Align.START)
        self._flow.get_accessible().set_name(gettext("Results"))
        self._flow.connect("selected-children-changed", self._on_selected)
        self._flow.connect("child-activated", lambda *_: self._keep_chosen())
        # A click chooses a picture, and a double click keeps it.
        self._flow.set_activate_on_single_click(False)
        self._scrolled.add(self._flow)
        self._dialog.set_default_size(*_WINDOW_PX)
        self._dialog.connect("response", self._on_response)
        self._forget.set_tooltip_text(
            gettext("Remove the picture from the daemon, or stop painting it")
        )
        self._keep.set_tooltip_text(gettext("Add the picture as a layer, as it would have been"))
        box = self._dialog.get_content_area()
        box.set_spacing(_SPACING_PX)
        box.set_border_width(_SPACING_PX)
        box.pack_start(self._scrolled, True, True, 0)
        box.pack_start(self._line, False, False, 0)

    def _add_tiles(self) -> None:
        image, daemon = self._image, default_endpoint()
        for result in self._results.of_image(id_of(image), file_of(image), daemon):
            tile = _new_tile(result)
            self._tiles[result.job] = tile
            self._flow.add(tile.box)
            tile.box.connect("focus-in-event", self._on_focus, tile)
            self._show_thumbnail(tile)

    def _show_thumbnail(self, tile: _Tile) -> None:
        with suppress(GLib.Error):  # there is none yet
            path = str(self._results.thumbnail_of(tile.result))
            _show_in_the_middle(tile, GdkPixbuf.Pixbuf.new_from_file(path), self._scale)
            tile.has_thumbnail = True

    @property
    def _without_thumbnail(self) -> _Tile | None:
        for tile in self._tiles.values():
            if not tile.has_thumbnail and state_of(tile.report) is PictureState.KEPT:
                return tile
        return None

    @property
    def _scale(self) -> int:
        return self._dialog.get_scale_factor()

    @property
    def _chosen(self) -> _Tile | None:
        selected = self._flow.get_selected_children()
        return next((tile for tile in self._tiles.values() if tile.box in selected), None)

    def _show_choice(self) -> None:
        chosen = self._chosen
        is_done = chosen is not None and state_of(chosen.report) is PictureState.KEPT
        self._keep.set_sensitive(is_done)
        self._forget.set_sensitive(chosen is not None)
        if not self._tiles:
            self._scrolled.set_visible(False)
            self._line.set_vexpand(True)
            self._line.set_text(_EMPTY)
        elif chosen is None:
            self._line.set_text(_HINT)

    # The daemon

    def _look(self) -> None:
        """Shows what has become of the pictures."""
        if not self._tiles:
            return
        pictures = self._connected()
        # Once, also of other images: the records of pictures that the daemon no longer has.
        others, self._others = self._others, set()
        for job, report in pictures.reports([*{*self._tiles, *others}]).items():
            if job in self._tiles:
                self._update(self._tiles[job], report)
            elif job in others and state_of(report) is PictureState.GONE:
                self._results.remove(job)
        tile = self._without_thumbnail
        if tile is not None:
            self._make_thumbnail(tile, pictures.picture(tile.result.job))

    def _show_error(self, text: str) -> None:
        self._pictures = None
        self._line.set_text(text)

    def _connected(self) -> KeptPictures:
        if self._pictures is None:
            self._pictures = KeptPictures(self._work.client())
        return self._pictures

    def _update(self, tile: _Tile, report: JobReport | None) -> None:
        before, state = state_of(tile.report), state_of(report)
        tile.report = report
        if state is PictureState.GONE:
            self._remove(tile)
            return
        tile.state.set_text(state_text(report))
        if tile is self._chosen:
            self._show_choice()
            if state is PictureState.KEPT and before is not state:
                self._work.ask("show", self._show_chosen)

    def _make_thumbnail(self, tile: _Tile, picture: Image) -> None:
        pixbuf = small_pixbuf(picture, _THUMBNAIL_PX * self._scale)
        tile.has_thumbnail = True
        if pixbuf is not None:
            _show_in_the_middle(tile, pixbuf, self._scale)
            _, png = pixbuf.save_to_bufferv("png", [], [])
            with suppress(OSError):  # the disk is full
                self._results.store_thumbnail(tile.result, png)

    def _remove(self, tile: _Tile) -> None:
        self._results.remove(tile.result.job)
        if self._tiles.pop(tile.result.job, None) is None:
            return
        tile.box.destroy()
        self._show_choice()

    # What the user does

    def _on_selected(self, *_: object) -> None:
        self._show_choice()
        self._work.ask("show", self._show_chosen)

    def _show_chosen(self) -> None:
        """Shows the chosen picture on the canvas, or none."""
        tile = self._chosen
        if tile is None or not self._is_kept(tile):
            self._canvas.hide()
            return
        self._line.set_text(_described(tile.result))
        picture = self._connected().picture(tile.result.job)
        source = None
        try:
            _check_open(self._image)
            source = source_of_result(tile.result, self._image, picture, None)
        except ImpastoError as error:
            self._line.set_text(str(error))
        try:
            self._canvas.show(source, picture)
        except InvalidImage as error:  # such as one with indexed colours
            self._line.set_text(str(error))

    def _on_focus(self, _box: Gtk.Widget, _event: object, tile: _Tile) -> bool:
        # By the keyboard as by a click.
        self._flow.select_child(tile.box)
        return False

    def _is_kept(self, tile: _Tile) -> bool:
        """Returns whether the daemon has the picture; it is asked if it has not been yet."""
        if tile.report is None:
            job = tile.result.job
            self._update(tile, self._connected().reports([job])[job])
        return state_of(tile.report) is PictureState.KEPT

    def _keep_chosen(self) -> None:
        if (tile := self._chosen) is not None:
            self._work.ask(("keep", tile.result.job), partial(self._keep_picture, tile))

    def _keep_picture(self, tile: _Tile) -> None:
        if not self._is_kept(tile):
            return
        picture = self._connected().picture(tile.result.job)
        self._canvas.hide()
        painted_px = tile.report.painted_px if tile.report else 0
        is_layer = self._add_layer(tile.result, picture, painted_px)
        self._flow.unselect_all()
        self._line.set_text(
            gettext("The picture is a new layer.")
            if is_layer
            else gettext("The picture is a new image.")
        )

    def _add_layer(self, result: KeptResult, picture: Image, painted_px: int) -> bool:
        """Returns whether the picture is a layer; if it cannot be one, it is a new image."""
        image = self._image
        try:
            _check_open(image)
            recipe = recipe_of_result(result, painted_px)
            source = source_of_result(result, image, picture, self._results.mask_of(result))
            values = self._results.region_of(result)
            with restored_region(result, recipe, values, image) as (completed, region):
                add_painting(
                    *(source, source.area.layer, picture),
                    name=result.name,
                    recipe=completed,
                    region=region,
                )
        except ImpastoError as error:
            open_as_new_image(picture, result.name, error)
            return False
        return True

    def _forget_chosen(self) -> None:
        if (tile := self._chosen) is not None:
            self._work.ask(("forget", tile.result.job), partial(self._forget_picture, tile))

    def _forget_picture(self, tile: _Tile) -> None:
        self._canvas.hide()
        self._connected().forget(tile.result.job, tile.report)
        self._remove(tile)

    def _on_response(self, _dialog: Gtk.Dialog, response: int) -> None:
        if response == _KEEP:
            self._keep_chosen()
        elif response == _FORGET:
            self._forget_chosen()
        else:
            self._work.is_ended = True


def _check_open(image: Gimp.Image) -> None:
    """Raises ImageChanged if `image` was closed."""
    if not image.is_valid():
        raise ImageChanged(gettext("The image was closed."))


def _show_in_the_middle(tile: _Tile, pixbuf: GdkPixbuf.Pixbuf, scale: int) -> None:
    side = _THUMBNAIL_PX * scale
    show_sharply(tile.picture, on_canvas(pixbuf, side, side), scale)


def _new_tile(result: KeptResult) -> _Tile:
    picture = Gtk.Image()
    picture.set_size_request(_THUMBNAIL_PX, _THUMBNAIL_PX)
    caption, state = Gtk.Label(label=_caption(result)), Gtk.Label(label=" ")
    state.get_style_context().add_class(Gtk.STYLE_CLASS_DIM_LABEL)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX // 3)
    box.pack_start(picture, True, True, 0)
    for label in (caption, state):
        label.set_ellipsize(Pango.EllipsizeMode.END)
        label.set_justify(Gtk.Justification.CENTER)
        label.set_max_width_chars(1)
        box.pack_start(label, False, False, 0)
    state.set_line_wrap(True)
    state.set_lines(2)
    child = Gtk.FlowBoxChild()
    child.add(box)
    child.set_tooltip_text(_described(result))
    child.get_accessible().set_name(_described(result))
    child.show_all()
    return _Tile(result, child, picture, state)


def _caption(result: KeptResult) -> str:
    when = GLib.DateTime.new_from_unix_local(int(result.painted_at))
    time = (when and when.format("%a %H:%M")) or ""
    return f"{result.name}\n{time}"


def _described(result: KeptResult) -> str:
    """Returns the name of a picture, and its settings as far as they are not the usual ones."""
    try:
        settings = recipe_of_result(result, 0).settings
    except ImpastoError:
        return result.name
    words = [result.name, gettext("{size} px").format(size=settings.size)]
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        if setting.name == "size" or value == setting.default:
            continue
        shown = value
        if isinstance(setting, ChoiceSetting):
            shown = gettext(setting.choices[value])
        elif isinstance(value, float):
            shown = decimal(format(value, "g"))
        words.append(f"{gettext(setting.label)}: {shown}")
    return ", ".join(words)
