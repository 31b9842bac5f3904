#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's cloud kernel with 4 vCPUs: self-test and poweroff."""
from linux import self_test_program

self_test_program("cloud", 4)
