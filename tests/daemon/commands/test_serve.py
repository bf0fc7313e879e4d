"""The flags of `impasto serve`."""

from __future__ import annotations

import pytest

from impasto_daemon.commands.main import main, new_parser
from impasto_shared.configuration.options import DAEMON_OPTIONS


def test_every_option_of_the_daemon_is_a_flag() -> None:
    options = new_parser().parse_args(["serve", "--keep-mb", "7", "--idle-minutes", "2.5"])

    assert vars(options).keys() >= {f"daemon_{option.name}" for option in DAEMON_OPTIONS}
    assert (options.daemon_keep_mb, options.daemon_idle_minutes) == (7, 2.5)
    assert options.daemon_log_level is None


def test_value_that_is_no_number_is_an_error_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        new_parser().parse_args(["serve", "--keep-mb", "all"])

    assert exit_.value.code == 2
    assert "--keep-mb" in capsys.readouterr().err


def test_value_out_of_range_is_refused_by_its_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["serve", "--keep-mb", "-7"])

    assert exit_.value.code == 1
    assert "--keep-mb" in capsys.readouterr().err
