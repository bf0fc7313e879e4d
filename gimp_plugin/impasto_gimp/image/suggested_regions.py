"""Regions that were suggested for a layer, each with its painting, as channels of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from impasto_gimp.arguments.procedure_arguments import STYLES
from impasto_gimp.image.layer_writer import add_channels
from impasto_gimp.introspection import Gimp, Gio
from impasto_shared.image import Image

# Masks are white to within what rounding leaves.
_WHITE = 250


@dataclass(frozen=True)
class PaintedRegion:
    """A region with the painting whose style it gets.

    name: that of the painting.
    mask: the region, in the proportions of the layer.
    """

    painting: Gimp.Layer | Gio.File
    name: str
    mask: Image


def choose_regions(
    config: Gimp.ProcedureConfig, layer: Gimp.Layer, regions: Sequence[PaintedRegion]
) -> None:
    """Chooses the paintings of `regions` as the styles, each limited to a new channel.

    Regions with the same painting get one channel, and a style that has all of `layer` none.
    """
    joined = _joined(regions)
    limited = [region for region in joined if min(region.mask.pixels) < _WHITE]
    masks = [(region.name, region.mask) for region in limited]
    channels = dict(zip(map(id, limited), add_channels(layer, masks), strict=True))
    for arguments, region in zip_longest(STYLES, joined[: len(STYLES)]):
        painting = region.painting if region else None
        is_layer = isinstance(painting, Gimp.Layer)
        config.set_property(arguments.file, None if is_layer else painting)
        config.set_property(arguments.layer, painting if is_layer else None)
        config.set_property(arguments.weight, 1.0)
        config.set_property(arguments.outside, False)
        config.set_property(arguments.region, channels.get(id(region)))


def _joined(regions: Sequence[PaintedRegion]) -> list[PaintedRegion]:
    """Returns one region for each painting."""
    joined: list[PaintedRegion] = []
    for region in regions:
        same = next((each for each in joined if is_same(each.painting, region.painting)), None)
        if same is None:
            joined.append(region)
        else:
            mask = _sum(same.mask, region.mask)
            joined[joined.index(same)] = PaintedRegion(same.painting, same.name, mask)
    return joined


def is_same(painting: Gimp.Layer | Gio.File, other: Gimp.Layer | Gio.File) -> bool:
    """Returns whether two paintings are the same."""
    if isinstance(painting, Gimp.Layer) or isinstance(other, Gimp.Layer):
        return painting == other
    return painting.equal(other)


def _sum(mask: Image, other: Image) -> Image:
    pairs = zip(mask.pixels, other.pixels, strict=True)
    pixels = bytes(min(255, value + more) for value, more in pairs)
    return Image(mask.width, mask.height, mask.format, pixels)
