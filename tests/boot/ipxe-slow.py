#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""iPXE (package ipxe) to its command line, from its ISO through ISOLINUX, as a Linux kernel by -kernel, and from a floppy that GRUB
loads it from; keys from the keyboard lead there, and its own commands answer."""
import os
import shutil
import subprocess
import tempfile

from machine import BUILD, Machine, need, run_cases

GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/guest/ipxe/")
HOW = "scripts/guest/fetch ipxe fetches it, where a package source can be reached"


def to_prompt(*arguments):
    with Machine(*arguments, "-net", "none", memory=64) as machine:
        machine.expect_screen(r"Press Ctrl-B for the iPXE command line", 120)
        machine.hmp("sendkey ctrl-b")
        machine.expect_screen(r"iPXE> *\n", 60)
        for key in ("e", "c", "h", "o", "spc", "shift-4", "shift-bracket_left", "v", "e", "r", "s", "i", "o", "n",
                    "shift-bracket_right", "ret"):
            machine.hmp("sendkey " + key)
        machine.expect_screen(r"\n1\.0\.0\+", 60)
        machine.hmp("quit")
        machine.expect_exit(0)


def iso():
    to_prompt("-cdrom", need(GUEST + "usr/lib/ipxe/ipxe.iso", HOW), "-boot", "d")


def linux_kernel():
    to_prompt("-kernel", need(GUEST + "boot/ipxe.lkrn", HOW))


def make_floppy(kernel, image):
    """1.44 MB: GRUB's boot sector, its core in the sectors behind, and an ext2 file system with iPXE from 160 KiB on."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(kernel, folder + "/ipxe.lkrn")
        with open(image, "wb") as f:
            f.truncate(1440 << 10)
        subprocess.run(["mke2fs", "-q", "-t", "ext2", "-m", "0", "-d", folder, "-E", "offset=163840", "-F", image, "1280"], check=True)
    subprocess.run(["sfdisk", "-q", image], input="start=320, type=83, bootable\n", text=True, check=True)
    core, config = image + ".core", image + ".cfg"
    with open(config, "w", encoding="ascii") as f:
        f.write("linux16 (fd0,msdos1)/ipxe.lkrn\nboot\n")
    subprocess.run(["grub-mkimage", "-O", "i386-pc", "-p", "/", "-c", config, "-o", core, "biosdisk", "part_msdos", "ext2", "linux16",
                    "boot"], check=True)
    with open(image, "r+b") as f, open("/usr/lib/grub/i386-pc/boot.img", "rb") as boot, open(core, "rb") as behind:
        f.write(boot.read(440))
        f.seek(512)
        code = behind.read()
        assert len(code) <= 163840 - 512
        f.write(code)
    os.unlink(core)
    os.unlink(config)


def floppy():
    image = BUILD + "/test-logs/ipxe-floppy.img"
    os.makedirs(os.path.dirname(image), exist_ok=True)
    make_floppy(need(GUEST + "boot/ipxe.lkrn", HOW), image)
    try:
        to_prompt("-drive", f"file={image},format=raw,if=floppy,index=0", "-boot", "a")
    finally:
        os.unlink(image)


run_cases(iso, linux_kernel, floppy)
