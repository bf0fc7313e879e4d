"""Mutants are what a programmer could have written by mistake, one fault in each."""

import ast

import pytest

from mutants import mutants


def changes(source: str) -> list[str]:
    return [change for _, change, _ in mutants(ast.parse(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a < b  →  a <= b"]),
        ("a is b in c", ["a is b in c  →  a is not b in c", "a is b in c  →  a is b not in c"]),
        ("a and b", ["a and b  →  a or b"]),
        ("a + b", ["a + b  →  a - b"]),
        ("not a", ["not a  →  a"]),
        ("-a", ["-a  →  a"]),
        ("a = 2", ["2  →  3"]),
        ("a = True", ["True  →  False"]),
        ("a = 'text'", []),
        ("b if a else c", ["b if a else c  →  b if not a else c"]),
        ("f()", ["f()  →  pass"]),
        ("a += b", ["a += b  →  pass"]),
        ("raise E(1)", ["raise E(1)  →  pass"]),
        ("def f(a: int = 2) -> X[3]: pass", ["2  →  3"]),
        ("@d(1)\nclass C(B): pass", []),
    ],
)
def test_each_mutant_has_one_fault(source: str, expected: list[str]) -> None:
    assert changes(source) == expected


def test_mutant_is_the_whole_module_with_the_line_of_its_fault() -> None:
    source = "a = 1\nb = x < y\n"

    (first, _, one), (second, _, other) = mutants(ast.parse(source))
    assert (first, ast.unparse(one)) == (1, "a = 2\nb = x < y")
    assert (second, ast.unparse(other)) == (2, "a = 1\nb = x <= y")
