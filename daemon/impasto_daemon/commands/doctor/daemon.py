"""The checks of the configuration and of the daemon: its folder, its clients, its answer."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from impasto_daemon.commands.doctor.connection import Condition, NoAnswer, connect_patiently
from impasto_daemon.commands.doctor.finding import Finding, note, ok, problem
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients, InvalidKey
from impasto_daemon.server.jobs.pace_file import read_paces
from impasto_daemon.server.journal.journal import DAMAGED
from impasto_shared import __version__
from impasto_shared.configuration.options import toml_value
from impasto_shared.configuration.resolution import (
    InvalidConfig,
    daemon_options,
    default_endpoint,
    resolved_options,
)
from impasto_shared.connection.keys import KeysUnusable, Role, keys_dir, load_keys
from impasto_shared.errors import AccessDenied, DaemonUnavailable, ImpastoError
from impasto_shared.files.paths import (
    is_own_folder,
    jobs_dir,
    local_path,
    log_path,
    runtime_dir,
    spare_log_path,
    throughput_path,
    usual_endpoint,
)
from impasto_shared.system.host import HAS_UNIX_SOCKETS

TOPIC = "daemon"
_RESTART = (
    "End it by impasto stop. Detached jobs and finished pictures stay for the next one. Other jobs "
    "end with it."
)
_LOG_OF_SYSTEMD = (
    "If it is systemd, it cannot start the daemon: journalctl --user -u impasto says why. If not, "
    "end that program."
)


def check_config() -> tuple[Finding, str]:
    """Checks the configuration; also returns the endpoint of the daemon according to it."""
    try:
        configured = [entry for entry in resolved_options() if entry.source]
        endpoint = default_endpoint()
    except InvalidConfig as error:
        remedy = "Correct the value, or remove it."
        return problem("configuration", str(error), remedy), usual_endpoint()
    texts = [f"{entry.option.name} = {toml_value(entry.value)}" for entry in configured]
    return ok("configuration", ", ".join(texts) or "only the defaults"), endpoint


def check_daemon(endpoint: str) -> Iterator[Finding]:
    """Checks that a daemon answers at `endpoint`, and that only this user can reach it."""
    yield from _check_folder(runtime_dir())
    yield from _check_authorized_clients()
    yield from _check_keys()
    yield from _check_throughput()
    yield from _check_damaged_jobs(jobs_dir(endpoint))
    yield from _check_running(endpoint)
    for path in (log_path(), spare_log_path()):
        if path.exists():
            yield ok("log", f"{path} (of daemons started on demand)")


def _check_folder(folder: Path) -> Iterator[Finding]:
    topic = "socket folder"
    try:
        status = folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield problem(topic, f"{folder} cannot be examined: {error.strerror}")
        return
    if not stat.S_ISDIR(status.st_mode) or not is_own_folder(str(folder)):
        remedy = "Remove it; the daemon creates it again."
        yield problem(topic, f"{folder} is not a folder of yours", remedy)
    elif HAS_UNIX_SOCKETS and status.st_mode & 0o077:
        yield problem(
            topic,
            f"other users can enter {folder}, so the daemon refuses to start there",
            f"Run: chmod 700 '{folder}'",
            fix=lambda: folder.chmod(0o700),
        )
    else:
        yield ok(topic, f"{folder}, accessible to this user only")


def _check_authorized_clients() -> Iterator[Finding]:
    """Checks which other machines may use this machine's daemon, if it is to serve any."""
    topic = "other machines"
    try:
        address = daemon_options().listen
        if not address:
            return
        clients = AuthorizedClients.of_user().read()
    except InvalidConfig:
        return  # check_config has reported it
    except (OSError, InvalidKey) as error:
        yield problem(topic, f"only clients that were known before can connect: {error}")
        return
    if clients:
        yield ok(topic, f"served at {address}: {', '.join(sorted(clients.values()))}")
    else:
        text = f"no client is authorised to connect to {address}"
        yield note(topic, text, "Run: impasto keys add NAME KEY")


def _check_keys() -> Iterator[Finding]:
    """Checks the keys that exist; they are only needed for other machines."""
    for role in Role:
        if os.path.lexists(keys_dir() / f"{role}.secret"):
            try:
                load_keys(role)
            except KeysUnusable as error:
                yield problem(f"{role} key", str(error))


def _check_throughput() -> Iterator[Finding]:
    _, wrong = read_paces(throughput_path())
    if wrong:
        text = f"damaged values in {throughput_path()} are not used: {wrong}"
        yield note("estimates", text, "Remove the file; the next daemon measures again.")


def _check_damaged_jobs(folder: Path) -> Iterator[Finding]:
    for damaged in sorted(folder.parent.glob(f"{folder.name}{DAMAGED}*")):
        text = f"the list of stored jobs was damaged and is lost; their files are in {damaged}"
        yield note("stored jobs", text, "They are removed once the machine has run for a week.")


def _check_running(endpoint: str) -> Iterator[Finding]:
    try:
        with connect_patiently(endpoint) as client:
            status = client.status()
    except NoAnswer as error:
        yield _unanswered(endpoint, error)
        return
    except DaemonUnavailable as error:
        if local_path(endpoint) is None:
            text = f"no daemon answers at {endpoint}"
            yield problem(TOPIC, text, "Start it on that machine: impasto serve.")
        else:  # it has just answered
            yield problem(TOPIC, str(error), "Run impasto doctor again.")
        return
    except (AccessDenied, KeysUnusable) as error:
        yield problem(TOPIC, str(error))
        return
    except ImpastoError as error:
        yield problem(TOPIC, f"{endpoint}: {error}", "Restart the daemon.")
        return
    text = f"{status.version}, pid {status.pid}, at {endpoint}"
    if status.version != __version__:
        remedy = "Restart it there." if local_path(endpoint) is None else _RESTART
        yield problem(TOPIC, f"{text}: not the version of this program, {__version__}", remedy)
    else:
        yield ok(TOPIC, text)
    if status.metrics.picture_problem is not None:
        yield problem(
            "stored jobs",
            f"the daemon cannot store jobs and pictures: {status.metrics.picture_problem}",
            f"Make room on its disk, or make the folder {jobs_dir(endpoint).parent} writable. Then "
            "restart the daemon.",
        )


def _unanswered(endpoint: str, error: NoAnswer) -> Finding:
    """Returns a note if clients can start a daemon themselves, otherwise a problem."""
    process = f"the daemon, process {error.pid},"
    match error.condition:
        case Condition.ABSENT:
            return note(TOPIC, "not running; it starts by itself when it is needed")
        case Condition.ELSEWHERE:
            text = f"process {error.pid} is your daemon, but does not serve at {endpoint}"
            remedy = "Use its address (the option endpoint), or end it: impasto stop."
            return problem(TOPIC, text, remedy)
        case Condition.SUSPENDED:
            remedy = f"Have it continue: kill -CONT {error.pid}, or in the debugger that holds it."
            return problem(TOPIC, f"{process} is stopped, and would continue", remedy)
        case Condition.BUSY:
            remedy = f"Run impasto doctor again in some minutes. If it is still busy: {_RESTART}"
            return problem(TOPIC, f"{process} is too busy to answer at {endpoint}", remedy)
        case Condition.HUNG:
            text = f"{process} does not answer at {endpoint}, and is idle"
            return problem(TOPIC, text, f"It hangs, or waits for a disk. {_RESTART}")
        case Condition.UNKNOWN:
            text = f"a program listens at {endpoint}, but no daemon answers"
            return problem(TOPIC, text, _LOG_OF_SYSTEMD)
