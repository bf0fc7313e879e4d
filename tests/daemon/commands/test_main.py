"""The parser of all commands, and what becomes of an error."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import pytest

from impasto_daemon.commands import main as main_module
from impasto_daemon.commands.main import main, new_parser
from impasto_shared.errors import InvalidImage
from integration.daemon_process import ROOT

COMMANDS = (
    "serve stylize batch regions texture explore status jobs show fetch cancel keep stop weights "
    "keys config"
)


def test_every_command_is_listed_with_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    lines = capsys.readouterr().out.splitlines()
    listed = [
        line.split()[0] for line in lines if line.startswith("    ") and len(line.split()) > 2
    ]
    assert listed == [*COMMANDS.split(), "setup", "doctor"]


@pytest.mark.parametrize("name", [*COMMANDS.split(), "setup", "doctor"])
def test_command_is_found_by_its_name_alone(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])

    assert exit_.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: impasto {name} ")


def test_unknown_command_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["statue"])

    told = capsys.readouterr().err
    assert all(name in told for name in COMMANDS.split())


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """Returns the exit status of a command that raises `error`."""

    def run(_: argparse.Namespace) -> int:
        raise error

    parser = argparse.ArgumentParser()
    parser.set_defaults(run=run)
    monkeypatch.setattr(main_module, "new_parser", lambda _: parser)
    with pytest.raises(SystemExit) as exit_:
        main([])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_expected_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(InvalidImage("photo.png is too large."), monkeypatch) == 1
    assert capsys.readouterr().err == "impasto: photo.png is too large.\n"


def test_interrupt_has_the_exit_status_of_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fail_with(KeyboardInterrupt(), monkeypatch) == 130


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "/x"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "invalid"),
        MemoryError(),
        RecursionError(),
    ],
)
def test_error_of_the_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    assert fail_with(error, monkeypatch) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("impasto: ")
    assert shown.count("\n") == 1


def test_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError):
        fail_with(KeyError("typo"), monkeypatch)


@pytest.mark.parametrize("endpoint", ["tcp://gpu:99999", "tcp://gpu:0", "gpu", "ipc://a.sock"])
def test_endpoint_that_is_no_address_is_refused(
    capsys: pytest.CaptureFixture[str], endpoint: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["status", "--endpoint", endpoint])

    assert exit_.value.code == 1
    assert (
        "--endpoint: Endpoint must be ipc:///PATH, loopback:///PATH or tcp://"
        in capsys.readouterr().err
    )


def test_endpoint_of_a_client_is_not_that_of_the_daemon_to_run() -> None:
    serve = new_parser().parse_args(["serve", "--endpoint", "ipc:///there"])
    status = new_parser().parse_args(["status", "--endpoint", "ipc:///there"])

    assert not hasattr(serve, "endpoint")
    assert status.endpoint == "ipc:///there"


def test_missing_command_is_an_error_of_usage() -> None:
    with pytest.raises(SystemExit) as exit_:
        main([])

    assert exit_.value.code == 2


def test_nothing_else_is_imported_before_ctrl_c_ends_the_process() -> None:
    """A user who presses it in that time sees a traceback."""
    program = (
        "import sys; before = {*sys.modules}; import impasto_daemon.commands.main; "
        "print(*sorted({*sys.modules} - before))"
    )

    completed = subprocess.run(
        [sys.executable, "-P", "-S", "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT / "daemon")},
        capture_output=True,
        text=True,
    )

    package = "impasto_daemon"
    own = ("__future__", package, f"{package}.commands", f"{package}.commands.main")
    assert completed.stdout.split() == [*own], completed.stderr
