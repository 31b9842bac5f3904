#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What takes long of comparing the translator with the interpreter: a whole boot and the larger flat guests under verify=on, and many
random programs. SEED=n begins at other programs, ROUNDS=n runs more or fewer of them."""
import os
import subprocess
import time

from linux import kernel
from machine import BUILD, Failure, Machine, run_cases

ROUNDS = "40000"


def run(command, environment):
    done = subprocess.run(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(command)} ended with {done.returncode}")


def boots_to_userland():
    with Machine(*kernel("cloud"), "-accel", "jit,verify=on", "-append", "console=ttyS0 earlyprintk=serial rhea.selftest rhea.cpus=1",
                 memory=256) as machine:
        machine.expect(r"RHEA-USERLAND", 2400)


def flat_guests():
    run(["tests/guest/run", "--accel", "jit,verify=on", "--limit", "600", *(f"{BUILD}/tests/guest/{name}.bin" for name in ("stress", "evict"))],
        {})


def random_programs():
    """Others each time, but for who says which."""
    seed = os.environ.get("SEED", str(int(time.time()) * 1000))
    print(f"SEED={seed}")
    run([f"{BUILD}/tests/unit/engines-test"], {"ROUNDS": os.environ.get("ROUNDS", ROUNDS), "SEED": seed})


def random_programs_under_verify():
    run([f"{BUILD}/tests/unit/engines-test"], {"ROUNDS": "4000", "SEED": "5000000", "ENGINES": "interp jit,verify=on"})


run_cases(boots_to_userland, flat_guests, random_programs, random_programs_under_verify)
