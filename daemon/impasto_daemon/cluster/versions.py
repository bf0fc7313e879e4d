"""The versions that a program and the workers of its cluster must have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from impasto_shared.errors import ImpastoError

# Pickles of one version cannot be read by all others.
_PACKAGES = {"impasto_shared": "Impasto", "distributed": "dask.distributed"}


class VersionsDiffer(ImpastoError):
    """A worker has another version than this program, or lacks a package."""


def check_versions(versions: Mapping[str, Any]) -> None:
    """Raises VersionsDiffer, which names the first worker that does.

    versions: what `distributed.Client.get_versions` returns for the packages.
    """
    mine = _versions_of(versions["client"])
    for address, worker in sorted(versions["workers"].items()):
        theirs = _versions_of(worker)
        for package, version in mine.items():
            if theirs[package] == version:
                continue
            has = f"has {package} {theirs[package]}" if theirs[package] else f"has no {package}"
            raise VersionsDiffer(
                f"The worker at {address} {has}; this machine has {version}. Install the same "
                "versions on all machines of the cluster."
            )


def _versions_of(node: Mapping[str, Any]) -> dict[str, str | None]:
    python = ".".join(str(node["host"]["python"]).split(".")[:2])
    packages = node["packages"]
    return {"Python": python} | {text: packages.get(name) for name, text in _PACKAGES.items()}
