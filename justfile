# A developer's loops. CONTRIBUTING.md has each as a command without just.

export PYTHONPATH := "shared:daemon:gimp_plugin:tests"
python := ".venv/bin/python -P"

[private]
default:
    @just --list --unsorted

# makes or updates the environment .venv
setup:
    ./install.sh test setup

# checks the sources: ruff, mypy against each GIMP, shellcheck
lint:
    ./install.sh test sources

# tests the modules; options are for pytest
test *options:
    ./install.sh test units {{ options }}

# tests with real daemons, installations and networks
test-integration *options:
    ./install.sh test integration {{ options }}

# tests with real GIMPs
test-gimp *options:
    ./install.sh test gimp {{ options }}

# tests the daemon on Windows, by Wine
test-wine *options:
    ./install.sh test wine {{ options }}

# tests the plug-in in Flatpak's sandbox
test-flatpak *options:
    ./install.sh test flatpak {{ options }}

# runs a benchmark; --keep RECORD stores what it measured, and shows it in docs/benchmarks.md
bench name *options:
    .venv/bin/python -m benchmarks {{ name }} {{ options }}

# makes the pages behind Help and the tables of benchmarks, and checks the rest of docs
docs:
    .venv/bin/python -m benchmarks page
    {{ python }} tests/gimp_plugin/help_pages.py
    {{ python }} -m pytest -q tests/test_documentation.py

# builds the files of a release into dist; RELEASING.md has the other steps
release *options:
    {{ python }} release/build_release.py dist {{ options }}

# pins the versions that an installation gets; --check asks whether the pinned ones can be installed
pins *options:
    {{ python }} release/pin_versions.py {{ options }}

# updates the catalogues of translations; names of new languages may follow
translate *languages:
    {{ python }} tests/gimp_plugin/catalogues.py {{ languages }}
