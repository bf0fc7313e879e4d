"""The keys by which a daemon and its clients on other machines know each other (CurveZMQ).

Each has a pair: the public one is told to the other, the secret one stays in a file that this user
alone can read. To people and in files a key is 64 hexadecimal digits.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import zmq
from zmq.utils import z85

from impasto_shared.errors import ImpastoError
from impasto_shared.paths import config_dir, make_private


class KeysUnusable(ImpastoError):
    """A pair of keys is missing, damaged, or not this user's alone."""


class Role(StrEnum):
    """Whose keys they are."""

    DAEMON = "daemon"
    CLIENT = "client"


@dataclass(frozen=True)
class KeyPair:
    """Two keys of 32 bytes; the secret one is not shown."""

    public: bytes
    secret: bytes = field(repr=False)


def keys_dir() -> Path:
    """The folder of the keys, for this user alone."""
    return config_dir() / "keys"


def load_keys(role: Role) -> KeyPair:
    """The keys of this user.

    Raises:
        KeysUnusable: where there are none, or others can read them.
    """
    path = keys_dir() / f"{role}.secret"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise KeysUnusable(
            f"This machine has no key as a {role} yet. To make one, run: impasto keys"
        ) from None
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
        status = os.fstat(descriptor)
        text = file.read(100).strip()
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise KeysUnusable(f"Others may have read {path}. Delete it, and run: impasto keys")
    try:
        secret = bytes.fromhex(text)
        public = z85.decode(zmq.curve_public(z85.encode(secret)))
    except (ValueError, zmq.ZMQError) as error:
        raise KeysUnusable(f"{path} is damaged. Delete it, and run: impasto keys") from error
    return KeyPair(public, secret)


def ensure_keys(role: Role) -> KeyPair:
    """The keys of this user, made where there are none; raises KeysUnusable as `load_keys`."""
    make_private(keys_dir())
    _, secret = zmq.curve_keypair()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(keys_dir() / f"{role}.secret", flags, 0o600)
    except FileExistsError:
        return load_keys(role)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(z85.decode(secret).hex() + "\n")
    return load_keys(role)
