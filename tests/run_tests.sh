# shellcheck shell=bash
# Checks the sources and runs the tests, in lanes. Part of install.sh, which sources it.

GIMP_ROOT=$CHECKOUT/tests/gimp/gimp_root.sh
# Of texts, translations and packages: they need no engine, and find typos in the first lane.
TESTS_OF_SOURCES=("$CHECKOUT"/tests/test_*.py "$CHECKOUT/tests/gimp_plugin/test_translation.py"
    "$CHECKOUT/tests/release")
# The tests with real GIMPs and daemons mostly wait.
PROCESSES_PER_CORE=3
MOST_PROCESSES=8

# If no GIMP 3 is installed, root on Debian makes GIMPs for the tests.
prepare_test_gimps() {
    local version
    [[ $EUID -eq 0 && -f /etc/debian_version ]] || return 0
    [[ -n ${IMPASTO_REQUIRE_GIMP:-} ]] || ! set_up has-gimp || return 0
    for version in ${IMPASTO_REQUIRE_GIMP:-3.0 3.2}; do
        {
            "$GIMP_ROOT" "$version" ||
                say "GIMP $version: could not be prepared (see above); its tests cannot run"
        } &
    done
    wait
}

# Root on Debian makes a Wine with a Windows' Python for the tests, from 400 MB of downloads.
prepare_test_wine() {
    [[ $EUID -eq 0 && -f /etc/debian_version ]] || return 0
    { "$CHECKOUT/tests/wine/wine_root.sh" && python -P "$CHECKOUT/tests/wine/windows_python.py"; } ||
        say "Wine could not be prepared (see above); its tests cannot run"
}

# Root on Debian makes a Flatpak of GIMP for the tests, from the GIMP 3.2 of the GIMP lane.
prepare_test_flatpak() {
    [[ $EUID -eq 0 && -f /etc/debian_version ]] || return 0
    "$CHECKOUT/tests/flatpak/flatpak_gimp.sh" ||
        say "Flatpak could not be prepared (see above); its tests cannot run"
}

# The tests of failing system calls are skipped without strace, which CI installs.
prepare_strace() {
    [[ ${CI:-} == true && $EUID -eq 0 && -f /etc/debian_version ]] || return 0
    [[ -z $(type -P strace) ]] || return 0
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends strace; } >/dev/null ||
        say "strace could not be installed (see above); its tests are skipped"
}

begin_lane() { printf '\nLane: %s\n' "$*"; }

# Makes the environment of the tests, and has the commands found there.
prepare_environment() {
    set_up test-environment
    PATH=$CHECKOUT/.venv/bin:$PATH
    # Else each of hundreds of processes would compile the same modules.
    unset PYTHONDONTWRITEBYTECODE
}

run_sources() {
    local check checks=() failed=0
    begin_lane "sources (ruff, mypy against each GIMP, shellcheck, texts, packages)"
    ruff check
    ruff format --check
    shellcheck -x install.sh .ci/run tests/*.sh tests/gimp/*.sh tests/wine/*.sh \
        tests/flatpak/*.sh
    if [[ ${CI:-} == true ]]; then # it asks the index
        python -P release/pin_versions.py --check
    fi
    mypy &
    checks+=($!)
    MYPYPATH=typings/gimp-3.0 mypy --cache-dir .mypy_cache/gimp-3.0 -p impasto_gimp &
    checks+=($!)
    # For GIMP's Python on macOS, which is older than the daemon's.
    mypy --python-version 3.10 --cache-dir .mypy_cache/3.10 -p impasto_shared -p impasto_gimp &
    checks+=($!)
    mypy --platform win32 --cache-dir .mypy_cache/windows \
        -p impasto_shared.system -p impasto_daemon.system &
    checks+=($!)
    python -P -m pytest -q "${TESTS_OF_SOURCES[@]}" &
    checks+=($!)
    for check in "${checks[@]}"; do
        wait "$check" || failed=1
    done
    return "$failed"
}

# Some of these tests wait, for a disk or a time to pass; three processes keep two cores busy.
run_units() {
    local others=(tests/integration tests/gimp tests/wine tests/flatpak tests/benchmarks
        "${TESTS_OF_SOURCES[@]}")
    begin_lane "units"
    python -P -m pytest -n $((($(nproc) * 3 + 1) / 2)) --dist worksteal tests \
        "${others[@]/#/--ignore=}" "$@"
}

# Runs pytest in processes that mostly wait: for a GIMP, or a daemon. The groups with the most tests
# come first, lest one of them be left to the end.
run_waiting() {
    python -P -m pytest -n $((PROCESSES_PER_CORE * $(nproc))) --maxprocesses "$MOST_PROCESSES" \
        --dist loadgroup "$@"
}

run_integration() {
    begin_lane "integration"
    run_waiting tests/integration tests/benchmarks "$@"
}

run_gimp() {
    begin_lane "GIMP"
    prepare_test_gimps
    run_waiting tests/gimp "$@"
}

run_wine() {
    begin_lane "Windows, by Wine"
    prepare_test_wine
    python -P -m pytest tests/wine "$@"
}

run_flatpak() {
    begin_lane "GIMP in Flatpak's sandbox"
    prepare_test_flatpak
    python -P -m pytest tests/flatpak "$@"
}

run_everything() {
    local gimps wine=
    prepare_strace # before the GIMPs, which use apt-get, too
    # These take a minute or two; the first lanes run meanwhile.
    prepare_test_gimps &
    gimps=$!
    trap wait EXIT
    prepare_environment
    if [[ -n ${IMPASTO_REQUIRE_WINE:-} ]]; then
        prepare_test_wine &
        wine=$!
    fi
    run_sources
    if [[ $# -gt 0 ]]; then
        wait "$gimps" ${wine:+"$wine"}
        python -P -m pytest "$@"
        return
    fi
    # Measuring takes half a minute, so the lane by itself goes without.
    run_units --cov --cov-report=term
    wait "$gimps" ${wine:+"$wine"}
    begin_lane "${wine:+Windows, }GIMP and integration" # what takes longest first
    run_waiting tests/wine tests/gimp tests/integration tests/benchmarks
    say "All lanes have passed."
}

# Runs one lane, or everything.
run_tests() {
    cd "$CHECKOUT" || exit
    case "${1:-}" in
        setup) prepare_environment ;;
        sources | units | integration | gimp | wine | flatpak)
            prepare_environment
            "run_$1" "${@:2}"
            ;;
        *) run_everything "$@" ;;
    esac
}
