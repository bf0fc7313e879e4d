"""The plug-in as GIMP sees it: its procedures and their menu entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto_gimp.introspection import Gimp, Gio, GObject
from impasto_gimp.procedures import explore, neural_style, texture
from impasto_gimp.procedures.arguments import (
    STYLES,
    declare_painting,
    declare_settings,
    declare_styles,
)
from impasto_gimp.procedures.explore_arguments import declare_sheet
from impasto_gimp.translation import gettext
from impasto_shared.settings import SETTINGS
from impasto_shared.texture import HEIGHT, TEXTURE_SETTINGS, WIDTH

PROCEDURE = "plug-in-impasto-neural-style"
AGAIN = "plug-in-impasto-neural-style-again"
TEXTURE = "plug-in-impasto-texture"
EXPLORE = "plug-in-impasto-explore"
HELP = Path(__file__).parents[1] / "help"
_HELP_DOMAIN = "impasto"
_ONE_LAYER = Gimp.ProcedureSensitivityMask.DRAWABLE
_ANY_LAYERS = Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES
_ANY_FILE = Gimp.FileChooserAction.ANY
_FLAGS = GObject.ParamFlags.READWRITE


def _declare_arguments(procedure: Any) -> None:
    declare_styles(procedure, _ANY_FILE, _FLAGS)
    declare_settings(procedure, SETTINGS, Gimp.Choice.new, _FLAGS)


def _declare_arguments_of_texture(procedure: Any) -> None:
    declare_painting(procedure, STYLES[0], _ANY_FILE, _FLAGS)
    declare_settings(procedure, (WIDTH, HEIGHT, *TEXTURE_SETTINGS), Gimp.Choice.new, _FLAGS)


def _declare_arguments_of_sheet(procedure: Any) -> None:
    declare_sheet(procedure, Gimp.Choice.new, _FLAGS)
    declare_painting(procedure, STYLES[0], _ANY_FILE, _FLAGS)
    procedure.add_image_return_value(
        "sheet-image", gettext("Image"), gettext("The sheet, which no window shows"), True, _FLAGS
    )


@dataclass(frozen=True)
class _Filter:
    """A procedure with an entry in the menu.

    summary: one line. help: what somebody must know who calls it from a script.
    sensitivity: with how many layers selected the entry can be chosen.
    """

    label: str
    summary: str
    help: str
    run: Callable[..., Any]
    declare_arguments: Callable[[Any], None]
    sensitivity: Any = _ONE_LAYER


_FILTERS = {
    PROCEDURE: _Filter(
        gettext("_Neural Style…"),
        gettext("Repaint the layer in the manner of a painting"),
        gettext(
            "Sends the layer and a style image to the Impasto daemon, which repaints the one in "
            "the manner of the other (neural style transfer, Gatys et al. 2016), and adds the "
            "painting as a new layer above. Starts the daemon if none is running."
        ),
        neural_style.run,
        _declare_arguments,
    ),
    AGAIN: _Filter(
        gettext("Neural St_yle Again…"),
        gettext("Repaint with the settings that a painted layer was made with"),
        gettext(
            "Begins with the style image and the settings that the selected layer was painted "
            "with by Neural Style, and repaints the layer that it was painted from. A script "
            "cannot change them: it calls Neural Style instead."
        ),
        neural_style.run_again,
        _declare_arguments,
    ),
    TEXTURE: _Filter(
        gettext("Te_xture from Image…"),
        gettext("Paint the style of an image, without a photo, on a new layer of any size"),
        gettext(
            "Has the Impasto daemon paint the style of an image from noise (Gatys et al. 2015), "
            "and adds it as a new layer above the first of those selected. Starts the daemon if "
            "none is running."
        ),
        texture.run,
        _declare_arguments_of_texture,
        _ANY_LAYERS,
    ),
    EXPLORE: _Filter(
        gettext("Neural Style: _Explore…"),
        gettext("See what layers, losses and optimizers do, as a sheet of small pictures"),
        gettext(
            "Has the Impasto daemon paint the layer small in several ways, one experiment of "
            "neural style transfer (Gatys et al. 2015 and later), and makes a new image of them, "
            "with a layer for each. Starts the daemon if none is running."
        ),
        explore.run,
        _declare_arguments_of_sheet,
    ),
}


class ImpastoPlugIn(Gimp.PlugIn):
    """Registers the filters under Filters > Artistic."""

    def do_set_i18n(self, _procedure_name: str) -> bool:
        """Says that the texts come translated: impasto_gimp.translation does it."""
        return False

    def do_query_procedures(self) -> list[str]:
        """Names the procedures, and says where the pages are that the button Help opens."""
        self.set_help_domain(_HELP_DOMAIN, Gio.File.new_for_path(str(HELP)))
        return list(_FILTERS)

    def do_create_procedure(self, name: str) -> Any:
        """Describes one of them."""
        described = _FILTERS[name]
        procedure = Gimp.ImageProcedure.new(
            self, name, Gimp.PDBProcType.PLUGIN, described.run, None
        )
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(described.sensitivity)
        procedure.set_menu_label(described.label)
        # After the label, or GIMP 3.2 ignores it.
        procedure.add_menu_path("<Image>/Filters/Artistic")
        procedure.set_documentation(described.summary, described.help, name)
        procedure.set_attribution("The Impasto developers", "The Impasto developers", "2026")
        described.declare_arguments(procedure)
        return procedure
