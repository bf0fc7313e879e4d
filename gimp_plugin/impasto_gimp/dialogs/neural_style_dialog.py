"""The dialogs that ask for the styles and the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from impasto_gimp.arguments.procedure_arguments import (
    ADVANCED_LABEL,
    ALWAYS_VISIBLE,
    LABELS,
    RESULTS_LABEL,
    STYLES,
    TEXTURE_ALWAYS_VISIBLE,
    VARIATIONS_LABEL,
    StyleArguments,
    apply_settings,
    argument_name,
    integer_of,
    settings_from,
    values_from,
)
from impasto_gimp.arguments.size_choices import offered_sizes
from impasto_gimp.dialogs.bindings import (
    area_arguments,
    connect_soon,
    connect_while,
    keep_updated,
    painting_arguments,
)
from impasto_gimp.dialogs.daemon_bar import DaemonBar
from impasto_gimp.dialogs.dialog_state import DialogState
from impasto_gimp.dialogs.layer_row import LayerRow
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.paintings.model import Paintings, name_of
from impasto_gimp.dialogs.paintings.style_page import new_style_page
from impasto_gimp.dialogs.presets.menu import PresetMenu
from impasto_gimp.dialogs.preview import Preview
from impasto_gimp.dialogs.regions.region_chooser import RegionChooser, Regions
from impasto_gimp.dialogs.regions.suggestion import suggest_regions
from impasto_gimp.dialogs.results_window import show_results
from impasto_gimp.dialogs.size_chooser import SizeChooser
from impasto_gimp.dialogs.variations import choose_variation
from impasto_gimp.image.painted_area import PaintedArea, check_valid
from impasto_gimp.image.paintings.styles import chosen_area, chosen_painting, chosen_styles
from impasto_gimp.image.suggested_regions import choose_regions
from impasto_gimp.introspection import Gimp, GObject
from impasto_gimp.introspection_gtk import GimpUi, Gtk, Pango
from impasto_gimp.jobs.daemon_status import DaemonStatus, PlannedJobs
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError
from impasto_shared.schema import ChoiceSetting, NumberSetting
from impasto_shared.settings import SETTINGS, Quality, Setting
from impasto_shared.texture import HEIGHT, TEXTURE_SETTINGS, WIDTH, texture_settings

TITLE = gettext("Neural Style")
SETTINGS_BOX = "settings"
"""GIMP's identifier of the box that `arrange` moves to the right."""

_SPACING_PX = 12
_Result = TypeVar("_Result")
# Room for the sliders, which have no width of their own.
_SETTINGS_WIDTH_PX = 360
_TAB_CHARACTERS = 9
_LABEL_CHARACTERS = 14


def ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    painted: Gimp.Layer,
    state: DialogState,
    further: int = 0,
    *,
    is_animation: bool = False,
) -> bool:
    """Returns whether the user filled in `config` to paint a layer, and did not cancel.

    state: that of the dialog before this one, which becomes that of this one.
    further: the number of layers that are painted after it, with the same choice.
    is_animation: whether these are the frames of an animation, which follow it.
    """
    GimpUi.init("impasto-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
    regions = Regions(config, painted, dialog.get_scale_factor())
    styles = _new_style_tabs(dialog, config, painted, regions)
    settings, expander = _new_settings_box(dialog, SETTINGS, ALWAYS_VISIBLE)
    area = chosen_area(config, painted)
    sizes = _add_size_chooser(dialog, config, settings, area.longest_side_px)
    row = LayerRow(painted, dialog.get_scale_factor(), further, is_animation=is_animation)
    preview = Preview(dialog, config, area)

    def show_area() -> PaintedArea:
        area = chosen_area(config, painted)
        sizes.offer(offered_sizes(area.longest_side_px), area.longest_side_px)
        preview.show(area)
        row.show(area)
        regions.update()
        return area

    def planned_jobs() -> PlannedJobs:
        area = show_area()  # the selection may have changed since the last look
        chosen = settings_from(config)
        alternatives = tuple(replace(chosen, size=size) for size in sizes.sizes)
        return PlannedJobs(
            *((chosen,), area.width, area.height, alternatives),
            *(preview.begun_px, preview.paintings, further),
            is_animation=is_animation,
        )

    def show_forecasts(status: DaemonStatus) -> None:
        sizes.show_forecasts(status.alternatives)

    foot = DaemonBar(config, unless_invalid(planned_jobs), show_forecasts)
    column = arrange(dialog, styles, settings, foot)
    presets = PresetMenu(dialog, config)
    column.pack_start(presets.widget, False, False, 0)
    column.reorder_child(presets.widget, 0)
    labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
    for label in (presets.label, sizes.label):
        labels.add_widget(label)
    _hide_loading_and_saving(dialog)
    _keep_open(styles, expander, state)  # the room is that of what is always visible
    buttons = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX, visible=True)
    buttons.pack_end(_new_variations_button(dialog, config, painted), False, False, 0)
    buttons.pack_end(_new_results_button(dialog, painted), False, False, 0)
    column.pack_end(buttons, False, False, 0)
    columns = cast(Gtk.Box, column.get_parent())
    columns.pack_start(preview.widget, False, False, 0)
    columns.reorder_child(preview.widget, 1)
    content = dialog.get_content_area()
    content.pack_start(row.widget, False, False, 0)
    content.reorder_child(row.widget, 0)
    keep_updated(row.widget, config, area_arguments(STYLES), show_area)
    # The user may have selected something in the image.
    dialog.connect("notify::is-active", lambda *_: unless_invalid(show_area)())
    dialog.connect("response", lambda *_: setattr(state, "draft", preview.seen_draft))
    return accepted(dialog, config, STYLES)


def ask_for_texture(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig) -> bool:
    """Returns whether the user filled in `config` to paint a texture, and did not cancel."""
    GimpUi.init("impasto-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, gettext("Texture from Image"))
    page = new_style_page(config, STYLES[0], Paintings(None, dialog.get_scale_factor()))
    always_visible = (*ALWAYS_VISIBLE, *TEXTURE_ALWAYS_VISIBLE)
    settings, _ = _new_settings_box(dialog, (WIDTH, HEIGHT, *TEXTURE_SETTINGS), always_visible)

    def planned_jobs() -> PlannedJobs:
        width, height = integer_of(config, WIDTH), integer_of(config, HEIGHT)
        values = values_from(config, TEXTURE_SETTINGS)
        return PlannedJobs((texture_settings(values, width, height),), width, height)

    arrange(dialog, page, settings, DaemonBar(config, unless_invalid(planned_jobs)))
    return accepted(dialog, config, STYLES[:1])


def unless_invalid(result: Callable[[], _Result]) -> Callable[[], _Result | None]:
    """Returns a function that returns `result()`, or None while something is invalid.

    OK says what it is.
    """

    def valid_result() -> _Result | None:
        try:
            return result()
        except ImpastoError:
            return None

    return valid_result


def accepted(
    dialog: GimpUi.ProcedureDialog,
    config: Gimp.ProcedureConfig,
    styles: Sequence[StyleArguments],
    needs_painting: Callable[[], bool] = lambda: True,
) -> bool:
    """Returns whether `dialog` ends with OK, which needs a chosen painting if `needs_painting`."""
    ok = cast(Gtk.Widget, dialog.get_widget_for_response(Gtk.ResponseType.OK))

    def update(*_: object) -> None:
        is_chosen = any(chosen_painting(config, style) for style in styles)
        is_ready = is_chosen or not needs_painting()
        ok.set_sensitive(is_ready)
        ok.set_tooltip_text(None if is_ready else gettext("Choose a painting first"))

    connect_while(dialog, config, "notify", update)
    update()
    is_accepted = dialog.run()
    dialog.destroy()
    handle_events()
    return bool(is_accepted)


def arrange(
    dialog: GimpUi.ProcedureDialog, styles: Gtk.Widget, settings: Gtk.Widget, foot: DaemonBar
) -> Gtk.Box:
    """Puts the styles on the left, the settings on the right, and the daemon's state below.

    The settings scroll, so that the advanced ones fit on a small screen. Returns their column.
    """
    dialog.fill([SETTINGS_BOX])
    content = dialog.get_content_area()
    content.remove(settings)
    scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
    scrolled.set_size_request(_SETTINGS_WIDTH_PX, -1)
    scrolled.set_min_content_height(settings.get_preferred_height()[1])
    scrolled.add(settings)
    column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACING_PX)
    column.pack_start(scrolled, True, True, 0)
    column.show_all()
    columns = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
    columns.pack_start(styles, True, True, 0)
    columns.pack_start(column, True, True, 0)
    columns.show()
    content.pack_start(columns, True, True, 0)
    content.reorder_child(columns, 0)
    content.pack_end(foot.widget, False, False, 0)
    return column


def _new_style_tabs(
    dialog: GimpUi.ProcedureDialog,
    config: Gimp.ProcedureConfig,
    painted: Gimp.Layer,
    regions: Regions,
) -> Gtk.Notebook:
    """Returns tabs, one for each style that can be chosen."""
    tabs = Gtk.Notebook()
    tabs.get_accessible().set_name(gettext("Styles"))
    weights: list[Gtk.Widget] = []
    choosers: list[Gtk.Widget] = []
    paintings = Paintings(painted, dialog.get_scale_factor())
    tabs.connect("destroy", lambda _: regions.close())
    for arguments in STYLES:
        page = new_style_page(config, arguments, paintings)
        weights.append(scale_entry(dialog, arguments.weight))
        choosers.append(RegionChooser(config, arguments, regions).widget)
        region = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX // 2)
        region.pack_start(choosers[-1], True, True, 0)
        suggest = _new_suggest_button(dialog, config, painted, paintings)
        region.pack_end(suggest, False, False, 0)
        for row in (weights[-1], region):
            page.pack_start(row, False, False, 0)
            row.show_all()
        tabs.append_page(page, _new_tab_label(config, arguments))

    def update() -> None:
        is_chosen = [chosen_painting(config, arguments) is not None for arguments in STYLES]
        for weight, chooser, is_style in zip(weights, choosers, is_chosen, strict=True):
            weight.set_sensitive(is_style and sum(is_chosen) > 1)
            chooser.set_sensitive(is_style)

    keep_updated(tabs, config, painting_arguments(STYLES), update)
    tabs.show()
    return tabs


def _new_tab_label(config: Gimp.ProcedureConfig, arguments: StyleArguments) -> Gtk.Label:
    """Returns the label of a style's tab: its number, and the name of its painting."""
    label = Gtk.Label(
        use_underline=True, width_chars=_TAB_CHARACTERS, max_width_chars=_TAB_CHARACTERS
    )
    label.set_ellipsize(Pango.EllipsizeMode.END)

    def update() -> None:
        chosen = chosen_painting(config, arguments)
        name = name_of(chosen.painting).replace("_", "__") if chosen else gettext("Style")
        label.set_text_with_mnemonic(f"_{arguments.number} {name}")

    keep_updated(label, config, painting_arguments([arguments]), update)
    label.show()
    return label


def _new_settings_box(
    dialog: GimpUi.ProcedureDialog, settings: Iterable[Setting], always_visible: Sequence[str]
) -> tuple[Gtk.Box, Gtk.Expander]:
    """Returns a box with the settings, and the expander in it of those not always visible."""
    visible: list[str] = []
    advanced: list[str] = []
    for setting in settings:
        name = argument_name(setting)
        if isinstance(setting, NumberSetting):
            scale_entry(dialog, name)
        elif isinstance(setting, ChoiceSetting):
            # GIMP 3.2 prefers radio buttons, which make the dialog as tall as a small screen.
            choice = dialog.get_widget(name, Gtk.ComboBox.__gtype__)
            cast(GimpUi.LabelStringWidget, choice).get_widget().set_property(
                "ellipsize", Pango.EllipsizeMode.END
            )
        (visible if setting.name in always_visible else advanced).append(name)
    dialog.get_label("advanced-title", LABELS[ADVANCED_LABEL], False, True)
    dialog.fill_box("advanced-settings", advanced)
    expander = cast(
        Gtk.Expander,
        dialog.fill_expander("advanced", "advanced-title", False, "advanced-settings"),
    )
    expander.set_expanded(False)
    expander.set_resize_toplevel(False)  # the window grows no further than it must
    box = cast(Gtk.Box, dialog.fill_box(SETTINGS_BOX, [*visible, "advanced"]))
    _align_labels(dialog, settings)
    box.show()
    return box, expander


def _hide_loading_and_saving(dialog: GimpUi.ProcedureDialog) -> None:
    """Hides GIMP's two buttons for one set of settings without a name: the presets replace them."""
    for row in dialog.get_content_area().get_children():
        if isinstance(row, Gtk.Box):
            buttons = row.get_children()
            if buttons and all(isinstance(button, Gtk.Button) for button in buttons):
                row.set_no_show_all(True)
                row.hide()


def _keep_open(tabs: Gtk.Notebook, expander: Gtk.Expander, state: DialogState) -> None:
    """Opens what was open in the dialog before, and notes in `state` what is opened."""
    tabs.set_current_page(state.tab)
    expander.set_expanded(state.is_advanced)

    def note_tab(_tabs: Gtk.Notebook, _page: Gtk.Widget, number: int) -> None:
        state.tab = number

    def note_expander(*_: object) -> None:
        state.is_advanced = expander.get_expanded()

    noting = tabs.connect("switch-page", note_tab)
    tabs.connect("destroy", lambda _: tabs.disconnect(noting))
    expander.connect("notify::expanded", note_expander)


def scale_entry(dialog: GimpUi.ProcedureDialog, argument: str) -> GimpUi.ScaleEntry:
    """Returns the row of a number, whose slider has the name that GIMP gives only the number.

    The slider is logarithmic: the default is near its middle, and half of it as far as twice of it.
    """
    entry = cast(GimpUi.ScaleEntry, dialog.get_scale_entry(argument, 1.0))
    entry.set_logarithmic(True)
    entry.get_range().get_accessible().set_name(entry.get_label().get_text())
    return entry


def _add_size_chooser(
    dialog: GimpUi.ProcedureDialog,
    config: Gimp.ProcedureConfig,
    settings: Gtk.Box,
    layer_px: int,
) -> SizeChooser:
    """Puts the choice of a size above GIMP's row of that setting, which becomes its *Other…*."""

    def quality() -> Quality:
        return Quality(config.get_property("quality"))

    number = cast(
        GimpUi.Labeled,
        dialog.get_widget(argument_name(SETTINGS.integer("size")), GObject.TYPE_NONE),
    )
    label = number.get_label()
    label.set_use_underline(False)
    label.set_text(gettext("Pixels"))
    chooser = SizeChooser(config, offered_sizes(layer_px), layer_px, quality, number)
    keep_updated(chooser.widget, config, ["quality"], chooser.show)
    labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
    labels.add_widget(label)
    labels.add_widget(chooser.label)
    for widget, offset in ((chooser.widget, 0), (chooser.remark, 1)):
        settings.pack_start(widget, False, False, 0)
        settings.reorder_child(widget, settings.get_children().index(number) + offset)
    return chooser


def _new_variations_button(
    dialog: GimpUi.ProcedureDialog, config: Gimp.ProcedureConfig, painted: Gimp.Layer
) -> Gtk.Button:
    button = Gtk.Button.new_with_mnemonic(LABELS[VARIATIONS_LABEL])
    button.set_tooltip_text(
        gettext("Compare small pictures with different settings, and use the settings of one")
    )

    def choose() -> None:
        try:
            styles, settings = chosen_styles(config), settings_from(config)
            area = chosen_area(config, painted)
            chosen = choose_variation(dialog, area, styles, settings)
        except ImpastoError as error:
            _show_message(dialog, gettext("Variations are not available."), str(error))
        else:
            if chosen is not None:
                apply_settings(config, chosen)

    connect_soon(button, "clicked", choose)
    button.show()
    return button


def _new_results_button(dialog: GimpUi.ProcedureDialog, painted: Gimp.Layer) -> Gtk.Button:
    button = Gtk.Button.new_with_mnemonic(LABELS[RESULTS_LABEL])
    button.set_tooltip_text(gettext("See the pictures that were painted from this image before"))

    def show() -> None:
        try:
            check_valid(painted)
        except ImpastoError as error:
            _show_message(dialog, gettext("There are no results."), str(error))
        else:
            show_results(painted.get_image(), dialog)

    connect_soon(button, "clicked", show)
    button.show()
    return button


def _new_suggest_button(
    dialog: GimpUi.ProcedureDialog,
    config: Gimp.ProcedureConfig,
    painted: Gimp.Layer,
    paintings: Paintings,
) -> Gtk.Button:
    button = Gtk.Button.new_with_label(gettext("Suggest…"))
    button.set_tooltip_text(
        gettext("Split the layer into regions such as sky and ground, and give each its painting")
    )

    def suggest() -> None:
        try:
            check_valid(painted)
            if regions := suggest_regions(dialog, painted, paintings):
                choose_regions(config, painted, regions)
        except ImpastoError as error:
            _show_message(dialog, gettext("No regions can be suggested."), str(error))

    connect_soon(button, "clicked", suggest)
    button.show()
    return button


def _align_labels(dialog: GimpUi.ProcedureDialog, settings: Iterable[Setting]) -> None:
    """Gives all labels the same width, which GIMP does only for the labels within one box.

    It is not that of the longest: the dialog must fit on a small screen in every language.
    """
    labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
    for setting in settings:
        row = dialog.get_widget(argument_name(setting), GObject.TYPE_NONE)
        if isinstance(row, GimpUi.Labeled):
            label = row.get_label()
            label.set_line_wrap(True)
            label.set_max_width_chars(_LABEL_CHARACTERS)
            labels.add_widget(label)


def _show_message(parent: Gtk.Window, text: str, detail: str) -> None:
    box = Gtk.MessageDialog(
        title=parent.get_title() or TITLE,
        transient_for=parent,
        modal=True,
        message_type=Gtk.MessageType.INFO,
        buttons=Gtk.ButtonsType.OK,
        text=text,
        secondary_text=detail,
    )
    box.run()
    box.destroy()
