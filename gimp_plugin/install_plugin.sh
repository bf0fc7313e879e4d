# shellcheck shell=bash
# Installs the plug-in in every profile of GIMP 3. Sourced by install.sh.

PLUGIN=impasto-gimp
FLATPAK=org.gimp.GIMP
PLUGIN_COPY=${ENVIRONMENT%/*}/plug-in
# In the plug-in's folder, the files that were installed there; the user may add others.
MANIFEST=installed-files
# Python runs isolated from the current folder (-I), so this adds the folders that GIMP's has.
IMPORT_AS_IN_GIMP='import os, site, sys
sys.path += [path for path in os.environ.get("PYTHONPATH", "").split(":") if path.startswith("/")]
if sys.prefix == sys.base_prefix:
    site.addsitedir(site.getusersitepackages())
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
    local line="#!/usr/bin/env python3" rest
    [[ -z $2 || $2 == "$(type -P python3)" ]] || line="#!$2"
    rest=$(tail -n +2 "$1")
    printf '%s\n%s\n' "$line" "$rest" >"$1"
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

# Succeeds if folder $1 is missing or empty, or the plug-in was installed there as a folder.
is_our_plugin() {
    [[ ! -L $1 ]] || return 1
    [[ ! -e $1 || -f $1/$MANIFEST || -f $1/$PLUGIN.py || -z $(ls -A "$1" 2>/dev/null) ]]
}

# Fails if something else is in a place of the plug-in: a link, as to a working copy, or a folder.
check_plugin_folders() {
    local profile folder
    while read -r profile; do
        folder=$profile/plug-ins/$PLUGIN
        if [[ -L $folder ]]; then
            fail "$folder is a link to $(readlink "$folder"), and is left alone. Remove the link," \
                "and try again."
        elif ! is_our_plugin "$folder"; then
            fail "$folder is not Impasto's, and is left alone. Move it away, and try again."
        fi
    done < <(gimp_profiles)
}

# Removes the plug-in from folder $1, but no other file. The packages are all Impasto's; vendor was
# an earlier version's.
remove_plugin_files() {
    local folder=${1:?} path
    for path in impasto_gimp impasto_shared styles; do # links of --dev, which must not be followed
        [[ ! -L $folder/$path ]] || rm "$folder/$path"
    done
    if [[ -f $folder/$MANIFEST ]]; then
        while read -r path; do
            [[ /$path/ == */../* ]] || rm -f "$folder/$path"
        done <"$folder/$MANIFEST"
    elif [[ -f $folder/$PLUGIN.py ]]; then # of a version that wrote no list
        (cd "$CHECKOUT/assets" && find styles -type f) | while read -r path; do
            rm -f "$folder/$path"
        done
    fi
    for path in "$PLUGIN.py" impasto_gimp impasto_shared vendor __pycache__ "$MANIFEST"; do
        rm -rf "${folder:?}/$path"
    done
    if [[ -d $folder/styles ]]; then
        rmdir --ignore-fail-on-non-empty "$folder/styles"
    fi
}

copy_plugin() {
    local staged=$1 folder=$2
    if diff -rq --no-dereference -x __pycache__ -x "$MANIFEST" "$staged" "$folder" \
        >/dev/null 2>&1; then
        say "Plug-in: up to date in $folder"
        return
    fi
    mkdir -p "$folder"
    remove_plugin_files "$folder"
    cp -R "$staged"/. "$folder/"
    (cd "$staged" && find . -mindepth 1 ! -type d | LC_ALL=C sort) >"$folder/$MANIFEST"
    say "Plug-in: installed in $folder"
}

# Installs the environment and the plug-in. Options: --dev, and those of install_environment.
install_plugin() {
    local placing=(cp -R) build="" option
    for option in "$@"; do
        case $option in
            --dev) placing=(ln -s) ;;
            --cpu | --gpu) build=$option ;;
            *) fail "plugin has no option '$option'. Its options are --dev, --cpu and --gpu." ;;
        esac
    done
    check_plugin_folders
    install_environment "$build"
    STAGED=$(mktemp -d)
    trap 'rm -rf "$STAGED"' EXIT
    stage_plugin "$STAGED" "${placing[@]}"
    # For impasto doctor, which repairs a damaged or misplaced plug-in.
    copy_plugin "$STAGED" "$PLUGIN_COPY" >/dev/null
    start_missing_profiles
    if [[ -z $(gimp_profiles) ]]; then
        say "GIMP: no GIMP 3 found. Install GIMP 3, then run ./install.sh plugin"
        return
    fi
    fill_profiles
    if has_flatpak_gimp && [[ ! -f $(service_unit) ]]; then
        say "GIMP in Flatpak: it cannot start the daemon. Run ./install.sh service, so that systemd does."
    fi
}

has_flatpak_gimp() {
    [[ -d ${XDG_DATA_HOME:-$HOME/.local/share}/flatpak/app/$FLATPAK || -d /var/lib/flatpak/app/$FLATPAK ]]
}

fill_profiles() {
    local profile folder python
    python=$(gimp_python)
    while read -r profile; do
        folder=$profile/plug-ins/$PLUGIN
        if [[ $profile == "$HOME/.var/app/$FLATPAK/"* ]]; then
            choose_python "$STAGED/$PLUGIN.py" ""
        else
            choose_python "$STAGED/$PLUGIN.py" "$python"
        fi
        copy_plugin "$STAGED" "$folder"
    done < <(gimp_profiles)
}

uninstall_plugin() {
    local profile folder
    remove_plugin_files "$PLUGIN_COPY"
    [[ ! -d $PLUGIN_COPY ]] || rmdir --ignore-fail-on-non-empty "$PLUGIN_COPY"
    while read -r profile; do
        folder=$profile/plug-ins/$PLUGIN
        [[ -d $folder ]] || continue
        if ! is_our_plugin "$folder"; then
            say "Kept $folder: it is a link, or was not made by install.sh"
            continue
        fi
        remove_plugin_files "$folder"
        rmdir --ignore-fail-on-non-empty "$folder"
        if [[ -d $folder ]]; then
            say "Kept $folder: it holds files that are not Impasto's"
        else
            say "Removed $folder"
        fi
        rmdir --ignore-fail-on-non-empty "$profile/plug-ins" "$profile" 2>/dev/null || true
    done < <(gimp_profiles)
}
