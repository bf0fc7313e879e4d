"""The names of a batch's pictures, made from a template."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

from impasto_daemon.commands.image_file.notes import FORMATS_WITH_NOTES
from impasto_daemon.commands.image_file.writing import format_of
from impasto_daemon.commands.video_file.writing import FORMATS, can_write
from impasto_shared.errors import InvalidSettings

FIELDS = ("photo", "painting", "number")


def check_template(template: str) -> None:
    """Raises InvalidSettings if a template does not make names of picture files."""
    if format_of(Path(_checked_name(template))) not in FORMATS_WITH_NOTES:
        raise _refused(
            template,
            "it must end in .png, .jpg, .webp, .tif or .avif, whose files can hold the settings",
        )


def check_video_template(template: str) -> None:
    """Raises InvalidSettings if a template does not make names of videos."""
    if not can_write(Path(_checked_name(template))):
        raise _refused(template, f"it must end in {', '.join(FORMATS)}")


def _checked_name(template: str) -> str:
    """Returns a name that a template makes."""
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
        if unknown := [field for field in fields if field not in FIELDS]:
            raise _refused(template, f"{{{unknown[0]}}} is unknown")
        name = picture_name(template, Path("photo.jpg"), Path("painting.jpg"), 1)
    except (ValueError, KeyError, IndexError) as error:
        raise _refused(template, "it is not a template of a name") from error
    if not fields:
        raise _refused(template, "all pictures would have the same name")
    if Path(name).name != name or "\0" in name:
        raise _refused(template, "it is not the name of a file; -o names the folder")
    return name


def picture_name(template: str, photo: Path, painting: Path | None, number: int) -> str:
    """Returns the name of a picture.

    painting: the first one; None if there is none. number: the photo's, from 1.
    """
    stem = "" if painting is None else painting.stem
    return template.format(photo=photo.stem, painting=stem, number=number)


def _refused(template: str, reason: str) -> InvalidSettings:
    known = ", ".join(f"{{{field}}}" for field in FIELDS)
    return InvalidSettings(
        "name", f"--name {template}: {reason}. A template has text and any of {known}."
    )
