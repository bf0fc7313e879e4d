"""The script in docs/scripting.md."""

import re
import subprocess
import sys

from integration.daemon_process import ROOT, DaemonProcess


def test_example_for_scripts_paints_a_picture(shared_daemon: DaemonProcess) -> None:
    page = (ROOT / "docs/scripting.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(re.findall(r"^.+$", example, re.MULTILINE)) == 11
    quick = example.replace("StyleSettings(size=384)", "StyleSettings(size=64, iterations=2)")
    assert quick != example
    (shared_daemon.folder / "assets").symlink_to(ROOT / "assets")

    done = subprocess.run(
        [sys.executable, "-c", quick],
        env=shared_daemon.environment,
        cwd=shared_daemon.folder,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "done" in done.stdout
    assert (shared_daemon.folder / "impasto-example.png").exists()
