"""Runs inside GIMP: the plug-in in every situation of SITUATIONS, and a report of each as JSON.

One start of GIMP does them all, because a start takes longer than all of them together.
"""

from __future__ import annotations

import json
import math
import operator
import os
import traceback
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from gi.repository import Gegl, Gimp, Gio, GLib

from impasto_gimp.dialogs.daemon_work import DaemonWork
from impasto_gimp.dialogs.gimp_progress import ProgressBar
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.image import layer_reader, layer_writer
from impasto_gimp.image.canvas_view import CanvasView
from impasto_gimp.image.painted_area import painted_area, whole
from impasto_gimp.image.painted_frames import PaintedFrames, frames_of
from impasto_gimp.image.paintings import style_file, styles
from impasto_gimp.image.profile.kept_results import KeptResults
from impasto_gimp.image.profile.pending_choice import PendingChoice
from impasto_gimp.image.region_mask import Region, new_layers_mask
from impasto_gimp.image.result_layer import (
    recipe_of_result,
    restored_region,
    result_of,
    source_of_result,
)
from impasto_gimp.image.selection_region import kept_selection, values_of
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.session import Session
from impasto_gimp.procedures.delivery import deliver, deliver_frames
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

PROCEDURE = "plug-in-impasto-neural-style"
AGAIN = "plug-in-impasto-neural-style-again"
LARGER = "plug-in-impasto-finish-larger"
TEXTURE = "plug-in-impasto-texture"
EXPLORE = "plug-in-impasto-explore"
ALL_LAYERS = "plug-in-impasto-all-layers"
HERE = Path(__file__).parent
STYLE = HERE / "style.png"

_MOST_WINDOWS = 100
# The image in the window, if there is one.
_shown: Any = None

Report = dict[str, Any]
SITUATIONS: dict[str, Callable[[], Report]] = {}


def situation(function: Callable[[], Report]) -> Callable[[], Report]:
    """Adds a function to SITUATIONS by its name."""
    SITUATIONS[function.__name__] = function
    return function


def main(report_file: str) -> None:
    """Writes what happened in every situation, an exception included."""
    Gegl.init(None)
    write_layered_style()
    report: Report = {"procedure": describe_procedure()}
    for name, run in SITUATIONS.items():
        try:
            report[name] = run()
        except Exception:  # noqa: BLE001 - the report continues; the test of this one fails
            report[name] = {"traceback": traceback.format_exc()}
    Path(report_file).write_text(json.dumps(report))


def paint(
    report_file: str, photo_file: str, style_file: str, painted_file: str, iterations: int = 20
) -> None:
    """Paints a photo; writes what happened, and the painting as a picture."""
    Gegl.init(None)
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo_file))
    report = stylize(image.get_layers(), Path(style_file), size=128, iterations=iterations)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(painted_file), None)
    report["layers"] = [layer.get_name() for layer in image.get_layers()]
    Path(report_file).write_text(json.dumps(report))


def describe_procedure() -> Report:
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    return {
        "label": procedure.get_menu_label(),
        "paths": procedure.get_menu_paths(),
        "arguments": {
            argument.name: {
                "help": argument.get_blurb(),
                "default": None if argument.name == "style" else argument.get_default_value(),
                "range": [getattr(argument, "minimum", None), getattr(argument, "maximum", None)],
            }
            for argument in procedure.get_arguments()[3:]
        },
    }


# --- images to work on ----------------------------------------------------------------------


def new_image(
    base_type: Any = Gimp.ImageBaseType.RGB, precision: Any = Gimp.Precision.U8_NON_LINEAR
) -> Any:
    return Gimp.Image.new_with_precision(60, 40, base_type, precision)


def add_layer(image: Any, width: int, height: int, *, alpha: bool, parent: Any = None) -> Any:
    """Adds a layer named Photo whose pixels all differ from their neighbours."""
    kinds = {
        Gimp.ImageBaseType.RGB: (Gimp.ImageType.RGB_IMAGE, Gimp.ImageType.RGBA_IMAGE),
        Gimp.ImageBaseType.GRAY: (Gimp.ImageType.GRAY_IMAGE, Gimp.ImageType.GRAYA_IMAGE),
    }
    kind = kinds[image.get_base_type()][alpha]
    layer = Gimp.Layer.new(image, "Photo", width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, 0)
    count = width * height * 4
    values = array("H", ((index * 40_503 + index // 4 * 977) % 65_536 for index in range(count)))
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), "R'G'B'A u16", values.tobytes())
    buffer.flush()
    return layer


def write_layered_style() -> None:
    image = new_image()
    add_layer(image, 20, 20, alpha=False).set_offsets(3, 4)
    add_layer(image, 10, 10, alpha=True)
    Gimp.file_save(
        Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(HERE / "style.xcf")), None
    )
    image.delete()


def open_window(file: str) -> None:
    """Shows the image in `file` in a window, as one that needs no saving."""
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(file))
    image.undo_enable()  # File > Open does it, and a load by a script does not
    image.clean_all()
    Gimp.Display.new(image)
    global _shown
    _shown = image


def save_shown(file: str) -> None:
    """Writes the image in the window to a file."""
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, _shown, Gio.File.new_for_path(file), None)


def shown_layers() -> list[Any]:
    """Returns the layers of the image in the window."""
    layers: list[Any] = _shown.get_layers()
    return layers


def shown_channels() -> list[str]:
    """Returns the names of the channels of the image in the window."""
    return [channel.get_name() for channel in _shown.get_channels()]


def shown_state() -> list[Any]:
    """Returns the number of layers of the image in the window, and whether it is unsaved."""
    return [len(_shown.get_layers()), _shown.is_dirty()]


def selected() -> list[str]:
    """Returns the names of what is selected in the image in the window."""
    return [item.get_name() for item in _shown.get_selected_drawables()]


def add_frame() -> None:
    """Adds a copy of the only layer to the image in the window, as a second frame."""
    copy = shown_layers()[0].copy()
    copy.set_name("Second")
    _shown.insert_layer(copy, None, 0)
    _shown.clean_all()


def remove_frame() -> None:
    """Ends what `add_frame` began."""
    _shown.remove_layer(shown_layers()[0])
    _shown.clean_all()


def delete_layer() -> None:
    """Deletes the topmost layer of the image in the window, in an undo step."""
    _shown.remove_layer(shown_layers()[0])


def select_outside_of_a_small_layer() -> None:
    """Adds a small layer to the image in the window, and selects what it does not cover."""
    _shown.set_selected_layers([add_layer(_shown, 40, 30, alpha=False)])
    _shown.select_rectangle(Gimp.ChannelOps.REPLACE, 100, 100, 50, 50)


def thumbnail(scale: int) -> Report:
    """Describes the gallery's picture of a painting, for a screen of `scale` times the pixels."""
    from impasto_gimp.dialogs.paintings.model import ICON, Paintings
    from impasto_gimp.introspection import GdkPixbuf

    paintings = Paintings(None, scale)
    while not paintings.is_complete:
        GLib.MainContext.default().iteration(True)
    stream, _ = paintings.model[0][ICON].load(0, None)
    pixbuf = GdkPixbuf.Pixbuf.new_from_stream(stream, None)
    width, height = pixbuf.get_width(), pixbuf.get_height()
    bilinear = GdkPixbuf.InterpType.BILINEAR
    halved = pixbuf.scale_simple(width // 2, height // 2, bilinear)
    enlarged = halved.scale_simple(width, height, bilinear)
    return {
        "size": [width, height],
        "detail": _detail(pixbuf),
        "detail_if_enlarged": _detail(enlarged),
    }


def words_about_a_layer(base_type: str) -> str:
    """Returns what the dialog says about a layer of an image of this kind."""
    from impasto_gimp.dialogs.layer_row import LayerRow
    from impasto_gimp.introspection_gtk import Gtk

    layer = add_layer(new_image(getattr(Gimp.ImageBaseType, base_type)), 8, 8, alpha=False)
    row = LayerRow(layer, 1)
    row.show(whole(layer))
    layer.get_image().delete()
    labels = [child for child in row.widget.get_children() if isinstance(child, Gtk.Label)]
    words: str = labels[0].get_text()
    return words


def rename_layer(name: str) -> str:
    """Gives the topmost layer of the image in the window a name, and returns its former one."""
    layer = _shown.get_layers()[0]
    former: str = layer.get_name()
    layer.set_name(name)
    _shown.clean_all()
    return former


def _detail(pixbuf: Any) -> int:
    """Returns the sum of the differences of neighbours in all rows."""
    pixels, stride = pixbuf.get_pixels(), pixbuf.get_rowstride()
    channels, width = pixbuf.get_n_channels(), pixbuf.get_width()
    rows = (pixels[y * stride : y * stride + width * channels] for y in range(pixbuf.get_height()))
    return sum(
        abs(one - other)
        for row in rows
        for one, other in zip(row[:-channels], row[channels:], strict=True)
    )


def select_two_layers() -> None:
    """Adds a small layer to the image in the window, and selects both."""
    layers = [add_layer(_shown, 40, 30, alpha=False), *_shown.get_layers()[-1:]]
    _shown.set_selected_layers(layers)
    _shown.clean_all()


def grid_of_newest_layer(count: int) -> list[int]:
    """Returns the mean green of blocks of the top layer of the image in the window.

    count: the number of blocks, as many in a row as in a column.
    """
    side = math.isqrt(count)
    layer = shown_layers()[0]
    width, height = layer.get_width(), layer.get_height()
    pixels = layer_bytes(layer, "R'G'B' u8")
    means = []
    for row in range(side):
        for column in range(side):
            left, right = (width * edge // side for edge in (column, column + 1))
            top, bottom = (height * edge // side for edge in (row, row + 1))
            block = b"".join(
                pixels[(y * width + left) * 3 : (y * width + right) * 3] for y in range(top, bottom)
            )
            means.append(sum(block[1::3]) // len(block[1::3]))
    return means


def select_left_half() -> None:
    """Selects the left half of the image in the window."""
    half = (_shown.get_width() // 2, _shown.get_height())
    _shown.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, *half)
    _shown.clean_all()


def select_nothing() -> None:
    """Ends what `select_left_half` began."""
    Gimp.Selection.none(_shown)
    _shown.clean_all()


def select_something() -> None:
    """Selects the topmost layer if GIMP has none selected, as after some undo steps."""
    if not (_shown.get_selected_layers() or _shown.get_selected_channels()):
        _shown.set_selected_layers(shown_layers()[:1])


def open_painting() -> None:
    """Opens an image with a red layer, without a window."""
    new_painting(new_image())


def close_painting() -> None:
    """Ends what `open_painting` began."""
    for image in Gimp.get_images():
        if image.get_layers()[0].get_name() == "Canvas":
            image.delete()


def names_in_newest_image() -> list[str]:
    """Returns the names of the layers of the image that was opened last."""
    newest = max(Gimp.get_images(), key=lambda image: image.get_id())
    return [layer.get_name() for layer in newest.get_layers()]


def close_newest_window() -> None:
    """Closes the window that was opened last, and its image."""
    windows = filter(Gimp.Display.id_is_valid, range(1, _MOST_WINDOWS))
    Gimp.Display.get_by_id(max(windows)).delete()


# --- running and looking --------------------------------------------------------------------


def stylize(
    drawables: list[Any],
    style: Path | None = STYLE,
    procedure: str = PROCEDURE,
    **arguments: Any,
) -> Report:
    """Runs the procedure without a dialog; says how it ended and what it did to the image."""
    return run_procedure(procedure, drawables[0].get_image(), drawables, style, **arguments)


def run_procedure(
    procedure: str, image: Any, drawables: list[Any], style: Path | None = STYLE, **arguments: Any
) -> Report:
    """Runs the procedure on an image, with any number of drawables."""
    before = describe(image)
    image.clean_all()
    config = Gimp.get_pdb().lookup_procedure(procedure).create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    if style is not None:
        config.set_property("style", Gio.File.new_for_path(str(style)))
    for name, value in arguments.items():
        config.set_property(name.replace("_", "-"), value)
    images_before, forgotten_before = len(Gimp.get_images()), len(forgotten())
    result = Gimp.get_pdb().lookup_procedure(procedure).run(config)
    status = result.index(0)
    succeeded = status == Gimp.PDBStatusType.SUCCESS
    return {
        "succeeded": succeeded,
        "failed": status == Gimp.PDBStatusType.EXECUTION_ERROR,
        "message": Gimp.get_pdb().get_last_error(),
        "untouched": describe(image) == before and not image.is_dirty(),
        "images_left_open": len(Gimp.get_images()) - images_before,
        "forgotten": len(forgotten()) - forgotten_before,
        "results": len(list((Path.home() / ".cache/impasto/results").glob("*.json"))),
        "sheet": describe_sheet(result.index(1)) if succeeded and procedure == EXPLORE else None,
    }


def forgotten() -> list[str]:
    """Returns the jobs that the daemon was told to forget."""
    file = Path(os.environ["XDG_RUNTIME_DIR"]) / "impasto/forgotten"
    return file.read_text().splitlines() if file.exists() else []


def describe(image: Any) -> list[Any]:
    return [describe_layer(layer) for layer in image.get_layers()]


def describe_layer(layer: Any) -> Report:
    children = layer.get_children() if layer.is_group() else []
    return {
        "id": layer.get_id(),
        "name": layer.get_name(),
        "size": [layer.get_width(), layer.get_height()],
        "offsets": list(layer.get_offsets()[1:]),
        "pixels": None if layer.is_group() else hash(layer_bytes(layer, "R'G'B'A float")),
        "children": [describe_layer(child) for child in children],
    }


def layer_bytes(layer: Any, pixel_format: str) -> bytes:
    area = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
    pixels: bytes = layer.get_buffer().get(area, 1.0, pixel_format, Gegl.AbyssPolicy.NONE)
    return pixels


def compare(source: Any, painting: Any = None) -> Report:
    """Compares a painting, the layer above `source`, with the inverted source."""
    image = source.get_image()
    parent = source.get_parent()
    siblings = parent.get_children() if parent else image.get_layers()
    painting = painting or siblings[image.get_item_position(source) - 1]
    before = array("f", layer_bytes(source, "R'G'B'A float"))
    after = array("f", layer_bytes(painting, "R'G'B'A float"))
    differences: list[float] = []
    for channel in range(3):
        pairs = zip(before[channel::4], after[channel::4], before[3::4], strict=True)
        differences += [abs(1 - old - new) for old, new, alpha in pairs if alpha > 0]
    return {
        "number_of_new_layers": len(siblings) - 1,
        "name": painting.get_name(),
        "same_size": [painting.get_width(), painting.get_height()]
        == [source.get_width(), source.get_height()],
        "same_offsets": painting.get_offsets()[1:] == source.get_offsets()[1:],
        "same_type": painting.get_image() == image and painting.type() == source.type(),
        "same_alpha": before[3::4] == after[3::4],
        "greatest_difference": max(differences),
        "normal": painting.get_mode() == Gimp.LayerMode.NORMAL and painting.get_opacity() == 100.0,
        "dirty": image.is_dirty(),
        **compare_mask(source, painting),
    }


def compare_mask(source: Any, painting: Any) -> Report:
    """Returns whether the painting's mask equals GIMP's own mask of the selection."""
    mask = painting.get_mask()
    if Gimp.Selection.is_empty(source.get_image()):
        return {"has_right_mask": mask is None}
    selected = layer_bytes(source.create_mask(Gimp.AddMaskType.SELECTION), "Y float")
    values = set(array("f", selected))
    return {
        "has_right_mask": mask is not None
        and layer_bytes(mask, "Y float") == selected
        and not painting.get_edit_mask(),
        "values_of_the_mask": len(values),
    }


def stylize_and_compare(source: Any, **arguments: Any) -> Report:
    return {**stylize([source], **arguments), **compare(source)}


# --- situations that work -------------------------------------------------------------------


@situation
def daemon_is_started() -> Report:
    return stylize_and_compare(add_layer(new_image(), 60, 40, alpha=False))


@situation
def alpha() -> Report:
    return stylize_and_compare(add_layer(new_image(), 60, 40, alpha=True))


@situation
def one_pixel() -> Report:
    return stylize_and_compare(add_layer(new_image(), 1, 1, alpha=True))


@situation
def tall() -> Report:
    return stylize_and_compare(add_layer(new_image(), 3, 5000, alpha=False))


@situation
def gray() -> Report:
    return stylize_and_compare(add_layer(new_image(Gimp.ImageBaseType.GRAY), 9, 9, alpha=False))


@situation
def gray_alpha() -> Report:
    return stylize_and_compare(add_layer(new_image(Gimp.ImageBaseType.GRAY), 9, 9, alpha=True))


def precision(name: str) -> None:
    def run() -> Report:
        image = new_image(precision=getattr(Gimp.Precision, name))
        return stylize_and_compare(add_layer(image, 20, 20, alpha=True))

    SITUATIONS[f"precision_{name}"] = run


for _name in (
    "U8_NON_LINEAR",
    "U16_LINEAR",
    "U16_NON_LINEAR",
    "U16_PERCEPTUAL",
    "U32_NON_LINEAR",
    "HALF_NON_LINEAR",
    "FLOAT_LINEAR",
    "FLOAT_NON_LINEAR",
    "DOUBLE_LINEAR",
):
    precision(_name)


@situation
def larger_than_the_image() -> Report:
    layer = add_layer(new_image(), 100, 90, alpha=False)
    layer.set_offsets(-20, -30)
    return stylize_and_compare(layer)


@situation
def offset() -> Report:
    layer = add_layer(new_image(), 10, 10, alpha=True)
    layer.set_offsets(25, 15)
    return stylize_and_compare(layer)


def with_a_selection(name: str, precision: Any, size: tuple[int, int], x: int, y: int) -> None:
    """Selects a soft ellipse of an image that a layer covers partly or entirely."""

    def run() -> Report:
        image = new_image(precision=precision)
        layer = add_layer(image, *size, alpha=False)
        layer.set_offsets(x, y)
        image.select_ellipse(Gimp.ChannelOps.REPLACE, 12, 10, 30, 20)
        Gimp.Selection.feather(image, 6)
        return stylize_and_compare(layer)

    SITUATIONS[f"selection_{name}"] = run


with_a_selection("of_a_part", Gimp.Precision.U8_NON_LINEAR, (60, 40), 0, 0)
with_a_selection("of_a_small_layer", Gimp.Precision.U8_NON_LINEAR, (20, 10), 15, 12)
with_a_selection("of_a_large_layer", Gimp.Precision.FLOAT_LINEAR, (70, 60), -5, -10)


def add_filter(layer: Any, operation: str) -> Any:
    """Adds a non-destructive filter to a layer, as a user does in GIMP."""
    effect = Gimp.DrawableFilter.new(layer, operation, operation)
    layer.append_filter(effect)
    return effect


def greatest_difference(before: bytes, after: bytes) -> float:
    """Compares two buffers of floats of the same length."""
    pairs = zip(array("f", before), array("f", after), strict=True)
    return max(abs(old - new) for old, new in pairs)


def stylize_filtered(source: Any) -> Report:
    """Paints a layer that an inverting filter changes: the scripted daemon inverts it again."""
    before = layer_bytes(source, "R'G'B'A float")
    effects = len(source.get_filters())
    report = stylize([source])
    after = layer_bytes(source.get_image().get_layers()[0], "R'G'B'A float")
    return {
        **report,
        "greatest_difference": greatest_difference(before, after),
        "has_lost_filters": len(source.get_filters()) != effects,
    }


def filtered(name: str, precision: Any, *, alpha: bool, width: int = 30) -> None:
    def run() -> Report:
        source = add_layer(new_image(precision=precision), width, 20, alpha=alpha)
        add_filter(source, "gegl:invert-gamma")
        source.set_opacity(40.0)
        source.add_mask(source.create_mask(Gimp.AddMaskType.BLACK))
        source.set_apply_mask(False)
        return stylize_filtered(source)

    SITUATIONS[f"filtered_{name}"] = run


filtered("8_bits", Gimp.Precision.U8_NON_LINEAR, alpha=False)
filtered("16_bits", Gimp.Precision.U16_NON_LINEAR, alpha=True)
filtered("float", Gimp.Precision.FLOAT_LINEAR, alpha=True)
filtered("larger_than_the_image", Gimp.Precision.U8_NON_LINEAR, alpha=True, width=100)


@situation
def filtered_group() -> Report:
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    add_layer(image, 30, 20, alpha=False, parent=group).set_offsets(7, 8)
    add_filter(group, "gegl:invert-gamma")
    group.set_opacity(40.0)
    return stylize_filtered(group)


@situation
def text_layer() -> Report:
    image = new_image()
    font, unit = Gimp.context_get_font(), Gimp.Unit.pixel()
    text = Gimp.TextLayer.new(image, "Text", font, 20.0, unit)
    image.insert_layer(text, None, 0)
    return stylize_and_compare(text)


@situation
def link_layer() -> Report:
    """Paints a layer that shows another file, which only GIMP 3.2 has."""
    image = new_image()
    if not hasattr(Gimp, "LinkLayer"):
        return stylize_and_compare(add_layer(image, 9, 9, alpha=True))
    link = Gimp.LinkLayer.new(image, Gio.File.new_for_path(str(STYLE)))
    image.insert_layer(link, None, 0)
    return stylize_and_compare(link)


@situation
def vector_layer() -> Report:
    """Paints a layer that shows a path, which only GIMP 3.2 has."""
    image = new_image()
    if not hasattr(Gimp, "VectorLayer"):
        return stylize_and_compare(add_layer(image, 9, 9, alpha=True))
    path = Gimp.Path.new(image, "Triangle")
    stroke = path.bezier_stroke_new_moveto(5, 5)
    for corner in ((50, 8), (30, 30)):
        path.bezier_stroke_lineto(stroke, *corner)
    path.stroke_close(stroke)
    image.insert_path(path, None, 0)
    layer = Gimp.VectorLayer.new(image, path)
    image.insert_layer(layer, None, 0)
    layer.set_enable_fill(True)
    layer.set_fill_color(Gegl.Color.new("red"))
    layer.refresh()
    colours = {layer_bytes(layer, "R'G'B'A u8")[pixel:][:4] for pixel in range(0, 4 * 900, 4)}
    return {**stylize_and_compare(layer), "is_filled": b"\xff\0\0\xff" in colours}


def metadata_of(image: Any) -> str:
    metadata: str = image.get_metadata().serialize()
    return metadata


@situation
def photo_that_lies() -> Report:
    """Loads a photo that its camera marks as turned: as scripts do, upright, and turned by hand."""

    def loaded(name: str) -> Any:
        file = Gio.File.new_for_path(str(HERE / name))
        return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)

    upright, by_hand = loaded("turned.jpg"), loaded("turned.jpg")
    upright.policy_rotate(False)
    by_hand.rotate(Gimp.RotationType.DEGREES90)
    report = stylize(upright.get_layers())
    painting = upright.get_layers()[0]
    return {
        **report,
        "size": [painting.get_width(), painting.get_height()],
        "can_be_told": metadata_of(by_hand) != metadata_of(loaded("turned_tall.jpg")),
        "is_marked": "Orientation" in metadata_of(by_hand),
    }


@situation
def filter_that_enlarges() -> Report:
    """Paints a layer with a drop shadow, which leaves the pixels of the layer alone."""
    source = add_layer(new_image(), 30, 20, alpha=False)
    source.set_offsets(5, 6)
    add_filter(source, "gegl:dropshadow")
    return stylize_and_compare(source)


@situation
def filter_that_is_off() -> Report:
    source = add_layer(new_image(), 30, 20, alpha=False)
    add_filter(source, "gegl:invert-gamma").set_visible(False)
    return stylize_and_compare(source)


@situation
def filtered_style_and_region() -> Report:
    image = new_image()
    source = add_layer(image, 10, 4, alpha=False)
    region = Gimp.Layer.new(
        image, "Region", 10, 4, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL
    )
    image.insert_layer(region, None, -1)
    fill(region, "R'G'B' u8", bytes(3), (0, 0, 10, 4))
    fill(region, "R'G'B' u8", b"\xff" * 3, (0, 0, 4, 4))
    painting = new_painting(image)
    region.add_alpha()
    for layer in (painting, region):
        add_filter(layer, "gegl:invert-gamma")
    add_filter(region, "gegl:dropshadow")
    report = stylize(
        [source],
        None,
        style_layer=painting,
        style_region=region,
        style_2=Gio.File.new_for_path(str(STYLE)),
    )
    return {**report, "styles": given_styles()}


@situation
def masked_style_and_region() -> Report:
    """Uses a painting and an opaque region, of which masks hide the top and the right."""
    image = new_image()
    source = add_layer(image, 10, 4, alpha=False)
    region = Gimp.Layer.new(
        image, "Region", 10, 4, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL
    )
    image.insert_layer(region, None, -1)
    fill(region, "R'G'B' u8", bytes(3), (0, 0, 10, 4))
    painting = new_painting(image)
    for layer, shown in ((region, (0, 0, 4, 4)), (painting, (0, 5, 20, 5))):
        mask = layer.create_mask(Gimp.AddMaskType.BLACK)
        layer.add_mask(mask)
        fill(mask, "Y float", array("f", [1.0]).tobytes(), shown)
    report = stylize(
        [source],
        None,
        style_layer=painting,
        style_region=region,
        style_2=Gio.File.new_for_path(str(STYLE)),
    )
    small = layer_reader.read_small_painting(painting, 10)
    given = given_styles()
    masks = [layer.get_mask() is not None for layer in (region, painting)]
    file = Gio.File.new_for_path(str(HERE / "masked.xcf"))
    for layer in image.get_layers():
        if layer != painting:
            image.remove_layer(layer)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    only_painting = style_file.read_style(file)
    return {
        **report,
        "styles": given,
        "masks_remain": masks == [True, True],
        "alpha": [[picture.pixels[3], picture.pixels[-1]] for picture in (small, only_painting)],
    }


@situation
def filtered_style_file() -> Report:
    """Reads a style image whose only layer has a pixelizing filter, at full size and reduced."""
    image = new_image()
    layer = add_layer(image, 40, 40, alpha=False)
    fill(layer, "R'G'B' u8", bytes(3), (0, 0, 40, 40))
    fill(layer, "R'G'B' u8", b"\xff" * 3, (0, 0, 5, 40))
    effect = Gimp.DrawableFilter.new(layer, "gegl:pixelize", "Pixelize")
    for name in ("size-x", "size-y"):
        effect.get_config().set_property(name, 10)
    layer.append_filter(effect)
    file = Gio.File.new_for_path(str(HERE / "filtered.xcf"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    image.delete()
    pictures = [style_file.read_style(file, side) for side in (None, 20)]
    return {"means": [sum(picture.pixels[: 3 * picture.width]) for picture in pictures]}


@situation
def filtered_wide_gamut() -> Report:
    """Compares what is read with the filters merged by GIMP in a copy of the image."""
    image = new_image()
    profile = Gimp.ColorProfile.new_rgb_adobe()
    image.set_color_profile(profile)
    layer = add_layer(image, 30, 20, alpha=False)
    add_filter(layer, "gegl:invert-gamma")
    copy = image.duplicate()
    copy.get_layers()[0].merge_filters()
    merged = layer_bytes(copy.get_layers()[0], "R'G'B' u8")
    copy.delete()
    return {"is_equal": bytes(layer_reader.read_pixels(whole(layer)).pixels) == merged}


@situation
def thumbnails() -> Report:
    """Reads reduced copies of layers that a filter inverts."""
    first_pixels = []
    for precision in (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U16_NON_LINEAR):
        layer = add_layer(new_image(precision=precision), 40, 20, alpha=False)
        fill(layer, "R'G'B' u8", bytes([10, 20, 30]), (0, 0, 40, 20))
        add_filter(layer, "gegl:invert-gamma")
        add_filter(layer, "gegl:dropshadow")
        layer.update(0, 0, 40, 20)
        for read in (layer_reader.read_small, layer_reader.read_scaled_down):
            reduced = read(whole(layer), 20)
            first_pixels.append([reduced.width, reduced.height, *reduced.pixels[:3]])
    return {"first_pixels": first_pixels}


def masked(name: str, *, is_selected: bool) -> None:
    """Paints a layer with a mask of a soft edge."""

    def run() -> Report:
        image = new_image()
        source = add_layer(image, 60, 40, alpha=False)
        mask = source.create_mask(Gimp.AddMaskType.WHITE)
        source.add_mask(mask)
        fill(mask, "Y float", array("f", [0.25]).tobytes(), (0, 0, 30, 40))
        if is_selected:
            image.select_ellipse(Gimp.ChannelOps.REPLACE, 12, 10, 30, 20)
            Gimp.Selection.feather(image, 6)
        opacity = array("f", layer_bytes(mask, "Y float"))
        if is_selected:
            selected = layer_bytes(source.create_mask(Gimp.AddMaskType.SELECTION), "Y float")
            opacity = array("f", map(operator.mul, opacity, array("f", selected)))
        report = stylize([source])
        painting = image.get_layers()[0]
        difference = greatest_difference(
            opacity.tobytes(), layer_bytes(painting.get_mask(), "Y float")
        )
        return {**report, "mask_difference": difference}

    SITUATIONS[f"masked_{name}"] = run


masked("layer", is_selected=False)
masked("layer_with_a_selection", is_selected=True)


def place_of(layer: Any) -> list[int]:
    """Returns left, top, width and height of a layer in its image."""
    return [*layer.get_offsets()[1:], layer.get_width(), layer.get_height()]


@situation
def selection_as_place() -> Report:
    """Selects a small soft ellipse of a large layer, which has a filter and begins elsewhere."""
    image = Gimp.Image.new(400, 300, Gimp.ImageBaseType.RGB)
    source = add_layer(image, 400, 300, alpha=False)
    source.set_offsets(10, 5)
    add_filter(source, "gegl:invert-gamma")
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 140, 40, 30)
    Gimp.Selection.feather(image, 4)
    report = stylize([source], size=32)
    painting = image.get_layers()[0]
    place = place_of(painting)
    larger = stylize([painting], None, LARGER, size=64)
    x, y, width, height = place
    area = Gegl.Rectangle.new(x - 10, y - 5, width, height)
    mask = source.create_mask(Gimp.AddMaskType.SELECTION)

    def part(drawable: Any, pixel_format: str) -> bytes:
        pixels: bytes = drawable.get_buffer().get(area, 1.0, pixel_format, Gegl.AbyssPolicy.NONE)
        return pixels

    return {
        **report,
        "bounds": list(Gimp.Selection.bounds(image)[2:]),
        "place": place,
        "larger": larger["message"],
        "place_of_larger": place_of(image.get_layers()[0]),
        # The filter inverts, and so does the daemon.
        "same_pixels": layer_bytes(painting, "R'G'B' u8") == part(source, "R'G'B' u8"),
        "same_mask": layer_bytes(painting.get_mask(), "Y float") == part(mask, "Y float"),
    }


@situation
def area_of_a_deleted_layer() -> Report:
    image = new_image()
    layer = add_layer(image, 9, 9, alpha=False)
    image.remove_layer(layer)
    try:
        painted_area(layer)
    except ImpastoError as error:
        return {"message": str(error)}
    return {"message": "nothing was wrong"}


@situation
def selection_elsewhere() -> Report:
    image = new_image()
    layer = add_layer(image, 20, 20, alpha=False)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 25, 10, 10)
    return stylize([layer])


@situation
def channel_of_the_only_layer() -> Report:
    """Paints with the channel selected to which a selection was saved, as GIMP leaves it."""
    image = new_image()
    source = add_layer(image, 60, 40, alpha=False)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 20, 10)
    channel = Gimp.Selection.save(image)
    Gimp.Selection.none(image)
    image.set_selected_channels([channel])
    return {**stylize([channel]), **compare(source)}


@situation
def inside_a_group() -> Report:
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    return stylize_and_compare(add_layer(image, 30, 20, alpha=True, parent=group))


@situation
def layers_in_groups() -> Report:
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    add_layer(image, 5, 5, alpha=True, parent=group)
    add_layer(image, 5, 5, alpha=True).set_name("Top")
    return {"names": [layer.get_name() for layer in layer_reader.all_layers(image)]}


@situation
def a_group() -> Report:
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    add_layer(image, 30, 20, alpha=True, parent=group).set_offsets(7, 8)
    return stylize_and_compare(group)


@situation
def empty_group() -> Report:
    image = photo().get_image()
    group = Gimp.GroupLayer.new(image, "Empty")
    image.insert_layer(group, None, 0)
    return stylize([group])


def group_in_group(image: Any) -> Any:
    """Returns a new group, at the top of `image`, that holds nothing but an empty one."""
    outer = Gimp.GroupLayer.new(image, "Outer")
    image.insert_layer(outer, None, 0)
    image.insert_layer(Gimp.GroupLayer.new(image, "Inner"), outer, 0)
    return outer


@situation
def group_of_an_empty_group() -> Report:
    return stylize([group_in_group(photo().get_image())])


@situation
def style_layer_is_an_empty_group() -> Report:
    source = photo()
    return stylize([source], None, style_layer=group_in_group(source.get_image()))


@situation
def layers_around_an_empty_group() -> Report:
    image = photo().get_image()
    group_in_group(image)
    below = add_layer(image, 9, 9, alpha=False)
    image.lower_item_to_bottom(below)
    channel = Gimp.Channel.new(image, "Channel", 9, 9, 50.0, Gegl.Color.new("red"))
    return {
        "shown": layer_reader.the_layer([channel], is_shown=True).get_name(),
        "frames": len(frames_of(image)),
    }


@situation
def style_with_layers() -> Report:
    return stylize_and_compare(add_layer(new_image(), 9, 9, alpha=False), style=HERE / "style.xcf")


def given_styles() -> list[Report]:
    """Returns the styles that the scripted daemon received with the last job."""
    styles: list[Report] = given("styles")
    return styles


def given(what: str) -> Any:
    """Returns what the scripted daemon has written of the last job."""
    return json.loads((Path(os.environ["XDG_RUNTIME_DIR"]) / f"impasto/{what}.json").read_text())


def fill(drawable: Any, pixel_format: str, pixel: bytes, area: tuple[int, int, int, int]) -> None:
    buffer = drawable.get_buffer()
    x, y, width, height = area
    buffer.set(Gegl.Rectangle.new(x, y, width, height), pixel_format, pixel * width * height)
    buffer.flush()


def new_painting(image: Any) -> Any:
    """Adds a red layer of 20 × 10 pixels, named Canvas."""
    kind = Gimp.ImageType.RGB_IMAGE
    layer = Gimp.Layer.new(image, "Canvas", 20, 10, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, -1)
    fill(layer, "R'G'B' u8", bytes([255, 0, 0]), (0, 0, 20, 10))
    return layer


@situation
def style_of_a_layer() -> Report:
    """Takes the painting from a layer of another image."""
    other = new_image()
    painting = new_painting(other)
    source = add_layer(new_image(), 9, 9, alpha=False)
    report = stylize([source], None, style_layer=painting) | compare(source)
    other.delete()
    return {**report, "styles": given_styles()}


@situation
def styles_with_regions() -> Report:
    """Uses each of three kinds of regions, in an image whose layer has an offset."""
    image = new_image()
    source = add_layer(image, 10, 4, alpha=False)
    source.set_offsets(5, 6)
    painted = Gimp.Layer.new(
        image, "Painted", 60, 40, Gimp.ImageType.RGBA_IMAGE, 100.0, Gimp.LayerMode.NORMAL
    )
    opaque = Gimp.Layer.new(
        image, "Opaque", 4, 4, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL
    )
    channel = Gimp.Channel.new(image, "Channel", 60, 40, 100.0, Gegl.Color.new("red"))
    for layer in (painted, opaque):
        image.insert_layer(layer, None, -1)
    image.insert_channel(channel, None, 0)
    black = bytes([0, 0, 0, 255])
    fill(painted, "R'G'B'A u8", black, (5, 6, 2, 4))
    opaque.set_offsets(11, 6)
    fill(opaque, "R'G'B' u8", b"\xff" * 3, (0, 0, 4, 4))
    fill(channel, "Y u8", b"\x80", (5, 6, 1, 4))
    layers_before = len(image.get_layers())
    report = stylize(
        [source],
        style_weight=3.0,
        style_region=painted,
        style_2=Gio.File.new_for_path(str(HERE / "style_alpha.png")),
        style_2_region=opaque,
        style_3_layer=new_painting(image),
        style_3_weight=0.5,
        style_3_region=channel,
        style_4=Gio.File.new_for_path(str(STYLE)),
    )
    painting = image.get_layers()[image.get_item_position(source) - 1]
    remembered = json.loads(bytes(painting.get_parasite("impasto-neural-style").get_data()))
    return {
        **report,
        "new_layers": len(image.get_layers()) - layers_before - 1,
        "name": painting.get_name(),
        "styles": given_styles(),
        "remembered": remembered["styles"],
        "again": stylize([painting], None, AGAIN)["succeeded"] and given_styles(),
    }


@situation
def selection_as_region() -> Report:
    """Uses the selection and what is outside of it as regions, twice; then it is gone."""
    image = new_image()
    source = add_layer(image, 10, 4, alpha=False)
    source.set_offsets(5, 6)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 6, 3, 4)
    selection = image.get_selection()
    arguments = {
        "style_region": selection,
        "style_2": Gio.File.new_for_path(str(STYLE)),
        "style_2_region": selection,
        "style_2_outside": True,
    }
    report = stylize([source], **arguments)
    painting = image.get_layers()[0]
    given = given_styles()
    stylize([source], **arguments)
    selected = [item.get_name() for item in image.get_selected_drawables()]
    again = stylize([painting], None, AGAIN)["succeeded"] and given_styles()
    newest = image.get_layers()[image.get_item_position(painting) - 1]
    Gimp.Selection.none(image)
    return {
        **report,
        **compare(source, painting),
        "styles": given,
        "channels": [channel.get_name() for channel in image.get_channels()],
        "selected": selected,
        "again": again,
        "again_is_masked": newest.get_mask() is not None,
        "again_with_the_channel": stylize([painting], None, AGAIN)["succeeded"] and given_styles(),
    }


@situation
def region_is_an_empty_selection() -> Report:
    layer = photo()
    return stylize([layer], style_region=layer.get_image().get_selection())


@situation
def region_of_another_image() -> Report:
    other = new_image()
    region = add_layer(other, 9, 9, alpha=False)
    report = stylize([photo()], style_region=region)
    other.delete()
    return report


@situation
def pending_choice_of_layers() -> Report:
    """Stores a choice with a region that is deleted, and a style layer whose image is closed."""
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    other, image = new_image(), new_image()
    canvas, source = new_painting(other), add_layer(image, 20, 10, alpha=False)
    region = add_layer(image, 20, 10, alpha=False)
    chosen = procedure.create_config()
    chosen.set_property("style-layer", canvas)
    chosen.set_property("style-2", Gio.File.new_for_path(str(STYLE)))
    chosen.set_property("style-2-region", region)
    chosen.set_property("style-strength", 2.5)
    pending = PendingChoice(procedure)
    pending.store(chosen, source)
    image.remove_layer(region)

    restored = procedure.create_config()
    pending.restore(restored, source)
    report = {
        "has_the_layer": restored.get_property("style-layer") == canvas,
        "file": restored.get_property("style-2").get_basename(),
        "has_a_region": restored.get_property("style-2-region") is not None,
        "strength": restored.get_property("style-strength"),
    }
    twin = new_painting(new_image())
    report["is_a_twin"] = [twin.get_tattoo(), twin.get_name()] == [
        canvas.get_tattoo(),
        canvas.get_name(),
    ]
    other.delete()
    pending.restore(restored, twin)
    report["twin_is_its_style"] = restored.get_property("style-layer") is not None
    twin.get_image().delete()
    other_dialog = PendingChoice(procedure)
    chosen.set_property("style-strength", 3.5)
    other_dialog.store(chosen, source)
    pending.forget()
    kept = procedure.create_config()
    pending.restore(kept, source)
    report["strength_of_the_other_dialog"] = kept.get_property("style-strength")
    other_dialog.forget()
    report["is_forgotten"] = not other_dialog.restore(procedure.create_config(), source)
    return report


@situation
def again_without_the_style_layer() -> Report:
    other = new_image()
    source = add_layer(new_image(), 9, 9, alpha=False)
    stylize([source], None, style_layer=new_painting(other))
    other.delete()
    return stylize([source.get_image().get_layers()[0]], None, AGAIN)


@situation
def again_without_the_region() -> Report:
    image = new_image()
    source = add_layer(image, 60, 40, alpha=False)
    region = add_layer(image, 60, 40, alpha=False)
    region.set_name("Sky")
    stylize([source], style_region=region)
    image.remove_layer(region)
    return stylize([image.get_layers()[0]], None, AGAIN)


def wide_gamut(name: str) -> None:
    """Paints an image whose colour profile is wider than sRGB."""

    def run() -> Report:
        image = new_image(precision=getattr(Gimp.Precision, name))
        image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
        return stylize_and_compare(add_layer(image, 20, 20, alpha=True))

    SITUATIONS[f"wide_gamut_{name}"] = run


for _name in ("U8_NON_LINEAR", "U16_NON_LINEAR", "FLOAT_LINEAR"):
    wide_gamut(_name)


@situation
def again() -> Report:
    """Saves and loads a painted layer, then paints another one from it."""
    image = new_image()
    stylize([add_layer(image, 30, 20, alpha=True)], size=77, quality="draft")
    file = Gio.File.new_for_path(str(HERE / "painted.xcf"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    loaded = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    painting, source = loaded.get_layers()
    report = stylize([painting], None, AGAIN)
    report |= compare(source, loaded.get_layers()[0])
    newest = loaded.get_layers()[0]
    return {
        **report,
        "remembered": [recipe_in(layer) for layer in (painting, newest)],
    }


@situation
def larger() -> Report:
    """Finishes a painted layer larger, whose mask was changed, and then that one again."""
    source = photo()
    image = source.get_image()
    stylize([source], size=32)
    painting = image.get_layers()[0]
    painting.add_mask(painting.create_mask(Gimp.AddMaskType.BLACK))
    # Neither the selection nor where it is matters.
    source.set_offsets(20, 0)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 9, 9)
    report = stylize([painting], None, LARGER, size=60)
    newest = image.get_layers()[0]
    return {
        **report,
        "names": [layer.get_name() for layer in image.get_layers()],
        "remembered": [recipe_in(layer) for layer in (painting, newest)],
        "beginning": given("beginning"),
        "greatest_difference": greatest_difference(
            *(layer_bytes(layer, "R'G'B'A float") for layer in (painting, newest))
        ),
        "is_hidden": newest.get_mask().get_pixel(3, 3).get_rgba()[0] == 0,
    }


@situation
def former_model() -> Report:
    """Paints with a network's name from an earlier version, in a call and then in a recipe."""
    image = new_image()
    report = stylize([add_layer(image, 30, 20, alpha=True)], model="auto")
    painting = image.get_layers()[0]
    recipe = recipe_in(painting)
    recipe["settings"]["model"] = "vgg16-hed"
    stored = json.dumps(recipe).encode()
    name = "impasto-neural-style"
    painting.attach_parasite(Gimp.Parasite.new(name, Gimp.PARASITE_PERSISTENT, stored))
    again = stylize([painting], None, AGAIN)
    newest = image.get_layers()[0]
    return {
        "succeeded": report["succeeded"] and again["succeeded"],
        "message": again["message"],
        "models": [
            recipe_in(painting)["settings"]["model"],
            recipe_in(newest)["settings"]["model"],
        ],
    }


def recipe_in(layer: Any) -> dict[str, Any]:
    """Returns the recipe that is stored with a painted layer."""
    stored = bytes(layer.get_parasite("impasto-neural-style").get_data())
    recipe: dict[str, Any] = json.loads(stored.decode())
    return recipe


def add_texture(image: Any, selected: list[Any]) -> Report:
    """Has a texture painted, and says what became of it: the scripted daemon paints it white."""
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 1, 1, 2, 2)
    report = run_procedure(TEXTURE, image, selected, width=70, height=50)
    above = selected[0].get_parent() if selected else None
    siblings = above.get_children() if above else image.get_layers()
    newest = siblings[image.get_item_position(selected[0]) - 1 if selected else 0]
    return {
        **report,
        "layers": len(siblings),
        "name": newest.get_name(),
        "size": [newest.get_width(), newest.get_height()],
        "offsets": list(newest.get_offsets()[1:]),
        "has_alpha": newest.has_alpha(),
        "is_white": set(array("f", layer_bytes(newest, "Y' float"))) == {1.0},
        "dirty": image.is_dirty(),
    }


def texture(name: str, precision: Any, base_type: Any = Gimp.ImageBaseType.RGB) -> None:
    def run() -> Report:
        image = new_image(base_type, precision)
        add_layer(image, 9, 9, alpha=True)
        below = add_layer(image, 9, 9, alpha=True)
        add_layer(image, 9, 9, alpha=True)
        return add_texture(image, [below])

    SITUATIONS[f"texture_{name}"] = run


texture("of_8_bits", Gimp.Precision.U8_NON_LINEAR)
texture("of_16_bits", Gimp.Precision.U16_NON_LINEAR)
texture("of_floats", Gimp.Precision.FLOAT_LINEAR)
texture("in_gray", Gimp.Precision.U8_NON_LINEAR, Gimp.ImageBaseType.GRAY)


@situation
def texture_inside_a_group() -> Report:
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    add_layer(image, 5, 5, alpha=True, parent=group)
    return add_texture(image, [add_layer(image, 30, 20, alpha=True, parent=group)])


@situation
def texture_in_an_empty_image() -> Report:
    return add_texture(new_image(), [])


def describe_sheet(sheet: Any) -> Report:
    """Describes the image of a sheet, saves it as sheet.png and closes it."""
    layers = sheet.get_layers()
    *pictures, captions, paper = layers
    flat = [
        picture
        for layer in pictures
        for picture in (layer.get_children() if layer.is_group() else [layer])
    ]
    report = {
        "size": [sheet.get_width(), sheet.get_height()],
        "groups": [layer.get_name() for layer in pictures if layer.is_group()],
        "pictures": {picture.get_name(): box(picture) for picture in flat},
        "first_pixels": [list(layer_bytes(picture, "R'G'B' u8")[:3]) for picture in flat],
        "texts": [text.get_text() for text in captions.get_children()],
        "captions": [box(text) for text in captions.get_children()],
        "paper": [box(paper), list(layer_bytes(paper, "R'G'B' u8")[:3])],
        "can_be_undone": sheet.undo_is_enabled(),
        "must_be_saved": sheet.is_dirty(),
    }
    file = Gio.File.new_for_path(str(HERE / "sheet.png"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, sheet, file, None)
    sheet.delete()
    return report


def box(layer: Any) -> list[int]:
    """Returns left, top, width and height of a layer."""
    return [*layer.get_offsets()[1:], layer.get_width(), layer.get_height()]


def explore(sheet: str, layer: Any, style: Path | None = None, **arguments: Any) -> Report:
    image = layer.get_image()
    return run_procedure(EXPLORE, image, [layer], style, sheet=sheet, quick=True, **arguments)


@situation
def explore_content() -> Report:
    """Explores a large layer of 16 bits, outside of the selection and without a painting."""
    image = new_image(precision=Gimp.Precision.U16_NON_LINEAR)
    layer = add_layer(image, 300, 200, alpha=False)
    layer.set_offsets(-7, 9)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 5)
    return explore("content", layer, size=96)


@situation
def explore_pooling() -> Report:
    """Explores a small layer with alpha in a group, with a painting."""
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    return explore("pooling", add_layer(image, 48, 64, alpha=True, parent=group), STYLE)


@situation
def explore_backbones() -> Report:
    """Explores the networks, of which one is missing."""
    return explore("backbones", photo(), STYLE)


# --- situations that fail -------------------------------------------------------------------


@situation
def again_from_a_photo() -> Report:
    return stylize([photo()], None, AGAIN)


@situation
def larger_from_a_photo() -> Report:
    return stylize([photo()], None, LARGER, size=60)


@situation
def larger_at_the_same_size() -> Report:
    source = photo()
    stylize([source], size=32)
    return stylize(source.get_image().get_layers()[:1], None, LARGER, size=32)


@situation
def larger_at_full_size() -> Report:
    source = photo()
    stylize([source], size=512)
    return stylize(source.get_image().get_layers()[:1], None, LARGER, size=1024)


@situation
def larger_after_scaling() -> Report:
    source = photo()
    stylize([source], size=32)
    painting = source.get_image().get_layers()[0]
    painting.scale(30, 20, False)
    return stylize([painting], None, LARGER, size=60)


@situation
def larger_than_a_kept_painting() -> Report:
    """Finishes a painting at the size that it was to have when it was stopped and kept."""
    source = photo()
    stylize([source], size=60)
    painting = source.get_image().get_layers()[0]
    recipe = recipe_in(painting)
    stored = json.dumps({**recipe, "painted_px": 40}).encode()
    name = "impasto-neural-style"
    painting.attach_parasite(Gimp.Parasite.new(name, Gimp.PARASITE_PERSISTENT, stored))
    return {**stylize([painting], None, LARGER, size=60), "beginning": given("beginning")}


@situation
def again_without_the_source() -> Report:
    source = photo()
    image = source.get_image()
    stylize([source])
    image.remove_layer(source)
    return stylize(image.get_layers(), None, AGAIN)


def photo() -> Any:
    return add_layer(new_image(), 60, 40, alpha=False)


@situation
def no_style() -> Report:
    return stylize([photo()], style=None)


def bad_style(name: str) -> None:
    SITUATIONS[f"style_{name}"] = lambda: stylize([photo()], style=HERE / "bad" / name)


for _name in ("absent.png", "text.png", "empty.png", "huge.png", "header_only.png", "folder"):
    bad_style(_name)


@situation
def texture_too_large() -> Report:
    layer = photo()
    image = layer.get_image()
    return run_procedure(TEXTURE, image, [layer], width=16_000, height=16_000)


@situation
def texture_without_a_style() -> Report:
    layer = photo()
    return run_procedure(TEXTURE, layer.get_image(), [layer], None)


@situation
def texture_of_an_indexed_image() -> Report:
    layer = photo()
    image = layer.get_image()
    image.convert_indexed(
        Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 16, False, False, ""
    )
    return run_procedure(TEXTURE, image, [layer])


@situation
def explore_without_a_style() -> Report:
    return explore("matrix", photo())


@situation
def explore_at_an_impossible_size() -> Report:
    return explore("content", photo(), size=5)


@situation
def indexed() -> Report:
    layer = photo()
    layer.get_image().convert_indexed(
        Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 16, False, False, ""
    )
    return stylize([layer])


@situation
def layer_mask() -> Report:
    layer = photo()
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    return stylize([mask])


@situation
def layer_instead_of_a_channel() -> Report:
    """Asks which layer a dialog shows for a channel, in an image with a painting on top."""
    source = photo()
    image = source.get_image()
    stylize([source])
    hidden = add_layer(image, 60, 40, alpha=False)
    hidden.set_visible(False)
    channel = Gimp.Selection.save(image)
    shown = layer_reader.the_layer([channel], is_shown=True)
    return {"is_photo": shown == source}


@situation
def channel() -> Report:
    layer = photo()
    image = layer.get_image()
    add_layer(image, 5, 5, alpha=False)
    saved = Gimp.Channel.new_from_component(image, Gimp.ChannelType.RED, "Red")
    image.insert_channel(saved, None, 0)
    return stylize([saved])


@situation
def floating_selection() -> Report:
    layer = photo()
    layer.get_image().select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 5, 5)
    Gimp.edit_copy([layer])
    return stylize(Gimp.edit_paste(layer, True))


@situation
def layer_and_channel() -> Report:
    layer = photo()
    image = layer.get_image()
    red = Gimp.Channel.new(image, "Red", 60, 40, 50, Gegl.Color.new("red"))
    image.insert_channel(red, None, 0)
    return stylize([layer, red])


@situation
def layers_one_outside_the_selection() -> Report:
    layer = photo()
    image = layer.get_image()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 2, 2)
    other = add_layer(image, 5, 5, alpha=False)
    other.set_offsets(20, 20)
    return stylize([layer, other])


@situation
def several_layers() -> Report:
    """Paints two layers of an image."""
    layer = photo()
    image = layer.get_image()
    small = add_layer(image, 5, 5, alpha=False)
    small.set_name("Small")
    report = stylize([small, layer])
    layers = image.get_layers()
    return {
        **report,
        "names": [each.get_name() for each in layers],
        "sizes": [[each.get_width(), each.get_height()] for each in layers],
        "greatest_differences": [
            compare(source, painting)["greatest_difference"]
            for painting, source in zip(layers[::2], layers[1::2], strict=True)
        ],
    }


def new_animation(count: int) -> Any:
    """Returns an image with as many frames, which differ in their top left corner."""
    image = new_image()
    for number in range(1, count + 1):
        frame = add_layer(image, 60, 40, alpha=True)
        frame.set_name(f"Frame {number} (100ms)")
        fill(frame, "R'G'B'A u8", bytes((40 * number, 0, 0, 255)), (0, 0, 10, 10))
    return image


def beginnings() -> list[Report | None]:
    """Returns what the jobs of the daemon began from so far."""
    file = Path(os.environ["XDG_RUNTIME_DIR"]) / "impasto/beginnings"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


@situation
def animation() -> Report:
    """Paints an animation twice; a style and the paintings of the first time are no frames."""
    image = new_animation(3)
    third, second, first = image.get_layers()
    second.set_visible(False)
    second.set_opacity(60.0)
    third.add_mask(third.create_mask(Gimp.AddMaskType.COPY))
    small = add_layer(image, 20, 10, alpha=True)
    small.set_offsets(7, 9)
    frames = [first, second, third, small]
    style = add_layer(image, 10, 10, alpha=False)
    style.set_name("Canvas")
    before = describe(image)
    begun_before = len(beginnings())
    report = run_procedure(ALL_LAYERS, image, [second], None, style_layer=style)
    begun = beginnings()[begun_before:]
    top, *others = image.get_layers()
    painted, others = others[:4], others[4:]
    selected = image.get_selected_layers()
    Gimp.edit_copy(selected)
    copied = Gimp.edit_paste_as_new_image()
    copied_names = [layer.get_name() for layer in copied.get_layers()]
    copied.delete()
    again = run_procedure(ALL_LAYERS, image, [second], None, style_layer=style)
    return {
        **report,
        "names": [layer.get_name() for layer in painted],
        "places": [top == style, others == frames[::-1]],
        "are_selected": selected == painted,
        "visible": [layer.get_visible() for layer in painted],
        "opacity": [round(layer.get_opacity()) for layer in painted],
        "masked": [layer.get_mask() is not None for layer in painted],
        "same_places": all(
            layer.get_offsets()[1:] == frame.get_offsets()[1:]
            for layer, frame in zip(painted, frames[::-1], strict=True)
        ),
        "greatest_difference": max(
            compare(frame, layer)["greatest_difference"]
            for layer, frame in zip(painted, frames[::-1], strict=True)
        ),
        "frames_are_untouched": [each for each in describe(image) if each in before] == before,
        "beginnings": [each and each["is_inverted_frame"] for each in begun],
        "sources": [recipe_in(layer)["source"]["name"] for layer in painted],
        "copied": copied_names,
        "again": [again["succeeded"], len(image.get_layers())],
    }


@situation
def animation_that_fails_later() -> Report:
    image = new_animation(3)
    report = run_procedure(ALL_LAYERS, image, [], seed=7)
    return {**report, "layers": [layer.get_name() for layer in image.get_layers()]}


@situation
def animation_of_one_layer() -> Report:
    return run_procedure(ALL_LAYERS, new_animation(1), [])


@situation
def animation_without_opencv() -> Report:
    missing = Path(os.environ["XDG_RUNTIME_DIR"]) / "impasto/no_opencv"
    missing.touch()
    try:
        return run_procedure(ALL_LAYERS, new_animation(2), [])
    finally:
        missing.unlink()


@situation
def animation_of_a_job_that_fails() -> Report:
    return run_procedure(ALL_LAYERS, new_animation(2), [], seed=2)


@situation
def animation_whose_layer_is_deleted_meanwhile() -> Report:
    """Delivers painted frames after one of their layers was deleted."""
    image = new_animation(2)
    layers = image.get_layers()[::-1]
    images_before = Gimp.get_images()
    message = ""
    with PaintedFrames(image) as painted:
        for layer in layers:
            source = layer_reader.read_layer(whole(layer))
            recipe = styles.recipe_of(whole(layer), [], StyleSettings())
            painted.add(source, source.picture, "style", recipe)
        image.remove_layer(layers[0])
        layers[0].delete()
        before = describe(image)
        try:
            deliver_frames(
                painted,
                Gimp.RunMode.NONINTERACTIVE,
                partial(layer_writer.add_frames, layers[1], painted.frames),
            )
        except ImpastoError as error:
            message = str(error)
    (new,) = [each for each in Gimp.get_images() if each not in images_before]
    return {
        "message": message,
        "untouched": describe(image) == before,
        "names": [layer.get_name() for layer in new.get_layers()],
    }


@situation
def job_is_refused() -> Report:
    return stylize([photo()], seed=1)


@situation
def job_fails() -> Report:
    return stylize([photo()], seed=2)


@situation
def job_is_cancelled() -> Report:
    return stylize([photo()], seed=4)


@situation
def painting_has_another_size() -> Report:
    return stylize([add_layer(new_image(), 9, 9, alpha=True)], seed=5)


@situation
def daemon_is_killed() -> Report:
    return stylize([photo()], seed=3)


@contextmanager
def daemon_command(script: str | None) -> Iterator[None]:
    """Replaces the program that starts the daemon by another one, or none."""
    command = Path(os.environ["IMPASTO_COMMAND"])
    original = command.rename(HERE / "original")
    try:
        if script is not None:
            command.write_text(script)
            command.chmod(0o755)
        yield
    finally:
        original.replace(command)


@situation
def daemon_cannot_be_started() -> Report:
    with daemon_command(None):
        return stylize([photo()])


@situation
def daemon_ends_at_once() -> Report:
    with daemon_command("#!/bin/sh\necho 'no room for the daemon' >&2\nexit 3\n"):
        return stylize([photo()])


@situation
def daemon_needs_pyzmq() -> Report:
    configuration = HERE / ".config/impasto/config.toml"
    configuration.parent.mkdir()
    configuration.write_text('[client]\nendpoint = "tcp://127.0.0.1:5570"\n')
    try:
        return stylize([photo()])
    finally:
        configuration.unlink()


def change_meanwhile(change: Callable[[Any], object]) -> Report:
    """Delivers a painting after a `change` to the layer that was read; reports the error."""
    layer = photo()
    image = layer.get_image()
    source = layer_reader.read_layer(whole(layer))
    recipe = styles.recipe_of(whole(layer), [], StyleSettings())
    session = Session(connect, ProgressBar("Neural Style"))
    images_before = Gimp.get_images()
    report: Report = {"message": None}
    try:
        with session.painted(source.picture, [Style(source.picture)], StyleSettings()) as painting:
            change(layer)
            before = describe(image) if image.is_valid() else None
            deliver(
                painting,
                "Neural Style",
                Gimp.RunMode.NONINTERACTIVE,
                lambda: layer_writer.add_painting(
                    source, layer, painting.picture, name="Neural Style", recipe=recipe
                ),
            )
    except ImpastoError as error:
        report = {"message": str(error)}
    (new,) = [each for each in Gimp.get_images() if each not in images_before]
    (new_layer,) = new.get_layers()
    pixels = layer_bytes(new_layer, painting.picture.format.value)
    return {
        **report,
        "untouched": (describe(image) if image.is_valid() else None) == before,
        "job": painting.job[:8],
        "is_forgotten": painting.job in forgotten(),
        "has_the_painting": pixels == bytes(painting.picture.pixels),
    }


@situation
def layer_is_deleted_meanwhile() -> Report:
    return change_meanwhile(lambda layer: layer.get_image().remove_layer(layer))


@situation
def image_is_deleted_meanwhile() -> Report:
    return change_meanwhile(lambda layer: layer.get_image().delete())


@situation
def layer_is_resized_meanwhile() -> Report:
    return change_meanwhile(lambda layer: layer.scale(30, 20, False))


@situation
def layer_is_mirrored_meanwhile() -> Report:
    return change_meanwhile(
        lambda layer: layer.transform_flip_simple(Gimp.OrientationType.HORIZONTAL, True, 0.0)
    )


@situation
def image_is_turned_meanwhile() -> Report:
    return change_meanwhile(lambda layer: layer.get_image().rotate(Gimp.RotationType.DEGREES180))


@situation
def layer_is_moved_meanwhile() -> Report:
    """Adds a painting of a selected part to its layer, which has another place now."""
    layer = photo()
    image = layer.get_image()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 20, 20, 20)
    source = layer_reader.read_layer(painted_area(layer))
    recipe = styles.recipe_of(source.area, [], StyleSettings())
    before = [source.area.x, source.area.y]
    layer.set_offsets(7, -3)
    painting = layer_writer.add_painting(
        source, layer, source.picture, name="Neural Style", recipe=recipe
    )
    return {"before": before, "after": list(painting.get_offsets()[1:])}


@situation
def order_of_a_window_s_wishes() -> Report:
    """Asks for things while a step waits for the daemon, and after an error."""
    done: list[str] = []

    def step() -> None:
        done.append("step")
        if len(done) > 1:
            return
        work.ask("show", partial(done.append, "an earlier picture"))
        work.ask("keep", partial(done.append, "keep"))
        work.ask("show", partial(done.append, "the last picture"))
        handle_events()  # as waiting for the daemon does
        done.append("end of the step")

    def fail() -> None:
        raise ImpastoError("It failed.")

    def run_until(text: str) -> None:
        while text not in done:
            GLib.MainContext.default().iteration(True)

    work = DaemonWork(step, done.append, 1)
    run_until("the last picture")
    before = list(done)
    work.ask("fail", fail)
    run_until("It failed.")
    done.clear()
    ticks = GLib.timeout_add(20, partial(done.append, "tick"))
    run_until("tick")
    after_the_error = list(done)
    GLib.source_remove(ticks)
    work.ask("again", partial(done.append, "again"))
    run_until("step")
    work.close()
    return {"before": before[:4], "after_the_error": after_the_error, "at_last": done[-2:]}


@situation
def result_shown_on_the_canvas() -> Report:
    """Shows a picture on the canvas of an image that is saved meanwhile, or has indexed colours."""
    layer = photo()
    image = layer.get_image()
    channel = Gimp.Selection.save(image)
    image.set_selected_channels([channel])
    image.clean_all()
    source = layer_reader.read_layer(whole(layer))
    view = CanvasView(image)
    view.show(source, source.picture)
    shown = [len(image.get_layers()), image.is_dirty()]
    view.hide()
    after = [len(image.get_layers()), image.is_dirty()]
    selected = [each.get_name() for each in image.get_selected_drawables()]
    file = Gio.File.new_for_path(str(HERE / "saved meanwhile.xcf"))
    image.set_file(file)
    view.show(source, source.picture)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    image.clean_all()
    view.hide()
    saved = [len(image.get_layers()), image.is_dirty()]
    image.convert_indexed(
        Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 16, False, False, ""
    )
    message = ""
    try:
        view.show(source, source.picture)
    except ImpastoError as error:
        message = str(error)
    return {
        "shown": shown,
        "after": after,
        "selected": [selected, [channel.get_name()]],
        "saved_meanwhile": saved,
        "indexed": message,
    }


@situation
def result_of_a_layer_that_was_turned() -> Report:
    """Adds a picture that the daemon keeps before and after its layer is mirrored."""
    layer = photo()
    image = layer.get_image()
    source = layer_reader.read_layer(whole(layer))
    recipe = styles.recipe_of(whole(layer), [], StyleSettings())
    results = KeptResults(HERE / "records")
    stored = result_of(source, "a" * 32, "style", recipe, None)
    results.add(stored, source.mask)
    (result,) = results.of_image(stored.image, "", stored.daemon)

    def add() -> str:
        try:
            kept = source_of_result(result, image, source.picture, results.mask_of(result))
            layer_writer.add_painting(kept, layer, source.picture, name="style", recipe=recipe)
        except ImpastoError as error:
            return str(error)
        return ""

    before = add()
    layer.transform_flip_simple(Gimp.OrientationType.HORIZONTAL, True, 0.0)
    after = add()
    results.remove(result.job)
    return {"before": before, "after": after}


@situation
def result_whose_region_was_the_selection() -> Report:
    """Adds a picture that the daemon keeps, when nothing is left of the region but its record."""
    layer = photo()
    image = layer.get_image()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 6, 30, 20)
    selection = image.get_selection()
    values = values_of(selection)
    file = Gio.File.new_for_path(str(STYLE))
    chosen = [styles.ChosenStyle(file, 1.0, Region(selection))]
    source = layer_reader.read_layer(whole(layer))
    results = KeptResults(HERE / "records")
    with kept_selection(chosen, image) as (remembered, region):
        recipe = styles.recipe_of(whole(layer), remembered, StyleSettings())
        stored = result_of(source, "b" * 32, "style", recipe, region)
        results.add(stored, source.mask, values_of(region))
    Gimp.Selection.none(image)
    Gimp.Selection.save(image)  # takes the tattoo
    (result,) = results.of_image(stored.image, "", stored.daemon)
    kept = source_of_result(result, image, source.picture, results.mask_of(result))
    remembered_values = results.region_of(result)
    with restored_region(result, recipe_of_result(result, 0), remembered_values, image) as (
        completed,
        channel,
    ):
        painting = layer_writer.add_painting(
            *(kept, layer, source.picture), name="style", recipe=completed, region=channel
        )
    results.remove(result.job)
    restored = image.get_channels()[0]
    report = stylize([painting], None, AGAIN)
    (style,) = given_styles()
    left_over = sorted(file.name for file in (HERE / "records").iterdir())
    return {
        **report,
        "is_the_same": values_of(restored) == values == bytes(style["region"]),
        "channels": len(image.get_channels()),
        "left_over": left_over,
    }


@situation
def mask_in_the_dialog() -> Report:
    """Compares the mask that the dialog shows with that of the painting."""
    layer = photo()
    image = layer.get_image()
    mask = layer.create_mask(Gimp.AddMaskType.COPY)
    layer.add_mask(mask)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 8, 6, 30, 24)
    Gimp.Selection.feather(image, 6)
    area = painted_area(layer)
    shown = new_layers_mask(area, (area.width, area.height))
    report = stylize([layer])
    painted = layer_bytes(image.get_layers()[0].get_mask(), "Y u8")
    Gimp.Selection.none(image)
    layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    return {
        **report,
        "difference": max(abs(one - other) for one, other in zip(shown, painted, strict=True)),
        "values": len(set(shown)),
        "is_none_without": new_layers_mask(painted_area(layer), (60, 40)) is None,
    }


@situation
def image_becomes_indexed_meanwhile() -> Report:
    return change_meanwhile(
        lambda layer: layer.get_image().convert_indexed(
            Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 16, False, False, ""
        )
    )


def first_pixel_of_style(name: str) -> list[int]:
    style = style_file.read_style(Gio.File.new_for_path(str(HERE / name)))
    return [style.width, style.height, *bytes(style.pixels[:3])]


@situation
def styles_as_people_see_them() -> Report:
    return {name: first_pixel_of_style(name) for name in ("turned.jpg", "animated.gif")}


@situation
def style_whose_name_is_not_utf_8() -> Report:
    file = Path(os.fsdecode(os.fsencode(HERE) + b"/caf\xe9.png"))
    file.write_bytes(STYLE.read_bytes())
    layer = photo()
    report = stylize([layer], file)
    file.unlink()
    names = [each.get_name() for each in layer.get_image().get_layers()]
    return {**report, "names": names}


@situation
def formats_of_styles() -> Report:
    styles: dict[str, Image] = {
        name: style_file.read_style(Gio.File.new_for_path(str(HERE / name)))
        for name in ("style.png", "style_alpha.png", "style.xcf")
    }
    return {name: style.format.value for name, style in styles.items()}
