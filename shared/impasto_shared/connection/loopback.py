"""The private file of a daemon on loopback TCP: its port, and the secret that proves it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from impasto_shared import __version__
from impasto_shared.connection.proof import SECRET_BYTES
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.files.small_file import read_small_file
from impasto_shared.text.sentences import reason_of, sentence

HOST = "127.0.0.1"
_PRIVATE = 0o600


@dataclass(frozen=True)
class LoopbackAddress:
    """The port at which a daemon serves, and the secret that it has drawn at its start."""

    port: int
    secret: bytes
    pid: int

    def write(self, path: Path) -> None:
        """Writes the file, in a folder that is this user's alone. Raises OSError."""
        contents = {
            "endpoint": f"tcp://{HOST}:{self.port}",
            "secret": self.secret.hex(),
            "pid": self.pid,
            "version": __version__,
        }
        data = json.dumps(contents).encode()
        # No file of a daemon outlives a power cut to any use; and who could read an earlier one
        # must not read the secret.
        write_atomically(path, data, mode=_PRIVATE, is_synced=False, keeps_access=False)

    @classmethod
    def read(cls, path: Path) -> LoopbackAddress:
        """Returns what is in the file; raises DaemonUnavailable if there is none, or no valid one.

        The next daemon replaces one that is damaged.
        """
        try:
            contents = json.loads(read_small_file(path))
            host, _, port = contents["endpoint"].removeprefix("tcp://").rpartition(":")
            address = cls(int(port), bytes.fromhex(contents["secret"]), int(contents["pid"]))
        except FileNotFoundError as error:
            raise DaemonUnavailable(sentence("not-running", path=path)) from error
        except OSError as error:
            raise DaemonUnavailable(
                sentence("no-daemon-at-address", path=path, reason=f"{reason_of(error)}.")
            ) from error
        except (
            ArithmeticError,
            AttributeError,
            KeyError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise _damaged(path) from error
        is_valid = host == HOST and 0 < address.port < 2**16 and len(address.secret) == SECRET_BYTES
        if not is_valid:
            raise _damaged(path)
        return address


def _damaged(path: Path) -> DaemonUnavailable:
    return DaemonUnavailable(sentence("address-file-damaged", path=path))
