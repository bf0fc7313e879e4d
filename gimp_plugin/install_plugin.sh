# shellcheck shell=bash
# Puts the plug-in into every profile of GIMP 3. Part of install.sh, which sources it.

PLUGIN=impasto-gimp
FLATPAK=org.gimp.GIMP
PLUGIN_ASIDE=${ENVIRONMENT%/*}/plug-in

# The console's programs first: they need no screen.
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

# GIMP takes over the settings of an older version only while its own folder is missing, so GIMP
# itself is asked to make it.
start_missing_profiles() {
    local version command profile
    while read -r version command; do
        profile=${XDG_CONFIG_HOME:-$HOME/.config}/GIMP/$version
        [[ ! -d $profile ]] || continue
        say "GIMP $version: was never started; making its folder $profile"
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

# The Python that runs GIMP's plug-ins: the first python3 that knows GIMP's libraries.
gimp_python() {
    local python first=""
    while read -r python; do
        [[ -z ${VIRTUAL_ENV:-} || $python != "$VIRTUAL_ENV"/* ]] || continue
        first=${first:-$python}
        if "$python" -c 'import gi' 2>/dev/null; then
            printf '%s\n' "$python"
            return
        fi
    done < <(type -aP python3)
    printf '%s\n' "$first"
}

# Has GIMP run the script $1 with the Python $2, if the first on its PATH would be another.
choose_python() {
    local line="#!/usr/bin/env python3"
    [[ -z $2 || $2 == "$(type -P python3)" ]] || line="#!$2"
    sed -i "1s|.*|$line|" "$1"
}

# Fills folder $1 with the plug-in; the rest is the command that copies or links the packages.
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

# Gives the plug-in in folder $1 a pyzmq of its own where the Python, the rest, has none.
provide_zmq() {
    local folder=$1 version
    shift
    if "$@" -B -c 'import sys; sys.path.append(sys.argv[1]); import zmq' "$folder/vendor" \
        2>/dev/null; then
        return
    fi
    if ! version=$("$@" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
        say "Plug-in: there is no ${*:-python3} that runs; GIMP's plug-ins in Python need one"
        return
    fi
    say "Plug-in: $* has no pyzmq; putting one into $folder/vendor"
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
        *) fail "plugin does not know '$1'. Its only option is --dev." ;;
    esac
    install_environment
    STAGED=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder's name now, not at the end
    trap "rm -rf '$STAGED'" EXIT
    stage_plugin "$STAGED" "${placing[@]}"
    # For impasto doctor, which repairs a damaged or misplaced plug-in.
    copy_plugin "$STAGED" "$PLUGIN_ASIDE" >/dev/null
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
    rm -rf "$PLUGIN_ASIDE"
    while read -r profile; do
        [[ -d $profile/plug-ins/$PLUGIN ]] || continue
        rm -rf "$profile/plug-ins/$PLUGIN"
        say "Removed $profile/plug-ins/$PLUGIN"
        rmdir --ignore-fail-on-non-empty "$profile/plug-ins" "$profile"
    done < <(gimp_profiles)
}
