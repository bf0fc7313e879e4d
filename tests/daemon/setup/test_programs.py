"""Running other programs to check, to install and to repair."""

import sys

import pytest

from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.programs import output_of, run_quietly


def test_output_of_a_program_is_what_it_prints() -> None:
    assert output_of([sys.executable, "-c", "print('3.0.4')"]) == "3.0.4\n"


@pytest.mark.parametrize(
    "command",
    [["/nowhere/gimp"], [sys.executable, "-c", "print('half'); raise SystemExit(1)"]],
    ids=["missing", "failing"],
)
def test_output_of_a_program_that_fails_is_none(command: list[str]) -> None:
    assert output_of(command) is None


def test_failed_repair_names_the_last_line_of_the_error() -> None:
    program = "import sys; sys.exit('a warning\\nno space left')"

    with pytest.raises(SetupFailed, match=r"failed: no space left$"):
        run_quietly([sys.executable, "-c", program])


def test_repair_by_a_missing_program_fails_with_its_name() -> None:
    with pytest.raises(SetupFailed, match="/nowhere/flatpak cannot be run"):
        run_quietly(["/nowhere/flatpak", "override"])
