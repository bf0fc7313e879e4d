"""The daemon: its folder, its socket, whether it answers, and which one it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, note, ok, problem
from impasto_daemon.commands.keys import known_clients
from impasto_daemon.server.authorized_clients import InvalidKey
from impasto_daemon.server.single_instance import lock_holder
from impasto_shared import __version__
from impasto_shared.client import Client
from impasto_shared.configuration.options import toml_value
from impasto_shared.configuration.resolution import (
    InvalidConfig,
    daemon_options,
    default_endpoint,
    resolved_options,
)
from impasto_shared.errors import AccessDenied, DaemonUnavailable, ImpastoError
from impasto_shared.keys import KeysUnusable
from impasto_shared.paths import lock_path, log_path, runtime_dir, socket_path, usual_endpoint

TOPIC = "daemon"


def check_config() -> tuple[Finding, str]:
    """Whether the configuration can be used; where it says that the daemon is."""
    try:
        given = [entry for entry in resolved_options() if entry.source]
        endpoint = default_endpoint()
    except InvalidConfig as error:
        return problem("configuration", str(error), "Mend it, or move it away."), usual_endpoint()
    texts = [f"{entry.option.name} = {toml_value(entry.value)}" for entry in given]
    return ok("configuration", ", ".join(texts) or "nothing but the defaults"), endpoint


def check_daemon(endpoint: str) -> Iterator[Finding]:
    """Whether a daemon answers at `endpoint`, and can be reached by this user alone."""
    yield from _check_folder(runtime_dir())
    yield from _check_known_clients()
    yield _check_running(endpoint)
    if log_path().exists():
        yield ok("log", f"{log_path()} (of daemons started on demand)")


def _check_folder(folder: Path) -> Iterator[Finding]:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        yield problem(
            "socket folder", f"{folder} is not a folder of yours", "Remove it; it is made anew."
        )
    elif status.st_mode & 0o077:
        yield problem(
            "socket folder",
            f"other users can enter {folder}, and the daemon refuses to start there",
            f"Run: chmod 700 '{folder}'",
            mend=lambda: folder.chmod(0o700),
        )
    else:
        yield ok("socket folder", f"{folder}, this user's alone")


def _check_known_clients() -> Iterator[Finding]:
    """Who may use this machine's daemon from other machines, where it is to serve them."""
    topic = "other machines"
    try:
        address = daemon_options().listen
        if not address:
            return
        known = known_clients().read()
    except InvalidConfig:
        return  # said already
    except InvalidKey as error:
        yield problem(topic, f"nobody gets in: {error}")
        return
    if known:
        yield ok(topic, f"served at {address}: {', '.join(sorted(known.values()))}")
    else:
        yield note(
            topic, f"no client is known that may connect to {address}", "Run: impasto keys add"
        )


def _check_running(endpoint: str) -> Finding:
    try:
        with Client.connect(endpoint, name="impasto doctor") as client:
            status = client.status()
    except DaemonUnavailable as error:
        pid = lock_holder(lock_path())
        if pid is not None and endpoint.startswith("ipc:"):
            return problem(
                TOPIC,
                f"process {pid} is a daemon, but does not answer at {endpoint}",
                f"It hangs, or serves at another address. Run: kill -KILL {pid}",
            )
        if socket_path(endpoint) is None:
            return problem(TOPIC, str(error), "Start it there: impasto serve.")
        return note(TOPIC, f"{error} Whoever needs one on this machine starts it.")
    except (AccessDenied, KeysUnusable) as error:
        return problem(TOPIC, str(error))
    except ImpastoError as error:
        return problem(TOPIC, f"{endpoint}: {error}", "Restart the daemon.")
    text = f"{status.version}, pid {status.pid}, at {endpoint}"
    if status.version != __version__:
        return problem(
            TOPIC,
            f"{text}: another version than this, {__version__}",
            f"Restart it: systemctl --user restart impasto, or kill {status.pid}.",
        )
    return ok(TOPIC, text)
