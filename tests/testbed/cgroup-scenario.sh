#!/bin/sh
# cgroup-scenario.sh: what tests/GridWrapper.SystemTests/Watching/ControlGroupTests runs in the machine of cgroup-vm.sh. Each case begins with a
# line "== CASE name"; "key=value" lines and the output of gridwrap follow.
set -u
group=/sys/fs/cgroup/job
uid=12345
cd /work || exit 1

# A group as a batch system delegates it: the directory and the files by which groups are made and processes moved.
delegate() {
    mkdir -p "$1"
    chown $uid "$1" "$1/cgroup.procs" "$1/cgroup.subtree_control" "$1/cgroup.threads"
}
delegate $group

profile() { echo "{ \"name\": \"vm\", \"graceSeconds\": 1, \"limits\": { \"sampleSeconds\": 0.5, $1 } }" >/work/site.json; }

# in_group GROUP WORDS…: gridwrap as an ordinary user, alone in the group.
in_group() {
    target=$1
    shift
    (
        echo 0 >"$target/cgroup.procs" || exit 99
        exec su -s /bin/sh pilot -c 'cd /work; export TMPDIR=/work; exec /gridwrap "$@"' -- gridwrap "$@"
    )
}

left() {
    echo "groups=$(find $group -mindepth 1 -type d | wc -l) members=$(cat $group/cgroup.procs | wc -l) enabled=$(cat $group/cgroup.subtree_control)"
}

echo "== CASE probe"
profile '"cgroup": "auto"'
in_group $group probe --json --site /work/site.json 2>/dev/null | tr -d ' \n' | grep -oE '"cgroups":\{[^]]*\][^}]*\}'
left

echo "== CASE memory"
in_group $group exec --memory-limit 64M --site /work/site.json /image -- tail /dev/zero
echo "rc=$?"
left

echo "== CASE within"
in_group $group exec --memory-limit 64M --site /work/site.json /image -- sh -c 'cat /proc/self/cgroup; exit 7'
echo "rc=$?"
left

echo "== CASE processes"
profile '"processes": 20'
in_group $group exec --site /work/site.json --timeout 4 /image -- sh -c 'for i in $(seq 60); do sleep 77 & done; wait' 2>&1 | sort | uniq -c
echo "sleepers=$(ps -o comm | grep -cx sleep)"
left

echo "== CASE bomb"
in_group $group exec --site /work/site.json --timeout 4 /image -- sh -c 'bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 30' >/dev/null 2>&1
echo "rc=$?"
left

echo "== CASE cores"
profile '"cores": 0.5'
in_group $group exec --site /work/site.json --timeout 5 /image -- sh -c 'while :; do :; done' >/dev/null 2>&1 &
for _ in $(seq 200); do
    cat $group/gridwrap-*/cpu.max 2>/dev/null | grep -v max && break
    sleep 0.1
done
wait
left

echo "== CASE killed"
profile '"processes": 100'
in_group $group exec --site /work/site.json /image -- sleep 66 &
for _ in $(seq 200); do
    ps -o comm | grep -qx sleep && break
    sleep 0.2
done
kill -9 "$(pidof gridwrap)"
wait 2>/dev/null
sleep 1
echo "sleepers=$(ps -o comm | grep -cx sleep)"
echo "after the kill: $(left)"
# The next run comes from the leaf that gridwrap had moved to, as a pilot's next payload does; the kernel lets nobody into the group itself any more.
in_group $group/gridwrap-*-pilot exec --site /work/site.json /image -- true
echo "rc=$?"
left
rmdir $group/gridwrap-*-pilot
for c in memory pids cpu; do echo "-$c" >$group/cgroup.subtree_control; done

echo "== CASE others"
profile '"memoryBytes": 67108864'
sleep 300 &
other=$!
echo $other >$group/cgroup.procs
in_group $group exec --site /work/site.json /image -- tail /dev/zero
echo "rc=$?"
left

echo "== CASE moved"
profile '"memoryBytes": 67108864, "cgroup": "move"'
in_group $group exec --site /work/site.json /image -- tail /dev/zero
echo "rc=$? other=$(cat /proc/$other/cgroup)"
left
kill $other

echo "== CASE parent"
mkdir $group/pilot
delegate $group/pilot
chown $uid $group/cgroup.procs
for c in memory pids cpu; do echo "+$c" >$group/cgroup.subtree_control; done
profile '"memoryBytes": 67108864'
in_group $group/pilot exec --site /work/site.json /image -- tail /dev/zero
echo "rc=$?"
left

echo "== CASE batch"
echo 128M >$group/memory.max
profile '"processes": 100'
in_group $group/pilot exec --site /work/site.json /image -- sh -c 'tail /dev/zero; exit $?'
echo "rc=$?"
echo max >$group/memory.max
left

echo "== CASE undelegated"
mkdir /sys/fs/cgroup/plain
profile '"memoryBytes": 67108864'
in_group /sys/fs/cgroup/plain exec --site /work/site.json /image -- sh -c 'x=$(head -c 90000000 /dev/zero | tr "\0" a); sleep 20'
echo "rc=$?"
