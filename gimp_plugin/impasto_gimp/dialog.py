"""The dialog that asks for a style image and the settings."""

from __future__ import annotations

from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GLib, GObject, Gtk  # noqa: E402

from impasto_gimp.arguments import (  # noqa: E402
    ADVANCED_LABEL,
    GALLERY_LABEL,
    IN_SIGHT,
    LABELS,
    STYLE,
    STYLE_HELP,
    STYLE_LABEL,
    argument_name,
)
from impasto_gimp.daemon_line import daemon_line  # noqa: E402
from impasto_gimp.gallery import new_gallery  # noqa: E402
from impasto_gimp.main_loop import handle_events  # noqa: E402
from impasto_gimp.style_file import thumbnail  # noqa: E402
from impasto_shared.settings import SETTINGS, ChoiceSetting, NumberSetting  # noqa: E402

TITLE = "Neural Style"
_PREVIEW_WIDTH_PX = 240
_PREVIEW_HEIGHT_PX = 120
_LOOK_AGAIN_S = 3
_CHOOSER_TITLE = "Choose a Style Image"


def ask(procedure: Any, config: Any) -> bool:
    """Lets the user fill in `config`; False where the dialog was cancelled."""
    GimpUi.init("impasto-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
    _fill(dialog, config)
    accepted = dialog.run()
    while accepted and config.get_property(STYLE) is None:
        _tell(dialog, "No style image is chosen.", "Choose the painting whose manner to use.")
        accepted = dialog.run()
    dialog.destroy()
    handle_events()
    return bool(accepted)


def _fill(dialog: Any, config: Any) -> None:
    visible: list[str] = []
    advanced: list[str] = []
    for setting in SETTINGS:
        name = argument_name(setting)
        if isinstance(setting, NumberSetting):
            dialog.get_scale_entry(name, 1.0)
        elif isinstance(setting, ChoiceSetting):
            # GIMP 3.2 would draw radio buttons, and the dialog as tall as a small screen.
            dialog.get_widget(name, Gtk.ComboBox.__gtype__)
        (visible if setting.name in IN_SIGHT else advanced).append(name)
    dialog.get_label("advanced-title", LABELS[ADVANCED_LABEL], False, True)
    dialog.fill_box("advanced-settings", advanced)
    expander = dialog.fill_expander("advanced", "advanced-title", False, "advanced-settings")
    expander.set_expanded(False)
    dialog.fill([*visible, "advanced"])
    chooser = _style_chooser(config)
    content = dialog.get_content_area()
    for row in (_style_preview(config), chooser, *_gallery(config)):
        content.pack_start(row, False, False, 0)
        content.reorder_child(row, 0)
    content.pack_end(_daemon_state(), False, False, 0)
    _align_labels(dialog, chooser)


def _daemon_state() -> Any:
    line = Gtk.Label(label=daemon_line(), xalign=0)
    line.get_style_context().add_class("dim-label")

    def look_again() -> bool:
        line.set_text(daemon_line())
        return True

    source = GLib.timeout_add_seconds(_LOOK_AGAIN_S, look_again)
    line.connect("destroy", lambda _: GLib.source_remove(source))
    line.show()
    return line


def _gallery(config: Any) -> tuple[Any, Any]:
    """The row of paintings, and the label above it."""
    label = Gtk.Label.new_with_mnemonic(LABELS[GALLERY_LABEL])
    label.set_xalign(0)
    gallery = new_gallery(config, label)
    gallery.show_all()
    label.show()
    return gallery, label


def _style_chooser(config: Any) -> Any:
    """A row with a button that opens a file dialog.

    GIMP would make it, were the argument declared for existing files only; but then GIMP itself
    refuses a file that is missing, with a message that names neither it nor the reason.
    """
    chooser = GimpUi.FileChooser.new(
        Gimp.FileChooserAction.OPEN, LABELS[STYLE_LABEL], _CHOOSER_TITLE, None
    )
    chooser.set_tooltip_text(STYLE_HELP)
    for child in chooser.get_children():
        if isinstance(child, Gtk.FileChooserButton):
            child.set_title(_CHOOSER_TITLE)  # GIMP makes the button before it knows the title
            child.add_filter(_images())
            child.add_filter(_all_files())
    flags = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
    config.bind_property(STYLE, chooser, "file", flags)
    chooser.show()
    return chooser


def _images() -> Any:
    images = Gtk.FileFilter()
    images.set_name("Images")
    images.add_mime_type("image/*")
    return images


def _all_files() -> Any:
    files = Gtk.FileFilter()
    files.set_name("All files")
    files.add_pattern("*")
    return files


def _style_preview(config: Any) -> Any:
    """The chosen picture, small; nothing where none is chosen, or only GIMP can open it."""
    preview = Gtk.Image()

    def update(*_: object) -> None:
        file = config.get_property(STYLE)
        pixels = thumbnail(file, _PREVIEW_WIDTH_PX, _PREVIEW_HEIGHT_PX) if file else None
        preview.set_from_pixbuf(pixels)
        preview.set_visible(pixels is not None)

    config.connect(f"notify::{STYLE}", update)
    update()
    return preview


def _align_labels(dialog: Any, chooser: Any) -> None:
    """Gives all labels one width: GIMP does so for the rows of a box, not for those beside it."""
    labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
    labels.add_widget(chooser.get_label_widget())
    for setting in SETTINGS:
        row = dialog.get_widget(argument_name(setting), GObject.TYPE_NONE)
        if isinstance(row, GimpUi.Labeled):
            labels.add_widget(row.get_label())


def _tell(parent: Any, text: str, detail: str) -> None:
    box = Gtk.MessageDialog(
        title=TITLE,
        transient_for=parent,
        modal=True,
        message_type=Gtk.MessageType.INFO,
        buttons=Gtk.ButtonsType.OK,
        text=text,
        secondary_text=detail,
    )
    box.run()
    box.destroy()
