#!/usr/bin/env bash
# in_gimp_root.sh VERSION COMMAND...: runs a command inside the folder that gimp_root.sh made.
#
# The environment (but for PATH), the exit status and the process number stay the same: a signal
# sent to this script reaches the command. /proc, /dev, /sys and /tmp are those outside, and so is
# every path in IMPASTO_BIND (separated by colons). The command alone sees these mounts, and they
# go with it. It starts in /.

fail() {
    printf 'in_gimp_root.sh: %s\n' "$*" >&2
    exit 125
}

bind() {
    local path=$1 inside=$2$1
    [[ $path == /* && -e $path ]] || fail "IMPASTO_BIND names '$path', which does not exist."
    if [[ -d $path ]]; then
        mkdir -p "$inside"
    else
        mkdir -p "${inside%/*}"
        [[ -e $inside ]] || : >"$inside"
    fi
    mount --rbind "$path" "$inside"
}

enter() {
    local root=$1 paths path
    shift
    IFS=: read -r -a paths <<<"${IMPASTO_BIND:-}"
    for path in /proc /dev /sys /tmp "${paths[@]}"; do
        [[ -z $path ]] || bind "$path" "$root"
    done
    # GIMP takes the first python3 on PATH: it must be the one inside, not one bound from outside.
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin exec chroot "$root" "$@"
}

main() {
    set -euo pipefail
    if [[ ${1:-} == --enter ]]; then
        shift
        enter "$@"
    fi
    [[ $# -ge 2 ]] || fail "say which GIMP and which command: in_gimp_root.sh 3.0 gimp --version"
    local root=${IMPASTO_GIMP_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/impasto}/gimp-$1
    [[ -d $root ]] || fail "there is no $root; make it with gimp_root.sh $1"
    shift
    exec unshare --mount --propagation private "${BASH_SOURCE[0]}" --enter "$root" "$@"
}

main "$@"
