"""The sandboxes of GIMP, in which nothing can be installed for use outside of them."""

from __future__ import annotations

import os
import shlex

from impasto_shared import __version__
from impasto_shared.files.paths import is_in_flatpak


def is_in_sandbox() -> bool:
    """Returns whether this GIMP is from Flatpak or Snap."""
    # A terminal in another program's Snap passes that one's variables on.
    return is_in_flatpak() or os.environ.get("SNAP_NAME") == "gimp"


def command_outside() -> str:
    """Returns the line that installs Impasto, run in a terminal outside of the sandbox.

    It names the index of *Install…*, but not the password that its address may have.
    """
    from impasto_shared.installation.package_index import package_index, without_login

    index = package_index()
    named = "" if index is None else f" --default-index {shlex.quote(without_login(index))}"
    install = f"uv tool install --torch-backend=auto{named} impasto=={__version__}"
    return f"{install} && impasto setup --service"
