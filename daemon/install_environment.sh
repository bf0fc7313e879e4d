# shellcheck shell=bash
# Makes the Python environment that the daemon runs in. Part of install.sh, which sources it.
# Python runs with -I: modules in the current folder, which may be anyone's, are not imported.

STAMP=impasto-stamp
# In an environment that is not finished yet, by which it is known as one of these.
UNFINISHED=impasto-unfinished

working_uv() {
    local uv
    for uv in "$(type -P uv)" "$1/bin/uv"; do
        if "$uv" --version >/dev/null 2>&1; then
            printf '%s\n' "$uv"
            return
        fi
    done
}

# Prints one word for what the Python $1 lacks to make an environment at $2; nothing if it is complete.
python_lacks() {
    local version
    version=$("$1" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version=0.0
    if ((${version%.*} < 3 || (${version%.*} == 3 && ${version#*.} < 11))); then
        echo python
    elif ! "$1" -I -c 'import venv' 2>/dev/null; then
        echo venv
    elif [[ -z $(working_uv "$2") ]] && ! "$1" -I -c 'import ensurepip' 2>/dev/null; then
        echo venv
    fi
}

find_python() {
    local names=(python3 python3.13 python3.12 python3.11) name python lacks without_venv=
    if [[ -n ${IMPASTO_PYTHON:-} ]]; then
        names=("$IMPASTO_PYTHON")
    fi
    for name in "${names[@]}"; do
        python=$(type -P "$name") || continue
        lacks=$(python_lacks "$python" "$1")
        if [[ -z $lacks ]]; then
            printf '%s\n' "$python"
            return
        elif [[ $lacks == venv && -z $without_venv ]]; then
            without_venv=$name
        fi
    done
    explain_missing "$without_venv" >&2
    return 1
}

# $1 is the name of a new enough Python without venv; empty if no Python is new enough.
explain_missing() {
    say "Impasto needs this, which is missing on your computer:"
    if [[ -z $1 ]]; then
        say "  - Python 3.11 or newer (found: $(found_pythons))"
    fi
    if [[ -n $1 || -z $(type -P uv) ]]; then
        say "  - Python's venv module, with pip"
    fi
    say "Install it with:"
    say "  $(install_command "$1")"
    say "and run ./install.sh again."
}

found_pythons() {
    local found
    found=$("${IMPASTO_PYTHON:-python3}" --version 2>/dev/null) || found=none
    printf '%s\n' "$found"
}

install_command() {
    local family as_root="sudo " version=""
    [[ $EUID -ne 0 ]] || as_root=""
    [[ -n $1 || -z $(type -P python3) ]] || version=.11
    # shellcheck source=/dev/null
    family=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}") || family=unknown
    case " $family " in
        *" debian "* | *" ubuntu "*)
            if [[ -n $1 ]]; then
                echo "${as_root}apt install ${1##*/}-venv"
            else
                echo "${as_root}apt install python3$version python3$version-venv"
            fi
            ;;
        *" fedora "* | *" rhel "*) echo "${as_root}dnf install python3$version" ;;
        *" arch "*) echo "${as_root}pacman -S python" ;;
        *suse*) echo "${as_root}zypper install python3${version#.}" ;;
        *) echo "the package manager of your system (the package of Python 3.11 or newer)" ;;
    esac
}

# Fails if the disk of the folder $1 has less than $2 MB free.
check_disk_space() {
    local free_mb
    free_mb=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
    if ((free_mb < $2)); then
        fail "$1 has $free_mb MB free, but the environment needs $2 MB. Free some" \
            "space, or set XDG_DATA_HOME to a folder on a larger disk."
    fi
}

# Prints a hash of everything that determines the contents of the environment.
fingerprint() {
    (
        cd "$CHECKOUT" || exit
        find "$@" -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    ) | sha256sum
}

environment_is_current() {
    [[ -f $1/$STAMP && $(<"$1/$STAMP") == "$2" ]] && "$1/bin/python" -I -c '' 2>/dev/null
}

# Prints the uv that fills the environment $1; puts one into it if the machine has none.
provide_uv() {
    if [[ -z $(working_uv "$1") ]]; then
        "$1/bin/python" -I -m ensurepip >/dev/null
        "$1/bin/python" -I -m pip install --quiet --disable-pip-version-check uv >&2
    fi
    working_uv "$1"
}

# Fails if there is a folder at $1 that this did not make.
check_is_ours() {
    if [[ -L $1 ]]; then
        fail "$1 is a link to $(readlink "$1"). Remove the link, and try again."
    elif [[ -e $1 && ! -f $1/$STAMP && ! -f $1/$UNFINISHED && -n $(ls -A "$1") ]]; then
        fail "$1 exists, and was not made by install.sh. Move it away, and try again."
    fi
}

# Prints the build of PyTorch, cpu or gpu, that the environment $1 was made with; nothing if there
# is none. Environments had no choice before the stamp told it.
build_of() {
    [[ -f $1/$STAMP ]] || return 0
    case $(<"$1/$STAMP") in
        *" cpu") echo cpu ;;
        *) echo gpu ;;
    esac
}

# Fails if the environment at $1 is to be made from scratch. One whose build of PyTorch is not $2
# is, too: both builds have the same version.
can_be_updated() {
    [[ $(build_of "$1") == "$2" ]] && "$1/bin/python" -I -c '' 2>/dev/null
}

# Makes the environment at $1 unfinished: what is there of it, or a new one with the Python $2.
start_environment() {
    if can_be_updated "$1" "$3"; then
        say "Environment: bringing $1 up to date"
        mv "$1/$STAMP" "$1/$UNFINISHED"
        return
    fi
    check_is_ours "$1"
    check_disk_space "${1%/*}" "${ENVIRONMENT_MB[$3]}"
    say "Environment: creating $1"
    rm -rf "$1"
    mkdir "$1"
    touch "$1/$UNFINISHED"
    "$2" -I -m venv --without-pip "$1"
}

# Makes or repairs the environment $1 with fingerprint $2 and PyTorch's build $3, or PyPI's if it is
# empty; the rest says what uv installs.
build_environment() {
    local folder=$1 expected=$2 build=$3 is_new="" python uv torch=""
    shift 3
    expected+=${build:+ $build}
    if environment_is_current "$folder" "$expected"; then
        say "Environment: up to date in $folder"
        return
    fi
    python=$(find_python "$folder")
    mkdir -p "${folder%/*}"
    can_be_updated "$folder" "${build:-gpu}" || is_new=true
    start_environment "$folder" "$python" "${build:-gpu}"
    uv=$(provide_uv "$folder")
    if [[ -n $build ]]; then
        torch=$(torch_arguments "$uv" "$build" "$folder")
        announce_torch "$build" "$torch"
        [[ -n $torch || -z $is_new ]] ||
            check_disk_space "$folder" "${ENVIRONMENT_MB[gpu]}"
    fi
    "$uv" pip install --python "$folder/bin/python" ${torch:+"$torch"} "$@"
    printf '%s\n' "$expected" >"$folder/$STAMP"
    rm "$folder/$UNFINISHED"
}

uninstall_environment() {
    if [[ -L $ENVIRONMENT ]]; then
        say "Kept $ENVIRONMENT: it is a link to $(readlink "$ENVIRONMENT")"
    elif [[ -f $ENVIRONMENT/$STAMP || -f $ENVIRONMENT/$UNFINISHED ]]; then
        rm -rf "$ENVIRONMENT"
        say "Removed $ENVIRONMENT"
        rmdir --ignore-fail-on-non-empty "${ENVIRONMENT%/*}"
    elif [[ -e $ENVIRONMENT ]]; then
        say "Kept $ENVIRONMENT: it was not made by install.sh"
    fi
}

# Installs what this checkout has. $1: --cpu or --gpu, or empty for what the computer has.
install_environment() {
    local expected build
    build=$(wanted_build "${1:-}" "$(build_of "$ENVIRONMENT")")
    expected=$(fingerprint pyproject.toml shared/impasto_shared daemon/impasto_daemon)
    if ! environment_is_current "$ENVIRONMENT" "$expected $build"; then
        stop_daemon
    fi
    build_environment "$ENVIRONMENT" "$expected" "$build" --reinstall-package impasto "$CHECKOUT"
    restart_service
}
