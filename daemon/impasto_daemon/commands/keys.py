"""The command `impasto keys`: the keys of this machine, and whom its daemon lets in."""

from __future__ import annotations

import argparse

from impasto_daemon.server.authorized_clients import KnownClients
from impasto_shared.keys import Role, ensure_keys, keys_dir


def known_clients() -> KnownClients:
    """The clients on other machines that this user's daemon lets in."""
    return KnownClients(keys_dir() / "known_clients")


def run_keys(_: argparse.Namespace) -> int:
    """Prints this machine's public keys, made where there are none, and the known clients."""
    print(f"As a client:  {ensure_keys(Role.CLIENT).public.hex()}")
    print("              on the daemon's machine, run: impasto keys add NAME and this key")
    print(f"As a daemon:  {ensure_keys(Role.DAEMON).public.hex()}")
    print("              on a client's machine, set server_key to it")
    known = known_clients().read()
    print("Its daemon lets in:" if known else "Its daemon lets no other machine in.")
    for key, name in known.items():
        print(f"  {key}  {name}")
    return 0


def add_key(options: argparse.Namespace) -> int:
    """Lets a client in."""
    known_clients().add(options.name, options.key)
    return 0


def remove_key(options: argparse.Namespace) -> int:
    """Lets a client in no more."""
    known_clients().remove(options.name)
    return 0
