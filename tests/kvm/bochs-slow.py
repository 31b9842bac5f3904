#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What QEMU's SVM cannot prove, in a nest by Bochs with VT-x and AVX: breakpoints by debug registers and by INT3, watchpoints, the guest's own
INT3, extended state. Some five minutes of a core."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--bochs", "--memory", "768", "--limit", "1800", "tests/kvm/inside", *(sys.argv[1:] or ["vtx"])])
