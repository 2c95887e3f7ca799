# SPDX-License-Identifier: MIT
# Sourced by scripts/vm: what is particular to an arm64 guest.
#
# Nothing of arm64 is on the host but the cross compiler: libraries and programs
# are unpacked from Debian's arm64 packages into a sysroot of our own, which
# serves the compiler and the guest alike. apt keeps its lists in the cache.

sysroot=$cache/arm64/sysroot
guest_root=$sysroot
guest_busybox=$sysroot/bin/busybox
guest_programs='numactl taskset timeout date dash'
guest_library_dirs="$sysroot/lib/aarch64-linux-gnu $sysroot/usr/lib/aarch64-linux-gnu $sysroot/lib"
console=ttyAMA0
# The architecture's own pointer authentication is slow to emulate.
qemu='qemu-system-aarch64 -machine virt,gic-version=3 -cpu max,pauth-impdef=on'
sysroot_packages='libc6 libc6-dev linux-libc-dev libcrypt1 libgcc-s1 libgcc-12-dev libstdc++6
	libnuma1 libnuma-dev liburcu8 liburcu-dev zlib1g zlib1g-dev busybox-static numactl util-linux coreutils dash'

# Debian's own entries of the host where they can be told, else all.
apt_for_arm64() {
	apt=$cache/arm64/apt
	mkdir -p "$apt/sources" "$apt/state/lists/partial" "$apt/cache/archives/partial"
	rm -f "$apt/sources"/*
	sources=$(grep -ls 'debian-archive-keyring' /etc/apt/sources.list.d/*.sources || true)
	for file in ${sources:-/etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list} \
		/etc/apt/sources.list; do
		[ ! -e "$file" ] || cp "$file" "$apt/sources/"
	done
	[ ! -e "$apt/sources/sources.list" ] ||
		mv "$apt/sources/sources.list" "$apt/sources/main.list"
	cat >"$apt/apt.conf" <<-CONF
		APT::Architecture "arm64";
		APT::Architectures { "arm64"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Dir::State "$apt/state";
		Dir::State::status "/dev/null";
		Dir::Cache "$apt/cache";
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$apt/sources";
	CONF
	export APT_CONFIG="$apt/apt.conf"
	say "reading the package lists of arm64"
	apt-get -qq update || die "cannot read the arm64 package lists (no network?)"
}

fetch_sysroot() {
	[ ! -e "$sysroot/.complete" ] || [ "$(cat "$sysroot/.complete")" != "$sysroot_packages" ] ||
		return 0
	apt_for_arm64
	part=$(mktemp -d "$cache/arm64/part.XXXXXX")
	say "fetching the arm64 sysroot"
	# shellcheck disable=SC2086
	download "$part/debs" $sysroot_packages
	mkdir "$part/root"
	for deb in "$part"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$part/root" --exclude './usr/share/*' --exclude './var/*'
	done
	# libm.so and others are links to what would be the root.
	find "$part/root" -type l -lname '/*' | while IFS= read -r link; do
		ln -srf "$part/root$(readlink "$link")" "$link"
	done
	echo "$sysroot_packages" >"$part/root/.complete"
	rm -rf "$sysroot"
	mv "$part/root" "$sysroot"
	rm -rf "$part"
}

fetch_kernel() {
	[ -s "$cache/arm64/vmlinuz" ] || [ -n "${APT_CONFIG:-}" ] || apt_for_arm64
	fetch_kernel_by linux-image-cloud-arm64
}
