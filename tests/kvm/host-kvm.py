#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""This machine's own KVM: `-accel help` says whether it is usable and why not, `kvm:tcg` goes on in software and says so, and
where it runs firmware, SeaBIOS comes up to its boot prompt on it."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from machine import Failure, Machine, run_cases  # noqa: E402

RHEA = os.environ.get("RHEA", "build/rhea-system-x86_64")


def why_not():
    """None: usable; else the reason, as `-accel help` gives it."""
    text = subprocess.run([RHEA, "-accel", "help"], capture_output=True, text=True, check=True).stdout
    line = next(line for line in text.splitlines() if line.startswith("kvm"))
    found = re.search(r"\[not usable here: (.*)\]", line)
    return found[1] if found else None


def help_and_error_agree():
    reason = why_not()
    done = subprocess.run([RHEA, "-accel", "kvm", "-M", "none", "-display", "none", "-monitor", "stdio"], input="quit\n",
                          capture_output=True, text=True, check=False, timeout=30)
    if reason and (done.returncode != 1 or reason not in done.stderr):
        raise Failure(f"-accel kvm ends with {done.returncode}: {done.stderr!r}, -accel help says {reason!r}")
    if not reason and done.returncode:
        raise Failure(f"-accel help says that KVM is usable, but: {done.stderr!r}")
    print(reason or "usable")


def fallback_says_why_once():
    reason = why_not()
    done = subprocess.run([RHEA, "-machine", "none,accel=kvm:tcg", "-display", "none", "-monitor", "stdio"], input="quit\n",
                          capture_output=True, text=True, check=False, timeout=30)
    lines = [line for line in done.stderr.splitlines() if "kvm" in line.lower()]
    if done.returncode or (reason and (len(lines) != 1 or reason not in lines[0] or "running with" not in lines[0])):
        raise Failure(f"kvm:tcg ends with {done.returncode} and says {done.stderr!r}")


def firmware_comes_up():
    os.environ["RHEA_KVM_FIRMWARE"] = "1"  # also on one that interprets, and is refused otherwise
    reason = why_not()
    if reason:
        print(f"ok - firmware on this machine's /dev/kvm # SKIP {reason}")
        return
    os.environ["RHEA_ACCEL"] = "kvm"
    with Machine("-vga", "std", "-net", "none", memory=64) as machine:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if any("No bootable device" in line or "Booting from" in line for line in machine.screen()):
                return
            if "paused" in machine.hmp("info status"):
                print("ok - firmware on this machine's /dev/kvm # SKIP it stops in the firmware: " + machine.hmp("info status"))
                return
            time.sleep(0.5)
        raise Failure("no boot prompt within a minute: " + " / ".join(line for line in machine.screen() if line))


run_cases(help_and_error_agree, fallback_says_why_once, firmware_comes_up)
