"""A window as a screen reader sees and operates it. Runs in GIMP's root.

screen_reader.py dump TITLE | press TITLE NAME | focus TITLE NAME | stay
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi


def window(title: str) -> Any:
    """Returns the last window whose title matches."""
    desktop = Atspi.get_desktop(0)
    windows = [
        shown
        for application in children(desktop)
        for shown in children(application)
        if re.search(title, shown.get_name() or "")
    ]
    if not windows:
        sys.exit(f"There is no window titled {title}.")
    return windows[-1]


def children(node: Any) -> list[Any]:
    """Returns the children."""
    nodes = (node.get_child_at_index(index) for index in range(node.get_child_count()))
    return [child for child in nodes if child is not None]


def tree(node: Any, depth: int = 0, *, only_shown: bool = False) -> Iterator[tuple[int, Any]]:
    """Yields `node` and its descendants, each with its depth."""
    yield depth, node
    for child in children(node):
        if not only_shown or has(child, Atspi.StateType.SHOWING):
            yield from tree(child, depth + 1, only_shown=only_shown)


def has(node: Any, state: Any) -> bool:
    """Returns whether it is in a state."""
    return bool(node.get_state_set().contains(state))


def spoken_name(node: Any) -> str:
    """Returns the name that is read out: that of its label, its own, or its text."""
    own: str = node.get_name()
    if not own and node.get_text_iface() is not None:
        own = Atspi.Text.get_text(node, 0, -1)
    labels = (
        relation.get_target(index).get_name()
        for relation in node.get_relation_set()
        if relation.get_relation_type() == Atspi.RelationType.LABELLED_BY
        for index in range(relation.get_n_targets())
    )
    return next(labels, own)


def named(title: str, name: str) -> Any:
    """Returns the usable widget or menu entry of this name."""
    for _, node in tree(window(title)):
        can_be_used = has(node, Atspi.StateType.SENSITIVE) and (
            has(node, Atspi.StateType.FOCUSABLE) or node.get_role() == Atspi.Role.MENU_ITEM
        )
        if can_be_used and spoken_name(node) == name:
            return node
    sys.exit(f"The window titled {title} has nothing named {name}.")


def stay() -> None:
    """Listens until it is ended, as a screen reader does.

    When the last one goes, GTK removes its listener for keys, and may crash if a key is on its way.
    """
    listener = Atspi.EventListener.new(lambda _event: None)
    listener.register("window:activate")
    Atspi.event_main()


def main() -> None:
    """Does what the command line says."""
    command, title, *names = [*sys.argv[1:], ""]
    if command == "stay":
        stay()
    elif command == "dump":
        shown = [
            {
                "depth": depth,
                "role": node.get_role_name(),
                "name": spoken_name(node),
                "can_be_focused": has(node, Atspi.StateType.FOCUSABLE),
            }
            for depth, node in tree(window(title), only_shown=True)
        ]
        print(json.dumps(shown))  # noqa: T201 - the answer
    elif command == "press":
        named(title, names[0]).get_action_iface().do_action(0)
    elif command == "focus":
        named(title, names[0]).get_component_iface().grab_focus()


main()
