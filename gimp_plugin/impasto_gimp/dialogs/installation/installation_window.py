"""The window that says what is to be installed, and installs it."""

from __future__ import annotations

from impasto_gimp.dialogs.installation.frame import Frame
from impasto_gimp.dialogs.installation.outside_window import OutsideWindow
from impasto_gimp.introspection import GLib
from impasto_gimp.introspection_gtk import Gtk
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError
from impasto_shared.installation.installation import Installation, Step, plan
from impasto_shared.installation.obtainable_torch import own_index_for
from impasto_shared.installation.sandbox import is_in_sandbox
from impasto_shared.installation.torch_build import Build

_ABOUT = gettext(
    "Pictures are painted by a program in the background, the daemon, which is not installed yet."
)
_INSTALL = 1
_TICK_MS = 200
_LOG_PX = 140
_STEPS = {
    Step.WAITING: gettext("Waiting for another installation…"),
    Step.UV: gettext("Downloading uv, the program that installs the rest…"),
    Step.ENVIRONMENT: gettext("Looking for Python, or downloading it…"),
    Step.PACKAGES: gettext("Downloading and installing PyTorch and Impasto…"),
    Step.DONE: gettext("Installed. Close this window, and paint."),
}
_GPU = gettext("With PyTorch for the GPU of this computer:")
_CPU = gettext("With PyTorch for processors, since no GPU was found:")
_WHAT = gettext("About {download} are downloaded from {index}.")
_WHAT_OF_BOTH = gettext("About {download} are downloaded from {index} and PyTorch's own index.")
_WHERE = gettext(
    "They take {disk} in {folder}; uv keeps its downloads in a cache of its own. Nothing else on "
    "this computer is changed. You can cancel at any time; another try continues."
)


def show_installation(parent: Gtk.Window | None = None) -> None:
    """Shows what is to be installed, and installs it if the user wants that."""
    window: Frame = OutsideWindow(parent) if is_in_sandbox() else _InstallationWindow(parent)
    try:
        window.run()
    finally:
        window.close()


class _InstallationWindow(Frame):
    def __init__(self, parent: Gtk.Window | None) -> None:
        super().__init__(parent)
        self._installation: Installation | None = None
        self._build: Build | None = None  # the usual one
        self._bar = Gtk.ProgressBar(no_show_all=True)
        self._step = Gtk.Label(xalign=0.0, no_show_all=True)
        self._log = Gtk.Label(xalign=0.0, yalign=0.0, selectable=True)
        self._shown_log = ""
        self._about = self.add_text(_ABOUT)
        self._text = self.add_text("")
        for widget in (self._step, self._bar):
            self.box.pack_start(widget, False, False, 0)
        self._leave = self.dialog.add_button(gettext("_Cancel"), Gtk.ResponseType.CANCEL)
        self._begin = self.dialog.add_button(gettext("_Install"), _INSTALL)
        self._close = self.dialog.add_button(gettext("_Close"), Gtk.ResponseType.CLOSE)
        self._close.set_no_show_all(True)
        self._close.hide()
        self.box.pack_start(self._log_expander(), False, False, 0)
        self._show_plan()
        self._ticking = GLib.timeout_add(_TICK_MS, self._on_tick)

    def close(self) -> None:
        """Closes the window, which waits for the end of what is running."""
        GLib.source_remove(self._ticking)
        if self._installation is not None:
            self._installation.cancel()
            self._installation.wait()
        super().close()

    def on_response(self, dialog: Gtk.Dialog, response: int) -> None:
        """Installs, cancels that, or ends `run`."""
        running = self._installation is not None and self._installation.is_running
        if response == _INSTALL and not running:
            self._start()
        elif response == Gtk.ResponseType.CANCEL and running and self._installation is not None:
            self._leave.set_sensitive(False)
            self._installation.cancel()
        elif response != _INSTALL:
            super().on_response(dialog, response)

    def _log_expander(self) -> Gtk.Expander:
        scrolled = Gtk.ScrolledWindow(min_content_height=_LOG_PX)
        scrolled.add(self._log)
        expander = Gtk.Expander(label=gettext("Log"))
        expander.add(scrolled)
        return expander

    def _show_plan(self, before: str = "") -> None:
        try:
            planned = plan(self._build)
        except ImpastoError as error:
            self._text.set_text(str(error))
            self._begin.set_sensitive(False)
            return
        heading = before or (_GPU if planned.build is Build.GPU else _CPU)
        what = _WHAT_OF_BOTH if own_index_for(planned.build) else _WHAT
        said = what.format(download=planned.build.download, index=planned.host)
        where = _WHERE.format(disk=planned.build.disk, folder=planned.folder)
        self._text.set_text(f"{heading}\n{said}\n{where}")

    def _start(self) -> None:
        try:
            self._installation = Installation(plan(self._build))
        except ImpastoError as error:
            self._text.set_text(str(error))
            return
        self._begin.set_sensitive(False)
        self._step.show()
        self._bar.show()
        self._installation.start()

    def _on_tick(self) -> bool:
        installation = self._installation
        if installation is None:
            return True
        progress = installation.progress
        self._bar.set_fraction(1.0 if progress.step is Step.DONE else progress.fraction)
        self._step.set_text(_STEPS[progress.step])
        log = "\n".join(progress.lines)
        if log != self._shown_log:
            self._shown_log = log
            self._log.set_text(log)
        if not installation.is_running:
            self._show_end(installation)
        return True

    def _show_end(self, installation: Installation) -> None:
        self._installation = None
        self._leave.set_sensitive(True)
        if installation.error is None:
            self._text.set_text(_STEPS[Step.DONE])
            for widget in (self._about, self._leave, self._begin, self._step):
                widget.hide()
            self._close.show()
            return
        self._step.hide()
        self._bar.hide()
        self._begin.set_sensitive(True)
        if installation.needs_general_build:
            self._build = Build.GPU
        self._show_plan(installation.error)
