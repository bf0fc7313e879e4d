"""The commands of install.sh, in a checkout of the sources."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote

from impasto_daemon.commands.failure import FAILURES, sentence
from impasto_daemon.commands.output import prepare_streams, say, warn
from impasto_daemon.setup import environment as environments
from impasto_daemon.setup import plugin, service
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.gimps import installed_gimps
from impasto_daemon.setup.home import prepare_process
from impasto_daemon.setup.lock import only_setup
from impasto_daemon.setup.programs import run
from impasto_daemon.setup.removal import remove_all
from impasto_shared.installation.environment import Environment, own_environment, program_record
from impasto_shared.installation.pins import CONSTRAINTS
from impasto_shared.installation.torch_build import Build, wanted_build

_DEMO = ("assets/photos/chelsea.jpg", "assets/styles/auvers.jpg", "impasto-demo.png")
_SOURCES = ("pyproject.toml", "shared/impasto_shared", "daemon/impasto_daemon")
_OF_THE_PLUGIN = ("gimp_plugin", "assets/styles")
_EXIT_CANCELLED = 130


def main(checkout: Path, arguments: Sequence[str]) -> int:
    """Runs one command, and returns the exit status."""
    prepare_streams()
    try:
        prepare_process()
        return _run(checkout, *arguments)
    except KeyboardInterrupt:
        warn("", "Impasto: cancelled. Run the same command again to continue.")
        return _EXIT_CANCELLED
    except FAILURES as error:
        warn(f"Impasto: {sentence(error)}")
        return 1


def _run(checkout: Path, command: str, *arguments: str) -> int:
    installer = Installer(checkout)
    match command:
        case "plugin":
            installer.install_plugin(_plugin_options(arguments))
        case "demo":
            installer.run_demo(_build_option(command, arguments))
        case "service":
            installer.install_service(_build_option(command, arguments))
        case "uninstall":
            with only_setup():
                remove_all(own_environment())
        case "test-environment":
            installer.make_test_environment()
        case "has-gimp":  # for the tests
            return 0 if any(gimp.is_new_enough for gimp in installed_gimps()) else 1
    return 0


@dataclass(frozen=True)
class Options:
    """The options of a command: the build to install, and whether the plug-in is linked."""

    build: Build | None = None
    is_linked: bool = False


def _plugin_options(arguments: Sequence[str]) -> Options:
    options = Options()
    for argument in arguments:
        match argument:
            case "--dev":
                options = Options(options.build, is_linked=True)
            case "--cpu" | "--gpu":
                options = Options(Build(argument.removeprefix("--")), options.is_linked)
            case _:
                raise SetupFailed(
                    f"plugin has no option '{argument}'. Its options are --dev, --cpu and --gpu."
                )
    return options


def _build_option(command: str, arguments: Sequence[str]) -> Options:
    match arguments:
        case []:
            return Options()
        case ["--cpu" | "--gpu" as option]:
            return Options(Build(option.removeprefix("--")))
        case _:
            words = " ".join(arguments)
            raise SetupFailed(
                f"{command} does not take '{words}'. Its only option is --cpu or --gpu."
            )


@dataclass(frozen=True)
class Installer:
    """The installer of a checkout: what install.sh does."""

    checkout: Path

    def install_plugin(self, options: Options) -> None:
        """Installs environment and plug-in."""
        with only_setup():
            self._place_plugin(options)
        self._say_undo()

    def run_demo(self, options: Options) -> None:
        """Installs environment and plug-in, and paints a picture in the current folder."""
        with only_setup():
            has_gimp = self._place_plugin(options)
        self._make_picture()
        say("")
        if has_gimp:
            say("Next: restart GIMP, open a photo, and choose Filters > Artistic > Neural Style...")
        self._say_undo()

    def install_service(self, options: Options) -> None:
        """Installs environment and service."""
        service.check_unit()
        with only_setup():
            self._make_environment(options)
            service.install(own_environment())
        self._say_undo()

    def make_test_environment(self) -> None:
        """Makes the environment of the tests, in the checkout."""
        expected = environments.fingerprint(
            self.checkout, "pyproject.toml", "shared/impasto_shared/__init__.py"
        )
        what = ["--editable", str(self.checkout), "--group", f"{self.checkout}/pyproject.toml:dev"]
        environments.make(Environment(self.checkout / ".venv"), expected, None, what)

    def _place_plugin(self, options: Options) -> bool:
        plugin.check_folders()
        self._make_environment(options)
        return plugin.install(
            is_linked=options.is_linked, again="./install.sh plugin", service="./install.sh service"
        )

    def _make_environment(self, options: Options) -> None:
        environment = own_environment()
        build = wanted_build(options.build, environment.build)
        expected = environments.fingerprint(self.checkout, *_SOURCES, *_OF_THE_PLUGIN)
        what = ["--constraints", str(CONSTRAINTS)]
        what += ["--reinstall-package", "impasto", str(self.checkout)]
        environments.make(
            environment, expected, build, what, before=partial(service.stop, environment)
        )
        program_record().unlink(missing_ok=True)  # of `impasto setup` in another environment
        service.start_again(environment)

    def _make_picture(self) -> None:
        photo, painting = (self.checkout / name for name in _DEMO[:2])
        picture, stamp = Path.cwd() / _DEMO[2], own_environment().stamp
        if picture.is_file() and all(
            picture.stat().st_mtime > path.stat().st_mtime for path in (photo, painting, stamp)
        ):
            say(f"Picture: up to date in {picture}")
            return
        say(f"Picture: repainting {photo.name} in the style of {painting.name}")
        program = str(own_environment().program)
        run([program, "stylize", str(photo), str(painting), "-o", str(picture)])
        say(f"Picture: finished in {picture}")

    def _say_undo(self) -> None:
        say(f"To undo all of this: {quote(str(self.checkout / 'install.sh'))} uninstall")


def run_from(checkout: Path) -> None:
    """Exits with the status of the command on this program's command line."""
    sys.exit(main(checkout, sys.argv[1:]))
