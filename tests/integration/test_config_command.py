"""The command `impasto config`, and a daemon that follows the configuration."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_shared.configuration.options import OPTIONS
from integration.daemon_process import DaemonProcess


@pytest.fixture
def machine() -> Iterator[DaemonProcess]:
    """A separate home folder, without a daemon."""
    machine = DaemonProcess()
    yield machine
    machine.end()


def config_file(machine: DaemonProcess) -> Path:
    return machine.folder / ".config/impasto/config.toml"


def test_init_writes_a_file_with_every_option_as_a_comment(
    machine: DaemonProcess,
) -> None:
    values_before = json.loads(machine.run("config", "--json").stdout)

    done = machine.run("config", "--init")
    values_after = json.loads(machine.run("config", "--json").stdout)
    uncommented = re.sub(
        r"^# (\w+ = )", r"\1", config_file(machine).read_text(), flags=re.MULTILINE
    )

    assert done.stdout == f"{config_file(machine)}\n", done.stderr
    assert values_before == values_after
    tables = tomllib.loads(uncommented)
    for option in OPTIONS:
        assert option.setting.check(tables[option.table][option.name]) == option.setting.default


def test_init_overwrites_no_file(machine: DaemonProcess) -> None:
    machine.run("config", "--init")
    config_file(machine).write_text("[daemon]\nkeep_mb = 7\n")

    refused = machine.run("config", "--init")

    assert refused.returncode == 1
    assert "already" in refused.stderr
    assert config_file(machine).read_text() == "[daemon]\nkeep_mb = 7\n"


def test_config_shows_each_value_with_its_source(machine: DaemonProcess) -> None:
    machine.run("config", "--init")
    config_file(machine).write_text("[daemon]\nkeep_mb = 7\n")

    lines = machine.run("config").stdout.splitlines()

    assert any(re.fullmatch(rf"keep_mb = 7 +# {config_file(machine)}", line) for line in lines)
    assert any(re.fullmatch(r'log_level = "info" +# default', line) for line in lines)
    assert any(line.endswith("# IMPASTO_ENDPOINT") for line in lines)


@pytest.mark.parametrize("command", [("config",), ("serve",), ("status",)])
def test_bad_file_is_named_by_every_command(
    machine: DaemonProcess, command: tuple[str, ...]
) -> None:
    config_file(machine).parent.mkdir(parents=True)
    config_file(machine).write_text("[daemon]\nkeep_mb = -7\n")

    refused = machine.run(*command)

    assert refused.returncode == 1
    assert f"{config_file(machine)}, line 2: keep_mb in [daemon]" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "--endpoint" in machine.run("status", "--help").stdout


def test_log_level_keeps_the_log_quiet(machine: DaemonProcess) -> None:
    config_file(machine).parent.mkdir(parents=True)
    config_file(machine).write_text('[daemon]\nlog_level = "error"\n')

    machine.start()

    assert machine.log == ""
