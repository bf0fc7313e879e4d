"""Pictures of the real network, without a daemon: each test takes several seconds."""

from itertools import pairwise

import torch

from daemon.style_transfer.reading import features, gram_matrix
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images import colours
from impasto_daemon.style_transfer.images.pixels import fit, from_image, to_image
from impasto_daemon.style_transfer.losses.image_losses import chroma
from impasto_daemon.style_transfer.losses.style_losses import RelativeError
from impasto_daemon.style_transfer.stylize import stylize
from impasto_gimp.jobs.draft_job import DRAFT_PX, draft_settings
from impasto_shared.beginning import Beginning
from impasto_shared.image import Image, PixelFormat
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import Model, StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import ROOT
from measures import colour_distance, edge_similarity, evaluation_network, held_out_distance

COMPOSITION_PX = 32
STYLE_LAYERS = parse_layer_weights(StyleSettings().style_layers)


def test_real_network_sees_the_style_of_the_painting_in_the_picture() -> None:
    network = load_network(Model.VGG19, StyleSettings().pooling)
    photo = read_image(ROOT / "assets/photos/chelsea.jpg")
    painting = read_image(ROOT / "assets/styles/auvers.jpg")
    side_px = 96

    def grams(image: Image) -> dict[str, torch.Tensor]:
        activations = features(network, fit(from_image(image).rgb, side_px), STYLE_LAYERS)
        return {layer: gram_matrix(activation) for layer, activation in activations.items()}

    def style_loss(image: Image) -> float:
        actual, target = grams(image), grams(painting)
        return sum(
            share * RelativeError(target[layer])(actual[layer]).item()
            for layer, share in STYLE_LAYERS.items()
        )

    picture = stylize(network, photo, [Style(painting)], StyleSettings(iterations=30, size=side_px))

    assert style_loss(picture) < style_loss(photo) / 3


def chroma_noise(rgb: torch.Tensor) -> float:
    """Returns the mean squared Laplacian of the chroma of (1, 3, H, W), border excluded."""
    plane = chroma(rgb)
    neighbours = plane[..., :-2, 1:-1] + plane[..., 2:, 1:-1]
    neighbours = neighbours + plane[..., 1:-1, :-2] + plane[..., 1:-1, 2:]
    return (4 * plane[..., 1:-1, 1:-1] - neighbours).square().mean().item()


def test_real_network_leaves_no_more_coloured_noise_than_the_painting_has() -> None:
    network = load_network(Model.VGG19, StyleSettings().pooling)
    photo = read_image(ROOT / "assets/photos/chelsea.jpg")
    painting = read_image(ROOT / "assets/styles/harvesters.jpg")
    settings = StyleSettings(iterations=50, size=192)

    picture = stylize(network, photo, [Style(painting)], settings)

    noise = chroma_noise(from_image(picture).rgb)
    assert noise < chroma_noise(fit(from_image(painting).rgb, 192))


def in_shades_of(rgb: tuple[float, float, float]) -> Image:
    """Returns a painting in shades of one colour."""
    painting = from_image(read_image(ROOT / "assets/styles/auvers.jpg")).rgb
    grey = colours.luminance(fit(painting, 96))
    return to_image(grey * torch.tensor(rgb).view(1, 3, 1, 1))


def test_real_network_lets_no_style_over_the_edge_of_a_hard_mask() -> None:
    network = load_network(Model.VGG19, StyleSettings().pooling)
    photo = to_image(fit(from_image(read_image(ROOT / "assets/photos/chelsea.jpg")).rgb, 96))
    row = bytes([255] * 3 * 48 + [0] * 3 * 48)
    left = Image(96, photo.height, PixelFormat.RGB_U8, row * photo.height)
    red, blue = in_shades_of((1, 0.25, 0.1)), in_shades_of((0.1, 0.25, 1))
    settings = StyleSettings(iterations=40, size=96)

    picture = stylize(network, photo, [Style(red, region=left), Style(blue)], settings)

    columns = from_image(picture).rgb[0].mean(dim=1)
    blueness = columns[2] / (columns[0] + columns[2])
    # The paintings' own colours have 0.09 and 0.91, the photo's about a half.
    assert blueness[:42].max() < 0.2
    assert blueness[54:].min() > 0.8


def test_painting_begun_from_the_preview_is_what_it_promised() -> None:
    network = load_network(Model.VGG19, StyleSettings().pooling)
    # The eyes of the cat: a strip takes a third of the time.
    original = fit(from_image(read_image(ROOT / "assets/photos/chelsea.jpg")).rgb, 288)[
        :, :, 50:146
    ]
    style = Style(read_image(ROOT / "assets/styles/auvers.jpg"))
    settings = StyleSettings(size=288)
    small = to_image(fit(original, DRAFT_PX))
    preview = stylize(network, small, [style], draft_settings(settings))

    beginning = Beginning(preview, DRAFT_PX)
    picture = stylize(network, to_image(original), [style], settings, begin_from=beginning)

    promised, painted = from_image(preview).rgb, from_image(picture).rgb
    assert composition_distance(promised, painted) < 0.045
    assert colour_distance(promised, fit(painted, DRAFT_PX)) < 0.01
    # The bounds are a small part of what painting changes.
    assert composition_distance(promised, original) > 0.1
    assert colour_distance(promised, fit(original, DRAFT_PX)) > 0.05


def composition_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Returns the root mean square difference of two pictures that are reduced to 32 pixels."""
    difference = fit(one, COMPOSITION_PX) - fit(other, COMPOSITION_PX)
    return difference.square().mean().sqrt().item()


def test_each_strength_is_visibly_more_style_and_less_photo_than_half_of_it() -> None:
    network = evaluation_network()
    photo = read_image(ROOT / "assets/photos/coffee.jpg")
    painting = read_image(ROOT / "assets/styles/harvesters.jpg")
    side_px = 80
    original, target = (fit(from_image(image).rgb, side_px) for image in (photo, painting))

    style, edges = [held_out_distance(network, original, target)], [1.0]
    for strength in (0.5, 1.0, 2.0):
        # Two scales, so that the first one tells how much content the pair needs at that strength.
        settings = StyleSettings(size=side_px, iterations=18, scales=2, style_strength=strength)
        picture = from_image(stylize(network, photo, [Style(painting)], settings)).rgb
        picture = fit(picture, side_px)
        style.append(held_out_distance(network, picture, target))
        edges.append(edge_similarity(picture, original))

    assert style == sorted(style, reverse=True)
    # As much of the photo goes from 1 to 2 as from 0 to 0.5 and from there to 1, or nearly.
    steps = [before - after for before, after in pairwise(edges)]
    assert min(steps) > 0.3 * max(steps), edges
