"""The widgets that choose the painting of one style."""

from __future__ import annotations

from impasto_gimp.arguments.procedure_arguments import (
    GALLERY_LABEL,
    LABELS,
    STYLE_HELP,
    STYLE_LABEL,
    StyleArguments,
)
from impasto_gimp.dialogs.bindings import follow_rows, keep_updated, painting_arguments
from impasto_gimp.dialogs.paintings.dropping import accept_files
from impasto_gimp.dialogs.paintings.gallery import Gallery, choose_painting, chosen_row
from impasto_gimp.dialogs.paintings.model import URI, Paintings, described
from impasto_gimp.image.paintings.styles import chosen_painting
from impasto_gimp.introspection import Gimp, Gio
from impasto_gimp.introspection_gtk import Atk, GimpUi, Gtk, Pango
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage, InvalidSettings

_SPACING_PX = 6
_LINES = 2
# Three paintings in a row, and the name of the file.
_WIDTH_PX = 320
_CHOOSER_TITLE = gettext("Choose a Style Image")
_HINT = gettext("Choose a painting, drop picture files here, or open one.")
_STAR_HELP = gettext("Favourite: show this painting first")
_CLEAR_HELP = gettext("Choose no painting")


def new_style_page(
    config: Gimp.ProcedureConfig, arguments: StyleArguments, paintings: Paintings
) -> Gtk.Box:
    """Returns a box in which the painting of one style is chosen, and onto which files drop."""
    page = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX)
    page.set_border_width(_SPACING_PX)
    page.set_size_request(_WIDTH_PX, -1)
    label = Gtk.Label.new_with_mnemonic(LABELS[GALLERY_LABEL])
    label.set_xalign(0)
    line = _new_line(config, arguments, paintings)
    head = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
    head.pack_start(label, True, True, 0)
    head.pack_start(_new_star(config, arguments, paintings, line), False, False, 0)
    page.pack_start(head, False, False, 0)
    page.pack_start(Gallery(config, arguments, paintings, label).widget, True, True, 0)
    page.pack_start(line, False, False, 0)
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
    row.pack_start(_new_clear_button(config, arguments), False, False, 0)
    page.pack_start(row, False, False, 0)
    page.show_all()
    _add_file_chooser(row, config, arguments)

    def take(files: list[Gio.File]) -> None:
        try:
            added = [paintings.add(file) for file in files]
        except InvalidImage as error:
            line.set_text(str(error))
        else:
            choose_painting(config, arguments, added[-1])

    accept_files(page, take)
    page.connect("destroy", lambda _: paintings.close())
    return page


def _new_line(
    config: Gimp.ProcedureConfig, arguments: StyleArguments, paintings: Paintings
) -> Gtk.Label:
    """Returns a label with all that is known of the chosen painting, or what to do."""
    line = Gtk.Label(xalign=0, wrap=True, width_chars=1, max_width_chars=1)
    line.set_lines(_LINES)
    line.set_ellipsize(Pango.EllipsizeMode.END)
    line.get_style_context().add_class(Gtk.STYLE_CLASS_DIM_LABEL)

    def update() -> None:
        chosen = chosen_painting(config, arguments)
        problem = paintings.favourites.problem
        text = described(chosen.painting) if chosen else str(problem) if problem else _HINT
        line.set_text(text)
        line.set_tooltip_text(text)

    keep_updated(line, config, painting_arguments([arguments]), update)
    return line


def _new_star(
    config: Gimp.ProcedureConfig,
    arguments: StyleArguments,
    paintings: Paintings,
    line: Gtk.Label,
) -> Gtk.ToggleButton:
    """Returns a button that makes the chosen painting a favourite."""
    button = Gtk.ToggleButton()
    button.add(Gtk.Image.new_from_icon_name("starred-symbolic", Gtk.IconSize.BUTTON))
    button.set_tooltip_text(_STAR_HELP)
    button.get_accessible().set_name(_STAR_HELP)
    is_showing = False

    def update(*_: object) -> None:
        nonlocal is_showing
        row = chosen_row(config, arguments, paintings)
        is_showing = True
        button.set_active(row is not None and paintings.is_favourite(row))
        is_showing = False
        button.set_sensitive(row is not None and row[URI] is not None)

    def toggle(*_: object) -> None:
        row = chosen_row(config, arguments, paintings)
        if is_showing or row is None:
            return
        try:
            paintings.toggle_favourite(row)
        except InvalidSettings as error:
            line.set_text(str(error))
            update()

    button.connect("toggled", toggle)
    keep_updated(button, config, painting_arguments([arguments]), update)
    follow_rows(button, paintings.model, update)
    return button


def _new_clear_button(config: Gimp.ProcedureConfig, arguments: StyleArguments) -> Gtk.Button:
    """Returns a button that takes the painting away."""
    button = Gtk.Button.new_from_icon_name("edit-clear-symbolic", Gtk.IconSize.BUTTON)
    button.set_tooltip_text(_CLEAR_HELP)
    button.get_accessible().set_name(_CLEAR_HELP)
    button.connect("clicked", lambda _: choose_painting(config, arguments, None))

    def update() -> None:
        button.set_sensitive(chosen_painting(config, arguments) is not None)

    keep_updated(button, config, painting_arguments([arguments]), update)
    return button


def _add_file_chooser(
    row: Gtk.Box, config: Gimp.ProcedureConfig, arguments: StyleArguments
) -> None:
    """Puts a file chooser first into a row, as soon as that is seen.

    To make one takes a twentieth of a second, and three of four are in tabs that are rarely opened.
    """

    def add(*_: object) -> None:
        row.disconnect(connection)
        chooser = _FileChooser(config, arguments).widget
        row.pack_start(chooser, True, True, 0)
        row.reorder_child(chooser, 0)
        chooser.show_all()

    connection = row.connect("map", add)


class _FileChooser:
    """A row with a button that opens a file dialog.

    GIMP would make the row, were the argument declared for existing files only; but then GIMP
    itself refuses a missing file, with a message that gives neither its name nor the reason.
    """

    def __init__(self, config: Gimp.ProcedureConfig, arguments: StyleArguments) -> None:
        self._config, self._arguments = config, arguments
        self.widget = GimpUi.FileChooser.new(
            Gimp.FileChooserAction.OPEN, LABELS[STYLE_LABEL], _CHOOSER_TITLE, None
        )
        self.widget.set_tooltip_text(STYLE_HELP)
        (self._button,) = (
            child
            for child in self.widget.get_children()
            if isinstance(child, Gtk.FileChooserButton)
        )
        self._button.set_title(_CHOOSER_TITLE)  # GIMP makes the button before it knows the title
        self._label_for_screen_readers()
        self._button.add_filter(_image_files())
        self._button.add_filter(_all_files())
        self.widget.connect("notify::file", self._on_file_chosen)
        keep_updated(self.widget, config, [arguments.file], self._show_choice)

    def _label_for_screen_readers(self) -> None:
        label = self.widget.get_label_widget().get_accessible()
        for inner in self._button.get_children():  # one of them has the keyboard focus
            inner.get_accessible().add_relationship(Atk.RelationType.LABELLED_BY, label)

    def _on_file_chosen(self, *_: object) -> None:
        file = self.widget.get_file()
        chosen = self._config.get_property(self._arguments.file)
        if file is not None and not (chosen and file.equal(chosen)):
            choose_painting(self._config, self._arguments, file)

    def _show_choice(self) -> None:
        file = self._config.get_property(self._arguments.file)
        if file is None:
            self._button.unselect_all()
        else:
            self.widget.set_file(file)


def _image_files() -> Gtk.FileFilter:
    images = Gtk.FileFilter()
    images.set_name(gettext("Images"))
    images.add_mime_type("image/*")
    return images


def _all_files() -> Gtk.FileFilter:
    files = Gtk.FileFilter()
    files.set_name(gettext("All files"))
    files.add_pattern("*")
    return files
