"""The pages that the dialogs' button Help opens, made from docs/gimp.md and the settings.

Run this after changing one of them:
PYTHONPATH=shared:gimp_plugin:tests .venv/bin/python tests/gimp_plugin/help_pages.py
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import markdown

from impasto_shared.schema import ChoiceSetting, IntegerSetting, LayersSetting, SwitchSetting
from impasto_shared.settings import SETTINGS, Setting

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "docs/gimp.md"
PAGE = REPOSITORY / "gimp_plugin/impasto_gimp/help/en/index.html"
_STYLE = (
    "body { max-width: 44em; margin: 2em auto; padding: 0 1em; font-family: sans-serif; "
    "line-height: 1.4 } td { vertical-align: top; padding: 0.2em 1em 0.2em 0 }"
)


def help_page() -> str:
    """Returns the page as HTML, without pictures and without links to other pages."""
    body = markdown.markdown(_text(), extensions=["tables", "toc", "fenced_code"])
    rows = "\n".join(_row(setting) for setting in SETTINGS)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Impasto in GIMP</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        f'<h2 id="settings">All settings</h2>\n<table>\n{rows}\n</table>\n</body>\n</html>\n'
    )


def _text() -> str:
    """Returns docs/gimp.md without pictures, naming other pages instead of linking to them."""
    without_pictures = re.sub(r"\n *!\[[^]]*\]\([^)]*\)\n", "", SOURCE.read_text())
    settings_below = without_pictures.replace("](settings.md)", "](#settings)")
    named = re.sub(r"\[([^]]*\.md)\]\(\1\)", r"docs/\1 in the Impasto folder", settings_below)
    return re.sub(r"\[([^]]*)\]\((?!#)[^)]*\)", r"\1", named)


def _row(setting: Setting) -> str:
    match setting:
        case ChoiceSetting(choices=choices):
            values = "; ".join(choices.values())
        case SwitchSetting():
            values = "on or off"
        case LayersSetting(default=default):
            values = default
        case IntegerSetting():
            values = f"{setting.low} to {setting.high}"
        case _:
            values = f"{setting.low:g} to {setting.high:g}"
    cells = (setting.label, setting.help, values)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


if __name__ == "__main__":
    PAGE.write_text(help_page())
