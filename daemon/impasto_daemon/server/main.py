"""The server process put together from the daemon's options: `impasto serve`."""

from __future__ import annotations

import math
import os
import time

from impasto_daemon.server.authentication import Authenticator, Remote
from impasto_daemon.server.authorized_clients import AuthorizedClients
from impasto_daemon.server.jobs import JobTable, Retention
from impasto_daemon.server.process.endpoint import check_endpoint
from impasto_daemon.server.process.signals import StopSignals
from impasto_daemon.server.process.single_instance import exclusive_lock
from impasto_daemon.server.process.systemd import SystemdNotifier
from impasto_daemon.server.results import Results
from impasto_daemon.server.server import Server
from impasto_daemon.server.time_estimate import ThroughputHistory
from impasto_daemon.system.log import start_logging
from impasto_daemon.worker.process import WorkerProcess
from impasto_shared.configuration.options import DaemonOptions
from impasto_shared.connection.keys import Role, ensure_keys
from impasto_shared.paths import lock_path, results_dir, throughput_path, usual_endpoint


def serve(config: DaemonOptions) -> None:
    """Runs the daemon until a signal stops it.

    Raises:
        AlreadyRunning: if this user's daemon runs already.
        UnsafeEndpoint, CannotServe: if the configured address cannot be served.
    """
    start_logging("server", config.log_level, rotates=True)
    os.chdir("/")  # the caller's folder may be unmounted or deleted
    with exclusive_lock(lock_path()), StopSignals() as signals:
        endpoint = config.endpoint or usual_endpoint()
        check_endpoint(endpoint)
        limit_bytes = round(config.memory_limit_gb * 1e9)
        Server(
            endpoint,
            WorkerProcess(lock_path().parent, limit_bytes=limit_bytes),
            signals,
            _job_table(config),
            _authenticator(config),
            SystemdNotifier(),
            idle_s=config.idle_minutes * 60 or math.inf,
        ).run()


def _job_table(config: DaemonOptions) -> JobTable:
    retention = Retention(config.keep_minutes * 60, config.keep_mb * 2**20)
    history = ThroughputHistory(throughput_path())
    return JobTable(time.monotonic, Results(results_dir()), retention, history)


def _authenticator(config: DaemonOptions) -> Authenticator:
    remote = Remote(config.listen, ensure_keys(Role.DAEMON)) if config.listen else None
    return Authenticator(AuthorizedClients.of_user(), remote)
