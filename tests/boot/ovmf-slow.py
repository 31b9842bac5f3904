#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""UEFI firmware (package ovmf) by -bios to its shell, on the serial console: its commands see memory and a CD-ROM drive,
and its own shutdown ends the emulator."""
import os

from machine import Machine, need, run_cases

FIRMWARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/guest/ovmf/usr/share/ovmf/OVMF.fd")
HOW = "scripts/guest/fetch ovmf fetches it, where a package source can be reached"


def shell(cpus):
    with Machine("-bios", need(FIRMWARE, HOW), "-net", "none", "-smp", str(cpus), memory=256) as machine:
        machine.expect(r"UEFI Interactive Shell", 240)
        machine.expect(r"in 5 seconds to skip", 60)
        machine.send("\x1b")
        machine.expect(r"Shell> ", 60)
        for command, answer in (("ver", r"UEFI v2\.\d+ \(EDK II"), ("map", r"PciRoot\(0x0\)/Pci\(0x1,0x1\)/Ata"),
                                ("echo %lasterror%", r"^0x0"), ("set rhea bird", r"Shell> "), ("set rhea", r"rhea = bird")):
            machine.send(command + "\r")
            machine.expect(answer, 60)
        machine.expect(r"Shell> ", 60)
        machine.send("reset -s\r")
        machine.expect_exit(0)


def one_cpu():
    shell(1)


def two_cpus():
    shell(2)


run_cases(one_cpu, two_cpus)
