"""The command `impasto serve`: runs the daemon."""

from __future__ import annotations

import argparse
import math
import sys
import time
from typing import TYPE_CHECKING

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_shared.configuration.options import DAEMON_OPTIONS, DaemonOptions
from impasto_shared.configuration.resolution import daemon_options
from impasto_shared.paths import lock_path, pace_path, results_dir, usual_endpoint
from impasto_shared.schema import IntegerSetting, NumberSetting

if TYPE_CHECKING:
    from impasto_daemon.server.single_instance import StopSignals

# Keeps the daemon's `endpoint` apart from that of a client.
_PREFIX = "daemon_"
_TYPES: dict[type, type] = {NumberSetting: float, IntegerSetting: int}


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command, with a flag for each option of the daemon."""
    command = add_command(subparsers, "serve", "run the daemon until it is interrupted", run)
    for option in DAEMON_OPTIONS:
        text = option.setting.help.replace("%", "%%")
        command.add_argument(
            "--" + option.name.replace("_", "-"),
            dest=_PREFIX + option.name,
            type=_TYPES.get(type(option.setting), str),
            metavar=option.name.rpartition("_")[2].upper(),
            help=f"{text} (default: see impasto config)",
        )


def run(options: argparse.Namespace) -> int:
    """Runs the daemon until it is told to stop; returns at once if another one is running."""
    # Imported here, so that clients do not load the server.
    from impasto_daemon.log import start_logging
    from impasto_daemon.server.single_instance import AlreadyRunning, StopSignals, exclusive_lock

    config = daemon_options(
        {option.name: getattr(options, _PREFIX + option.name) for option in DAEMON_OPTIONS}
    )
    start_logging("server", config.log_level, rotates=True)
    try:
        with exclusive_lock(lock_path()), StopSignals() as signals:
            _serve(config, signals)
    except AlreadyRunning as running:
        print(f"impasto: {running}", file=sys.stderr)
    return 0


def _serve(config: DaemonOptions, signals: StopSignals) -> None:
    from impasto_daemon.commands.keys import known_clients
    from impasto_daemon.server.authentication import Gate, Remote
    from impasto_daemon.server.jobs import JobTable, Retention
    from impasto_daemon.server.results import Results
    from impasto_daemon.server.server import Server
    from impasto_daemon.server.single_instance import check_endpoint
    from impasto_daemon.server.systemd import ServiceManager
    from impasto_daemon.server.time_estimate import Pace
    from impasto_daemon.worker.process import WorkerProcess
    from impasto_shared.keys import Role, ensure_keys

    endpoint = config.endpoint or usual_endpoint()
    check_endpoint(endpoint)
    remote = Remote(config.listen, ensure_keys(Role.DAEMON)) if config.listen else None
    limit_bytes = round(config.memory_limit_gb * 1e9)
    worker = WorkerProcess(lock_path().with_name("worker.sock"), limit_bytes=limit_bytes)
    retention = Retention(config.keep_minutes * 60, config.keep_mb * 2**20)
    jobs = JobTable(time.monotonic, Results(results_dir()), retention, Pace(pace_path()))
    gate = Gate(known_clients(), remote)
    idle_s = config.idle_minutes * 60 or math.inf
    Server(endpoint, worker, signals, jobs, gate, ServiceManager(), idle_s=idle_s).run()
