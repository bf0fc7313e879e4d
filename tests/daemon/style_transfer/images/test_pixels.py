import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image as PillowImage

from daemon.style_transfer.networks.tiny_network import random_image, random_rgb
from impasto_daemon.style_transfer.images.pixels import (
    from_image,
    repaint,
    resize,
)
from impasto_shared.image import Image, PixelFormat

reproducibly = settings(derandomize=True)
forms = st.sampled_from(PixelFormat)
sides = st.integers(1, 6)


def numbers_of(image: Image) -> NDArray[np.unsignedinteger]:
    """Returns the bits of every channel as an integer: (H, W, C)."""
    bits = np.frombuffer(image.pixels, dtype=f"<u{image.format.bytes_per_channel}")
    return bits.reshape(image.height, image.width, image.format.channels)


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Returns images of any format with colours in [0, 1] and any bits as alpha."""
    form, width, height = draw(forms), draw(sides), draw(sides)
    shape = (height, width, form.channels)
    pixels = draw(arrays(f"<u{form.bytes_per_channel}", shape))
    if form.bytes_per_channel == 4:
        colours = draw(arrays("<f4", (height, width, 3), elements=st.floats(0, 1, width=32)))
        pixels[:, :, :3] = colours.view("<u4")
    return Image(width, height, form, pixels.tobytes())


@reproducibly
@given(images())
def test_an_unchanged_image_keeps_every_bit(image: Image) -> None:
    again = repaint(image, from_image(image).rgb)

    assert (again.width, again.height, again.format) == (image.width, image.height, image.format)
    assert bytes(again.pixels) == bytes(image.pixels)


@reproducibly
@given(images(), st.integers(0, 99))
def test_repainting_keeps_every_bit_of_alpha(image: Image, seed: int) -> None:
    again = repaint(image, random_rgb(image.height, image.width, seed=seed))

    np.testing.assert_array_equal(numbers_of(again)[:, :, 3:], numbers_of(image)[:, :, 3:])


@reproducibly
@given(images())
def test_tensors_are_in_the_unit_range(image: Image) -> None:
    pixels = from_image(image)

    assert pixels.rgb.shape == (1, 3, image.height, image.width)
    assert pixels.rgb.dtype is torch.float32
    assert (pixels.alpha is not None) == image.format.has_alpha
    for tensor in filter(lambda tensor: tensor is not None, (pixels.rgb, pixels.alpha)):
        assert tensor is not None
        assert ((tensor >= 0) & (tensor <= 1)).all()


@pytest.mark.parametrize("form", [PixelFormat.RGB_U8, PixelFormat.RGB_U16])
def test_every_integer_is_preserved(form: PixelFormat) -> None:
    side = 2 ** (4 * form.bytes_per_channel)
    numbers = np.arange(side * side, dtype=f"<u{form.bytes_per_channel}")
    pixels = np.repeat(numbers, 3).tobytes()
    image = Image(side, side, form, pixels)

    assert bytes(repaint(image, from_image(image).rgb).pixels) == pixels


def test_channels_rows_and_columns_are_in_order() -> None:
    image = Image(2, 2, PixelFormat.RGBA_U8, bytes(range(0, 160, 10)))

    pixels = from_image(image)

    assert pixels.alpha is not None
    assert (pixels.rgb[0] * 255).round().tolist() == [
        [[0, 40], [80, 120]],
        [[10, 50], [90, 130]],
        [[20, 60], [100, 140]],
    ]
    assert (pixels.alpha[0, 0] * 255).round().tolist() == [[30, 70], [110, 150]]


def test_floats_that_are_no_colours_are_clamped() -> None:
    stored = np.array([np.nan, np.inf, -np.inf, -0.5, 1.5, 0.25], "<f4")
    image = Image(2, 1, PixelFormat.RGB_FLOAT, stored.tobytes())

    rgb = from_image(image).rgb

    assert rgb.permute(0, 2, 3, 1).flatten().tolist() == [0, 1, 0, 0, 1, 0.25]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (PixelFormat.RGB_U8, [0, 255, 0, 0, 255, 128]),
        (PixelFormat.RGB_U16, [0, 65535, 0, 0, 65535, 32768]),
        (PixelFormat.RGB_FLOAT, [0, 1, 0, 0, 1, 0.5]),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_repainting_clamps_and_rounds(
    form: PixelFormat, expected: list[float], dtype: torch.dtype
) -> None:
    painted = torch.tensor([np.nan, np.inf, -np.inf, -0.5, 1.5, 0.5], dtype=dtype)

    again = repaint(
        Image(2, 1, form, bytes(2 * form.bytes_per_pixel)),
        painted.view(1, 1, 2, 3).permute(0, 3, 1, 2).requires_grad_(),
    )

    kind = "<f4" if form is PixelFormat.RGB_FLOAT else f"<u{form.bytes_per_channel}"
    assert np.frombuffer(again.pixels, kind).tolist() == expected


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 4, 4, 5), (1, 3, 5, 4), (2, 3, 4, 5)])
def test_repainting_in_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    image = random_image(5, 4, PixelFormat.RGB_U8, seed=0)

    with pytest.raises(ValueError, match="the image is 5 × 4 pixels"):
        repaint(image, torch.zeros(shape))


def test_image_in_borrowed_memory_is_left_alone() -> None:
    memory = bytearray(random_image(3, 2, PixelFormat.RGBA_FLOAT, seed=1).pixels)
    before = bytes(memory)
    image = Image(3, 2, PixelFormat.RGBA_FLOAT, memoryview(memory))

    from_image(image).rgb.zero_()
    repaint(image, torch.ones(1, 3, 2, 3))

    assert bytes(memory) == before


def test_picture_of_the_right_size_is_not_resized() -> None:
    rgb = random_rgb(7, 5, seed=8)

    assert torch.equal(resize(rgb, 7, 5), rgb)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 9), (7, 2), (20, 30)])
def test_plain_colour_stays_as_it_is_at_every_size(height: int, width: int) -> None:
    plain = torch.tensor([0.0, 0.3, 1.0]).view(1, 3, 1, 1)

    resized = resize(plain.expand(1, 3, 7, 5), height, width)

    torch.testing.assert_close(resized, plain.expand(1, 3, height, width))


@pytest.mark.parametrize(("height", "width"), [(9, 9), (16, 21), (33, 44)])
def test_edges_do_not_overshoot(height: int, width: int) -> None:
    black_and_white = torch.zeros(1, 3, 16, 16)
    black_and_white[..., 8:] = 1

    resized = resize(black_and_white, height, width)

    assert (resized.min().item(), resized.max().item()) == (0, 1)


def test_half_of_a_ramp_is_the_mean_of_its_pairs() -> None:
    ramp = torch.linspace(0, 1, 32, dtype=torch.float64).expand(1, 3, 32, 32)

    halved = resize(ramp, 16, 16)

    pairs = ramp.view(1, 3, 16, 2, 16, 2).mean(dim=(3, 5))
    torch.testing.assert_close(halved[..., 2:-2], pairs[..., 2:-2])


@pytest.mark.parametrize(("height", "width"), [(6, 8), (5, 23), (24, 9), (30, 40)])
def test_resizing_is_pillows_bicubic_filter(height: int, width: int) -> None:
    rgb = 0.3 + 0.4 * random_rgb(12, 16, seed=10, dtype=torch.float32)

    resized = resize(rgb, height, width)

    for channel in range(3):
        picture = PillowImage.fromarray(rgb[0, channel].numpy())
        expected = picture.resize((width, height), PillowImage.Resampling.BICUBIC)
        np.testing.assert_allclose(resized[0, channel], np.asarray(expected), atol=1e-5)
