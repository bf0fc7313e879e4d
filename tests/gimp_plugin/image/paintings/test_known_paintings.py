from impasto_gimp.image.paintings.known_paintings import FOLDER, SHIPPED, KnownPainting
from integration.daemon_process import ROOT


def test_paintings_are_looked_for_next_to_the_program_of_the_plug_in() -> None:
    assert (FOLDER.parent / "impasto-gimp.py").is_file()
    assert FOLDER.name == "styles"


def test_every_painting_that_is_shipped_is_known() -> None:
    files = {file.name for file in (ROOT / "assets/styles").iterdir()}

    assert set(SHIPPED) == files


def test_paintings_are_called_as_where_they_come_from_says() -> None:
    lines = (ROOT / "assets/PROVENANCE.md").read_text().splitlines()
    origins = {
        cells[1].strip(): cells[2].strip() for line in lines if len(cells := line.split("|")) == 4
    }
    # The English titles: the tests run in English.
    for file, painting in SHIPPED.items():
        named = [painting.artist, painting.title, *([painting.year] if painting.year else [])]
        assert origins[file] == ", ".join(named)


def test_description_has_the_year_if_it_is_known() -> None:
    dated = KnownPainting("Mary Cassatt", "Cassatt", "Summertime", "1894")
    undated = KnownPainting("Mary Cassatt", "Cassatt", "Summertime")

    assert dated.description == "Mary Cassatt: Summertime, 1894"
    assert undated.description == "Mary Cassatt: Summertime"
