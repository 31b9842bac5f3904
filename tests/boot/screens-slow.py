#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What real guests draw: GRUB's menu, the kernel's text console, and the frame buffer consoles of bochs-drm, cirrus-drm and cirrusfb
(whose scrolling and characters go through the BLT engine).  Where Debian's QEMU is installed the same guest runs there too, and the
pictures are the same pixel for pixel, but for how six bits of a colour become eight.  RHEA_SCREENS=FOLDER keeps the pictures."""
import importlib.machinery
import importlib.util
import os
import shutil
import time

import linux
from machine import BUILD, Failure, Machine, need, read_ppm, run_cases

QEMU = "/usr/bin/qemu-system-x86_64"
GRUB = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso"
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/guest/initramfs")
ASCII = "".join(chr(c) for c in range(33, 127) if chr(c) != "'")
MODULES = ["bochs", "cirrus", "cirrusfb"]


def same(name, ours, theirs, slack=3):
    """Two pictures, but for the lowest bits of a colour."""
    if ours[:2] != theirs[:2]:
        raise Failure(f"{name}: {ours[0]} x {ours[1]} pixels, QEMU has {theirs[0]} x {theirs[1]}")
    wrong = [i for i, (a, b) in enumerate(zip(ours[2], theirs[2])) if abs(a - b) > slack]
    if wrong:
        pixel = wrong[0] // 3
        raise Failure(f"{name}: {len(wrong)} of {len(ours[2])} colours differ, the first at {pixel % ours[0]}, {pixel // ours[0]}")


def colours(picture):
    return len(set(zip(picture[2][::3], picture[2][1::3], picture[2][2::3])))


def shoot(machine, name, who):
    folder = os.environ.get("RHEA_SCREENS", machine.folder)
    path = os.path.join(folder, f"{name}-{who}.ppm")
    answer = machine.hmp(f"screendump {path}")
    if "rror" in answer:
        raise Failure(f"screendump: {answer}")
    return read_ppm(path)


def on_both(name, scene, slack=3):
    """Runs a scene, a function of nothing that gives a picture, on Rhea, and on QEMU if it is there."""
    ours = scene("rhea")
    if colours(ours) < 2:
        raise Failure(f"{name}: nothing is on the screen")
    if not os.path.exists(QEMU):
        print(f"{name}: no {QEMU} to compare with")
        return ours
    rhea, accel = os.environ["RHEA"], os.environ.pop("RHEA_ACCEL", None)
    os.environ["RHEA"] = QEMU
    try:
        theirs = scene("qemu")
    finally:
        os.environ["RHEA"] = rhea
        if accel:
            os.environ["RHEA_ACCEL"] = accel
    same(name, ours, theirs, slack)
    return ours


def rest(machine, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        machine.read_console(0.2)


def grub(card):
    def scene(who):
        with Machine("-cdrom", need(GRUB, "package grub-rescue-pc"), "-boot", "order=d", "-vga", card, memory=64) as machine:
            machine.expect_screen(r"executed automatically", 120)
            machine.hmp("sendkey down")  # nothing counts down any more; no cursor is on
            rest(machine, 3)
            return shoot(machine, f"grub-{card}", who)

    picture = on_both(f"grub-{card}", scene)
    if picture[:2] != (720, 400):
        raise Failure(f"GRUB on {card}: {picture[:2]}")


def grub_menu():
    grub("std")
    grub("cirrus")


def more_modules():
    """The initramfs of the other boot tests with the drivers of the cards behind it."""
    out = f"{BUILD}/test-logs/screens-{os.getpid()}.cpio"
    loader = importlib.machinery.SourceFileLoader("initramfs", SCRIPT)
    initramfs = importlib.util.module_from_spec(importlib.util.spec_from_loader("initramfs", loader))
    loader.exec_module(initramfs)
    initramfs.ALONG = initramfs.ALONG + MODULES
    archive = initramfs.Cpio(out + ".more")
    initramfs.add_modules(archive, need(f"{linux.GUEST}/linux-image-amd64", linux.HOW))
    archive.close()
    options = linux.kernel("full")
    with open(out, "wb") as f:
        for part in (options[3], out + ".more"):
            with open(part, "rb") as p:
                shutil.copyfileobj(p, f)
    os.unlink(out + ".more")
    return [*options[:3], out]


def console(name, card, commands, size, slack=3):
    """A scene in Linux: commands at its shell, then text in all colours on the screen, scrolled, without a cursor."""
    options = more_modules()

    def scene(who):
        with Machine(*options, *card, "-append", "console=ttyS0 quiet nosoftlockup") as machine:
            machine.expect(r"rhea:\S*[#$] ", 300)
            for command in commands:
                machine.send(command + "; echo status=$?\n")
                machine.expect(r"^status=0", 120)
            machine.send("(printf '\\033[2J\\033[H\\033[?25l'; for i in $(seq 1 90); do "
                         "printf '\\033[%dm\\033[%dmline %d of many, and more\\033[0m\\n' $((30 + i % 8)) $((40 + i / 8 % 8)) $i; "
                         "done; echo; printf 'The End') >/dev/tty1; echo status=$?\n")
            machine.expect(r"^status=0", 120)
            rest(machine, 2)
            picture = shoot(machine, name, who)
            if who == "rhea":
                machine.send(f"(printf '\\033[2J\\033[H'; echo '{ASCII}') >/dev/tty1; echo status=$?\n")
                machine.expect(r"^status=0", 120)
                rest(machine, 2)
                text = machine.hmp("screen-text").splitlines()
                if not "".join(line.strip() for line in text[:2]).startswith(ASCII):
                    raise Failure(f"{name}: screen-text reads {text[:2]}")
            return picture

    try:
        picture = on_both(name, scene, slack)
    finally:
        os.unlink(options[3])
    if size and picture[:2] != size:
        raise Failure(f"{name}: {picture[:2]} pixels, not {size}")
    if colours(picture) < 8:
        raise Failure(f"{name}: only {colours(picture)} colours")


def linux_text_console():
    console("text", ["-vga", "std"], [], (720, 400))


def linux_text_console_on_cirrus():
    console("text-cirrus", ["-vga", "cirrus"], [], (720, 400))


def bochs_drm_on_vga():
    console("bochs-vga", ["-vga", "std"], ["modprobe bochs", "ls /dev/fb0"], (1280, 800))


def bochs_drm_on_bochs_display():
    console("bochs-display", ["-vga", "none", "-device", "bochs-display"], ["modprobe bochs", "ls /dev/fb0"], (1280, 800))


def cirrus_drm():
    console("cirrus-drm", ["-vga", "cirrus"], ["modprobe cirrus", "ls /dev/fb0"], (1024, 768), 8)


def cirrus_fbdev_blits():
    console("cirrusfb", ["-vga", "cirrus"], ["modprobe cirrusfb mode_option=800x600-16@60", "ls /dev/fb0"], None, 8)


if __name__ == "__main__":
    run_cases(grub_menu, linux_text_console, linux_text_console_on_cirrus, bochs_drm_on_vga, bochs_drm_on_bochs_display, cirrus_drm,
          cirrus_fbdev_blits)
