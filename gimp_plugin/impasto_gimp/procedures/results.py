"""Results: the pictures that were painted from an image, as long as the daemon keeps them."""

from __future__ import annotations

from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.procedures import procedure_run
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    _drawables: list[Gimp.Drawable],
    _config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Shows the pictures of `image` in a window."""

    def show() -> bool:
        if run_mode == Gimp.RunMode.NONINTERACTIVE:
            raise ImpastoError(
                gettext(
                    "The results are a window. Scripts use the commands impasto jobs and fetch."
                )
            )
        # GTK needs a screen, which a script may not have.
        from impasto_gimp.dialogs.results_window import show_results

        Gegl.init(None)
        show_results(image)
        return True

    return procedure_run.run(procedure, show)
