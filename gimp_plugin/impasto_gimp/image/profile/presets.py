"""Named presets: settings, with or without the paintings, in a file; some come with the plug-in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.settings import SETTINGS, Colours, StyleSettings

FILE_NAME = "impasto-presets.json"
MAX_NAME_CHARACTERS = 60
OF_THE_MACHINE = frozenset({"size", "quality", "precision", "model"})
"""The settings that the presets of the plug-in leave alone: they decide about time."""

Values = Mapping[str, Any]
"""Values of settings by their names, as JSON has them."""


@dataclass(frozen=True)
class PresetPainting:
    """The URI of a style image, and its weight."""

    file: str
    weight: float = 1.0


@dataclass(frozen=True)
class Preset:
    """A name for `settings`, which need not be all, and for paintings; None: they stay as chosen.

    is_own: whether it is the user's, and can be replaced, renamed and deleted.
    """

    name: str
    settings: Values
    paintings: tuple[PresetPainting, ...] | None = None
    is_own: bool = True

    def matches(self, values: Values, paintings: tuple[PresetPainting, ...] | None) -> bool:
        """Returns whether choosing it would change nothing. `paintings` is None if layers serve."""
        is_same = all(values.get(name) == value for name, value in self.settings.items())
        return is_same and self.paintings in (None, paintings)


def _shipped(name: str, **changes: Any) -> Preset:
    values = {**StyleSettings().to_json(), **changes}
    settings = {name: value for name, value in values.items() if name not in OF_THE_MACHINE}
    return Preset(name, settings, is_own=False)


SHIPPED = (
    _shipped(gettext("Default")),
    _shipped(gettext("Gentle"), style_strength=0.5),
    _shipped(gettext("Bold strokes"), style_strength=2.0, style_scale=2.0),
    _shipped(gettext("Fine strokes"), style_scale=0.5),
    _shipped(gettext("Colours of the photo"), colours=Colours.PHOTO.value),
)
"""The presets that come with the plug-in and stay as they are; the first has all defaults."""


class Presets:
    """The presets of the plug-in, and those of the user: read from `file`, written by `store`."""

    def __init__(self, file: Path, store: Callable[[Path, bytes], None]) -> None:
        self._file, self._store = file, store
        self.problem: InvalidSettings | None = None
        """What is wrong with the file, if it cannot be read; then it is not written either."""
        self._own: tuple[Preset, ...] = ()
        self.read()

    def read(self) -> None:
        """Reads the file, which another dialog may have changed since it was read."""
        self.problem = None
        try:
            self._own = _own_presets(self._file.read_bytes())
        except FileNotFoundError:
            self._own = ()
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ImpastoError) as error:
            self.problem = InvalidSettings(
                "presets",
                gettext(
                    "Your presets cannot be read, and are left as they are ({error}). To begin "
                    "again, delete the file {file}."
                ).format(error=error, file=self._file),
            )

    @property
    def all(self) -> tuple[Preset, ...]:
        """The presets of the plug-in, then those of the user by their names."""
        return (*SHIPPED, *sorted(self._own, key=lambda preset: preset.name.casefold()))

    def has(self, name: str) -> bool:
        """Returns whether the user has a preset of this name."""
        return any(_same(preset.name, name) for preset in self._own)

    def save(self, preset: Preset) -> None:
        """Adds a preset of the user, or replaces the one of its name.

        Raises:
            InvalidSettings: if that is the name of one of the plug-in's, or none; or if the presets
                cannot be read or written. Nothing has changed then.
        """
        preset = replace(preset, name=_checked_name(preset.name), is_own=True)
        self.read()
        self._write((*self._others(preset.name), preset))

    def rename(self, name: str, new_name: str) -> None:
        """Renames a preset of the user.

        Raises:
            InvalidSettings: as `save` does, or if there is another preset of that name.
        """
        new_name = _checked_name(new_name)
        self.read()
        if not _same(name, new_name) and self.has(new_name):
            raise InvalidSettings(
                "presets",
                gettext("There is already a preset “{name}”. Choose another name.").format(
                    name=new_name
                ),
            )
        renamed = (replace(each, name=new_name) for each in self._own if _same(each.name, name))
        self._write((*self._others(name), *renamed))

    def delete(self, name: str) -> None:
        """Deletes a preset of the user; raises InvalidSettings if that cannot be stored."""
        self.read()
        self._write(self._others(name))

    def _others(self, name: str) -> tuple[Preset, ...]:
        return tuple(preset for preset in self._own if not _same(preset.name, name))

    def _write(self, own: tuple[Preset, ...]) -> None:
        if self.problem:
            raise self.problem
        data = json.dumps([_as_json(preset) for preset in own], ensure_ascii=False, indent=1)
        try:
            self._store(self._file, data.encode())
        except (OSError, ValueError) as error:
            raise InvalidSettings(
                "presets",
                gettext("The presets could not be stored in {file}: {error}").format(
                    file=self._file, error=error
                ),
            ) from error
        self._own = own


def _same(name: str, other: str) -> bool:
    return name.casefold() == other.casefold()


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise InvalidSettings(
            "presets",
            gettext("A preset needs a name of at most {number} characters.").format(
                number=MAX_NAME_CHARACTERS
            ),
        )
    if any(_same(preset.name, name) for preset in SHIPPED):
        raise InvalidSettings(
            "presets",
            gettext("“{name}” comes with Impasto and stays as it is. Choose another name.").format(
                name=name
            ),
        )
    return name


def _as_json(preset: Preset) -> dict[str, Any]:
    paintings = None
    if preset.paintings is not None:
        paintings = [{"file": each.file, "weight": each.weight} for each in preset.paintings]
    return {"name": preset.name, "settings": dict(preset.settings), "paintings": paintings}


def _own_presets(stored: bytes) -> tuple[Preset, ...]:
    return tuple(_preset(values) for values in json.loads(stored))


def _preset(values: Mapping[str, Any]) -> Preset:
    settings, paintings = values["settings"], values["paintings"]
    known = {setting.name for setting in SETTINGS}
    # A later version may have more settings.
    settings = {name: value for name, value in settings.items() if name in known}
    StyleSettings.from_json({**StyleSettings().to_json(), **settings})
    chosen = None
    if paintings is not None:
        chosen = tuple(
            PresetPainting(str(each["file"]), float(each["weight"])) for each in paintings
        )
    return Preset(_checked_name(values["name"]), settings, chosen)
