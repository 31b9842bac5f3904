#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""memtest86+ (package memtest86+) by -kernel: the 64-bit one makes a whole short pass without an error, the 32-bit one comes through
its first tests."""
import os

from machine import Failure, Machine, need, run_cases

IMAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/guest/memtest86+/boot/memtest86+")
HOW = "scripts/guest/fetch memtest86+ fetches it, where a package source can be reached"


def first_tests(flavour):
    with Machine("-kernel", need(f"{IMAGE}{flavour}.bin", HOW), "-net", "none", memory=16) as machine:
        machine.expect_screen(r"Test #[4-9]", 300)
        if "Errors: 0" not in "\n".join(machine.screen()):
            raise Failure("memtest86+ counts errors")
        machine.hmp("quit")
        machine.expect_exit(0)


def x64_short_pass():
    with Machine("-kernel", need(f"{IMAGE}x64.bin", HOW), "-net", "none", memory=8) as machine:
        machine.expect_screen(r"Pass: *1\b[^\n]*|\*\* Pass completed, no errors", 7200)
        if "Errors: 0" not in "\n".join(machine.screen()):
            raise Failure("memtest86+ counts errors")
        machine.hmp("quit")
        machine.expect_exit(0)


def ia32():
    first_tests("ia32")


run_cases(ia32, x64_short_pass)
