"""A dialog that shows a photo in regions, in which a click gives each region its painting."""

from __future__ import annotations

from collections.abc import Sequence

from impasto_gimp.arguments.procedure_arguments import STYLES
from impasto_gimp.dialogs.daemon_work import DaemonWork
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.paintings.gallery import new_view
from impasto_gimp.dialogs.paintings.model import LAYER, URI, Paintings, name_of
from impasto_gimp.dialogs.regions.region_picture import COLOURS, RegionPicture, swatch
from impasto_gimp.image.layer_reader import read_small
from impasto_gimp.image.painted_area import whole
from impasto_gimp.image.suggested_regions import PaintedRegion, is_same
from impasto_gimp.introspection import Gimp, Gio
from impasto_gimp.introspection_gtk import Gtk
from impasto_gimp.jobs.segmentation_job import SegmentationJob
from impasto_gimp.translation import gettext, percent
from impasto_shared.image import Image
from impasto_shared.segmentation import MAX_REGIONS, MIN_REGIONS

TITLE = gettext("Neural Style: Suggested Regions")
_PHOTO_PX = 1024
_GALLERY_WIDTH_PX = 310
_TICK_MS = 100
_SPACING_PX = 6
_AUTOMATIC = gettext("As many as the photo has")


def suggest_regions(
    parent: Gtk.Window, painted: Gimp.Layer, paintings: Paintings
) -> list[PaintedRegion]:
    """Returns the regions of `painted` that the user gives a painting; none if cancelled.

    Raises:
        InvalidImage: if the layer was deleted.
    """
    dialog = _Suggestion(parent, painted, paintings)
    try:
        return dialog.run()
    finally:
        dialog.close()


class _Suggestion:
    def __init__(self, parent: Gtk.Window, painted: Gimp.Layer, paintings: Paintings) -> None:
        self._photo = read_small(whole(painted), _PHOTO_PX)
        self._paintings = paintings
        self._job: SegmentationJob | None = None
        self._masks: Sequence[Image] = ()
        self._chosen: list[Gimp.Layer | Gio.File | None] = []
        self._is_showing = False
        self._dialog = Gtk.Dialog(title=TITLE, transient_for=parent, modal=True)
        self._dialog.add_button(gettext("_Cancel"), Gtk.ResponseType.CANCEL)
        self._ok = self._dialog.add_button(gettext("_OK"), Gtk.ResponseType.OK)
        self._dialog.connect("response", self._on_response)
        self._count = Gtk.ComboBoxText()
        self._picture = RegionPicture(self._photo, self._dialog.get_scale_factor(), self._select)
        self._rows = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
        self._buttons: list[Gtk.RadioButton] = []
        self._view = new_view(paintings.model)
        self._line = Gtk.Label(label=" ", xalign=0, wrap=True, width_chars=48)
        self._arrange()
        self._work = DaemonWork(self._look, self._line.set_text, _TICK_MS)

    def run(self) -> list[PaintedRegion]:
        """Shows the dialog until it is closed; returns the regions that have a painting."""
        self._dialog.show_all()
        self._count.set_active(0)
        self._ok.set_sensitive(False)
        if self._dialog.run() != Gtk.ResponseType.OK:
            return []
        return [
            PaintedRegion(painting, name_of(painting), mask)
            for painting, mask in zip(self._chosen, self._masks, strict=True)
            if painting is not None
        ]

    def close(self) -> None:
        """Closes the dialog and cancels its unfinished job."""
        self._work.close()
        self._dialog.destroy()
        handle_events()

    def _arrange(self) -> None:
        for text in (_AUTOMATIC, *map(str, range(MIN_REGIONS, MAX_REGIONS + 1))):
            self._count.append_text(text)
        self._count.connect("changed", self._on_count_changed)
        label = Gtk.Label.new_with_mnemonic(gettext("_Regions"))
        label.set_mnemonic_widget(self._count)
        head = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
        head.pack_start(label, False, False, 0)
        head.pack_start(self._count, True, True, 0)
        left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX)
        for widget in (head, self._picture.widget, self._rows):
            left.pack_start(widget, False, False, 0)
        title = Gtk.Label.new_with_mnemonic(gettext("_Painting of the region"))
        title.set_xalign(0)
        title.set_mnemonic_widget(self._view)
        self._view.connect("selection-changed", self._on_painting)
        gallery = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        gallery.set_size_request(_GALLERY_WIDTH_PX, -1)
        gallery.set_shadow_type(Gtk.ShadowType.IN)
        gallery.add(self._view)
        right = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX)
        right.pack_start(title, False, False, 0)
        right.pack_start(gallery, True, True, 0)
        columns = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=2 * _SPACING_PX)
        columns.pack_start(left, False, False, 0)
        columns.pack_start(right, True, True, 0)
        box = self._dialog.get_content_area()
        box.set_spacing(_SPACING_PX)
        box.set_border_width(2 * _SPACING_PX)
        box.pack_start(columns, True, True, 0)
        box.pack_start(self._line, False, False, 0)

    # The job

    def _on_count_changed(self, *_: object) -> None:
        self._work.ask("submit", self._submit)

    def _submit(self) -> None:
        self._disconnect()
        self._show_masks(())
        self._line.set_text(gettext("Looking for the daemon…"))
        client = self._work.client()
        active = self._count.get_active()
        regions = active + MIN_REGIONS - 1 if active > 0 else 0
        self._line.set_text(gettext("Splitting the photo into regions…"))
        self._job = SegmentationJob(client, self._photo, regions)

    def _on_response(self, *_: object) -> None:
        self._work.is_ended = True

    def _look(self) -> None:
        """Shows the regions once they have arrived."""
        if self._job is not None and (masks := self._job.poll()) is not None:
            self._disconnect()
            self._show_masks(masks)
            self._line.set_text(gettext("Click a region, and then the painting for it."))

    def _disconnect(self) -> None:
        """Closes the connection, which cancels its unfinished job."""
        self._work.disconnect()
        self._job = None

    # The regions and their paintings

    def _show_masks(self, masks: Sequence[Image]) -> None:
        self._masks, self._chosen = masks, [None] * len(masks)
        self._picture.show_masks(masks)
        for row in self._rows.get_children():
            row.destroy()
        self._buttons = []
        for number, (mask, colour) in enumerate(zip(masks, COLOURS, strict=False)):
            button = Gtk.RadioButton.new_from_widget(self._buttons[0] if self._buttons else None)
            button.connect("toggled", self._on_toggled, number)
            row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
            row.pack_start(Gtk.Image.new_from_pixbuf(swatch(colour)), False, False, 0)
            row.pack_start(button, True, True, 0)
            self._rows.pack_start(row, False, False, 0)
            self._buttons.append(button)
            self._name_button(number, sum(mask.pixels) / (255 * len(mask.pixels)))
        self._rows.show_all()
        self._ok.set_sensitive(False)
        if masks:
            self._select(0)

    def _name_button(self, number: int, share: float | None = None) -> None:
        """Writes to a region's button its share of the photo, and its painting."""
        button, painting = self._buttons[number], self._chosen[number]
        if share is not None:
            text = gettext("Region {number} ({share})").format(
                number=number + 1, share=percent(share)
            )
            button.set_name(text)
        name = gettext("as in the photo") if painting is None else name_of(painting)
        button.set_label(f"{button.get_name()}: {name}")

    @property
    def _selected(self) -> int | None:
        """The number of the selected region, from 0."""
        active = (number for number, each in enumerate(self._buttons) if each.get_active())
        return next(active, None)

    def _select(self, number: int) -> None:
        self._buttons[number].set_active(True)
        self._show_selection(number)

    def _on_toggled(self, button: Gtk.RadioButton, number: int) -> None:
        if button.get_active():
            self._show_selection(number)

    def _show_selection(self, number: int) -> None:
        """Shows which region is selected, and its painting in the gallery."""
        self._picture.select(number)
        painting = self._chosen[number]
        row = None if painting is None else self._paintings.row_of(painting)
        self._is_showing = True
        self._view.unselect_all()
        if row is not None:
            self._view.select_path(row.path)
        self._is_showing = False

    def _on_painting(self, *_: object) -> None:
        number = self._selected
        if self._is_showing or number is None or self._view.get_model() is None:
            return
        paths = self._view.get_selected_items()
        painting: Gimp.Layer | Gio.File | None = None
        if paths:
            row = self._paintings.model[paths[0]]
            painting = row[LAYER] or Gio.File.new_for_uri(row[URI])
        others = [each for each in self._chosen if each is not None]
        if painting and len(_different([*others, painting])) > len(STYLES):
            self._line.set_text(
                gettext("There can be {count} paintings. Give some regions the same one.").format(
                    count=len(STYLES)
                )
            )
            self._show_selection(number)
            return
        self._chosen[number] = painting
        self._name_button(number)
        self._picture.fill(number, painting)
        self._ok.set_sensitive(any(each is not None for each in self._chosen))


def _different(paintings: Sequence[Gimp.Layer | Gio.File]) -> list[Gimp.Layer | Gio.File]:
    different: list[Gimp.Layer | Gio.File] = []
    for painting in paintings:
        if not any(is_same(painting, other) for other in different):
            different.append(painting)
    return different
