"""The available paintings as rows: Impasto's, the user's own, and layers of open images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from impasto_gimp.dialogs.pictures.pixbufs import icon_of, on_canvas, pixbuf_of
from impasto_gimp.image.layer_reader import all_layers, read_small_painting
from impasto_gimp.image.paintings import known_paintings
from impasto_gimp.image.paintings.favourites import FILE_NAME, Favourites
from impasto_gimp.image.paintings.known_paintings import FOLDER
from impasto_gimp.image.paintings.own_paintings import add_painting
from impasto_gimp.image.paintings.style_file import thumbnail
from impasto_gimp.image.profile.files import profile_file, store
from impasto_gimp.introspection import GdkPixbuf, Gimp, Gio, GLib, GObject
from impasto_gimp.introspection_gtk import Gtk
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage

USERS = Path(GLib.get_user_data_dir()) / "impasto/styles"
WIDTH_PX, HEIGHT_PX = 88, 66
ICON, TEXT, DESCRIPTION, URI, PATH, LAYER, ORDER = range(7)
"""The columns: a picture, two lines, one line; either the URI and the path of a file, or a layer;
and the place among the rows if none is a favourite."""

_SMALL = '<span size="smaller">{text}</span>'
_STAR = "★ {text}"
_OF_SHIPPED, _OF_OPENED, _OF_USERS, _OF_LAYERS = range(0, 4_000_000, 1_000_000)


@dataclass(frozen=True)
class _Painting:
    """A painting in the gallery: its name, what is below it, and all that is known of it."""

    painting: Gio.File | Gimp.Layer
    name: str
    below: str
    description: str


class Paintings:
    """All paintings of a gallery; `model` has a row for each, and fills itself while GTK is idle.

    painted: the layer that is to be painted, which is left out.
    scale: the pixels of the screen each way for one of GTK's.
    """

    def __init__(self, painted: Gimp.Layer | None, scale: int) -> None:
        self._scale = scale
        self.favourites = Favourites(profile_file(FILE_NAME), store)
        self.model = Gtk.ListStore(Gio.Icon, str, str, str, str, GObject.TYPE_PYOBJECT, int)
        # One thumbnail at a time, so that a large folder does not block the dialog.
        self._rest = _paintings(painted)
        self._when_complete: list[Callable[[], object]] = []
        self._filling: int | None = GLib.idle_add(self._add_next)

    @property
    def is_complete(self) -> bool:
        """True once all paintings have a row."""
        return self._filling is None

    def when_complete(self, function: Callable[[], object]) -> None:
        """Has `function` called once all paintings have a row."""
        self._when_complete.append(function)

    def close(self) -> None:
        """Adds no further rows."""
        self._when_complete.clear()
        if self._filling is not None:
            GLib.source_remove(self._filling)
            self._filling = None

    def row_of(self, painting: Gio.File | Gimp.Layer) -> Gtk.TreeModelRow | None:
        """Returns the row of a painting, if there is one."""
        if isinstance(painting, Gimp.Layer):
            return next((row for row in self.model if row[LAYER] == painting), None)
        path, uri = local_path(painting), painting.get_uri()
        rows = (row for row in self.model if row[URI])
        return next((row for row in rows if row[URI] == uri or (path and row[PATH] == path)), None)

    def show_file(self, file: Gio.File) -> None:
        """Adds a row for a file that the user has opened, unless it has one."""
        if self.is_complete and self.row_of(file) is None and file.query_exists():
            self._add(_of_file(file), _OF_OPENED + self._count())

    def add(self, file: Gio.File) -> Gio.File:
        """Returns a picture's copy in the user's own folder, which has a row then.

        Raises:
            InvalidImage: if it is no picture, or cannot be copied.
        """
        path = file.get_path()
        if path is None:
            name = GLib.filename_display_name(file.get_basename() or file.get_uri())
            raise InvalidImage(
                gettext("{file} is not on this machine. Save it first.").format(file=name)
            )
        copy = Gio.File.new_for_path(str(add_painting(Path(path), USERS, is_picture)))
        if self.row_of(copy) is None:
            self._add(_of_file(copy), _OF_USERS + self._count())
        return copy

    def toggle_favourite(self, row: Gtk.TreeModelRow) -> None:
        """Makes the file of a row a favourite, which comes first, or no longer.

        Raises:
            InvalidSettings: if that cannot be stored.
        """
        self.favourites.toggle(row[PATH] or row[URI])
        text = row[TEXT].removeprefix(_STAR.format(text=""))
        row[TEXT] = _STAR.format(text=text) if self.is_favourite(row) else text
        self._sort()

    def is_favourite(self, row: Gtk.TreeModelRow) -> bool:
        """Returns whether the row is that of a favourite."""
        return row[URI] is not None and (row[PATH] or row[URI]) in self.favourites

    def _add_next(self) -> bool:
        item = next(self._rest, None)
        if item is None:
            self._filling = None
            for function in self._when_complete:
                function()
            return False
        painting, order = item
        self._add(painting, order)
        return True

    def _add(self, painting: _Painting, order: int) -> None:
        icon = self._icon_of(painting.painting)
        if icon is None:
            return
        lines = (GLib.markup_escape_text(line) for line in (painting.name, painting.below))
        text = _SMALL.format(text="\n".join(lines))
        uri = path = layer = None
        if isinstance(painting.painting, Gimp.Layer):
            layer = painting.painting
        else:
            uri, path = painting.painting.get_uri(), local_path(painting.painting)
            if (path or uri) in self.favourites:
                text = _STAR.format(text=text)
        description = GLib.markup_escape_text(painting.description)
        self.model.append([icon, text, description, uri, path, layer, order])
        self._sort()

    def _count(self) -> int:
        return sum(1 for _ in self.model)

    def _sort(self) -> None:
        keys = [
            (not self.is_favourite(row), row[ORDER], number)
            for number, row in enumerate(self.model)
        ]
        order = [number for _, _, number in sorted(keys)]
        if order != sorted(order):
            self.model.reorder(order)

    def _icon_of(self, painting: Gio.File | Gimp.Layer) -> Gio.Icon | None:
        width, height = WIDTH_PX * self._scale, HEIGHT_PX * self._scale
        pixbuf: GdkPixbuf.Pixbuf | None
        if isinstance(painting, Gimp.Layer):
            if not painting.is_valid():
                return None
            side = max(width, height)
            pixbuf = pixbuf_of(read_small_painting(painting, side))
        else:
            pixbuf = thumbnail(painting, width, height)
        if pixbuf is None:  # only GIMP can open it
            return Gio.ThemedIcon.new("image-x-generic")
        return icon_of(on_canvas(pixbuf, width, height))


def _paintings(painted: Gimp.Layer | None) -> Iterator[tuple[_Painting, int]]:
    """Yields all paintings, each with its place."""
    for folder, first in ((FOLDER, _OF_SHIPPED), (USERS, _OF_USERS)):
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for number, path in enumerate(files):
            if is_picture(path):
                yield _of_file(Gio.File.new_for_path(str(path))), first + number
    number = 0
    for image in Gimp.get_images():
        for layer in all_layers(image):
            if layer != painted and layer.is_valid():
                number += 1
                yield _of_layer(layer), _OF_LAYERS + number


def _of_file(file: Gio.File) -> _Painting:
    path = Path(local_path(file) or file.get_basename() or "")
    known = known_paintings.SHIPPED.get(path.name) if path.parent == FOLDER else None
    if known:
        return _Painting(file, known.title, known.known_as, known.description)
    name = GLib.filename_display_name(path.name)
    return _Painting(file, Path(name).stem, "", file.get_parse_name())


def _of_layer(layer: Gimp.Layer) -> _Painting:
    name, image = layer.get_name(), layer.get_image().get_name()
    description = gettext("The layer “{layer}” of {image}").format(layer=name, image=image)
    return _Painting(layer, name, image, description)


def described(painting: Gio.File | Gimp.Layer) -> str:
    """Returns all that is known of a painting, in one line; of other files, the name."""
    if isinstance(painting, Gimp.Layer):
        return _of_layer(painting).description
    known = _of_file(painting)
    return (
        known.description
        if known.below
        else GLib.filename_display_name(painting.get_basename() or "")
    )


def name_of(painting: Gio.File | Gimp.Layer) -> str:
    """Returns the title of a painting, the name of its file or that of the layer."""
    known = _of_layer(painting) if isinstance(painting, Gimp.Layer) else _of_file(painting)
    return known.name


def is_picture(path: Path) -> bool:
    """Returns whether a file is a picture, to judge by its name."""
    content_type, _ = Gio.content_type_guess(path.name, None)
    return path.is_file() and content_type.startswith("image/")


def local_path(file: Gio.File) -> str | None:
    """Returns the path of a file, as it is whatever number of slashes it begins with.

    GIMP 3.2 restores file:///home as file:////home.
    """
    path = file.get_path()
    return None if path is None else "/" + path.lstrip("/")
