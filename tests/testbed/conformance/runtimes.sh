# shellcheck shell=bash
# shellcheck disable=SC2034 # line is for the scripts that source this file
# Sourced by inside.sh: how each runtime is called. A behaviour says what it wants by opt_… and calls build or launch; every runtime gets the same
# wish in its own words: the image read-only, the job directory at its own path and the current directory, the network shared, nothing else.

declare -a opt_bind=() opt_env=() line=()
opt_pwd='' opt_writable=no opt_tty=no

wish_nothing() { opt_bind=() opt_env=() opt_pwd='' opt_writable=no opt_tty=no; }

# build COMMAND…: puts the command line into the array "line".
build() { "build_${runtime//-/_}" "$@"; }

# launch COMMAND…: runs it and leaves its exit code.
launch() {
    build "$@"
    "${line[@]}"
}

gridwrap_line() {
    local launcher=$1 item
    shift
    line=("$work/gridwrap" exec --quiet --launcher "$launcher")
    for item in "${opt_bind[@]}"; do line+=(--bind "$item"); done
    for item in "${opt_env[@]}"; do line+=(--env "$item"); done
    [[ -z $opt_pwd ]] || line+=(--pwd "$opt_pwd")
    [[ $opt_writable == no ]] || line+=(--writable)
    line+=("$image" -- "$@")
}

build_rootless() { gridwrap_line rootless "$@"; }

build_apptainer_launcher() { gridwrap_line apptainer "$@"; }

build_apptainer() {
    local item
    line=(apptainer --silent exec)
    for item in "${opt_bind[@]}"; do line+=(--bind "$item"); done
    for item in "${opt_env[@]}"; do line+=(--env "$item"); done
    [[ -z $opt_pwd ]] || line+=(--pwd "$opt_pwd")
    [[ $opt_writable == no ]] || line+=(--writable-tmpfs)
    line+=("$image" "$@")
}

# podman keeps its state below the directory of this run; crun refuses a machine with both versions of cgroups (in-trixie.sh --cgroup2).
podman_environment() {
    line=(env "XDG_RUNTIME_DIR=$work/podman/run" "XDG_DATA_HOME=$work/podman/data" "XDG_CONFIG_HOME=$work/podman/config" "TMPDIR=$work/podman/tmp" PODMAN_IGNORE_CGROUPSV1_WARNING=1 podman)
}

build_podman() {
    local item
    podman_environment
    line+=(--log-level=error run --rm --interactive --network=host --cgroups=disabled --userns=keep-id)
    [[ $opt_writable == yes ]] || line+=(--read-only)
    [[ $opt_tty == no ]] || line+=(--tty)
    line+=(--volume "$job:$job" --workdir "${opt_pwd:-$PWD}")
    for item in "${opt_bind[@]}"; do line+=(--volume "$item"); done
    for item in "${opt_env[@]}"; do line+=(--env "$item"); done
    line+=(--rootfs "$image" "$@")
}

# The line that people write; without --overlay-src a mount point that the image lacks could not be made.
build_bwrap() {
    local item source target mode
    line=(bwrap --unshare-user --unshare-pid --unshare-ipc --unshare-uts --die-with-parent --overlay-src "$image" --tmp-overlay / --proc /proc --dev /dev --tmpfs /tmp --tmpfs /var/tmp
        --ro-bind-try /etc/resolv.conf /etc/resolv.conf --bind "$job" "$job")
    for item in "${opt_bind[@]}"; do
        IFS=: read -r source target mode <<<"$item"
        line+=("--${mode:+ro-}bind" "$source" "$target")
    done
    for item in "${opt_env[@]}"; do line+=(--setenv "${item%%=*}" "${item#*=}"); done
    [[ $opt_writable == yes ]] || line+=(--remount-ro /)
    [[ $opt_tty == yes ]] || line+=(--new-session)
    line+=(--chdir "${opt_pwd:-$PWD}" "$@")
}

# installed: whether this runtime can be had here, and its version on stdout.
version() {
    case $runtime in
        rootless) "$work/gridwrap" version | sed -n 1p ;;
        apptainer-launcher) printf '%s, Apptainer %s\n' "$("$work/gridwrap" version | sed -n 1p)" "$(apptainer version)" ;;
        apptainer) printf 'Apptainer %s\n' "$(apptainer version)" ;;
        podman) podman --version && XDG_RUNTIME_DIR=$work/podman/run crun --version | sed -n 1p ;;
        bwrap) bwrap --version ;;
    esac | xargs
}

# Whatever a runtime keeps running between launches.
stop_runtime() {
    if [[ $runtime == podman ]]; then
        podman_environment
        "${line[@]}" kill --all >/dev/null 2>&1 || true
        "${line[@]}" system migrate >/dev/null 2>&1 || true
        "${line[@]}" unshare rm -rf "$work/podman/data" >/dev/null 2>&1 || true
        "${line[@]}" system migrate >/dev/null 2>&1 || true
    fi
}
