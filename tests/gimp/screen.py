"""A GIMP on a virtual screen, driven by keys, observed by screenshots and answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from gimp.gimps import HERE, Home

# On a machine that does other work, too.
PATIENCE_S = 150.0
# GIMP's first start asks every plug-in what it can do.
START_PATIENCE_S = 240.0
WINDOW_PX = (1276, 860)
_LOOK_S = 0.1
# The side of drag_source.py's window.
_SOURCE_PX = 90
# Where the gallery of the dialog is, from its left and top.
_DROP_PX = (180, 300)
# Programs that were seen with nothing to do so often, one look after the other, wait for the user.
_RESTING_LOOKS = 5


def _runs(thread: Path) -> bool:
    """Returns whether a thread runs; one that has ended does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        state, *_ = (thread / "stat").read_text().rpartition(")")[2].split()
        return state in ("R", "D")
    return False


class Screen:
    """Xvfb, a window manager (without one, keys get lost) and GIMP; ended by `with`."""

    def __init__(self, home: Home, pictures: Path) -> None:
        self._home = home
        self._pictures = pictures
        self._processes: list[subprocess.Popen[bytes]] = []
        self._observer = home.folder / "observer"
        self._display = ""

    def __enter__(self) -> Screen:
        for module in ("batch.py", "drag_source.py", "observer.py", "screen_reader.py"):
            shutil.copy(HERE / module, self._home.folder)
        number = self._home.folder / "display"
        for left in (number, self._observer):  # by an earlier screen of this home
            left.unlink(missing_ok=True)
        self._start("xvfb", "sh", "-c", f"exec Xvfb -displayfd 3 -screen 0 1280x900x24 3>{number}")
        self.wait_for(lambda: number.exists() and number.read_text().endswith("\n"), "a display")
        self._display = f":{number.read_text().strip()}"
        self._start("openbox", "openbox")
        statements = f"import observer; observer.serve({str(self._observer)!r})"
        gimp = ["gimp-" + self._home.gimp.version, "--no-splash", *self._home.batch(statements)]
        self._start("gimp", "dbus-run-session", "--", *gimp)
        self.wait_for(self._observer.exists, "GIMP's start", START_PATIENCE_S)
        if self._home.has_screen_reader:
            self._start("screen_reader", *self._screen_reader(), "stay")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._processes):
            self._end(process)

    def ask(self, question: str) -> Any:
        """Returns GIMP's answer to a Python expression, which may use `Gimp` and `batch`."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(self._observer))
            connection.sendall(question.encode() + b"\n")
            reply = json.loads(connection.makefile().read())
        assert "error" not in reply, reply["error"]
        return reply["answer"]

    def wait_for(
        self, condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S
    ) -> Any:
        """Returns the first true value of `condition`, which is polled ten times a second."""
        deadline_s = time.monotonic() + patience_s
        while time.monotonic() < deadline_s:
            if value := condition():
                return value
            time.sleep(_LOOK_S)
        self.photograph("failure")
        raise AssertionError(f"{what} did not come within {patience_s:.0f} s")

    def wait_for_rest(self) -> None:
        """Waits until GIMP, its plug-ins and the display have done all that there was to do.

        A dialog fills itself while it is idle, and a key has an effect, or none, a little later.
        """
        looks = 0

        def is_at_rest() -> bool:
            nonlocal looks
            looks = 0 if self._is_busy() else looks + 1
            return looks >= _RESTING_LOOKS

        self.wait_for(is_at_rest, "an end of all that GIMP does")

    def _is_busy(self) -> bool:
        """Returns whether a thread of any program on the screen runs, or would like to."""
        sessions = {process.pid for process in self._processes}
        for process in Path("/proc").glob("[0-9]*"):
            # A process or a thread may end while we look: then it is not busy.
            with suppress(FileNotFoundError, ProcessLookupError):
                # Asked ten times a second: the threads of other programs are too many to look at.
                if os.getsid(int(process.name)) in sessions:
                    threads = list((process / "task").iterdir())
                    if any(map(_runs, threads)):
                        return True
        return False

    def wait_for_window(self, title: str) -> None:
        """Waits for a window whose title matches the expression, and gives it the keys.

        Then it waits until the window is filled and has the focus where it is to be.
        """
        window = self.wait_for(lambda: self.windows(title), f"a window titled {title}")[-1]
        self._xdotool("windowactivate", "--sync", window)
        self.wait_for_rest()

    def windows(self, title: str) -> list[str]:
        """Returns the visible windows whose title matches."""
        return self._xdotool("search", "--onlyvisible", "--name", title).split()

    def press(self, *keys: str) -> None:
        """Presses keys, named as xdotool names them."""
        self._xdotool("key", "--clearmodifiers", "--delay", "60", *keys)

    def press_until_open(self, title: str, *keys: str) -> None:
        """Presses keys until a window opens: a menu that is slow to open swallows some."""
        leave: list[str] = []

        def is_open() -> bool:
            if not self.windows(title):
                self._press_and_rest(*leave, *keys)
                leave[:] = ["Escape", "Escape"]
            return bool(self.windows(title))

        self.wait_for(is_open, f"a window titled {title}")
        self.wait_for_window(title)

    def press_until_gone(self, title: str, key: str) -> None:
        """Presses a key until the window closes: a list of completions swallows the first."""

        def is_gone() -> bool:
            if self.windows(title):
                self._press_and_rest(key)
            return not self.windows(title)

        self.wait_for(is_gone, f"the end of the window {title}")

    def _press_and_rest(self, *keys: str) -> None:
        """Presses keys, and waits for what they do: pressed again too soon, they reach another."""
        self.press(*keys)
        self.wait_for_rest()

    def enlarge(self, title: str) -> None:
        """Gives a window nearly the whole screen: its status bar has room for the progress."""
        window = self.windows(title)[-1]
        width, height = WINDOW_PX
        self._xdotool("windowsize", "--sync", window, str(width), str(height))

    def click(self, x_px: int, y_px: int) -> None:
        """Clicks at a point of the screen."""
        self._xdotool("mousemove", str(x_px), str(y_px), "click", "1")

    def click_in(self, title: str, x_px: int, y_px: int) -> None:
        """Clicks at a point of the window whose title matches."""
        window = self.windows(title)[-1]
        self._xdotool("mousemove", "--window", window, str(x_px), str(y_px), "click", "1")

    def drag_file(self, file: Path, title: str) -> Callable[[], None]:
        """Drags a file from another program's window and drops it on the left of a window.

        Returns a function that ends the other program.
        """
        script = self._home.folder / "drag_source.py"
        no_bus = "DBUS_SESSION_BUS_ADDRESS=disabled:"  # else GTK starts one, which stays
        self._start("drag_source", "env", no_bus, "python3", str(script), str(file))
        self.wait_for(lambda: self.windows("^Files to drag$"), "something to drag")
        x, y = self._place(self.windows(title)[-1])
        middle = _SOURCE_PX // 2
        goal = (x + _DROP_PX[0], y + _DROP_PX[1])
        self._xdotool("mousemove", str(middle), str(middle), "mousedown", "1")
        # A drag begins with a move of some pixels, and each window on the way notices it.
        for share in (0.1, 0.3, 0.6, 0.9, 1.0, 1.0):
            point = [str(round(middle + share * (end - middle))) for end in goal]
            self._xdotool("mousemove", *point)
            self.wait_for_rest()
        self._xdotool("mouseup", "1")
        return partial(self._end, self._processes.pop())

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _place(self, window: str) -> tuple[int, int]:
        """Returns the left and the top of a window."""
        geometry = self._geometry(window)
        return geometry["X"], geometry["Y"]

    def size(self, title: str) -> tuple[int, int]:
        """Returns the width and the height of the window whose title matches, without its frame."""
        geometry = self._geometry(self.windows(title)[-1])
        return geometry["WIDTH"], geometry["HEIGHT"]

    def _geometry(self, window: str) -> dict[str, int]:
        lines = self._xdotool("getwindowgeometry", "--shell", window).splitlines()
        return {name: int(value) for name, _, value in (line.partition("=") for line in lines)}

    def type(self, text: str) -> None:
        """Types a text."""
        self._xdotool("type", "--delay", "20", text)

    def photograph(self, name: str, title: str | None = None) -> Path:
        """Saves a screenshot of the screen, or of the window whose title matches; returns where."""
        picture = self._home.folder / f"{name}.png"
        window = "root" if title is None else self.windows(title)[-1]
        self._run("import", "-window", window, str(picture))
        self._pictures.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(picture, self._pictures / f"{name}-{self._home.gimp.version}.png"))

    def read_out(self, *command: str) -> str:
        """Returns the output of screen_reader.py."""
        return self._run(*self._screen_reader(), *command)

    def _screen_reader(self) -> list[str]:
        bus = self.ask("__import__('os').environ['DBUS_SESSION_BUS_ADDRESS']")
        reader = self._home.folder / "screen_reader.py"
        return ["env", f"DBUS_SESSION_BUS_ADDRESS={bus}", "python3", str(reader)]

    def _start(self, name: str, *command: str) -> None:
        log = self._home.folder / f"{name}.log"
        command = ("env", f"DISPLAY={self._display}", *command)
        self._processes.append(self._home.start(command, log))

    def _xdotool(self, *arguments: str) -> str:
        return self._run("xdotool", *arguments)

    def _run(self, *command: str) -> str:
        # Joins Xvfb in GIMP's root: making its mounts again takes ten times longer than xdotool.
        join = ("nsenter", f"--target={self._processes[0].pid}", "--mount", "--root", "--wd=/")
        inside = join if self._home.gimp.prefix else ()
        answer = subprocess.run(
            [*inside, "env", f"DISPLAY={self._display}", *command],
            env=self._home.outer_environment(),
            capture_output=True,
            text=True,
            check=False,  # xdotool's search fails where it finds nothing
        )
        return answer.stdout
