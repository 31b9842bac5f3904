#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check-kvm: all cases of tests/kvm/inside in one nest."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--limit", "1100", "tests/kvm/inside", *sys.argv[1:]])
