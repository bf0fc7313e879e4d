#!/usr/bin/env bash
# Finds a Python that is new enough, and has it run the setup: daemon/impasto_daemon/setup. Needs no
# root and touches nothing outside the home folder and, for `test` and `demo`, the current folder.

say() { printf '%s\n' "$*"; }

usage() {
    cat <<'HELP'
Usage: ./install.sh COMMAND

  demo            install everything, and repaint a photo as ./impasto-demo.png
  plugin [--dev]  install the environment and the GIMP 3 plug-in; --dev links the sources
  service         have systemd start the daemon at login
  test [LANE]     check the sources and run the tests, or one of their lanes: CONTRIBUTING.md
  uninstall       remove what demo, plugin and service installed, and stop the daemon
  --help          show this help

demo, plugin and service install PyTorch for a GPU if there is one (3 GB), else for the processor
(400 MB); --gpu or --cpu after the command chooses.

Set IMPASTO_PYTHON to use another Python than python3; it must be 3.11 or newer.
HELP
}

# Python runs with -I: modules in the current folder, which may be anyone's, are not imported.
is_new_enough() {
    [[ $("$1" -I -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null) == True ]]
}

# Succeeds if Python $1, or uv, can fill an environment.
can_make_environments() {
    "$1" -I -c 'import venv' 2>/dev/null || return 1
    uv --version >/dev/null 2>&1 || "$1" -I -c 'import ensurepip' 2>/dev/null
}

# Prints the path of the Python to run the setup for command $1.
find_python() {
    local names=(python3 python3.13 python3.12 python3.11) name python without_venv=
    if [[ -n ${IMPASTO_PYTHON:-} ]]; then
        names=("$IMPASTO_PYTHON")
    fi
    for name in "${names[@]}"; do
        python=$(type -P "$name") || continue
        if ! is_new_enough "$python"; then
            continue
        elif [[ $1 == uninstall ]] || can_make_environments "$python"; then
            printf '%s\n' "$python"
            return
        fi
        without_venv=${without_venv:-$name}
    done
    explain_missing "$without_venv" >&2
    return 1
}

# $1 is the name of a new enough Python without venv; empty if no Python is new enough.
explain_missing() {
    say "Impasto needs this, which is missing on your computer:"
    if [[ -z $1 ]]; then
        say "  - Python 3.11 or newer (found: $("${IMPASTO_PYTHON:-python3}" --version 2>/dev/null ||
            echo none))"
    fi
    if [[ -n $1 || -z $(type -P uv) ]]; then
        say "  - Python's venv module, with pip"
    fi
    say "Install it with:"
    say "  $(install_command "$1")"
    say "and run ./install.sh again."
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

# Runs a command of the setup.
set_up() {
    local python
    python=$(find_python "$1")
    "$python" -I -B "$CHECKOUT/daemon/install.py" "$@"
}

main() {
    set -euo pipefail
    unset CDPATH
    CHECKOUT=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
    readonly CHECKOUT
    case "${1:---help}" in
        demo | plugin | service | uninstall) set_up "$@" ;;
        test)
            # shellcheck source=tests/run_tests.sh
            . "$CHECKOUT/tests/run_tests.sh"
            run_tests "${@:2}"
            ;;
        --help | -h) usage ;;
        *)
            printf "Impasto: unknown command '%s'.\n\n" "$1" >&2
            usage >&2
            exit 2
            ;;
    esac
}

main "$@"
