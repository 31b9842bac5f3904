#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases of tests/kvm/inside that boot systems, which takes minutes each in the nest."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--limit", "1800", "tests/kvm/inside", "pause_and_reset", "local_apics_in_kernel",
                                     "host_model_with_enlightenments", "user_space_controllers", "huge_pages", "merged_pages", "debugger", "four_processors",
                                     "local_apics_in_kernel_of_two"])
