"""Our pictures beside style-transfer-pytorch's: python benchmarks/pictures.py STP PHOTO PAINTING.

STP is a clone of style-transfer-pytorch, run with its defaults at 362 pixels, but for 200
iterations at the coarsest scale and 90 at each other, so that it ends within minutes; PHOTO and
PAINTING are names in assets. Prints a row of measures (benchmarks/measures.py) for each program,
and writes the pictures to build/benchmarks. Run with the environment of the tests, on a machine
that does nothing else.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import as_in_worker  # noqa: F401 - before torch

# isort: split
import samples
from impasto_daemon.image_file import read_image, write_image
from impasto_daemon.style_transfer.stylize import stylize
from impasto_daemon.style_transfer.tensors import fit, from_image, resize
from impasto_daemon.weights import load_network
from impasto_shared.settings import Model, Quality, StyleSettings
from impasto_shared.style import Style
from measures import colour_distance, edge_distance, edge_similarity, held_out_distance
from others import style_transfer_pytorch

SIZE_PX, FIRST, OTHERS = 362, 200, 90


def main() -> None:
    """Paints one pair with each program and measures the pictures."""
    clone, photo_name, painting_name = Path(sys.argv[1]).resolve(), *sys.argv[2:4]
    photo = samples.photo(photo_name)
    painting = samples.painting(painting_name)
    folder = Path("build/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    network = load_network(Model.VGG16_HED, StyleSettings().pooling)
    content, style = read_image(photo)[0], read_image(painting)[0]
    photo_rgb = fit(from_image(content).rgb, SIZE_PX)
    painting_rgb = fit(from_image(style).rgb, SIZE_PX)

    print(
        "| Program | Seconds | Held-out layers | Colours | Edges | Photo's edges kept |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )

    def report(name: str, seconds: float, file: Path) -> None:
        picture = resize(from_image(read_image(file)[0]).rgb, *photo_rgb.shape[2:])
        measures = (
            held_out_distance(network, picture, painting_rgb),
            colour_distance(picture, painting_rgb),
            edge_distance(picture, painting_rgb),
            edge_similarity(picture, photo_rgb),
        )
        print(f"| {name} | {seconds:.0f} |", *(f"{value:.3f} |" for value in measures), flush=True)

    reduced = folder / "photo.png"
    for quality in Quality:
        file = folder / f"{photo_name}_{painting_name}_{quality}_{SIZE_PX}.png"
        settings = StyleSettings(size=SIZE_PX, quality=quality)
        started_s = time.monotonic()
        write_image(stylize(network, content, [Style(style)], settings), file)
        report(f"Impasto, {quality}", time.monotonic() - started_s, file)
    write_image(content, reduced)
    file = folder / f"{photo_name}_{painting_name}_stp_{SIZE_PX}.png"
    started_s = time.monotonic()
    for _ in style_transfer_pytorch(clone, photo, painting, file, SIZE_PX, FIRST, OTHERS):
        pass
    report("style-transfer-pytorch", time.monotonic() - started_s, file)
    report("the photo itself", 0, reduced)


if __name__ == "__main__":
    main()
