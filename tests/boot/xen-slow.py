#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Xen (package xen-hypervisor-4.17-amd64) by multiboot: with Debian's amd64 installer kernel and initramfs as its modules a shell in
dom0, where the kernel says that it runs on Xen; and Debian itself as dom0, from its root file system on an IDE disk, to a shell."""
import gzip
import os
import shutil

from machine import BUILD, Machine, make_image, need, run_cases

GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/guest")
HOW = "scripts/guest/fetch xen-hypervisor-4.17-amd64 debian-installer-12-netboot-amd64 fetches it, where a source can be reached"
INSTALLER = GUEST + "/debian-installer-12-netboot-amd64/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/"
XEN = BUILD + "/test-logs/xen.elf"


IMAGE = BUILD + "/test-logs/xen-debian.img"


def unpack_xen():
    packed = need(GUEST + "/xen-hypervisor-4.17-amd64/boot/xen-4.17-amd64.gz", HOW)
    os.makedirs(os.path.dirname(XEN), exist_ok=True)
    with gzip.open(packed) as source, open(XEN, "wb") as target:
        shutil.copyfileobj(source, target)


def xen(modules, *arguments):
    return Machine("-kernel", XEN, "-initrd", modules, "-net", "none", "-append",
                   "console=com1 com1=115200,8n1 loglvl=all noreboot dom0_mem=640M", *arguments, memory=1024)


def dom0_shell():
    kernel, initrd = need(INSTALLER + "linux", HOW), need(INSTALLER + "initrd.gz", HOW)
    with xen(f"{kernel} console=hvc0 rdinit=/bin/sh,{initrd}") as machine:
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


def debian_as_dom0():
    kernel, initrd = need(GUEST + "/full.vmlinuz", "make guest-kernels"), need(GUEST + "/full.cpio", "make guest-kernels")
    make_image("make-debian-image", IMAGE)
    patient = "systemd.default_device_timeout_sec=1500 systemd.default_timeout_start_sec=1500"  # on a slow engine 90 s are not enough
    with xen(f"{kernel} console=hvc0 rdinit=/bin/sh {patient},{initrd}", "-drive", f"file={IMAGE},format=raw,index=0,media=disk") as machine:
        machine.expect(r"Hypervisor detected: Xen PV", 400)
        machine.expect(r"Run /bin/sh as init process", 900)
        machine.expect(r"# ", 120)
        machine.send("sh /etc/rc\n")
        machine.expect(r"This is Linux", 300)
        machine.send("busybox mount /dev/sda1 /mnt && exec busybox switch_root /mnt /sbin/init\n")
        machine.expect(r"rhea-guest login: ", 2400)
        machine.send("root\n")
        machine.expect(r"root@rhea-guest:~# ", 600)
        machine.send("systemd-detect-virt; cat /sys/hypervisor/type /sys/hypervisor/properties/features | head -1; findmnt -n -o SOURCE /\n")
        machine.expect(r"^xen$", 300)
        machine.expect(r"^/dev/sda1$", 300)
        machine.hmp("quit")
        machine.expect_exit(0)


unpack_xen()
try:
    run_cases(dom0_shell, debian_as_dom0)
finally:
    for path in (XEN, IMAGE):
        if os.path.exists(path):
            os.unlink(path)
