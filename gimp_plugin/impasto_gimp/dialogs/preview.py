"""The preview in the dialog: a check box, and the draft of what is chosen, next to the photo."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import cast

from impasto_gimp.arguments.procedure_arguments import LABELS, PREVIEW_LABEL, settings_from
from impasto_gimp.dialogs.bindings import connect_while
from impasto_gimp.dialogs.dialog_state import SeenDraft
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.pictures.pixbufs import faded, filling_size, laid_over, pixbuf_of, reduced
from impasto_gimp.dialogs.pictures.split_picture import SplitPicture
from impasto_gimp.image.layer_reader import read_look, read_small
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.image.paintings.styles import chosen_styles
from impasto_gimp.image.profile.preview_choice import read_preview_choice, store_preview_choice
from impasto_gimp.image.region_mask import new_layers_mask
from impasto_gimp.image.turning import is_same
from impasto_gimp.introspection import GdkPixbuf, Gimp, GLib
from impasto_gimp.introspection_gtk import Gtk, Pango
from impasto_gimp.jobs.connection import PREVIEW_NAME, connect_to_running
from impasto_gimp.jobs.draft_job import (
    DRAFT_PX,
    QUICK_S,
    DraftChoice,
    DraftClient,
    Drafts,
    draft_settings,
)
from impasto_gimp.jobs.session import Abandoned
from impasto_gimp.translation import gettext
from impasto_shared.beginning import Beginning
from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image, fitted_size
from impasto_shared.painted_size import painted_side_px
from impasto_shared.style import Style
from impasto_shared.text.durations import format_duration

_SHOWN_PX = 256
_TICK_MS = 100
_SPACING_PX = 6
_MAX_LINES = 6
_HELP = gettext(
    "Paint a small draft of the layer as soon as a painting is chosen or a setting is changed"
)
_FINAL_RESPONSES = (
    Gtk.ResponseType.OK,
    Gtk.ResponseType.CANCEL,
    Gtk.ResponseType.CLOSE,
    Gtk.ResponseType.DELETE_EVENT,
)


class Preview:
    """A check box, the layer, which gets painted, and a line of text; `widget` has them all.

    Drafts end with `dialog`, which chooses what is painted in `config`.
    """

    def __init__(self, dialog: Gtk.Dialog, config: Gimp.ProcedureConfig, area: PaintedArea) -> None:
        self._config, self._area = config, area
        self._screen_scale = dialog.get_scale_factor()
        self._is_busy = self._is_answered = self._is_showing = False
        self._look = read_look(area.layer)
        self._mask = self._read_mask(area)
        self._photo: Image | None = None
        self._styles: tuple[Hashable, Sequence[Style]] | None = None
        self._shown_picture: Image | None = None
        self._shown_state: tuple[object, ...] = ()
        self._drafts = Drafts(
            self._connected,
            self._read,
            *fitted_size(self._area.width, self._area.height, DRAFT_PX),
            is_on=read_preview_choice(),
        )
        self._picture = SplitPicture(*self._shown_photo(), self._screen_scale)
        self._check = Gtk.CheckButton.new_with_mnemonic(LABELS[PREVIEW_LABEL])
        self._line = _new_line()
        self.widget = self._arranged()
        dialog.connect("response", self._on_response)
        connect_while(self.widget, config, "notify", self._on_change)
        self._ticking = GLib.timeout_add(_TICK_MS, self._tick)
        self._on_change()
        self._show()

    def _arranged(self) -> Gtk.Box:
        self._check.set_tooltip_text(_HELP)
        self._check.connect("toggled", self._on_toggled)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX)
        for widget in (self._check, self._picture.widget, self._line):
            box.pack_start(widget, False, False, 0)
        box.set_size_request(_SHOWN_PX, -1)
        box.connect("destroy", self._on_destroy)
        box.show_all()
        return box

    @staticmethod
    def _read_mask(area: PaintedArea) -> bytes | None:
        """Returns what the mask of the new layer will show, for a draft."""
        return new_layers_mask(area, fitted_size(area.width, area.height, DRAFT_PX))

    def _read_photo(self) -> Image:
        """Returns the painted area, large enough for the screen and for a draft; reads it once."""
        if self._photo is None:
            self._photo = read_small(self._area, max(_SHOWN_PX * self._screen_scale, DRAFT_PX))
        return self._photo

    def _shown_photo(self) -> tuple[GdkPixbuf.Pixbuf, tuple[int, int]]:
        """Returns the painted area for the screen, and the size at which it is shown."""
        size = filling_size(self._area.width, self._area.height, _SHOWN_PX)
        return pixbuf_of(self._read_photo()), size

    def _on_change(self, *_: object) -> None:
        self._drafts.choose(self._choice())

    def show(self, area: PaintedArea) -> None:
        """Paints `area` from now on: a selection may become a region, and pixels may change."""
        look = read_look(area.layer)
        mask, self._mask = self._mask, self._read_mask(area)
        if area != self._area or not is_same(look, self._look):
            self._area, self._look, self._photo, self._styles = area, look, None, None
            self._picture.show_photo(*self._shown_photo())
            self._drafts.resize(*fitted_size(area.width, area.height, DRAFT_PX))
            self._drafts.choose(self._choice())
        elif mask != self._mask:
            self._picture.show_painting(self._painted(self._shown_picture))

    @property
    def seen_draft(self) -> SeenDraft | None:
        """The draft that is shown, if it is complete, and of exactly what is chosen."""
        self._on_change()
        picture = self._drafts.finished
        if picture is None or not self.begun_px:
            return None
        return SeenDraft(self._area, self._look, Beginning(picture, self.begun_px))

    @property
    def begun_px(self) -> int:
        """The longest side at which that draft was painted; 0: there is none."""
        if self._drafts.finished is None:
            return 0
        settings = draft_settings(settings_from(self._config))
        side = min(settings.size, self._area.longest_side_px)
        return painted_side_px(side, settings.quality)

    @property
    def paintings(self) -> int:
        """The number of the styles that are chosen, at least 1."""
        choice = self._choice()
        return choice.paintings if choice else 1

    def _choice(self) -> DraftChoice | None:
        try:
            styles = tuple(style.identity for style in chosen_styles(self._config))
            what = self._area, bytes(self._look.pixels), styles
            return DraftChoice(settings_from(self._config), what, len(styles))
        except InvalidSettings:
            return None

    def _connected(self) -> DraftClient:
        return connect_to_running(while_waiting=self._wait, name=PREVIEW_NAME)

    def _read(self) -> tuple[Image, Sequence[Style]]:
        """Returns the layer and the chosen styles, small; neither is read again without need."""
        chosen = chosen_styles(self._config)
        identity = tuple(style.identity for style in chosen)
        content = reduced(self._read_photo(), DRAFT_PX)
        if self._styles is None or self._styles[0] != identity:
            styles = [style.read_small(self._area, content) for style in chosen]
            self._styles = identity, styles
        return content, self._styles[1]

    def _tick(self) -> bool:
        # Waiting for the daemon handles events, which may call this again.
        if not self._is_busy:
            self._is_busy = True
            try:
                self._drafts.tick()
            finally:
                self._is_busy = False
            self._show()
        return True

    def _show(self) -> None:
        """Shows what has changed since the last call."""
        drafts = self._drafts
        about = _about(drafts.forecast_s)
        if (state := (drafts.is_on, about, drafts.text)) != self._shown_state:
            self._shown_state = state
            self._is_showing = True
            self._check.set_active(bool(drafts.is_on))
            self._is_showing = False
            # The button's own set_label would make another label, and screen readers read this one.
            label = cast(Gtk.Label, self._check.get_child())
            label.set_text_with_mnemonic(f"{LABELS[PREVIEW_LABEL]}{about}")
            self._line.set_text(drafts.text)
            self._line.set_tooltip_text(drafts.text)
        if drafts.picture is not self._shown_picture:
            self._shown_picture = drafts.picture
            self._picture.show_painting(self._painted(drafts.picture))

    def _painted(self, picture: Image | None) -> GdkPixbuf.Pixbuf | None:
        """Returns a draft as it will be seen: with the mask of its layer, above the photo."""
        if picture is None:
            return None
        with suppress(InvalidImage):  # deleted meanwhile; OK says so
            mask = new_layers_mask(self._area, (picture.width, picture.height))
            if mask is not None:
                return laid_over(faded(picture, mask), pixbuf_of(self._read_photo()))
        return pixbuf_of(picture)

    def _on_toggled(self, *_: object) -> None:
        if not self._is_showing:
            is_on = self._check.get_active()
            store_preview_choice(is_on=is_on)
            self._drafts.switch(is_on=is_on)

    def _on_response(self, _dialog: Gtk.Dialog, response: int) -> None:
        # Other buttons of GIMP's, such as Reset, leave the dialog open.
        self._is_answered = response in _FINAL_RESPONSES

    def _wait(self) -> None:
        """Handles events; raises Abandoned if the dialog has been answered."""
        handle_events()
        if self._is_answered:
            raise Abandoned(gettext("Cancelled."))

    def _on_destroy(self, *_: object) -> None:
        GLib.source_remove(self._ticking)
        self._drafts.close()


def _about(forecast_s: float | None) -> str:
    """Returns how long a draft takes, in brackets, if it is worth knowing."""
    if forecast_s is None or forecast_s < QUICK_S:
        return ""
    time = format_duration(forecast_s, gettext)
    return " " + gettext("(about {time})").format(time=time)


def _new_line() -> Gtk.Label:
    line = Gtk.Label(xalign=0, wrap=True, width_chars=1, max_width_chars=1)
    line.set_lines(_MAX_LINES)
    line.set_ellipsize(Pango.EllipsizeMode.END)
    line.get_style_context().add_class(Gtk.STYLE_CLASS_DIM_LABEL)
    return line
