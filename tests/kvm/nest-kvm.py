#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check-kvm: the flat guests of tests/kvm/inside in the nest; nest-slow.py has the cases that boot systems there."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(os.path.join(HERE, "nest"), ["nest", "--limit", "1500", "tests/kvm/inside", *(sys.argv[1:] or ["flat_guests"])])
