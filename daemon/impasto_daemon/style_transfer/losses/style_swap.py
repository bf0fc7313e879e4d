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
    activations_of,
)
from impasto_daemon.style_transfer.losses.guides import DetailGuide, Guide, guide_at
from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.losses.moments import (
    Moments,
    blend,
    moments,
    positions_of,
    precise,
)
from impasto_daemon.style_transfer.losses.nearest_neighbours import nearest_neighbours
from impasto_daemon.style_transfer.losses.wasserstein import OptimalTransport
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import Network

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
) -> Iterator[tuple[str, Loss]]:
    """Yields each layer of `weights` and the region's content loss of that weight.

    photo: (1, 3, H, W) in [0, 1]; activations: the photo's at each layer.
    distance: the fraction of the way from the photo's own activations to those targets, in (0, 1].
    """
    vocabularies = _vocabularies(network, region.paintings, weights)
    for layer, weight in weights.items():
        guide = guide_at(network, layer, region.mask)
        of_layer = [vocabulary[layer] for vocabulary in vocabularies]
        shares = [painting.share for painting in region.paintings]
        together = Moments(*blend(shares, (vocabulary.moments for vocabulary in of_layer)))
        activation = activations[layer]
        target: Target
        if photo.shape[2] > _BETWEEN_STRIDES_PX * activation.shape[2]:
            target = StoredTarget(_transported(activation, guide, together))
            guide = DetailGuide(activation, guide)
        else:
            target = SwappedTarget(activation, guide, of_layer, shares)
        if distance < 1:
            target = TargetOnTheWay(activation, target, distance)
        power = together.power / len(together.mean)
        yield layer, ContentLoss(weight, target, power, guide)


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
        positions = precise(positions_of(activation))
        counted = slice(None) if weights is None else weights.nonzero().squeeze(1)
        queries = positions[counted]
        queries = queries - (
            queries.mean(dim=0) if weights is None else weights[counted].to(queries) @ queries
        )
        self._vectors = [painting.vectors for painting in paintings]
        self._shares = shares
        self._indices = []
        for painting in paintings:
            # Positions that do not count get any vector.
            indices = torch.zeros(height * width, dtype=torch.int32, device=activation.device)
            centred = precise(painting.vectors) - painting.moments.mean
            indices[counted] = nearest_neighbours(queries, centred).to(indices)
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
        return activation.view(1, *crop.size, -1).permute(0, 3, 1, 2)


class TargetOnTheWay(Target):
    """A target at `distance` of the way from the photo's own activations to another target."""

    def __init__(self, activation: Tensor, target: Target, distance: float) -> None:
        self._activation = activation
        self._target = target
        self._distance = distance

    def cut(self, crop: Crop) -> Tensor:
        """Returns the activations at the positions of `crop`."""
        ends = precise(crop.cut(self._activation)), precise(self._target.cut(crop))
        return torch.lerp(*ends, self._distance)


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
        activations = activations_of(network, painting.rgb, layers)
        vocabularies.append(
            {
                layer: _vocabulary(activation, guide_at(network, layer, painting.part))
                for layer, activation in activations.items()
            }
        )
    return vocabularies


def _vocabulary(activation: Tensor, guide: Guide | None) -> Vocabulary:
    """Returns what a painting offers at a layer, or the part of it that `guide` names."""
    height, width = activation.shape[2:]
    weights = None if guide is None else guide.weights(height, width).flatten()
    vectors = positions_of(activation)
    if weights is not None:
        # Positions at the edge of the part see what lies beyond it.
        vectors = vectors[(weights >= weights.max() / 2).nonzero().squeeze(1)]
    if len(vectors) > MOST_VECTORS:
        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(len(vectors), generator=generator)[:MOST_VECTORS].sort().values
        vectors = vectors[chosen.to(vectors.device)]
    return Vocabulary(vectors.contiguous(), Moments(*moments(activation, weights)))
