"""The server process put together from the daemon's options: `impasto serve`."""

from __future__ import annotations

import logging
import math
import os
import socket
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import ExitStack
from pathlib import Path

from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.clients.clients import Clients
from impasto_daemon.server.jobs.job_table import JobTable, Retention
from impasto_daemon.server.jobs.results import Results
from impasto_daemon.server.jobs.time_estimate import ThroughputHistory
from impasto_daemon.server.journal.database import NewerDatabase
from impasto_daemon.server.journal.journal import Journal
from impasto_daemon.server.process.endpoint import Address
from impasto_daemon.server.process.signals import StopSignals
from impasto_daemon.server.process.systemd import SystemdNotifier, take_sockets
from impasto_daemon.server.server import Server
from impasto_daemon.server.workers import Workers
from impasto_daemon.system.host import set_limits
from impasto_daemon.system.log import start_logging
from impasto_daemon.worker.process import WorkerProcess
from impasto_shared.configuration.options import DaemonOptions
from impasto_shared.connection.keys import Role, ensure_keys
from impasto_shared.errors import ImpastoError
from impasto_shared.files.paths import (
    home_dir,
    is_own_folder,
    jobs_dir,
    sandbox_endpoint,
    throughput_path,
    usual_endpoint,
)
from impasto_shared.system.host import ROOT

logger = logging.getLogger(__name__)


def serve(config: DaemonOptions) -> None:
    """Runs the daemon until a signal stops it.

    Raises:
        AlreadyRunning: if this user's daemon runs already.
        UnsafeEndpoint, CannotServe: if the configured address cannot be served.
    """
    start_logging("server", config.log_level, rotates=True)
    set_limits()
    os.chdir(ROOT)  # the caller's folder may be unmounted or deleted
    endpoint, handed_over = config.endpoint or usual_endpoint(), take_sockets()
    with ExitStack() as stack:
        address = stack.enter_context(Address(endpoint, handed_over=handed_over))
        signals = stack.enter_context(StopSignals())
        sandbox_address = _sandbox_address(endpoint, handed_over, stack)
        _close(handed_over)
        limit_bytes = round(config.memory_limit_gb * 1e9)

        def new_process(device: str, sharing: int) -> WorkerProcess:
            return WorkerProcess(limit_bytes=limit_bytes, device=device, sharing=sharing)

        def has_gpu() -> bool:
            return workers.has_gpu

        jobs = _job_table(config, endpoint, has_gpu)
        workers = Workers(
            config.devices,
            new_process,
            jobs,
            idle_s=config.idle_minutes * 60 or math.inf,
            clock=time.monotonic,
        )
        Server(
            address,
            workers,
            signals,
            jobs,
            _clients(config),
            SystemdNotifier(),
            lease_s=config.lease_seconds,
            sandbox_address=sandbox_address,
        ).run()


def _close(handed_over: Mapping[Path, socket.socket]) -> None:
    """Closes the sockets of systemd that belong to no address of this daemon."""
    for path, listener in handed_over.items():
        logger.warning("systemd listens at %s, where this daemon does not serve", path)
        listener.close()


def _sandbox_address(
    endpoint: str, handed_over: MutableMapping[Path, socket.socket], stack: ExitStack
) -> Address | None:
    """Returns a second address, for programs in a sandbox, of a daemon at the usual endpoint.

    None if the home folder is another user's, as after sudo -E; or, with a line in the log, if the
    address cannot be had.
    """
    is_usual = endpoint == usual_endpoint() != sandbox_endpoint()
    if not is_usual or not is_own_folder(str(home_dir())):
        return None
    try:
        return stack.enter_context(
            Address(sandbox_endpoint(), is_another=True, handed_over=handed_over)
        )
    except (ImpastoError, OSError) as error:
        logger.warning(
            "programs in a sandbox, such as GIMP from Flatpak, cannot connect: %s", error
        )
        return None


def _job_table(config: DaemonOptions, endpoint: str, has_gpu: Callable[[], bool]) -> JobTable:
    retention = Retention(config.keep_minutes * 60, config.keep_mb * 2**20)
    history = ThroughputHistory(throughput_path(), has_gpu)
    journal, problem = _journal(endpoint)
    results = Results(None if journal is None else journal.folder, problem)
    clock = time.monotonic if journal is None else journal.clock
    return JobTable(clock, results, retention, history, journal)


def _journal(endpoint: str) -> tuple[Journal | None, str | None]:
    """Returns the journal, or the reason why there is none: then detached jobs are refused."""
    try:
        return Journal(jobs_dir(endpoint)), None
    except NewerDatabase as error:
        logger.error("jobs cannot be stored: %s", error)
        return None, str(error)
    except (OSError, ImpastoError, RuntimeError) as error:
        logger.exception("jobs cannot be stored")
        return None, str(error)


def _clients(config: DaemonOptions) -> Clients:
    """Returns the clients; raises KeysUnusable or InvalidKey if keys that they need are damaged."""
    if config.listen:
        ensure_keys(Role.DAEMON)
        if not AuthorizedClients.of_user().read():
            logger.warning("no client is authorised yet: impasto keys add NAME KEY")
    return Clients(config.listen, config.log_level)
