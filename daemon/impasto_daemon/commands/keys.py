"""The command `impasto keys`: the keys of this machine, and the clients its daemon authorises."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_daemon.commands.output import say
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_shared.connection.keys import Role, ensure_keys


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command and its actions; without an action it shows the keys."""
    summary = "show this machine's keys, and manage authorised clients"
    command = add_command(
        subparsers, "keys", summary, run, details="Without an action, shows the keys."
    )
    actions = command.add_subparsers(metavar="[ACTION]")
    adding = add_command(actions, "add", "authorise a client on another machine", run_add)
    adding.add_argument("name", help="a name for the client")
    adding.add_argument("key", help="its client key, as `impasto keys` shows it there")
    removing = add_command(actions, "remove", "revoke a client's access", run_remove)
    removing.add_argument("name", help="the client's name, as `impasto keys` shows it here")


def run(_: argparse.Namespace) -> int:
    """Prints this machine's public keys, generated if missing, and the authorised clients."""
    say(f"Client key: {ensure_keys(Role.CLIENT).public.hex()}")
    say("  On the daemon's machine, run: impasto keys add NAME KEY")
    say(f"Daemon's key (server_key): {ensure_keys(Role.DAEMON).public.hex()}")
    say("  Set it on the client's machine as server_key in config.toml.")
    clients = AuthorizedClients.of_user().read()
    say("Authorised clients:" if clients else "No client on another machine is authorised.")
    for key, name in clients.items():
        say(f"  {key}  {name}")
    return 0


def run_add(options: argparse.Namespace) -> int:
    """Authorises a client."""
    AuthorizedClients.of_user().add(options.name, options.key)
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """Revokes a client's access."""
    AuthorizedClients.of_user().remove(options.name)
    return 0
