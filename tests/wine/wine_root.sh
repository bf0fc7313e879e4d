#!/usr/bin/env bash
# Makes a folder with a Debian that has Wine 10, and in it the first start of a Windows; prints its
# path. Needs root on Debian, 2.5 GB and two minutes; the second call only prints the path.

# shellcheck source=tests/gimp/gimp_root.sh
source "${BASH_SOURCE[0]%/*}/../gimp/gimp_root.sh"

PACKAGES=(wine wine64)
LANGUAGES=()
PREFIX=opt/windows

# Makes Windows' drive and registry, which takes half a minute.
make_prefix() {
    local root=$1
    mkdir -p "$root/run/wine"
    chmod 0700 "$root/run/wine"
    # Wine's server stays for a while, and would keep a pipe of this script open.
    HOME=/root WINEPREFIX=/$PREFIX WINEDEBUG=-all XDG_RUNTIME_DIR=/run/wine \
        chroot "$root" wine wineboot -i </dev/null >/dev/null 2>&1
    HOME=/root WINEPREFIX=/$PREFIX chroot "$root" wineserver -w </dev/null >/dev/null 2>&1
}

build_wine() {
    build_root "$1" "$2"
    make_prefix "$2"
    [[ -d $2/$PREFIX/drive_c/windows ]] || fail "Wine did not make its drive"
}

main() {
    set -euo pipefail
    if [[ ${1:-} == --build ]]; then
        build_wine "$2" "$3"
        return
    fi
    local root=${XDG_CACHE_HOME:-$HOME/.cache}/impasto/wine
    if ! is_made "$root"; then
        mkdir -p "${root%/*}"
        # Two test runs at once: the second waits, and finds the work done.
        exec {lock}>"$root.lock"
        flock "$lock"
        is_made "$root" || make_root Wine trixie "$root"
    fi
    printf '%s\n' "$root"
}

main "$@"
