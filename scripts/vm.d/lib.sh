# SPDX-License-Identifier: MIT
# Sourced by scripts/vm: messages, and the packages that are needed.

say() {
	echo "vm: $*" >&2
}

die() {
	say "$*"
	exit 126
}

usage_error() {
	say "$* (scripts/vm --help)"
	exit 2
}

# missing PROGRAM PACKAGE: add the package to $wanted where the program is not found
missing() {
	command -v "$1" >/dev/null 2>&1 || wanted="$wanted $2"
}

need_programs() {
	wanted=
	missing cpio cpio
	missing apt-get apt
	missing dpkg-deb dpkg
	missing readelf binutils
	missing timeout coreutils
	case $1 in
	x86_64)
		missing qemu-system-x86_64 qemu-system-x86
		missing busybox busybox-static
		missing numactl numactl
		missing taskset util-linux
		;;
	arm64)
		missing qemu-system-aarch64 qemu-system-arm
		missing aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
		;;
	esac
	[ -z "$wanted" ] || die "missing packages:$wanted (apt-get install$wanted)"
	if [ "$1" = x86_64 ] && readelf -l "$(command -v busybox)" | grep -q INTERP; then
		die "missing packages: busybox-static (the busybox here is not static)"
	fi
}

# download DIR PACKAGE...: fetch .deb files; APT_CONFIG names the architecture where it is not ours
download() {
	dir=$1
	shift
	mkdir -p "$dir"
	(cd "$dir" && apt-get -o APT::Sandbox::User=root -qq download "$@") ||
		die "cannot download $* (apt-get update, or no network?)"
}

# depends_on META PATTERN: the first dependency of a package that matches a regular expression
depends_on() {
	apt-cache depends "$1" 2>/dev/null |
		sed -n "s/^ *Depends: \($2\)\$/\1/p" | head -n 1
}

# fetch_kernel_by META: leaves $kernel, $kernel_name, and $fuse_module where it is wanted; asks apt only
# the first time
fetch_kernel_by() {
	kernel=$cache/$arch/vmlinuz
	fuse_module=$cache/$arch/fuse.ko
	if [ ! -s "$kernel" ] || [ ! -s "$kernel.name" ] || { [ "$fuse" = 1 ] && [ ! -s "$fuse_module" ]; }; then
		package=$(depends_on "$1" 'linux-image-[0-9].*')
		[ -n "$package" ] || die "apt knows no package $1 (apt-get update)"
		say "fetching the kernel from $package"
		mkdir -p "$cache/$arch"
		part=$(mktemp -d "$cache/$arch/part.XXXXXX")
		download "$part" "$package"
		dpkg-deb --fsys-tarfile "$part"/*.deb | tar -x -C "$part" --wildcards './boot/vmlinuz-*' '*/fuse/fuse.ko'
		echo "${package#linux-image-}" >"$kernel.name"
		mv "$part"/boot/vmlinuz-* "$kernel"
		mv "$part"/lib/modules/*/kernel/fs/fuse/fuse.ko "$fuse_module"
		rm -rf "$part"
	fi
	kernel_name=$(cat "$kernel.name")
}
