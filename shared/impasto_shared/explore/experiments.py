"""The experiments that show what each setting does, as sheets of small pictures.

Command line and plug-in both make them from here: which pictures there are, how each is painted,
what is written below it, and what a sheet is to show. It paints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.settings import (
    SETTINGS,
    Mode,
    Model,
    Optimizer,
    Pooling,
    Precision,
    Start,
    StyleLoss,
    StyleSettings,
)


@dataclass(frozen=True)
class Effort:
    """How much work goes into each tile: its longest side in pixels, and the evaluations."""

    size: int
    evaluations: int


FULL = Effort(size=256, evaluations=200)
QUICK = Effort(size=160, evaluations=80)

SHEET_NAMES = ("content", "style", "matrix", "pooling", "losses", "optimizers", "backbones")
"""The names of all sheets, in their order."""


def all_sheets(
    size: int | None = None,
    *,
    is_quick: bool = False,
    has_painting: bool = True,
    model: Model = Model.AUTO,
) -> tuple[ContactSheet, ...]:
    """Every sheet, without the tiles and the sheets that need a painting where there is none.

    size: the longest side of a tile in pixels; None leaves it to `is_quick`.
    is_quick: less work for each tile, and fewer tiles.
    model: the network of every sheet but the one that compares networks.

    Raises:
        InvalidSettings: for a size that is not possible.
    """
    effort = QUICK if is_quick else FULL
    base = StyleSettings(
        size=effort.size if size is None else size,
        iterations=effort.evaluations,
        scales=1,  # as in the first paper
        model=model,
        # Coarse numbers would hide what tells optimizers and losses apart.
        precision=Precision.FLOAT32,
        # Enough against the speckles that a network with maximum pooling does not see.
        smoothness=0.5,
        # From noise, deeper layers leave little of the photo beside the style.
        content_layers="relu3_1",
        style_layers=_up_to(5),
        style_loss=StyleLoss.GRAM,
        start=Start.NOISE,
    )
    sheets = (
        _content(base, convolutions=(1,) if is_quick else (1, 2)),
        _style(base),
        _matrix(base),
        _pooling(base),
        _losses(base),
        _optimizers(base),
        _backbones(base),
    )
    if has_painting:
        return sheets
    return tuple(sheet for sheet in map(_without_painting, sheets) if sheet.rows)


def _without_painting(sheet: ContactSheet) -> ContactSheet:
    rows = (
        SheetRow(row.caption, tuple(tile for tile in row.tiles if not tile.needs_painting))
        for row in sheet.rows
    )
    return replace(sheet, rows=tuple(row for row in rows if row.tiles))


def _up_to(block: int) -> str:
    """The first layer of each block up to this one, all with the same weight."""
    return ",".join(f"relu{number}_1:1" for number in range(1, block + 1))


_BLOCKS = range(1, 6)
# How many times the evaluations the content of each block gets: the shallow ones have pixels to
# agree upon, and their evaluations cost a fraction of those at the deepest.
_TIMES_FOR_CONTENT = {1: 3.0, 2: 2.0, 3: 1.5, 4: 1.0, 5: 1.0}


def _content(base: StyleSettings, convolutions: Iterable[int]) -> ContactSheet:
    return ContactSheet(
        "content",
        "What each layer remembers of the photo",
        "Each picture began as noise and was changed until one layer of the network saw in it what "
        "it sees in the photo (Gatys et al. 2015, figure 1, lower row). The lower layers keep "
        "nearly every pixel. The higher ones keep what is where, and let go of the detail: that "
        "is the freedom that paint needs.",
        tuple(
            SheetRow(
                "",
                tuple(
                    SheetTile(layer, layer, _remembering(layer, _TIMES_FOR_CONTENT[block], base))
                    for block in _BLOCKS
                    for layer in [f"relu{block}_{convolution}"]
                ),
            )
            for convolution in convolutions
        ),
    )


def _remembering(layer: str, times: float, base: StyleSettings) -> StyleSettings:
    # What no layer is asked for is left to chance: neighbours alike are a better guess.
    return replace(
        base,
        mode=Mode.CONTENT,
        content_layers=layer,
        iterations=round(times * base.iterations),
        smoothness=1.0,
    )


# The same of the style up to each block: five Gram matrices take longest to agree, and before they
# do the colours are pale.
_TIMES_FOR_STYLE = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.5, 5: 2.5}


def _style(base: StyleSettings) -> ContactSheet:
    return ContactSheet(
        "style",
        "What more and more layers know of the painting's style",
        "Each picture began as noise and was changed until the layers named below it have the same "
        "Gram matrices as in the painting (Gatys et al. 2015, figure 1, upper row). The first "
        "layer alone knows colours, a few more know strokes, all five know motifs.",
        (
            SheetRow(
                "",
                tuple(
                    SheetTile(f"up_to_relu{block}_1", _range(block), _styled(block, base))
                    for block in _BLOCKS
                ),
            ),
        ),
    )


def _styled(block: int, base: StyleSettings) -> StyleSettings:
    evaluations = round(_TIMES_FOR_STYLE[block] * base.iterations)
    return replace(_with_style_up_to(block, base), mode=Mode.TEXTURE, iterations=evaluations)


def _with_style_up_to(block: int, base: StyleSettings) -> StyleSettings:
    return replace(base, style_layers=_up_to(block))


def _range(block: int) -> str:
    return "relu1_1" if block == 1 else f"relu1_1 … relu{block}_1"


_STRENGTHS = (0.03, 0.1, 0.3, 1.0)


def _matrix(base: StyleSettings) -> ContactSheet:
    return ContactSheet(
        "matrix",
        "Style layers and style strength",
        "From row to row the style is taken from one layer more, from left to right it counts more "
        "beside the content (Gatys et al. 2015, figure 3). More layers give larger forms of the "
        "painting; a low strength keeps the photo, a high one leaves nothing but the painting.",
        tuple(
            SheetRow(
                _range(block),
                tuple(
                    SheetTile(
                        f"up_to_relu{block}_1_strength_{strength:g}".replace(".", "-"),
                        f"strength {strength:g}",
                        replace(_with_style_up_to(block, base), style_strength=strength),
                    )
                    for strength in _STRENGTHS
                ),
            )
            for block in _BLOCKS
        ),
    )


def _kinds(base: StyleSettings) -> tuple[tuple[Mode, str, StyleSettings], ...]:
    """The three things that can be painted: what a sheet calls them, and the settings."""
    return (
        (Mode.CONTENT, "The content alone", _remembering("relu3_1", 1.0, base)),
        (Mode.TEXTURE, "The style alone", replace(base, mode=Mode.TEXTURE)),
        (
            Mode.TRANSFER,
            "Both, beginning with the photo",
            replace(base, start=Start.PHOTO, content_layers="relu4_1"),
        ),
    )


def _pooling(base: StyleSettings) -> ContactSheet:
    return ContactSheet(
        "pooling",
        "Average and maximum pooling",
        "Everything else is the same, the seed too. The paper replaces the maximum, which the "
        "network was trained with, by the average and finds the pictures a little better. Look at "
        "how much detail is left, and how even the flat places are.",
        tuple(
            SheetRow(
                caption,
                tuple(
                    SheetTile(
                        f"{mode}_{pooling}", label, replace(settings, pooling=Pooling(pooling))
                    )
                    for pooling, label in _choices("pooling").items()
                ),
            )
            for mode, caption, settings in _kinds(base)
        ),
    )


def _losses(base: StyleSettings) -> ContactSheet:
    return ContactSheet(
        "losses",
        "Ways to compare styles",
        "The same layers, compared in each of the ways that there are (Li et al. 2017 find that "
        "the Gram matrix is one of many). The linear kernel sees mean activations alone; mean and "
        "deviation, the Gram matrix and Wasserstein each see more.",
        tuple(
            SheetRow(
                caption,
                tuple(
                    SheetTile(
                        f"{mode}_{loss}", label, replace(settings, style_loss=StyleLoss(loss))
                    )
                    for loss, label in _choices("style_loss").items()
                ),
            )
            for mode, caption, settings in _kinds(base)
            if mode is not Mode.CONTENT
        ),
    )


def _optimizers(base: StyleSettings) -> ContactSheet:
    return ContactSheet(
        "optimizers",
        "Ways downhill",
        "One and the same loss, brought down from the same noise by each optimizer in the same "
        "number of evaluations.",
        (
            SheetRow(
                "",
                tuple(
                    SheetTile(optimizer, label, replace(base, optimizer=Optimizer(optimizer)))
                    for optimizer, label in _choices("optimizer").items()
                ),
            ),
        ),
        compares_losses=True,
    )


@dataclass(frozen=True)
class _Backbone:
    """A network, the layer that its content is read at, and those of its style."""

    model: Model
    content_layers: str
    style_layers: str


_BACKBONES: Sequence[_Backbone] = (
    *(
        _Backbone(model, "relu4_1", _up_to(5))
        for model in (Model.VGG16_HED, Model.VGG19, Model.VGG16, Model.VGG19_BN, Model.VGG16_BN)
    ),
    # At the merges, before their ReLU.
    _Backbone(
        Model.RESNET50,
        "layer3.0.add",
        ",".join(["relu", *(f"layer{number}.0.add" for number in range(1, 5))]),
    ),
)


def _backbones(base: StyleSettings) -> ContactSheet:
    labels = _choices("model")
    return ContactSheet(
        "backbones",
        "Networks",
        "The same experiment with other networks: VGGs, with batch norm and without, at the first "
        "layer of each block, and a ResNet where its blocks are merged. Its skip connections are "
        "said to make it worse for styles (Wang et al. 2021). A network whose weights are not on "
        "the daemon's machine is left out.",
        tuple(
            SheetRow(
                caption,
                tuple(
                    SheetTile(
                        f"{mode}_{backbone.model}",
                        labels[backbone.model],
                        replace(
                            settings,
                            model=backbone.model,
                            content_layers=backbone.content_layers,
                            style_layers=backbone.style_layers,
                        ),
                    )
                    for backbone in _BACKBONES
                ),
            )
            for mode, caption, settings in _kinds(base)
        ),
    )


def _choices(name: str) -> dict[str, str]:
    """Returns the choices of a setting with their labels."""
    return dict(SETTINGS.choice(name).choices)
