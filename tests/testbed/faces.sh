#!/bin/bash
# faces.sh GRIDWRAP TREE DIR
# The same command lines of Apptainer's to the real one and to gridwrap under its name, in the Debian 13 tree as uid 12345.
# DIR, below /tmp, is made. Stdout: a line `NAME same` or `NAME differs` for each, and where it differs what came of it on both sides.
# TREE is an unpacked image that everybody can read, GRIDWRAP the executable, both below /tmp. Root.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

lines() {
    cat <<'LINES'
plain|exec T sh -c 'pwd; echo $HOME $GIVEN $Z; cat file'
contain|exec -c T sh -c 'pwd; echo $HOME $GIVEN; ls $HOME; ls /tmp | wc -l'
containall|exec -C T sh -c 'pwd; echo $HOME [$GIVEN]; ls $HOME'
transform|exec -C --pwd /ctr -B J:/ctr T /ctr/script.sh a b
cleanenv|exec -e --env A=1,B=2 T sh -c 'echo $A $B [$GIVEN]'
home|exec -c -H J:/srv T sh -c 'pwd; echo $HOME; ls'
contain-no-home|exec -c --no-home T sh -c 'pwd; echo $HOME'
no-home|exec --no-home T sh -c 'pwd; echo $HOME; ls $HOME 2>&1'
dirac|exec --contain --ipc --workdir W --home /tmp --bind "" T sh -c 'pwd; echo $HOME; echo x > /tmp/y; ls /tmp'
scratch|exec -c -S /scr T sh -c 'touch /scr/x && ls /scr'
writable|exec --writable-tmpfs T sh -c 'touch /newfile && ls /newfile'
read-only|exec T sh -c 'touch /newfile 2>/dev/null || echo read-only'
bind-ro|exec -B J:/mnt:ro -c T sh -c 'ls /mnt; touch /mnt/z 2>/dev/null || echo read-only'
mount|exec --mount type=bind,source=J,destination=/m -c T ls /m
variables|exec T sh -c 'echo $APPTAINER_COMMAND [$PATH] [$LD_LIBRARY_PATH]'
exit|exec T sh -c 'exit 9'
signal|exec T sh -c 'kill -TERM $$'
not-found|exec T nosuchcommand
no-bind|exec -B /nonexistent T true
no-directory|exec --pwd /nonexistent T pwd
LINES
}

# answers PATH: what comes of each line with that directory first on PATH.
answers() {
    local path=$1 name line
    while IFS='|' read -r name line; do
        line=${line// T / $tree } line=${line//J:/$dir/job:} line=${line//=J,/=$dir/job,} line=${line// W / $dir/w }
        printf 'printf "== %%s\\n" %s; apptainer %s </dev/null 2>/dev/null; printf "exit %%s\\n" $?\n' "$name" "$line"
    done < <(lines) >"$dir/commands"
    "$here/in-trixie.sh" --user --cd "$dir/job" env PATH="$path:/usr/bin:/bin" GIVEN=seen APPTAINERENV_Z=z LD_LIBRARY_PATH=/host \
        GRIDWRAP_CACHE="$dir/cache" bash "$dir/commands"
}

# part FILE NAME
part() { awk -v name="== $2" '$0 == name { on = 1; next } /^== / { on = 0 } on' "$1"; }

main() {
    (($# == 3)) || fail "usage: faces.sh GRIDWRAP TREE DIR"
    need_root
    tree=$2 dir=$3
    mkdir -p "$dir"/{job,bin,cache,w}
    ln -sfn "$1" "$dir/bin/apptainer"
    printf 'in the job directory\n' >"$dir/job/file"
    # shellcheck disable=SC2016 # the payload's
    printf 'echo "no interpreter named, $# arguments"; exit 6\n' >"$dir/job/script.sh"
    chmod 0755 "$dir/job/script.sh"
    chown -R "$testbed_uid:$testbed_uid" "$dir"
    answers /usr/bin >"$dir/real"
    chown -R "$testbed_uid:$testbed_uid" "$dir"
    answers "$dir/bin" >"$dir/ours"
    local name
    while IFS='|' read -r name _; do
        if [[ $(part "$dir/real" "$name") == "$(part "$dir/ours" "$name")" ]]; then
            printf '%s same\n' "$name"
        else
            printf '%s differs: %s / %s\n' "$name" "$(part "$dir/real" "$name" | tr '\n' '~')" "$(part "$dir/ours" "$name" | tr '\n' '~')"
        fi
    done < <(lines)
}

main "$@"
