#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's graphical installer (package debian-installer-12-netboot-amd64) on the standard VGA: to its language screen, which is full
of colours and white, and with a key to the next one.  RHEA_SCREENS=FOLDER keeps the pictures."""
import importlib.machinery
import importlib.util
import os

from machine import Failure, Machine, need, run_cases

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "debian-installer-12-netboot-amd64"
FOLDER = f"{HERE}/../../build/guest/{PACKAGE}/usr/lib/debian-installer/images/12/amd64/gtk/debian-installer/amd64"
HOW = f"scripts/guest/fetch {PACKAGE} fetches it, where a package source can be reached"

loader = importlib.machinery.SourceFileLoader("screens", HERE + "/screens-slow.py")
screens = importlib.util.module_from_spec(importlib.util.spec_from_loader("screens", loader))
loader.exec_module(screens)


def white(picture):
    return sum(1 for pixel in zip(picture[2][::3], picture[2][1::3], picture[2][2::3]) if min(pixel) > 250)


def wait_for(machine, what, test, minutes):
    for _ in range(minutes * 6):
        screens.rest(machine, 10)
        picture = screens.shoot(machine, "installer-gtk-" + what, "rhea")
        if test(picture):
            return picture
    raise Failure(f"no {what} within {minutes} minutes of looking")


def graphical_installer():
    with Machine("-kernel", need(f"{FOLDER}/linux", HOW), "-initrd", need(f"{FOLDER}/initrd.gz", HOW), "-vga", "std", "-net", "none",
                 "-append", "vga=788 quiet", memory=1024) as machine:
        languages = wait_for(machine, "languages", lambda p: p[0] >= 800 and white(p) > p[0] * p[1] // 3 and screens.colours(p) > 500, 30)
        screens.rest(machine, 10)
        machine.hmp("sendkey ret")
        wait_for(machine, "location", lambda p: p[:2] == languages[:2] and screens.colours(p) > 500 and
                 sum(1 for a, b in zip(p[2], languages[2]) if a != b) > len(p[2]) // 50, 10)
        machine.hmp("quit")
        machine.expect_exit(0)


if __name__ == "__main__":
    run_cases(graphical_installer)
