"""The policy of painting sheets, with a painter that writes down what it paints."""

from collections.abc import Collection

import pytest

from impasto_shared.errors import DaemonError, DaemonUnavailable, ErrorCode, ImpastoError
from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.explore.sheet_painting import PaintedSheet, SheetPainter
from impasto_shared.settings import Model, StyleSettings


def tile(name: str, model: Model = Model.VGG19) -> SheetTile:
    return SheetTile(name, name.upper(), StyleSettings(model=model))


def sheet(*rows: tuple[SheetTile, ...]) -> ContactSheet:
    return ContactSheet("sheet", "A sheet", "", tuple(SheetRow("", row) for row in rows))


A, B, C = tile("a"), tile("b"), tile("c")
VGG, VGG_TOO = tile("vgg", Model.VGG16), tile("vgg_too", Model.VGG16)
NO_WEIGHTS = DaemonError("There are no weights.", ErrorCode.WEIGHTS_MISSING)


class Painter(SheetPainter[str]):
    """Paints names in capitals; `failing` maps a tile's name to the error that it meets."""

    def __init__(
        self,
        *sheets: ContactSheet,
        installed: Collection[str] = (),
        cached: Collection[str] = (),
        failing: dict[str, ImpastoError] | None = None,
    ) -> None:
        super().__init__(sheets)
        self.painted: list[str] = []
        self.skipped: list[tuple[str, str]] = []
        self.announced: list[str] = []
        self.asked = 0
        self._installed = installed
        self._cached = cached
        self._failing = failing or {}

    def installed_networks(self) -> Collection[str]:
        self.asked += 1
        return self._installed

    def cached(self, _sheet: ContactSheet, tile: SheetTile) -> str | None:
        return tile.caption if tile.name in self._cached else None

    def paint_tile(self, _sheet: ContactSheet, tile: SheetTile) -> str:
        self.painted.append(tile.name)
        if tile.name in self._failing:
            raise self._failing[tile.name]
        return tile.caption

    def on_missing_network(self, error: ImpastoError) -> None:
        self.announced.append(str(error))

    def on_left_out(self, _sheet: ContactSheet, tile: SheetTile, reason: str) -> None:
        self.skipped.append((tile.name, reason))


def test_tiles_are_painted_one_after_the_other() -> None:
    painter = Painter(sheet((A, B)), sheet((C,)))

    painted = list(painter.paint())

    assert [dict(one.pictures) for one in painted] == [{"a": "A", "b": "B"}, {"c": "C"}]
    assert painter.painted == ["a", "b", "c"]
    assert (painter.done, painter.count) == (3, 3)


def test_a_sheet_comes_as_soon_as_it_is_finished() -> None:
    painter = Painter(sheet((A,)), sheet((B,)))

    next(painter.paint())

    assert painter.painted == ["a"]


def test_a_cached_tile_is_not_painted() -> None:
    painter = Painter(sheet((A, B)), cached=["a"])

    (painted,) = painter.paint()

    assert painter.painted == ["b"]
    assert painted.pictures == {"a": "A", "b": "B"}


def test_a_network_that_is_not_installed_is_left_out_without_a_job() -> None:
    painter = Painter(sheet((VGG, A), (VGG_TOO,)), installed=["vgg19"])

    (painted,) = painter.paint()

    assert painter.painted == ["a"]
    (announced,) = painter.announced
    assert announced.startswith("The network vgg16 is not on the daemon's machine.")
    assert painter.skipped == [("vgg", announced), ("vgg_too", announced)]
    assert painted.reasons == {announced: ("VGG", "VGG_TOO")}


@pytest.mark.parametrize("installed", [["vgg19", "vgg16"], []], ids=["installed", "an old daemon"])
def test_a_network_that_may_be_installed_is_used(installed: list[str]) -> None:
    painter = Painter(sheet((VGG,)), installed=installed)

    (painted,) = painter.paint()

    assert painted.pictures == {"vgg": "VGG"}


def test_networks_are_only_asked_for_if_a_tile_needs_one() -> None:
    painter = Painter(sheet((A, VGG)), cached=["vgg"])

    list(painter.paint())

    assert painter.asked == 0


def test_a_network_whose_weights_turn_out_to_be_missing_is_tried_once() -> None:
    painter = Painter(sheet((VGG, VGG_TOO, A)), failing={"vgg": NO_WEIGHTS})

    (painted,) = painter.paint()

    assert painter.painted == ["vgg", "a"]
    assert painter.announced == ["There are no weights."]
    assert painted.left_out == dict.fromkeys(["vgg", "vgg_too"], "There are no weights.")


def test_a_failure_of_another_kind_ends_it() -> None:
    painter = Painter(sheet((A, B, C)), failing={"b": DaemonUnavailable("No answer.")})

    with pytest.raises(DaemonUnavailable):
        list(painter.paint())

    assert painter.painted == ["a", "b"]
    assert painter.done == 1


def test_an_unfinished_sheet_has_its_pictures_and_a_reason_for_the_others() -> None:
    error = DaemonUnavailable("No answer.")
    whole = sheet((A, B, VGG))
    painter = Painter(whole, installed=["vgg19"], failing={"b": error})
    with pytest.raises(DaemonUnavailable):
        list(painter.paint())

    failed, stopped = painter.unfinished(whole, error), painter.unfinished(whole, None)

    assert failed.pictures == stopped.pictures == {"a": "A"}
    assert failed.left_out == {"b": "No answer.", "vgg": painter.announced[0]}
    assert not stopped.left_out


def test_remaining_tiles_are_those_that_still_cost_time() -> None:
    painter = Painter(sheet((A, B, VGG)), sheet((C,)), installed=["vgg19"], cached=["b"])
    painting = painter.paint()

    assert [tile.name for _, tile in painter.remaining()] == ["a", "vgg", "c"]
    next(painting)
    assert [tile.name for _, tile in painter.remaining()] == ["c"]


def test_rows_of_a_painted_sheet_have_only_tiles_with_pictures() -> None:
    painted = PaintedSheet(sheet((A, B), (C,)), {"b": "B"}, {"a": "Why"})

    assert painted.rows == (SheetRow("", (B,)),)
    assert painted.missing == 2
