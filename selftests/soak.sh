#!/bin/sh
# SPDX-License-Identifier: MIT
# soak.sh - a short run of scripts/soak; SOAK_SECONDS makes it longer.
set -eu
exec "$(cd "$(dirname "$0")/.." && pwd)/scripts/soak" --seconds "${SOAK_SECONDS:-30}"
