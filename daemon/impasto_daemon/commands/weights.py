"""The command `impasto weights`: lists, downloads and verifies the networks."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_daemon.commands.output import say
from impasto_shared.settings import Model, StyleSettings


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command and its actions; without an action it lists the networks."""
    summary = "list, download and verify the networks"
    details = "Without an action, lists the networks."
    command = add_command(subparsers, "weights", summary, run, details=details)
    actions = command.add_subparsers(metavar="[ACTION]")
    add_command(actions, "list", "show which networks are on this machine", run)
    for name, summary, action in (
        ("fetch", "download a network if it is missing or damaged", run_fetch),
        ("verify", "compare a network with its published checksum", run_verify),
    ):
        parser = add_command(actions, name, summary, action)
        parser.add_argument("model", help="the network's name, such as vgg16")


def run(_: argparse.Namespace) -> int:
    """Prints which networks are on this machine."""
    from impasto_daemon.models.weights import list_cached

    for cached in list_cached():
        mark = "  (the default, installed with Impasto)" if cached.model is Model.VGG19 else ""
        if cached.path is None:
            say(f"{cached.model:17}  missing  impasto weights fetch {cached.model}")
        else:
            size_mb = cached.path.stat().st_size / 1e6
            say(f"{cached.model:17}  {size_mb:4.0f} MB  {cached.path}{mark}")
    return 0


def run_fetch(options: argparse.Namespace) -> int:
    """Downloads a network, if it is missing or damaged, and prints its path."""
    from impasto_daemon.models.weights import fetch

    say(str(fetch(_model(options))))
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Compares a network with its published checksum."""
    from impasto_daemon.models.weights import verify

    say(f"{verify(_model(options))} matches its published checksum")
    return 0


def _model(options: argparse.Namespace) -> str:
    """Returns the name of the network, which may be one from an earlier version."""
    return StyleSettings(model=options.model).model
