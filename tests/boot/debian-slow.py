#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian root file system on an IDE disk, booted by the GRUB in the disk's own boot sector to its login prompt;
logging in, poweroff, status 0, and a clean file system after that."""
import os
import subprocess

from machine import BUILD, Failure, Machine, make_image, run_cases

IMAGE = BUILD + "/test-logs/debian.img"


def boots_to_login_and_powers_off():
    with Machine("-drive", f"file={IMAGE},format=raw,index=0,media=disk", "-boot", "c") as machine:
        machine.expect(r"GRUB of the disk's own boot sector", 120)
        machine.expect(r"rhea-guest login: ", 1500)
        machine.send("root\n")
        machine.expect(r"root@rhea-guest:~# ", 300)
        machine.send("systemctl is-system-running --wait; findmnt -n -o SOURCE,FSTYPE,OPTIONS /\n")
        machine.expect(r"/dev/sda1 +ext4 +rw", 300)
        machine.expect(r"root@rhea-guest:~# ", 300)
        machine.send("poweroff\n")
        machine.expect_exit(0, 600)


def file_system_is_clean():
    done = subprocess.run(["e2fsck", "-fn", f"{IMAGE}?offset=1048576"], capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr)
    if done.returncode != 0 or "recovering journal" in done.stdout:
        raise Failure(f"e2fsck says {done.returncode}")


make_image("make-debian-image", IMAGE)
try:
    run_cases(boots_to_login_and_powers_off, file_system_is_clean)
finally:
    os.unlink(IMAGE)
