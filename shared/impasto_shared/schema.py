"""Schemas: each field of a dataclass described for validation, interfaces and documentation.

`StyleSettings` and the options of daemon and clients are such dataclasses. A field is declared by
`described(NumberSetting, 1.0, low=0.0, high=10.0, label="…", help="…")`; `Schema` collects them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

from impasto_shared.errors import InvalidSettings
from impasto_shared.layer_weights import (
    LayersNotUnderstood,
    format_layer_weights,
    parse_layer_weights,
)
from impasto_shared.str_enum import StrEnum
from impasto_shared.text.sentences import sentence


def _of_wrong_kind(name: str, code: str, label: str, value: object) -> InvalidSettings:
    return InvalidSettings(name, sentence(code, label=label, value=repr(value)))


@dataclass(frozen=True)
class NumberSetting:
    """A real number within [low, high]."""

    name: str
    label: str
    help: str
    default: float
    low: float
    high: float

    def check(self, value: object) -> float:
        """Returns `value` as a float; raises InvalidSettings if it is not a number in range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _of_wrong_kind(self.name, "no-number", self.label, value)
        if not self.low <= value <= self.high:  # false for NaN, too
            raise InvalidSettings(
                self.name,
                sentence(
                    "out-of-range",
                    label=self.label,
                    low=f"{self.low:g}",
                    high=f"{self.high:g}",
                    value=repr(value),
                ),
            )
        return float(value)


@dataclass(frozen=True)
class IntegerSetting:
    """A whole number within [low, high]."""

    name: str
    label: str
    help: str
    default: int
    low: int
    high: int

    def check(self, value: object) -> int:
        """Returns `value`; raises InvalidSettings if it is not a whole number in range."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidSettings(
                self.name, sentence("no-whole-number", label=self.label, value=repr(value))
            )
        if not self.low <= value <= self.high:
            raise InvalidSettings(
                self.name,
                sentence(
                    "out-of-range", label=self.label, low=self.low, high=self.high, value=value
                ),
            )
        return value


@dataclass(frozen=True)
class ChoiceSetting:
    """A name out of a closed list; `choices` maps each name to its label."""

    name: str
    label: str
    help: str
    default: StrEnum
    choices: Mapping[str, str]

    def check(self, value: object) -> str:
        """Returns the choice named `value`; raises InvalidSettings if there is none."""
        if not isinstance(value, str) or value not in self.choices:
            names = ", ".join(self.choices)
            raise InvalidSettings(
                self.name, sentence("no-choice", label=self.label, choices=names, value=repr(value))
            )
        return type(self.default)(value)


_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class OpenChoiceSetting(ChoiceSetting):
    """A name out of an open list: dialogs show the `choices`, only the daemon knows the rest.

    others: a description of the other names that are accepted.
    former: the choices that earlier versions knew by other names, by those names.
    """

    others: str
    former: Mapping[str, str] = field(default_factory=dict)

    def check(self, value: object) -> str:
        """Returns the choice or the other name; raises InvalidSettings if it is not a name."""
        if isinstance(value, str):
            value = self.former.get(value, value)
        if isinstance(value, str) and value in self.choices:
            return super().check(value)
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            names = ", ".join(self.choices)
            raise InvalidSettings(
                self.name,
                sentence(
                    "no-open-choice",
                    label=self.label,
                    choices=names,
                    others=self.others,
                    value=repr(value),
                ),
            )
        return value


@dataclass(frozen=True)
class SwitchSetting:
    """On or off."""

    name: str
    label: str
    help: str
    default: bool

    def check(self, value: object) -> bool:
        """Returns `value`; raises InvalidSettings if it is neither true nor false."""
        if not isinstance(value, bool):
            raise InvalidSettings(
                self.name, sentence("no-switch", label=self.label, value=repr(value))
            )
        return value


@dataclass(frozen=True)
class LayersSetting:
    """Layers of the network with their weights, as text."""

    name: str
    label: str
    help: str
    default: str

    def check(self, value: object) -> str:
        """Returns `value` in normal form; raises InvalidSettings if it does not name layers."""
        if not isinstance(value, str):
            raise InvalidSettings(
                self.name, sentence("no-text", label=self.label, value=repr(value))
            )
        try:
            return format_layer_weights(parse_layer_weights(value))
        except LayersNotUnderstood as error:
            of_setting = {"label": self.label, **error.values}
            raise InvalidSettings(self.name, sentence(error.code, **of_setting)) from error


@dataclass(frozen=True)
class TextSetting:
    """Text that is empty or matches `pattern`; `values` describes the pattern in words."""

    name: str
    label: str
    help: str
    default: str
    pattern: str
    values: str

    def check(self, value: object) -> str:
        """Returns `value`; raises InvalidSettings if it does not match the pattern."""
        if not isinstance(value, str):
            raise InvalidSettings(
                self.name, sentence("no-text", label=self.label, value=repr(value))
            )
        if value and not re.fullmatch(self.pattern, value):
            raise InvalidSettings(
                self.name,
                sentence("no-such-text", label=self.label, values=self.values, value=repr(value)),
            )
        return value


@dataclass(frozen=True)
class TextsSetting:
    """A list of texts that all match `pattern`; `values` describes the pattern in words."""

    name: str
    label: str
    help: str
    default: tuple[str, ...]
    pattern: str
    values: str

    def check(self, value: object) -> tuple[str, ...]:
        """Returns a list, or a text with commas, as a tuple.

        Raises:
            InvalidSettings: if it is neither, or one of the texts does not match the pattern.
        """
        if isinstance(value, str):
            value = [text.strip() for text in value.split(",")] if value.strip() else []
        if not isinstance(value, list | tuple):
            raise _of_wrong_kind(self.name, "no-list", self.label, value)
        for text in value:
            if not (isinstance(text, str) and re.fullmatch(self.pattern, text)):
                raise InvalidSettings(
                    self.name,
                    sentence(
                        "no-such-list", label=self.label, values=self.values, value=repr(text)
                    ),
                )
        return tuple(value)


def described(kind: type[Any], default: Any, **description: Any) -> Any:
    """Returns a dataclass field whose values a setting of `kind` describes and checks."""
    return field(default=default, metadata={"kind": kind, **description})


def _setting_of(entry: Field[Any]) -> Any:
    description = {key: value for key, value in entry.metadata.items() if key != "kind"}
    return entry.metadata["kind"](name=entry.name, default=entry.default, **description)


Kind = TypeVar("Kind")
Narrowed = TypeVar("Narrowed")


class Schema(Collection[Kind]):
    """The settings that describe the fields of a dataclass.

    Iteration yields the settings in the order of the fields; `[name]` and `in` go by name.
    Kind: the union of the kinds of settings that the dataclass uses.
    """

    def __init__(self, dataclass_: type[Any]) -> None:
        self._settings: dict[str, Kind] = {
            entry.name: _setting_of(entry) for entry in fields(dataclass_)
        }

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._settings.values())

    def __len__(self) -> int:
        return len(self._settings)

    def __contains__(self, name: object) -> bool:
        return name in self._settings

    def __getitem__(self, name: str) -> Kind:
        return self._settings[name]

    def number(self, name: str) -> NumberSetting:
        """Returns the setting of a real number; raises TypeError if it is of another kind."""
        return self._narrowed(name, NumberSetting)

    def integer(self, name: str) -> IntegerSetting:
        """Returns the setting of a whole number; raises TypeError if it is of another kind."""
        return self._narrowed(name, IntegerSetting)

    def choice(self, name: str) -> ChoiceSetting:
        """Returns the setting of a choice; raises TypeError if it is of another kind."""
        return self._narrowed(name, ChoiceSetting)

    def _narrowed(self, name: str, kind: type[Narrowed]) -> Narrowed:
        setting = self[name]
        if not isinstance(setting, kind):
            raise TypeError(f"{name} is a {type(setting).__name__}, not a {kind.__name__}.")
        return setting
