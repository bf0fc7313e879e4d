"""The project speaks plain English with the field's terms: CONTRIBUTING.md, "Words".

Each test lists what it finds as file:line.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
THIS_FILE = str(Path(__file__).relative_to(ROOT))

# The phrase, and what to write instead.
PHRASES = {
    r"slopes?": "gradient; in a line search, directional derivative",
    r"anew": "again, from scratch",
    # But --mend and "can_mend" in its JSON are the former names of --fix and "can_fix".
    r"(?<!--)(?<!can_)mend(s|ed|ing)?": "fix, repair",
    r"whoever|somebody|nobody": "name who it is: the client, the user",
    r"beside": "next to, besides, in addition to, compared with, relative to",
    r"(what )?(is|are|was|were) wanted|wanted of": "name it: the target, the requested size",
    r"where there (is|are|was|were|has|have|may|can)": "if there is, when there is",
    r"where (none|nothing|no one) (is|has|was)": "if no … is",
    r"(has|have|had) gone": "exited, disconnected, was removed",
    r"what (is|was|are|were|it is|has been) (known|left|needed|kept|asked|given|had)":
        "name it: the remaining steps, the arguments",
    r"so many": "the number, or many",
    r"as it were": "leave it out",
    r"(is|are|was|were|be|been|being) told of": "is notified of",
    r"(goes|went|going) on": "continues",
    r"let(s|ting)? in": "authorises",
    r"come to an end": "ended",
}  # fmt: skip

# A space may be a line break, also in a comment and between the pieces of a long string.
GAP = r'(?:[\s"#]|f(?="))+'

TEXT_SUFFIXES = (".py", ".sh", ".md", ".html", ".po", ".scm", ".service", ".toml")

# A docstring that begins so is a noun clause instead of a sentence.
NOUN_CLAUSES = "All that|As|How|One|Such|That|Those|What|When|Where|Whether|Which|Who|Whose"

# Words that end in s and are no verbs in the third person.
NOT_VERBS = {"Always", "Bytes", "Columns", "Days", "Faces", "Its", "Layers", "Lines", "Names"}
NOT_VERBS |= {"Numbers", "Pixels", "Points", "Positions", "Seconds", "Settings", "Steps"}
NOT_VERBS |= {"Texts", "This", "Tiles", "Values", "Weights", "Words"}

# Participles and adjectives that say nothing of the value, as the name of a variable.
VAGUE_NAMES = {"apart", "found", "given", "kept", "seen", "taken", "wanted"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def files_with_suffix(*suffixes: str) -> list[str]:
    return [name for name in tracked_files() if Path(name).suffix in suffixes and name != THIS_FILE]


def syntax_tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text())


def english_text(name: str) -> str:
    """Returns the text of a file; of a catalogue only the msgids, on their own lines."""
    text = (ROOT / name).read_text()
    if not name.endswith(".po"):
        return text
    lines, is_english = [], False
    for line in text.split("\n"):
        if line.startswith("msg"):
            is_english = line.startswith("msgid")
        lines.append(line if is_english else "")
    return "\n".join(lines)


def phrases_in(text: str) -> Iterator[tuple[int, str, str]]:
    """Yields the line number of each phrase that must not come back, the phrase, and the advice."""
    for phrase, advice in PHRASES.items():
        pattern = rf"(?<![a-z])(?:{phrase.replace(' ', GAP)})(?![a-z])"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), advice


def test_text_uses_the_words_of_the_field() -> None:
    assert not [
        f"{name}:{line}: {phrase!r}: say {advice}"
        for name in files_with_suffix(*TEXT_SUFFIXES)
        for line, phrase, advice in phrases_in(english_text(name))
    ]


def decorators(node: Function) -> str:
    return " ".join(ast.unparse(decorator) for decorator in node.decorator_list)


def opens_wrongly(node: ast.AST, docstring: str) -> bool:
    """Returns whether a docstring opens with a noun clause, or a function's without a verb."""
    if re.match(rf"({NOUN_CLAUSES})\b", docstring):
        return True
    if not isinstance(node, Function):
        return False
    if node.name.startswith("test_") or re.search("property|fixture|setter", decorators(node)):
        return False
    first_word = re.match(r"[\w-]+", docstring)
    return not (first_word and first_word[0].endswith("s")) or first_word[0] in NOT_VERBS


def wrong_docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, Documented):
            continue
        docstring = ast.get_docstring(node) or ""
        if docstring and opens_wrongly(node, docstring):
            yield node.body[0].lineno, docstring.partition("\n")[0]


def test_docstrings_open_with_the_verb_or_the_noun() -> None:
    assert not [
        f"{name}:{line}: {opening}"
        for name in files_with_suffix(".py")
        for line, opening in wrong_docstrings(syntax_tree(name))
    ]


def vague_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound = node.id
        elif isinstance(node, ast.arg):
            bound = node.arg
        else:
            continue
        if bound in VAGUE_NAMES:
            yield node.lineno, bound


def test_variables_are_named_by_nouns() -> None:
    assert not [
        f"{name}:{line}: {bound}"
        for name in files_with_suffix(".py")
        if not name.startswith("tests/")
        for line, bound in vague_names(syntax_tree(name))
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("slope_of_input", 1),
        ("its\nSlope", 2),
        ("# what is\n    # left of it", 1),
        ("can be mended", 1),
        ("in the file beside it", 1),
        ('"what is "\n    f"known"', 1),
    ],
)
def test_a_phrase_is_noticed(text: str, line: int) -> None:
    assert [number for number, *_ in phrases_in(text)] == [line]


def test_harmless_words_are_not_noticed() -> None:
    text = "impasto doctor --mend, besides, recommended, where it is, amendments, renewed"

    assert not list(phrases_in(text))


@pytest.mark.parametrize(
    ("source", "is_wrong"),
    [
        ('def f():\n    """Returns the sum."""', False),
        ('def f():\n    """The sum."""', True),
        ('def f():\n    """What is summed."""', True),
        ('@property\ndef f():\n    """The sum."""', False),
        ('class F:\n    """A sum."""', False),
        ('class F:\n    """One sum."""', True),
        ('"""How sums are made."""', True),
    ],
)
def test_an_opening_is_judged(source: str, is_wrong: bool) -> None:
    assert bool(list(wrong_docstrings(ast.parse(source)))) == is_wrong


@pytest.mark.parametrize(
    "source", ["found = 1", "def f(wanted): ...", "for seen in x: ...", "[kept for kept in x]"]
)
def test_a_vague_name_is_noticed(source: str) -> None:
    assert list(vague_names(ast.parse(source)))
