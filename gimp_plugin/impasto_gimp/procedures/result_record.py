"""The record of a painting that *Results…* shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from impasto_gimp.image.layer_reader import SourceLayer
from impasto_gimp.image.profile.kept_results import KeptResults
from impasto_gimp.image.recipe import Recipe
from impasto_gimp.image.result_layer import result_of
from impasto_gimp.image.selection_region import values_of
from impasto_gimp.introspection import Gimp
from impasto_gimp.jobs.session import Abandoned, JobCancelled
from impasto_shared.errors import DaemonError
from impasto_shared.files.paths import UnsafeDirectory


@contextmanager
def recorded(
    source: SourceLayer,
    name: str,
    recipe: Recipe,
    region: Gimp.Channel | None = None,
    *,
    interactive: bool,
) -> Iterator[Callable[[str], None] | None]:
    """Yields what `Session.painted` calls as soon as its job is accepted; None for a script.

    Scripts know their pictures, and paint more than the daemon can keep. The record of a job that
    ends without a picture is removed.

    region: as in `add_painting`.
    """
    if not interactive:
        yield None
        return
    results = KeptResults()
    jobs: list[str] = []

    def record(job: str) -> None:
        jobs.append(job)
        # The painting itself does not need it, and the folder may be read-only.
        with suppress(OSError, UnsafeDirectory):
            values = values_of(region) if region else None
            results.add(result_of(source, job, name, recipe, region), source.mask, values)

    try:
        yield record
    except (Abandoned, JobCancelled, DaemonError):
        for job in jobs:
            results.remove(job)
        raise
