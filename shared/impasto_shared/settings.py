"""The settings of a style transfer, each defined once.

The validation of messages, the options of the command line, the arguments of the GIMP procedure
and docs/settings.md are all derived from the fields of `StyleSettings`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from impasto_shared.errors import InvalidSettings
from impasto_shared.schema import (
    ChoiceSetting,
    IntegerSetting,
    LayersSetting,
    NumberSetting,
    OpenChoiceSetting,
    Schema,
    SwitchSetting,
    described,
)
from impasto_shared.str_enum import StrEnum
from impasto_shared.text.sentences import sentence


class Mode(StrEnum):
    """The kind of picture to paint."""

    TRANSFER = "transfer"
    TEXTURE = "texture"
    CONTENT = "content"


class Pooling(StrEnum):
    """The reduction of 2 × 2 activations to one in the network's pooling layers."""

    AVERAGE = "average"
    MAX = "max"


class Start(StrEnum):
    """The initial image of the optimisation."""

    PHOTO = "photo"
    NOISE = "noise"
    PAINTING = "painting"


class Quality(StrEnum):
    """The amount of work for a picture: the number of scales, and of evaluations at each."""

    DRAFT = "draft"
    GOOD = "good"
    BEST = "best"


class ContentLoss(StrEnum):
    """The target that the picture's activations are compared with to keep the photo's content."""

    STYLE_SWAP = "style-swap"
    RECONSTRUCTION = "reconstruction"


class StyleLoss(StrEnum):
    """The distance between the distributions of the picture's and the painting's activations."""

    WASSERSTEIN = "wasserstein"
    GRAM = "gram"
    BATCH_NORM = "batchnorm"
    MMD_LINEAR = "mmd-linear"
    MMD_POLYNOMIAL = "mmd-polynomial"
    MMD_GAUSSIAN = "mmd-gaussian"


class Optimizer(StrEnum):
    """The method that minimises the loss."""

    LBFGS = "lbfgs"
    SCIPY = "scipy"
    ADAM = "adam"
    GRADIENT_DESCENT = "gradient-descent"


class Colours(StrEnum):
    """The source of the picture's colours."""

    PAINTING = "painting"
    PHOTO = "photo"
    MATCHED = "matched"


class Precision(StrEnum):
    """The number format of the network; sums over positions are float32 in all of them."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Model(StrEnum):
    """The networks offered in dialogs; torchvision has more.

    `vgg19` comes with Impasto. The others are torchvision's and have its names, except for its own
    VGG-19, which was trained again.
    """

    VGG19 = "vgg19"
    VGG19_TORCHVISION = "vgg19-torchvision"
    VGG16 = "vgg16"
    VGG19_BN = "vgg19_bn"
    VGG16_BN = "vgg16_bn"
    RESNET50 = "resnet50"


FORMER_MODELS = {"auto": Model.VGG19, "vgg16-hed": Model.VGG19}
"""Names from earlier versions, which recipes, presets and scripts still contain."""


ADDED_SETTINGS: frozenset[str] = frozenset()
"""The settings that daemons of version 0.1.0 do not know, and therefore refuse."""


def is_vgg(model: str) -> bool:
    """Returns whether the network of that name is a VGG of any depth."""
    return model.startswith("vgg")


Setting = NumberSetting | IntegerSetting | ChoiceSetting | SwitchSetting | LayersSetting


@dataclass(frozen=True)
class StyleSettings:
    """All settings of one style transfer; raises InvalidSettings if a value is out of range."""

    style_strength: float = described(
        NumberSetting,
        1.0,
        low=0.0,
        high=10.0,
        label="Style strength",
        help="How strongly the painting's style replaces the look of the photo: 0 keeps the "
        "photo, 0.5 goes about half the way, colours included, 1 suits most pictures, 10 leaves "
        "little of the photo",
    )
    quality: Quality = described(
        ChoiceSetting,
        Quality.GOOD,
        choices={Quality.DRAFT: "Draft", Quality.GOOD: "Good", Quality.BEST: "Best"},
        label="Quality",
        help="How much work goes into the picture. A draft takes a quarter to a third of the "
        "time of good quality; the best quality takes three times as long",
    )
    iterations: int = described(
        IntegerSetting,
        0,
        low=0,
        high=10_000,
        label="Iterations",
        help="How many times the picture is compared with the photo and the painting, and then "
        "improved, over all scales; 0 lets the quality decide",
    )
    scales: int = described(
        IntegerSetting,
        0,
        low=0,
        high=16,
        label="Scales",
        help="At how many sizes the picture is painted, from coarse to fine, each starting from "
        "the one before: 1 paints at full size only, as in the original paper; 0 lets the quality "
        "decide",
    )
    size: int = described(
        IntegerSetting,
        512,
        low=32,
        high=16_384,
        label="Size",
        help="Longest side, in pixels, at which the picture is painted, but never more than the "
        "photo's own; a draft is painted at three quarters of it. The result is scaled to the size "
        "of the photo. Twice the size takes two to four times as long",
    )
    style_scale: float = described(
        NumberSetting,
        1.0,
        low=0.25,
        high=4.0,
        label="Stroke size",
        help="Size of the painting relative to the photo, and with it that of the brush strokes: "
        "2 makes them twice as large",
    )
    colours: Colours = described(
        ChoiceSetting,
        Colours.PAINTING,
        choices={
            Colours.PAINTING: "The painting's",
            Colours.PHOTO: "The photo's",
            Colours.MATCHED: "The painting's, matched to the photo",
        },
        label="Colour scheme",
        help="Where the colours come from: the painting; the photo, unchanged (only light and "
        "dark are painted); or the painting, after its colours are matched to the photo's",
    )
    smoothness: float = described(
        NumberSetting,
        1.0,
        low=0.0,
        high=10.0,
        label="Smoothness",
        help="How strongly neighbouring pixels are evened out: 0 keeps all the grain of the "
        "paint, 10 smooths it away",
    )
    mode: Mode = described(
        ChoiceSetting,
        Mode.TRANSFER,
        choices={
            Mode.TRANSFER: "The photo in the painting's style",
            Mode.TEXTURE: "The painting's style only",
            Mode.CONTENT: "The photo's content only",
        },
        label="Paint",
        help="What is painted: the photo in the painting's style, the painting's style without a "
        "photo (texture), or only what the network sees in the photo (content). The last two "
        "start from noise",
    )
    tileable: bool = described(
        SwitchSetting,
        False,
        label="Tileable",
        help="Makes opposite edges fit together, so that copies of the picture can be laid side "
        "by side without a seam; for textures, and photos of textures",
    )
    content_layers: str = described(
        LayersSetting,
        "relu2_1:1,relu3_1:1,relu4_1:1",
        label="Content layers",
        help="Layers of the network at which the picture keeps the photo's content, each with "
        "its relative weight: shallow layers keep more detail, deep layers leave more freedom",
    )
    content_loss: ContentLoss = described(
        ChoiceSetting,
        ContentLoss.STYLE_SWAP,
        choices={
            ContentLoss.STYLE_SWAP: "Style swap",
            ContentLoss.RECONSTRUCTION: "Reconstruction",
        },
        label="Content loss",
        help="How the picture keeps the photo's content. Style swap draws the photo with forms "
        "from the painting, which keeps the subject best; reconstruction compares the picture "
        "with the photo itself, as the original paper does",
    )
    style_layers: str = described(
        LayersSetting,
        # Equal in the paper. The shallow layers, at every scale, produce paint and strokes; deep
        # layers of equal weight would cover flat areas with a woven texture.
        "relu1_1:64,relu2_1:32,relu3_1:8,relu4_1:1",
        label="Style layers",
        help="Layers of the network at which the picture is compared with the painting, each with "
        "its relative weight: deeper layers bring larger forms",
    )
    style_loss: StyleLoss = described(
        ChoiceSetting,
        StyleLoss.WASSERSTEIN,
        choices={
            StyleLoss.WASSERSTEIN: "Wasserstein",
            StyleLoss.GRAM: "Gram matrix",
            StyleLoss.BATCH_NORM: "Mean and standard deviation",
            StyleLoss.MMD_LINEAR: "MMD, linear kernel",
            StyleLoss.MMD_POLYNOMIAL: "MMD, polynomial kernel",
            StyleLoss.MMD_GAUSSIAN: "MMD, Gaussian kernel",
        },
        label="Style loss",
        help="How the picture is compared with the painting. Wasserstein reproduces colours and "
        "strokes most faithfully; the Gram matrix is what the original paper uses",
    )
    optimizer: Optimizer = described(
        ChoiceSetting,
        Optimizer.LBFGS,
        choices={
            Optimizer.LBFGS: "L-BFGS",
            Optimizer.SCIPY: "L-BFGS-B (SciPy)",
            Optimizer.ADAM: "Adam",
            Optimizer.GRADIENT_DESCENT: "Gradient descent",
        },
        label="Optimizer",
        help="The method that improves the picture; L-BFGS gets furthest in the same time",
    )
    pooling: Pooling = described(
        ChoiceSetting,
        Pooling.MAX,
        choices={Pooling.AVERAGE: "Average", Pooling.MAX: "Maximum"},
        label="Pooling",
        help="How the network condenses what it sees: the maximum, with which it was trained, "
        "keeps more of the photo's detail; the average gives calmer pictures",
    )
    start: Start = described(
        ChoiceSetting,
        Start.PHOTO,
        choices={
            Start.PHOTO: "The photo",
            Start.NOISE: "Noise",
            Start.PAINTING: "The painting",
        },
        label="Start from",
        help="The picture to begin with: the photo keeps the result closest to the photo, noise "
        "gives the freest composition",
    )
    model: str = described(
        OpenChoiceSetting,
        Model.VGG19,
        choices={
            Model.VGG19: "VGG-19",
            Model.VGG19_TORCHVISION: "VGG-19 (torchvision)",
            Model.VGG16: "VGG-16",
            Model.VGG19_BN: "VGG-19, batch norm",
            Model.VGG16_BN: "VGG-16, batch norm",
            Model.RESNET50: "ResNet-50",
        },
        others="the name of any other classification network in torchvision",
        former=FORMER_MODELS,
        label="Model",
        help="The network that sees content and style. VGG-19, the network of the original paper, "
        "comes with Impasto. The others are downloaded when first used",
    )
    precision: Precision = described(
        ChoiceSetting,
        Precision.AUTO,
        choices={
            Precision.AUTO: "Fastest available",
            Precision.FLOAT32: "32 bits (float32)",
            Precision.BFLOAT16: "16 bits (bfloat16)",
        },
        label="Precision",
        help="The number format in which the network calculates. The fastest available (auto) is "
        "bfloat16 if the machine has instructions for it, otherwise float32",
    )
    seed: int = described(
        IntegerSetting,
        0,
        low=0,
        high=2**31 - 1,
        label="Seed",
        help="Which noise to start from; no effect when starting from the photo or the painting",
    )

    def __post_init__(self) -> None:
        for setting in SETTINGS:
            checked = setting.check(getattr(self, setting.name))
            object.__setattr__(self, setting.name, checked)

    @classmethod
    def from_json(cls, values: object) -> StyleSettings:
        """Returns the settings in a JSON object; a missing setting has its default.

        Raises:
            InvalidSettings: for an unknown name (a misspelt one would otherwise be ignored
                silently), or a value out of range.
        """
        if not isinstance(values, dict):
            raise InvalidSettings("settings", sentence("no-settings", value=repr(values)))
        for name in values:
            if name not in SETTINGS:
                known = ", ".join(sorted(setting.name for setting in SETTINGS))
                raise InvalidSettings(
                    str(name), sentence("no-setting", name=repr(name), choices=known)
                )
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Returns all settings as a JSON object that `from_json` accepts."""
        return asdict(self)

    def to_message(self) -> dict[str, Any]:
        """Returns the settings to send, which `from_json` completes.

        An added setting is omitted at its default, so that older daemons can still paint.
        """
        defaults = {setting.name: setting.default for setting in SETTINGS}
        return {
            name: value
            for name, value in self.to_json().items()
            if name not in ADDED_SETTINGS or value != defaults[name]
        }


SETTINGS: Schema[Setting] = Schema(StyleSettings)
