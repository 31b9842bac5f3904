#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The begin of a boot (firmware, the kernel's own unpacking) with each block compared with the interpreter; verify-slow.py goes on."""
import os
import re
import time

from linux import kernel
from machine import BUILD, Failure, Machine, run_cases

SECONDS = 3


def first_seconds_are_the_same_by_interpreter_and_translator():
    figures = f"{BUILD}/test-logs/verify-boot.figures"
    with Machine(*kernel("cloud"), "-accel", "jit,verify=on", "-append", "console=ttyS0", "-d", "jit-stats", "-D", figures,
                 memory=256) as machine:
        machine.expect(r"Booting from ROM", 120)
        time.sleep(SECONDS)
        machine.hmp("info status")
        machine.hmp("quit")
        machine.wait_exit()
        if "other than the interpreter" in machine.text:
            raise Failure("they differ")
    with open(figures, encoding="utf-8") as f:
        same = int(re.search(r"found as the interpreter's: (\d+)", f.read())[1])
    os.unlink(figures)
    print(f"{same} blocks compared")
    if same < 100_000:
        raise Failure(f"only {same} blocks were compared")


run_cases(first_seconds_are_the_same_by_interpreter_and_translator)
