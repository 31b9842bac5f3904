#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases of tests/kvm/inside for which `make check` has no time: split controllers again and again, with one vCPU and two, since what
went wrong there came every third time."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--qemu", "--limit", "1800", "tests/kvm/inside", "cpuid_is_qemus", "stress_guest",
                                      "local_apics_in_kernel", *["local_apics_in_kernel_of_two"] * 6, *["pause_and_reset"] * 3])
