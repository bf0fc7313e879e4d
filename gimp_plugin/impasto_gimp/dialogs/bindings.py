"""Keeps widgets up to date with the arguments that they show."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from impasto_gimp.arguments.procedure_arguments import StyleArguments
from impasto_gimp.introspection import Gimp


def keep_updated(
    config: Gimp.ProcedureConfig, arguments: Iterable[str], update: Callable[[], object]
) -> None:
    """Calls `update` now, and whenever one of `arguments` of `config` changes."""
    for argument in arguments:
        config.connect(f"notify::{argument}", lambda *_: update())
    update()


def painting_arguments(styles: Iterable[StyleArguments]) -> list[str]:
    """Returns the names of the arguments that choose the paintings of `styles`."""
    return [argument for style in styles for argument in (style.file, style.layer)]
