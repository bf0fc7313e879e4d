"""The failure of the setup."""

from __future__ import annotations

from impasto_shared.errors import ImpastoError


class SetupFailed(ImpastoError):
    """Something cannot be installed or removed; the text says why, and what to do."""
