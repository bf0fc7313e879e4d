"""The sandboxes of GIMP, in which nothing can be installed for use outside of them."""

from __future__ import annotations

import os

from impasto_shared.files.paths import is_in_flatpak


def is_in_sandbox() -> bool:
    """Returns whether this GIMP is from Flatpak or Snap."""
    # A terminal in another program's Snap passes that one's variables on.
    return is_in_flatpak() or os.environ.get("SNAP_NAME") == "gimp"


def command_outside() -> str:
    """Returns the line that installs Impasto, run in a terminal outside of the sandbox."""
    return "uv tool install --torch-backend=auto impasto && impasto setup --service"
