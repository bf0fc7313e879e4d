import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from impasto_gimp.image.profile.kept_results import KeptResult, KeptResults
from impasto_shared.files.paths import UnsafeDirectory

JOB = "a" * 32
NOW = time.time()
DAEMON = "ipc:///run/daemon.sock"
RESULT = KeptResult(JOB, "id", "file:///photo.jpg", "auvers", "{}", 60, 40, painted_at=NOW)
MASK = bytes(range(256)) * 3


@pytest.fixture
def results(tmp_path: Path) -> KeptResults:
    """Returns results in a folder that is made when it is needed."""
    return KeptResults(tmp_path / "impasto/results")


def test_results_of_an_image_are_found_again_the_newest_first(results: KeptResults) -> None:
    newer = replace(RESULT, job="b" * 32, painted_at=NOW + 1)
    other = replace(RESULT, job="c" * 32, image="another", file="file:///another.jpg")
    for result in (RESULT, newer, other):
        results.add(result, None)

    assert results.of_image("id", "", DAEMON) == [newer, RESULT]


@pytest.mark.parametrize(
    ("image", "file", "is_found"),
    [
        ("id", "", True),
        ("id", "file:///renamed.xcf", True),
        # A photo that was never saved in GIMP has no id when it is opened again.
        ("new", "file:///photo.jpg", True),
        ("new", "file:///another.jpg", False),
        ("new", "", False),
    ],
)
def test_image_is_known_by_its_id_or_its_file(
    results: KeptResults, image: str, file: str, *, is_found: bool
) -> None:
    results.add(RESULT, None)

    assert bool(results.of_image(image, file, DAEMON)) is is_found


def test_images_without_a_file_have_none_in_common(results: KeptResults) -> None:
    results.add(replace(RESULT, file=""), None)

    assert results.of_image("new", "", DAEMON) == []


def test_mask_is_found_again(results: KeptResults) -> None:
    results.add(RESULT, MASK)

    assert results.mask_of(RESULT) == MASK


def test_result_without_a_mask_has_none(results: KeptResults) -> None:
    results.add(RESULT, None)

    assert results.mask_of(RESULT) is None


def test_removed_result_leaves_nothing(results: KeptResults, tmp_path: Path) -> None:
    results.add(RESULT, MASK, MASK)
    results.store_thumbnail(RESULT, b"png")
    results.remove(JOB)
    results.remove(JOB)

    assert results.of_image("id", "", DAEMON) == []
    assert list((tmp_path / "impasto/results").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"job": 1}', b"\xff"])
def test_damaged_record_is_passed_over(
    results: KeptResults, tmp_path: Path, content: bytes
) -> None:
    results.add(RESULT, None)
    (tmp_path / "impasto/results" / f"{'d' * 32}.json").write_bytes(content)

    assert results.of_image("id", "", DAEMON) == [RESULT]


def test_other_users_have_no_access(results: KeptResults, tmp_path: Path) -> None:
    results.add(RESULT, None)
    folder = tmp_path / "impasto/results"
    assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o755)

    with pytest.raises(UnsafeDirectory):
        results.add(RESULT, None)


def test_region_and_small_picture_are_found_again(results: KeptResults) -> None:
    results.add(RESULT, None, MASK)
    results.store_thumbnail(RESULT, b"png")

    assert results.region_of(RESULT) == MASK
    assert results.mask_of(RESULT) is None
    assert results.thumbnail_of(RESULT).read_bytes() == b"png"


def test_pictures_of_another_daemon_are_left_alone(results: KeptResults) -> None:
    here = replace(RESULT, daemon=DAEMON)
    there = replace(RESULT, job="b" * 32, daemon="tcp://studio:5570")
    for result in (here, there):
        results.add(result, None)

    assert results.of_image("id", "", DAEMON) == [here]
    assert results.of_daemon(there.daemon) == [there]


def test_record_of_an_earlier_version_belongs_to_every_daemon(
    results: KeptResults, tmp_path: Path
) -> None:
    results.add(RESULT, None)
    file = tmp_path / "impasto/results" / f"{JOB}.json"
    values = json.loads(file.read_text())
    for added in ("look", "region", "daemon"):
        del values[added]
    file.write_text(json.dumps(values))

    assert results.of_image("id", "", DAEMON) == [RESULT]


def test_records_of_last_month_are_removed_when_one_is_added(
    results: KeptResults, tmp_path: Path
) -> None:
    old = replace(RESULT, job="b" * 32, painted_at=NOW - 31 * 86_400)
    results.add(old, MASK)
    results.add(RESULT, None)

    assert results.of_image("id", "", DAEMON) == [RESULT]
    assert [file.name for file in (tmp_path / "impasto/results").iterdir()] == [f"{JOB}.json"]
