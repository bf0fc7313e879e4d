"""The process of the setup: made independent of its caller's permissions, in a home folder."""

from __future__ import annotations

import os

from impasto_daemon.setup.failure import SetupFailed
from impasto_shared.system.posix import own_home


def prepare_process() -> None:
    """Has other users write to nothing that is installed, and programs find the home folder.

    Raises:
        SetupFailed: if the user has none.
    """
    os.umask(os.umask(0o022) | 0o022)
    home = own_home()
    if home is None:
        raise SetupFailed("Your account has no home folder. Set HOME to a folder of yours.")
    os.environ["HOME"] = str(home)
    # A relative folder does not count, as the XDG specification has it.
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        if not os.environ.get(name, "/").startswith("/"):
            del os.environ[name]
