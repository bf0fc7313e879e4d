# shellcheck shell=bash
# Stops the installed daemon, and installs it as a service of systemd. Sourced by install.sh.

# The same as runtime_dir in impasto_shared/files/paths.py; a test compares them.
runtime_folder() {
    local folder=${XDG_RUNTIME_DIR:-} default=/run/user/$UID existing
    existing=$folder
    while [[ $existing == /?* && ! -e $existing ]]; do
        existing=${existing%/*}
    done
    if [[ $folder == /* && -d ${existing:-/} && -O ${existing:-/} ]]; then
        echo "$folder/impasto"
    elif [[ -d $default && -O $default ]]; then
        echo "$default/impasto"
    else
        echo "/tmp/impasto-$UID"
    fi
}

# Succeeds if process $1 is a daemon of this environment, not another process with a reused number.
is_our_daemon() {
    local command_line
    [[ $1 =~ ^[0-9]+$ && -O /proc/$1 ]] || return 1
    command_line=$({ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null) || return 1
    [[ $command_line == *"$ENVIRONMENT/bin/"*serve* ]]
}

stop_daemon() {
    local lock process="" waited
    lock=$(runtime_folder)/daemon.lock
    [[ -f $lock && -O $lock ]] || return 0
    read -r process <"$lock" || true
    is_our_daemon "$process" || return 0
    say "Daemon: stopping process $process"
    kill -TERM "$process"
    for ((waited = 0; waited < 100; waited++)); do
        is_our_daemon "$process" || return 0
        sleep 0.1
    done
    fail "the daemon (process $process) does not stop. To end it, run: kill -KILL $process"
}

service_unit() { echo "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/impasto.service"; }

has_user_systemd() { systemctl --user show-environment >/dev/null 2>&1; }

# If the environment has changed, stop_daemon has stopped the service too.
restart_service() {
    if [[ -f $(service_unit) ]] && has_user_systemd; then
        systemctl --user start impasto.service
    fi
}

# Installs the environment and the unit. $1: an option of install_environment, or empty.
install_service() {
    local unit template escaped=$ENVIRONMENT
    unit=$(service_unit)
    [[ ! -L $unit ]] || fail "$unit is a link to $(readlink "$unit"). Remove the link first."
    # As systemd.syntax(7) has it: between quotation marks, and with specifiers and variables.
    escaped=${escaped//\\/\\\\}
    escaped=${escaped//\"/\\\"}
    escaped=${escaped//%/%%}
    escaped=${escaped//\$/\$\$}
    template=$(<"$CHECKOUT/daemon/impasto.service")
    install_environment "${1:-}"
    mkdir -p "${unit%/*}" "$HOME/.cache/impasto" # which the unit may write to if it is there
    printf '%s\n' "${template//@ENVIRONMENT@/"$escaped"}" >"$unit"
    say "Service: wrote $unit"
    if has_user_systemd; then
        stop_daemon
        systemctl --user daemon-reload
        systemctl --user enable --now impasto.service
        say "Service: running, and started at every login"
    else
        say "Service: systemd cannot be reached from here. In your login session, run:"
        say "  systemctl --user enable --now impasto.service"
        say "Until then, Impasto starts the daemon when it is needed."
    fi
}

uninstall_service() {
    local unit
    unit=$(service_unit)
    [[ -f $unit ]] || return 0
    if has_user_systemd; then
        systemctl --user disable --now impasto.service
    fi
    rm "$unit"
    say "Removed $unit"
    rmdir "$HOME/.cache/impasto" "$HOME/.cache" 2>/dev/null || true # if they are empty
}
