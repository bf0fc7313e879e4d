"""The widgets that choose the painting of one style."""

from __future__ import annotations

from impasto_gimp.arguments.procedure_arguments import (
    GALLERY_LABEL,
    LABELS,
    STYLE_HELP,
    STYLE_LABEL,
    StyleArguments,
)
from impasto_gimp.dialogs.bindings import keep_updated, painting_arguments
from impasto_gimp.dialogs.paintings.gallery import Gallery, choose_painting
from impasto_gimp.dialogs.pixbufs import thumbnail_of
from impasto_gimp.image.style_file import thumbnail
from impasto_gimp.image.styles import chosen_painting
from impasto_gimp.introspection import Gimp
from impasto_gimp.introspection_gtk import Atk, GimpUi, Gtk
from impasto_gimp.translation import gettext

_PAINTING_WIDTH_PX = 300
_PAINTING_HEIGHT_PX = 112
_SPACING_PX = 6
_CHOOSER_TITLE = gettext("Choose a Style Image")
_HINT = gettext("Choose a painting below, or open a file.")
_CLEAR_HELP = gettext("Choose no painting")


def new_style_page(
    config: Gimp.ProcedureConfig, arguments: StyleArguments, paintings: Gtk.ListStore
) -> Gtk.Box:
    """Returns a box in which the painting of one style is chosen.

    paintings: the model of `available_paintings`.
    """
    page = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX)
    page.set_border_width(_SPACING_PX)
    page.pack_start(_new_painting_view(config, arguments), False, False, 0)
    label = Gtk.Label.new_with_mnemonic(LABELS[GALLERY_LABEL])
    label.set_xalign(0)
    page.pack_start(label, False, False, 0)
    page.pack_start(Gallery(config, arguments, paintings, label).widget, True, True, 0)
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
    row.pack_start(_FileChooser(config, arguments).widget, True, True, 0)
    row.pack_start(_new_clear_button(config, arguments), False, False, 0)
    page.pack_start(row, False, False, 0)
    page.show_all()
    return page


def _new_painting_view(config: Gimp.ProcedureConfig, arguments: StyleArguments) -> Gtk.Widget:
    """Returns the chosen painting, large enough to judge; empty if only GIMP can open its file.

    As long as none is chosen, a sentence says what to do.
    """
    picture, hint = Gtk.Image(), Gtk.Label(label=_HINT, wrap=True)
    picture.get_accessible().set_name(gettext("The chosen painting"))
    hint.get_style_context().add_class(Gtk.STYLE_CLASS_DIM_LABEL)
    stack = Gtk.Stack()
    stack.set_size_request(_PAINTING_WIDTH_PX, _PAINTING_HEIGHT_PX)
    for child in (picture, hint):
        stack.add(child)
        child.show()

    def update() -> None:
        chosen = chosen_painting(config, arguments)
        size = (_PAINTING_WIDTH_PX, _PAINTING_HEIGHT_PX)
        stack.set_visible_child(picture if chosen else hint)
        if chosen is None:
            picture.set_from_pixbuf(None)
        elif isinstance(chosen.painting, Gimp.Layer):
            picture.set_from_pixbuf(thumbnail_of(chosen.painting, *size))
        else:
            picture.set_from_pixbuf(thumbnail(chosen.painting, *size))

    keep_updated(stack, config, painting_arguments([arguments]), update)
    return stack


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
