"""The state of a dialog that GIMP's arguments do not hold, for the next one of the same run."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_gimp.image.layer_reader import SourceLayer
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.image.turning import is_same
from impasto_shared.beginning import Beginning, check_beginning
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image


@dataclass(frozen=True)
class SeenDraft:
    """The draft that the preview showed of `area` when the user pressed OK.

    look: the layer as it was then, as `read_look` returns it.
    """

    area: PaintedArea
    look: Image
    beginning: Beginning

    def suits(self, source: SourceLayer) -> bool:
        """Returns whether a painting of what has been read from the layer can begin from it."""
        if self.area != source.area or not is_same(self.look, source.look):
            return False
        try:
            check_beginning(self.beginning, source.picture)
        except InvalidImage:  # very long layers, whose small pictures are rounded
            return False
        return True


@dataclass
class DialogState:
    """The parts of a dialog that were open, and the picture that it showed.

    tab: the number of the open tab, from 0.
    is_advanced: whether the advanced settings were open.
    draft: the complete preview of exactly what was accepted, if there was one.
    """

    tab: int = 0
    is_advanced: bool = False
    draft: SeenDraft | None = None
