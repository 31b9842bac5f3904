#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenSSL, 7-Zip and Python with pieces of its own test suite in a Debian guest (tests/boot/compute): every result is what the same
programs give on this machine's own CPU, in a chroot of the same root file system."""
import glob
import os
import re
import subprocess

from machine import BUILD, Failure, Machine, make_image, run_cases

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../../build/guest/debian-root")
IMAGE = BUILD + "/test-logs/compute.img"
RESULT = re.compile(r"RESULT (\S+) ?(.*?)\r?$", re.M)


def results_in_the_guest():
    kernel, initrd = sorted(glob.glob(ROOT + "/boot/vmlinuz-*"))[0], sorted(glob.glob(ROOT + "/boot/initrd.img-*"))[0]
    with Machine("-cpu", "max", "-kernel", kernel, "-initrd", initrd, "-drive", f"file={IMAGE},format=raw,index=0,media=disk",
                 "-append", "root=/dev/sda1 ro console=ttyS0 quiet init=/root/compute", memory=1024) as machine:
        machine.expect(r"RESULT data ", 900)
        machine.expect(r"RESULT end", 7200)
        machine.expect_exit(0)
        return dict(RESULT.findall(machine.text))


def same_results():
    host = subprocess.run(["chroot", ROOT, "/root/compute"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    want, got = dict(RESULT.findall(host.stdout)), results_in_the_guest()
    if len(want) < 40:
        raise Failure(f"on the host there are only {len(want)} results: {host.stdout[-500:]} {host.stderr[-500:]}")
    wrong = [f"{name}: {got.get(name)}, but the host has {value}" for name, value in want.items() if got.get(name) != value]
    if wrong:
        raise Failure("; ".join(wrong))
    bad = [name for name, value in want.items() if name.startswith("python-test") and value != "0"]
    print(f"{len(want)} results are equal; tests that fail on both: {bad or 'none'}")


make_image("make-debian-image", IMAGE)
try:
    run_cases(same_results)
finally:
    os.unlink(IMAGE)
