"""The command `impasto`: serve | stylize | status | cancel | weights.

Everything but serve and weights is a client of the daemon, by the client that the plug-in uses.
Torch is imported by `impasto weights` alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO, TypeAlias

from impasto_shared import __version__
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError
from impasto_shared.launcher import connect_or_start
from impasto_shared.messages import JobReport, JobState, StatusReport
from impasto_shared.paths import default_endpoint, lock_path
from impasto_shared.settings import (
    SETTINGS,
    ChoiceSetting,
    IntegerSetting,
    Model,
    Setting,
    StyleSettings,
)

CLIENT_NAME = "impasto"
EXIT_FAILED = 1
EXIT_CANCELLED = 130
_BAR_CHARACTERS = 30
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; ends the process with its status."""
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.run(options))
    except ImpastoError as error:
        print(f"impasto: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        print("\nimpasto: cancelled", file=sys.stderr)
        sys.exit(EXIT_CANCELLED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="impasto", description="Neural style transfer: a photo in the manner of a painting."
    )
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_stylize(commands)
    _add_status(commands)
    _add_cancel(commands)
    _add_weights(commands)
    return parser


def _add_command(commands: _Commands, name: str, summary: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=summary, description=summary)


def _add_endpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--endpoint",
        default=default_endpoint(),
        help="address of the daemon (default: %(default)s, or $IMPASTO_ENDPOINT)",
    )


# serve


def _add_serve(commands: _Commands) -> None:
    command = _add_command(commands, "serve", "run the daemon until it is interrupted")
    _add_endpoint(command)
    command.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    # Imported here: a client need not wait for what only the daemon uses.
    from impasto_daemon.lifecycle import AlreadyRunning, StopSignals, check_endpoint, exclusive_lock
    from impasto_daemon.log import start_logging
    from impasto_daemon.server import Server
    from impasto_daemon.worker_process import WorkerProcess

    start_logging("server")
    try:
        with exclusive_lock(lock_path()), StopSignals() as signals:
            check_endpoint(options.endpoint)
            worker = WorkerProcess(lock_path().with_name("worker.sock"))
            Server(options.endpoint, worker, signals).run()
    except AlreadyRunning as running:
        print(f"impasto: {running}", file=sys.stderr)
    return 0


# stylize


def _add_stylize(commands: _Commands) -> None:
    command = _add_command(commands, "stylize", "paint a photo in the manner of a painting")
    command.add_argument("photo", type=Path, help="the picture to be painted")
    command.add_argument("painting", type=Path, help="the picture whose style it takes")
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="the file to write, such as out.png"
    )
    for setting in SETTINGS:
        _add_setting(command, setting)
    _add_endpoint(command)
    command.set_defaults(run=_stylize)


def _add_setting(command: argparse.ArgumentParser, setting: Setting) -> None:
    option = "--" + setting.name.replace("_", "-")
    text = setting.help.replace("%", "%%")
    if isinstance(setting, ChoiceSetting):
        command.add_argument(
            option,
            choices=list(setting.choices),
            default=setting.default.value,
            help=f"{text} (default: %(default)s)",
        )
        return
    command.add_argument(
        option,
        type=int if isinstance(setting, IntegerSetting) else float,
        default=setting.default,
        metavar=f"{setting.low:g}..{setting.high:g}",
        help=f"{text} (default: %(default)s)",
    )


def _stylize(options: argparse.Namespace) -> int:
    from impasto_daemon.image_file import check_writable, read_image, write_image

    values = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    settings = StyleSettings.from_json(values)
    check_writable(options.output)
    content, icc_profile = read_image(options.photo)
    style, _ = read_image(options.painting)
    with connect_or_start(
        options.endpoint,
        name=CLIENT_NAME,
        command=lambda: [sys.executable, "-m", "impasto_daemon"],
        on_start=lambda: print("Starting the Impasto daemon …", file=sys.stderr),
    ) as client:
        job = client.submit(content, style, settings)
        final = _follow(client, job)
        if final.state is JobState.CANCELLED:
            print("impasto: the job was cancelled", file=sys.stderr)
            return EXIT_CANCELLED
        if final.problem is not None:
            raise DaemonError(final.problem.message, final.problem.code, final.problem.field)
        write_image(client.fetch(job), options.output, icc_profile)
        client.forget(job)
    print(options.output)
    return 0


def _follow(client: Client, job: str) -> JobReport:
    """The last report of a job, every one before shown on the way."""
    for report in client.updates(job):
        _show_progress(report, sys.stderr)
        if report.state.is_final:
            break
    return report


def _show_progress(report: JobReport, terminal: TextIO) -> None:
    """Draws the bar anew on a terminal; anywhere else writes a line when the job has ended."""
    if terminal.isatty():
        terminal.write(f"\r{progress_line(report)}\033[K" + "\n" * report.state.is_final)
        terminal.flush()
    elif report.state.is_final:
        terminal.write(progress_line(report) + "\n")


def progress_line(report: JobReport) -> str:
    """One line that says how far a job has come.

    >>> progress_line(JobReport("", JobState.RUNNING, step=80, steps=90, done=0.5, eta_s=61))
    '[###############...............]  80/90  1:01 left'
    """
    if report.state is JobState.QUEUED:
        return f"waiting: {report.position} before this one"
    if report.state is JobState.RUNNING and report.step == 0:
        return "loading the network …"
    filled = int(_BAR_CHARACTERS * report.done)
    bar = "#" * filled + "." * (_BAR_CHARACTERS - filled)
    line = f"[{bar}] {report.step:3d}/{report.steps}"
    if report.loss is not None:
        line += f"  loss {report.loss:.4g}"
    if report.eta_s is not None and not report.state.is_final:
        minutes, seconds = divmod(round(report.eta_s), 60)
        line += f"  {minutes}:{seconds:02d} left"
    return line


# status and cancel


def _add_status(commands: _Commands) -> None:
    command = _add_command(commands, "status", "show what the daemon is doing")
    command.add_argument("--json", action="store_true", help="print it as JSON, for programs")
    _add_endpoint(command)
    command.set_defaults(run=_status)


def _status(options: argparse.Namespace) -> int:
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        status = client.status()
    if options.json:
        print(json.dumps(asdict(status), indent=2))
    else:
        print(_describe(status))
    return 0


def _describe(status: StatusReport) -> str:
    minutes = status.uptime_s / 60
    lines = [f"Impasto {status.version}, pid {status.pid}, up for {minutes:.0f} min"]
    worker = status.worker
    if worker.pid is None:
        lines.append("No network is loaded.")
    else:
        lines.append(f"Worker {worker.pid}: {worker.model or 'starting'} on {worker.device or '…'}")
    lines += [_describe_job(report) for report in status.jobs]
    return "\n".join(lines)


def _describe_job(report: JobReport) -> str:
    line = f"{report.job[:8]}  {report.state.value:9}  {report.width} × {report.height}"
    if report.state in (JobState.QUEUED, JobState.RUNNING):
        line += f"  {progress_line(report)}"
    if report.problem is not None:
        line += f"  {report.problem.message}"
    return line


def _add_cancel(commands: _Commands) -> None:
    command = _add_command(commands, "cancel", "end a job that waits or runs")
    command.add_argument("job", help="its name in `impasto status`, or the beginning of it")
    _add_endpoint(command)
    command.set_defaults(run=_cancel)


def _cancel(options: argparse.Namespace) -> int:
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        names = [report.job for report in client.status().jobs]
        matching = [name for name in names if name.startswith(options.job.lower())]
        if len(matching) != 1:
            count = "no job" if not matching else f"{len(matching)} jobs"
            raise DaemonError(
                f"There is {count} whose name begins with {options.job}. See: impasto status.",
                ErrorCode.UNKNOWN_JOB,
            )
        print(_describe_job(client.cancel(matching[0])))
    return 0


# weights


def _add_weights(commands: _Commands) -> None:
    command = _add_command(commands, "weights", "list, fetch and verify the networks")
    command.set_defaults(run=_list_weights)
    actions = command.add_subparsers(metavar="ACTION")
    listing = _add_command(actions, "list", "show which networks are on this machine")
    listing.set_defaults(run=_list_weights)
    names = [model.value for model in Model if model is not Model.AUTO]
    fetching = _add_command(actions, "fetch", "download a network if it is missing or damaged")
    fetching.add_argument("model", choices=names)
    fetching.set_defaults(run=_fetch_weights)
    verifying = _add_command(actions, "verify", "check that a network is as it was published")
    verifying.add_argument("model", choices=names)
    verifying.set_defaults(run=_verify_weights)


def _list_weights(_: argparse.Namespace) -> int:
    from impasto_daemon.weights import list_kept, resolve

    default = resolve(Model.AUTO)
    for kept in list_kept():
        mark = "  (the default)" if kept.model is default else ""
        if kept.path is None:
            print(f"{kept.model.value:9}  missing  impasto weights fetch {kept.model.value}")
        else:
            size_mb = kept.path.stat().st_size / 1e6
            print(f"{kept.model.value:9}  {size_mb:4.0f} MB  {kept.path}{mark}")
    return 0


def _fetch_weights(options: argparse.Namespace) -> int:
    from impasto_daemon.weights import fetch

    print(fetch(Model(options.model)))
    return 0


def _verify_weights(options: argparse.Namespace) -> int:
    from impasto_daemon.weights import verify

    print(f"{verify(Model(options.model))} is as it was published")
    return 0
