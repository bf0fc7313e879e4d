"""What a painted layer remembers of how it was painted, as bytes that GIMP keeps with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.settings import StyleSettings

PARASITE = "impasto-neural-style"
"""The name under which GIMP keeps it, in XCF files too."""


@dataclass(frozen=True)
class Recipe:
    """How a layer was painted.

    source, source_name: the tattoo of the layer that was painted, which outlives saving and
        loading, and its name.
    style: the URI of the style image.
    """

    source: int
    source_name: str
    style: str
    settings: StyleSettings

    def to_bytes(self) -> bytes:
        """The recipe as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> Recipe:
        """The recipe in what `to_bytes` gave.

        Raises:
            InvalidSettings: where it is none, or one of a version that knew other settings.
        """
        try:
            values = json.loads(kept.rstrip(b"\0").decode())
            settings = StyleSettings.from_json(values["settings"])
            name, style = str(values["source_name"]), str(values["style"])
            return cls(int(values["source"]), name, style, settings)
        except (ValueError, KeyError, TypeError, ImpastoError) as error:
            raise InvalidSettings(
                "settings",
                f"What the layer remembers of how it was painted cannot be read: {error}. Choose "
                "Neural Style… instead.",
            ) from error
