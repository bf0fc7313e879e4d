"""The dependency rule: gimp_plugin → shared ← daemon, and each part knows only its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STYLE_TRANSFER = "daemon/impasto_daemon/style_transfer"

# What each folder may import beside the standard library; the first match counts.
ALLOWED = {
    "shared/impasto_shared/client.py": {"impasto_shared", "zmq"},
    "shared/impasto_shared/liveness.py": {"zmq"},
    "shared/impasto_shared/keys.py": {"impasto_shared", "zmq"},
    "shared": {"impasto_shared"},
    "gimp_plugin": {"impasto_gimp", "impasto_shared", "gi", "zmq"},
    f"{STYLE_TRANSFER}/planning": {"impasto_daemon.style_transfer.planning", "impasto_shared"},
    f"{STYLE_TRANSFER}/networks/fx_graph.py": {
        "impasto_daemon.style_transfer",
        "impasto_shared",
        "torch",
        "torchvision",
    },
    STYLE_TRANSFER: {
        "impasto_daemon.malloc",
        "impasto_daemon.style_transfer",
        "impasto_shared",
        "torch",
        "numpy",
        "scipy",
    },
    "daemon/impasto_daemon/models/torchvision_models.py": {
        "impasto_daemon.style_transfer",
        "impasto_shared",
        "torch",
        "torchvision",
    },
    "daemon/impasto_daemon/models/weights.py": {
        "impasto_daemon.models",
        "impasto_daemon.style_transfer",
        "impasto_shared",
        "torch",
        "h5py",
    },
    "daemon/impasto_daemon/commands/doctor/torch_probe.py": {"impasto_daemon", "torch"},
    "daemon/impasto_daemon/worker/main.py": {"impasto_daemon", "impasto_shared", "torch", "zmq"},
    "daemon/impasto_daemon/commands/image_file.py": {"impasto_shared", "PIL", "numpy"},
    "daemon/impasto_daemon/commands/explore/drawing.py": {
        "impasto_daemon",
        "impasto_shared",
        "PIL",
    },
    "daemon": {"impasto_daemon", "impasto_shared", "zmq"},
}


def source_files() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT))
        for folder in ("shared", "daemon", "gimp_plugin")
        for path in (ROOT / folder).rglob("*.py")
        if "vendor" not in path.parts
    )


def imported_modules(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def allowed_for(name: str) -> set[str]:
    return next(
        modules
        for place, modules in ALLOWED.items()
        if name == place or name.startswith(place + "/")
    )


@pytest.mark.parametrize("name", source_files())
def test_module_imports_only_what_its_part_may_know(name: str) -> None:
    allowed = allowed_for(name)

    forbidden = [
        f"{name}:{line} imports {module}"
        for line, module in imported_modules(ROOT / name)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not any(module == place or module.startswith(place + ".") for place in allowed)
    ]

    assert not forbidden


@pytest.mark.parametrize(
    "module",
    [
        "impasto_shared.client",
        "impasto_shared.launcher",
        "impasto_daemon.server.server",
        "impasto_daemon.commands.main",
        "impasto_daemon.commands.doctor.command",
    ],
)
def test_module_loads_where_numpy_and_torch_are_missing(module: str) -> None:
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("numpy", "torch", "scipy", "PIL", "h5py"):
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Refuse())
sys.path[:0] = [{str(ROOT / "shared")!r}, {str(ROOT / "daemon")!r}]
import {module}
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


# What runs what it reads or is given, by the names it is called by.
_RUNNING_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "code", "runpy", "pty"}
_RUNNING_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "execv", "execvp"}
_RUNNING_CALLS |= {"spawnv", "recv_pyobj", "send_pyobj", "getoutput", "getstatusoutput"}


def what_runs_in(tree: ast.AST) -> list[str]:
    """The places in a module that would run what they are given."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [name for name in names if name.split(".")[0] in _RUNNING_MODULES]
        if not isinstance(node, ast.Call):
            continue
        named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        function = ast.unparse(node.func)
        own_name = function.rpartition(".")[2]
        is_pattern = function == "re.compile"
        if own_name in _RUNNING_CALLS and not is_pattern:
            found.append(function)
        if named.get("shell", "False") != "False":
            found.append(f"{function} with a shell")
        if function == "torch.load" and named.get("weights_only") != "True":
            found.append("torch.load of more than numbers")
    return found


@pytest.mark.parametrize("name", source_files())
def test_nothing_runs_what_it_was_given(name: str) -> None:
    assert what_runs_in(ast.parse((ROOT / name).read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "eval(x)",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
        "torch.load(x)",
        "socket.recv_pyobj()",
    ],
)
def test_what_runs_is_found(source: str) -> None:
    assert what_runs_in(ast.parse(source))
