#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases of tests/kvm/inside that take long: four vCPUs on the nest's two processors, split
interrupt controllers with two."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--limit", "1800", "tests/kvm/inside", "four_processors", "local_apics_in_kernel_of_two"])
