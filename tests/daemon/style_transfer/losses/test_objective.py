import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from daemon.style_transfer.reading import features, gram_matrix
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.guides import guide_at
from impasto_daemon.style_transfer.losses.image_losses import (
    chroma_variation,
    out_of_range,
    total_variation,
)
from impasto_daemon.style_transfer.losses.objective import (
    CHROMA_WEIGHT,
    CONTENT_WEIGHT,
    RANGE_WEIGHT,
    TV_WEIGHT,
    Objective,
    build_objective,
)
from impasto_daemon.style_transfer.losses.style_losses import RelativeError
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import ContentLoss, Mode, Pooling, StyleLoss, StyleSettings

# Below this side, four pooling layers leave nothing of a picture.
SIDE_PX = 16
CONTENT_LAYER = "relu4_2"
CONTENT_LAYERS = "relu2_1:1,relu3_1:1,relu4_1:1,relu4_2:1"
STYLE_LAYERS = {
    "relu1_1": 64 / 105,
    "relu2_1": 32 / 105,
    "relu3_1": 8 / 105,
    "relu4_1": 1 / 105,
}
LAYERS = [CONTENT_LAYER, *STYLE_LAYERS, "relu5_1"]
PICTURE = random_rgb(SIDE_PX, SIDE_PX, seed=1)
PHOTO = random_rgb(SIDE_PX, SIDE_PX, seed=2)
PAINTING = random_rgb(SIDE_PX + 5, SIDE_PX + 16, seed=3)
CONTENT = CONTENT_WEIGHT[ContentLoss.RECONSTRUCTION]
PAPER = StyleSettings(
    content_loss=ContentLoss.RECONSTRUCTION,
    content_layers=CONTENT_LAYER,
    style_loss=StyleLoss.GRAM,
    smoothness=0,
)
SETTINGS = replace(PAPER, style_strength=1.7, smoothness=0.6)
ONLY_CONTENT = replace(PAPER, style_strength=0)
CONTENT_AND_STYLE = PAPER

Numbers = NDArray[np.float64]


def objective_of(
    content: Tensor, style: Tensor, settings: StyleSettings, network: VGG | None = None
) -> Objective:
    return build_objective(network or tiny_vgg(), content, [Region([Painting(style)])], settings)


def loss_of(picture: Tensor, objective: Objective) -> float:
    return objective(picture).item()


def chroma_term(picture: Tensor) -> float:
    """Returns what the noise in the chroma adds to every objective that has a style."""
    return CHROMA_WEIGHT * chroma_variation(picture).item()


def activations(rgb: Tensor) -> dict[str, Numbers]:
    """Returns the tiny network's activations as the paper's F: (channels, positions)."""
    by_layer = features(tiny_vgg(), rgb, LAYERS)
    return {name: activation.squeeze(0).flatten(1).numpy() for name, activation in by_layer.items()}


def gram_of_paper(activation: Numbers) -> Numbers:
    """Returns the sum over positions k of F_ik F_jk (equation 3)."""
    gram: Numbers = np.einsum("ik,jk->ij", activation, activation)
    return gram


def test_gram_matrix_of_known_activations() -> None:
    activation = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])

    gram = gram_matrix(activation)

    assert (2 * gram).tolist() == [[5, 11], [11, 25]]


def test_gram_matrix_is_equation_3_over_the_number_of_positions() -> None:
    activation = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 4, 5)))
    expected = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for y in range(4):
                for x in range(5):
                    expected[i, j] += float(activation[0, i, y, x] * activation[0, j, y, x])

    gram = gram_matrix(activation)

    np.testing.assert_allclose(gram.numpy(), expected / (4 * 5), rtol=1e-13)


def test_gram_matrix_knows_no_positions() -> None:
    activation = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 6, 7, 8)))
    order = np.random.default_rng(2).permutation(7 * 8)

    shuffled = activation.flatten(2)[:, :, order].view(1, 6, 7, 8)

    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(activation))


def test_gram_matrix_of_a_tiled_picture_is_that_of_one_tile() -> None:
    tile = torch.from_numpy(np.random.default_rng(3).normal(size=(1, 6, 7, 8)))

    torch.testing.assert_close(gram_matrix(tile.repeat(1, 1, 3, 2)), gram_matrix(tile))


def test_relative_error_of_known_numbers() -> None:
    actual, target = torch.tensor([1.0, 4.0]), torch.tensor([2.0, 2.0])

    assert RelativeError(target)(actual).item() == pytest.approx(5 / 8)


def test_relative_error_is_squared_distance_over_squared_length() -> None:
    actual, target = np.random.default_rng(4).normal(size=(2, 1, 3, 4, 5))
    expected = np.sum((actual - target) ** 2) / np.sum(target**2)

    error = RelativeError(torch.from_numpy(target))(torch.from_numpy(actual))

    assert error.item() == pytest.approx(expected, rel=1e-12)


def test_relative_error_forgets_the_scale_of_a_network() -> None:
    actual, target = torch.from_numpy(np.random.default_rng(5).normal(size=(2, 3, 4)))

    torch.testing.assert_close(
        RelativeError(1000 * target)(1000 * actual), RelativeError(target)(actual)
    )


def test_relative_error_of_a_target_of_zeros_is_finite() -> None:
    error = RelativeError(torch.zeros(3))(torch.ones(3))

    assert math.isfinite(error.item())
    assert error.item() > 0


def test_total_variation_of_known_pixels() -> None:
    rgb = torch.tensor([[0.0, 1.0, 1.0], [0.5, 0.5, 0.0]]).view(1, 1, 2, 3)

    across = (1 + 0 + 0 + 0.25) / 4
    down = (0.25 + 0.25 + 1) / 3
    assert total_variation(rgb).item() == pytest.approx(across + down)


def test_total_variation_is_the_mean_over_all_neighbours() -> None:
    rgb = np.random.default_rng(6).random((1, 3, 5, 7))
    across = [
        (rgb[0, c, y, x + 1] - rgb[0, c, y, x]) ** 2
        for c in range(3)
        for y in range(5)
        for x in range(6)
    ]
    down = [
        (rgb[0, c, y + 1, x] - rgb[0, c, y, x]) ** 2
        for c in range(3)
        for y in range(4)
        for x in range(7)
    ]

    variation = total_variation(torch.from_numpy(rgb))

    expected = sum(across) / len(across) + sum(down) / len(down)
    assert variation.item() == pytest.approx(expected, rel=1e-12)


def test_plain_colour_has_no_variation() -> None:
    assert total_variation(torch.full((1, 3, 4, 5), 0.3)).item() == 0


def test_colours_in_range_cost_nothing_and_others_their_squared_distance() -> None:
    rgb = torch.tensor([0.0, 1.0, 0.5, -0.5, 1.25, 0.5]).view(1, 3, 1, 2)

    assert out_of_range(rgb).item() == pytest.approx((0.5**2 + 0.25**2) / 6)


def test_impossible_colours_are_part_of_the_objective() -> None:
    picture = PICTURE * 3 - 1
    in_range = objective_of(picture, PAINTING, ONLY_CONTENT)  # so that there is no content loss

    assert loss_of(picture, in_range) == pytest.approx(RANGE_WEIGHT * out_of_range(picture).item())


def test_objective_is_the_sum_of_content_style_and_variation() -> None:
    image, photo, painting = (activations(rgb) for rgb in (PICTURE, PHOTO, PAINTING))
    content = np.sum((image[CONTENT_LAYER] - photo[CONTENT_LAYER]) ** 2)
    content /= np.sum(photo[CONTENT_LAYER] ** 2)
    style = 0.0
    for layer, share in STYLE_LAYERS.items():
        gram = gram_of_paper(image[layer]) / image[layer].shape[1]
        target = gram_of_paper(painting[layer]) / painting[layer].shape[1]
        style += share * np.sum((gram - target) ** 2) / np.sum(target**2)
    pixels = PICTURE.numpy()
    variation = np.mean(np.diff(pixels, axis=2) ** 2) + np.mean(np.diff(pixels, axis=3) ** 2)

    loss = loss_of(PICTURE, objective_of(PHOTO, PAINTING, SETTINGS))

    assert loss == pytest.approx(
        CONTENT * content
        + SETTINGS.style_strength**2 * style
        + TV_WEIGHT * SETTINGS.smoothness**2 * variation
        + chroma_term(PICTURE),
        rel=1e-12,
    )


def test_style_loss_is_equations_4_and_5_once_they_are_divided_by_the_targets_size() -> None:
    painting = random_rgb(SIDE_PX, SIDE_PX, seed=3)
    image, painting_activations = activations(PICTURE), activations(painting)
    expected = 0.0
    for layer, weight in STYLE_LAYERS.items():
        channels, positions = image[layer].shape  # the paper's N and M
        gram, target = gram_of_paper(image[layer]), gram_of_paper(painting_activations[layer])
        size = 4 * channels**2 * positions**2
        layer_loss = np.sum((gram - target) ** 2) / size  # equation 4
        expected += weight * layer_loss / (np.sum(target**2) / size)

    with_style = loss_of(PICTURE, objective_of(PHOTO, painting, CONTENT_AND_STYLE))
    without = loss_of(PICTURE, objective_of(PHOTO, painting, ONLY_CONTENT))
    without += chroma_term(PICTURE)

    assert with_style - without == pytest.approx(expected, rel=1e-12)


def test_content_loss_is_nothing_at_the_photo_alone() -> None:
    objective = objective_of(PHOTO, PAINTING, ONLY_CONTENT)

    assert loss_of(PHOTO, objective) == 0
    assert loss_of(PICTURE, objective) > 0


def test_style_loss_is_nothing_at_the_painting_alone() -> None:
    painting = random_rgb(SIDE_PX, SIDE_PX, seed=3)
    with_style = objective_of(PHOTO, painting, CONTENT_AND_STYLE)
    without = objective_of(PHOTO, painting, ONLY_CONTENT)

    style = loss_of(painting, with_style) - loss_of(painting, without)
    assert style == pytest.approx(chroma_term(painting), rel=1e-12)
    assert loss_of(PICTURE, with_style) > loss_of(PICTURE, without) + chroma_term(PICTURE)


@pytest.mark.parametrize("content_loss", ContentLoss)
@pytest.mark.parametrize("pooling", Pooling)
def test_gradient_is_that_of_central_differences(
    pooling: Pooling, content_loss: ContentLoss
) -> None:
    settings = replace(SETTINGS, content_loss=content_loss, content_layers=CONTENT_LAYERS)
    objective = objective_of(PHOTO, PAINTING, settings, tiny_vgg(pooling))
    rgb = PICTURE.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective(rgb), rgb)

    for place in np.random.default_rng(8).choice(PICTURE.numel(), 20, replace=False):
        step = torch.zeros(PICTURE.numel(), dtype=PICTURE.dtype)
        step[place] = 1e-5
        ahead, behind = (
            loss_of(PICTURE + side * step.view_as(PICTURE), objective) for side in (1, -1)
        )

        expected = gradient.flatten()[place].item()
        assert (ahead - behind) / 2e-5 == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("strength", [0.4, 1.7])
@pytest.mark.parametrize("content_loss", ContentLoss)
@pytest.mark.parametrize("style_loss", StyleLoss)
@pytest.mark.parametrize("pooling", Pooling)
def test_gradient_passes_gradcheck(
    pooling: Pooling, style_loss: StyleLoss, content_loss: ContentLoss, strength: float
) -> None:
    settings = StyleSettings(
        content_loss=content_loss,
        content_layers=CONTENT_LAYERS,
        style_loss=style_loss,
        style_strength=strength,
        smoothness=0.6,
    )
    objective = objective_of(PHOTO, PAINTING, settings, tiny_vgg(pooling))
    rgb = PICTURE.clone().requires_grad_()

    torch.manual_seed(9)  # fast_mode compares the gradients along one random direction

    assert torch.autograd.gradcheck(objective, (rgb,), atol=1e-8, rtol=1e-5, fast_mode=True)


def test_layers_and_their_weights_are_as_asked_for() -> None:
    settings = replace(
        PAPER, content_layers="relu3_1:1,relu4_1:3", style_layers="relu2_1:2,relu5_1:6"
    )
    image, photo, painting = (activations(rgb) for rgb in (PICTURE, PHOTO, PAINTING))

    def content_error(layer: str) -> float:
        return float(np.sum((image[layer] - photo[layer]) ** 2) / np.sum(photo[layer] ** 2))

    def style_error(layer: str) -> float:
        gram = gram_of_paper(image[layer]) / image[layer].shape[1]
        target = gram_of_paper(painting[layer]) / painting[layer].shape[1]
        return float(np.sum((gram - target) ** 2) / np.sum(target**2))

    loss = loss_of(PICTURE, objective_of(PHOTO, PAINTING, settings))

    assert loss == pytest.approx(
        CONTENT * (content_error("relu3_1") + 3 * content_error("relu4_1")) / 4
        + (2 * style_error("relu2_1") + 6 * style_error("relu5_1")) / 8
        + chroma_term(PICTURE),
        rel=1e-12,
    )


@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
def test_layer_that_the_model_lacks_is_named(name: str) -> None:
    layers: dict[str, Any] = {name: "relu1_1,relu3_4"}
    settings = StyleSettings(**layers)

    with pytest.raises(
        InvalidSettings, match=r"no layer relu3_4\..* choose from: relu1_1,"
    ) as caught:
        objective_of(PHOTO, PAINTING, settings)

    assert caught.value.field == name


def test_texture_has_no_content_and_content_no_style() -> None:
    style = loss_of(PICTURE, objective_of(PHOTO, PAINTING, CONTENT_AND_STYLE)) - loss_of(
        PICTURE, objective_of(PHOTO, PAINTING, ONLY_CONTENT)
    )
    texture = replace(CONTENT_AND_STYLE, mode=Mode.TEXTURE)
    content = replace(CONTENT_AND_STYLE, mode=Mode.CONTENT)

    assert loss_of(PICTURE, objective_of(PHOTO, PAINTING, texture)) == pytest.approx(style)
    assert loss_of(PICTURE, objective_of(PHOTO, PAINTING, content)) == loss_of(
        PICTURE, objective_of(PHOTO, PAINTING, ONLY_CONTENT)
    )


def halves() -> tuple[Tensor, Tensor]:
    """Masks of the left and the right half."""
    left = torch.zeros(1, 1, 2 * SIDE_PX, 2 * SIDE_PX, dtype=torch.float64)
    left[..., :SIDE_PX] = 1
    return left, 1 - left


@pytest.mark.parametrize("style_loss", StyleLoss)
def test_each_region_is_compared_with_its_own_painting(style_loss: StyleLoss) -> None:
    # A picture of two paintings side by side, whose network sees each position by itself.
    settings = StyleSettings(
        style_loss=style_loss, smoothness=0, mode=Mode.TEXTURE, style_layers="relu1_1"
    )
    one, other = (torch.zeros(1, 3, 2 * SIDE_PX, SIDE_PX, dtype=torch.float64) for _ in "12")
    one[:, 0], other[:, 1] = 1, 1
    side_by_side = torch.cat([one, other], dim=3)

    def loss(paintings: tuple[Tensor, Tensor]) -> float:
        regions = [
            Region([Painting(painting)], mask)
            for painting, mask in zip(paintings, halves(), strict=True)
        ]
        objective = build_objective(tiny_vgg(), side_by_side, regions, settings)
        return loss_of(side_by_side, objective)

    matched, crossed = loss((one, other)), loss((other, one))

    # Nothing but the one column along the border, which sees both.
    assert abs(matched) < 0.1 * crossed


def style_swap_loss(layers: str, strength: float = 1.0, factor: float = 1.0) -> float:
    """Returns what a factor of the content adds to the objective, over that factor."""
    settings = StyleSettings(content_layers=layers, style_strength=strength)
    region = Region([Painting(PAINTING)])
    one, other = (
        build_objective(tiny_vgg(), PHOTO, [region], settings, of_content)
        for of_content in (1.0, 1.0 + factor)
    )
    return (loss_of(PICTURE, other) - loss_of(PICTURE, one)) / factor


def test_style_swap_weighs_as_its_factor_and_less_with_a_stronger_style() -> None:
    swap = style_swap_loss(CONTENT_LAYER)

    assert swap > 0
    assert style_swap_loss(CONTENT_LAYER, factor=4) == pytest.approx(swap, rel=1e-9)
    # From a strength of 1 on, the style weighs as its square: the factor makes up for that.
    assert style_swap_loss(CONTENT_LAYER, strength=2) == pytest.approx(swap / 4, rel=1e-9)


def test_layers_of_the_style_swap_count_by_their_shares() -> None:
    deep, shallow = style_swap_loss("relu4_2"), style_swap_loss("relu3_1")

    both = style_swap_loss("relu4_2:1,relu3_1:3")

    assert both == pytest.approx(deep / 4 + 3 * shallow / 4, rel=1e-9)


def test_part_of_a_painting_is_all_that_is_looked_at() -> None:
    left, _ = halves()
    painting = random_rgb(2 * SIDE_PX, 2 * SIDE_PX, seed=11)
    changed = painting.clone()
    changed[..., -4:] = 0
    settings = replace(CONTENT_AND_STYLE, style_layers="relu1_1,relu2_1")

    def loss(rgb: Tensor, part: Tensor | None) -> float:
        regions = [Region([Painting(rgb, part=part)])]
        return loss_of(PHOTO, build_objective(tiny_vgg(), PHOTO, regions, settings))

    assert loss(changed, left) == loss(painting, left)
    assert loss(changed, None) != loss(painting, None)


def test_guide_of_a_layer_is_the_mask_as_the_network_pools() -> None:
    mask = torch.zeros(1, 1, 9, 11)
    mask[..., :4, :6] = 1

    guide = guide_at(tiny_vgg(), "relu3_1", mask)

    assert guide is not None
    assert guide.weights(2, 2).flatten().tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert guide_at(tiny_vgg(), "relu3_1", None) is None


@pytest.mark.parametrize("layer", ["relu2_1", "relu3_1", "relu4_1", "relu5_1"])
def test_guide_keeps_what_lies_in_the_rows_and_columns_that_pooling_drops(layer: str) -> None:
    last = torch.zeros(1, 1, 63, 47)
    last[..., -1, -1] = 1

    factor = 2 ** (int(layer[4]) - 1)

    guide = guide_at(tiny_vgg(), layer, last)

    assert guide is not None
    assert guide.weights(63 // factor, 47 // factor).flatten()[-1] == 1
