# shellcheck shell=bash
# Chooses the build of PyTorch by what the computer has. Part of install.sh, which sources it.

# As in impasto_daemon/system/process_memory.py; a test compares them.
GPU_DEVICES=(/dev/nvidia0 /dev/kfd /dev/dxg)
# What an environment takes on the disk, and what is downloaded for the first one.
# shellcheck disable=SC2034 # used by install_environment.sh
declare -A ENVIRONMENT_MB=([cpu]=2000 [gpu]=8000)
declare -A DOWNLOAD=([cpu]="400 MB" [gpu]="3 GB")

has_gpu() {
    local device
    for device in "${GPU_DEVICES[@]}"; do
        [[ ! -e $device ]] || return 0
    done
    return 1
}

# Prints the build to install, cpu or gpu. $1 is --cpu, --gpu or empty; $2 is the environment's.
# Without an option, an environment that can use a GPU keeps its build.
wanted_build() {
    case $1 in
        --cpu) echo cpu ;;
        --gpu) echo gpu ;;
        *) if has_gpu || [[ $2 == gpu ]]; then echo gpu; else echo cpu; fi ;;
    esac
}

# Prints the arguments with which the uv $1 installs the build $2 into the environment $3; nothing
# if PyTorch's own index cannot be reached, or if this uv does not know it. Neither for a GPU that
# is not there: uv would choose the build for processors.
torch_arguments() {
    local uv=$1 backend=auto
    if [[ $2 == cpu ]]; then
        backend=cpu
    elif ! has_gpu; then
        return 0
    fi
    if UV_HTTP_RETRIES=1 "$uv" pip install --dry-run --quiet --python "$3/bin/python" \
        "--torch-backend=$backend" torch >/dev/null 2>&1; then
        echo "--torch-backend=$backend"
    fi
}

# Says which build $1 is installed, and how much is downloaded; $2: the arguments for it.
announce_torch() {
    local other=--gpu
    [[ $1 == cpu ]] || other=--cpu
    if [[ -n $2 ]]; then
        say "  PyTorch: the build for a ${1^^} ($other chooses the other one)"
        say "  About ${DOWNLOAD[$1]} are downloaded the first time."
    elif [[ $1 == cpu ]]; then
        say "  PyTorch: the build for GPUs, since the smaller one cannot be reached from here"
        say "  About ${DOWNLOAD[gpu]} are downloaded the first time."
    else
        say "  PyTorch: the general build"
        say "  About ${DOWNLOAD[gpu]} are downloaded the first time."
    fi
}
