"""The examples in docstrings give the results that they show."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def modules_with_examples() -> list[str]:
    return [
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for folder in (ROOT / "shared", ROOT / "daemon")
        for path in sorted(folder.rglob("*.py"))
        if ">>> " in path.read_text()
    ]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_of_module_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name))

    assert results.attempted
    assert not results.failed
