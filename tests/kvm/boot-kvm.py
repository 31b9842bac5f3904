#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check-kvm: systems that start, pause and start again in a nest, beside nest-kvm.py."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--limit", "900", "tests/kvm/inside", *(sys.argv[1:] or [
    "pause_and_reset", "host_model_with_enlightenments", "user_space_controllers", "four_processors"])])
