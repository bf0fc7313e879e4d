"""The tables, links and examples of the documentation are true."""

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from impasto_shared.configuration.options import OPTIONS, Option, toml_value, values_of
from impasto_shared.errors import ErrorCode
from impasto_shared.image import PixelFormat
from impasto_shared.protocol.messages import ClientMessage, DaemonMessage
from impasto_shared.protocol.reports import JobState
from impasto_shared.schema import ChoiceSetting, LayersSetting, OpenChoiceSetting, SwitchSetting
from impasto_shared.settings import SETTINGS, Setting
from integration.daemon_process import ROOT
from page import PAGE, page_of_records, places, read_records

DECISIONS = sorted(ROOT.glob("docs/decisions/*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("shared/*.md"), *DECISIONS])


def settings_row(setting: Setting) -> str:
    if isinstance(setting, LayersSetting):
        values, default = "layers, each with a weight", f"`{setting.default}`"
    elif isinstance(setting, ChoiceSetting):
        values = ", ".join(f"`{name}`" for name in setting.choices)
        values += f", or {setting.others}" if isinstance(setting, OpenChoiceSetting) else ""
        default = setting.default.value
    elif isinstance(setting, SwitchSetting):
        values, default = "true or false", "true" if setting.default else "false"
    else:
        values = f"{setting.low} to {setting.high}"
        default = str(setting.default)
    return f"| `{setting.name}` | {setting.label} | {default} | {values} | {setting.help} |"


def test_table_of_settings_equals_the_code() -> None:
    table = re.findall(r"^\| `.*$", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)

    assert table == [settings_row(setting) for setting in SETTINGS]


def option_row(option: Option) -> str:
    default = f"`{toml_value(option.setting.default)}`"
    flag = f"`--{option.name.replace('_', '-')}`" if option.table == "daemon" else ""
    return (
        f"| `{option.name}` | {default} | {values_of(option)} | `{option.variable}` | {flag} | "
        f"{option.setting.help} |"
    )


def test_tables_of_options_equal_the_code() -> None:
    page = (ROOT / "docs/configuration.md").read_text().partition("## Other variables")[0]

    table = re.findall(r"^\| `.*$", page, re.MULTILINE)

    assert table == [option_row(option) for option in OPTIONS]


def test_protocol_page_names_every_message_error_and_state() -> None:
    text = (ROOT / "shared/PROTOCOL.md").read_text()

    types = [message.type for message in (*ClientMessage.__args__, *DaemonMessage.__args__)]
    for name in (*types, *ErrorCode, *JobState, *PixelFormat):
        assert f"`{name}`" in text


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)|src=\"([^\"]*)\"", page.read_text())

    for target, anchor, source in links:
        # A page of the host: of its user interface, or of another one's.
        if re.match(r"\w+:|\.\./\.\./security/", target or source):
            continue
        path = (page.parent / (target or source or page.name)).resolve()
        assert path.exists(), f"{page.name} links to {target or source}"
        assert not anchor or anchor in anchors(path), f"{page.name} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_source_files_named_in_the_documentation_exist(page: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    tracked = {f"/{name}" for name in listed.stdout.splitlines()}

    named = re.findall(r"`([\w/.-]*\w\.(?:py|sh|md))(?:::\w+)?`", page.read_text())
    missing = [name for name in named if not any(f.endswith(f"/{name}") for f in tracked)]

    assert missing == []


def test_tables_of_benchmarks_are_what_the_records_give() -> None:
    page = PAGE.read_text()
    records = read_records()

    assert page == page_of_records(page, records), "run .venv/bin/python -m benchmarks page"
    assert sorted(places(page)) == sorted(records), "each record is shown once"
    by_hand = re.sub(r"<!-- record .*?<!-- end -->", "", page, flags=re.DOTALL)
    assert not re.findall(r"^\|.*\d.*\|$", by_hand, re.MULTILINE), "figures without a record"
    for record in records.values():
        assert record.commit
        assert record.machine
        assert date.fromisoformat(record.date)
        if record.command:
            benchmark = (ROOT / f"benchmarks/{record.benchmark}.py").read_text()
            assert "def tabulate(" in benchmark
        for name in record.measured:
            assert (ROOT / name).exists(), f"{record.benchmark} measured {name}"


def test_workflow_runs_the_lanes_in_their_order() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    lanes = re.findall(r"^run_(\w+)\(\)", (ROOT / "tests/run_tests.sh").read_text(), re.MULTILINE)

    run = re.findall(r"install\.sh test (\w+)", workflow)
    assert [lane for lane in lanes if lane in run] == [lane for lane in run if lane != "setup"]
    assert "bash .ci/run" in workflow


def test_architecture_lists_every_folder_of_the_source_on_few_lines() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    packages = {
        str(path.parent.relative_to(ROOT))
        for folder in ("shared", "daemon", "gimp_plugin")
        for path in (ROOT / folder).rglob("__init__.py")
        if "vendor" not in path.parts
    }

    rows = re.findall(r"^\| (`\w+/[^|]+) \|", page, re.MULTILINE)
    listed = [folder for row in rows for folder in re.findall(r"`([\w/]+)`", row)]

    assert sorted(listed) == sorted(packages)
    assert len(page.splitlines()) <= 150


def test_decisions_are_numbered_pages_that_architecture_refers_to() -> None:
    architecture = (ROOT / "docs/architecture.md").read_text()

    for number, page in enumerate(DECISIONS, start=1):
        text = page.read_text()
        assert page.name.startswith(f"{number:03}-")
        assert text.startswith(f"# {number:03}: ")
        assert f"](decisions/{page.name})" in architecture
        assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0] == "The problem"
        assert "\n## What it costs\n" in text
        assert len(text.splitlines()) <= 60, "a page each"


def test_every_promise_of_security_names_its_tests() -> None:
    page = (ROOT / "docs/security.md").read_text().partition("## Access")[2]
    rows = re.findall(r"^\| (?!Promise|---)(.*) \| (.*) \|$", page, re.MULTILINE)

    assert len(rows) > 20
    for promise, tests in rows:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", tests)
        assert named, f"no test covers the promise: {promise}"
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(), f"{path} has no {name}"


def test_code_shown_equals_the_source() -> None:
    blocks = re.findall(
        r"^```python\n# (\S+)\n(.*?)^```",
        (ROOT / "docs/how-it-works.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )

    assert len(blocks) > 5
    for source, code in blocks:
        assert code in (ROOT / source).read_text(), code
