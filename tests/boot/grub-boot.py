#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GRUB's rescue CD and floppy (package grub-rescue-pc) boot to its menu on the text screen; keys lead to its prompt."""
from machine import Machine, need, run_cases

FOLDER = "/usr/lib/grub-rescue/"


def boots(*arguments):
    with Machine(*arguments, memory=64) as machine:
        machine.expect_screen(r"GNU GRUB", 120)
        machine.expect_screen(r"Memtest86\+", 60)
        machine.hmp("sendkey c")
        machine.expect_screen(r"grub>", 60)
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
