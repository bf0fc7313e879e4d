"""The settings and paintings of the procedure's arguments as a preset, and a preset as those."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_gimp.arguments.procedure_arguments import (
    STYLES,
    apply_settings,
    is_size_chosen,
    set_size_chosen,
    settings_from,
)
from impasto_gimp.image.profile.presets import Preset, PresetPainting, Values
from impasto_gimp.introspection import Gimp, Gio
from impasto_shared.settings import SETTINGS, StyleSettings

_SIZE = SETTINGS.integer("size").name


@dataclass(frozen=True)
class CurrentChoice:
    """The values of all settings, the paintings that are files, and both as a preset.

    paintings: None if layers serve as paintings, which a preset cannot remember.
    """

    values: Values
    paintings: tuple[PresetPainting, ...] | None
    preset: Preset


def current_preset(
    config: Gimp.ProcedureConfig, name: str, *, with_paintings: bool
) -> CurrentChoice:
    """Returns what `config` chooses, as a preset called `name`.

    A size that the user has not chosen, and layers that serve as paintings, are no part of it.

    Raises:
        InvalidSettings: if a setting is invalid.
    """
    values = settings_from(config).to_json()
    settings = {
        key: value for key, value in values.items() if key != _SIZE or is_size_chosen(config)
    }
    paintings = _paintings(config)
    return CurrentChoice(
        values, paintings, Preset(name, settings, paintings if with_paintings else None)
    )


def _paintings(config: Gimp.ProcedureConfig) -> tuple[PresetPainting, ...] | None:
    if any(config.get_property(arguments.layer) for arguments in STYLES):
        return None
    files = [(config.get_property(arguments.file), arguments) for arguments in STYLES]
    return tuple(
        PresetPainting(file.get_uri(), config.get_property(arguments.weight))
        for file, arguments in files
        if file
    )


def apply_preset(config: Gimp.ProcedureConfig, preset: Preset) -> None:
    """Writes a preset to `config`; regions remain where paintings do.

    Raises:
        InvalidSettings: if a setting is invalid.
    """
    values = settings_from(config).to_json()
    apply_settings(config, StyleSettings.from_json({**values, **preset.settings}))
    if _SIZE in preset.settings:
        set_size_chosen(config, is_chosen=True)
    if preset.paintings is None:
        return
    chosen = [*preset.paintings, *[None] * len(STYLES)]
    for arguments, painting in zip(STYLES, chosen, strict=False):
        file = Gio.File.new_for_uri(painting.file) if painting else None
        config.set_property(arguments.file, file)
        config.set_property(arguments.layer, None)
        config.set_property(arguments.weight, painting.weight if painting else 1.0)
        if painting is None:
            config.set_property(arguments.region, None)
