"""The limits that the system puts on the server process."""

from __future__ import annotations

import logging
import resource

logger = logging.getLogger(__name__)


def set_limits() -> None:
    """Allows as many descriptors as the system does, and no core files.

    Each connection takes a descriptor, and libzmq aborts the process if there is none for a new
    one. A core file would hold keys and pictures.
    """
    for limit, soft in (
        (resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(limit, (soft, resource.getrlimit(limit)[1]))
        except (OSError, ValueError) as error:
            logger.warning("a limit of this process cannot be changed: %s", error)
