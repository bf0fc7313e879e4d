"""A finished painting on its way into the image, which may have changed in the meantime."""

from __future__ import annotations

from collections.abc import Callable

from impasto_gimp.image.layer_writer import ImageChanged, new_image, open_as_new_image
from impasto_gimp.image.painted_frames import PaintedFrames
from impasto_gimp.introspection import Gimp
from impasto_gimp.jobs.session import Painting
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError


def deliver(
    painting: Painting,
    name: str,
    run_mode: Gimp.RunMode,
    add: Callable[[], object],
    *,
    is_left: bool = False,
) -> None:
    """Calls `add`, which adds the painting to the image; if it cannot, opens a new image.

    name: that of its layer in the new image.
    is_left: whether the user has left it to the background, and has to be told.

    Raises:
        ImageChanged: for a script, which sees no new image; the daemon then keeps the painting.
    """
    try:
        add()
    except ImpastoError as error:
        if run_mode == Gimp.RunMode.NONINTERACTIVE:
            advice = gettext(
                "The painting is in a new image without a window, and the daemon keeps it for some "
                "time. To write it to a file, run: impasto fetch {job} -o painting.png"
            ).format(job=painting.job[:8])
            new_image(painting.picture, name)
            raise ImageChanged(f"{error} {advice}") from error
        open_as_new_image(painting.picture, name, error)
    else:
        if is_left:
            Gimp.message(gettext("“{name}” is painted, and is a new layer.").format(name=name))


def deliver_frames(
    painted: PaintedFrames, run_mode: Gimp.RunMode, add: Callable[[], object]
) -> None:
    """Calls `add`, which adds the frames to the image; if it cannot, opens them as a new image.

    Raises:
        ImageChanged: for a script, which sees no new image.
    """
    try:
        add()
    except ImpastoError as error:
        image = painted.shown()
        if run_mode == Gimp.RunMode.NONINTERACTIVE:
            advice = gettext("The painted frames are in a new image without a window.")
            raise ImageChanged(f"{error} {advice}") from error
        Gimp.Display.new(image)
        Gimp.displays_flush()
        consequence = gettext("The painted frames were opened as a new image instead.")
        Gimp.message(f"{error} {consequence}")
