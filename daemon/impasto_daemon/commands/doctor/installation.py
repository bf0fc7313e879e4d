"""The check of the environments: whether an installation or removal was interrupted."""

from __future__ import annotations

from collections.abc import Iterator

from impasto_daemon.commands.doctor.finding import Finding, problem
from impasto_daemon.setup.environment import this_environment
from impasto_daemon.setup.plugin_files import packaged_plugin
from impasto_shared.installation.environment import (
    own_environment,
    program_record,
    recorded_program,
)

_TOPIC = "installation"


def check_installation() -> Iterator[Finding]:
    """Checks that each environment is complete, and that GIMP finds the program in one."""
    for environment in {this_environment(), own_environment()}:
        if environment.unfinished.is_file():
            yield problem(
                _TOPIC,
                f"{environment.folder} is not complete: its installation was interrupted",
                "Install again: what was downloaded is not downloaded again.",
            )
    record = program_record()
    if record.is_file() and recorded_program() is None:
        yield problem(
            _TOPIC,
            f"{record} names a program that does not exist, so GIMP cannot start the daemon",
            "Run: impasto setup",
        )
    if packaged_plugin() is None:
        yield problem(_TOPIC, "the plug-in for GIMP is missing in it", "Install Impasto again.")
