"""The type stubs in typings/ are those of the real GIMPs."""

from gimp.gimps import Home
from gimp.make_stubs import TYPINGS, stubs_of


def test_committed_stubs_are_those_of_this_gimp(home: Home) -> None:
    folder = TYPINGS / f"gimp-{home.gimp.version}"

    committed = {str(path.relative_to(folder)): path for path in folder.rglob("*.pyi")}

    assert {name: path.read_text() for name, path in committed.items()} == stubs_of(home.gimp)
