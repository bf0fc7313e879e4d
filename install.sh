#!/usr/bin/env bash
# Installs Impasto for the person who runs it. Needs no root and touches nothing outside the home
# folder and, for `test` and `demo`, the folder it is called in.

DEMO_PHOTO=assets/photos/chelsea.jpg
DEMO_PAINTING=assets/styles/auvers.jpg
DEMO_PICTURE=impasto-demo.png

say() { printf '%s\n' "$*"; }
fail() {
    printf 'Impasto: %s\n' "$*" >&2
    exit 1
}

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

make_demo_picture() {
    local photo=$CHECKOUT/$DEMO_PHOTO painting=$CHECKOUT/$DEMO_PAINTING picture=$PWD/$DEMO_PICTURE
    if [[ $picture -nt $photo && $picture -nt $painting && $picture -nt $ENVIRONMENT/$STAMP ]]; then
        say "Picture: up to date in $picture"
        return
    fi
    say "Picture: repainting ${photo##*/} in the style of ${painting##*/}"
    "$ENVIRONMENT/bin/impasto" stylize "$photo" "$painting" -o "$picture"
    say "Picture: finished in $picture"
}

run_demo() {
    install_plugin "$@"
    make_demo_picture
    say ""
    if [[ -n $(gimp_profiles) ]]; then
        say "Next: restart GIMP, open a photo, and choose Filters > Artistic > Neural Style..."
    fi
    say_undo
}

say_undo() { say "To undo all of this: $CHECKOUT/install.sh uninstall"; }

uninstall() {
    uninstall_service
    stop_daemon
    uninstall_plugin
    uninstall_environment
    say "Kept: your settings and keys, your own styles and pictures, downloaded networks, the log," \
        "the cache, and what 'test' made."
    say_kept "${XDG_CONFIG_HOME:-$HOME/.config}/impasto" "settings, keys and authorised clients"
    say_kept "${XDG_STATE_HOME:-$HOME/.local/state}/impasto" "the log"
    say_kept "${XDG_CACHE_HOME:-$HOME/.cache}/impasto" "pictures and the speed of this machine"
}

# Says that $1, which contains $2, was not removed; nothing if it does not exist.
say_kept() {
    if [[ -e $1 ]]; then
        say "  $1: $2"
    fi
}

# Fails unless the options of the command $1 are none, --cpu or --gpu.
check_build() {
    local command=$1
    shift
    case "$#,${1:-}" in
        0, | 1,--cpu | 1,--gpu) ;;
        *) fail "$command does not take '$*'. Its only option is --cpu or --gpu." ;;
    esac
}

# Makes this independent of the caller's variables and permissions.
prepare_shell() {
    unset CDPATH
    umask go-w
    # A relative folder does not count, as the XDG specification has it.
    [[ ${XDG_DATA_HOME:-/} == /* ]] || unset XDG_DATA_HOME
    [[ ${XDG_CONFIG_HOME:-/} == /* ]] || unset XDG_CONFIG_HOME
    [[ ${HOME:-} == /* ]] || HOME=$(unset HOME && echo ~)
    [[ $HOME == /* ]] || fail "your account has no home folder. Set HOME to a folder of yours."
    export HOME
}

main() {
    set -euo pipefail
    prepare_shell
    CHECKOUT=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
    ENVIRONMENT=${XDG_DATA_HOME:-$HOME/.local/share}/impasto/venv
    readonly CHECKOUT ENVIRONMENT
    # shellcheck source=daemon/choose_torch.sh
    . "$CHECKOUT/daemon/choose_torch.sh"
    # shellcheck source=daemon/install_environment.sh
    . "$CHECKOUT/daemon/install_environment.sh"
    # shellcheck source=daemon/install_service.sh
    . "$CHECKOUT/daemon/install_service.sh"
    # shellcheck source=gimp_plugin/install_plugin.sh
    . "$CHECKOUT/gimp_plugin/install_plugin.sh"
    local command=${1:---help}
    shift || true
    case "$command" in
        demo)
            check_build "$command" "$@"
            run_demo "$@"
            ;;
        plugin)
            install_plugin "$@"
            say_undo
            ;;
        service)
            check_build "$command" "$@"
            install_service "$@"
            say_undo
            ;;
        test)
            # shellcheck source=tests/run_tests.sh
            . "$CHECKOUT/tests/run_tests.sh"
            run_tests "$@"
            ;;
        uninstall) uninstall ;;
        --help | -h) usage ;;
        *)
            printf "Impasto: unknown command '%s'.\n\n" "$command" >&2
            usage >&2
            exit 2
            ;;
    esac
}

main "$@"
