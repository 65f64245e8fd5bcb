# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # what inside.sh sets, and what runtimes.sh reads
# Sourced by inside.sh: a function ask_ID for each behaviour that wants a launch of its own. It prints one answer; stderr goes to a log.

# run_out COMMAND…: stdout and stderr of a launch together, without the newline at the end.
run_out() { launch "$@" 2>&1; }

code_of() {
    local code=0
    launch "$@" >/dev/null 2>&1 || code=$?
    printf '%s\n' "$code"
}

ask_bigenv() {
    local number value
    value=$(head -c 25000 /dev/zero | tr '\0' v)
    for number in {1..20}; do opt_env+=("BIG_$number=$value"); done
    # shellcheck disable=SC2016 # expanded inside
    run_out /bin/sh -c 'env | grep -c ^BIG_ | tr "\n" " "; echo ${#BIG_20}'
}

ask_owner() {
    run_out /bin/sh -c "echo x >$job/owned" && stat -c %u:%g "$job/owned"
}

ask_pwd() {
    opt_pwd=/data
    run_out pwd
}

ask_deep() {
    local name dir=$job number
    name=$(head -c 99 /dev/zero | tr '\0' d)
    for number in {1..20}; do dir+=/$name; done
    mkdir -p "$dir"
    cd "$dir" || return
    [[ $(run_out /bin/pwd) == "$dir" ]] && echo same
}

ask_writable() {
    opt_writable=yes
    run_out /bin/sh -c 'echo changed >/data/kept && cat /data/kept'
}

ask_forgotten() {
    opt_writable=yes
    run_out /bin/sh -c 'echo changed >/data/kept'
    [[ $(cat "$image/data/kept") == base ]] && echo unchanged
    printf 'base\n' >"$image/data/kept"
}

ask_bind-ro() {
    opt_bind=("$work/source:/srv/in:ro")
    run_out touch /srv/in/x
}

# The source has a mount below it (made by conformance.sh), which a read-only bind that is not recursive leaves writable.
ask_bind-ro-deep() {
    opt_bind=("$work/source:/srv/in:ro")
    run_out /bin/sh -c 'cat /srv/in/below/is-mounted >/dev/null && touch /srv/in/below/x'
}

ask_bind-rw() {
    opt_bind=("$work/source:/srv/in")
    run_out /bin/sh -c 'echo written >/srv/in/w' && cat "$work/source/w"
}

ask_bind-file() {
    opt_bind=("$work/source/file:/etc/special.conf:ro")
    run_out cat /etc/special.conf
}

ask_bind-missing() {
    opt_bind=("$work/source:/no/such/place/in/image")
    run_out cat /no/such/place/in/image/file
}

# The image's /escape leads to $work/outside on the host.
ask_bind-link() {
    opt_bind=("$work/source:/escape/place")
    [[ $(run_out cat /escape/place/file) == content ]] && printf 'inside, ' || printf 'not there, '
    [[ -z $(ls -A "$work/outside") ]] && echo 'nothing outside' || echo 'made outside'
    rm -rf "$work/outside/place"
}

ask_bind-nested() {
    opt_bind=("$work/source:/srv/a/below" "$work/rw:/srv/a")
    run_out cat /srv/a/below/file
}

ask_cvmfs() {
    opt_bind=("$work/cvmfs:/cvmfs")
    run_out ls /cvmfs
}

ask_mounts() {
    local before after pid
    before=$(sort /proc/self/mountinfo)
    build sleep 2
    "${line[@]}" >/dev/null 2>&1 &
    pid=$!
    sleep 1.2
    after=$(sort /proc/self/mountinfo)
    wait "$pid"
    [[ $before == "$after" ]] && echo none || comm -13 <(echo "$before") <(echo "$after") | cut -d ' ' -f 5
}

# A process of its own, because some runtimes do let it be killed.
ask_kill() {
    local victim
    sleep 60 &
    victim=$!
    launch kill -KILL "$victim" >/dev/null 2>&1
    sleep 0.1
    kill "$victim" 2>/dev/null && echo alive || echo killed
    wait "$victim" 2>/dev/null
}

ask_loopback() { run_out probe tcp "$port"; }

# The node's libraries are shown for it: the image has none.
ask_nested() {
    opt_bind=("$work/gridwrap:/opt/gridwrap:ro" /usr/lib:/usr/lib:ro /usr/lib64:/usr/lib64:ro "$work/image:/opt/image:ro")
    opt_env=("GRIDWRAP_CACHE=$job/nested")
    run_out /opt/gridwrap exec --launcher rootless --quiet /opt/image -- id -u
    find "$job/nested" -delete 2>/dev/null
}

# shellcheck disable=SC2016 # expanded inside
ask_argv() {
    run_out /bin/sh -c 'for a; do printf "%s:" "$a"; done' sh 'a b' $'x\ny' '' '*' '$(id)' | tr '\n' '/'
}

# shellcheck disable=SC2016 # expanded inside
ask_bytes() {
    run_out /bin/sh -c 'printf %s "$1" | od -An -tx1' sh $'\xff\xfea' | xargs
}

ask_argv-long() {
    local -a words
    local number word
    word=$(head -c 98 /dev/zero | tr '\0' w)
    for ((number = 0; number < 10000; number++)); do words+=("$word"); done
    # shellcheck disable=SC2016 # expanded inside
    run_out /bin/sh -c 'echo $#' sh "${words[@]}"
}

ask_stdin() {
    head -c 3000000 /dev/urandom >"$job/random"
    [[ $(launch sha256sum - <"$job/random") == "$(sha256sum - <"$job/random")" ]] && [[ $(launch sha256sum - < <(cat "$job/random")) == "$(sha256sum - <"$job/random")" ]] && echo same
}

ask_stdin-closed() {
    local code=0
    launch /bin/sh -c 'head -c 1 | wc -c' <&- 2>/dev/null || code=$?
    echo "$code"
}

ask_streams() {
    launch /bin/sh -c 'echo out; echo err >&2' >"$job/out" 2>"$job/err"
    printf '%s|%s\n' "$(cat "$job/out")" "$(cat "$job/err")"
}

ask_stdout() {
    # 100,000,000 bytes of every value.
    local wanted
    cp "$work/every-byte" "$job/every-byte"
    wanted=$(for _ in {1..20}; do cat "$job/every-byte"; done | sha256sum)
    # shellcheck disable=SC2016 # expanded inside
    [[ $(launch /bin/sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cat every-byte; done' 2>/dev/null | sha256sum) == "$wanted" ]] && echo same
}

ask_broken-pipe() {
    build cat /dev/zero
    timeout 10 "${line[@]}" 2>/dev/null | head -c 10 >/dev/null
    [[ ${PIPESTATUS[0]} != 124 ]] && echo ends
}

ask_exit-0() { code_of /bin/true; }
ask_exit-1() { code_of /bin/false; }
ask_exit-42() { code_of /bin/sh -c 'exit 42'; }
ask_exit-125() { for code in 125 126 127; do code_of /bin/sh -c "exit $code"; done | xargs; }
ask_exit-255() { code_of /bin/sh -c 'exit 255'; }
ask_exit-notfound() { code_of no-such-command; }
ask_exit-noexec() { code_of /etc/passwd; }
ask_exit-directory() { code_of /data; }
# shellcheck disable=SC2016 # expanded inside
ask_exit-kill() { code_of /bin/sh -c 'kill -KILL $$; sleep 1'; }
# shellcheck disable=SC2016 # expanded inside
ask_exit-segv() { code_of /bin/sh -c 'kill -SEGV $$; sleep 1'; }
# shellcheck disable=SC2016 # expanded inside
ask_exit-term() { code_of /bin/sh -c 'kill -TERM $$; sleep 1'; }

# until_there FILE: a launch is given 10 s to come that far.
until_there() {
    local _
    for _ in {1..200}; do
        [[ ! -e $1 ]] || return 0
        sleep 0.05
    done
    return 1
}

# await_signal NAME: what the payload got when the wrapper got the signal, and the wrapper's exit code.
await_signal() {
    local pid code=0
    rm -f "$job/ready"
    build probe await "$job/ready"
    "$work/probe" default-signals "${line[@]}" >"$job/got" 2>/dev/null &
    pid=$!
    until_there "$job/ready"
    sleep 0.2
    kill -s "$1" "$pid"
    wait "$pid" || code=$?
    printf '%s %s\n' "$(cat "$job/got")" "$code"
    stop_sleepers
}

for name in TERM INT HUP QUIT USR1 USR2 CONT; do eval "ask_signal-$name() { await_signal $name; }"; done

ask_stop() {
    local pid code=0
    build /bin/sh -c "echo >$job/running; sleep 1; exit 7"
    rm -f "$job/running"
    "${line[@]}" >/dev/null 2>&1 &
    pid=$!
    until_there "$job/running"
    kill -STOP "$pid"
    sleep 1.5
    kill -CONT "$pid"
    wait "$pid" || code=$?
    echo "$code"
}

# The number that the payload's sleep is told is how it is known again among all processes of the machine.
sleepers() { pgrep -f "^(/bin/)?(busybox )?sleep $1\$"; }

gone() {
    local _
    for _ in {1..60}; do
        sleepers "$1" >/dev/null || { echo none; return; }
        sleep 0.05
    done
    echo "$(sleepers "$1" | wc -l) left"
}

# What a runtime has left is ended, or the next answer would be about it.
stop_sleepers() {
    local pid
    for pid in $(sleepers '76[0-9]*'); do [[ $pid == "$neighbour" ]] || kill -KILL "$pid" 2>/dev/null; done
    return 0
}

ask_background() {
    timeout 20 "${line_of_background[@]}" >/dev/null 2>&1
    gone 7601
    stop_sleepers
}

prepare_background() {
    build /bin/sh -c 'sleep 7601 & sleep 0.2; exit 0'
    line_of_background=("${line[@]}")
}

ask_background-wait() {
    local begin=$SECONDS
    timeout 20 "${line_of_background[@]}" 2>/dev/null | timeout 8 cat >/dev/null
    ((SECONDS - begin < 6)) && echo yes || echo "$((SECONDS - begin)) s"
    stop_sleepers
}

ask_daemon() {
    build /bin/sh -c '(trap "" TERM HUP; setsid sh -c "trap \"\" TERM HUP; sleep 7602 & sleep 0.2" &); sleep 0.5; exit 0'
    timeout 20 "${line[@]}" >/dev/null 2>&1
    gone 7602
    stop_sleepers
}

ask_parent() {
    local pid
    rm -f "$job/running"
    build /bin/sh -c "echo >$job/running; sleep 7603"
    "${line[@]}" >/dev/null 2>&1 &
    pid=$!
    until_there "$job/running"
    sleep 0.2
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    gone 7603
    stop_sleepers
}

ask_umask() { (umask 027; run_out /bin/sh -c umask); }
ask_nofile() { (ulimit -Sn 777; run_out /bin/sh -c 'ulimit -Sn'); }
ask_core() { (ulimit -c 0; run_out /bin/sh -c 'ulimit -c'); }
ask_nice() { (renice -n 5 -p "$BASHPID" >/dev/null; run_out awk '{ print $19 }' /proc/self/stat); }
ask_affinity() { (taskset -cp 0 "$BASHPID" >/dev/null; run_out nproc); }
ask_oom() { (echo 123 >/proc/self/oom_score_adj; run_out cat /proc/self/oom_score_adj); }

# at_terminal COMMAND…: at a terminal of 33 by 111 characters that script(1) makes.
at_terminal() {
    local words
    opt_tty=yes
    build "$@"
    words=$(printf '%q ' "${line[@]}")
    # bash takes what %q writes; the login shell may not. At the end of its input script types an end of file, which would be seen.
    SHELL=/bin/bash timeout 20 script -qefc "stty rows 33 cols 111; exec $words" /dev/null < <(exec sleep 6) | tr -d '\r'
    return "${PIPESTATUS[0]}"
}

ask_tty() { at_terminal stty size; }
ask_tty-control() { at_terminal /bin/sh -c '(: </dev/tty) 2>/dev/null && echo yes || echo no'; }

ask_tty-code() {
    local code=0
    at_terminal /bin/sh -c 'exit 42' >/dev/null || code=$?
    echo "$code"
}

# shellcheck disable=SC2016 # expanded inside
ask_tty-none() {
    build /bin/sh -c '{ test -t 0 || (: </dev/tty) 2>/dev/null; } && echo some || echo none'
    setsid --wait "${line[@]}" </dev/null 2>&1
}

# What the payload typed would be the next thing that a reader of the caller's terminal gets.
ask_tiocsti() {
    local words
    opt_tty=yes
    build probe tiocsti typed-by-payload
    words=$(printf '%q ' "${line[@]}")
    printf 'stty -echo\n%s >/dev/null 2>&1\nread -r -t 1 -n 16 got\necho "got:$got"\n' "$words" >"$job/terminal.sh"
    SHELL=/bin/bash timeout 20 script -qefc "bash $job/terminal.sh" /dev/null < <(exec sleep 6) | tr -d '\r' | grep -q 'got:typed' && echo typed || echo 'nothing typed'
}
