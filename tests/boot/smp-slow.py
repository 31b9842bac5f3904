#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Four vCPUs over and over: boots with the self-test, and a shell whose jobs fork, map, pipe and compute in parallel."""
import re

from linux import kernel, self_test
from machine import Failure, Machine, run_cases

JOBS = """\
job() {{ n=0; while [ $n -lt {rounds} ]; do
 [ "$(seq $1 200 | sha256sum | cut -c1-8)" = "$2" ] || echo BAD-$1-$n; n=$((n+1)); done; }}
for j in 1 2 3 4 5 6; do job $j "$(seq $j 200 | sha256sum | cut -c1-8)" & done; wait; echo JOBS-$((40+2))
"""


def boots_with_the_self_test():
    for _ in range(5):
        self_test("cloud", 4)


def parallel_jobs():
    with Machine(*kernel("cloud"), "-smp", "4", "-append", "console=ttyS0") as machine:
        machine.expect(r"rhea:.*[#$] ", 600)
        machine.send(JOBS.format(rounds=40))
        machine.expect(r"^JOBS-42$", 1200)
        machine.send("grep -E 'LOC|RES|CAL|TLB' /proc/interrupts; nproc\n")
        machine.expect(r"^4$", 60)
        bad = re.search(r"^BAD-\d.*|soft lockup|self-detected stall|BUG:.*|segfault.*", machine.text, re.M)
        if bad:
            raise Failure(bad[0])
        machine.send("poweroff\n")
        machine.expect_exit(0)


run_cases(boots_with_the_self_test, parallel_jobs)
