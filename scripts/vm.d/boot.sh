# SPDX-License-Identifier: MIT
# Sourced by scripts/vm: the machine and its console.

# numa_options: the nodes with their CPUs, memory and distances, one qemu word a line
numa_options() {
	all=$((nodes + cpuless))
	share=$((mem / (all - memless)))
	first=0
	node=0
	while [ $node -lt $all ]; do
		spec=node,nodeid=$node
		if [ $node -lt "$nodes" ]; then
			last=$((cpus * (node + 1) / nodes - 1))
			spec=$spec,cpus=$first-$last
			first=$((last + 1))
		fi
		if [ $node -lt $((nodes - memless)) ] || [ $node -ge "$nodes" ]; then
			printf '%s\n' -object "memory-backend-ram,id=m$node,size=${share}M"
			spec=$spec,memdev=m$node
		fi
		printf '%s\n' -numa "$spec"
		node=$((node + 1))
	done
	# A ring: a neighbour is nearer than the nodes beyond it.
	node=0
	while [ $node -lt $all ]; do
		other=$((node + 1))
		while [ $other -lt $all ]; do
			steps=$((other - node))
			[ $steps -le $((all - steps)) ] || steps=$((all - steps))
			printf '%s\n' -numa "dist,src=$node,dst=$other,val=$((10 + 10 * steps))"
			printf '%s\n' -numa "dist,src=$other,dst=$node,val=$((10 + 10 * steps))"
			other=$((other + 1))
		done
		node=$((node + 1))
	done
}

# Splits the console: boot messages, the command's output, the status. The
# output may end without a newline, so the status need not begin a line.
console_filter() {
	sed -u -n -e 's/\r*$//' \
		-e "0,/^LANE-VM-BEGIN /{w $work/boot.log" -e 'd}' \
		-e '/LANE-VM-EXIT [0-9]*$/,${' \
		-e '/LANE-VM-EXIT [0-9]*$/!d' \
		-e "h;s/.*LANE-VM-EXIT //;w $work/exit" \
		-e 'g;s/LANE-VM-EXIT [0-9]*$//;/./p;d' -e '}' \
		-e p
}

boot_guest() {
	total=$((mem / (nodes + cpuless - memless) * (nodes + cpuless - memless)))
	say "booting $cpus CPUs ($threads), $((nodes + cpuless)) nodes, $total MB, Linux $kernel_name"
	started=$(date +%s)
	# Balancing moves pages after the fact; tests ask where they were allocated.
	# shellcheck disable=SC2046,SC2086
	set -- $qemu -nodefaults -no-user-config -display none -monitor none -no-reboot \
		-accel tcg,thread=$threads -smp "$cpus" -m "${total}M" $(numa_options) \
		-serial stdio -kernel "$kernel" -initrd "$work/initramfs" \
		-append "console=$console panic=-1 numa_balancing=disable $log $kernel_args"
	mkfifo "$work/console"
	timeout -k 5 "$limit" "$@" </dev/null >"$work/console" 2>"$work/qemu.log" &
	pid=$!
	trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; rm -rf "$work"' EXIT
	# In the background, for the shell acts on a signal only between commands or in wait.
	console_filter <"$work/console" &
	filter=$!
	rc=0
	wait $pid || rc=$?
	wait $filter
	trap 'rm -rf "$work"' EXIT
	took=$(($(date +%s) - started))
	if [ -s "$work/exit" ]; then
		status=$(cat "$work/exit")
		say "boot $(sed -n 's/^LANE-VM-BEGIN //p' "$work/boot.log") s, all $took s, exit status $status"
		return "$status"
	fi
	grep -v '^$' "$work/qemu.log" | tail -n 5 >&2 || true
	if ! grep -q '^LANE-VM-BEGIN' "$work/boot.log" 2>/dev/null; then
		say "the guest did not come up; its last lines:"
		tail -n 20 "$work/boot.log" >&2 || true
	fi
	if [ $rc = 124 ] || [ $rc = 137 ]; then
		say "the guest was killed after $limit s (--timeout)"
		return 124
	fi
	say "the guest ended after $took s without a status (qemu: $rc)"
	return 125
}
