# SPDX-License-Identifier: MIT
# Sourced by scripts/vm: the guest's files.
#
# Two archives, one after the other: the programs, libraries and this tree, which
# is made again only when one of them changed, and the command.

# is_elf FILE
is_elf() {
	[ "$(head -c 4 "$1" 2>/dev/null | tr -d '\177')" = ELF ]
}

# Files of the tree: tests with their data, and what was built, without objects and kernels.
tree_files() {
	set --
	for dir in "$top/selftests" "$top/scripts" "$build"; do
		[ ! -d "$dir" ] || set -- "$@" "$dir"
	done
	find "$@" \( -path "$cache" -o -name '*.o' -o -name '*.d' -o -name '*.a' -o -name fuzz \) -prune \
		-o \( -type f -o -type l \) -print
	printf %s "$add" | while IFS= read -r path; do
		find "$path" \( -type f -o -type l \) -print
	done
}

# find_program NAME: its path in the guest
find_program() {
	if [ -z "$guest_root" ]; then
		command -v "$1" || true
		return
	fi
	for dir in /usr/bin /bin /usr/sbin /sbin; do
		if [ -e "$guest_root$dir/$1" ]; then
			echo "$dir/$1"
			return
		fi
	done
}

# Programs by name, and the first word of the command where it is no path in the tree.
program_files() {
	for name in $guest_programs "$1"; do
		path=$(find_program "$name")
		case $path in
		/*) [ ! -f "$guest_root$path" ] || echo "$path" ;;
		esac
	done
}

# find_library NAME: the first match in the library directories
find_library() {
	for dir in "$build" $guest_library_dirs; do
		if [ -e "$dir/$1" ]; then
			echo "$dir/$1"
			return
		fi
	done
}

# closure FILE...: the libraries and loaders that the files need, and those of the libraries
closure() {
	seen=' '
	while [ $# -gt 0 ]; do
		names=$(readelf -Wdl "$@" 2>/dev/null |
			sed -n -e 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' \
				-e 's/.*program interpreter: .*\/\(.*\)\]$/\1/p' | sort -u)
		set --
		for name in $names; do
			case $seen in
			*" $name "*) continue ;;
			esac
			seen="$seen$name "
			path=$(find_library "$name")
			if [ -n "$path" ]; then
				echo "$path"
				set -- "$@" "$path"
			fi
		done
	done
}

stage_tree() {
	tree_files | tar -C / -cf - --no-recursion -T - 2>/dev/null | tar -C "$root" -xf -
}

# stage_file FROM TO: copy into $root, links followed
stage_file() {
	mkdir -p "$root$(dirname "$2")"
	cp -L "$1" "$root$2"
}

stage_base() {
	root=$work/root
	mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/etc" \
		"$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/run" "$root/root" "$root/var"
	for dir in bin sbin lib lib64; do
		ln -s "usr/$dir" "$root/$dir"
	done
	stage_file "$guest_busybox" /bin/busybox
	stage_file "$here/vm.d/init" /init
	chmod 755 "$root/init"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	stage_tree
	for path in $(program_files "$1"); do
		[ -e "$root$path" ] || stage_file "$guest_root$path" "$path"
	done
	# busybox's own shell would prefer its applets to the programs above.
	[ ! -e "$root/usr/bin/dash" ] || ln -sf dash "$root/usr/bin/sh"
	elf=$(find "$root" -type f -perm /111 -o -type f -name '*.so*' | while IFS= read -r path; do
		! is_elf "$path" || echo "$path"
	done)
	# Besides what files name: what the C library itself loads when a thread is cancelled.
	# shellcheck disable=SC2086
	for path in $(closure $elf) $(find_library libgcc_s.so.1); do
		# A loader is asked for by its full name, a library by its directory.
		case $path in
		*/ld-linux-x86-64.so.2) stage_file "$path" /lib64/ld-linux-x86-64.so.2 ;;
		*/ld-linux-aarch64.so.1) stage_file "$path" /lib/ld-linux-aarch64.so.1 ;;
		"$build"/*) ;;
		*) stage_file "$path" "/lib/${path##*/}" ;;
		esac
	done
}

archive() {
	(cd "$1" && find . -print0 | cpio --quiet -0 -o -H newc -R 0:0)
}

# A line for each file: when none changed, the archive is good.
signature() {
	{
		echo "$guest_busybox"
		tree_files
		program_files "$1" | sed "s|^|$guest_root|"
		# A package that changes a library changes its directory.
		printf '%s\n' "$here"/vm.d/* $guest_library_dirs
	} | tr '\n' '\0' | xargs -0 stat -L -c '%n %s %Y' 2>/dev/null || true
}

build_initramfs() {
	base=$cache/$arch/base.cpio
	signature "$1" >"$work/signature"
	if [ ! -s "$base" ] || ! cmp -s "$work/signature" "$base.list"; then
		stage_base "$1"
		archive "$root" >"$work/base.cpio"
		rm -rf "$root"
		# Another run may do the same at this moment: whole files only.
		cp "$work/base.cpio" "$base.$$"
		cp "$work/signature" "$base.list.$$"
		mv "$base.$$" "$base"
		mv "$base.list.$$" "$base.list"
		base=$work/base.cpio
	fi
	mkdir -p "$work/command/lane-vm"
	[ "$fuse" = 0 ] || cp "$fuse_module" "$work/command/lane-vm/"
	{
		echo "cd '$(pwd -P)' 2>/dev/null || cd '$top'"
		for word in "$@"; do
			printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"
		done
		echo
	} >"$work/command/lane-vm/command"
	cp "$base" "$work/initramfs"
	archive "$work/command" >>"$work/initramfs"
}
