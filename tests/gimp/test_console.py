"""The procedure without a screen, in a real GIMP. batch.py says what each situation is."""

from __future__ import annotations

import json
import re
import shutil
from itertools import combinations
from typing import Any

import pytest

from gimp.conftest import prepared_home
from gimp.gimps import HERE, Home
from gimp.scripted_daemon import MODELS
from impasto_gimp.translation import american
from impasto_shared.explore.experiments import all_sheets
from impasto_shared.schema import IntegerSetting, NumberSetting
from impasto_shared.settings import SETTINGS

# On a machine that does other work, too.
BATCH_PATIENCE_S = 900

pytestmark = [pytest.mark.gimp, pytest.mark.timeout(BATCH_PATIENCE_S)]

Report = dict[str, Any]

# How far a painting may be from the inverted source: a step of what crosses the wire or of what
# the image can hold, whichever is coarser; a step of linear light is many of sRGB in the dark.
TOLERANCE = {
    "U8_NON_LINEAR": 1e-6,
    "U16_LINEAR": 13 / 65_535,
    "U16_NON_LINEAR": 1e-6,
    "U16_PERCEPTUAL": 1 / 65_535,
    "U32_NON_LINEAR": 1e-6,
    "HALF_NON_LINEAR": 1 / 2_048,
    "FLOAT_LINEAR": 1e-5,
    "FLOAT_NON_LINEAR": 1e-6,
    "DOUBLE_LINEAR": 1e-5,
}
# Another profile's steps are not sRGB's: half a step of a bright green is several of a dark red.
WIDE_GAMUT_TOLERANCE = {
    "wide_gamut_U8_NON_LINEAR": 6 / 255,
    "wide_gamut_U16_NON_LINEAR": 30 / 65_535,
    "wide_gamut_FLOAT_LINEAR": 1e-4,
}

SELECTED = ["selection_of_a_part", "selection_of_a_small_layer", "selection_of_a_large_layer"]

FILTERED = [
    "filtered_8_bits",
    "filtered_16_bits",
    "filtered_float",
    "filtered_larger_than_the_image",
    "filtered_group",
]

WORKING = [
    "filter_that_enlarges",
    "filter_that_is_off",
    "daemon_is_started",
    "alpha",
    "one_pixel",
    "tall",
    "gray",
    "gray_alpha",
    "larger_than_the_image",
    "text_layer",
    "link_layer",
    "vector_layer",
    "offset",
    *SELECTED,
    "channel_of_the_only_layer",
    "inside_a_group",
    "a_group",
    "style_with_layers",
    "style_of_a_layer",
    *(f"precision_{precision}" for precision in TOLERANCE),
    *WIDE_GAMUT_TOLERANCE,
]

FAILING = {
    "no_style": "No style image is chosen",
    "style_absent.png": "absent.png does not exist",
    "style_folder": "folder is a folder",
    "style_text.png": "text.png could not be opened",
    "style_empty.png": "empty.png is empty",
    "style_huge.png": "huge.png has 60000 × 60000 pixels",
    "style_header_only.png": "header_only.png could not be opened",
    "indexed": "Image > Mode > RGB",
    "texture_too_large": "at most 100 megapixels",
    "texture_without_a_style": "No style image is chosen",
    "texture_of_an_indexed_image": "Image > Mode > RGB",
    "explore_without_a_style": "No style image is chosen",
    "explore_at_an_impossible_size": "Size must lie between 32 and 16384; got 5",
    "again_from_a_photo": "was not painted by Neural Style",
    "larger_from_a_photo": "was not painted by Neural Style",
    "larger_at_the_same_size": "was painted at 32 px already. Choose a larger size: 60.",
    "larger_at_full_size": "was painted at 60 px, and has no more than 60",
    "larger_after_scaling": "no longer fits “Photo”",
    "again_without_the_source": "no longer in this image",
    "again_without_the_style_layer": "is not in any open image",
    "again_without_the_region": "The region “Sky” is no longer in this image",
    "region_of_another_image": "does not belong to the image of the layer “Photo”",
    "region_is_an_empty_selection": "nothing is selected",
    "selection_elsewhere": "The selection does not touch the layer",
    "layer_mask": "the layer mask “Photo mask” is selected",
    "empty_group": "The layer group “Empty” has no layers",
    "group_of_an_empty_group": "The layer group “Outer” has no layers",
    "style_layer_is_an_empty_group": "The layer group “Outer” has no layers",
    "channel": "the channel “Red” is selected",
    "floating_selection": "Layer > To New Layer",
    "layer_and_channel": "the channel “Red” is selected",
    "layers_one_outside_the_selection": "The selection does not touch the layer",
    "animation_of_one_layer": "this image has no two layers to paint",
    "animation_without_opencv": "it lacks OpenCV, or is older than this plug-in",
    "animation_of_a_job_that_fails": "There is not enough memory for it.",
    "job_is_refused": "The queue is full. Try again later.",
    "job_fails": "There is not enough memory for it.",
    "job_is_cancelled": "was cancelled",
    "painting_has_another_size": "painted 1 × 1 pixels instead of 9 × 9",
    "daemon_is_killed": "stopped answering in the middle of the job",
    "daemon_cannot_be_started": "Run ./install.sh demo",
    "daemon_ends_at_once": "no room for the daemon",
    "daemon_needs_pyzmq": "tcp://127.0.0.1:5570 can be reached with pyzmq only",
}

MEANWHILE = {
    "layer_is_deleted_meanwhile": "was deleted",
    "image_is_deleted_meanwhile": "was deleted",
    "layer_is_resized_meanwhile": "was resized",
    "layer_is_mirrored_meanwhile": "was turned or mirrored",
    "image_is_turned_meanwhile": "was turned or mirrored",
    "image_becomes_indexed_meanwhile": "Image > Mode > RGB",
}


@pytest.fixture(scope="module")
def report(home: Home) -> Report:
    """The report of batch.py from one version of GIMP."""
    with prepared_home(home.gimp) as batch_home:
        shutil.copy(HERE / "batch.py", batch_home.folder)
        written = batch_home.folder / "report.json"
        batch_home.run(
            f"gimp-console-{home.gimp.version}",
            "-i",
            "--quit",
            *batch_home.batch(f"import batch; batch.main({str(written)!r})"),
        )
        answer: Report = json.loads(written.read_text())
        return answer


def situation(report: Report, name: str) -> Report:
    outcome: Report = report[name]
    assert "traceback" not in outcome, outcome["traceback"]
    return outcome


def test_procedure_is_in_the_menu_of_artistic_filters(report: Report) -> None:
    procedure = situation(report, "procedure")

    assert procedure["label"] == "_Neural Style…"
    assert procedure["paths"] == ["<Image>/Filters/Artistic"]


def test_every_setting_is_an_argument_with_its_help_range_and_default(report: Report) -> None:
    arguments = situation(report, "procedure")["arguments"]

    settings = [name for name in arguments if not re.match(r"style-[2-4]", name)]
    assert settings == [
        *("style", "style-layer", "style-weight", "style-region", "style-outside"),
        *(setting.name.replace("_", "-") for setting in SETTINGS),
    ]
    for setting in SETTINGS:
        argument = arguments[setting.name.replace("_", "-")]
        assert argument["help"] == american(setting.help)
        assert argument["default"] == setting.default
        if isinstance(setting, NumberSetting | IntegerSetting):
            assert argument["range"] == [setting.low, setting.high]


def test_layers_in_groups_can_be_chosen_too(report: Report) -> None:
    assert situation(report, "layers_in_groups")["names"] == ["Top", "Group", "Photo"]


def test_empty_groups_are_neither_painted_nor_frames(report: Report) -> None:
    others = situation(report, "layers_around_an_empty_group")

    assert others == {"shown": "Photo", "frames": 2}


TEXTURES = {
    "texture_of_8_bits": 4,
    "texture_of_16_bits": 4,
    "texture_of_floats": 4,
    "texture_in_gray": 4,
    "texture_inside_a_group": 3,
    "texture_in_an_empty_image": 1,
}


@pytest.mark.parametrize("name", TEXTURES)
def test_texture_is_a_new_layer_of_the_size_asked_for(report: Report, name: str) -> None:
    texture = situation(report, name)

    assert texture["succeeded"], texture["message"]
    assert texture["layers"] == TEXTURES[name]
    assert texture["name"] == "Texture (style)"
    assert (texture["size"], texture["offsets"]) == ([70, 50], [0, 0])
    assert not texture["has_alpha"]
    assert texture["is_white"]
    assert texture["dirty"]


# The size of the pictures.
EXPLORED = {
    "explore_content": [96, 64],
    "explore_pooling": [48, 64],
    "explore_backbones": [60, 40],
}


@pytest.mark.parametrize("name", EXPLORED)
def test_explore_makes_an_image_with_a_layer_for_each_picture(report: Report, name: str) -> None:
    explored = situation(report, name)
    sheet_image = explored["sheet"]
    (sheet,) = (one for one in all_sheets(is_quick=True) if name.endswith(one.name))

    assert explored["succeeded"], explored["message"]
    assert explored["untouched"]
    assert explored["images_left_open"] == 1
    painted = [
        ", ".join(filter(None, (row.caption, tile.caption)))
        for row in sheet.rows
        for tile in row.tiles
        if tile.settings.model in MODELS
    ]
    originals = ["Photo"] if name == "explore_content" else ["Photo", "Painting"]
    assert list(sheet_image["pictures"]) == [*originals, *painted]
    assert sheet_image["groups"] == [row.caption for row in sheet.rows if row.caption]
    assert [box[2:] for caption, box in sheet_image["pictures"].items() if caption in painted] == [
        EXPLORED[name] for _ in painted
    ]
    assert sheet_image["can_be_undone"]
    assert sheet_image["must_be_saved"]


@pytest.mark.parametrize("name", EXPLORED)
def test_explore_shows_what_the_daemon_painted_of_the_layer(report: Report, name: str) -> None:
    sheet_image = situation(report, name)["sheet"]
    originals = 1 if name == "explore_content" else 2
    photo, *pictures = sheet_image["first_pixels"][:1] + sheet_image["first_pixels"][originals:]

    assert pictures
    assert all(picture == [255 - value for value in photo] for picture in pictures)


@pytest.mark.parametrize("name", EXPLORED)
def test_explore_has_room_for_every_picture_and_caption(report: Report, name: str) -> None:
    sheet_image = situation(report, name)["sheet"]
    boxes = [*sheet_image["pictures"].values(), *sheet_image["captions"]]

    assert sheet_image["paper"] == [[0, 0, *sheet_image["size"]], [255, 255, 255]]
    for left, top, width, height in boxes:
        assert left > 0
        assert top > 0
        assert left + width < sheet_image["size"][0]
        assert top + height < sheet_image["size"][1]
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]


def overlap(first: list[int], second: list[int]) -> bool:
    return all(
        first[side] < second[side] + second[side + 2]
        and second[side] < first[side] + first[side + 2]
        for side in (0, 1)
    )


def test_explore_says_below_each_picture_what_it_is(report: Report) -> None:
    sheet_image = situation(report, "explore_content")["sheet"]
    below = {
        text: [
            name
            for name, (left, top, _, height) in sheet_image["pictures"].items()
            if left == caption[0] and 0 <= caption[1] - top - height < 20
        ]
        for text, caption in zip(sheet_image["texts"], sheet_image["captions"], strict=True)
    }

    assert sheet_image["texts"][0] == "What each network layer remembers of the photo"
    assert {text: names for text, names in below.items() if names} == {
        name: [name] for name in sheet_image["pictures"]
    }


def test_explore_says_which_network_is_left_out(report: Report) -> None:
    texts = situation(report, "explore_backbones")["sheet"]["texts"]

    left_out = [text.replace("\n", " ") for text in texts if text.startswith("Left out")]
    assert left_out[0] == (
        "Left out: The network vgg19-torchvision is not on the daemon's machine. To download it "
        "there, run: impasto weights fetch vgg19-torchvision"
    )
    assert len(left_out) > 1
    assert "VGG-19" in texts
    assert "VGG-19 (torchvision)" not in texts


@pytest.mark.parametrize("name", WORKING)
def test_painting_is_a_new_layer_with_the_daemons_pixels(report: Report, name: str) -> None:
    painted = situation(report, name)

    assert painted["succeeded"], painted["message"]
    assert painted["number_of_new_layers"] == 1
    assert painted["same_size"]
    assert painted["same_offsets"]
    assert painted["same_type"]
    assert painted["same_alpha"]
    assert painted["normal"]
    assert painted["has_right_mask"]
    tolerances = TOLERANCE | WIDE_GAMUT_TOLERANCE
    tolerance = tolerances.get(name.removeprefix("precision_"), 1e-6)
    assert painted["greatest_difference"] <= tolerance


def test_painted_layer_remembers_how_it_was_painted(report: Report) -> None:
    again = situation(report, "again")
    first, second = again["remembered"]

    assert again["succeeded"], again["message"]
    assert again["number_of_new_layers"] == 2
    assert again["greatest_difference"] <= 1e-6
    assert first == second
    assert [style["file"].rpartition("/")[2] for style in first["styles"]] == ["style.png"]
    assert (first["settings"]["size"], first["settings"]["quality"]) == (77, "draft")


def test_kept_painting_is_finished_at_the_size_that_it_was_to_have(report: Report) -> None:
    larger = situation(report, "larger_than_a_kept_painting")

    assert larger["succeeded"], larger["message"]
    assert larger["beginning"]["size"] == 40


def test_painted_layer_is_finished_larger_from_its_own_picture(report: Report) -> None:
    larger = situation(report, "larger")
    first, second = larger["remembered"]

    assert larger["succeeded"], larger["message"]
    assert larger["names"][0] == "style, 60 px – Photo"
    assert len(larger["names"]) == 3
    beginning = larger["beginning"]
    assert (beginning["size"], beginning["picture"]) == (32, [60, 40])
    assert beginning["is_inverted_content"]
    assert larger["greatest_difference"] <= 1e-6
    assert larger["is_hidden"]
    larger_settings = {**first["settings"], "size": 60}
    assert second == {**first, "settings": larger_settings, "painted_px": 60}
    assert first["painted_px"] == 32


def test_network_of_an_earlier_version_is_the_default_one(report: Report) -> None:
    former = situation(report, "former_model")

    assert former["succeeded"], former["message"]
    assert former["models"] == ["vgg16-hed", "vgg19"]


def test_layer_of_another_image_is_a_painting(report: Report) -> None:
    (style,) = situation(report, "style_of_a_layer")["styles"]

    assert (style["size"], style["first_pixel"]) == ([20, 10], [255, 0, 0])


def test_each_style_goes_to_its_region(report: Report) -> None:
    painted = situation(report, "styles_with_regions")
    first, second, third, fourth = painted["styles"]

    assert painted["succeeded"], painted["message"]
    assert painted["new_layers"] == 1
    assert painted["name"] == "style + style_alpha + Canvas + style – Photo"
    # The layer has 10 × 4 pixels; a region shows itself by where it is painted, or white.
    assert first["region"] == ([255] * 2 + [0] * 8) * 4
    assert second["region"] == ([0] * 6 + [255] * 4) * 4
    assert third["region"] == ([128] + [0] * 9) * 4
    assert fourth["region"] is None
    assert [style["weight"] for style in painted["styles"]] == [3.0, 1.0, 0.5, 1.0]
    assert second["size"] == [16, 12]
    assert third["first_pixel"] == [255, 0, 0]


def test_styles_and_regions_are_remembered(report: Report) -> None:
    painted = situation(report, "styles_with_regions")

    names = [style["region"] and style["region"]["name"] for style in painted["remembered"]]
    assert names == ["Painted", "Opaque", "Channel", None]
    assert [style["layer"] and style["layer"]["name"] for style in painted["remembered"]] == [
        *(None, None, "Canvas", None)
    ]
    assert painted["again"] == painted["styles"]


def test_selection_is_a_region_and_is_kept_once(report: Report) -> None:
    painted = situation(report, "selection_as_region")

    assert painted["succeeded"], painted["message"]
    inside, outside = (style["region"] for style in painted["styles"])
    assert inside == ([255] * 3 + [0] * 7) * 4
    assert outside == ([0] * 3 + [255] * 7) * 4
    # All of the layer is painted: the selection does not become its mask.
    assert painted["same_size"]
    assert painted["same_offsets"]
    assert painted["channels"] == ["Region of Neural Style"]
    assert painted["selected"] == ["style + style – Photo #1"]
    assert painted["again"] == painted["again_with_the_channel"] == painted["styles"]
    assert not painted["again_is_masked"]


def test_deleted_layer_is_told(report: Report) -> None:
    assert "no longer exists" in situation(report, "area_of_a_deleted_layer")["message"]


def test_only_the_selection_and_what_surrounds_it_is_painted(report: Report) -> None:
    painted = situation(report, "selection_as_place")

    assert painted["succeeded"], painted["message"]
    left, top, right, bottom = painted["bounds"]
    around = 32
    edge = max(10, left - around)
    assert painted["place"] == [
        *(edge, top - around, right + around - edge, bottom - top + 2 * around)
    ]
    assert painted["same_pixels"]
    assert painted["same_mask"]
    assert painted["place_of_larger"] == painted["place"], painted["larger"]


@pytest.mark.parametrize("name", FILTERED)
def test_layer_is_painted_as_its_filters_show_it(report: Report, name: str) -> None:
    painted = situation(report, name)

    assert painted["succeeded"], painted["message"]
    assert painted["greatest_difference"] <= 1e-5
    assert not painted["has_lost_filters"]
    assert painted["images_left_open"] == 0


def test_styles_and_regions_are_read_as_their_filters_show_them(report: Report) -> None:
    first, _ = situation(report, "filtered_style_and_region")["styles"]

    assert first["first_pixel"] == [0, 255, 255]
    assert first["region"] == ([0] * 4 + [255] * 6) * 4


def test_masks_hide_parts_of_style_layers_and_regions(report: Report) -> None:
    masked = situation(report, "masked_style_and_region")
    first, _ = masked["styles"]

    assert first["first_pixel"] == [255, 0, 0, 0]
    assert first["region"] == ([255] * 4 + [0] * 6) * 4
    assert masked["alpha"] == [[0, 255], [0, 255]]
    assert masked["masks_remain"]


def test_style_file_is_reduced_after_its_filters_are_applied(report: Report) -> None:
    full, reduced = situation(report, "filtered_style_file")["means"]

    # A block of ten columns is gray, at half the size five.
    assert full > 0
    assert abs(reduced - full / 2) <= full / 20


def test_filters_work_in_the_colours_of_the_image(report: Report) -> None:
    assert situation(report, "filtered_wide_gamut")["is_equal"]


def test_thumbnails_show_filters_at_every_precision(report: Report) -> None:
    assert situation(report, "thumbnails")["first_pixels"] == [[20, 10, 245, 235, 225]] * 4


@pytest.mark.parametrize("name", ["masked_layer", "masked_layer_with_a_selection"])
def test_mask_of_the_layer_is_the_painting_s_too(report: Report, name: str) -> None:
    painted = situation(report, name)

    assert painted["succeeded"], painted["message"]
    assert painted["mask_difference"] <= 1 / 255
    assert painted["images_left_open"] == 0


def test_pending_choice_is_restored_without_what_is_gone(report: Report) -> None:
    assert situation(report, "pending_choice_of_layers") == {
        "has_the_layer": True,
        "file": "style.png",
        "has_a_region": False,
        "strength": 2.5,
        "is_a_twin": True,
        "twin_is_its_style": False,
        "strength_of_the_other_dialog": 3.5,
        "is_forgotten": True,
    }


def test_path_of_a_vector_layer_is_what_is_painted(report: Report) -> None:
    assert situation(report, "vector_layer").get("is_filled", True)


def test_photo_that_lies_is_painted_upright_once_it_is_turned_by_policy(report: Report) -> None:
    painted = situation(report, "photo_that_lies")

    assert painted["succeeded"], painted["message"]
    assert painted["size"] == [8, 16]
    # Why the procedure does not turn it itself: the mark is still there when a script has done so.
    assert painted["is_marked"]
    assert not painted["can_be_told"]


def test_what_is_clicked_while_a_window_waits_is_done_next(report: Report) -> None:
    order = situation(report, "order_of_a_window_s_wishes")

    assert order["before"] == ["step", "end of the step", "keep", "the last picture"]
    # After an error it waits until the user asks for something.
    assert order["after_the_error"] == ["tick"]
    assert order["at_last"] == ["again", "step"]


def test_result_on_the_canvas_leaves_a_trace_only_in_what_is_saved(report: Report) -> None:
    shown = situation(report, "result_shown_on_the_canvas")

    assert (shown["shown"], shown["after"]) == ([2, False], [1, False])
    assert shown["selected"][0] == shown["selected"][1]
    assert shown["saved_meanwhile"] == [1, True]
    assert "Image > Mode > RGB" in shown["indexed"]


def test_result_is_not_laid_on_a_layer_that_was_turned_since(report: Report) -> None:
    added = situation(report, "result_of_a_layer_that_was_turned")

    assert added["before"] == ""
    assert "was turned or mirrored" in added["after"]


def test_result_brings_the_selection_back_that_was_its_region(report: Report) -> None:
    kept = situation(report, "result_whose_region_was_the_selection")

    assert kept["succeeded"], kept["message"]
    assert kept["is_the_same"]
    assert kept["channels"] == 2
    assert kept["left_over"] == []


def test_mask_that_the_dialog_shows_is_that_of_the_painting(report: Report) -> None:
    mask = situation(report, "mask_in_the_dialog")

    assert mask["succeeded"], mask["message"]
    assert mask["difference"] <= 1
    assert mask["values"] > 10
    assert mask["is_none_without"]


@pytest.mark.parametrize("name", SELECTED)
def test_soft_edge_of_the_selection_is_kept(report: Report, name: str) -> None:
    assert situation(report, name)["values_of_the_mask"] > 10


def test_several_layers_are_painted_each_above_itself(report: Report) -> None:
    painted = situation(report, "several_layers")

    assert painted["succeeded"], painted["message"]
    assert painted["names"] == ["style – Small", "Small", "style – Photo", "Photo"]
    assert painted["sizes"] == [[5, 5], [5, 5], [60, 40], [60, 40]]
    assert max(painted["greatest_differences"]) <= 1e-6


def test_frames_of_an_animation_are_painted_above_them_and_stay_as_they_are(report: Report) -> None:
    painted = situation(report, "animation")

    assert painted["succeeded"], painted["message"]
    assert painted["images_left_open"] == 0
    assert painted["names"][1:] == [f"Canvas – Frame {number} (100ms)" for number in (3, 2, 1)]
    assert painted["sources"][1:] == [f"Frame {number} (100ms)" for number in (3, 2, 1)]
    assert all(painted["places"])
    assert painted["frames_are_untouched"]
    assert painted["are_selected"]
    # From the top, as in the Layers dialog: the small one, and the others.
    assert painted["visible"] == [True, True, False, True]
    assert painted["opacity"] == [100, 100, 60, 100]
    assert painted["masked"] == [False, True, False, False]
    assert painted["same_places"]
    assert painted["greatest_difference"] <= 1e-6
    # What the second time has painted are the frames again, and nothing else.
    assert painted["again"] == [True, 1 + 4 + 4 + 4]


def test_painted_animation_is_copied_to_an_image_of_its_own(report: Report) -> None:
    painted = situation(report, "animation")

    assert painted["copied"] == painted["names"]


def test_each_frame_of_an_animation_begins_from_the_one_before(report: Report) -> None:
    # The last one is smaller.
    assert situation(report, "animation")["beginnings"] == [None, True, True, None]


def test_finished_frames_of_an_animation_are_kept_if_the_daemon_fails(report: Report) -> None:
    failed = situation(report, "animation_that_fails_later")

    assert failed["failed"]
    assert failed["message"] == (
        "There is not enough memory for it. 1 frame is painted, and is a new layer."
    )
    names = [f"Frame {number} (100ms)" for number in (3, 2, 1)]
    assert failed["layers"] == ["style – Frame 1 (100ms)", *names]


def test_frames_whose_image_changed_meanwhile_are_a_new_image(report: Report) -> None:
    refused = situation(report, "animation_whose_layer_is_deleted_meanwhile")

    assert "was deleted during painting" in refused["message"]
    assert "The painted frames are in a new image" in refused["message"]
    assert refused["untouched"]
    assert refused["names"] == [f"style – Frame {number} (100ms)" for number in (2, 1)]


def test_picture_of_a_script_is_no_result_of_the_image(report: Report) -> None:
    assert situation(report, "alpha")["results"] == 0


def test_painting_is_named_after_its_source_and_its_style(report: Report) -> None:
    assert situation(report, "alpha")["name"] == "style – Photo"


@pytest.mark.parametrize("name", FAILING)
def test_failure_names_its_cause_and_leaves_the_image_alone(report: Report, name: str) -> None:
    failed = situation(report, name)

    assert failed["failed"]
    assert FAILING[name] in failed["message"]
    assert failed["untouched"]


@pytest.mark.parametrize("name", ["style_text.png", "style_header_only.png"])
def test_reason_of_gimp_is_not_a_success(report: Report, name: str) -> None:
    assert "success" not in situation(report, name)["message"].lower()


@pytest.mark.parametrize("name", [*WORKING, *FAILING])
def test_no_image_is_left_open(report: Report, name: str) -> None:
    assert situation(report, name)["images_left_open"] == 0


@pytest.mark.parametrize("name", MEANWHILE)
def test_change_made_meanwhile_stays_as_it_is(report: Report, name: str) -> None:
    refused = situation(report, name)

    assert MEANWHILE[name] in refused["message"]
    assert refused["untouched"]


def test_painting_goes_where_its_layer_has_been_moved_meanwhile(report: Report) -> None:
    moved = situation(report, "layer_is_moved_meanwhile")
    x, y = moved["before"]

    assert moved["after"] == [x + 7, y - 3]


def test_dialog_takes_the_topmost_photo_where_a_channel_is_selected(report: Report) -> None:
    assert situation(report, "layer_instead_of_a_channel")["is_photo"]


@pytest.mark.parametrize("name", MEANWHILE)
def test_painting_whose_image_changed_meanwhile_is_a_new_image_and_can_be_fetched(
    report: Report, name: str
) -> None:
    refused = situation(report, name)

    assert refused["has_the_painting"]
    assert not refused["is_forgotten"]
    assert f"impasto fetch {refused['job']} -o painting.png" in refused["message"]


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("alpha", 1),
        ("texture_of_8_bits", 1),
        ("explore_content", 5),
        ("painting_has_another_size", 0),
    ],
)
def test_daemon_forgets_pictures_that_are_layers(report: Report, name: str, pictures: int) -> None:
    assert situation(report, name)["forgotten"] == pictures


def test_style_from_a_file_is_upright_and_its_first_frame(report: Report) -> None:
    styles = situation(report, "styles_as_people_see_them")

    assert styles["turned.jpg"][:2] == [8, 16]
    assert styles["animated.gif"] == [16, 8, 255, 0, 0]


def test_style_may_have_a_name_that_is_not_utf_8(report: Report) -> None:
    painted = situation(report, "style_whose_name_is_not_utf_8")

    assert painted["succeeded"], painted["message"]
    assert painted["names"][0].startswith("caf")


def test_style_has_alpha_where_its_file_has(report: Report) -> None:
    formats = situation(report, "formats_of_styles")

    assert formats == {
        "style.png": "R'G'B' u8",
        "style_alpha.png": "R'G'B'A u8",
        "style.xcf": "R'G'B'A u8",
    }
