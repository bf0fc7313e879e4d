"""The command `impasto keys`: the keys of this machine, and the clients its daemon authorises."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_daemon.server.authorized_clients import AuthorizedClients
from impasto_shared.keys import Role, ensure_keys


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command and its actions; without an action it shows the keys."""
    command = add_command(subparsers, "keys", "show the keys for daemons on other machines", run)
    actions = command.add_subparsers(metavar="ACTION")
    adding = add_command(actions, "add", "let a client on another machine in", run_add)
    adding.add_argument("name", help="what it is to be called here")
    adding.add_argument("key", help="what impasto keys shows there, as a client")
    removing = add_command(actions, "remove", "let a client in no more", run_remove)
    removing.add_argument("name", help="what it is called in impasto keys")


def run(_: argparse.Namespace) -> int:
    """Prints this machine's public keys, which are made if missing, and the known clients."""
    print(f"As a client:  {ensure_keys(Role.CLIENT).public.hex()}")
    print("              on the daemon's machine, run: impasto keys add NAME and this key")
    print(f"As a daemon:  {ensure_keys(Role.DAEMON).public.hex()}")
    print("              on a client's machine, set server_key to it")
    known = AuthorizedClients.of_user().read()
    print("Its daemon lets in:" if known else "Its daemon lets no other machine in.")
    for key, name in known.items():
        print(f"  {key}  {name}")
    return 0


def run_add(options: argparse.Namespace) -> int:
    """Authorises a client."""
    AuthorizedClients.of_user().add(options.name, options.key)
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """Revokes a client's access."""
    AuthorizedClients.of_user().remove(options.name)
    return 0
