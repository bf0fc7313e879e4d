"""The paintings that come with Impasto: who painted them, what they are called, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from impasto_gimp.translation import gettext

FOLDER = Path(__file__).parents[3] / "styles"
"""The folder with their files, where the plug-in is installed."""


@dataclass(frozen=True)
class KnownPainting:
    """The name of a painter, in full and as it is usually said, a title, and a year if known."""

    artist: str
    known_as: str
    title: str
    year: str = ""

    @property
    def description(self) -> str:
        """The artist, the title and the year in one line."""
        text = gettext("{artist}: {title}").format(artist=self.artist, title=self.title)
        return f"{text}, {self.year}" if self.year else text


SHIPPED: Mapping[str, KnownPainting] = {
    "auvers.jpg": KnownPainting(
        "Vincent van Gogh", "van Gogh", gettext("Village Street in Auvers"), "1890"
    ),
    "composition_viii.jpg": KnownPainting(
        "Wassily Kandinsky", "Kandinsky", gettext("Composition VIII"), "1923"
    ),
    "great_wave.jpg": KnownPainting(
        "Katsushika Hokusai", "Hokusai", gettext("The Great Wave off Kanagawa"), "1831"
    ),
    "harvesters.jpg": KnownPainting(
        "Pieter Bruegel the Elder", "Bruegel", gettext("The Harvesters"), "1565"
    ),
    "inokashira_snow.jpg": KnownPainting(
        "Utagawa Hiroshige",
        "Hiroshige",
        gettext("The Benzaiten Shrine at Inokashira in Snow"),
    ),
    "moulin_de_la_galette.jpg": KnownPainting(
        "Pierre-Auguste Renoir", "Renoir", gettext("Bal du moulin de la Galette"), "1876"
    ),
    "poppies.jpg": KnownPainting("Katsushika Hokusai", "Hokusai", gettext("Poppies"), "1833"),
    "summertime.jpg": KnownPainting("Mary Cassatt", "Cassatt", gettext("Summertime"), "1894"),
}
"""The painting in each file, as in assets/PROVENANCE.md."""
