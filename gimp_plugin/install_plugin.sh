# shellcheck shell=bash
# Installs the plug-in in every profile of GIMP 3. Sourced by install.sh.

PLUGIN=impasto-gimp
FLATPAK=org.gimp.GIMP
PLUGIN_COPY=${ENVIRONMENT%/*}/plug-in
# Python runs isolated from the current folder (-I), so this adds the folders that GIMP's has.
IMPORT_AS_IN_GIMP='import os, site, sys
sys.path += [path for path in os.environ.get("PYTHONPATH", "").split(":") if path.startswith("/")]
if sys.prefix == sys.base_prefix:
    site.addsitedir(site.getusersitepackages())
sys.path += sys.argv[2:]
__import__(sys.argv[1])'

# Lists the console programs first: they need no display.
gimp_commands() { compgen -c gimp | grep -Ex 'gimp(-console)?(-3(\.[0-9]+)?)?' | sort -ru; }

# Prints "3.0 gimp-console-3.0" and the like, one line for each version of GIMP 3 installed.
installed_gimps() {
    local command version
    for command in $(gimp_commands); do
        version=$("$command" --version 2>/dev/null) || continue
        if [[ $version =~ \ (3\.[0-9]+) ]]; then
            say "${BASH_REMATCH[1]} $command"
        fi
    done | sort -s -u -k 1,1
}

# Has GIMP create its own folder: it adopts an older version's settings only if that is missing.
start_missing_profiles() {
    local version command profile
    while read -r version command; do
        profile=${XDG_CONFIG_HOME:-$HOME/.config}/GIMP/$version
        [[ ! -d $profile ]] || continue
        say "GIMP $version: never started yet; creating its folder $profile"
        timeout 60 "$command" --no-interface --quit </dev/null >/dev/null 2>&1 || true
        mkdir -p "$profile"
    done < <(installed_gimps)
}

gimp_profiles() {
    local profile
    for profile in "${XDG_CONFIG_HOME:-$HOME/.config}"/GIMP/3.* \
        "$HOME/.var/app/$FLATPAK"/config/GIMP/3.* \
        "$HOME"/snap/gimp/current/.config/GIMP/3.*; do
        if [[ -d $profile ]]; then
            printf '%s\n' "$profile"
        fi
    done
}

# Prints the Python to run GIMP's plug-ins: the first with gi, or else the first of all.
gimp_python() {
    local python first=""
    while read -r python; do
        [[ -z ${VIRTUAL_ENV:-} || $python != "$VIRTUAL_ENV"/* ]] || continue
        first=${first:-$python}
        if "$python" -I -B -c "$IMPORT_AS_IN_GIMP" gi 2>/dev/null; then
            printf '%s\n' "$python"
            return
        fi
    done < <(type -aP python3)
    printf '%s\n' "$first"
}

# Has GIMP run the script $1 with the Python $2, if it is not the first on the PATH anyway.
choose_python() {
    local line="#!/usr/bin/env python3"
    [[ -z $2 || $2 == "$(type -P python3)" ]] || line="#!$2"
    sed -i "1s|.*|$line|" "$1"
}

# Fills folder $1 with the plug-in; the other arguments are the command to copy or link with.
stage_plugin() {
    local staged=$1
    shift
    cp "$CHECKOUT/gimp_plugin/$PLUGIN.py" "$staged/"
    chmod 755 "$staged/$PLUGIN.py"
    "$@" "$CHECKOUT/gimp_plugin/impasto_gimp" "$CHECKOUT/shared/impasto_shared" \
        "$CHECKOUT/assets/styles" "$staged/"
    find "$staged" -name __pycache__ -prune -exec rm -rf {} +
}

copy_plugin() {
    local staged=$1 folder=$2 part
    if diff -rq --no-dereference -x __pycache__ -x vendor "$staged" "$folder" >/dev/null 2>&1; then
        say "Plug-in: up to date in $folder"
        return
    fi
    mkdir -p "$folder"
    for part in "$staged"/*; do
        rm -rf "${folder:?}/${part##*/}"
        cp -R "$part" "$folder/"
    done
    say "Plug-in: installed in $folder"
}

# Installs pyzmq in the plug-in folder $1 if the Python, the other arguments, has none.
provide_zmq() {
    local folder=$1 version
    shift
    if "$@" -I -B -c "$IMPORT_AS_IN_GIMP" zmq "$folder/vendor" 2>/dev/null; then
        return
    fi
    if ! version=$("$@" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
        say "Plug-in: GIMP has no working Python. Install it (Debian: apt install python3-gi), then" \
            "run ./install.sh plugin"
        return
    fi
    say "Plug-in: $* has no pyzmq; installing it in $folder/vendor"
    rm -rf "$folder/vendor"
    "$(provide_uv "$ENVIRONMENT")" pip install --quiet --python "$ENVIRONMENT/bin/python" \
        --python-version "$version" --only-binary pyzmq --target "$folder/vendor" \
        "$(grep -o 'pyzmq[^"]*' "$CHECKOUT/pyproject.toml")"
}

install_plugin() {
    local placing=(cp -R)
    case "${1:-}" in
        --dev) placing=(ln -s) ;;
        "") ;;
        *) fail "plugin has no option '$1'. Its only option is --dev." ;;
    esac
    install_environment
    STAGED=$(mktemp -d)
    # shellcheck disable=SC2064 # expanded now, not at exit
    trap "rm -rf '$STAGED'" EXIT
    stage_plugin "$STAGED" "${placing[@]}"
    # For impasto doctor, which repairs a damaged or misplaced plug-in.
    copy_plugin "$STAGED" "$PLUGIN_COPY" >/dev/null
    start_missing_profiles
    if [[ -z $(gimp_profiles) ]]; then
        say "GIMP: no GIMP 3 found. Install GIMP 3, then run ./install.sh plugin"
        return
    fi
    fill_profiles
}

fill_profiles() {
    local profile folder python
    python=$(gimp_python)
    while read -r profile; do
        folder=$profile/plug-ins/$PLUGIN
        if [[ $profile == "$HOME/.var/app/$FLATPAK/"* ]]; then
            choose_python "$STAGED/$PLUGIN.py" ""
            copy_plugin "$STAGED" "$folder"
            provide_zmq "$folder" flatpak run --command=python3 "$FLATPAK" </dev/null
        else
            choose_python "$STAGED/$PLUGIN.py" "$python"
            copy_plugin "$STAGED" "$folder"
            provide_zmq "$folder" "$python"
        fi
    done < <(gimp_profiles)
}

uninstall_plugin() {
    local profile
    rm -rf "$PLUGIN_COPY"
    while read -r profile; do
        [[ -d $profile/plug-ins/$PLUGIN ]] || continue
        rm -rf "$profile/plug-ins/$PLUGIN"
        say "Removed $profile/plug-ins/$PLUGIN"
        rmdir --ignore-fail-on-non-empty "$profile/plug-ins" "$profile"
    done < <(gimp_profiles)
}
