#!/bin/sh
# SPDX-License-Identifier: MIT
#
# within.sh - run a command in a surrounding that a shell can make
#
#   selftests/matrix/within.sh hidden DIR[,DIR...] COMMAND...   a tmpfs lies over them
#   selftests/matrix/within.sh address-space MB COMMAND...      RLIMIT_AS
#   selftests/matrix/within.sh overcommit MB COMMAND...         vm.overcommit_memory=2
#   selftests/matrix/within.sh memory MB COMMAND...             a cgroup's limit
#   selftests/matrix/within.sh cpuset COMMAND...                a cpuset that changes all the time
#   selftests/matrix/within.sh hotplug COMMAND...               CPUs that leave and return
#
# The last four change the machine, and are for a guest of scripts/vm (LANE_VM=1). They
# put back what they changed.
set -eu

group=/sys/fs/cgroup/lane-matrix
last=$(($(nproc --all 2>/dev/null || nproc) - 1))
pid=
changer=

if [ "${1:-}" = --hide ]; then
	# Second half of "hidden", in a mount namespace of its own.
	for dir in $(echo "$2" | tr ',' ' '); do
		mount -t tmpfs none "$dir"
	done
	shift 2
	exec "$@"
fi

what=$1
shift

back() {
	[ -z "$changer" ] || kill "$changer" 2>/dev/null || true
	wait
	case $what in
	overcommit) echo "$before" >/proc/sys/vm/overcommit_memory ;;
	memory | cpuset)
		echo $$ >/sys/fs/cgroup/cgroup.procs
		rmdir $group
		;;
	hotplug)
		for file in /sys/devices/system/cpu/cpu*/online; do
			echo 1 >"$file" 2>/dev/null || true
		done
		;;
	esac
}

changes_machine() {
	[ -n "${LANE_VM:-}" ] || {
		echo "within.sh: $what changes the machine: only in a guest" >&2
		exit 2
	}
	trap back EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# The command as a child; its status is ours.
run() {
	status=0
	"$@" &
	pid=$!
	wait $pid || status=$?
	exit $status
}

enter_group() {
	for controller in cpuset memory; do
		echo +$controller >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
	done
	mkdir $group
	echo $$ >$group/cgroup.procs
}

# All CPUs, then the last one alone, then each alone: threads are moved, and stay off the others.
change_cpuset() {
	cpu=0
	while :; do
		for cpus in 0-$last $last $cpu; do
			echo "$cpus" >$group/cpuset.cpus
			sleep 0.1
		done
		cpu=$(((cpu + 1) % (last + 1)))
	done
}

# One CPU at a time is offline, each in its turn; the first one stays.
switch_cpus() {
	while :; do
		for file in /sys/devices/system/cpu/cpu[1-9]*/online; do
			echo 0 >"$file" || true
			sleep 0.2
			echo 1 >"$file" || true
		done
	done
}

case $what in
hidden)
	dirs=$1
	shift
	exec unshare -m "$0" --hide "$dirs" "$@"
	;;
address-space)
	# Stacks of threads count, too: Lane leaves them a quarter of the address space.
	# shellcheck disable=SC3045
	ulimit -s 1024 && ulimit -v $(($1 * 1024))
	shift
	exec "$@"
	;;
overcommit)
	changes_machine
	before=$(cat /proc/sys/vm/overcommit_memory)
	# With what is committed now, the command may have this much.
	committed=$(sed -n 's/^Committed_AS: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
	echo $((committed + $1 * 1024)) >/proc/sys/vm/overcommit_kbytes
	echo 2 >/proc/sys/vm/overcommit_memory
	shift
	run "$@"
	;;
memory)
	changes_machine
	enter_group
	echo $(($1 << 20)) >$group/memory.max
	shift
	run "$@"
	;;
cpuset)
	changes_machine
	enter_group
	# Outside of it, or it would end on a CPU that it waits for.
	(echo 0 >/sys/fs/cgroup/cgroup.procs && change_cpuset) &
	changer=$!
	run "$@"
	;;
hotplug)
	changes_machine
	switch_cpus &
	changer=$!
	run "$@"
	;;
*)
	echo "within.sh: no such surrounding: $what" >&2
	exit 2
	;;
esac
