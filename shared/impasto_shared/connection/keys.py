"""The keys for the mutual authentication of a daemon and its remote clients (CurveZMQ).

Each side has a pair: the public key is given to the other side, the secret key stays in a file that
only this user can read. In files, and for people, a key is written as 64 hexadecimal digits.

libzmq is imported where a key is used: a server without a TCP address does without it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from impasto_shared.errors import ImpastoError
from impasto_shared.files.atomic_write import FileNotDurable, create_atomically
from impasto_shared.files.open_flags import NOFOLLOW, NONBLOCK, PLAIN
from impasto_shared.files.paths import config_dir, make_private
from impasto_shared.str_enum import StrEnum
from impasto_shared.system.host import is_secret
from impasto_shared.text.sentences import reason_of, sentence


class KeysUnusable(ImpastoError):
    """A key pair is missing, damaged, or readable by other users."""


class Role(StrEnum):
    """The owner of a key pair."""

    DAEMON = "daemon"
    CLIENT = "client"


@dataclass(frozen=True)
class KeyPair:
    """A public and a secret key of 32 bytes each."""

    public: bytes
    secret: bytes = field(repr=False)


def keys_dir() -> Path:
    """Returns the folder of the keys, to which only this user has access."""
    return config_dir() / "keys"


def load_keys(role: Role) -> KeyPair:
    """Returns the key pair of this user.

    Raises:
        KeysUnusable: if it is missing, damaged, or readable by other users.
    """
    path = keys_dir() / f"{role}.secret"
    try:
        flags = os.O_RDONLY | NOFOLLOW | NONBLOCK | PLAIN
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise KeysUnusable(sentence("key-missing", role=role)) from None
    except OSError as error:
        raise KeysUnusable(sentence("key-unreadable", path=path, errno=reason_of(error))) from error
    try:
        status = os.fstat(descriptor)
        text = b"" if stat.S_ISDIR(status.st_mode) else os.read(descriptor, 100).strip()
    except OSError as error:
        raise KeysUnusable(sentence("key-unreadable", path=path, errno=reason_of(error))) from error
    finally:
        os.close(descriptor)
    if not is_secret(status):
        raise KeysUnusable(sentence("key-exposed", path=path))
    from zmq import ZMQError, curve_public
    from zmq.utils import z85

    try:
        secret = bytes.fromhex(text.decode("ascii"))
        public = z85.decode(curve_public(z85.encode(secret)))
    except (ValueError, ZMQError) as error:
        raise KeysUnusable(sentence("key-damaged", path=path)) from error
    return KeyPair(public, secret)


def ensure_keys(role: Role) -> KeyPair:
    """Returns the key pair of this user, created if missing; raises KeysUnusable otherwise."""
    make_private(keys_dir())
    path = keys_dir() / f"{role}.secret"
    if os.path.lexists(path):
        return load_keys(role)
    from zmq import curve_keypair
    from zmq.utils import z85

    _, secret = curve_keypair()
    try:
        create_atomically(path, f"{z85.decode(secret).hex()}\n".encode(), mode=0o600)
    except FileExistsError:
        pass  # another process was faster, and its key counts
    except FileNotDurable:
        pass  # it is there, if the power does not fail now
    except OSError as error:
        raise KeysUnusable(
            sentence("key-not-written", path=path, errno=reason_of(error))
        ) from error
    return load_keys(role)
