"""Every setting of a style transfer, defined once.

The protocol's validation, the command line's options, the GIMP procedure's arguments and
docs/settings.md are all made from the fields of `StyleSettings`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
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


class Mode(StrEnum):
    """What is painted."""

    TRANSFER = "transfer"
    TEXTURE = "texture"
    CONTENT = "content"


class Pooling(StrEnum):
    """How the network's pooling layers reduce 2 × 2 activations to one."""

    AVERAGE = "average"
    MAX = "max"


class Start(StrEnum):
    """The picture that the optimisation begins with."""

    PHOTO = "photo"
    NOISE = "noise"
    PAINTING = "painting"


class Quality(StrEnum):
    """How much work goes into a picture: how many scales, and how often each is improved."""

    DRAFT = "draft"
    GOOD = "good"
    BEST = "best"


class StyleLoss(StrEnum):
    """How far the picture's activations are from the painting's, taken as a distribution."""

    WASSERSTEIN = "wasserstein"
    GRAM = "gram"
    BATCH_NORM = "batchnorm"
    MMD_LINEAR = "mmd-linear"
    MMD_POLYNOMIAL = "mmd-polynomial"
    MMD_GAUSSIAN = "mmd-gaussian"


class Optimizer(StrEnum):
    """How the loss is brought down."""

    LBFGS = "lbfgs"
    SCIPY = "scipy"
    ADAM = "adam"
    GRADIENT_DESCENT = "gradient-descent"


class Colours(StrEnum):
    """Whose colours the picture has."""

    PAINTING = "painting"
    PHOTO = "photo"
    MATCHED = "matched"


class Precision(StrEnum):
    """What numbers the network calculates in; the sums over positions are float32 in each."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Model(StrEnum):
    """The networks to choose from, by torchvision's names; it has more than these.

    `auto` is the best at hand, `vgg16-hed` the one that is installed.
    """

    AUTO = "auto"
    VGG19 = "vgg19"
    VGG16 = "vgg16"
    VGG19_BN = "vgg19_bn"
    VGG16_BN = "vgg16_bn"
    RESNET50 = "resnet50"
    VGG16_HED = "vgg16-hed"


def is_vgg(model: str) -> bool:
    """Whether the network of that name is a VGG, whichever of them."""
    return model == Model.AUTO or model.startswith("vgg")


Setting = NumberSetting | IntegerSetting | ChoiceSetting | SwitchSetting | LayersSetting


@dataclass(frozen=True)
class StyleSettings:
    """All settings of one style transfer; raises InvalidSettings for a value out of range."""

    style_strength: float = described(
        NumberSetting,
        1.0,
        low=0.0,
        high=10.0,
        label="Style strength",
        help="How strongly the painting's manner overrides the photo: 0 keeps the photo, "
        "1 suits most pictures, 10 keeps little of the photo; it counts squared",
    )
    quality: Quality = described(
        ChoiceSetting,
        Quality.GOOD,
        choices={Quality.DRAFT: "Draft", Quality.GOOD: "Good", Quality.BEST: "Best"},
        label="Quality",
        help="How much work goes into the picture: a draft takes a quarter to a third of the time "
        "of a good picture, the best one three times as long",
    )
    iterations: int = described(
        IntegerSetting,
        0,
        low=0,
        high=10_000,
        label="Iterations",
        help="How many times the picture is compared with photo and painting and improved, at "
        "all scales together; 0 leaves it to the quality",
    )
    scales: int = described(
        IntegerSetting,
        0,
        low=0,
        high=16,
        label="Scales",
        help="At how many sizes the picture is painted, from coarse to fine, each beginning with "
        "the one before: 1 paints it at its full size from the start, as the first paper does; "
        "0 leaves it to the quality",
    )
    size: int = described(
        IntegerSetting,
        512,
        low=32,
        high=16_384,
        label="Size",
        help="Longest side in pixels at which the picture is painted; the result is brought back "
        "to the photo's own size. Twice the size takes two to four times as long",
    )
    style_scale: float = described(
        NumberSetting,
        1.0,
        low=0.25,
        high=4.0,
        label="Stroke size",
        help="How large the painting is beside the photo, and with it the strokes: 2 makes them "
        "twice as large",
    )
    colours: Colours = described(
        ChoiceSetting,
        Colours.PAINTING,
        choices={
            Colours.PAINTING: "The painting's",
            Colours.PHOTO: "The photo's",
            Colours.MATCHED: "The painting's, matched to the photo",
        },
        label="Colours",
        help="Whose colours the picture has: the painting's, exactly the photo's (only light and "
        "dark are painted), or the painting's after they were matched to the photo's",
    )
    smoothness: float = described(
        NumberSetting,
        1.0,
        low=0.0,
        high=10.0,
        label="Smoothness",
        help="How strongly neighbouring pixels are made alike (total variation): 0 leaves all the "
        "grain of the paint, 10 smooths it away; it counts squared",
    )
    mode: Mode = described(
        ChoiceSetting,
        Mode.TRANSFER,
        choices={
            Mode.TRANSFER: "The photo in the painting's style",
            Mode.TEXTURE: "The painting's style alone",
            Mode.CONTENT: "The photo's content alone",
        },
        label="Paint",
        help="What is painted: transfer is the photo in the painting's style, texture the "
        "painting's style without a photo, content what the network remembers of the photo; the "
        "last two begin with noise",
    )
    tileable: bool = described(
        SwitchSetting,
        False,
        label="Tileable",
        help="Whether the picture goes on from each edge to the opposite one, so that copies of it "
        "can be laid side by side without a seam; for textures, and photos of such",
    )
    content_layers: str = described(
        LayersSetting,
        "relu4_2:1",
        label="Content layers",
        help="The layers of the network at which the picture is compared with the photo, each "
        "with its weight beside the others: deeper ones leave more freedom",
    )
    style_layers: str = described(
        LayersSetting,
        # The paper has them equal. The shallow layers, at every scale, make paint and strokes;
        # as strong as them, the deep ones cover flat places with a weave.
        "relu1_1:64,relu2_1:32,relu3_1:8,relu4_1:1,relu5_1:0.1",
        label="Style layers",
        help="The layers of the network at which the picture is compared with the painting, each "
        "with its weight beside the others: deeper ones bring larger forms",
    )
    style_loss: StyleLoss = described(
        ChoiceSetting,
        StyleLoss.WASSERSTEIN,
        choices={
            StyleLoss.WASSERSTEIN: "Wasserstein",
            StyleLoss.GRAM: "Gram matrix",
            StyleLoss.BATCH_NORM: "Mean and deviation",
            StyleLoss.MMD_LINEAR: "MMD, linear kernel",
            StyleLoss.MMD_POLYNOMIAL: "MMD, polynomial kernel",
            StyleLoss.MMD_GAUSSIAN: "MMD, Gaussian kernel",
        },
        label="Style loss",
        help="How picture and painting are compared: wasserstein keeps colours and strokes "
        "truest, gram is that of the first paper",
    )
    optimizer: Optimizer = described(
        ChoiceSetting,
        Optimizer.LBFGS,
        choices={
            Optimizer.LBFGS: "L-BFGS",
            Optimizer.SCIPY: "L-BFGS-B of SciPy",
            Optimizer.ADAM: "Adam",
            Optimizer.GRADIENT_DESCENT: "Gradient descent",
        },
        label="Optimizer",
        help="How the picture is improved: lbfgs gets furthest in the same time",
    )
    pooling: Pooling = described(
        ChoiceSetting,
        Pooling.MAX,
        choices={Pooling.AVERAGE: "Average", Pooling.MAX: "Maximum"},
        label="Pooling",
        help="How the network reduces its activations: maximum, which it was trained with, keeps "
        "more of the photo's detail, average gives calmer pictures",
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
        help="The picture that the painting-over begins with: the photo stays closest to it, "
        "noise gives the freest composition",
    )
    model: str = described(
        OpenChoiceSetting,
        Model.AUTO,
        choices={
            Model.AUTO: "The best at hand",
            Model.VGG19: "VGG-19",
            Model.VGG16: "VGG-16",
            Model.VGG19_BN: "VGG-19, batch norm",
            Model.VGG16_BN: "VGG-16, batch norm",
            Model.RESNET50: "ResNet-50",
            Model.VGG16_HED: "VGG-16 (embedded)",
        },
        others="the name of another classification network of torchvision",
        label="Model",
        help="The network that sees content and style; the best at hand is vgg19 where its "
        "weights are on the machine, else vgg16-hed; others are downloaded when first used",
    )
    precision: Precision = described(
        ChoiceSetting,
        Precision.AUTO,
        choices={
            Precision.AUTO: "The fastest at hand",
            Precision.FLOAT32: "32 bits",
            Precision.BFLOAT16: "16 bits (bfloat16)",
        },
        label="Precision",
        help="The numbers that the network calculates in: auto takes bfloat16 where the machine "
        "has instructions for it, else float32",
    )
    seed: int = described(
        IntegerSetting,
        0,
        low=0,
        high=2**31 - 1,
        label="Seed",
        help="Chooses the noise to start from; the same seed gives the same picture",
    )

    def __post_init__(self) -> None:
        for setting in SETTINGS:
            checked = setting.check(getattr(self, setting.name))
            object.__setattr__(self, setting.name, checked)

    @classmethod
    def from_json(cls, values: object) -> StyleSettings:
        """Settings from a JSON object; what it leaves out keeps its default.

        Raises:
            InvalidSettings: for a name that is no setting, or a value out of range. A misspelt
                name would otherwise be ignored in silence.
        """
        if not isinstance(values, dict):
            raise InvalidSettings("settings", f"Settings must be an object, not {values!r}.")
        for name in values:
            if name not in SETTINGS:
                known = ", ".join(sorted(setting.name for setting in SETTINGS))
                raise InvalidSettings(
                    str(name), f"There is no setting {name!r}; known are {known}."
                )
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """All settings as a JSON object that `from_json` takes back."""
        return asdict(self)


SETTINGS: Schema[Setting] = Schema(StyleSettings)
