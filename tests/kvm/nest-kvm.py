#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check-kvm: in one nest the cases of tests/kvm/inside that are short, and two systems; boot-kvm.py boots others in another."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--limit", "900", "tests/kvm/inside",
                                      *(sys.argv[1:] or ["quick", "huge_pages", "local_apics_in_kernel_of_two"])])
