#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GRUB's rescue CD and floppy (package grub-rescue-pc) boot to its menu on the text screen; keys lead to its prompt,
and a key that is held repeats."""
from machine import Machine, need, run_cases

FOLDER = "/usr/lib/grub-rescue/"


def boots(*arguments):
    with Machine(*arguments, memory=64) as machine:
        machine.expect_screen(r"GNU GRUB", 120)
        machine.expect_screen(r"Memtest86\+", 60)
        machine.hmp("sendkey c")
        machine.expect_screen(r"grub>", 60)
        machine.hmp("sendkey a 1000")  # the keyboard repeats it: six times where the guest keeps up
        machine.expect_screen(r"grub> a{3,}", 60)
        machine.hmp("sendkey ctrl-a")
        machine.hmp("sendkey ctrl-k")
        for key in "ls":
            machine.hmp(f"sendkey {key}")
        machine.hmp("sendkey ret")
        machine.expect_screen(r"\(\w+\)", 60)
        machine.hmp("quit")
        machine.expect_exit(0)


def cdrom():
    boots("-cdrom", need(FOLDER + "grub-rescue-cdrom.iso", "grub-rescue-pc"), "-boot", "d")


def floppy():
    boots("-drive", f"if=floppy,index=0,format=raw,readonly=on,file={need(FOLDER + 'grub-rescue-floppy.img', 'grub-rescue-pc')}",
          "-boot", "a")


run_cases(cdrom, floppy)
