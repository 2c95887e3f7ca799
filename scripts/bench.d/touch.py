#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""touch.py MB: writes to so much memory, huge pages where the kernel gives them, and ends.

The host of a virtual machine backs its memory at the first touch, which takes longer than all that
is measured. What one process has touched is backed for the next one.
"""
import mmap
import sys

STEP = 4096


def main():
    size = int(sys.argv[1]) << 20
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    for at in range(0, size, STEP):
        memory[at] = 1


if __name__ == "__main__":
    main()
