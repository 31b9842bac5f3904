#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""iPXE (package ipxe) to its command line, from its ISO through ISOLINUX and as a Linux kernel by -kernel; keys from the
keyboard lead there, and its own commands answer."""
import os

from machine import Machine, need, run_cases

GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/guest/ipxe/")
HOW = "scripts/guest/fetch ipxe fetches it, where a package source can be reached"


def to_prompt(*arguments):
    with Machine(*arguments, "-net", "none", memory=64) as machine:
        machine.expect_screen(r"Press Ctrl-B for the iPXE command line", 120)
        machine.hmp("sendkey ctrl-b")
        machine.expect_screen(r"iPXE> *\n", 60)
        for key in ("e", "c", "h", "o", "spc", "shift-4", "shift-bracket_left", "v", "e", "r", "s", "i", "o", "n",
                    "shift-bracket_right", "ret"):
            machine.hmp("sendkey " + key)
        machine.expect_screen(r"\n1\.0\.0\+", 60)
        machine.hmp("quit")
        machine.expect_exit(0)


def iso():
    to_prompt("-cdrom", need(GUEST + "usr/lib/ipxe/ipxe.iso", HOW), "-boot", "d")


def linux_kernel():
    to_prompt("-kernel", need(GUEST + "boot/ipxe.lkrn", HOW))


run_cases(iso, linux_kernel)
