#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Xen (package xen-hypervisor-4.17-amd64) by multiboot, its modules Debian's amd64 installer kernel and initramfs: a shell in
dom0, where the kernel says that it runs on Xen."""
import gzip
import os
import shutil

from machine import BUILD, Machine, need, run_cases

GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/guest")
HOW = "scripts/guest/fetch xen-hypervisor-4.17-amd64 debian-installer-12-netboot-amd64 fetches it, where a source can be reached"
INSTALLER = GUEST + "/debian-installer-12-netboot-amd64/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/"
XEN = BUILD + "/test-logs/xen.elf"


def dom0_shell():
    packed = need(GUEST + "/xen-hypervisor-4.17-amd64/boot/xen-4.17-amd64.gz", HOW)
    kernel, initrd = need(INSTALLER + "linux", HOW), need(INSTALLER + "initrd.gz", HOW)
    os.makedirs(os.path.dirname(XEN), exist_ok=True)
    with gzip.open(packed) as source, open(XEN, "wb") as target:
        shutil.copyfileobj(source, target)
    with Machine("-kernel", XEN, "-initrd", f"{kernel} console=hvc0 rdinit=/bin/sh,{initrd}", "-net", "none",
                 "-append", "console=com1 com1=115200,8n1 loglvl=all noreboot dom0_mem=640M", memory=1024) as machine:
        machine.expect(r"\(XEN\) Xen version 4\.17", 120)
        machine.expect(r"\(XEN\) \*\*\* Serial input to DOM0", 300)
        machine.expect(r"Hypervisor detected: Xen PV", 300)
        machine.expect(r"Run /bin/sh as init process", 900)
        machine.expect(r"# ", 120)
        machine.send("mount -t sysfs none /sys; cat /sys/hypervisor/type; expr 6 '*' 7 + 10000\n")
        machine.expect(r"^xen$", 120)
        machine.expect(r"^10042$", 60)
        machine.hmp("quit")
        machine.expect_exit(0)


try:
    run_cases(dom0_shell)
finally:
    if os.path.exists(XEN):
        os.unlink(XEN)
