"""The row that shows which preset is in use, and opens the menu of all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from impasto_gimp.arguments.procedure_arguments import PRESET_LABEL, PRESET_MARKED
from impasto_gimp.dialogs.bindings import connect_soon, connect_while
from impasto_gimp.dialogs.presets.questions import ask_for_name, ask_whether_to_delete
from impasto_gimp.image.profile.chosen_preset import apply_preset, current_preset
from impasto_gimp.image.profile.files import profile_file, store
from impasto_gimp.image.profile.presets import FILE_NAME, Preset, Presets
from impasto_gimp.introspection import Gimp
from impasto_gimp.introspection_gtk import Gtk, Pango
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidSettings

_SPACING_PX = 6
_NONE = gettext("Your own settings")
_HELP = gettext("Settings with a name: choose some, or give a name to those that you have made")
_LINES = 3


class PresetMenu:
    """A row with the name of the preset that `config` has, and a menu to choose another one.

    widget: the row, and below it what is wrong, if anything is.
    label: its label, to be aligned with others.
    """

    def __init__(self, dialog: Gtk.Window, config: Gimp.ProcedureConfig) -> None:
        self._dialog, self._config = dialog, config
        self._presets = Presets(profile_file(FILE_NAME), store)
        self._name = Gtk.Label(xalign=0.0)
        self._name.set_ellipsize(Pango.EllipsizeMode.END)
        self._menu = Gtk.Menu()
        self._menu.connect("show", lambda _: self._fill())
        self._button = Gtk.MenuButton(popup=self._menu)
        self.label = Gtk.Label.new_with_mnemonic(PRESET_MARKED)
        self._problem = Gtk.Label(xalign=0.0, wrap=True, width_chars=1, max_width_chars=1)
        self.widget = self._arranged()
        self._fill()
        connect_while(self.widget, config, "notify", lambda *_: self._show())
        self._show_problem(self._presets.problem)
        self._show()

    def _arranged(self) -> Gtk.Box:
        self.label.set_xalign(0)
        self.label.set_mnemonic_widget(self._button)
        inside = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
        inside.pack_start(self._name, True, True, 0)
        arrow = Gtk.Image.new_from_icon_name("pan-down-symbolic", Gtk.IconSize.BUTTON)
        inside.pack_start(arrow, False, False, 0)
        self._button.add(inside)
        self._button.set_tooltip_text(_HELP)
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
        row.pack_start(self.label, False, False, 0)
        row.pack_start(self._button, True, True, 0)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX)
        box.pack_start(row, False, False, 0)
        box.pack_start(self._problem, False, False, 0)
        self._problem.set_no_show_all(True)
        self._problem.set_lines(_LINES)
        self._problem.set_ellipsize(Pango.EllipsizeMode.END)
        box.show_all()
        return box

    def _show(self) -> None:
        """Shows the name of the preset that the settings are."""
        preset = self._used()
        name = preset.name if preset else _NONE
        self._name.set_text(name)
        self._button.get_accessible().set_name(f"{PRESET_LABEL}: {name}")

    def _used(self) -> Preset | None:
        try:
            current = current_preset(self._config, "", with_paintings=True)
        except InvalidSettings:
            return None
        # The user's own ones say more than those of the plug-in.
        values, paintings = current.values, current.paintings
        used = [preset for preset in self._presets.all if preset.matches(values, paintings)]
        return used[-1] if used else None

    def _show_problem(self, problem: InvalidSettings | None) -> None:
        self._problem.set_text(str(problem or ""))
        self._problem.set_tooltip_text(str(problem or ""))
        self._problem.set_visible(problem is not None)

    def _fill(self) -> None:
        """Makes the entries of the menu."""
        self._presets.read()
        for entry in self._menu.get_children():
            self._menu.remove(entry)
        used = self._used()
        is_own_before = False
        for preset in self._presets.all:
            if preset.is_own and not is_own_before:
                self._menu.append(Gtk.SeparatorMenuItem())
            is_own_before = preset.is_own
            self._add(preset.name, partial(apply_preset, self._config, preset))
        self._menu.append(Gtk.SeparatorMenuItem())
        own = used if used and used.is_own else None
        self._add(gettext("Save as Preset…"), partial(self._save, own))
        self._add(gettext("Rename…"), partial(self._rename, own) if own else None)
        self._add(gettext("Delete…"), partial(self._delete, own) if own else None)
        self._menu.show_all()

    def _add(self, label: str, action: Callable[[], object] | None) -> None:
        """Adds an entry to the menu, which is grey without an action."""
        entry = Gtk.MenuItem(label=label)
        if action is None:
            entry.set_sensitive(False)
        else:
            connect_soon(entry, "activate", partial(self._do, action))
        self._menu.append(entry)

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except InvalidSettings as error:
            self._show_problem(error)
        else:
            self._show_problem(None)
        self._show()

    def _save(self, own: Preset | None) -> None:
        title = gettext("Save as Preset")
        has_paintings = current_preset(self._config, "", with_paintings=True).paintings is not None
        answer = ask_for_name(
            *(self._dialog, title, own.name if own else "", self._presets),
            has_paintings=has_paintings,
        )
        if answer is not None:
            current = current_preset(
                self._config, answer.name, with_paintings=answer.with_paintings
            )
            self._presets.save(current.preset)

    def _rename(self, own: Preset) -> None:
        answer = ask_for_name(self._dialog, gettext("Rename Preset"), own.name)
        if answer is not None:
            self._presets.rename(own.name, answer.name)

    def _delete(self, own: Preset) -> None:
        if ask_whether_to_delete(self._dialog, own.name):
            self._presets.delete(own.name)
