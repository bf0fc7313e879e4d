"""The part of the dialog that chooses one style: its painting, its weight, its region."""

from __future__ import annotations

from typing import Any

from impasto_gimp.dialogs.gallery import new_gallery
from impasto_gimp.image.layer_reader import all_layers
from impasto_gimp.image.style_file import thumbnail
from impasto_gimp.image.styles import chosen_painting
from impasto_gimp.introspection import Gimp
from impasto_gimp.introspection_gtk import Atk, GimpUi, Gtk
from impasto_gimp.procedures.arguments import (
    GALLERY_LABEL,
    LABELS,
    REGION_HELP,
    REGION_LABEL,
    STYLE_HELP,
    STYLE_LABEL,
    StyleArguments,
)
from impasto_gimp.translation import gettext

_PREVIEW_WIDTH_PX = 300
_PREVIEW_HEIGHT_PX = 112
_SPACING_PX = 6
_CHOOSER_TITLE = gettext("Choose a Style Image")
_EVERYWHERE = gettext("Wherever no other style goes")


def new_style_page(config: Any, arguments: StyleArguments, paintings: Any) -> Any:
    """A box in which the painting that `arguments` of `config` name is chosen.

    paintings: the model of those at hand.
    """
    page = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX)
    page.set_border_width(_SPACING_PX)
    page.pack_start(_preview(config, arguments), False, False, 0)
    label = Gtk.Label.new_with_mnemonic(LABELS[GALLERY_LABEL])
    label.set_xalign(0)
    page.pack_start(label, False, False, 0)
    page.pack_start(new_gallery(config, arguments, paintings, label), True, True, 0)
    page.pack_start(_file_chooser(config, arguments), False, False, 0)
    page.show_all()
    return page


def _preview(config: Any, arguments: StyleArguments) -> Any:
    """The chosen painting, large enough to be judged; nothing where only GIMP can open its file."""
    preview = Gtk.Image()
    preview.set_size_request(_PREVIEW_WIDTH_PX, _PREVIEW_HEIGHT_PX)
    preview.get_accessible().set_name(gettext("The chosen painting"))

    def update(*_: object) -> None:
        chosen = chosen_painting(config, arguments)
        pixels = None
        if chosen is not None and chosen.layer is not None:
            pixels = chosen.layer.get_thumbnail(
                _PREVIEW_WIDTH_PX, _PREVIEW_HEIGHT_PX, Gimp.PixbufTransparency.KEEP_ALPHA
            )
        elif chosen is not None:
            pixels = thumbnail(chosen.file, _PREVIEW_WIDTH_PX, _PREVIEW_HEIGHT_PX)
        preview.set_from_pixbuf(pixels)

    for argument in (arguments.file, arguments.layer):
        config.connect(f"notify::{argument}", update)
    update()
    return preview


def _file_chooser(config: Any, arguments: StyleArguments) -> Any:
    """A row with a button that opens a file dialog.

    GIMP would make it, were the argument declared for existing files only; but then GIMP itself
    refuses a file that is missing, with a message that names neither it nor the reason.
    """
    chooser = GimpUi.FileChooser.new(
        Gimp.FileChooserAction.OPEN, LABELS[STYLE_LABEL], _CHOOSER_TITLE, None
    )
    chooser.set_tooltip_text(STYLE_HELP)
    (button,) = (
        child for child in chooser.get_children() if isinstance(child, Gtk.FileChooserButton)
    )
    button.set_title(_CHOOSER_TITLE)  # GIMP makes the button before it knows the title
    label = chooser.get_label_widget().get_accessible()
    for inner in button.get_children():  # of which one takes the keys
        inner.get_accessible().add_relationship(Atk.RelationType.LABELLED_BY, label)
    button.add_filter(_images())
    button.add_filter(_all_files())

    def choose(*_: object) -> None:
        file, chosen = chooser.get_file(), config.get_property(arguments.file)
        if file is not None and not (chosen and file.equal(chosen)):
            config.set_property(arguments.file, file)
            # Whoever chooses a file does not want the layer that was chosen before.
            config.set_property(arguments.layer, None)

    def show_choice(*_: object) -> None:
        file = config.get_property(arguments.file)
        if file is None:
            button.unselect_all()
        else:
            chooser.set_file(file)

    chooser.connect("notify::file", choose)
    config.connect(f"notify::{arguments.file}", show_choice)
    show_choice()
    return chooser


def _images() -> Any:
    images = Gtk.FileFilter()
    images.set_name(gettext("Images"))
    images.add_mime_type("image/*")
    return images


def _all_files() -> Any:
    files = Gtk.FileFilter()
    files.set_name(gettext("All files"))
    files.add_pattern("*")
    return files


def new_region_chooser(config: Any, arguments: StyleArguments, painted: Any) -> Any:
    """A row that chooses where the style goes, among the layers and channels of an image.

    painted: the layer that is to be painted, which is not among them.
    """
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
    label = Gtk.Label.new_with_mnemonic(LABELS[REGION_LABEL])
    label.set_xalign(0)
    chooser = Gtk.ComboBoxText()
    chooser.set_tooltip_text(REGION_HELP)
    chooser.append_text(_EVERYWHERE)
    image = painted.get_image()
    regions = [layer for layer in all_layers(image) if layer != painted] + image.get_channels()
    for region in regions:
        chooser.append_text(region.get_name())
    label.set_mnemonic_widget(chooser)
    row.pack_start(label, False, False, 0)
    row.pack_start(chooser, True, True, 0)

    def choose(*_: object) -> None:
        place = chooser.get_active()
        region = regions[place - 1] if place > 0 else None
        if config.get_property(arguments.region) != region:
            config.set_property(arguments.region, region)

    def show_choice(*_: object) -> None:
        region = config.get_property(arguments.region)
        chooser.set_active(regions.index(region) + 1 if region in regions else 0)

    chooser.connect("changed", choose)
    config.connect(f"notify::{arguments.region}", show_choice)
    show_choice()
    return row
