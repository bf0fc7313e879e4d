"""Mutation testing: faults put into a module one at a time, each of which the tests should notice.

    PYTHONPATH=shared:daemon:gimp_plugin:tests .venv/bin/python -P tests/mutants.py MODULE TEST ...

MODULE is a name such as impasto_shared.protocol.codec, TEST a file or folder of tests. Each mutant
runs in a fork of this process, which has imported the large packages once: a second a mutant. It
prints the mutants that survived, by line, and a summary. Some change nothing that can be observed;
the others need a test. By hand, not in CI.
"""

from __future__ import annotations

import ast
import copy
import importlib.machinery
import importlib.util
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from types import CodeType, ModuleType
from typing import Any

# A mutant may run, or grow, without end.
CPU_LIMIT_S = 120
MEMORY_LIMIT_BYTES = 4_000_000_000
# Imported before any fork: they take longer than most tests.
LARGE_PACKAGES = ("hypothesis", "numpy", "PIL.Image", "pytest", "torch", "zmq")

OPTIONS = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider")

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.MatMult: ast.Add,
}


class Finder(MetaPathFinder):
    """Finds one module, whose source it replaces."""

    def __init__(self, module: str, path: str, tree: ast.Module) -> None:
        self._module, self._path, self._tree = module, path, tree

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Returns the mutant if the module is asked for."""
        del path, target
        if name != self._module:
            return None
        loader = _Loader(name, self._path)
        loader.code = compile(self._tree, self._path, "exec", dont_inherit=True)
        return importlib.util.spec_from_file_location(name, self._path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    code: CodeType

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self.code


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Yields each mutant of a module: the line, what was changed, and the whole module."""
    for index, node in enumerate(_mutable(tree)):
        for number in range(len(_mutations(node))):
            mutant = copy.deepcopy(tree)
            twin = _mutable(mutant)[index]
            before = ast.unparse(twin)
            changed = _mutations(twin)[number]
            _replace(mutant, twin, changed)
            ast.fix_missing_locations(mutant)
            yield getattr(node, "lineno", 0), f"{before}  →  {ast.unparse(changed)}", mutant


def _mutable(tree: ast.Module) -> list[Any]:
    """Returns the nodes that do something: no annotations, no decorators, no texts."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns", "decorator_list", "bases", "keywords", "exc"):
            of_class = name in ("bases", "keywords") and not isinstance(node, ast.ClassDef)
            below = [] if of_class else getattr(node, name, None) or []
            for part in below if isinstance(below, list) else [below]:
                skipped |= {id(each) for each in ast.walk(part)}
    return [node for node in ast.walk(tree) if id(node) not in skipped]


def _mutations(node: Any) -> list[Any]:
    """Returns the changed forms of one node."""
    changed: Any = copy.deepcopy(node)
    match node:
        case ast.Compare():
            operators = [at for at, op in enumerate(node.ops) if type(op) in _SWAPPED]
            return [_with_operator(node, at) for at in operators]
        case ast.BoolOp() | ast.BinOp() if type(node.op) in _SWAPPED:
            changed.op = _SWAPPED[type(node.op)]()
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            changed = changed.operand
        case ast.Constant(value=bool()):
            changed.value = not node.value
        case ast.Constant(value=int() | float()):
            changed.value += 1
        case ast.If() | ast.While() | ast.IfExp() if isinstance(
            node.test, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr
        ):
            changed.test = ast.UnaryOp(ast.Not(), changed.test)
        case ast.Expr(value=ast.Call() | ast.Yield()) | ast.Raise() | ast.AugAssign():
            changed = ast.Pass()
        case ast.Break() | ast.Continue():
            changed = ast.Pass()
        case _:
            return []
    return [changed]


def _with_operator(node: ast.Compare, at: int) -> ast.Compare:
    changed = copy.deepcopy(node)
    changed.ops[at] = _SWAPPED[type(node.ops[at])]()  # type: ignore[call-overload]
    return changed


def _replace(tree: ast.Module, old: Any, new: Any) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return
            if isinstance(value, list) and any(each is old for each in value):
                value[[each is old for each in value].index(True)] = new
                return


def is_noticed(finder: Finder, tests: Sequence[str]) -> bool:
    """Runs the tests on a mutant in another process; returns whether one of them failed."""
    process = os.fork()
    if process:
        _, status = os.waitpid(process, 0)
        return status != 0
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    code = 1
    try:
        import pytest

        sys.meta_path.insert(0, finder)
        code = int(pytest.main([*OPTIONS, *tests]))
    finally:
        os._exit(code)


def main() -> None:
    """Runs every mutant, or each N-th with $EVERY=N."""
    module, *tests = sys.argv[1:]
    for name in LARGE_PACKAGES:
        importlib.import_module(name)
    spec = importlib.machinery.PathFinder.find_spec(module.partition(".")[0])
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise SystemExit(f"There is no package of {module}.")
    path = f"{folders[0]}/{'/'.join(module.split('.')[1:])}.py"
    with open(path) as file:  # noqa: PTH123 - nothing more of a path is needed
        tree = ast.parse(file.read())
    if is_noticed(Finder(module, path, tree), tests):
        raise SystemExit("The tests fail without a mutant.")
    survivors, count = 0, 0
    for line, change, mutant in list(mutants(tree))[:: int(os.environ.get("EVERY", "1"))]:
        count += 1
        if not is_noticed(Finder(module, path, mutant), tests):
            survivors += 1
            _report(f"{module}:{line}: {' '.join(change.split())[:200]}")
    _report(f"{module}: {count - survivors} of {count} mutants were noticed")


def _report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
