#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's full amd64 kernel with 4 vCPUs: self-test and poweroff."""
from linux import self_test_program

self_test_program("full", 4, limit=1500)
