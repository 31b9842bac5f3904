#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's amd64 installer with 1 and 2 vCPUs to its language screen."""
from installer import installer_program

installer_program("amd64", 1, 2)
