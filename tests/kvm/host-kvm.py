#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""This machine's own KVM: `-accel help` says whether it is usable and why not, `kvm:tcg` goes on in software and says so, and
where it runs firmware, SeaBIOS comes up to its boot prompt on it."""
import errno
import grp
import os
import re
import subprocess
import sys
import tempfile
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


def debugger_stops_in_plain_code():
    """Breakpoints in debug registers and steps, from reset to 64-bit code, by the debug server."""
    reason = why_not()
    if reason:
        print(f"ok - a debugger on this machine's /dev/kvm # SKIP {reason}")
        return
    done = subprocess.run(["tests/cli/gdb-test.py", "breakpoints_in_each_mode", "kill_ends"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=120, env={**os.environ, "RHEA_ACCEL": "kvm"})
    if done.returncode:
        raise Failure(done.stdout)


def fake_host(**environment):
    """What `-accel help` says of kvm on a host like that, and what `-accel kvm` and `kvm:tcg` say and do."""
    library = os.path.join(FOLDER.name, "fake.so")
    if not os.path.exists(library):
        here = os.path.dirname(os.path.abspath(__file__))
        flags = subprocess.run(["pkg-config", "--cflags", "glib-2.0"], capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", f"-I{here}/../..", *flags, "-o", library,
                        f"{here}/fake-host.c"], check=True)
    env = {**os.environ, "LD_PRELOAD": library, **{f"FAKE_{key}": str(value) for key, value in environment.items()}}

    def rhea(*options):
        return subprocess.run([RHEA, *options], input="quit\n", capture_output=True, text=True, check=False, timeout=30, env=env)

    line = next(line for line in rhea("-accel", "help").stdout.splitlines() if line.startswith("kvm"))
    reason = re.search(r"\[not usable here: (.*)\]", line)[1]
    alone = rhea("-accel", "kvm", "-M", "none", "-display", "none")
    if alone.returncode != 1 or reason not in alone.stderr:
        raise Failure(f"-accel kvm ends with {alone.returncode} and says {alone.stderr!r}, -accel help says {reason!r}")
    both = rhea("-machine", "none,accel=kvm:tcg", "-display", "none", "-monitor", "stdio")
    if both.returncode or both.stderr.count(reason) != 1 or "running with" not in both.stderr:
        raise Failure(f"kvm:tcg ends with {both.returncode} and says {both.stderr!r}")
    return reason


def file_of(name, data, mode=0o600):
    path = os.path.join(FOLDER.name, name)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)
    return path


def each_reason_is_told():
    """A host for each reason, by a library that is loaded before the C library's."""
    intel, amd, plain = (file_of(name, f"processor\t: 0\nflags\t\t: fpu {flag} sse\n".encode())
                         for name, flag in (("intel", "vmx"), ("amd", "svm"), ("plain", "mmx")))
    locked = file_of("locked", bytes(0x3A) + (1).to_bytes(8, "little"))
    node = file_of("node", b"", 0o660)
    group = next((g for g in grp.getgrall() if g.gr_gid and os.geteuid() == 0), None)
    hosts = [
        ("no virtualization in the processor", {"OPEN": errno.ENOENT, "CPUINFO": plain},
         ["there is no /dev/kvm", "neither VT-x nor AMD-V"]),
        ("module not loaded, Intel", {"OPEN": errno.ENOENT, "CPUINFO": intel}, ["VT-x", "modprobe kvm-intel"]),
        ("module not loaded, AMD", {"OPEN": errno.ENODEV, "CPUINFO": amd}, ["AMD-V", "modprobe kvm-amd"]),
        ("firmware", {"OPEN": errno.ENOENT, "CPUINFO": intel, "MSR": locked}, ["the firmware switched VT-x off", "firmware's setup"]),
        ("no permission, no group", {"OPEN": errno.EACCES, "NODE": file_of("closed", b"", 0o600)}, ["may not open /dev/kvm", "chgrp kvm"]),
        ("busy", {"OPEN": errno.EBUSY}, ["busy", "another hypervisor", "end it"]),
        ("another error", {"OPEN": errno.EIO}, ["cannot open /dev/kvm", os.strerror(errno.EIO)]),
        ("busy when a machine is made", {"OPEN": 0, "VM": errno.EBUSY}, ["another hypervisor", "end it"]),
        ("no memory", {"OPEN": 0, "VM": errno.ENOMEM}, ["no memory for a virtual machine"]),
        ("old interface", {"OPEN": 0, "VERSION": 10}, ["version 10", "4.11 or later"]),
        ("old kernel", {"OPEN": 0, "LACKS": 136}, ["lacks KVM_CAP_IMMEDIATE_EXIT", "4.11 or later"]),
        ("no ordinary guests", {"OPEN": 0}, ["cannot run ordinary guests", "failed at a few instructions", "-accel tcg"]),
    ]
    if group:
        os.chown(node, 0, group.gr_gid)
        hosts.append(("no permission, a group", {"OPEN": errno.EACCES, "NODE": node},
                      [f"'{group.gr_name}'", f"usermod -aG {group.gr_name}"]))
    for name, host, words in hosts:
        reason = fake_host(**host)
        missing = [word for word in words if word not in reason]
        if missing:
            raise Failure(f"{name}: no {missing} in {reason!r}")


FOLDER = tempfile.TemporaryDirectory(prefix="rhea-host-")
run_cases(each_reason_is_told, help_and_error_agree, fallback_says_why_once, firmware_comes_up, debugger_stops_in_plain_code)
