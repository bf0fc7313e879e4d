import traceback
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from daemon.style_transfer.networks.tiny_network import (
    TINY_BLOCKS,
    random_image,
    random_rgb,
    tiny_convolutions,
    tiny_vgg,
)
from daemon.style_transfer.reading import features
from impasto_daemon.style_transfer.images import colours
from impasto_daemon.style_transfer.images.guided_upsampling import GuidedUpsampler
from impasto_daemon.style_transfer.images.pixels import fit, from_image, repaint, resize, to_image
from impasto_daemon.style_transfer.images.regions import Region
from impasto_daemon.style_transfer.losses.moments import precise
from impasto_daemon.style_transfer.losses.style_losses import RelativeError
from impasto_daemon.style_transfer.networks.network import MIN_SIDE_PX
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.optimize import Optimisation, Result
from impasto_daemon.style_transfer.paint_scale import pad_to_min
from impasto_daemon.style_transfer.stylize import Step, stylize
from impasto_shared.beginning import Beginning
from impasto_shared.image import Image, PixelFormat
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import Colours, Mode, Pooling, Quality, Start, StyleSettings
from impasto_shared.style import Style

STYLE_LAYERS = parse_layer_weights(StyleSettings().style_layers)
NETWORK = tiny_vgg(dtype=torch.float32)
PAINTING = random_image(40, 56, PixelFormat.RGB_U8, seed=1)
QUICK = StyleSettings(iterations=3, size=32)


def alpha_of(image: Image) -> NDArray[np.uint8]:
    """Returns the bytes of the fourth channel, if there is one."""
    shape = (image.height, image.width, image.format.channels, image.format.bytes_per_channel)
    return np.frombuffer(image.pixels, np.uint8).reshape(shape)[:, :, 3:]


def test_few_definitions_lie_between_stylize_and_the_gram_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths: list[list[str]] = []

    def recorded(positions: torch.Tensor) -> torch.Tensor:
        frames = traceback.extract_stack()
        engine = [
            frame.name
            for frame in frames
            if "impasto_daemon/style_transfer" in frame.filename and not frame.name.startswith("<")
        ]
        paths.append(engine[engine.index("stylize") :])
        return precise(positions)

    monkeypatch.setattr("impasto_daemon.style_transfer.losses.moments.precise", recorded)

    stylize(NETWORK, random_image(40, 40, PixelFormat.RGB_U8, seed=2), [Style(PAINTING)], QUICK)

    evaluations = [path for path in paths if "loss_and_gradient" in path and path[-1] == "forward"]
    assert evaluations
    longest = max(evaluations, key=len)
    assert len(longest) <= 12, longest


@pytest.mark.parametrize("form", PixelFormat)
@pytest.mark.parametrize(("width", "height"), [(45, 37), (1, 1), (3, 50)])
def test_picture_keeps_size_format_and_alpha(form: PixelFormat, width: int, height: int) -> None:
    photo = random_image(width, height, form, seed=2)

    picture = stylize(NETWORK, photo, [Style(PAINTING)], QUICK)

    assert (picture.width, picture.height, picture.format) == (width, height, form)
    np.testing.assert_array_equal(alpha_of(picture), alpha_of(photo))
    assert bytes(picture.pixels) != bytes(photo.pixels)


@pytest.mark.parametrize("form", PixelFormat)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 50), (90, 20)])
def test_painting_may_have_any_size_and_format(form: PixelFormat, width: int, height: int) -> None:
    photo = random_image(40, 40, PixelFormat.RGB_U8, seed=3)

    picture = stylize(NETWORK, photo, [Style(random_image(width, height, form, seed=4))], QUICK)

    assert bytes(picture.pixels) != bytes(photo.pixels)


@pytest.mark.parametrize("form", PixelFormat)
def test_photo_without_style_or_smoothness_stays_as_it_is(form: PixelFormat) -> None:
    opaque = random_image(36, 44, form, seed=5)
    numbers = np.frombuffer(opaque.pixels, f"<u{form.bytes_per_channel}").copy()
    if form.has_alpha:
        numbers[3::4] = {1: 255, 2: 65535, 4: 0x3F800000}[form.bytes_per_channel]
    photo = Image(36, 44, form, numbers.tobytes())
    settings = StyleSettings(style_strength=0, smoothness=0, iterations=5)

    picture = stylize(NETWORK, photo, [Style(PAINTING)], settings)

    assert bytes(picture.pixels) == bytes(photo.pixels)


def test_picture_is_painted_at_the_size_asked_for() -> None:
    photo = random_image(96, 64, PixelFormat.RGB_U8, seed=6)
    settings = StyleSettings(style_strength=0, smoothness=0, iterations=2, size=48)

    picture = stylize(NETWORK, photo, [Style(PAINTING)], settings)

    small = resize(from_image(photo).rgb, 32, 48)
    enlarged = GuidedUpsampler(small, small, 64, 96).rows(from_image(photo).rgb, slice(0, 64))
    assert bytes(picture.pixels) == bytes(repaint(photo, enlarged).pixels)


def test_texture_takes_no_edges_from_the_photo() -> None:
    photo = random_image(96, 64, PixelFormat.RGB_U8, seed=6)
    other = random_image(96, 64, PixelFormat.RGB_U8, seed=16)
    settings = StyleSettings(mode=Mode.TEXTURE, iterations=2, size=48)

    first, second = (stylize(NETWORK, one, [Style(PAINTING)], settings) for one in (photo, other))

    assert bytes(first.pixels) == bytes(second.pixels)


def test_nothing_is_scaled_up_to_the_size_asked_for() -> None:
    photo = random_image(50, 40, PixelFormat.RGB_U8, seed=7)

    at_its_size, at_any = (
        stylize(NETWORK, photo, [Style(PAINTING)], StyleSettings(iterations=5, size=size))
        for size in (50, 16_384)
    )

    assert bytes(at_its_size.pixels) == bytes(at_any.pixels)


@pytest.mark.parametrize("start", Start)
def test_same_images_and_settings_give_the_same_bytes(start: Start) -> None:
    photo = random_image(40, 33, PixelFormat.RGBA_U16, seed=8)
    settings = StyleSettings(start=start, iterations=8, seed=5)

    first, second = (stylize(NETWORK, photo, [Style(PAINTING)], settings) for _ in range(2))

    assert bytes(first.pixels) == bytes(second.pixels)


def test_hidden_colours_change_nothing_that_is_seen() -> None:
    visible = random_image(40, 40, PixelFormat.RGBA_U8, seed=9)
    pixels = np.frombuffer(visible.pixels, np.uint8).reshape(40, 40, 4).copy()
    pixels[:20, :, 3] = 0
    first = Image(40, 40, PixelFormat.RGBA_U8, pixels.tobytes())
    pixels[:20, :, :3] = 255 - pixels[:20, :, :3]
    second = Image(40, 40, PixelFormat.RGBA_U8, pixels.tobytes())

    pictures = [stylize(NETWORK, photo, [Style(photo)], QUICK) for photo in (first, second)]

    assert bytes(pictures[0].pixels) == bytes(pictures[1].pixels)


def test_steps_are_told_and_stopping_gives_what_there_is() -> None:
    photo = random_image(40, 33, PixelFormat.RGB_U8, seed=10)
    steps: list[Step] = []

    picture = stylize(
        NETWORK,
        photo,
        [Style(PAINTING)],
        StyleSettings(iterations=10_000),
        on_step=steps.append,
        should_stop=lambda: len(steps) == 4,
    )

    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert (picture.width, picture.height) == (40, 33)
    assert bytes(picture.pixels) != bytes(photo.pixels)


def test_work_done_grows_to_all_of_it_over_every_scale() -> None:
    photo = random_image(300, 60, PixelFormat.RGB_U8, seed=14)
    steps: list[Step] = []

    stylize(NETWORK, photo, [Style(PAINTING)], StyleSettings(iterations=9), on_step=steps.append)

    assert [step.step for step in steps] == list(range(1, 10))
    assert {step.steps for step in steps} == {9}
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)
    # The later evaluations, at the finer scale, are the greater part of the work.
    assert done[4] < 5 / 9


def test_coarse_scales_come_first() -> None:
    photo = random_image(300, 60, PixelFormat.RGB_U8, seed=14)
    settings = StyleSettings(style_strength=0, smoothness=0, iterations=2)

    picture = stylize(NETWORK, photo, [Style(PAINTING)], settings)

    # One evaluation at each of two scales: nothing but what the coarse one has left over.
    rgb = from_image(photo).rgb
    coarse = resize(resize(rgb, 36, 181), 60, 300)
    assert bytes(picture.pixels) == bytes(repaint(photo, coarse).pixels)


@pytest.mark.parametrize("size", [32, 47, 100])
def test_colours_are_matched_to_a_painting_of_which_a_part_counts(size: int) -> None:
    photo = random_image(80, 61, PixelFormat.RGB_U8, seed=12)
    painting = random_image(91, 70, PixelFormat.RGB_U8, seed=13)
    part = Image(91, 70, PixelFormat.RGB_U8, (bytes([255]) * 150 + bytes(123)) * 70)
    settings = StyleSettings(size=size, iterations=2, colours=Colours.MATCHED, style_scale=0.7)

    some, whole = (
        stylize(NETWORK, photo, [Style(painting, part=chosen)], settings) for chosen in (part, None)
    )

    assert bytes(some.pixels) != bytes(whole.pixels)


@pytest.mark.parametrize(
    ("style_scale", "painting_size"),
    [
        (0.5, (42, 50)),
        (2.0, (167, 200)),
        (4.0, (333, 400)),
    ],
)
def test_stroke_size_is_the_size_of_the_painting(
    monkeypatch: pytest.MonkeyPatch, style_scale: float, painting_size: tuple[int, int]
) -> None:
    sizes: list[torch.Size] = []

    def run(
        _: Optimisation, photo: torch.Tensor, regions: list[Region], *__: Any, **___: Any
    ) -> Result:
        sizes.append(regions[0].paintings[0].rgb.shape)
        return Result(photo, stopped=False)

    monkeypatch.setattr(Optimisation, "run", run)
    photo = random_image(100, 70, PixelFormat.RGB_U8, seed=16)
    painting = random_image(300, 250, PixelFormat.RGB_U8, seed=17)

    stylize(NETWORK, photo, [Style(painting)], StyleSettings(style_scale=style_scale, iterations=1))

    assert sizes == [(1, 3, *painting_size)]


def test_colours_of_the_photo_are_kept_but_for_light_and_dark() -> None:
    photo = random_image(40, 40, PixelFormat.RGB_FLOAT, seed=15)
    settings = StyleSettings(iterations=5, colours=Colours.PHOTO)

    picture = stylize(NETWORK, photo, [Style(PAINTING)], settings)

    change = from_image(picture).rgb - from_image(photo).rgb
    in_range = ((from_image(picture).rgb > 0) & (from_image(picture).rgb < 1)).all(dim=1)
    assert in_range.sum() > 100
    spread = (change.amax(dim=1) - change.amin(dim=1))[in_range]
    assert spread.max() < 1e-5
    assert change.abs().max() > 0.01


@pytest.mark.parametrize(
    ("shape", "side_px", "expected"),
    [
        ((100, 200), 50, (25, 50)),
        ((200, 100), 50, (50, 25)),
        ((100, 200), 200, (100, 200)),
        ((100, 200), 500, (100, 200)),
        ((1, 200), 32, (1, 32)),
    ],
)
def test_longest_side_is_fitted(
    shape: tuple[int, int], side_px: int, expected: tuple[int, int]
) -> None:
    assert fit(random_rgb(*shape, seed=11), side_px).shape == (1, 3, *expected)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 50), (50, 31), (32, 32), (40, 60)])
def test_small_picture_is_filled_up_with_its_last_row_and_column(height: int, width: int) -> None:
    rgb = random_rgb(height, width, seed=12)

    padded = pad_to_min(rgb)

    assert padded.shape == (1, 3, max(height, MIN_SIDE_PX), max(width, MIN_SIDE_PX))
    assert torch.equal(padded[:, :, :height, :width], rgb)
    assert torch.equal(padded[:, :, -1, :width], rgb[:, :, -1])
    assert torch.equal(padded[:, :, :height, -1], rgb[:, :, :, -1])


def plain(red: int, green: int, blue: int) -> Image:
    return Image(40, 40, PixelFormat.RGB_U8, bytes([red, green, blue]) * 1600)


def test_texture_depends_on_the_photos_size_alone() -> None:
    settings = StyleSettings(mode=Mode.TEXTURE, iterations=4, colours=Colours.PHOTO)
    photos = [plain(0, 0, 0), random_image(40, 40, PixelFormat.RGB_U8, seed=20)]

    first, second = (stylize(NETWORK, photo, [Style(PAINTING)], settings) for photo in photos)

    assert bytes(first.pixels) == bytes(second.pixels)


def test_content_depends_on_the_photo_alone() -> None:
    settings = StyleSettings(mode=Mode.CONTENT, iterations=30)
    photo = random_image(40, 40, PixelFormat.RGB_U8, seed=21)

    alone = stylize(NETWORK, photo, [], settings)
    other = stylize(NETWORK, photo, [Style(PAINTING)], settings)

    assert bytes(alone.pixels) == bytes(other.pixels)
    # It begins with noise and comes nearer.
    noise = stylize(NETWORK, photo, [], replace(settings, iterations=1))
    assert error_of(alone, photo) < error_of(noise, photo)


def error_of(picture: Image, photo: Image) -> float:
    layers = ["relu4_2"]
    actual, target = (
        features(NETWORK, from_image(image).rgb, layers)["relu4_2"] for image in (picture, photo)
    )
    return RelativeError(target)(actual).item()


def test_region_takes_its_own_style() -> None:
    photo = random_image(64, 64, PixelFormat.RGB_U8, seed=22)
    left = Image(64, 64, PixelFormat.RGB_U8, (bytes([255]) * 96 + bytes(96)) * 64)
    settings = StyleSettings(iterations=40, size=64, style_strength=10)

    picture = stylize(
        NETWORK,
        photo,
        [Style(plain(220, 30, 30), region=left), Style(plain(30, 30, 220))],
        settings,
    )

    rgb = from_image(picture).rgb[0]
    more_red = rgb[0] - rgb[2]
    assert more_red[:, :30].mean() > 0.2
    assert more_red[:, 34:].mean() < -0.2


@pytest.mark.parametrize("form", [PixelFormat.RGB_U16, PixelFormat.RGBA_U8])
@pytest.mark.parametrize("colours", Colours)
def test_preview_is_what_the_picture_would_be(form: PixelFormat, colours: Colours) -> None:
    photo = random_image(48, 36, form, seed=30)
    settings = StyleSettings(size=48, iterations=3, colours=colours)
    previews: list[Image] = []

    picture = stylize(
        NETWORK,
        photo,
        [Style(PAINTING)],
        settings,
        on_step=lambda step: previews.append(step.preview(48)),
    )

    last = previews[-1]
    assert last.format is (PixelFormat.RGBA_U8 if form.has_alpha else PixelFormat.RGB_U8)
    preview, final = from_image(last), from_image(picture)
    opaque = torch.ones_like(preview.rgb, dtype=torch.bool)
    if preview.alpha is not None and final.alpha is not None:
        assert torch.equal(preview.alpha, final.alpha)
        opaque = (preview.alpha > 0.5).expand_as(preview.rgb)
    # Hidden colours may differ where the photo's luminance is brought back.
    assert (preview.rgb - final.rgb)[opaque].abs().max() < 1.1 / 255
    assert bytes(previews[0].pixels) != bytes(last.pixels)


def test_preview_is_never_larger_than_asked_for() -> None:
    photo = random_image(300, 100, PixelFormat.RGB_U8, seed=31)
    sizes: list[tuple[int, int]] = []

    def look(step: Step) -> None:
        for side_px in (60, 1000):
            preview = step.preview(side_px)
            sizes.append((preview.width, preview.height))

    stylize(NETWORK, photo, [Style(PAINTING)], StyleSettings(size=64, iterations=1), on_step=look)

    assert sizes == [(60, 20), (300, 100)]


class ForgetfulVGG(VGG):
    """A VGG that runs out of memory once, in its fourth evaluation of a whole image."""

    evaluations = 0

    def normalised(self, image: torch.Tensor) -> torch.Tensor:
        if image.requires_grad:
            self.evaluations += 1
            if self.evaluations == 4:
                raise MemoryError("too little")
        return super().normalised(image)


def test_steps_of_a_scale_start_again_after_running_out_of_memory() -> None:
    network = ForgetfulVGG(tiny_convolutions(torch.float32), TINY_BLOCKS, pooling=Pooling.MAX)
    steps: list[Step] = []

    stylize(
        network,
        random_image(64, 48, PixelFormat.RGB_U8, seed=31),
        [Style(PAINTING)],
        StyleSettings(iterations=6, size=64, scales=1),
        on_step=steps.append,
    )

    assert [step.step for step in steps] == [1, 2, 3, 1, 2, 3, 4, 5, 6]
    assert {step.steps for step in steps} == {6}
    assert [step.done for step in steps[:3]] == [step.done for step in steps[3:6]]
    assert steps[-1].done == 1


def mean_difference(one: Image, other: Image) -> float:
    first, second = (from_image(image).rgb for image in (one, other))
    return (first - second).abs().mean().item()


@pytest.mark.parametrize("changes", [{}, {"tileable": True}, {"style_strength": 0.5}])
def test_picture_begins_from_an_earlier_one_in_place_of_the_start(changes: dict[str, Any]) -> None:
    photo = random_image(48, 32, PixelFormat.RGB_U8, seed=2)
    earlier = random_image(24, 16, PixelFormat.RGB_U8, seed=3)
    settings = StyleSettings(size=48, iterations=1, start=Start.NOISE, **changes)
    beginning = Beginning(earlier, 32)

    continued = stylize(NETWORK, photo, [Style(PAINTING)], settings, begin_from=beginning)
    fresh = stylize(NETWORK, photo, [Style(PAINTING)], settings)

    enlarged = to_image(resize(from_image(earlier).rgb, 32, 48), None)
    assert mean_difference(continued, enlarged) < mean_difference(fresh, enlarged) / 2


def test_picture_to_begin_from_is_grey_where_the_photo_gives_the_colours() -> None:
    photo = random_image(48, 32, PixelFormat.RGBA_U8, seed=2)
    settings = StyleSettings(size=48, iterations=1, colours=Colours.PHOTO)
    coloured = random_image(48, 32, PixelFormat.RGBA_U8, seed=3)
    rgb = colours.grey(from_image(coloured).rgb)
    grey = to_image(rgb, from_image(coloured).alpha)

    pictures = [
        stylize(NETWORK, photo, [Style(PAINTING)], settings, begin_from=Beginning(earlier, 32))
        for earlier in (coloured, grey)
    ]

    assert mean_difference(*pictures) < 0.02


def test_painted_frame_is_moved_to_where_its_subject_is_now() -> None:
    film = random_image(56, 32, PixelFormat.RGB_U8, seed=2)
    rows = np.frombuffer(film.pixels, np.uint8).reshape(32, 56, 3)
    blotches = np.repeat(np.repeat(rows[::4, ::4], 4, axis=0), 4, axis=1)

    def frame(left: int) -> Image:
        return Image(48, 32, PixelFormat.RGB_U8, blotches[:, left : left + 48].tobytes())

    settings = StyleSettings(size=48, iterations=1)
    # The frames are their own paintings.
    beginning = Beginning(frame(0), 48, photo=frame(0))
    still = Beginning(frame(0), 48)

    followed, stayed = (
        stylize(NETWORK, frame(3), [Style(PAINTING)], settings, begin_from=each)
        for each in (beginning, still)
    )

    assert mean_difference(followed, frame(3)) < mean_difference(stayed, frame(3)) / 2


def test_picture_to_begin_from_tells_how_much_content_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo = random_image(300, 200, PixelFormat.RGB_U8, seed=2)
    beginning = Beginning(random_image(240, 160, PixelFormat.RGB_U8, seed=3), 240)
    events: list[object] = []

    def factor(_network: object, _photo: object, painted: torch.Tensor, *_: object) -> float:
        events.append(tuple(painted.shape[2:]))
        return 2.0

    monkeypatch.setattr("impasto_daemon.style_transfer.optimize.content_factor", factor)
    settings = StyleSettings(size=300, iterations=1)
    stylize(
        *(NETWORK, photo, [Style(PAINTING)], settings),
        begin_from=beginning,
        on_step=lambda step: events.append(step.step),
    )

    assert events == [(121, 181), 1]


def test_frame_keeps_the_paint_of_the_one_before_where_it_is_trusted() -> None:
    photo = random_image(48, 32, PixelFormat.RGB_U8, seed=2)
    earlier = random_image(48, 32, PixelFormat.RGB_U8, seed=3)
    left_half = bytes([255] * 24 * 3 + [0] * 24 * 3) * 32
    trust = Image(48, 32, PixelFormat.RGB_U8, left_half)
    settings = StyleSettings(size=48, iterations=20)

    def painted(beginning: Beginning) -> torch.Tensor:
        image = stylize(NETWORK, photo, [Style(PAINTING)], settings, begin_from=beginning)
        return from_image(image).rgb

    before = from_image(earlier).rgb
    kept, free = painted(Beginning(earlier, 48, trust)), painted(Beginning(earlier, 48))

    def change(frame: torch.Tensor, half: slice) -> float:
        return (frame - before)[:, :, :, half].square().mean().item()

    left, right = slice(0, 20), slice(28, 48)
    assert change(kept, left) < change(free, left) / 9
    # Nothing holds the rest.
    assert change(kept, right) > change(free, right) / 2


def test_frame_that_keeps_paint_costs_less() -> None:
    photo = random_image(48, 32, PixelFormat.RGB_U8, seed=2)
    white = Image(48, 32, PixelFormat.RGB_U8, bytes([255]) * 48 * 32 * 3)

    def steps(trust: Image | None, iterations: int = 0) -> int:
        counted: set[int] = set()
        settings = StyleSettings(size=48, quality=Quality.DRAFT, iterations=iterations)
        stylize(
            *(NETWORK, photo, [Style(PAINTING)], settings),
            begin_from=Beginning(photo, 48, trust),
            on_step=lambda step: counted.add(step.steps),
        )
        (count,) = counted
        return count

    assert 0.5 < steps(white) / steps(None) < 0.7
    assert steps(white, iterations=10) == 10


def test_mask_of_another_scale_is_reduced_with_its_frame() -> None:
    photo = random_image(96, 64, PixelFormat.RGB_U8, seed=2)
    earlier = random_image(96, 64, PixelFormat.RGB_U8, seed=3)
    white = Image(96, 64, PixelFormat.RGB_U8, bytes([255]) * (96 * 64 * 3))
    settings = StyleSettings(size=48, iterations=5)

    image = stylize(
        *(NETWORK, photo, [Style(PAINTING)], settings), begin_from=Beginning(earlier, 48, white)
    )

    assert (image.width, image.height) == (96, 64)
