import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from daemon.style_transfer.reading import features
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses import style_swap
from impasto_daemon.style_transfer.losses.content import StoredTarget, Target, activations_of
from impasto_daemon.style_transfer.losses.guides import DetailGuide, Guide, guide_at
from impasto_daemon.style_transfer.losses.moments import Moments, blend, moments
from impasto_daemon.style_transfer.losses.style_swap import (
    SwappedTarget,
    TargetOnTheWay,
    Vocabulary,
    style_swap_losses,
)
from impasto_daemon.style_transfer.networks.crops import Crop, Interval
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.planning.layouts import Stage
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork

PHOTO, IMAGE = random_rgb(64, 80, seed=1), random_rgb(64, 80, seed=2)
PAINTING, OTHER = random_rgb(72, 56, seed=3), random_rgb(48, 96, seed=4)
SHALLOW, DEEP = "relu2_1", "relu4_1"
WEIGHTS = {SHALLOW: 0.5, "relu3_1": 1.5, DEEP: 2.0}
CHANNELS = 5


def activation(height: int, width: int, *, seed: int) -> Tensor:
    return (
        random_rgb(height, width * CHANNELS // 3 + CHANNELS, seed=seed)
        .flatten()[: height * width * CHANNELS]
        .view(1, CHANNELS, height, width)
    )


def vocabulary(of: Tensor) -> Vocabulary:
    return Vocabulary(of[0].flatten(1).T.contiguous(), Moments(*moments(of)))


def left_half(height: int, width: int) -> Tensor:
    mask = torch.zeros(1, 1, height, width, dtype=torch.float64)
    mask[..., : width // 2] = 1
    return mask


class PlainGuide(Guide):
    """A guide whose mask is that of the layer."""

    def __init__(self, mask: Tensor) -> None:
        self._mask = mask

    def weights(self, height: int, width: int) -> Tensor:
        assert self._mask.shape[2:] == (height, width)
        return self._mask / self._mask.sum()


def everywhere(target: Target, of: Tensor) -> Tensor:
    """Returns the target's activations at all positions of an activation."""
    return target.cut(Crop.full(of))


def by_hand(photo: Tensor, painting: Tensor, weights: Tensor | None = None) -> Tensor:
    """Returns the nearest activations of `painting` by comparing one position after the other."""
    queries, vectors = photo[0].flatten(1).T.numpy(), painting[0].flatten(1).T.numpy()
    shares = np.full(len(queries), 1 / len(queries)) if weights is None else weights.numpy()
    centred = vectors - vectors.mean(axis=0)
    directions = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    chosen = [np.argmax(directions @ (query - shares @ queries)) for query in queries]
    return torch.from_numpy(vectors[chosen].T.reshape(photo.shape))


def test_target_is_the_nearest_activation_after_both_means_are_subtracted() -> None:
    photo, painting = activation(8, 9, seed=5), activation(7, 12, seed=6)

    target = everywhere(SwappedTarget(photo, None, [vocabulary(painting)], [1.0]), photo)

    assert torch.equal(target, by_hand(photo, painting))


def test_photo_that_is_the_painting_gets_its_own_activations_back() -> None:
    photo = activation(8, 9, seed=5)

    target = SwappedTarget(photo, None, [vocabulary(photo)], [1.0])

    assert torch.equal(everywhere(target, photo), photo)


def test_brighter_photo_takes_the_same_activations() -> None:
    # That is what centring is for: the painting of a dark photo may be bright.
    photo, painting = activation(8, 9, seed=5), activation(7, 12, seed=6)

    first, second = (
        everywhere(SwappedTarget(each, None, [vocabulary(painting)], [1.0]), photo)
        for each in (photo, photo + 3)
    )

    assert torch.equal(first, second)


def test_two_paintings_are_blended_by_their_shares() -> None:
    photo = activation(8, 9, seed=5)
    paintings = [activation(7, 12, seed=6), activation(10, 4, seed=7)]

    target = SwappedTarget(photo, None, [vocabulary(each) for each in paintings], [0.3, 0.7])

    one, other = (by_hand(photo, each) for each in paintings)
    torch.testing.assert_close(everywhere(target, photo), 0.3 * one + 0.7 * other)


def test_positions_outside_a_region_do_not_matter() -> None:
    photo, painting = activation(8, 10, seed=5), activation(7, 12, seed=6)
    changed = photo.clone()
    changed[..., 5:] = 9
    guide = PlainGuide(left_half(8, 10))

    first, second = (
        everywhere(SwappedTarget(each, guide, [vocabulary(painting)], [1.0]), photo)
        for each in (photo, changed)
    )

    assert torch.equal(first[..., :5], second[..., :5])
    # The mean is that of the region.
    weights = guide.weights(8, 10).flatten()
    assert torch.equal(first[..., :5], by_hand(photo, painting, weights)[..., :5])
    assert not torch.equal(first[..., :5], by_hand(photo, painting)[..., :5])


@pytest.mark.parametrize("paintings", [1, 2])
def test_cut_of_a_crop_is_the_crop_of_all(paintings: int) -> None:
    photo = activation(8, 10, seed=5)
    vocabularies = [vocabulary(activation(7, 12, seed=6 + index)) for index in range(paintings)]
    shares = [1 / paintings] * paintings
    swapped = SwappedTarget(photo, PlainGuide(left_half(8, 10)), vocabularies, shares)
    crop = Crop(Interval(2, 7), Interval(3, 10), 8, 10)

    for target in (swapped, TargetOnTheWay(photo, swapped, 0.4), StoredTarget(photo)):
        expected = everywhere(target, photo)[..., 2:7, 3:10]
        assert target.cut(crop).shape == (1, CHANNELS, 5, 7)
        torch.testing.assert_close(target.cut(crop), expected, rtol=1e-14, atol=0)


def test_target_on_the_way_lies_between_both_its_ends() -> None:
    photo, end = activation(8, 9, seed=5), activation(8, 9, seed=6)

    targets = {
        distance: everywhere(TargetOnTheWay(photo, StoredTarget(end), distance), photo)
        for distance in (0.0, 0.25, 1.0)
    }

    assert torch.equal(targets[0.0], photo)
    torch.testing.assert_close(targets[0.25], 0.75 * photo + 0.25 * end)
    assert torch.equal(targets[1.0], end)


@pytest.mark.parametrize("paintings", [1, 2])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_target_on_the_way_may_be_of_16_bits(dtype: torch.dtype, paintings: int) -> None:
    photo = activation(8, 9, seed=5).to(dtype)
    vocabularies = [
        vocabulary(activation(7, 12, seed=6 + index).to(dtype)) for index in range(paintings)
    ]
    target = SwappedTarget(photo, None, vocabularies, [1 / paintings] * paintings)

    half = everywhere(TargetOnTheWay(photo, target, 0.5), photo)

    expected = (photo.double() + everywhere(target, photo).double()) / 2
    torch.testing.assert_close(half.double(), expected, rtol=0.01, atol=0.01)


def target_of(
    region: Region,
    layer: str,
    photo: Tensor = PHOTO,
    network: Network | None = None,
    distance: float = 1.0,
) -> Tensor:
    """Returns the target of a region at all positions of `layer`."""
    network = network or tiny_vgg()
    with torch.no_grad():
        activations = activations_of(network, photo, [layer])
        ((_, loss),) = style_swap_losses(network, photo, activations, region, {layer: 1}, distance)
    return everywhere(loss.measure._target, activations[layer])  # type: ignore[attr-defined]


def covariance_of(of: Tensor) -> Tensor:
    return Moments(*moments(of)).covariance


def test_layers_of_a_stride_below_8_are_swapped_and_deeper_ones_transported() -> None:
    photo, painting = (features(tiny_vgg(), rgb, WEIGHTS) for rgb in (PHOTO, PAINTING))
    region = Region([Painting(PAINTING)])

    for layer in (SHALLOW, "relu3_1"):
        assert torch.equal(target_of(region, layer), by_hand(photo[layer], painting[layer]))
    rows = {tuple(row) for row in painting[DEEP][0].flatten(1).T.tolist()}
    assert not {tuple(row) for row in target_of(region, DEEP)[0].flatten(1).T.tolist()} & rows


def test_transported_activations_are_moved_by_the_closed_form() -> None:
    photo = 4 + activation(16, 20, seed=5)  # so far from zero that nothing is clamped
    painting = 6 + activation(20, 20, seed=6)
    source, target = covariance_of(photo).numpy(), covariance_of(painting).numpy()
    ridge = 0.01 * np.trace(source) / CHANNELS * np.eye(CHANNELS)
    root = np.real(sqrtm(target))
    # Lu et al. 2019, equation 9.
    linear = root @ np.linalg.inv(np.real(sqrtm(root @ (source + ridge) @ root))) @ root
    positions = photo[0].flatten(1).numpy()
    centred = positions - positions.mean(axis=1, keepdims=True)
    expected = linear @ centred + painting[0].flatten(1).mean(dim=1, keepdim=True).numpy()

    moved = style_swap._transported(photo, None, Moments(*moments(painting)))

    np.testing.assert_allclose(moved[0].flatten(1).numpy(), expected, rtol=1e-6)


def test_transported_activations_have_the_moments_of_the_paintings() -> None:
    photo = 4 + activation(16, 20, seed=5)
    paintings = [6 + activation(20, 20, seed=6), 9 + 2 * activation(20, 20, seed=7)]
    together = Moments(*blend([0.3, 0.7], (Moments(*moments(each)) for each in paintings)))

    moved = Moments(*moments(style_swap._transported(photo, None, together)))

    torch.testing.assert_close(moved.mean, together.mean, rtol=1e-10, atol=0)
    scale = together.covariance.diagonal().max().item()
    torch.testing.assert_close(moved.covariance, together.covariance, rtol=0, atol=0.02 * scale)


def test_transport_to_the_photos_own_moments_leaves_it() -> None:
    photo = 4 + activation(16, 20, seed=5)

    moved = style_swap._transported(photo, None, Moments(*moments(photo)))

    deviation = covariance_of(photo).diagonal().sum().sqrt()
    assert (moved - photo).square().sum(dim=1).mean().sqrt() < 0.02 * deviation


def test_transported_activations_are_never_negative() -> None:
    assert target_of(Region([Painting(PAINTING)]), DEEP).min() >= 0


def test_layer_without_a_relu_keeps_its_negative_activations() -> None:
    # As the merges of a ResNet are.
    photo = activation(16, 20, seed=5) - 0.5
    paintings = Moments(*moments(2 * activation(20, 20, seed=6) - 1))

    moved = style_swap._transported(photo, None, paintings)

    torch.testing.assert_close(moved.mean(dim=(0, 2, 3)), paintings.mean, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rounded", [math.floor, math.ceil])
@pytest.mark.parametrize(("stride", "is_deep"), [(1, False), (2, False), (4, False), (8, True)])
def test_stride_is_recognised_however_a_network_rounds(
    stride: int, is_deep: bool, rounded: Callable[[float], int]
) -> None:
    region = Region([Painting(random_rgb(32, 32, seed=6))])
    for height in range(32, 65, 3):
        photo = random_rgb(height, 32, seed=7)
        activations = {SHALLOW: activation(rounded(height / stride), 32 // stride, seed=8)}

        with torch.no_grad():
            ((_, loss),) = style_swap_losses(tiny_vgg(), photo, activations, region, {SHALLOW: 1.0})

        target = loss.measure._target  # type: ignore[attr-defined]
        assert isinstance(target, StoredTarget) is is_deep


def test_transport_of_a_region_takes_its_own_moments() -> None:
    photo = 4 + activation(8, 10, seed=5)
    changed = photo.clone()
    changed[..., 5:] = 9
    paintings = Moments(*moments(6 + activation(20, 20, seed=6)))
    guide = PlainGuide(left_half(8, 10))

    first, second = (style_swap._transported(each, guide, paintings) for each in (photo, changed))

    torch.testing.assert_close(first[..., :5], second[..., :5], rtol=1e-10, atol=0)
    mean = first[..., :5].mean(dim=(0, 2, 3))
    torch.testing.assert_close(mean, paintings.mean, rtol=1e-10, atol=0)


@pytest.mark.parametrize("layer", [SHALLOW, DEEP])
def test_each_region_searches_its_own_paintings(layer: str) -> None:
    left = left_half(64, 80)
    of_painting, of_other = (
        target_of(Region([Painting(rgb)], mask), layer)
        for rgb, mask in ((PAINTING, left), (OTHER, 1 - left))
    )
    crossed = target_of(Region([Painting(OTHER)], left), layer)

    middle = of_painting.shape[3] // 2
    assert not torch.equal(of_painting[..., :middle], crossed[..., :middle])
    for target, rgb, columns in (
        (of_painting, PAINTING, slice(middle)),
        (of_other, OTHER, slice(middle, None)),
    ):
        vectors = features(tiny_vgg(), rgb, [layer])[layer][0].flatten(1).T
        if layer == SHALLOW:
            rows = {tuple(row) for row in vectors.tolist()}
            taken = target[0, :, :, columns].flatten(1).T.tolist()
            assert {tuple(row) for row in taken} <= rows


def test_part_of_a_painting_is_all_that_is_searched() -> None:
    part = left_half(72, 56)
    changed = PAINTING.clone()
    changed[..., -8:] = 0

    def target(rgb: Tensor, part: Tensor | None) -> Tensor:
        return target_of(Region([Painting(rgb, part=part)]), SHALLOW)

    assert torch.equal(target(PAINTING, part), target(changed, part))
    assert not torch.equal(target(PAINTING, None), target(PAINTING, part))
    vectors = features(tiny_vgg(), PAINTING, [SHALLOW])[SHALLOW][0, :, :, :14].flatten(1).T
    rows = {tuple(row) for row in vectors.tolist()}
    assert {tuple(row) for row in target(PAINTING, part)[0].flatten(1).T.tolist()} <= rows


def test_vectors_of_a_large_painting_are_a_random_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_swap, "MOST_VECTORS", 100)
    painting = features(tiny_vgg(), PAINTING, [SHALLOW])[SHALLOW]
    networks = tiny_vgg(), TiledNetwork(tiny_vgg(), [Stage((1, 2, 3, 4, 5), 20)])

    first, second = (
        style_swap._vocabularies(network, [Painting(PAINTING)], [SHALLOW])[0][SHALLOW]
        for network in networks
    )

    rows = {tuple(row) for row in painting[0].flatten(1).T.tolist()}
    chosen = {tuple(row) for row in first.vectors.tolist()}
    assert len(chosen) == 100
    assert chosen < rows
    torch.testing.assert_close(first.vectors, second.vectors)
    # The moments are those of all positions.
    torch.testing.assert_close(first.moments.second, moments(painting)[1])


def losses_of(
    network: Network, region: Region, image: Tensor, *, distance: float = 1.0, factor: float = 1.0
) -> dict[str, float]:
    weights = {layer: factor * weight for layer, weight in WEIGHTS.items()}
    with torch.no_grad():
        activations = activations_of(network, PHOTO, weights)
        losses = dict(style_swap_losses(network, PHOTO, activations, region, weights, distance))
        measures = {layer: [loss.measure] for layer, loss in losses.items()}
        statistics = network.statistics(image, measures)
    return {layer: losses[layer](statistics[layer][0]).item() for layer in losses}


def test_loss_is_the_squared_distance_relative_to_the_paintings() -> None:
    region = Region([Painting(PAINTING, 0.3), Painting(OTHER, 0.7)])
    photo, image = (features(tiny_vgg(), rgb, WEIGHTS) for rgb in (PHOTO, IMAGE))
    paintings = [features(tiny_vgg(), rgb, WEIGHTS) for rgb in (PAINTING, OTHER)]

    losses = losses_of(tiny_vgg(), region, IMAGE)

    assert losses.keys() == WEIGHTS.keys()
    for layer, weight in WEIGHTS.items():
        one, other = (painting[layer].square().mean().item() for painting in paintings)
        squares = (image[layer] - target_of(region, layer)).square().mean(dim=1, keepdim=True)
        counted = torch.ones_like(squares) / squares.numel()
        if layer == DEEP:
            counted = DetailGuide(photo[layer], None).weights(*squares.shape[2:])
        expected = weight * (counted * squares).sum().item() / (0.3 * one + 0.7 * other)
        assert losses[layer] == pytest.approx(expected, rel=1e-10)


def test_loss_of_the_photo_is_nothing_without_any_style() -> None:
    region = Region([Painting(PAINTING)])

    at_photo = [sum(losses_of(tiny_vgg(), region, PHOTO, distance=d).values()) for d in DISTANCES]

    assert at_photo == sorted(at_photo)
    assert at_photo[0] < 1e-6 < at_photo[-1]


DISTANCES: Sequence[float] = (1e-4, 0.2, 0.7, 1.0)


def test_loss_grows_with_its_weight() -> None:
    region = Region([Painting(PAINTING)])

    once, thrice = (losses_of(tiny_vgg(), region, IMAGE, factor=factor) for factor in (1, 3))

    assert thrice == pytest.approx({layer: 3 * value for layer, value in once.items()})


@pytest.mark.parametrize("distance", [0.5, 1.0])
@pytest.mark.parametrize("mask", [None, left_half(64, 80)])
def test_targets_are_the_same_in_tiles(mask: Tensor | None, distance: float) -> None:
    part = left_half(48, 96)
    region = Region([Painting(PAINTING, 0.3), Painting(OTHER, 0.7, part)], mask)
    tiled = TiledNetwork(tiny_vgg(), [Stage((1, 2, 3), 24), Stage((4, 5), None)])

    losses = losses_of(tiled, region, IMAGE, distance=distance)

    expected = losses_of(tiny_vgg(), region, IMAGE, distance=distance)
    assert losses == pytest.approx(expected, rel=1e-9)


def test_loss_is_measured_where_the_mask_is_white() -> None:
    changed = IMAGE.clone()
    changed[..., 60:] = 0
    region = Region([Painting(PAINTING)], left_half(64, 80))

    first, second = (losses_of(tiny_vgg(), region, rgb)[SHALLOW] for rgb in (IMAGE, changed))

    assert first == second


def test_guide_of_a_deep_layer_has_the_stride_of_the_layer() -> None:
    guide = guide_at(tiny_vgg(), DEEP, left_half(64, 80))

    assert guide is not None
    assert guide.weights(8, 10).sum().item() == pytest.approx(1)
