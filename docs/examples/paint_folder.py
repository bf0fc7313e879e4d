"""Paints every photo of a folder with GIMP, without a window, and keeps the layers in XCF files.

gimp-console -i --quit --batch-interpreter=python-fu-eval \
    -b 'exec(open("paint_folder.py").read())'

It reads photos/*.jpg and painting.jpg where it is started, and writes painted/*.xcf.
"""

from pathlib import Path

from gi.repository import Gimp, Gio

PHOTOS, PAINTING, PAINTED = Path("photos"), Path("painting.jpg"), Path("painted")

procedure = Gimp.get_pdb().lookup_procedure("plug-in-impasto-neural-style")
PAINTED.mkdir(exist_ok=True)
for photo in sorted(PHOTOS.glob("*.jpg")):
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(photo)))
    image.policy_rotate(False)  # upright, as its EXIF says
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", image.get_layers())
    config.set_property("style", Gio.File.new_for_path(str(PAINTING)))
    config.set_property("quality", "draft")
    if procedure.run(config).index(0) != Gimp.PDBStatusType.SUCCESS:
        raise SystemExit(f"{photo}: {Gimp.get_pdb().get_last_error()}")
    painted = Gio.File.new_for_path(str(PAINTED / f"{photo.stem}.xcf"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, painted, None)
    image.delete()
