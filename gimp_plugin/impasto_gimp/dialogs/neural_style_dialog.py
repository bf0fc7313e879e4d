"""The dialog that asks for the styles and the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from impasto_gimp.dialogs.daemon_bar import new_daemon_bar
from impasto_gimp.dialogs.gallery import paintings_at_hand
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.style_page import new_region_chooser, new_style_page
from impasto_gimp.dialogs.variations import choose_variation
from impasto_gimp.image.styles import chosen_painting, chosen_styles
from impasto_gimp.introspection import GObject
from impasto_gimp.introspection_gtk import GimpUi, Gtk, Pango
from impasto_gimp.jobs.daemon_status import PlannedJobs
from impasto_gimp.procedures.arguments import (
    ADVANCED_LABEL,
    IN_SIGHT,
    LABELS,
    STYLES,
    TEXTURES_IN_SIGHT,
    VARIATIONS_LABEL,
    StyleArguments,
    apply_settings,
    argument_name,
    settings_from,
    value_of,
    values_from,
)
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.schema import ChoiceSetting, NumberSetting
from impasto_shared.settings import SETTINGS, Setting
from impasto_shared.texture import (
    HEIGHT,
    TEXTURE_SETTINGS,
    WIDTH,
    texture_settings,
)

TITLE = gettext("Neural Style")
SETTINGS_BOX = "settings"
"""What GIMP calls the box that `arrange` takes for the settings."""

_SPACING_PX = 12
# Room for the sliders, which have no width of their own.
_SETTINGS_WIDTH_PX = 400
_TAB_CHARACTERS = 9


def ask(procedure: Any, config: Any, painted: Any) -> bool:
    """Lets the user fill in `config` to paint a layer; False where the dialog was cancelled."""
    GimpUi.init("impasto-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
    styles = _style_tabs(dialog, config, painted)
    settings = _settings(dialog, tuple(SETTINGS))
    settings.pack_end(_variations_button(dialog, config, painted), False, False, 0)

    def work() -> PlannedJobs:
        return PlannedJobs((settings_from(config),), painted.get_width(), painted.get_height())

    arrange(dialog, styles, settings, new_daemon_bar(config, possible(work)))
    return accepted(dialog, config, STYLES)


def ask_for_texture(procedure: Any, config: Any) -> bool:
    """Lets the user fill in `config` to paint a texture; False where the dialog was cancelled."""
    GimpUi.init("impasto-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, gettext("Texture from Image"))
    page = new_style_page(config, STYLES[0], paintings_at_hand(None))
    in_sight = (*IN_SIGHT, *TEXTURES_IN_SIGHT)
    settings = _settings(dialog, (WIDTH, HEIGHT, *TEXTURE_SETTINGS), in_sight)

    def work() -> PlannedJobs:
        width, height = value_of(config, WIDTH), value_of(config, HEIGHT)
        values = values_from(config, TEXTURE_SETTINGS)
        return PlannedJobs((texture_settings(values, width, height),), width, height)

    arrange(dialog, page, settings, new_daemon_bar(config, possible(work)))
    return accepted(dialog, config, STYLES[:1])


def possible(work: Callable[[], PlannedJobs]) -> Callable[[], PlannedJobs | None]:
    """`work`, or None as long as some setting cannot be used: OK says which."""

    def possible() -> PlannedJobs | None:
        try:
            return work()
        except InvalidSettings:
            return None

    return possible


def accepted(
    dialog: Any,
    config: Any,
    choices: Sequence[StyleArguments],
    needs_painting: Callable[[], bool] = lambda: True,
) -> bool:
    """Whether the dialog ends with OK and, where one is needed, a painting."""

    def lacks_painting() -> bool:
        return needs_painting() and not any(chosen_painting(config, one) for one in choices)

    is_accepted = dialog.run()
    while is_accepted and lacks_painting():
        _tell(
            dialog,
            gettext("No style image is chosen."),
            gettext("Choose the painting whose manner to use."),
        )
        is_accepted = dialog.run()
    dialog.destroy()
    handle_events()
    return bool(is_accepted)


def arrange(dialog: Any, styles: Any, settings: Any, daemon_bar: Any) -> None:
    """The styles on the left, the settings on the right, the daemon below."""
    dialog.fill([SETTINGS_BOX])
    content = dialog.get_content_area()
    content.remove(settings)
    settings.set_size_request(_SETTINGS_WIDTH_PX, -1)
    columns = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
    columns.pack_start(styles, True, True, 0)
    columns.pack_start(settings, True, True, 0)
    columns.show()
    content.pack_start(columns, True, True, 0)
    content.reorder_child(columns, 0)
    content.pack_end(daemon_bar, False, False, 0)


def _style_tabs(dialog: Any, config: Any, painted: Any) -> Any:
    """A tab for each style that can be chosen."""
    tabs = Gtk.Notebook()
    tabs.get_accessible().set_name(gettext("Styles"))
    only_one: list[Any] = []
    paintings = paintings_at_hand(painted)
    for arguments in STYLES:
        page = new_style_page(config, arguments, paintings)
        weight = scale_entry(dialog, arguments.weight)
        weight.set_logarithmic(True)
        region = new_region_chooser(config, arguments, painted)
        only_one += [weight, region]
        for row in (weight, region):
            page.pack_start(row, False, False, 0)
            row.show_all()
        tabs.append_page(page, _tab(config, arguments))

    def update(*_: object) -> None:
        # A single style has nobody to share the picture with.
        several = sum(chosen_painting(config, arguments) is not None for arguments in STYLES) > 1
        for row in only_one:
            row.set_sensitive(several)

    for arguments in STYLES:
        for argument in (arguments.file, arguments.layer):
            config.connect(f"notify::{argument}", update)
    update()
    tabs.show()
    return tabs


def _tab(config: Any, arguments: StyleArguments) -> Any:
    """The label of a style's tab: its number, and what its painting is called."""
    label = Gtk.Label(
        use_underline=True, width_chars=_TAB_CHARACTERS, max_width_chars=_TAB_CHARACTERS
    )
    label.set_ellipsize(Pango.EllipsizeMode.END)

    def update(*_: object) -> None:
        chosen = chosen_painting(config, arguments)
        name = chosen.name.replace("_", "__") if chosen else gettext("Style")
        label.set_text_with_mnemonic(f"_{arguments.number} {name}")

    for argument in (arguments.file, arguments.layer):
        config.connect(f"notify::{argument}", update)
    update()
    label.show()
    return label


def _settings(
    dialog: Any, settings: Sequence[Setting], always_in_sight: Sequence[str] = IN_SIGHT
) -> Any:
    """A box with the settings, those that are not always in sight folded away."""
    in_sight: list[str] = []
    advanced: list[str] = []
    for setting in settings:
        name = argument_name(setting)
        if isinstance(setting, NumberSetting):
            scale_entry(dialog, name)
        elif isinstance(setting, ChoiceSetting):
            # GIMP 3.2 would draw radio buttons, and the dialog as tall as a small screen.
            dialog.get_widget(name, Gtk.ComboBox.__gtype__)
        (in_sight if setting.name in always_in_sight else advanced).append(name)
    dialog.get_label("advanced-title", LABELS[ADVANCED_LABEL], False, True)
    dialog.fill_box("advanced-settings", advanced)
    expander = dialog.fill_expander("advanced", "advanced-title", False, "advanced-settings")
    expander.set_expanded(False)
    expander.set_resize_toplevel(False)  # the window grows as far as it must, and no further
    box = dialog.fill_box(SETTINGS_BOX, [*in_sight, "advanced"])
    _align_labels(dialog, settings)
    box.show()
    return box


def scale_entry(dialog: Any, argument: str) -> Any:
    """The row of a number, its slider with the name that GIMP gives to the number alone."""
    entry = dialog.get_scale_entry(argument, 1.0)
    entry.get_range().get_accessible().set_name(entry.get_label().get_text())
    return entry


def _variations_button(dialog: Any, config: Any, painted: Any) -> Any:
    button = Gtk.Button.new_with_mnemonic(LABELS[VARIATIONS_LABEL])
    button.set_tooltip_text(
        gettext("See small paintings with other settings, and take those of one")
    )
    button.set_halign(Gtk.Align.END)

    def choose(*_: object) -> None:
        try:
            styles, settings = chosen_styles(config), settings_from(config)
            chosen = choose_variation(dialog, painted, styles, settings)
        except ImpastoError as error:
            _tell(dialog, gettext("There can be no variations."), str(error))
        else:
            if chosen is not None:
                apply_settings(config, chosen)

    button.connect("clicked", choose)
    button.show()
    return button


def _align_labels(dialog: Any, settings: Sequence[Setting]) -> None:
    """Gives all labels one width: GIMP does so for the rows of a box, not for those beside it."""
    labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
    for setting in settings:
        row = dialog.get_widget(argument_name(setting), GObject.TYPE_NONE)
        if isinstance(row, GimpUi.Labeled):
            labels.add_widget(row.get_label())


def _tell(parent: Any, text: str, detail: str) -> None:
    box = Gtk.MessageDialog(
        title=parent.get_title(),
        transient_for=parent,
        modal=True,
        message_type=Gtk.MessageType.INFO,
        buttons=Gtk.ButtonsType.OK,
        text=text,
        secondary_text=detail,
    )
    box.run()
    box.destroy()
