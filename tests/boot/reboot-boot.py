#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's reboot: the machine starts again; with -no-reboot it ends with status 0. And what a shell on the serial
console hears and says."""
import re

from linux import kernel
from machine import Failure, Machine, run_cases


def reboots():
    with Machine(*kernel("cloud"), "-smp", "2", "-append", "console=ttyS0 rhea.reboot") as machine:
        machine.expect(r"RHEA-USERLAND", 400)
        machine.expect(r"RHEA-USERLAND", 400)
        for complaint in ("soft lockup", "TSC warp", "rcu_.*self-detected stall"):
            if re.search(complaint, machine.text):
                raise Failure(f"a kernel says {complaint}")
        machine.hmp("quit")
        machine.expect_exit(0)


def no_reboot_ends():
    with Machine(*kernel("cloud"), "-append", "console=ttyS0 quiet rhea.reboot", "-no-reboot") as machine:
        machine.expect(r"RHEA-USERLAND", 400)
        machine.expect_exit(0)


def shell_on_the_serial_console():
    with Machine(*kernel("cloud"), "-append", "console=ttyS0 quiet") as machine:
        machine.expect(r"rhea:.*[#$] ", 400)
        machine.send("echo $((6 * 7))-$(uname -m)\n")
        machine.expect(r"^42-x86_64$", 120)
        machine.send("poweroff\n")
        machine.expect_exit(0)


run_cases(reboots, no_reboot_ends, shell_on_the_serial_console)
