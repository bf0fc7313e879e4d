"""Writes type stubs of GIMP's libraries from their introspection data. Runs in GIMP's Python.

Reads from standard input, as JSON, the names that the plug-in's source uses, and prints, as JSON,
the stub of each namespace. A stub has the classes that the source names, their ancestors and the
classes in the signatures of their members; of the members, those whose name occurs in the source.
"""

from __future__ import annotations

import json
import keyword
import sys
from collections.abc import Iterator
from typing import Any

import gi
from gi import _gi

VERSIONS = {
    "Atk": "1.0",
    "Gdk": "3.0",
    "GdkPixbuf": "2.0",
    "Gegl": "0.4",
    "Gimp": "3.0",
    "GimpUi": "3.0",
    "Gio": "2.0",
    "GLib": "2.0",
    "GObject": "2.0",
    "Gtk": "3.0",
    "Pango": "1.0",
}
NUMBERS = {"gboolean": "bool", "gdouble": "float", "gfloat": "float"}
NUMBERS |= {f"g{sign}int{bits}": "int" for sign in ("", "u") for bits in (8, 16, 32, 64)}
TEXTS = {"utf8": "str", "filename": "str", "gunichar": "str", "GType": "GObject.GType"}

# What PyGObject defines itself: in a namespace, and in a class instead of the library's members.
NAMESPACE_ADDITIONS = {
    "GObject": """
class GType:
    name: str

class GEnum(int): ...

class GFlags(int):
    def __or__(self, other: int) -> Self: ...  # type: ignore[override]

class Object:
    __gtype__: ClassVar[GType]
    def connect(self, signal: str, handler: Callable[..., object], *data: object) -> int: ...
    def connect_after(self, signal: str, handler: Callable[..., object], *data: object) -> int: ...
    def disconnect(self, handler_id: int) -> None: ...
    def get_property(self, property_name: str) -> Any: ...
    def find_property(self, property_name: str) -> object | None: ...
    def set_property(self, property_name: str, value: object) -> None: ...

class Value:
    def __init__(self, value_type: type | GType, value: object) -> None: ...

TYPE_NONE: GType
TYPE_PYOBJECT: GType
""",
    "GLib": """
class Error(RuntimeError):
    message: str
    def __init__(self, message: str = ..., domain: str = ..., code: int = ...) -> None: ...

def markup_escape_text(text: str, length: int = ...) -> str: ...
def idle_add(function: Callable[..., object], *data: object, priority: int = ...) -> int: ...
def timeout_add(
    interval: int, function: Callable[..., object], *data: object, priority: int = ...
) -> int: ...
def timeout_add_seconds(
    interval: int, function: Callable[..., object], *data: object, priority: int = ...
) -> int: ...
""",
    "Gtk": """
class TreeModelRow:
    path: TreePath
    def __getitem__(self, column: int) -> Any: ...
    def __setitem__(self, column: int, value: object) -> None: ...
""",
}
CLASS_ADDITIONS = {
    "Gtk.ListStore": """
def __init__(self, *column_types: type | GObject.GType) -> None: ...
def __iter__(self) -> Iterator[TreeModelRow]: ...
def __getitem__(self, path: TreePath) -> TreeModelRow: ...
def append(self, row: Sequence[object]) -> TreeIter: ...
""",
    "Gimp.PlugIn": """
def do_set_i18n(self, procedure_name: str) -> bool | tuple[bool, str, str | None]: ...
""",
    "Gtk.FileFilter": """
def __init__(self) -> None: ...
""",
}
IMPORTS = """from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Self

"""


class StubWriter:
    """Collects the classes to be written until no signature names another one.

    chains: the dotted names in the source that begin with a namespace.
    names: all identifiers in the source.
    constructed: the classes that the source calls, as dotted names.
    """

    def __init__(self, chains: list[str], names: list[str], constructed: list[str]) -> None:
        self._names = set(names)
        self._constructed = set(constructed)
        self._repository = _gi.Repository.get_default()
        self._classes: dict[str, list[str]] = {}
        self._namespace_lines: dict[str, list[str]] = {name: [] for name in VERSIONS}
        self._pending: list[str] = []
        for chain in sorted({".".join(chain.split(".")[:2]) for chain in chains}):
            self._add(chain)
        while self._pending:
            self._write_class(self._pending.pop())

    def stubs(self) -> dict[str, str]:
        """Returns the text of each namespace that has any content."""
        return {
            namespace: text
            for namespace in VERSIONS
            if (text := self._stub_of(namespace)) or namespace in NAMESPACE_ADDITIONS
        }

    def _stub_of(self, namespace: str) -> str:
        lines = [
            *NAMESPACE_ADDITIONS.get(namespace, "").splitlines(),
            *self._namespace_lines[namespace],
        ]
        for name in sorted(self._classes):
            if name.startswith(f"{namespace}."):
                lines += ["", *self._classes[name]]
        body = "\n".join(lines).replace(f"{namespace}.", "")
        used = [name for name in VERSIONS if name != namespace and f"{name}." in body]
        imports = f"from gi.repository import {', '.join(used)}\n" if used else ""
        return f"{IMPORTS}{imports}{body}\n" if lines else ""

    def _add(self, dotted: str) -> None:
        """Adds a member of a namespace that the source names."""
        namespace, name = dotted.split(".")
        info = self._repository.find_by_name(namespace, name)
        if info is None or _is_added(namespace, name):
            return
        if isinstance(info, _gi.FunctionInfo):
            self._namespace_lines[namespace] += self._function(info)
        elif isinstance(info, _gi.ConstantInfo):
            kind = type(info.get_value()).__name__
            self._namespace_lines[namespace].append(f"{name}: {kind}")
        else:
            self._reference(info)

    def _reference(self, info: Any) -> str:
        """Returns the name of a class, which is written in its turn; Any for other namespaces."""
        namespace, name = info.get_namespace(), info.get_name()
        if namespace not in VERSIONS:
            return "Any"
        dotted = f"{namespace}.{name}"
        if dotted not in self._classes and not _is_added(namespace, name):
            self._classes[dotted] = []
            self._pending.append(dotted)
        return dotted

    def _write_class(self, dotted: str) -> None:
        info = self._repository.find_by_name(*dotted.split("."))
        if isinstance(info, _gi.EnumInfo):
            lines = self._enum(info)
        else:
            lines = [f"class {info.get_name()}{self._bases(info)}:"]
            members = self._members(info, dotted)
            lines += [f"    {line}" for line in members or ["..."]]
        self._classes[dotted] = lines

    def _enum(self, info: Any) -> list[str]:
        base = "GObject.GFlags" if info.is_flags() else "GObject.GEnum"
        members = [value.get_name_unescaped().upper() for value in info.get_values()]
        lines = [f"    {name}: ClassVar[Self]" for name in members if name in self._names]
        return [f"class {info.get_name()}({base}):", *(lines or ["    ..."])]

    def _bases(self, info: Any) -> str:
        if not isinstance(info, _gi.ObjectInfo):
            return ""
        bases = [self._reference(info.get_parent())] if info.get_parent() else []
        bases += [
            self._reference(interface)
            for interface in info.get_interfaces()
            if any(method.get_name() in self._names for method in interface.get_methods())
        ]
        return f"({', '.join(bases)})" if bases else ""

    def _members(self, info: Any, dotted: str) -> list[str]:
        added = CLASS_ADDITIONS.get(dotted, "").strip().splitlines()
        lines = list(added)
        if not added and dotted in self._constructed and isinstance(info, _gi.ObjectInfo):
            lines += self._constructor(info)
        for field in info.get_fields() if isinstance(info, _gi.StructInfo) else ():
            if field.get_name() in self._names:
                lines.append(f"{field.get_name()}: {self._type(_type_info(field))}")
        for method in info.get_methods():
            name = method.get_name()
            if name in self._names and not any(f"def {name}(" in line for line in added):
                lines += self._function(method, dotted)
        for function in getattr(info, "get_vfuncs", list)():
            name = f"do_{function.get_name()}"
            if name in self._names and not any(f"def {name}(" in line for line in added):
                lines += self._function(function, dotted, prefix="do_")
        return lines

    def _constructor(self, info: Any) -> list[str]:
        """Returns the line of a constructor, which takes properties as keywords."""
        properties = {
            name: self._type(_type_info(declared))
            for declared in _properties(info)
            if (name := declared.get_name().replace("-", "_")) in self._names
        }
        keywords = ", ".join(f"{name}: {kind} = ..." for name, kind in sorted(properties.items()))
        return [f"def __init__(self{', *, ' if keywords else ''}{keywords}) -> None: ..."]

    def _function(self, info: Any, owner: str = "", prefix: str = "") -> list[str]:
        arguments = list(info.get_arguments())
        hidden = _hidden_arguments(info, arguments)
        parameters, results = [], []
        for number, argument in enumerate(arguments):
            if number in hidden:
                continue
            kind = self._type(_type_info(argument))
            name = argument.get_name()
            name = f"{name}_" if keyword.iskeyword(name) else name
            if argument.get_direction() != _gi.Direction.OUT:
                optional = " | None" if argument.may_be_null() and kind != "Any" else ""
                parameters.append(f"{name}: {_accepted(kind)}{optional}")
            if argument.get_direction() != _gi.Direction.IN:
                results.append((name, kind))
        returned = _type_info(info, "get_return_type")
        if owner and getattr(info, "is_constructor", bool)():
            results.insert(0, ("returned", owner))
        elif not info.skip_return() and not _is_void(returned):
            optional = " | None" if info.may_return_null() else ""
            kind = self._type(returned)
            results.insert(0, ("returned", kind if kind == "Any" else f"{kind}{optional}"))
        name = prefix + info.get_name()
        before, result = self._result(name, results)
        for position in reversed(range(len(parameters))):  # PyGObject lets the last ones default
            if not parameters[position].endswith(" | None"):
                break
            parameters[position] += " = ..."
        decorator, first = _binding(info, owner, prefix)
        signature = ", ".join([*first, *parameters])
        return [*before, *decorator, f"def {name}({signature}) -> {result}: ..."]

    def _result(self, name: str, results: list[tuple[str, str]]) -> tuple[list[str], str]:
        """Returns the lines that define the type of a function's result, and its name."""
        if not results:
            return [], "None"
        if len(results) == 1:
            return [], results[0][1]
        if not any(field in self._names for field, _ in results[1:]):
            return [], f"tuple[{', '.join(kind for _, kind in results)}]"
        result = f"_{name.title().replace('_', '')}"
        fields = [f"    {field}: {kind}" for field, kind in results]
        return ["", f"class {result}(NamedTuple):", *fields], result

    def _type(self, info: Any) -> str:
        tag = info.get_tag_as_string()
        if tag in NUMBERS or tag in TEXTS:
            return NUMBERS.get(tag) or TEXTS[tag]
        if tag in ("array", "glist", "gslist"):
            inner = info.get_param_type(0)
            if inner.get_tag_as_string() == "guint8":
                return "bytes"
            return f"list[{self._type(inner)}]"
        if tag == "interface":
            interface = info.get_interface()
            if isinstance(interface, _gi.CallbackInfo):
                return self._callback(interface)
            return self._reference(interface)
        return "GLib.Error" if tag == "error" else "Any"

    def _callback(self, info: Any) -> str:
        arguments = list(info.get_arguments())
        hidden = _hidden_arguments(info, arguments)
        kinds = [
            self._type(_type_info(argument))
            for number, argument in enumerate(arguments)
            if number not in hidden
        ]
        returned = _type_info(info, "get_return_type")
        result = "object" if _is_void(returned) else self._type(returned)
        return f"Callable[[{', '.join(kinds)}], {result}]"


def _is_added(namespace: str, name: str) -> bool:
    added = NAMESPACE_ADDITIONS.get(namespace, "").splitlines()
    starts = (f"class {name}(", f"class {name}:", f"def {name}(", f"{name}:")
    return any(line.startswith(starts) for line in added)


def _type_info(info: Any, method: str = "get_type_info") -> Any:
    # PyGObject before 3.52 calls it get_type.
    return (getattr(info, method, None) or info.get_type)()


def _is_void(info: Any) -> bool:
    return info.get_tag_as_string() == "void" and not info.is_pointer()


def _index(info: Any, name: str) -> int:
    """Returns the number of another argument that belongs to this one; -1 if there is none."""
    # PyGObject before 3.52 has the names without _index.
    method = getattr(info, f"get_{name}_index", None) or getattr(info, f"get_{name}")
    number: int = method()
    return number


def _hidden_arguments(info: Any, arguments: list[Any]) -> set[int]:
    """Returns the numbers of the arguments that PyGObject fills in: lengths and destructors."""
    hidden = {_index(_type_info(info, "get_return_type"), "array_length")}
    for argument in arguments:
        hidden.add(_index(_type_info(argument), "array_length"))
        # GIMP names a destructor of ImageProcedure.new's destructor: only callbacks have one.
        if _index(argument, "closure") >= 0:
            hidden.add(_index(argument, "destroy"))
    return hidden


def _accepted(kind: str) -> str:
    """Returns the type of a parameter: any sequence will do for a list."""
    return f"Sequence{kind[4:]}" if kind.startswith("list[") else kind


def _binding(info: Any, owner: str, prefix: str) -> tuple[list[str], list[str]]:
    """Returns the decorator of a function and its first parameter."""
    if not owner:
        return [], []
    if prefix or info.is_method():
        return [], ["self"]
    if info.is_constructor():
        return ["@classmethod"], ["cls"]
    return ["@staticmethod"], []


def _properties(info: Any) -> Iterator[Any]:
    """Yields the properties of a class, its interfaces and its ancestors."""
    while info:
        yield from info.get_properties()
        for interface in info.get_interfaces():
            yield from interface.get_properties()
        info = info.get_parent()


def main() -> None:
    """Prints the stubs for the source described on standard input."""
    for namespace, version in VERSIONS.items():
        gi.require_version(namespace, version)
        __import__(f"gi.repository.{namespace}")
    source = json.load(sys.stdin)
    writer = StubWriter(source["chains"], source["names"], source["constructed"])
    json.dump(writer.stubs(), sys.stdout)


if __name__ == "__main__":
    main()
