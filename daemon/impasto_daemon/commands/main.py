"""The command `impasto`: serve, and what asks a daemon, and what looks after this machine.

What asks a daemon does so by the client that the plug-in uses. Torch is imported by
`impasto weights` alone.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from impasto_daemon.commands.explore.command import add_arguments as add_explore_arguments
from impasto_daemon.commands.jobs import (
    CLIENT_NAME,
    EXIT_CANCELLED,
    follow,
    run_end,
    run_fetch,
    run_jobs,
    run_show,
    run_status,
    say_how_long,
)
from impasto_shared import __version__
from impasto_shared.client import Client
from impasto_shared.configuration.options import DAEMON_OPTIONS
from impasto_shared.configuration.resolution import daemon_options, default_endpoint
from impasto_shared.errors import ImpastoError, InvalidImage, InvalidSettings
from impasto_shared.image import Image, PixelFormat
from impasto_shared.launcher import connect_or_start
from impasto_shared.paths import lock_path, pace_path, results_dir, usual_endpoint
from impasto_shared.schema import (
    ChoiceSetting,
    IntegerSetting,
    LayersSetting,
    NumberSetting,
    OpenChoiceSetting,
    SwitchSetting,
)
from impasto_shared.settings import SETTINGS, Model, Setting, StyleSettings
from impasto_shared.style import Style, check_styles
from impasto_shared.texture import HEIGHT, TEXTURE_SETTINGS, WIDTH, canvas_of, texture_settings

EXIT_FAILED = 1
_Commands: TypeAlias = "argparse._SubParsersAction[_IntermixedParser]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; ends the process with its status."""
    options = _parser().parse_args(arguments)
    try:
        # Not the option's default: a broken configuration must not keep --help from being shown.
        if getattr(options, "endpoint", "") is None:
            options.endpoint = default_endpoint()
        sys.exit(options.run(options))
    except ImpastoError as error:
        print(f"impasto: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        print("\nimpasto: cancelled", file=sys.stderr)
        sys.exit(EXIT_CANCELLED)


class _IntermixedParser(argparse.ArgumentParser):
    """Options may stand between a command's files, as in `impasto stylize photo --size 64 wave`.

    Otherwise argparse takes the files before the option for all there are, where any number of
    them may come.
    """

    _is_intermixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the parent's; it cannot intermix where there are further commands."""
        if self._is_intermixing or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._is_intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_intermixing = False


def _parser() -> argparse.ArgumentParser:
    parser = _IntermixedParser(
        prog="impasto", description="Neural style transfer: a photo in the manner of a painting."
    )
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_stylize(commands)
    _add_texture(commands)
    _add_explore(commands)
    _add_job_commands(commands)
    _add_weights(commands)
    _add_keys(commands)
    _add_config(commands)
    _add_doctor(commands)
    return parser


def _add_command(commands: _Commands, name: str, summary: str) -> _IntermixedParser:
    return commands.add_parser(name, help=summary, description=summary)


def _add_endpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument("--endpoint", help="address of the daemon (default: see impasto config)")


# serve


def _add_serve(commands: _Commands) -> None:
    command = _add_command(commands, "serve", "run the daemon until it is interrupted")
    for option in DAEMON_OPTIONS:
        text = option.setting.help.replace("%", "%%")
        command.add_argument(
            "--" + option.name.replace("_", "-"),
            dest=_FLAG + option.name,
            type=_TYPES.get(type(option.setting), str),
            metavar=option.name.rpartition("_")[2].upper(),
            help=f"{text} (default: see impasto config)",
        )
    command.set_defaults(run=_serve)


# Keeps `endpoint` of the daemon apart from that of a client.
_FLAG = "daemon_"
_TYPES: dict[type, type] = {NumberSetting: float, IntegerSetting: int}


def _serve(options: argparse.Namespace) -> int:
    # Imported here: a client need not wait for what only the daemon uses.
    from impasto_daemon.commands.keys import known_clients
    from impasto_daemon.log import start_logging
    from impasto_daemon.server.authentication import Gate, Remote
    from impasto_daemon.server.jobs import JobTable, Retention
    from impasto_daemon.server.results import Results
    from impasto_daemon.server.server import Server
    from impasto_daemon.server.single_instance import (
        AlreadyRunning,
        StopSignals,
        check_endpoint,
        exclusive_lock,
    )
    from impasto_daemon.server.systemd import ServiceManager
    from impasto_daemon.server.time_estimate import Pace
    from impasto_daemon.worker.process import WorkerProcess
    from impasto_shared.keys import Role, ensure_keys

    held = daemon_options(
        {option.name: getattr(options, _FLAG + option.name) for option in DAEMON_OPTIONS}
    )
    start_logging("server", held.log_level, rotates=True)
    try:
        with exclusive_lock(lock_path()), StopSignals() as signals:
            endpoint = held.endpoint or usual_endpoint()
            check_endpoint(endpoint)
            remote = Remote(held.listen, ensure_keys(Role.DAEMON)) if held.listen else None
            limit_bytes = round(held.memory_limit_gb * 1e9)
            worker = WorkerProcess(lock_path().with_name("worker.sock"), limit_bytes=limit_bytes)
            retention = Retention(held.keep_minutes * 60, held.keep_mb * 2**20)
            pace = Pace(pace_path())
            jobs = JobTable(time.monotonic, Results(results_dir()), retention, pace)
            gate = Gate(known_clients(), remote)
            idle_s = held.idle_minutes * 60 or math.inf
            Server(endpoint, worker, signals, jobs, gate, ServiceManager(), idle_s=idle_s).run()
    except AlreadyRunning as running:
        print(f"impasto: {running}", file=sys.stderr)
    return 0


# stylize and texture

_NONE = "-"


def _add_stylize(commands: _Commands) -> None:
    command = _add_command(commands, "stylize", "paint a photo in the manner of paintings")
    command.add_argument("photo", type=Path, help="the picture to be painted")
    _add_styles(command, "the pictures whose style it takes")
    command.add_argument(
        "--regions",
        nargs="+",
        metavar="MASK",
        help="for each painting a picture as large as the photo, white where its style is to go, "
        f"or {_NONE} for what the others leave",
    )
    for setting in SETTINGS:
        _add_setting(command, setting)
    _add_output_or_detach(command)
    command.set_defaults(run=_stylize)


def _add_texture(commands: _Commands) -> None:
    command = _add_command(commands, "texture", "paint the style of paintings, without a photo")
    _add_styles(command, "the pictures whose style is painted")
    for setting in (WIDTH, HEIGHT, *TEXTURE_SETTINGS):
        _add_setting(command, setting)
    _add_output_or_detach(command)
    command.set_defaults(run=_texture, regions=None)


def _add_styles(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("paintings", type=Path, nargs="*", metavar="painting", help=text)
    command.add_argument(
        "--weights",
        nargs="+",
        type=float,
        metavar="WEIGHT",
        help="how much each painting counts beside the others (default: all alike)",
    )
    command.add_argument(
        "--parts",
        nargs="+",
        metavar="MASK",
        help="for each painting a picture as large as it is, white where it is to be looked at, "
        f"or {_NONE} for all of it",
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="the file to write, such as out.png"
    )
    _add_endpoint(command)


def _add_output_or_detach(command: argparse.ArgumentParser) -> None:
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", type=Path, help="the file to write, such as out.png")
    where.add_argument(
        "--detach",
        action="store_true",
        help="print the name of the job and leave it to the daemon, for `impasto fetch`",
    )
    _add_endpoint(command)


def _add_setting(command: argparse.ArgumentParser, setting: Setting) -> None:
    option = "--" + setting.name.replace("_", "-")
    text = f"{setting.help.replace('%', '%%')} (default: %(default)s)"
    match setting:
        case OpenChoiceSetting():
            names = "|".join(setting.choices)
            command.add_argument(
                option, default=setting.default.value, metavar=f"{names}|NAME", help=text
            )
        case ChoiceSetting():
            default = setting.default.value
            command.add_argument(option, choices=list(setting.choices), default=default, help=text)
        case SwitchSetting():
            command.add_argument(
                option, action=argparse.BooleanOptionalAction, default=setting.default, help=text
            )
        case LayersSetting():
            command.add_argument(
                option, default=setting.default, metavar="LAYER:WEIGHT,…", help=text
            )
        case _:
            command.add_argument(
                option,
                type=int if isinstance(setting, IntegerSetting) else float,
                default=setting.default,
                metavar=f"{setting.low:g}..{setting.high:g}",
                help=text,
            )


def _stylize(options: argparse.Namespace) -> int:
    from impasto_daemon.commands.image_file import check_writable, read_image

    values = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    settings = StyleSettings.from_json(values)
    if not options.detach:
        check_writable(options.output)
    return _order(options, lambda: read_image(options.photo), settings)


def _texture(options: argparse.Namespace) -> int:
    from impasto_daemon.commands.image_file import check_writable

    values = {setting.name: getattr(options, setting.name) for setting in TEXTURE_SETTINGS}
    settings = texture_settings(values, options.width, options.height)
    if not options.detach:
        check_writable(options.output)
    canvas = canvas_of(options.width, options.height, PixelFormat.RGB_U8)
    return _order(options, lambda: (canvas, None), settings)


def _order(
    options: argparse.Namespace,
    read_content: Callable[[], tuple[Image, bytes | None]],
    settings: StyleSettings,
) -> int:
    """Has the daemon paint a content, read with its colour profile, and writes the picture."""
    from impasto_daemon.commands.image_file import write_image

    content, icc_profile = read_content()
    styles = _read_styles(options)
    check_styles(styles, content, settings)
    with connect_or_start(
        options.endpoint,
        name=CLIENT_NAME,
        command=lambda: [sys.executable, "-m", "impasto_daemon"],
        on_start=lambda: print("Starting the Impasto daemon …", file=sys.stderr),
    ) as client:
        say_how_long(client, settings, content.width, content.height)
        job = client.submit(content, styles, settings, detached=options.detach)
        del content, styles  # they may be large, and the result will be, too
        if options.detach:
            print(job)
            return 0
        if not follow(client, job):
            return EXIT_CANCELLED
        try:
            write_image(client.fetch(job), options.output, icc_profile)
        except InvalidImage as error:
            # A full disk, say: what was painted is not lost.
            raise InvalidImage(
                f"{error} The daemon keeps it for a while: impasto fetch {job[:8]} -o OTHER.png"
            ) from error
        client.forget(job)
    print(options.output)
    return 0


def _read_styles(options: argparse.Namespace) -> list[Style]:
    from impasto_daemon.commands.image_file import read_image

    def read_mask(name: str) -> Image | None:
        return None if name == _NONE else read_image(name)[0]

    count = len(options.paintings)
    weights = _one_each(options.weights, count, 1.0, "weights")
    regions = _one_each(options.regions, count, _NONE, "regions")
    parts = _one_each(options.parts, count, _NONE, "parts")
    return [
        Style(read_image(painting)[0], weight, read_mask(region), read_mask(part))
        for painting, weight, region, part in zip(
            options.paintings, weights, regions, parts, strict=True
        )
    ]


def _one_each(given: list[Any] | None, count: int, default: object, name: str) -> list[Any]:
    """What was given for each of `count` paintings; raises InvalidSettings for another number."""
    if given is None:
        return [default] * count
    if len(given) != count:
        raise InvalidSettings(
            name, f"--{name} needs one value for each painting: {count}, not {len(given)}."
        )
    return given


# explore


def _add_explore(commands: _Commands) -> None:
    command = _add_command(commands, "explore", "show on contact sheets what each setting does")
    add_explore_arguments(command)
    _add_endpoint(command)


# status, jobs, show, fetch, cancel and keep


def _add_job_commands(commands: _Commands) -> None:
    for name, summary, run in (
        ("status", "show what the daemon is doing", run_status),
        ("jobs", "list the jobs that wait, run, or have ended", run_jobs),
        ("show", "show what is known of a job", run_show),
    ):
        command = _add_command(commands, name, summary)
        if run is run_show:
            _add_job(command)
        command.add_argument("--json", action="store_true", help="print it as JSON, for programs")
        _add_endpoint(command)
        command.set_defaults(run=run)
    _add_fetch(commands)
    for name, summary, end in (
        ("cancel", "end a job that waits or runs", Client.cancel),
        ("keep", "end a job that runs with what has been painted by then", Client.keep),
    ):
        command = _add_command(commands, name, summary)
        _add_job(command)
        _add_endpoint(command)
        command.set_defaults(run=run_end, end=end)


def _add_job(command: argparse.ArgumentParser) -> None:
    command.add_argument("job", help="its name in `impasto jobs`, or the beginning of it")


def _add_fetch(commands: _Commands) -> None:
    command = _add_command(commands, "fetch", "write the picture of a job that is done")
    _add_job(command)
    command.add_argument("--wait", action="store_true", help="wait until it is done")
    command.add_argument(
        "--photo",
        type=Path,
        help="the photo that was painted: the picture is given its colour profile",
    )
    _add_output(command)
    command.set_defaults(run=run_fetch)


# weights


def _add_weights(commands: _Commands) -> None:
    command = _add_command(commands, "weights", "list, fetch and verify the networks")
    command.set_defaults(run=_list_weights)
    actions = command.add_subparsers(metavar="ACTION")
    listing = _add_command(actions, "list", "show which networks are on this machine")
    listing.set_defaults(run=_list_weights)
    for name, summary, run in (
        ("fetch", "download a network if it is missing or damaged", _fetch_weights),
        ("verify", "check that a network is as it was published", _verify_weights),
    ):
        command = _add_command(actions, name, summary)
        command.add_argument("model", help="its name, as the setting model has it")
        command.set_defaults(run=run)


def _list_weights(_: argparse.Namespace) -> int:
    from impasto_daemon.models.weights import list_kept, resolve

    default = resolve(Model.AUTO)
    for kept in list_kept():
        mark = "  (the default)" if kept.model == default else ""
        if kept.path is None:
            print(f"{kept.model:9}  missing  impasto weights fetch {kept.model}")
        else:
            size_mb = kept.path.stat().st_size / 1e6
            print(f"{kept.model:9}  {size_mb:4.0f} MB  {kept.path}{mark}")
    return 0


def _fetch_weights(options: argparse.Namespace) -> int:
    from impasto_daemon.models.weights import fetch

    print(fetch(options.model))
    return 0


def _verify_weights(options: argparse.Namespace) -> int:
    from impasto_daemon.models.weights import verify

    print(f"{verify(options.model)} is as it was published")
    return 0


# keys


def _add_keys(commands: _Commands) -> None:
    from impasto_daemon.commands.keys import add_key, remove_key, run_keys

    command = _add_command(commands, "keys", "show the keys for daemons on other machines")
    command.set_defaults(run=run_keys)
    actions = command.add_subparsers(metavar="ACTION")
    adding = _add_command(actions, "add", "let a client on another machine in")
    adding.add_argument("name", help="what it is to be called here")
    adding.add_argument("key", help="what impasto keys shows there, as a client")
    adding.set_defaults(run=add_key)
    removing = _add_command(actions, "remove", "let a client in no more")
    removing.add_argument("name", help="what it is called in impasto keys")
    removing.set_defaults(run=remove_key)


# config


def _add_config(commands: _Commands) -> None:
    command = _add_command(commands, "config", "show what is configured, and where")
    command.add_argument("--init", action="store_true", help="write a commented file to start from")
    command.add_argument("--json", action="store_true", help="print it as JSON, for programs")
    command.set_defaults(run=_config)


def _config(options: argparse.Namespace) -> int:
    from impasto_daemon.commands.config import run_config

    return run_config(options)


# doctor


def _add_doctor(commands: _Commands) -> None:
    command = _add_command(commands, "doctor", "look whether all is well, GIMP's plug-in included")
    command.add_argument("--mend", action="store_true", help="mend what can be mended")
    command.add_argument("--json", action="store_true", help="print it as JSON, for programs")
    command.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from impasto_daemon.commands.doctor.command import run_doctor

    return run_doctor(options)
