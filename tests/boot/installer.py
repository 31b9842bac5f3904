# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's network installer (package debian-installer-12-netboot-i386) by -kernel: its own kernel, its initramfs
with udev and its user interface, to the language screen on the serial console, and one key further."""
import os

from machine import Machine, need, run_cases

GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/guest")


def to_language_screen(architecture, cpus):
    package = f"debian-installer-12-netboot-{architecture}"
    how = f"scripts/guest/fetch {package} fetches it, where a package source can be reached"
    folder = f"{GUEST}/{package}/usr/lib/debian-installer/images/12/{architecture}/text/debian-installer/{architecture}"
    memory = 1024 if architecture == "amd64" else 512  # with 512 the 64-bit installer stops to warn of low memory
    with Machine("-kernel", need(f"{folder}/linux", how), "-initrd", need(f"{folder}/initrd.gz", how), "-smp", str(cpus),
                 "-append", "console=ttyS0", "-net", "none", memory=memory) as machine:
        if cpus > 1:
            machine.expect(rf"Brought up 1 node, {cpus} CPUs", 300)
        machine.expect(r"Run /init as init process", 600)
        machine.expect(r"Select a language", 600)
        machine.expect(r"English", 60)
        machine.send("\r")
        machine.expect(r"Select your location", 300)
        machine.hmp("quit")
        machine.expect_exit(0)


def installer_program(architecture, *counts):
    def case(cpus):
        def boots():
            to_language_screen(architecture, cpus)

        boots.__name__ = f"{architecture}_{cpus}_cpu"
        return boots

    run_cases(*map(case, counts))
