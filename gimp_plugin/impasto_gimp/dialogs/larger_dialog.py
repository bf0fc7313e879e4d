"""The dialog that asks at which size to finish a painting."""

from __future__ import annotations

from dataclasses import replace

from impasto_gimp.arguments.procedure_arguments import integer_of
from impasto_gimp.dialogs.daemon_bar import DaemonBar
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.size_chooser import SizeChooser
from impasto_gimp.image.earlier_painting import EarlierPainting
from impasto_gimp.introspection import Gimp
from impasto_gimp.introspection_gtk import GimpUi, Gtk
from impasto_gimp.jobs.daemon_status import DaemonStatus, PlannedJobs
from impasto_gimp.translation import gettext
from impasto_shared.settings import SETTINGS

_TITLE = gettext("Neural Style: Finish Larger")
_LINE_CHARACTERS = 60
_SPACING_PX = 12


def ask_for_size(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, painting: EarlierPainting
) -> bool:
    """Returns whether the user chose a size for `painting`, which is then in `config`."""
    GimpUi.init("impasto-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _TITLE)
    settings = painting.recipe.settings
    sizes = SizeChooser(config, painting.larger_sizes, painting.layer_px, lambda: settings.quality)

    def planned_jobs() -> PlannedJobs:
        return PlannedJobs(
            (replace(settings, size=integer_of(config, SETTINGS.integer("size"))),),
            *(painting.source.width, painting.source.height),
            tuple(replace(settings, size=size) for size in sizes.sizes),
            painting.painted_px,
            len(painting.recipe.styles),
        )

    def show_forecasts(status: DaemonStatus) -> None:
        sizes.show_forecasts(status.alternatives)

    foot = DaemonBar(config, planned_jobs, show_forecasts)
    content = dialog.get_content_area()
    content.set_spacing(_SPACING_PX)
    for widget in (_new_text(painting), sizes.widget, sizes.remark, foot.widget):
        content.pack_start(widget, False, False, 0)
    is_accepted = dialog.run()
    dialog.destroy()
    handle_events()
    return bool(is_accepted)


def _new_text(painting: EarlierPainting) -> Gtk.Label:
    text = gettext(
        "“{layer}” was painted at {painted} px. It is continued at a larger size: the composition "
        "remains, and the strokes become finer."
    ).format(layer=painting.layer.get_name(), painted=painting.painted_px)
    label = Gtk.Label(label=text, xalign=0.0, wrap=True)
    label.set_max_width_chars(_LINE_CHARACTERS)
    label.show()
    return label
