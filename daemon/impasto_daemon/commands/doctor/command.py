"""The command `impasto doctor`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from impasto_daemon.commands.command_parser import Subparsers, add_command, add_json
from impasto_daemon.commands.doctor.daemon import check_config, check_daemon
from impasto_daemon.commands.doctor.finding import Finding, State
from impasto_daemon.commands.doctor.gimp_python import check_gimp_python
from impasto_daemon.commands.doctor.gimps import (
    check_gimps,
    check_sandbox,
    installed_gimps,
    profiles,
)
from impasto_daemon.commands.doctor.machine import check_machine, check_painting
from impasto_daemon.commands.doctor.plugin import check_plugin
from impasto_daemon.commands.doctor.service import check_service, service_unit
from impasto_shared.errors import ImpastoError

EXIT_PROBLEMS = 1
# A mended profile may show what is wrong with the plug-in, and that with its Python.
_ROUNDS = 4


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    summary = "look whether all is well, GIMP's plug-in included"
    command = add_command(subparsers, "doctor", summary, run)
    command.add_argument("--mend", action="store_true", help="mend what can be mended")
    add_json(command)


def run(options: argparse.Namespace) -> int:
    """Looks, mends where it is asked to, prints what it has found; 0 where all is well."""
    machine = [*check_machine(), *check_painting()]
    config, endpoint = check_config()
    findings = [*machine, config, *(treat if options.mend else examine)(endpoint)]
    if options.json:
        print(json.dumps([_as_json(finding) for finding in findings], indent=2))
    else:
        _print(findings, has_mended=options.mend)
    return EXIT_PROBLEMS if _problems(findings) else 0


def examine(endpoint: str) -> list[Finding]:
    """Looks at the daemon, and at each GIMP with its plug-in: all that may need mending."""
    gimps = installed_gimps()
    new_enough = [gimp for gimp in gimps if gimp.is_new_enough]
    used = {gimp.profile for gimp in new_enough if gimp.profile.is_dir()}
    return [
        *check_daemon(endpoint),
        *check_service(),
        *check_gimps(gimps),
        *check_sandbox(gimps, endpoint, service_unit()),
        *(finding for profile in sorted({*used, *profiles()}) for finding in check_plugin(profile)),
        *(finding for gimp in new_enough for finding in check_gimp_python(gimp)),
    ]


def treat(endpoint: str) -> list[Finding]:
    """Mends what can be mended, saying so on standard error; what is found afterwards."""
    findings = examine(endpoint)
    for _ in range(_ROUNDS):
        if not _mend(findings):
            break
        findings = examine(endpoint)
    return findings


def _problems(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state is State.PROBLEM]


def _mend(findings: Sequence[Finding]) -> bool:
    """Mends what can be mended; whether anything was."""
    has_mended = False
    for finding in _problems(findings):
        if finding.mend is None:
            continue
        try:
            finding.mend()
        except (ImpastoError, OSError) as error:
            print(f"not mended: {finding.topic}: {error}", file=sys.stderr)
        else:
            print(f"mended: {finding.topic}: {finding.text}", file=sys.stderr)
            has_mended = True
    return has_mended


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "topic": finding.topic,
        "state": finding.state.value,
        "text": finding.text,
        "remedy": finding.remedy,
        "can_mend": finding.mend is not None,
    }


def _print(findings: Sequence[Finding], *, has_mended: bool) -> None:
    for finding in findings:
        print(f"{finding.state.value:7}  {finding.topic}: {finding.text}")
        if finding.remedy:
            print(f"         {finding.remedy}")
    problems = _problems(findings)
    if not problems:
        print("All is well.")
    elif has_mended:
        print("What is left is for you to mend.")
    elif any(finding.mend for finding in problems):
        print("What can be mended, this mends: impasto doctor --mend")
