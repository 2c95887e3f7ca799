# SPDX-License-Identifier: MIT
"""A run that brings no figures, and when it is given up."""
LIMIT_S = 300


class Failed(Exception):
    pass
