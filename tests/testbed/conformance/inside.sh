#!/bin/bash
# inside.sh RUNTIME DIR: asks one runtime about every behaviour, as the ordinary user, in the world that conformance.sh made in DIR.
# Writes "ID<tab>ANSWER" lines to DIR/results/RUNTIME, its version to DIR/results/RUNTIME.version, what the runtime said on stderr to DIR/results/RUNTIME.log.
# Nothing here stops at the first fault: a runtime that fails is what is being looked for.
set -uo pipefail
# shellcheck disable=SC2034 # the sourced files read what is set here
runtime=$1 work=$2
here=$work/scripts
job=$work/job image=$work/image-$runtime
declare -A asked=()

group() { :; }
apart() { order+=("$1"); }
within() {
    asked[$1]=$4
    order+=("$1")
}
declare -a order=()
# shellcheck source=runtimes.sh
. "$here/runtimes.sh"
# shellcheck source=behaviours.sh
. "$here/behaviours.sh"
# shellcheck source=asks.sh
. "$here/asks.sh"

answer() { printf '%s\t%s\n' "$1" "$(head -c 200 <<<"$2" | tr '\n\t' '  ' | sed 's/  */ /g; s/^ //; s/ *$//')" >>"$work/results/$runtime"; }

# All snippets in one launch: what they print is cut into answers by marks that no answer contains.
ask_within() {
    local id script='' answers
    for id in "${order[@]}"; do
        if [[ -n ${asked[$id]-} ]]; then script+="printf '\\n@@%s@@\\n' $id; ( ${asked[$id]}"$'\n'") 2>&1"$'\n'; fi
    done
    printf '%s' "$script" >"$job/questions"
    opt_env=('PASSED=a "b" $c' $'LINES_OF_IT=one\ntwo\nthree' EMPTY= LANG=C.UTF-8 LC_ALL=C.UTF-8 TZ=JST-9 "BIG=$(head -c 100000 /dev/zero | tr '\0' b)")
    answers=$(launch /bin/sh "$job/questions" "$job" "$neighbour" "$session" "$work" 7<"$work/secret-file" 2>&1 </dev/null)
    for id in "${order[@]}"; do
        if [[ -n ${asked[$id]-} ]]; then
            answer "$id" "$(awk -v mark="@@$id@@" '$0 == mark { on = 1; next } /^@@.*@@$/ { on = 0 } on' <<<"$answers")"
        fi
    done
}

main() {
    local id
    version >"$work/results/$runtime.version" 2>&1 || exit 3
    launch /bin/true </dev/null || { echo "$runtime cannot run here" >&2; exit 3; }
    sleep 76543 &
    neighbour=$!
    session=$(ps -o sid= -p $$ | tr -d ' ')
    coproc HOLD { "$work/probe" hold 76543 gridwrap-conformance; }
    read -r port <&"${HOLD[0]}"
    touch {/tmp,/var/tmp,/dev/shm}/conformance-neighbour
    cd "$job" || exit 3
    ask_within
    wish_nothing
    prepare_background
    for id in "${order[@]}"; do
        if [[ -z ${asked[$id]-} ]]; then
            answer "$id" "$(wish_nothing; cd "$job" && "ask_$id" </dev/null)"
        fi
    done
    stop_runtime
    rm -f {/tmp,/var/tmp,/dev/shm}/conformance-neighbour
    kill "$neighbour"
    # At the end of its input it removes what it holds.
    exec {HOLD[1]}>&-
    wait "$HOLD_PID"
}

: >"$work/results/$runtime"
exec 2>"$work/results/$runtime.log"
main
