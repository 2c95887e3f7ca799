# SPDX-License-Identifier: MIT
# Sourced by scripts/vm: what is particular to an x86-64 guest.

guest_busybox=$(command -v busybox)
guest_programs='numactl taskset timeout date dash bash'
guest_library_dirs='/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu'
guest_root=
# On a busy host too few of the timer's interrupts come while the kernel tests it: it would panic.
console="ttyS0 no_timer_check"
qemu='qemu-system-x86_64 -machine pc -vga none -cpu max'

fetch_kernel() {
	fetch_kernel_by linux-image-cloud-amd64
}
