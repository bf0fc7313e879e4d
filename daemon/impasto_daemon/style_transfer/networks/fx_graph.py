"""Any network whose layers torchvision can name: read at the nodes of its graph.

Where VGG is a chain of convolutions, others branch and merge. torchvision traces what a model
calculates (torch.fx) and names each node by its path, such as `layer3.0.add`, the merge of a
ResNet's block (He et al. 2016); it is run here node by node, as far as is wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node
from torch.nn import functional
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from impasto_daemon.style_transfer.networks.network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MIN_SIDE_PX,
    BeforeLayer,
    VisitLayer,
)
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import Pooling

RESIDUAL_STAND_INS: Mapping[str, str] = {
    "relu1_1": "relu",
    "relu2_1": "layer1.0.add",
    "relu3_1": "layer2.0.add",
    "relu4_1": "layer3.0.add",
    "relu4_2": "layer3.1.add",
    "relu5_1": "layer4.0.add",
}
"""What a ResNet has for the layers that VGG is usually read at: the same settings suit both."""

# Of a node's path, what tells people where it is: layer3.1, features.denseblock2.
_SHOWN_PARTS = 2


# Measured: each activation has a slope, and there is the loss with what it remembers.
_WITH_SLOPES = 2.2
_LOSS_BYTES = 800
_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class _Extractor:
    """A model as far as some nodes, and what it makes of each pixel."""

    graph: GraphModule
    bytes_per_pixel: float


class TracedNetwork:
    """A model of torchvision's, a `Network`; its weights never take a gradient.

    model: in its own layers zeros around a picture are replaced by the outermost positions, as in
        `vgg`, and maximum pooling by average pooling, where that is wanted.
    dtype: what it calculates and gives activations in; pictures are always float32 or better.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        pooling: Pooling,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._model = (
            _prepared(model, pooling).to(device, dtype).requires_grad_(False).train(mode=False)
        )
        self._model.to(memory_format=torch.channels_last)
        _, nodes = get_graph_node_names(self._model, suppress_diff_warning=True)
        self._nodes: list[str] = nodes[1:]  # the first is the picture
        has_blocks = set(RESIDUAL_STAND_INS.values()) <= set(self._nodes)
        self._stand_ins = RESIDUAL_STAND_INS if has_blocks else {}
        self._extractors: dict[frozenset[str], _Extractor] = {}
        weight = next(self._model.parameters())
        self._dtype = weight.dtype
        self._mean = weight.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        self._std = weight.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and pictures must be."""
        return self._mean.device

    @property
    def number_bytes(self) -> int:
        """The bytes of each number that it calculates with."""
        return self._dtype.itemsize

    @property
    def layers(self) -> list[str]:
        """The paths of its parts, the shallowest first: such a path means the part's last node."""
        shown = (".".join(node.split(".")[:_SHOWN_PARTS]) for node in self._nodes)
        return list(dict.fromkeys(shown))

    @property
    def can_tile(self) -> bool:
        """Not known: how far a node reaches depends on all that is before it."""
        return False

    def untiled_bytes(self, layers: Collection[str]) -> float:
        """The bytes for each pixel of activations at and above `layers`, and of their slopes.

        Raises:
            InvalidSettings: as `read` does.
        """
        nodes = frozenset(node for layer in layers if (node := self._node(layer)))
        made_bytes = self._extractor(nodes).bytes_per_pixel if nodes else 0.0
        return _LOSS_BYTES + _WITH_SLOPES * made_bytes

    def has(self, layer: str) -> bool:
        """Whether there is a node, or a part, of that name."""
        return self._node(layer) is not None

    def read(
        self, rgb: Tensor, layers: Collection[str], visit: VisitLayer, before_layer: BeforeLayer
    ) -> None:
        """Shows `visit` the activation at each of `layers`; nothing beyond the deepest is computed.

        Raises:
            ValueError: for a layer that the network lacks.
            InvalidSettings: where the network cannot look at pictures of any size, or the layer
                has not a row and a column for each few of the picture's.
        """
        names: dict[str, list[str]] = {}
        for layer in layers:
            node = self._node(layer)
            if node is None:
                raise ValueError(f"The network has no layer {layer}")
            names.setdefault(node, []).append(layer)
        if not names:
            return
        extractor = self._extractor(frozenset(names))
        normalised = ((rgb - self._mean) / self._std).to(
            self._dtype, memory_format=torch.channels_last
        )
        _Reading(extractor.graph, names, visit, before_layer).run(normalised)

    def reduced(self, mask: Tensor, _layer: str, height: int, width: int) -> Tensor:
        """`mask` (1, 1, H, W) of a picture as one of a layer that has height × width of it."""
        return functional.interpolate(mask, (height, width), mode="area")

    def _node(self, layer: str) -> str | None:
        """The node of that name, the last one in the part of that name, or what stands for it."""
        layer = self._stand_ins.get(layer, layer)
        if layer in self._nodes:
            return layer
        return next((node for node in reversed(self._nodes) if node.startswith(f"{layer}.")), None)

    def _extractor(self, nodes: frozenset[str]) -> _Extractor:
        """The model as far as `nodes`, tried out with a small picture."""
        if nodes not in self._extractors:
            graph: GraphModule = create_feature_extractor(
                self._model, sorted(nodes), suppress_diff_warning=True
            ).train(mode=False)
            self._extractors[nodes] = _Extractor(graph, self._try_out(graph, nodes))
        return self._extractors[nodes]

    def _try_out(self, graph: GraphModule, nodes: Collection[str]) -> float:
        """How many bytes of activations it makes of each pixel, with float32."""
        sizes: dict[str, Sequence[int]] = {}
        blank = self._mean.expand(1, 3, MIN_SIDE_PX, 3 * MIN_SIDE_PX // 2)
        names = {node: [node] for node in nodes}
        try:
            with torch.no_grad():
                reading = _Reading(
                    graph, names, lambda node, seen: sizes.update({node: seen.shape})
                )
                reading.run(blank)
        except (RuntimeError, AssertionError, ValueError) as error:
            raise InvalidSettings(
                "model",
                f"This model cannot look at pictures of any size ({error}). Choose another one, "
                "or shallower layers.",
            ) from error
        for node in sorted(nodes):
            size = sizes.get(node, ())
            if len(size) != 4 or not size[2] <= size[3] <= 2 * size[2]:
                raise InvalidSettings(
                    "model",
                    f"The model's layer {node} has no rows and columns of its own "
                    f"({' × '.join(map(str, size)) or 'no numbers'}). Choose another one.",
                )
        return reading.numbers * _FLOAT32_BYTES / (blank.shape[2] * blank.shape[3])


class _Reading(Interpreter):
    """One run of a graph, node after node; each wanted one is shown as soon as it is there.

    names: what each wanted node is called.
    numbers: how many have been calculated, but for those that took the place of others.
    """

    def __init__(
        self,
        graph: GraphModule,
        names: Mapping[str, Sequence[str]],
        visit: VisitLayer,
        before_layer: BeforeLayer = lambda: None,
    ) -> None:
        super().__init__(graph)
        self.extra_traceback = False  # it would change what the errors say
        (wanted,) = next(node for node in graph.graph.nodes if node.op == "output").args
        self._names = {node: names[name] for name, node in wanted.items()}
        self._visit = visit
        self._before_layer = before_layer
        self.numbers = 0

    def run_node(self, node: Node) -> Any:
        """What the node makes of those before it."""
        self._before_layer()
        found = super().run_node(node)
        if not isinstance(found, Tensor):
            return found
        if not any(_share_memory(found, self.env[before]) for before in node.all_input_nodes):
            self.numbers += found.numel()
        if found.requires_grad:
            found.register_hook(lambda _: self._before_layer())  # type: ignore[no-untyped-call]
        for name in self._names.get(node, ()):
            # The next node may change it in place, as the ReLU after a merge does.
            self._visit(name, found.clone())
        return found


def _share_memory(one: Tensor, other: object) -> bool:
    return (
        isinstance(other, Tensor)
        and one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
    )


def _prepared(model: nn.Module, pooling: Pooling) -> nn.Module:
    model.train(mode=False)
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros":
            module.padding_mode = "replicate"
        for name, child in module.named_children():
            if pooling is Pooling.AVERAGE and isinstance(child, nn.MaxPool2d):
                setattr(module, name, _averaging(child))
    return model


def _averaging(pool: nn.MaxPool2d) -> nn.AvgPool2d:
    return nn.AvgPool2d(
        pool.kernel_size,
        pool.stride,
        pool.padding,
        ceil_mode=pool.ceil_mode,
        count_include_pad=False,
    )
