"""What is minimised: content, style and smoothness (Gatys, Ecker and Bethge, CVPR 2016).

It knows activations and pictures, not how they are improved.

Departures from the paper: every loss of activations is divided by the size of its own target,
so that one setting suits networks whose activations differ in magnitude; and every mean is
taken over positions, so that it suits all sizes of pictures. Total variation is an addition
(Mahendran and Vedaldi, CVPR 2015, section 3), and so is the price of impossible colours, which
an optimizer without bounds needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.images.tileable import inside, wrapped
from impasto_daemon.style_transfer.losses.moments import Measure, Statistic, blend, precise
from impasto_daemon.style_transfer.losses.style_losses import SMALLEST_POWER, Distance, compare
from impasto_daemon.style_transfer.networks.network import BeforeLayer, Network
from impasto_daemon.style_transfer.planning.memory_plan import Tiling
from impasto_daemon.style_transfer.tiling.tiles import PICTURE, Place, look, look_back
from impasto_shared.errors import InvalidSettings
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import Mode, StyleSettings

# Found by looking, at style strength 1 (docs/benchmarks.md). The content weighs little beside the
# style: the photo that the picture begins as does most to keep it. Much more, or a strong total
# variation, leaves halos and a weave in flat places instead of paint.
CONTENT_WEIGHT = 0.002
TV_WEIGHT = 0.001
RANGE_WEIGHT = 10.0


def total_variation(rgb: Tensor, place: Place | None = None) -> Tensor:
    """Mean squared difference of neighbours, across plus down; rgb: (N, C, H, W), sides >= 2.

    place: that of `rgb` in a larger picture, with the next row and column, where there are such.
        Then it is the part that the place has in the picture's total variation.
    """
    place = place or Place.whole(rgb)
    rows, columns = (span.stop - span.start for span in (place.rows, place.columns))
    across = rgb[:, :, :rows, 1:] - rgb[:, :, :rows, :-1]
    down = rgb[:, :, 1:, :columns] - rgb[:, :, :-1, :columns]
    planes = rgb.shape[0] * rgb.shape[1]
    return across.square().sum() / (planes * place.height * (place.width - 1)) + (
        down.square().sum() / (planes * (place.height - 1) * place.width)
    )


def out_of_range(rgb: Tensor) -> Tensor:
    """Mean squared distance of the colours from [0, 1]."""
    return (rgb - rgb.detach().clamp(0, 1)).square().mean()


MeasureAt = Callable[[Tensor, Place], Statistic]
"""What some positions of a layer, at a place, add to means over all of them."""


@dataclass(frozen=True)
class Term:
    """One of the losses: a function of means over all positions of a layer, or of the picture."""

    measure: MeasureAt
    loss: Distance


class _Means:
    """Adds up what is measured at each layer, place after place."""

    def __init__(self, measures: Mapping[str, Sequence[MeasureAt]]) -> None:
        self._measures = measures
        self._found: dict[str, list[Statistic]] = {}

    def visit(self, layer: str, activation: Tensor, place: Place) -> None:
        """Takes in what is at one place."""
        added = [measure(activation, place) for measure in self._measures[layer]]
        if layer in self._found:
            added = [
                tuple(mean + more for mean, more in zip(*both, strict=True))
                for both in zip(self._found[layer], added, strict=True)
            ]
        self._found[layer] = added

    @property
    def found(self) -> dict[str, list[Statistic]]:
        """All means at each layer, as if the places had been one."""
        return {layer: self._found[layer] for layer in self._measures}


@dataclass(frozen=True)
class Objective:
    """The whole loss of a picture, ready to be minimised.

    terms: what is added up, by the layer, or PICTURE, that it is measured at.
    tiling: how the network sees a picture tile by tile; None: all at once.
    wraps: whether the picture goes on from each edge to the opposite one.
    """

    network: Network
    terms: Mapping[str, Sequence[Term]]
    tiling: Tiling | None = None
    wraps: bool = False

    def __call__(self, rgb: Tensor, before_layer: BeforeLayer) -> Tensor:
        """The loss (a scalar) of `rgb`: (1, 3, H, W), of the photo's size."""
        if self.wraps:
            rgb = wrapped(rgb)
        if self.tiling is None:
            means = self.means()
            look(self.network, rgb, self.terms, means.visit, before_layer)
            return self.loss(means.found)
        loss: Tensor = _TileByTile.apply(rgb, self, self.tiling, before_layer)
        return loss

    def means(self) -> _Means:
        """What is to be shown a picture, place after place."""
        return _Means(
            {layer: [term.measure for term in terms] for layer, terms in self.terms.items()}
        )

    def loss(self, means: Mapping[str, Sequence[Statistic]]) -> Tensor:
        """The loss of a picture with these means, of every term at each layer."""
        return torch.stack(
            [
                term.loss(found)
                for layer, terms in self.terms.items()
                for term, found in zip(terms, means[layer], strict=True)
            ]
        ).sum()


class _TileByTile(torch.autograd.Function):
    """The objective in two passes: the first gathers means, the second takes their slopes back."""

    @staticmethod
    def forward(
        ctx: Any, rgb: Tensor, objective: Objective, tiling: Tiling, before_layer: BeforeLayer
    ) -> Tensor:
        network, terms = objective.network, objective.terms
        means = objective.means()
        way = look(network, rgb, terms, means.visit, before_layer, tiling, comes_back=True)
        leaves = {
            layer: [tuple(mean.requires_grad_() for mean in found) for found in all_found]
            for layer, all_found in means.found.items()
        }
        with torch.enable_grad():
            loss = objective.loss(leaves)
        flat = [mean for found in leaves.values() for statistic in found for mean in statistic]
        slopes = iter(torch.autograd.grad(loss, flat, materialize_grads=True))
        ctx.slopes = {
            layer: [tuple(next(slopes) for _ in statistic) for statistic in found]
            for layer, found in leaves.items()
        }
        ctx.way, ctx.given = way, (objective, tiling, before_layer)
        return loss.detach()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None, None]:
        objective, tiling, before_layer = ctx.given

        def surrogate(layer: str, activation: Tensor, place: Place) -> Tensor:
            return torch.stack(
                [
                    (mean * slope_of_mean).sum()
                    for term, slopes in zip(objective.terms[layer], ctx.slopes[layer], strict=True)
                    for mean, slope_of_mean in zip(
                        term.measure(activation, place), slopes, strict=True
                    )
                ]
            ).sum()

        found = look_back(
            objective.network, ctx.way, objective.terms, surrogate, before_layer, tiling
        )
        return found.mul_(slope), None, None, None


def measure_targets(
    network: Network,
    content: Tensor,
    regions: Sequence[Region],
    settings: StyleSettings,
    before_layer: BeforeLayer,
    tiling: Tiling | None = None,
) -> Objective:
    """The objective of painting `content` in the styles of `regions`.

    content: (1, 3, H, W) in [0, 1], of any size that the network takes, as the paintings are; where
        the picture is to be tileable, its sides are multiples of `wrapping.UNIT_PX`.
    tiling: how the network sees them and the picture tile by tile; None: all at once.

    Raises:
        InvalidSettings: for a layer that the network lacks.
    """
    content_shares = _shares(network, settings.content_layers, "content_layers")
    style_shares = _shares(network, settings.style_layers, "style_layers")
    if settings.mode is Mode.TEXTURE:
        content_shares = {}
    elif settings.mode is Mode.CONTENT or settings.style_strength == 0:
        style_shares, regions = {}, []
    # Both squared: nobody sees the difference between a hundred times and a hundred and ten.
    strength, smoothness = settings.style_strength**2, settings.smoothness**2
    terms: dict[str, list[Term]] = {
        PICTURE: [_smoothness(TV_WEIGHT * smoothness), _possible_colours(RANGE_WEIGHT)]
    }
    with torch.no_grad():
        targets = _ContentTargets()
        if content_shares:
            seen = wrapped(content) if settings.tileable else content
            look(network, seen, content_shares, targets.visit, before_layer, tiling)
        for layer, share in content_shares.items():
            terms.setdefault(layer, []).append(targets.term(layer, CONTENT_WEIGHT * share))
        for region in regions:
            paintings = _Paintings(network, region.paintings, before_layer, tiling)
            share_of_region = 1.0 if region.mask is None else region.mask.mean().item()
            mask = region.mask
            if settings.tileable:
                mask = inside(torch.ones_like(content[:, :1]) if mask is None else mask)
            for layer, (measure, distance) in compare(
                settings.style_loss, style_shares, paintings.measured
            ).items():
                weight = strength * share_of_region * style_shares[layer]
                guided = _guided(measure, guide_at(network, layer, mask))
                terms.setdefault(layer, []).append(Term(guided, _weighted(weight, distance)))
    return Objective(network, terms, tiling, settings.tileable)


def _weighted(weight: float, distance: Distance) -> Distance:
    return lambda actual: weight * distance(actual)


def _smoothness(weight: float) -> Term:
    return Term(lambda rgb, place: (total_variation(rgb, place),), lambda means: weight * means[0])


def _possible_colours(weight: float) -> Term:
    def measure(rgb: Tensor, place: Place) -> Statistic:
        rows, columns = (span.stop - span.start for span in (place.rows, place.columns))
        return (place.share * out_of_range(rgb[:, :, :rows, :columns]),)

    return Term(measure, lambda means: weight * means[0])


Guide = Callable[[int, int], Tensor]
"""How much each position of a layer of height × width counts: all of them add up to 1."""


def _guided(measure: Measure, guide: Guide | None) -> Callable[[Tensor, Place], Statistic]:
    """What some positions add to the means that `measure` takes of all, counted as `guide` says."""

    def measured(activation: Tensor, place: Place) -> Statistic:
        if guide is not None:
            counts = place.of(guide(place.height, place.width)).flatten()
            return measure(activation, counts)
        means = measure(activation, None)
        return means if place.share == 1 else tuple(place.share * mean for mean in means)

    return measured


class _ContentTargets:
    """The photo's own activations, gathered place after place."""

    def __init__(self) -> None:
        self._wholes: dict[str, Tensor] = {}
        self._powers: dict[str, Tensor] = {}

    def visit(self, layer: str, activation: Tensor, place: Place) -> None:
        """Takes in what is at one place."""
        power = place.share * precise(activation).square().mean()
        if place.share == 1:
            self._wholes[layer], self._powers[layer] = activation, power
            return
        if layer not in self._wholes:
            size = (*activation.shape[:2], place.height, place.width)
            self._wholes[layer] = activation.new_empty(size).contiguous(
                memory_format=torch.channels_last
            )
            self._powers[layer] = torch.zeros_like(power)
        place.of(self._wholes[layer]).copy_(activation)
        self._powers[layer] += power

    def term(self, layer: str, weight: float) -> Term:
        """The squared distance of a layer from the photo's, over the photo's squared length."""
        whole = self._wholes[layer]
        power = self._powers[layer].clamp_min(SMALLEST_POWER)

        def measure(activation: Tensor, place: Place) -> Statistic:
            apart = precise(activation) - precise(place.of(whole))
            return (place.share * apart.square().mean(),)

        return Term(measure, lambda means: weight * means[0] / power)


@dataclass(frozen=True)
class _Paintings:
    """The paintings of a region, as the network sees them."""

    network: Network
    paintings: Sequence[Painting]
    before_layer: BeforeLayer
    tiling: Tiling | None

    def measured(self, measures: Mapping[str, Measure]) -> dict[str, Statistic]:
        """Their blended statistic at each layer."""
        found = [self._of(painting, measures) for painting in self.paintings]
        shares = [painting.share for painting in self.paintings]
        return {
            layer: blend((share, means[layer]) for share, means in zip(shares, found, strict=True))
            for layer in measures
        }

    def _of(self, painting: Painting, measures: Mapping[str, Measure]) -> dict[str, Statistic]:
        means = _Means(
            {
                layer: [_guided(measure, guide_at(self.network, layer, painting.part))]
                for layer, measure in measures.items()
            }
        )
        if measures:
            look(self.network, painting.rgb, measures, means.visit, self.before_layer, self.tiling)
        return {layer: statistic for layer, (statistic,) in means.found.items()}


def guide_at(network: Network, layer: str, mask: Tensor | None) -> Guide | None:
    """How much each position of a layer counts.

    mask: (1, 1, H, W) in [0, 1], reduced as the network reduces the picture.
    """
    if mask is None:
        return None

    @cache
    def guide(height: int, width: int) -> Tensor:
        reduced = network.reduced(mask, layer, height, width)
        return reduced / reduced.sum().clamp_min(1e-12)

    return guide


def _shares(network: Network, layers: str, name: str) -> dict[str, float]:
    """The share of each of `layers`, which the setting `name` holds; they add up to 1."""
    weights = parse_layer_weights(layers)
    if missing := sorted(layer for layer in weights if not network.has(layer)):
        raise InvalidSettings(
            name,
            f"The model has no layer {', '.join(missing)}. Give {name} some of these: "
            f"{', '.join(network.layers)}.",
        )
    whole = sum(weights.values())
    return {layer: weight / whole for layer, weight in weights.items()}
