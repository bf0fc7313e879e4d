"""Flags take precedence over variables, and those over the file; bad values are refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from impasto_shared.configuration.options import OPTIONS, DaemonOptions
from impasto_shared.configuration.resolution import (
    InvalidConfig,
    client_options,
    config_path,
    daemon_options,
    default_endpoint,
    resolved_options,
)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder without a configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.delenv("FLATPAK_ID", raising=False)
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)
    return tmp_path


def write(text: str) -> None:
    config_path().parent.mkdir(exist_ok=True)
    config_path().write_text(text)


def sources() -> dict[tuple[str, str], str | None]:
    return {
        (resolved.option.table, resolved.option.name): resolved.source
        for resolved in resolved_options()
    }


def test_defaults_apply_without_a_file() -> None:
    assert daemon_options() == DaemonOptions()
    assert set(sources().values()) == {None}
    assert default_endpoint() == "ipc:///run/user/7/impasto/daemon.sock"


def test_flag_overrides_variable_overrides_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[daemon]\nidle_minutes = 1\nkeep_minutes = 2\nkeep_mb = 3\n")
    monkeypatch.setenv("IMPASTO_KEEP_MINUTES", "20.5")
    monkeypatch.setenv("IMPASTO_KEEP_MB", "30")

    options = daemon_options({"keep_mb": 300, "idle_minutes": None})

    assert (options.idle_minutes, options.keep_minutes, options.keep_mb) == (1.0, 20.5, 300)
    resolved = {entry.option.name: entry for entry in resolved_options({"keep_mb": 300})}
    assert resolved["idle_minutes"].source == str(config_path())
    assert resolved["keep_minutes"].source == "IMPASTO_KEEP_MINUTES"
    assert resolved["keep_mb"].source == "--keep-mb"
    assert resolved["log_level"].source is None


def test_clients_use_their_endpoint_or_that_of_the_daemon_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write('[daemon]\nendpoint = "tcp://127.0.0.1:5000"\n')
    assert default_endpoint() == "tcp://127.0.0.1:5000"

    write('[daemon]\nendpoint = "tcp://127.0.0.1:5000"\n[client]\nendpoint = "tcp://gpu:5570"\n')
    assert default_endpoint() == "tcp://gpu:5570"
    assert daemon_options().endpoint == "tcp://127.0.0.1:5000"

    monkeypatch.setenv("IMPASTO_ENDPOINT", "ipc:///tmp/other.sock")
    assert default_endpoint() == "ipc:///tmp/other.sock"


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_ENDPOINT", "")
    monkeypatch.setenv("IMPASTO_KEEP_MB", "")

    assert set(sources().values()) == {None}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "[daemon]\nidle_minutes = -1",
            2,
            "idle_minutes in [daemon]: Idle minutes must lie between",
        ),
        ("[daemon]\n\n\nkeep_mb = 1.5", 4, "must be a whole number"),
        ("[daemon]\nkeep_minutes = nan", 2, "must lie between 0.1 and 10080"),
        ('[daemon]\nlog_level = "loud"', 2, "one of debug, info, warning, error; got 'loud'"),
        ("[daemon]\nendpoint = 5", 2, "Endpoint must be text"),
        (
            '[daemon]\nendpoint = ""\n[client]\nendpoint = "gpu:5570"',
            4,
            "endpoint in [client]: Endpoint must be ipc:///PATH, loopback:///PATH or tcp://",
        ),
        ('[client]\nserver_key = "abc"', 2, "must be 64 hexadecimal digits"),
        ("[daemon]\nidle_minute = 5", 2, "there is no option idle_minute in [daemon]. Choose from"),
        (
            "[deamon]\nidle_minutes = 5",
            1,
            "there is no table [deamon]. Choose from [daemon], [client]",
        ),
        ("idle_minutes = 5", 1, "there is no table [idle_minutes]"),
    ],
)
def test_bad_value_in_the_file_is_refused_with_line_and_values_allowed(
    text: str, line: int, message: str
) -> None:
    write(text + "\n")

    with pytest.raises(InvalidConfig, match=re.escape(message)) as caught:
        client_options()

    assert f"{config_path()}, line {line}: " in str(caught.value)


def test_file_that_is_not_toml_is_refused_with_the_line() -> None:
    write("[daemon]\nidle_minutes: 5\n")

    with pytest.raises(InvalidConfig, match=r"config\.toml is not TOML: .*line 2"):
        daemon_options()


def test_number_of_thousands_of_digits_is_an_error() -> None:
    write(f"[daemon]\nkeep_mb = {'9' * 5000}\n")

    with pytest.raises(InvalidConfig, match=r"not TOML: a number has too many digits\. Correct"):
        daemon_options()


def test_unreadable_file_is_refused() -> None:
    config_path().mkdir(parents=True)

    with pytest.raises(InvalidConfig, match="cannot be read"):
        daemon_options()


def test_binary_file_is_refused() -> None:
    config_path().parent.mkdir()
    config_path().write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidConfig, match="not text in UTF-8"):
        daemon_options()


@pytest.mark.parametrize("text", ["ten", "-5", "nan"])
def test_bad_variable_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("IMPASTO_IDLE_MINUTES", text)

    with pytest.raises(InvalidConfig, match=r"^IMPASTO_IDLE_MINUTES: Idle minutes must"):
        daemon_options()


def test_bad_flag_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidConfig, match=r"^--keep-mb: Keep megabytes must lie between 1 and"):
        daemon_options({"keep_mb": 0})


@pytest.mark.parametrize("devices", ['["cpu", "cuda:0"]', '["cuda", "cpu", "cpu"]'])
def test_devices_of_different_kinds_are_refused(devices: str) -> None:
    write(f"[daemon]\ndevices = {devices}\n")

    with pytest.raises(InvalidConfig, match=r"line 2: devices .* are of different kinds"):
        daemon_options()


@pytest.mark.parametrize("devices", ['["cpu", "cpu"]', '["cuda", "cuda:1"]', "[]"])
def test_devices_of_one_kind_are_accepted(devices: str) -> None:
    write(f"[daemon]\ndevices = {devices}\n")

    assert len(daemon_options().devices) == devices.count('"') // 2
