#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gdb at Debian's cloud kernel: stopped at reset, a hardware breakpoint at its entry, steps, memory, detach; then it boots on."""
import os
import shutil
import subprocess

from linux import kernel
from machine import Failure, Machine, run_cases, skip

ENTRY = 0x1000000  # where the decompressed kernel begins, without KASLR

if not shutil.which("gdb"):
    skip("no gdb: apt install gdb")


def gdb(path, *commands):
    arguments = [part for command in ("set confirm off", "set width 0", f"target remote {path}", *commands)
                 for part in ("-ex", command)]
    done = subprocess.run(["gdb", "-q", "-nx", "-batch", *arguments], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False)
    print(done.stdout + done.stderr, flush=True)
    return done.stdout + done.stderr


def stops_steps_and_boots_on():
    with Machine(*kernel("cloud"), "-smp", "2", "-S", "-append", "console=ttyS0 nokaslr rhea.selftest rhea.cpus=2") as machine:
        path = os.path.join(machine.folder, "gdb")
        machine.hmp(f"gdbserver unix:{path},server=on,wait=off")
        text = gdb(path, f"hbreak *{ENTRY:#x}", "continue", "p $efer", "p $cr0", "info threads", "x/2i $pc", "stepi", "p $pc",
                   "delete", "p *(unsigned short *)($rsi + 0x1fe)", "p *(unsigned *)($rsi + 0x202)", "detach")
        for part in ("Thread 1 hit Breakpoint 1", "LMA", "PG", "Thread 2 (CPU#1 [halted ])", f"=> {ENTRY:#x}:", "= 43605",
                     "= 1400005704", "detached"):  # 0xaa55 and "HdrS" of the boot parameters
            if part not in text:
                raise Failure(f"gdb did not say {part!r}")
        machine.expect(r"RHEA-USERLAND", 200)


run_cases(stops_steps_and_boots_on)
