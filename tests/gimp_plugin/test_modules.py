"""Each module of the plug-in has a test of its name, or a row in tests/gimp/README.md."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PLUGIN = TESTS.parents[1] / "gimp_plugin/impasto_gimp"
TABLE = (TESTS.parent / "gimp/README.md").read_text()
MODULES = sorted(
    str(path.relative_to(PLUGIN)) for path in PLUGIN.rglob("*.py") if path.name != "__init__.py"
)


@pytest.mark.parametrize("module", MODULES)
def test_module_is_tested_where_a_reader_looks(module: str) -> None:
    path = TESTS / module

    has_test = path.with_name(f"test_{path.name}").is_file()

    assert has_test != (f"`{module}`" in TABLE)
