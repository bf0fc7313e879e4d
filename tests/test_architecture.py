"""The dependency rule: gimp_plugin → shared ← daemon, and each folder imports only what it may.

The second rule is that nothing executes code or data that it receives.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STYLE_TRANSFER = "daemon/impasto_daemon/style_transfer"
PLUGIN = "gimp_plugin/impasto_gimp"


def engine(*names: str) -> set[str]:
    """Returns the imports allowed to a folder of the engine that uses these folders of it."""
    folders = {f"impasto_daemon.style_transfer.{name}" for name in names}
    return folders | {"impasto_shared", "torch", "numpy"}


FRONT = {"impasto_daemon.server", "impasto_daemon.system", "impasto_shared", "zmq"}
# The imports allowed to each folder in addition to the standard library; the first match counts.
ALLOWED = {
    "shared/impasto_shared/connection": {"impasto_shared", "zmq"},
    "shared": {"impasto_shared"},
    f"{PLUGIN}/introspection.py": {"gi"},
    f"{PLUGIN}/introspection_gtk.py": {"gi"},
    # Neither GIMP nor GTK.
    f"{PLUGIN}/jobs": {"impasto_gimp.jobs", "impasto_gimp.translation", "impasto_shared"},
    # GIMP without a screen.
    f"{PLUGIN}/arguments": {
        "impasto_gimp.arguments",
        "impasto_gimp.introspection",
        "impasto_gimp.translation",
        "impasto_shared",
    },
    f"{PLUGIN}/image": {
        "impasto_gimp.arguments",
        "impasto_gimp.image",
        "impasto_gimp.introspection",
        "impasto_gimp.translation",
        "impasto_shared",
    },
    f"{PLUGIN}/sheets": {
        "impasto_gimp.arguments",
        "impasto_gimp.image",
        "impasto_gimp.introspection",
        "impasto_gimp.jobs",
        "impasto_gimp.sheets",
        "impasto_gimp.translation",
        "impasto_shared",
    },
    # Windows, which no other room but the procedures opens.
    f"{PLUGIN}/dialogs": {
        "impasto_gimp.arguments",
        "impasto_gimp.dialogs",
        "impasto_gimp.image",
        "impasto_gimp.introspection",
        "impasto_gimp.introspection_gtk",
        "impasto_gimp.jobs",
        "impasto_gimp.translation",
        "impasto_shared",
    },
    "gimp_plugin": {"impasto_gimp", "impasto_shared"},
    # Plain numbers, so that the server can plan without torch.
    f"{STYLE_TRANSFER}/planning": {"impasto_daemon.style_transfer.planning", "impasto_shared"},
    # No torch: the command line calculates it, too.
    f"{STYLE_TRANSFER}/images/optical_flow.py": {"cv2", "impasto_shared", "numpy", "scipy"},
    f"{STYLE_TRANSFER}/images": engine("images", "planning"),
    f"{STYLE_TRANSFER}/networks/traced_network.py": engine("networks") | {"torchvision"},
    f"{STYLE_TRANSFER}/networks": engine("networks"),
    # The paper: it knows neither tiles nor optimizers.
    f"{STYLE_TRANSFER}/losses": engine("losses", "images", "networks"),
    f"{STYLE_TRANSFER}/tiling": engine("tiling", "networks", "planning")
    | {"impasto_daemon.system.malloc"},
    f"{STYLE_TRANSFER}/optimizers": engine("optimizers") | {"scipy"},
    f"{STYLE_TRANSFER}/segmentation": engine("segmentation", "images", "networks", "planning")
    | {"scipy"},
    f"{STYLE_TRANSFER}/runtime": engine("runtime", "planning") | {"impasto_daemon.system.malloc"},
    STYLE_TRANSFER: {"impasto_daemon.style_transfer", "impasto_shared", "torch"},
    "daemon/impasto_daemon/models/torchvision_models.py": {
        "impasto_daemon.models.cache",
        "impasto_daemon.style_transfer.networks",
        "impasto_shared",
        "torch",
        "torchvision",
    },
    "daemon/impasto_daemon/models/original_vgg19.py": {
        "impasto_daemon.style_transfer.networks",
        "torch",
    },
    "daemon/impasto_daemon/models/weights.py": {
        "impasto_daemon.models",
        "impasto_daemon.style_transfer.networks",
        "impasto_shared",
        "torch",
        "torchvision",
    },
    "daemon/impasto_daemon/models": {
        "impasto_daemon.models",
        "impasto_daemon.system",
        "impasto_shared",
    },
    "daemon/impasto_daemon/system": {"impasto_daemon.system", "impasto_shared"},
    # The processes that strangers reach; libzmq ends its process on errors of the system.
    "daemon/impasto_daemon/server/front/main.py": FRONT,
    "daemon/impasto_daemon/server/front/remote_client.py": FRONT,
    "daemon/impasto_daemon/server/front/remote_clients.py": FRONT,
    "daemon/impasto_daemon/server/clients/authentication.py": FRONT,
    # Of the engine it knows the plans, and of the worker neither torch nor its loop.
    "daemon/impasto_daemon/server": {
        "impasto_daemon.system",
        "impasto_daemon.models.cache",
        "impasto_daemon.server",
        "impasto_daemon.style_transfer.planning",
        "impasto_daemon.worker.messages",
        "impasto_daemon.worker.pipe",
        "impasto_daemon.worker.process",
        "impasto_daemon.worker.result_file",
        "impasto_shared",
    },
    "daemon/impasto_daemon/commands/doctor/torch_probe.py": {"impasto_daemon.models", "torch"},
    "daemon/impasto_daemon/worker/main.py": {
        "impasto_daemon.system",
        "impasto_daemon.models",
        "impasto_daemon.style_transfer",
        "impasto_daemon.worker",
        "impasto_shared",
        "torch",
    },
    # The type of a step, and nothing that is loaded with it.
    "daemon/impasto_daemon/worker/job_run.py": {
        "impasto_daemon.style_transfer.stylize",
        "impasto_daemon.worker",
        "impasto_shared",
    },
    "daemon/impasto_daemon/worker/devices.py": {"impasto_shared", "torch"},
    "daemon/impasto_daemon/worker/device_check.py": {
        "impasto_daemon.models",
        "impasto_daemon.style_transfer",
        "impasto_daemon.worker",
        "impasto_shared",
        "torch",
    },
    "daemon/impasto_daemon/worker/device_memory.py": {"impasto_daemon.system", "torch"},
    "daemon/impasto_daemon/worker/loaded_network.py": {
        "impasto_daemon.models",
        "impasto_daemon.style_transfer",
        "impasto_daemon.worker",
        "impasto_shared",
        "torch",
    },
    "daemon/impasto_daemon/worker/measurement.py": {
        "impasto_daemon.style_transfer",
        "impasto_daemon.worker",
        "impasto_shared",
        "torch",
    },
    "daemon/impasto_daemon/worker": {
        "impasto_daemon.system",
        "impasto_daemon.worker",
        "impasto_shared",
    },
    # What travels, and what is done at its two ends; the engine is loaded at one of them.
    "daemon/impasto_daemon/cluster/painter.py": {
        "distributed",
        "impasto_daemon.cluster",
        "impasto_daemon.commands.batch.record",
        "impasto_daemon.commands.image_file",
        "impasto_daemon.style_transfer",
        "impasto_daemon.system",
        "impasto_daemon.worker",
        "impasto_shared",
        "torch",
    },
    "daemon/impasto_daemon/cluster": {
        "dask",
        "distributed",
        "impasto_daemon.cluster",
        "impasto_daemon.commands.batch.record",
        "impasto_shared",
    },
    "daemon/impasto_daemon/commands/image_file": {
        "impasto_daemon.commands.image_file",
        "impasto_daemon.commands.output",
        "impasto_shared",
        "PIL",
        "numpy",
    },
    "daemon/impasto_daemon/commands/video_file": {
        "av",
        "impasto_daemon.commands.video_file",
        "impasto_shared",
        "numpy",
    },
    "daemon/impasto_daemon/commands/batch": {
        "impasto_daemon.cluster",
        "impasto_daemon.commands",
        "impasto_daemon.style_transfer.images.optical_flow",
        "impasto_shared",
        "rich",
    },
    "daemon/impasto_daemon/commands/explore": {
        "impasto_daemon.system",
        "impasto_daemon.commands",
        "impasto_shared",
        "PIL",
        "jinja2",
        "markupsafe",
        "matplotlib",
    },
    # Before there is an environment: nothing but the standard library.
    "daemon/impasto_daemon/setup": {
        "impasto_daemon.commands.failure",
        "impasto_daemon.commands.output",
        "impasto_daemon.server.process.ending",
        "impasto_daemon.server.process.single_instance",
        "impasto_daemon.setup",
        "impasto_shared",
    },
    "daemon/install.py": {"impasto_daemon.setup"},
    "daemon/impasto_daemon/commands": {
        "impasto_daemon.commands",
        "impasto_daemon.models",
        "impasto_daemon.server",
        "impasto_daemon.setup",
        "impasto_daemon.system",
        "impasto_shared",
        "zmq",
    },
    "daemon/impasto_daemon/__main__.py": {"impasto_daemon.commands"},
    "daemon": {"impasto_shared"},
}


def source_files() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT))
        for folder in ("shared", "daemon", "gimp_plugin")
        for path in (ROOT / folder).rglob("*.py")
    )


def imported_modules(path: Path) -> list[tuple[int, str]]:
    imported = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            imported += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return imported


def allowed_for(name: str) -> set[str]:
    return next(
        modules for path, modules in ALLOWED.items() if name == path or name.startswith(path + "/")
    )


@pytest.mark.parametrize("name", source_files())
def test_module_imports_only_what_its_folder_may(name: str) -> None:
    allowed = allowed_for(name)

    forbidden = [
        f"{name}:{line} imports {module}"
        for line, module in imported_modules(ROOT / name)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not any(module == prefix or module.startswith(prefix + ".") for prefix in allowed)
    ]

    assert not forbidden


def imported_at_start(path: Path, reached: set[str]) -> set[str]:
    """Returns `reached` with the plug-in's modules that importing `path` imports added to it."""
    for statement in ast.parse(path.read_text()).body:
        if not isinstance(statement, ast.ImportFrom) or not statement.module:
            continue
        for name in (statement.module, *(f"{statement.module}.{a.name}" for a in statement.names)):
            imported = ROOT / "gimp_plugin" / f"{name.replace('.', '/')}.py"
            if imported.is_file() and name not in reached:
                reached.add(name)
                imported_at_start(imported, reached)
    return reached


def test_gimp_learns_the_procedures_without_gtk() -> None:
    reached = imported_at_start(ROOT / "gimp_plugin/impasto-gimp.py", set())

    assert {"impasto_gimp.introspection", "impasto_gimp.image.layer_reader"} <= reached
    assert "impasto_gimp.introspection_gtk" not in reached


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
def test_module_loads_without_numpy_and_torch(module: str) -> None:
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in (
            "numpy", "torch", "scipy", "PIL", "matplotlib", "jinja2"
        ):
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Refuse())
sys.path[:0] = [{str(ROOT / "shared")!r}, {str(ROOT / "daemon")!r}]
import {module}
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("package", "folder"),
    # A third of a second of every worker's start, and a quarter of that of most commands.
    [("scipy", "daemon"), ("numpy", "daemon/impasto_daemon/commands/image_file")],
)
def test_slow_package_is_imported_when_it_is_needed(package: str, folder: str) -> None:
    at_start = [
        name
        for name in source_files()
        if name.startswith(f"{folder}/")
        for statement in ast.parse((ROOT / name).read_text()).body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        and re.match(rf"(from|import) {package}\b", ast.unparse(statement))
    ]

    assert at_start == []


# Modules and functions that execute data, by the names under which they are called.
_EXECUTING_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "code", "runpy", "pty"}
_EXECUTING_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "execv", "execvp"}
_EXECUTING_CALLS |= {"spawnv", "recv_pyobj", "send_pyobj", "getoutput", "getstatusoutput"}


def executions_in(tree: ast.AST) -> list[str]:
    """Returns the imports and calls of a module that could execute data."""
    executions = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            executions += [name for name in names if name.split(".")[0] in _EXECUTING_MODULES]
        if not isinstance(node, ast.Call):
            continue
        named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        function = ast.unparse(node.func)
        last_name = function.rpartition(".")[2]
        is_pattern = function == "re.compile"
        if last_name in _EXECUTING_CALLS and not is_pattern:
            executions.append(function)
        if named.get("shell", "False") != "False":
            executions.append(f"{function} with a shell")
        if function == "torch.load" and named.get("weights_only") != "True":
            executions.append("torch.load without weights_only")
    return executions


@pytest.mark.parametrize("name", source_files())
def test_module_executes_no_data(name: str) -> None:
    assert executions_in(ast.parse((ROOT / name).read_text())) == []


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
def test_an_execution_of_data_is_noticed(source: str) -> None:
    assert executions_in(ast.parse(source))


def unisolated_commands(tree: ast.AST) -> list[str]:
    """Returns the commands of a module that run Python, or any program, in the current folder."""
    commands = []
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple):
            words = [each.value for each in node.elts if isinstance(each, ast.Constant)]
            if {"-m", "-c"} & {*words} and not {"-P", "-I"} & {*words}:
                commands.append(ast.unparse(node))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("subprocess."):
            named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if named.get("cwd") not in ("'/'", "ROOT"):
                commands.append(ast.unparse(node))
    return commands


@pytest.mark.parametrize("name", source_files())
def test_module_starts_nothing_in_the_current_folder(name: str) -> None:
    assert unisolated_commands(ast.parse((ROOT / name).read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        'command = [sys.executable, "-m", "impasto_daemon"]',
        'COMMAND = (python, "-B", "-c", PROGRAM)',
        "subprocess.run(command)",
        "subprocess.Popen(command, cwd=folder)",
    ],
)
def test_a_command_in_the_current_folder_is_noticed(source: str) -> None:
    assert unisolated_commands(ast.parse(source))


@pytest.mark.parametrize(
    "name", [n for n in source_files() if n.startswith("daemon/impasto_daemon/commands")]
)
def test_command_prints_only_text_without_control_characters(name: str) -> None:
    calls = [
        ast.unparse(node)
        for node in ast.walk(ast.parse((ROOT / name).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write")
    ]

    assert name == "daemon/impasto_daemon/commands/output.py" or calls == []


_PYTHON_COMMAND = re.compile(r"(?<! -I) -[cm] |\$python\" (?!-I)")


def test_installer_starts_no_python_in_the_current_folder() -> None:
    lines = (ROOT / "install.sh").read_text().splitlines()

    assert [line for line in lines if _PYTHON_COMMAND.search(line)] == []


def undefined_attributes(tree: ast.AST) -> list[str]:
    """Returns the attributes that a class without a base reads and its constructor lacks."""
    undefined = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or node.bases:
            continue
        functions = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
        if "__init__" not in functions:
            continue
        fields = {ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)}
        defined = own_attributes(functions["__init__"], ast.Store) | functions.keys() | fields
        undefined += sorted(own_attributes(node, ast.Load) - defined)
    return undefined


def own_attributes(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    """Returns the attributes of `self` that are read or written below `node`."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, context)
        and ast.unparse(each.value) == "self"
    }


# Most of these classes run in GIMP alone, and some lines only when a daemon is slow.
@pytest.mark.parametrize("name", [name for name in source_files() if name.startswith(PLUGIN)])
def test_constructor_defines_every_attribute_of_the_plugin(name: str) -> None:
    assert undefined_attributes(ast.parse((ROOT / name).read_text())) == []


def test_undefined_attribute_is_reported() -> None:
    program = """
class Window:
    def __init__(self):
        self.text = ""
    def show(self):
        return self.text, self.is_answered, self.close()
    def close(self):
        self.is_answered = True
"""

    assert undefined_attributes(ast.parse(program)) == ["is_answered"]
