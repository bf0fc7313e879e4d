"""Keeps a selection that is the region of a style, so that the painting can remember it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from impasto_gimp.arguments.procedure_arguments import STYLES
from impasto_gimp.image.paintings.styles import ChosenStyle
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.translation import gettext


@contextmanager
def kept_selection(
    styles: Sequence[ChosenStyle], image: Gimp.Image
) -> Iterator[tuple[list[ChosenStyle], Gimp.Channel | None]]:
    """Yields `styles` with a channel instead of the selection as a region, and that channel.

    None if the selection is no region, or if `image` has such a channel already; otherwise it is a
    copy of the selection that is not in `image`. It is deleted unless it is inserted.
    """
    selection = image.get_selection()
    if not any(style.region and style.region.drawable == selection for style in styles):
        yield list(styles), None
        return
    values = values_of(selection)
    if channel := next((each for each in image.get_channels() if values_of(each) == values), None):
        yield [_with_region(style, selection, channel) for style in styles], None
        return
    copy = _copied(selection)
    try:
        yield [_with_region(style, selection, copy) for style in styles], copy
    finally:
        if image.is_valid() and copy not in image.get_channels():
            copy.delete()


def choose_selection_again(config: Gimp.ProcedureConfig, image: Gimp.Image) -> None:
    """Chooses the selection as a region instead of a channel that keeps it, if it is selected."""
    if Gimp.Selection.is_empty(image):
        return
    selection = image.get_selection()
    values = values_of(selection)
    for arguments in STYLES:
        region = config.get_property(arguments.region)
        if isinstance(region, Gimp.Channel) and values_of(region) == values:
            config.set_property(arguments.region, selection)


def _with_region(
    style: ChosenStyle, selection: Gimp.Selection, channel: Gimp.Channel
) -> ChosenStyle:
    if style.region is None or style.region.drawable != selection:
        return style
    return replace(style, region=replace(style.region, drawable=channel))


def values_of(channel: Gimp.Channel) -> bytes:
    """Returns a channel or the selection with a byte for each pixel of the image."""
    area = Gegl.Rectangle.new(0, 0, channel.get_width(), channel.get_height())
    return channel.get_buffer().get(area, 1.0, "Y u8", Gegl.AbyssPolicy.NONE)


def _copied(selection: Gimp.Selection) -> Gimp.Channel:
    copy = selection.copy()
    copy.set_name(gettext("Region of Neural Style"))
    copy.set_visible(False)
    return copy
