#!/usr/bin/env bash
# Makes a folder with a Debian that has a real GIMP of the given version, and prints its path.
# Needs root on Debian, 1.5 GB and about a minute; the second call only prints the path.

PACKAGES=(
    gimp python3-zmq python3-gi gir1.2-gtk-3.0
    xvfb xauth xdotool imagemagick dbus-x11 openbox adwaita-icon-theme fonts-dejavu-core
    at-spi2-core gir1.2-atspi-2.0 locales
)
LANGUAGES=(de_DE)
# Lists the contents of a finished folder. A folder with other contents is made from scratch.
STAMP=etc/impasto-root

say_contents() { printf '%s\n' "${PACKAGES[@]}" "${LANGUAGES[@]}"; }
is_made() { diff -q <(say_contents) "$1/$STAMP" >/dev/null 2>&1; }
say() { printf '%s\n' "$*" >&2; }
fail() {
    say "${0##*/}: $*"
    exit 1
}

suite_of() {
    case "$1" in
        3.0) echo trixie ;;
        3.2) echo forky ;;
        *) fail "no Debian is known to have GIMP '$1'; known are 3.0 and 3.2." ;;
    esac
}

# The mirror this machine's own packages come from.
debian_mirror() {
    # shellcheck disable=SC2016 # apt-get fills these in
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(SUITE) $(REPO_URI)' |
        awk '$1 == "Debian" && $2 == "main" && $3 !~ /-/ { print $4; exit }'
}

install_debootstrap() {
    # Two folders made at once: the second waits, and finds it installed.
    local lock
    exec {lock}>"${XDG_CACHE_HOME:-$HOME/.cache}/impasto/debootstrap.lock"
    flock "$lock"
    if [[ -z $(type -P debootstrap) || -z $(debian_mirror) ]]; then
        apt-get update -q
        apt-get install -y -q --no-install-recommends debootstrap
    fi
    exec {lock}>&-
}

# Runs in a mount namespace of its own, so that no mount outlives it, whatever happens.
build_root() {
    local suite=$1 folder=$2 mirror script mounted language
    script=/usr/share/debootstrap/scripts/$suite
    # A debootstrap older than the suite has no script of its name; all Debians since share one.
    [[ -e $script ]] || script=/usr/share/debootstrap/scripts/sid
    mirror=$(debian_mirror)
    [[ -n $mirror ]] || fail "apt names no mirror of Debian on this machine."
    debootstrap --variant=minbase "$suite" "$folder" "$mirror" "$script"
    cp -L /etc/resolv.conf "$folder/etc/"
    for mounted in proc dev sys; do
        mount --rbind "/$mounted" "$folder/$mounted"
    done
    DEBIAN_FRONTEND=noninteractive chroot "$folder" \
        apt-get install -y -q --no-install-recommends "${PACKAGES[@]}"
    chroot "$folder" apt-get clean
    for language in "${LANGUAGES[@]}"; do
        chroot "$folder" localedef -i "$language" -f UTF-8 "$language.UTF-8"
    done
    say_contents >"$folder/$STAMP"
}

make_root() {
    local program=$1 suite=$2 root=$3
    [[ $EUID -eq 0 && -f /etc/debian_version ]] || fail "this needs root on Debian."
    say "$program: making $root from Debian $suite (about a minute, 1.5 GB)"
    install_debootstrap >&2
    rm -rf --one-file-system "$root.new"
    if ! unshare --mount --propagation private "$0" --build "$suite" "$root.new" \
        >"$root.log" 2>&1; then
        tail -n 20 "$root.log" >&2
        fail "$program could not be installed; the whole record is in $root.log"
    fi
    rm -rf --one-file-system "$root"
    mv "$root.new" "$root"
}

main() {
    set -euo pipefail
    if [[ ${1:-} == --build ]]; then
        build_root "$2" "$3"
        return
    fi
    [[ $# -eq 1 ]] || fail "say which GIMP: gimp_root.sh 3.0 or gimp_root.sh 3.2"
    local suite root=${XDG_CACHE_HOME:-$HOME/.cache}/impasto/gimp-$1
    suite=$(suite_of "$1")
    if ! is_made "$root"; then
        mkdir -p "${root%/*}"
        # Two test runs at once: the second waits, and finds the work done.
        exec {lock}>"$root.lock"
        flock "$lock"
        is_made "$root" || make_root "GIMP $1" "$suite" "$root"
    fi
    printf '%s\n' "$root"
}

# tests/wine/wine_root.sh takes the functions.
[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
