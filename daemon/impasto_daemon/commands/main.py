"""The command `impasto`: runs one command, and turns every foreseeable error into a sentence.

Importing this takes next to no time, and the commands are imported with Ctrl+C at its default: the
process ends at once, without a traceback, however early it is pressed.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing.TYPE_CHECKING for type checkers; importing it takes milliseconds
if TYPE_CHECKING:
    import argparse
    import signal
    from collections.abc import Sequence
    from typing import Any
else:
    import _signal as signal  # is there already; `signal` imports `enum`, `functools` and others

EXIT_BROKEN_PIPE = 128 + getattr(signal, "SIGPIPE", 13)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its status."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # under nohup, for example, it is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from impasto_daemon.commands.output import prepare_streams

    prepare_streams()
    parser = new_parser(sys.argv[1:] if arguments is None else arguments)
    status = _status(parser, arguments, handler)
    if arguments is None:  # the process ends now
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(_flushed(status))


def new_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Returns the parser of all commands; `run` of its result executes the chosen one.

    arguments: if they begin with the name of a command, the parser needs to know only that one.
    """
    from impasto_daemon.commands.all_commands import all_commands

    return all_commands(arguments)


def _status(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, ctrl_c_handler: Any
) -> int:
    """Returns the exit status of the command, after printing the reason of a failure."""
    from impasto_daemon.commands.command_parser import EXIT_CANCELLED, EXIT_FAILED
    from impasto_daemon.commands.failure import FAILURES, sentence
    from impasto_daemon.commands.output import complain, warn

    try:
        options = parser.parse_args(arguments)  # argparse fails on an exception amid its work
        signal.signal(signal.SIGINT, ctrl_c_handler)
        return _run(options)
    except SystemExit as exit_:  # of argparse
        return exit_.code if isinstance(exit_.code, int) else 0
    except KeyboardInterrupt:
        warn("", "impasto: cancelled")
        return EXIT_CANCELLED
    except BrokenPipeError:  # `impasto jobs | head`
        return EXIT_BROKEN_PIPE
    except FAILURES as error:
        complain(sentence(error))
        return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    from impasto_daemon.commands.command_parser import endpoint_of

    # Not the option's default: --help must work with a broken configuration, too.
    if hasattr(options, "endpoint"):
        options.endpoint = endpoint_of(options)
    status: int = options.run(options)
    return status


def _flushed(status: int) -> int:
    """Returns the exit status once the output is written; that of a failure if it cannot be."""
    from impasto_daemon.commands.command_parser import EXIT_FAILED
    from impasto_daemon.commands.failure import sentence
    from impasto_daemon.commands.output import complain, discard

    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)  # its reader has exited, as `head` does
    except OSError as error:
        discard(sys.stdout)
        complain(f"The output is incomplete: {sentence(error)}")
        return status or EXIT_FAILED
    try:
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)
    return status
