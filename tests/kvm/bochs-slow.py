#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What QEMU's SVM cannot prove, in a nest by Bochs with VT-x: breakpoints, watchpoints, extended state."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--bochs", "--memory", "1024", "--limit", "3000", "tests/kvm/inside", *(sys.argv[1:] or ["vtx"])])
