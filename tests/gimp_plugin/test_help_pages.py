from __future__ import annotations

import re

from gimp_plugin.help_pages import PAGE, help_page
from impasto_shared.settings import SETTINGS

PLUGIN = PAGE.parents[2] / "procedures/plugin.py"


def words(page: str) -> list[str]:
    """Returns the words of a page, which do not depend on the version of the tools."""
    return re.sub(r"<[^>]*>", " ", page).split()


def test_page_is_up_to_date() -> None:
    assert words(PAGE.read_text()) == words(help_page()), "run tests/gimp_plugin/help_pages.py"


def test_page_names_every_setting_and_leads_nowhere_else() -> None:
    page = PAGE.read_text()

    assert all(f"<td>{setting.label}</td>" in page for setting in SETTINGS)
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert "#settings" in links
    assert [link for link in links if f'id="{link.removeprefix("#")}"' not in page] == []


def test_every_procedure_has_its_page() -> None:
    items = re.findall(r'id="([^"]*)" ref="([^"]*)"', (PAGE.parent / "gimp-help.xml").read_text())
    procedures = re.findall(r'= "(plug-in-impasto-[a-z-]+)"', PLUGIN.read_text())

    assert procedures
    assert [procedure for procedure, _ in items] == procedures
    assert all((PAGE.parent / page).is_file() for _, page in items)
