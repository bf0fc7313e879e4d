#!/usr/bin/env bash
# Makes a Flatpak of Debian's GIMP 3.2, with the permissions of GIMP's own package, installed in a
# folder of its own, and prints its path. Needs root on Debian, the GIMP 3.2 of gimp_root.sh, 2 GB and
# two minutes; the second call only prints the path.

# shellcheck source=tests/gimp/gimp_root.sh
source "${BASH_SOURCE[0]%/*}/../gimp/gimp_root.sh"

RUNTIME=org.gimp.TestRuntime
APP=org.gimp.GIMP
BRANCH=stable
# Those of GIMP's package, as its manifest has them.
PERMISSIONS=(
    --share=ipc --share=network --socket=x11 --device=dri
    --filesystem=host --filesystem=xdg-config/GIMP --filesystem=xdg-config/gtk-3.0
    --filesystem=/tmp --filesystem=xdg-run/gvfs --filesystem=xdg-run/gvfsd
    "--talk-name=org.gtk.vfs" "--talk-name=org.gtk.vfs.*"
    --talk-name=org.freedesktop.FileManager1
)
# pyzmq, which GIMP's package has not, and what no test reads.
LEFT_OUT=(
    lib/python3/dist-packages/zmq share/doc share/man share/help share/locale share/icons/hicolor
)

say_contents() {
    printf '%s\n' "${PACKAGES[@]}" "${PERMISSIONS[@]}" "${LEFT_OUT[@]}"
}

is_made() { diff -q <(say_contents) "$1/stamp" >/dev/null 2>&1; }

install_flatpak() {
    [[ -z $(type -P flatpak) ]] || return 0
    apt-get update -q
    apt-get install -y -q --no-install-recommends flatpak
}

# The root's /usr, with its settings and without what only root's programs have.
make_runtime() {
    local root=$1 folder=$2 path
    mkdir -p "$folder"
    cp -a --reflink=auto "$root/usr" "$folder/usr"
    for path in "${LEFT_OUT[@]}"; do
        rm -rf "${folder:?}/usr/$path"
    done
    cp -a "$root/etc" "$folder/usr/etc"
    chmod -R u+rwX,go+rX,go-w,ugo-s "$folder/usr"
    cat >"$folder/metadata" <<END
[Runtime]
name=$RUNTIME
runtime=$RUNTIME/$(flatpak --default-arch)/$BRANCH
sdk=$RUNTIME/$(flatpak --default-arch)/$BRANCH
END
    flatpak build-export --runtime --files=usr --disable-sandbox "$3" "$folder" "$BRANCH"
}

make_app() {
    local folder=$1 name
    flatpak build-init "$folder" "$APP" "$RUNTIME" "$RUNTIME" "$BRANCH"
    mkdir -p "$folder/files/bin"
    for name in gimp-3.2 gimp-console-3.2; do
        printf '#!/bin/sh\nexec /usr/bin/%s "$@"\n' "$name" >"$folder/files/bin/$name"
        chmod 0755 "$folder/files/bin/$name"
    done
    flatpak build-finish --no-inherit-permissions --command=gimp-3.2 "${PERMISSIONS[@]}" "$folder"
    flatpak build-export --disable-sandbox "$2" "$folder" "$BRANCH"
}

build_flatpak() {
    local root=$1 folder=$2
    install_flatpak
    mkdir -p "$folder"
    make_runtime "$root" "$folder/runtime" "$folder/repository"
    rm -rf "$folder/runtime"
    export FLATPAK_USER_DIR=$folder/installation
    flatpak --user remote-add --no-gpg-verify test "$folder/repository"
    flatpak --user install -y --noninteractive test "$RUNTIME//$BRANCH" # build-init asks for it
    make_app "$folder/app" "$folder/repository"
    flatpak --user install -y --noninteractive test "$APP"
    rm -rf "$folder/repository" "$folder/app"
    say_contents >"$folder/stamp"
}

main() {
    set -euo pipefail
    if [[ ${1:-} == --build ]]; then
        build_flatpak "$2" "$3"
        return
    fi
    [[ $EUID -eq 0 && -f /etc/debian_version ]] || fail "this needs root on Debian."
    local root folder=${XDG_CACHE_HOME:-$HOME/.cache}/impasto/flatpak
    if ! is_made "$folder"; then
        root=$("${BASH_SOURCE[0]%/*}/../gimp/gimp_root.sh" 3.2)
        # Two test runs at once: the second waits, and finds the work done.
        exec {lock}>"$folder.lock"
        flock "$lock"
        if ! is_made "$folder"; then
            say "Flatpak: making $folder (about two minutes, 2 GB)"
            rm -rf --one-file-system "$folder"
            if ! "$0" --build "$root" "$folder" >"$folder.log" 2>&1; then
                tail -n 20 "$folder.log" >&2
                fail "the Flatpak could not be made; the whole record is in $folder.log"
            fi
        fi
    fi
    printf '%s\n' "$folder"
}

main "$@"
