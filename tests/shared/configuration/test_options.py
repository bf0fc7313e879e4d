"""Each option has a name, a variable, and values that its description and its check agree on."""

import tomllib
from dataclasses import fields

import pytest

from impasto_shared.configuration.options import (
    CLIENT_OPTIONS,
    DAEMON_OPTIONS,
    OPTIONS,
    ClientOptions,
    DaemonOptions,
    Option,
    toml_value,
    values_of,
)
from impasto_shared.errors import InvalidSettings

BY_NAME = {(option.table, option.name): option for option in OPTIONS}


def name_of(option: Option) -> str:
    return f"{option.table}.{option.name}"


def test_each_field_is_an_option_of_its_table() -> None:
    assert [option.name for option in DAEMON_OPTIONS] == [f.name for f in fields(DaemonOptions)]
    assert [option.name for option in CLIENT_OPTIONS] == [f.name for f in fields(ClientOptions)]
    assert {option.table for option in DAEMON_OPTIONS} == {"daemon"}
    assert {option.table for option in CLIENT_OPTIONS} == {"client"}


def test_variable_has_the_name_in_capitals() -> None:
    assert BY_NAME["daemon", "idle_minutes"].variable == "IMPASTO_IDLE_MINUTES"


@pytest.mark.parametrize("option", OPTIONS, ids=name_of)
def test_default_is_valid(option: Option) -> None:
    assert option.setting.check(option.setting.default) == option.setting.default


@pytest.mark.parametrize("option", OPTIONS, ids=name_of)
def test_toml_keeps_the_default(option: Option) -> None:
    table = tomllib.loads(f"{option.name} = {toml_value(option.setting.default)}")

    assert list(table) == [option.name]
    assert option.setting.check(table[option.name]) == option.setting.default


@pytest.mark.parametrize(
    ("table", "name", "values"),
    [
        ("daemon", "keep_mb", "1 to 1048576"),
        ("daemon", "keep_minutes", "0.1 to 10080"),
        ("daemon", "log_level", "debug, info, warning, error"),
        ("daemon", "listen", "tcp://ADDRESS:PORT, PORT from 1 to 65535"),
    ],
)
def test_values_are_described_in_words(table: str, name: str, values: str) -> None:
    assert values_of(BY_NAME[table, name]) == values


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ("daemon", "endpoint", "ipc:///run/user/7/daemon.sock"),
        ("daemon", "endpoint", "tcp://127.0.0.1:5000"),
        ("daemon", "listen", "tcp://0.0.0.0:5570"),
        ("client", "endpoint", "tcp://gpu:5570"),
        ("client", "server_key", "0123456789abcdef" * 4),
    ],
)
def test_address_or_key_is_accepted(table: str, name: str, value: str) -> None:
    assert BY_NAME[table, name].setting.check(value) == value


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ("daemon", "endpoint", "ipc://relative.sock"),
        ("daemon", "endpoint", "tcp://127.0.0.1"),
        ("daemon", "listen", "ipc:///run/daemon.sock"),
        ("client", "endpoint", "gpu:5570"),
        ("client", "server_key", "0123456789ABCDEF" * 4),
        ("client", "server_key", "0123456789abcdef" * 4 + "0"),
    ],
)
def test_malformed_address_or_key_is_refused(table: str, name: str, value: str) -> None:
    with pytest.raises(InvalidSettings):
        BY_NAME[table, name].setting.check(value)
