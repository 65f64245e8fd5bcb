#!/bin/bash
# pilot.sh DIR GRIDWRAP: a pilot with secrets of every kind starts a payload that attacks it (attack.sh), both as the caller's uid. DIR holds image, attacker, probe and the scripts.
# Prints the payload's answers and then its own, all as "NAME<tab>ANSWER"; what must not be known inside contains the word SECRET.
# Needs musl-gcc's programs in the image: hostile.sh prepares all that.
set -uo pipefail
dir=$1 gridwrap=$2
secrets=$dir/pilot job=$dir/job
priority() { ps -o ni= -p $$ | tr -d ' '; }
began_with=$(priority)

answer() { printf '%s\t%s\n' "$1" "$2"; }

hide() {
    mkdir -m 0700 "$secrets" "$secrets/.ssh"
    printf 'SECRET-FILE\n' >"$secrets/secret"
    printf 'SECRET-KEY\n' >"$secrets/.ssh/id_rsa"
    printf 'SECRET-PROXY\n' >"$secrets/x509up"
    printf 'SECRET-TOKEN\n' >"$secrets/token"
    chmod 0600 "$secrets"/{secret,x509up,token,.ssh/id_rsa}
    export HOME=$secrets X509_USER_PROXY=$secrets/x509up BEARER_TOKEN_FILE=$secrets/token BEARER_TOKEN=SECRET-BEARER PANDA_AUTH_TOKEN=SECRET-PANDA PANDA_AUTH_ORIGIN=SECRET-ORIGIN \
        AWS_SECRET_ACCESS_KEY=SECRET-AWS GRIDWRAP_CACHE=$dir/cache
    touch /dev/shm/conformance-of-pilot
}

listing() { (cd "$secrets" && find . -type f -printf '%p %m %s ' -exec sha256sum {} \; && find . ! -type f -printf '%p %m %y\n') | sort; }

after() {
    kill -0 $$ && answer pilot-alive yes
    answer pilot-priority-after "$(($(priority) - began_with))"
    [[ $1 == "$(listing)" ]] && answer secrets-untouched yes || answer secrets-untouched no
    for _ in {1..40}; do pgrep -f '^sleep 76545$' >/dev/null || break; sleep 0.05; done
    pgrep -f '^sleep 76545$' >/dev/null && answer daemon-after alive || answer daemon-after gone
    [[ -e $job/came-out ]] && answer mount-after 'came out' || answer mount-after none
}

# An image whose directories lead to the pilot's: what gridwrap mounts and writes must not land there.
linked_image() {
    local before
    before=$(listing)
    mkdir -p "$dir/linked/bin" "$dir/linked/data"
    cp /bin/busybox "$dir/linked/bin/"
    for name in sh cat ls touch; do ln -s busybox "$dir/linked/bin/$name"; done
    for name in dev tmp proc sys etc var home; do ln -s "$1$secrets" "$dir/linked/$name"; done
    answer "$2" "$("$gridwrap" exec --launcher rootless --quiet "$dir/linked" -- /bin/sh -c "cat $secrets/secret /tmp/secret /etc/token /dev/x509up; touch /tmp/x /etc/x /dev/x" 2>&1 | tr '\n\t' '  ')"
    [[ $before == "$(listing)" ]] && answer "$2-after" untouched || answer "$2-after" changed
    rm -r "$dir/linked"
}

typed() {
    local words
    words=$(printf '%q ' "$gridwrap" exec --launcher rootless --quiet "$dir/image" -- probe tiocsti typed-by-payload)
    printf 'stty -echo\n%s >/dev/null 2>&1\nread -r -t 1 -n 16 got\necho "got:$got"\n' "$words" >"$dir/job/terminal.sh"
    SHELL=/bin/bash timeout 20 script -qefc "bash $dir/job/terminal.sh" /dev/null < <(sleep 4) | grep -q got:typed && answer terminal GOT || answer terminal 'nothing typed'
}

main() {
    local before code=0 port
    hide
    mkdir -p "$job" "$dir/cache"
    cd "$job" || exit 1
    coproc HOLD { "$dir/probe" hold 76544 gridwrap-hostile; }
    read -r port <&"${HOLD[0]}"
    before=$(listing)
    exec 9<"$secrets/x509up"
    cp "$dir/scripts/attack.sh" "$job/attack.sh"
    "$gridwrap" exec --launcher rootless --quiet "$dir/image" -- /bin/sh "$job/attack.sh" $$ "$secrets" "$port" 2>"$dir/errors" </dev/null || code=$?
    answer code "$code"
    after "$before"
    linked_image '' links-of-image
    linked_image ../../../../../.. relative-links-of-image
    answer preload "$("$gridwrap" exec --launcher rootless --quiet --env LD_PRELOAD=/evil.so --env LD_LIBRARY_PATH=/evil "$dir/image" -- /bin/sh -c 'echo started' 2>&1)"
    typed
    exec {HOLD[1]}>&-
    wait "$HOLD_PID"
    rm -f /dev/shm/conformance-of-pilot
}

main
