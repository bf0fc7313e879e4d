"""The plug-in as GIMP sees it: its procedures and their menu entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from impasto_gimp.arguments.explore_arguments import declare_sheet
from impasto_gimp.arguments.procedure_arguments import (
    SIZE_IS_CHOSEN,
    STYLES,
    declare_painting,
    declare_settings,
    declare_styles,
)
from impasto_gimp.introspection import Gimp, Gio, GObject
from impasto_gimp.procedures import (
    all_layers,
    explore,
    finish_larger,
    neural_style,
    results,
    texture,
)
from impasto_gimp.translation import gettext
from impasto_shared.settings import SETTINGS
from impasto_shared.texture import HEIGHT, TEXTURE_SETTINGS, WIDTH

PROCEDURE = "plug-in-impasto-neural-style"
ALL_LAYERS = "plug-in-impasto-all-layers"
AGAIN = "plug-in-impasto-neural-style-again"
LARGER = "plug-in-impasto-finish-larger"
RESULTS = "plug-in-impasto-results"
TEXTURE = "plug-in-impasto-texture"
EXPLORE = "plug-in-impasto-explore"
HELP = Path(__file__).parents[1] / "help"
_HELP_DOMAIN = "impasto"
_ONE_LAYER = Gimp.ProcedureSensitivityMask.DRAWABLE
_ANY_LAYERS = Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES
_ANY_IMAGE = _ANY_LAYERS | Gimp.ProcedureSensitivityMask.NO_DRAWABLES
_ANY_FILE = Gimp.FileChooserAction.ANY
_FLAGS = GObject.ParamFlags.READWRITE


_Run: TypeAlias = Callable[
    [
        Gimp.Procedure,
        Gimp.RunMode,
        Gimp.Image,
        list[Gimp.Drawable],
        Gimp.ProcedureConfig,
        object,
    ],
    Gimp.ValueArray,
]


def _declare_arguments(procedure: Gimp.Procedure) -> None:
    declare_styles(procedure, _ANY_FILE, _FLAGS)
    declare_settings(procedure, SETTINGS, Gimp.Choice.new, _FLAGS)
    procedure.add_boolean_aux_argument(SIZE_IS_CHOSEN, SIZE_IS_CHOSEN, "", False, _FLAGS)


def _declare_arguments_of_larger(procedure: Gimp.Procedure) -> None:
    declare_settings(procedure, (finish_larger.SIZE,), Gimp.Choice.new, _FLAGS)
    procedure.add_boolean_aux_argument(SIZE_IS_CHOSEN, SIZE_IS_CHOSEN, "", False, _FLAGS)


def _declare_arguments_of_texture(procedure: Gimp.Procedure) -> None:
    declare_painting(procedure, STYLES[0], _ANY_FILE, _FLAGS)
    declare_settings(procedure, (WIDTH, HEIGHT, *TEXTURE_SETTINGS), Gimp.Choice.new, _FLAGS)


def _declare_arguments_of_sheet(procedure: Gimp.Procedure) -> None:
    declare_sheet(procedure, Gimp.Choice.new, _FLAGS)
    declare_painting(procedure, STYLES[0], _ANY_FILE, _FLAGS)
    procedure.add_image_return_value(
        "sheet-image",
        gettext("Image"),
        gettext("The contact sheet, without a display"),
        True,
        _FLAGS,
    )


@dataclass(frozen=True)
class _Filter:
    """A procedure with an entry in the menu.

    summary: one line. help: the documentation for the authors of scripts.
    sensitivity: the number of selected layers with which the entry can be chosen.
    """

    label: str
    summary: str
    help: str
    run: _Run
    declare_arguments: Callable[[Gimp.Procedure], None]
    sensitivity: Gimp.ProcedureSensitivityMask = _ONE_LAYER


_FILTERS = {
    PROCEDURE: _Filter(
        gettext("_Neural Style…"),
        gettext("Repaint the layer in the style of a painting"),
        gettext(
            "Sends the layer and a style image to the Impasto daemon, which repaints the layer in "
            "the style of the image (neural style transfer, Gatys et al. 2016), and adds the "
            "result as a new layer above it. Starts the daemon if none is running."
        ),
        neural_style.run,
        _declare_arguments,
        _ANY_LAYERS,
    ),
    AGAIN: _Filter(
        gettext("Neural St_yle: Again…"),
        gettext("Repaint a layer with the settings of an earlier picture"),
        gettext(
            "Repaints the layer from which the selected layer was painted, starting with the "
            "paintings and settings stored in the selected layer. Scripts cannot change these; to "
            "use others, call Neural Style."
        ),
        neural_style.run_again,
        _declare_arguments,
    ),
    ALL_LAYERS: _Filter(
        gettext("Neural S_tyle: All Layers…"),
        gettext("Repaint the layers of an animation so that the paint holds still"),
        gettext(
            "Has the Impasto daemon paint all layers of the image in the style of an image, the "
            "lowest first, as the frames of an animation: each begins from the one before it, "
            "moved as the subject has moved. Adds them as new layers above the others. Layers that "
            "are paintings, styles or regions are left out. The daemon needs OpenCV."
        ),
        all_layers.run,
        _declare_arguments,
        _ANY_IMAGE,
    ),
    LARGER: _Filter(
        gettext("Neural Style: Finish _Larger…"),
        gettext("Continue a painted layer at a larger size, with the same composition"),
        gettext(
            "Has the Impasto daemon continue the selected layer, which Neural Style painted, at a "
            "larger size, with the paintings and settings stored in it: the composition remains, "
            "and the strokes become finer. Adds the result as a new layer above it, which can be "
            "continued again."
        ),
        finish_larger.run,
        _declare_arguments_of_larger,
    ),
    RESULTS: _Filter(
        gettext("Neural Style: Res_ults…"),
        gettext("See the pictures that were painted from this image, and keep one as a layer"),
        gettext(
            "Shows the pictures that were painted from the image, as long as the Impasto daemon "
            "keeps them, among them those that were not done when the image was closed. A click "
            "shows one on the canvas; it can become a layer, with its mask and its settings."
        ),
        results.run,
        lambda _: None,
        _ANY_IMAGE,
    ),
    TEXTURE: _Filter(
        gettext("Te_xture from Image…"),
        gettext("Paint a new layer of any size in the style of an image, without a photo"),
        gettext(
            "Has the Impasto daemon paint a texture in the style of an image, starting from noise "
            "(Gatys et al. 2015), and adds it as a new layer above the first selected layer. "
            "Starts the daemon if none is running."
        ),
        texture.run,
        _declare_arguments_of_texture,
        _ANY_LAYERS,
    ),
    EXPLORE: _Filter(
        gettext("Neural Style: _Explore…"),
        gettext(
            "Compare network layers, losses and optimizers on a contact sheet of small pictures"
        ),
        gettext(
            "Repeats an experiment from the papers on neural style transfer (Gatys et al. 2015 "
            "and later): the Impasto daemon paints small versions of the layer with different "
            "settings, which become the layers of a new image. Starts the daemon if none is "
            "running."
        ),
        explore.run,
        _declare_arguments_of_sheet,
    ),
}


class ImpastoPlugIn(Gimp.PlugIn):
    """Registers the filters under Filters > Artistic."""

    def do_set_i18n(self, _procedure_name: str) -> bool:
        """Returns that GIMP need not translate: impasto_gimp.translation does."""
        return False

    def do_query_procedures(self) -> list[str]:
        """Returns the names of the procedures, and registers the pages behind the button Help."""
        self.set_help_domain(_HELP_DOMAIN, Gio.File.new_for_path(str(HELP)))
        return list(_FILTERS)

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Returns the procedure of this name, with its arguments and its menu entry."""
        entry = _FILTERS[name]
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, entry.run, None)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(entry.sensitivity)
        procedure.set_menu_label(entry.label)
        # After the label, or GIMP 3.2 ignores it.
        procedure.add_menu_path("<Image>/Filters/Artistic")
        procedure.set_documentation(entry.summary, entry.help, name)
        procedure.set_attribution("The Impasto developers", "The Impasto developers", "2026")
        entry.declare_arguments(procedure)
        return procedure
