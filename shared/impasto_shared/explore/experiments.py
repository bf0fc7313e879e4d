"""The experiments that show what each setting does: the contact sheets of command line and plug-in.

They define the pictures, the settings of each, and all texts. Nothing here paints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.settings import (
    SETTINGS,
    ContentLoss,
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
    """The work for each tile: its longest side in pixels, and the number of evaluations."""

    size: int
    evaluations: int


FULL = Effort(size=256, evaluations=200)
QUICK = Effort(size=160, evaluations=80)

SHEET_NAMES = (
    "content",
    "style",
    "matrix",
    "swap",
    "pooling",
    "losses",
    "optimizers",
    "backbones",
)
"""The names of all sheets, in order."""


def all_sheets(
    size: int | None = None,
    *,
    is_quick: bool = False,
    has_painting: bool = True,
    model: Model = Model.VGG19,
) -> tuple[ContactSheet, ...]:
    """Returns all sheets; without a painting, only the sheets and tiles that need none.

    size: the longest side of a tile in pixels; None leaves it to `is_quick`.
    is_quick: fewer tiles, with less work each.
    model: the network of all sheets except the one that compares networks.

    Raises:
        InvalidSettings: if the size is out of range.
    """
    effort = QUICK if is_quick else FULL
    base = StyleSettings(
        size=effort.size if size is None else size,
        iterations=effort.evaluations,
        scales=1,  # as in the first paper
        model=model,
        # Lower precision would hide the differences between optimizers and between losses.
        precision=Precision.FLOAT32,
        # Enough to suppress the speckles that a network with maximum pooling does not see.
        smoothness=0.5,
        # From noise, deeper content layers leave too little of the photo next to the style.
        content_layers="relu3_1",
        content_loss=ContentLoss.RECONSTRUCTION,
        style_layers=_up_to(5),
        style_loss=StyleLoss.GRAM,
        start=Start.NOISE,
    )
    sheets = (
        _content(base, convolutions=(1,) if is_quick else (1, 2)),
        _style(base),
        _matrix(base),
        _swap(base),
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
    """Returns the first layer of each block up to this one, with equal weights."""
    return ",".join(f"relu{number}_1:1" for number in range(1, block + 1))


_BLOCKS = range(1, 6)
# Factors on the evaluations for the content of each block: shallow blocks have to match single
# pixels, and their evaluations cost a fraction of those of the deepest.
_CONTENT_FACTORS = {1: 3.0, 2: 2.0, 3: 1.5, 4: 1.0, 5: 1.0}


def _content(base: StyleSettings, convolutions: Iterable[int]) -> ContactSheet:
    return ContactSheet(
        "content",
        "What each network layer remembers of the photo",
        "Each picture started as noise and was changed until one layer of the network saw the same "
        "in it as in the photo (Gatys et al. 2015, figure 1, lower row). Shallow layers keep "
        "nearly every pixel. Deep layers keep where things are but not their detail. Brush strokes "
        "need that freedom.",
        tuple(
            SheetRow(
                "",
                tuple(
                    SheetTile(layer, layer, _content_only(layer, _CONTENT_FACTORS[block], base))
                    for block in _BLOCKS
                    for layer in [f"relu{block}_{convolution}"]
                ),
            )
            for convolution in convolutions
        ),
    )


def _content_only(layer: str, factor: float, base: StyleSettings) -> StyleSettings:
    # Detail that no layer constrains stays noise; smooth areas are a better guess.
    return replace(
        base,
        mode=Mode.CONTENT,
        content_layers=layer,
        iterations=round(factor * base.iterations),
        smoothness=1.0,
    )


# The same for the style up to each block: five Gram matrices take longest to match, and until they
# do, the colours are pale.
_STYLE_FACTORS = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.5, 5: 2.5}


def _style(base: StyleSettings) -> ContactSheet:
    return ContactSheet(
        "style",
        "The painting's style in more and more network layers",
        "Each picture started as noise and was changed until its Gram matrices matched the "
        "painting's in the layers named below (Gatys et al. 2015, figure 1, upper row). The first "
        "layer alone captures colours, a few more capture strokes, and all five capture motifs.",
        (
            SheetRow(
                "",
                tuple(
                    SheetTile(f"up_to_relu{block}_1", _range(block), _style_only(block, base))
                    for block in _BLOCKS
                ),
            ),
        ),
    )


def _style_only(block: int, base: StyleSettings) -> StyleSettings:
    evaluations = round(_STYLE_FACTORS[block] * base.iterations)
    return replace(_with_style_up_to(block, base), mode=Mode.TEXTURE, iterations=evaluations)


def _with_style_up_to(block: int, base: StyleSettings) -> StyleSettings:
    return replace(base, style_layers=_up_to(block))


def _range(block: int) -> str:
    return "relu1_1" if block == 1 else f"relu1_1 … relu{block}_1"


_STRENGTHS = (0.25, 0.5, 1.0, 2.0)


def _matrix(base: StyleSettings) -> ContactSheet:
    usual = StyleSettings()
    # From noise, a reconstruction would lose the subject at every strength.
    base = replace(base, content_loss=usual.content_loss, content_layers=usual.content_layers)
    return ContactSheet(
        "matrix",
        "Style layers and style strength",
        "Each row adds one style layer; from left to right the style gets stronger (after Gatys et "
        "al. 2015, figure 3). More layers bring larger forms of the painting. Up to a strength of "
        "1, the style goes further and further from the photo to the painting; beyond it, the "
        "photo counts less and less.",
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


def _swap(base: StyleSettings) -> ContactSheet:
    usual = StyleSettings()
    # As they are used: from noise, a reconstruction would lose the subject at every layer.
    base = replace(
        base, start=usual.start, style_loss=usual.style_loss, style_layers=usual.style_layers
    )
    return ContactSheet(
        "swap",
        "Content losses and content layers",
        "Each picture started as the photo, and keeps its content by one network layer. "
        "Reconstruction compares it with what that layer sees in the photo, as the paper does. "
        "Style swap first exchanges that for something the painting has: up to relu3_1 for its "
        "most similar forms, deeper for the photo's own forms, matched to the painting. Compare "
        "how much of the subject remains, and whether it is painted.",
        tuple(
            SheetRow(
                label,
                tuple(
                    SheetTile(
                        f"{loss}_{layer}",
                        layer,
                        replace(base, content_loss=ContentLoss(loss), content_layers=layer),
                    )
                    for block in _BLOCKS
                    for layer in [f"relu{block}_1"]
                ),
            )
            for loss, label in _choices("content_loss").items()
        ),
    )


def _kinds(base: StyleSettings) -> tuple[tuple[Mode, str, StyleSettings], ...]:
    """Returns the three modes, each with its caption and settings."""
    return (
        (Mode.CONTENT, "Content only", _content_only("relu3_1", 1.0, base)),
        (Mode.TEXTURE, "Style only", replace(base, mode=Mode.TEXTURE)),
        (
            Mode.TRANSFER,
            "Both, starting from the photo",
            replace(base, start=Start.PHOTO, content_layers="relu4_1"),
        ),
    )


def _pooling(base: StyleSettings) -> ContactSheet:
    return ContactSheet(
        "pooling",
        "Average and maximum pooling",
        "Everything else is the same, including the seed. The network was trained with maximum "
        "pooling; the paper replaces it with average pooling and finds the results slightly more "
        "appealing. Compare how much detail remains and how smooth the flat areas are.",
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
        "Style losses",
        "The same layers with each of the available style losses (Li et al. 2017 show that the "
        "Gram matrix is one of many). The linear kernel compares only mean activations; mean and "
        "deviation, the Gram matrix and Wasserstein each compare more.",
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
        "Optimizers",
        "Each optimizer minimises the same loss, starting from the same noise, with the same "
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
    """A network with its content layer and its style layers."""

    model: Model
    content_layers: str
    style_layers: str


_BACKBONES: Sequence[_Backbone] = (
    *(
        _Backbone(model, "relu4_1", _up_to(5))
        for model in (
            Model.VGG19,
            Model.VGG19_TORCHVISION,
            Model.VGG16,
            Model.VGG19_BN,
            Model.VGG16_BN,
        )
    ),
    # Where the branches are added, before the ReLU.
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
        "The same experiment with other networks: VGGs with and without batch norm, read at the "
        "first layer of each block, and a ResNet, read where its blocks are merged. Its skip "
        "connections are said to make it less suitable for style transfer (Wang et al. 2021). "
        "Networks that are not on the daemon's machine are left out.",
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
