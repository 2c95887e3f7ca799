#!/bin/sh
# SPDX-License-Identifier: MIT
# The documentation speaks of what is there: names, keys, messages, ranks, pages that render.
set -eu
if ! command -v python3 >/dev/null 2>&1; then
	echo "TAP version 13"
	echo "1..0 # SKIP python3 is not installed"
	exit 4
fi
exec python3 "$(dirname "$0")/../Documentation/check"
