"""The content loss in the paintings' own activations: the photo drawn with the paintings' forms.

At a shallow layer the target of each position is the most similar activation of the paintings: a
style swap (Chen and Schmidt 2016, section 3.1), or nearest-neighbour feature matching (Li and Wand
2016; Kolkin et al. 2022), after each image's mean is subtracted. It says which paint lies there.

At a deep layer, whose activations say what is depicted, the nearest neighbour is often something
else: a tree for a face. There the target is the photo's activations, moved by the optimal transport
map between the normal distributions of photo and paintings (Lu et al. 2019, equation 9). A linear
map keeps the similarities between positions, and so the drawing. Positions count by the detail
around them: flat areas are left to the paint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.content import (
    ContentLoss,
    StoredTarget,
    Target,
)
from impasto_daemon.style_transfer.losses.guides import DetailGuide, Guide, GuidedMeasure, guide_at
from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.losses.moments import (
    Moments,
    blend,
    moments,
    positions_of,
    precise,
)
from impasto_daemon.style_transfer.losses.nearest_neighbours import nearest_neighbours
from impasto_daemon.style_transfer.losses.target_cache import NO_CACHE, TargetCache
from impasto_daemon.style_transfer.losses.wasserstein import OptimalTransport
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.statistics import Measure, Statistic

MOST_VECTORS = 2**16
"""The most activations of a painting that are searched at a layer; of more, a random choice."""

# A deep layer has a stride of 8 pixels or more, a shallow one of 4 or less. Some networks round the
# number of positions up, and others down.
_BETWEEN_STRIDES_PX = 6


def style_swap_losses(
    network: Network,
    photo: Tensor,
    activations: Mapping[str, Tensor],
    region: Region,
    weights: Mapping[str, float],
    distance: float = 1.0,
    cache: TargetCache = NO_CACHE,
) -> Iterator[tuple[str, Loss]]:
    """Yields each layer of `weights` and the region's content loss of that weight.

    photo: (1, 3, H, W) in [0, 1]; activations: the photo's at each layer.
    distance: the fraction of the way from the photo's own activations to those targets, in (0, 1].
    """
    swaps = cache.get(
        "swaps", [photo, region, *weights], lambda: _swaps(network, photo, activations, region)
    )
    for layer, weight in weights.items():
        swap, target = swaps[layer], swaps[layer].target
        if distance < 1:
            target = TargetOnTheWay(activations[layer], target, distance)
        yield layer, ContentLoss(weight, target, swap.power, swap.guide)


@dataclass(frozen=True)
class Swap:
    """The target of a style swap at one layer, whatever the weights.

    power, guide: see `ContentLoss`.
    """

    target: Target
    power: Tensor
    guide: Guide | None


def _swaps(
    network: Network, photo: Tensor, activations: Mapping[str, Tensor], region: Region
) -> dict[str, Swap]:
    """Returns the style swap of each layer of `activations`."""
    swaps = {}
    vocabularies = _vocabularies(network, region.paintings, activations)
    for layer, activation in activations.items():
        guide = guide_at(network, layer, region.mask)
        of_layer = [vocabulary[layer] for vocabulary in vocabularies]
        shares = [painting.share for painting in region.paintings]
        together = Moments(*blend(shares, (vocabulary.moments for vocabulary in of_layer)))
        target: Target
        if photo.shape[2] > _BETWEEN_STRIDES_PX * activation.shape[2]:
            target = StoredTarget(_transported(activation, guide, together))
            guide = DetailGuide(activation, guide)
        else:
            target = SwappedTarget(activation, guide, of_layer, shares)
        swaps[layer] = Swap(target, together.power / len(together.mean), guide)
    return swaps


@dataclass(frozen=True)
class Vocabulary:
    """The activations of a painting at one layer, to choose from.

    vectors: activations at some positions, (m, C).
    moments: of the activations at all positions.
    """

    vectors: Tensor
    moments: Moments


class SwappedTarget(Target):
    """The most similar activations of the paintings, blended by the paintings' shares.

    It keeps their indices, and looks the activations up as they are needed.
    """

    def __init__(
        self,
        activation: Tensor,
        guide: Guide | None,
        paintings: Sequence[Vocabulary],
        shares: Sequence[float],
    ) -> None:
        height, width = activation.shape[2:]
        weights = None if guide is None else guide.weights(height, width).flatten()
        queries = positions_of(activation)
        counted: slice | Tensor = slice(None)
        if weights is None:
            kind = torch.promote_types(activation.dtype, torch.float32)
            mean = queries.mean(dim=0, dtype=kind)
        else:
            mean = moments(activation, weights)[0]
            counted = weights.nonzero().squeeze(1)
            queries = queries[counted]
        self._vectors = [painting.vectors for painting in paintings]
        self._shares = shares
        self._indices = []
        for painting in paintings:
            # Positions that do not count get any vector.
            indices = torch.zeros(height * width, dtype=torch.int32, device=activation.device)
            centred = precise(painting.vectors) - painting.moments.mean
            indices[counted] = nearest_neighbours(queries, centred, mean).to(indices)
            self._indices.append(indices.view(1, 1, height, width))

    def cut(self, crop: Crop) -> Tensor:
        """Returns the activations at the positions of `crop`."""
        chosen = (
            vectors[crop.cut(indices).flatten()]
            for vectors, indices in zip(self._vectors, self._indices, strict=True)
        )
        activation: Tensor
        if len(self._shares) == 1:
            (activation,) = chosen
        else:
            (activation,) = blend(self._shares, ((precise(each),) for each in chosen))
            activation = activation.to(self._vectors[0].dtype)
        return activation.view(1, *crop.size, -1).permute(0, 3, 1, 2)


class TargetOnTheWay(Target):
    """A target at `distance` of the way from the photo's own activations to another target."""

    def __init__(self, activation: Tensor, target: Target, distance: float) -> None:
        self._activation = activation
        self._target = target
        self._distance = distance

    def cut(self, crop: Crop) -> Tensor:
        """Returns the activations at the positions of `crop`."""
        origin = crop.cut(self._activation)
        between = torch.lerp(precise(origin), precise(self._target.cut(crop)), self._distance)
        return between.to(origin.dtype)


def _transported(activation: Tensor, guide: Guide | None, paintings: Moments) -> Tensor:
    """Returns the photo's activations, moved so that they have the paintings' moments."""
    height, width = activation.shape[2:]
    weights = None if guide is None else guide.weights(height, width).flatten()
    photo = moments(activation, weights)
    transport = OptimalTransport(paintings.covariance).map(photo.covariance)
    positions = precise(positions_of(activation))
    moved = torch.addmm(paintings.mean, positions - photo.mean, transport.T)
    if activation.min() >= 0:  # behind a ReLU, as in all of VGG
        moved.clamp_min_(0)
    return moved.view(1, height, width, -1).permute(0, 3, 1, 2).to(activation.dtype)


def _vocabularies(
    network: Network, paintings: Sequence[Painting], layers: Collection[str]
) -> list[dict[str, Vocabulary]]:
    vocabularies = []
    for painting in paintings:
        guides = {layer: guide_at(network, layer, painting.part) for layer in layers}
        choices = {layer: _Choice(guide) for layer, guide in guides.items()}
        measures = {
            layer: [GuidedMeasure(moments, guides[layer]), choice]
            for layer, choice in choices.items()
        }
        statistics = network.statistics(painting.rgb, measures) if measures else {}
        vocabularies.append(
            {
                layer: Vocabulary(choice.vectors, Moments(*statistics[layer][0]))
                for layer, choice in choices.items()
            }
        )
    return vocabularies


class _Choice(Measure):
    """Some of a painting's activations, which it keeps as `vectors` (m, C); no statistic.

    guide: of the part of the painting that they are taken from, if any.
    """

    vectors: Tensor

    def __init__(self, guide: Guide | None) -> None:
        self._guide = guide
        self._ranks: Tensor | None = None

    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        """Keeps those of the crop's activations that are chosen."""
        if self._ranks is None:
            self._ranks = self._chosen(crop).to(activation.device)
            count = int(self._ranks.max()) + 1
            self.vectors = activation.new_empty(count, activation.shape[1])
        ranks = crop.cut(self._ranks).flatten()
        self.vectors[ranks[ranks >= 0]] = positions_of(activation)[ranks >= 0]
        return ()

    def _chosen(self, crop: Crop) -> Tensor:
        """Returns the row of each position of the layer in `vectors`, or -1: (1, 1, H, W)."""
        count = crop.height * crop.width
        positions = torch.arange(count)
        if self._guide is not None:
            # Positions at the edge of the part see what lies beyond it.
            weights = self._guide.weights(crop.height, crop.width).flatten().cpu()
            positions = (weights >= weights.max() / 2).nonzero().squeeze(1)
        if len(positions) > MOST_VECTORS:
            generator = torch.Generator().manual_seed(0)
            shuffled = torch.randperm(len(positions), generator=generator)
            positions = positions[shuffled[:MOST_VECTORS].sort().values]
        ranks = torch.full((count,), -1)
        ranks[positions] = torch.arange(len(positions))
        return ranks.view(1, 1, crop.height, crop.width)
