"""The questions of the menu of presets: a name, and whether to delete one."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_gimp.image.profile.presets import MAX_NAME_CHARACTERS, Presets
from impasto_gimp.introspection_gtk import Gtk
from impasto_gimp.translation import gettext

_SPACING_PX = 12
_PAINTINGS = gettext("With the _paintings")
_PAINTINGS_HELP = gettext("Whether choosing the preset chooses these paintings too")
_LAYERS_HELP = gettext("A preset cannot have paintings that are layers: it is for any image")


@dataclass(frozen=True)
class Answer:
    """The name of a preset, and whether the paintings belong to it."""

    name: str
    with_paintings: bool


def ask_for_name(
    parent: Gtk.Window,
    title: str,
    name: str,
    presets: Presets | None = None,
    *,
    has_paintings: bool = True,
) -> Answer | None:
    """Returns the name that the user gives, and begins with `name`; None: the user cancelled.

    presets: those of which a new one may replace one; None: the user only changes a name.
    has_paintings: whether the paintings can belong to the preset.
    """
    dialog = Gtk.Dialog(title=title, transient_for=parent, modal=True)
    dialog.add_button(gettext("_Cancel"), Gtk.ResponseType.CANCEL)
    accept = dialog.add_button(gettext("_Save"), Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    entry = Gtk.Entry(text=name, activates_default=True)
    entry.set_max_length(MAX_NAME_CHARACTERS)
    label = Gtk.Label.new_with_mnemonic(gettext("_Name"))
    label.set_mnemonic_widget(entry)
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
    row.pack_start(label, False, False, 0)
    row.pack_start(entry, True, True, 0)
    paintings = Gtk.CheckButton.new_with_mnemonic(_PAINTINGS)
    paintings.set_tooltip_text(_PAINTINGS_HELP if has_paintings else _LAYERS_HELP)
    paintings.set_active(has_paintings)
    paintings.set_sensitive(has_paintings)
    note = Gtk.Label(xalign=0.0, label=" ")
    box = dialog.get_content_area()
    box.set_spacing(_SPACING_PX)
    box.set_border_width(_SPACING_PX)
    for widget in (row, paintings, note) if presets else (row,):
        box.pack_start(widget, False, False, 0)

    def update(*_: object) -> None:
        text = " ".join(entry.get_text().split())
        accept.set_sensitive(bool(text))
        replaces = presets is not None and presets.has(text)
        note.set_text(gettext("The preset of this name is replaced.") if replaces else " ")

    entry.connect("changed", update)
    update()
    dialog.show_all()
    is_accepted = dialog.run() == Gtk.ResponseType.OK
    answer = Answer(entry.get_text(), paintings.get_active())
    dialog.destroy()
    return answer if is_accepted else None


def ask_whether_to_delete(parent: Gtk.Window, name: str) -> bool:
    """Returns whether the user confirms that a preset is to be deleted."""
    box = Gtk.MessageDialog(
        title=parent.get_title() or "",
        transient_for=parent,
        modal=True,
        message_type=Gtk.MessageType.QUESTION,
        buttons=Gtk.ButtonsType.NONE,
        text=gettext("Delete the preset “{name}”?").format(name=name),
    )
    box.add_button(gettext("_Cancel"), Gtk.ResponseType.CANCEL)
    box.add_button(gettext("_Delete"), Gtk.ResponseType.OK)
    is_confirmed = box.run() == Gtk.ResponseType.OK
    box.destroy()
    return bool(is_confirmed)
