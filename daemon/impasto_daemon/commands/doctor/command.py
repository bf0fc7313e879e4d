"""The command `impasto doctor`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

from impasto_daemon.commands.command_parser import Subparsers, add_command, add_json
from impasto_daemon.commands.doctor.daemon import check_config, check_daemon
from impasto_daemon.commands.doctor.finding import Finding, State, guarded
from impasto_daemon.commands.doctor.gimp_python import check_gimp_python
from impasto_daemon.commands.doctor.gimps import check_gimps, check_sandbox
from impasto_daemon.commands.doctor.installation import check_installation
from impasto_daemon.commands.doctor.job import check_job
from impasto_daemon.commands.doctor.machine import check_machine, check_painting
from impasto_daemon.commands.doctor.plugin import check_plugin
from impasto_daemon.commands.doctor.service import check_service
from impasto_daemon.commands.output import say, say_json, warn
from impasto_daemon.setup.gimps import installed_gimps, profiles
from impasto_daemon.setup.service import service_unit
from impasto_shared.errors import ImpastoError

EXIT_PROBLEMS = 1
# Repairing a profile may reveal a problem with the plug-in, and that one with its Python.
_ROUNDS = 4


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    summary = "check the installation, including the GIMP plug-in"
    command = add_command(subparsers, "doctor", summary, run)
    command.add_argument("--fix", action="store_true", help="repair what can be repaired")
    # The former name of --fix.
    command.add_argument("--mend", action="store_true", dest="fix", help=argparse.SUPPRESS)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    """Checks everything, repairs it if asked to, and prints the findings; 0 if all is well."""
    machine = [*guarded("machine", check_machine), *guarded("installation", check_installation)]
    machine += guarded("PyTorch", check_painting)
    config, endpoint = check_config()
    check = fix_problems if options.fix else examine
    findings = [*machine, config, *check(endpoint)]
    findings += guarded("painting", partial(check_job, endpoint))
    if options.json:
        say_json([_as_json(finding) for finding in findings])
    else:
        _print(findings, has_fixed=options.fix)
    return EXIT_PROBLEMS if _problems(findings) else 0


def examine(endpoint: str) -> list[Finding]:
    """Returns the findings about all that may need repair: the daemon, each GIMP, its plug-in."""
    return [
        *guarded("daemon", partial(check_daemon, endpoint)),
        *guarded("service", check_service),
        *guarded("GIMP", partial(_examine_gimps, endpoint)),
    ]


def _examine_gimps(endpoint: str) -> Iterator[Finding]:
    gimps = installed_gimps()
    new_enough = [gimp for gimp in gimps if gimp.is_new_enough]
    used = {gimp.profile for gimp in new_enough if gimp.profile.is_dir()}
    yield from check_gimps(gimps)
    yield from check_sandbox(gimps, endpoint, service_unit())
    for profile in sorted({*used, *profiles()}):
        yield from guarded(f"plug-in in {profile}", partial(check_plugin, profile))
    for gimp in new_enough:
        yield from guarded(f"Python of GIMP {gimp.version}", partial(check_gimp_python, gimp))


def fix_problems(endpoint: str) -> list[Finding]:
    """Repairs what can be repaired, reports on standard error, and returns the findings after."""
    findings = examine(endpoint)
    for _ in range(_ROUNDS):
        if not _fix(findings):
            break
        findings = examine(endpoint)
    return findings


def _problems(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state is State.PROBLEM]


def _fix(findings: Sequence[Finding]) -> bool:
    """Repairs each problem that has a fix; returns whether any was repaired."""
    has_fixed = False
    for finding in _problems(findings):
        if finding.fix is None:
            continue
        try:
            finding.fix()
        except (ImpastoError, OSError) as error:
            warn(f"not fixed: {finding.topic}: {error}")
        else:
            warn(f"fixed: {finding.topic}: {finding.text}")
            has_fixed = True
    return has_fixed


def _as_json(finding: Finding) -> dict[str, object]:
    can_fix = finding.fix is not None
    return {
        "topic": finding.topic,
        "state": finding.state.value,
        "text": finding.text,
        "remedy": finding.remedy,
        "can_fix": can_fix,
        "can_mend": can_fix,  # the former name of can_fix
    }


def _print(findings: Sequence[Finding], *, has_fixed: bool) -> None:
    for finding in findings:
        say(f"{finding.state.value:7}  {finding.topic}: {finding.text}")
        if finding.remedy:
            say(f"         {finding.remedy}")
    problems = _problems(findings)
    if not problems:
        say("All is well.")
    elif has_fixed:
        say("The rest must be fixed by hand.")
    elif any(finding.fix for finding in problems):
        say("To repair what can be repaired: impasto doctor --fix")
