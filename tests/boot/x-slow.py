#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""X with a window manager and terminals in a Debian guest, on the standard VGA (bochs-drm) and on Cirrus (cirrus-drm): the root window
has its colour, the terminal is there, takes what is typed, and the pointer moves.  RHEA_SCREENS=FOLDER keeps the pictures."""
import importlib.machinery
import importlib.util
import os

from machine import BUILD, Failure, Machine, make_image, run_cases

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = BUILD + "/test-logs/x.img"
DISK = ("-drive", f"file={IMAGE},format=raw,index=0,media=disk", "-append", "console=ttyS0 quiet nosoftlockup")
BLUE = (0x20, 0x4a, 0x87)

loader = importlib.machinery.SourceFileLoader("screens", HERE + "/screens-slow.py")
screens = importlib.util.module_from_spec(importlib.util.spec_from_loader("screens", loader))
loader.exec_module(screens)


def count(picture, colour, slack):
    """Pixels of about this colour."""
    channels = [[abs(v - c) <= slack for v in picture[2][k::3]] for k, c in enumerate(colour)]
    return sum(map(all, zip(*channels)))


def different(a, b):
    return sum(1 for x, y in zip(a[2], b[2]) if x != y)


def move(machine, dx, dy, times):
    """As a hand does it: many small steps."""
    for _ in range(times):
        machine.hmp(f"mouse_move {dx} {dy}")
        screens.rest(machine, 0.4)


def start(machine, driver, client):
    """Boots Linux and starts X with a client; until that has said X-READY or X-TERMINAL to the serial line."""
    machine.expect(r"rhea:\S*[#$] ", 300)
    for command in (f"modprobe {driver}", "modprobe psmouse; modprobe evdev", "mount -t ext4 /dev/sda /mnt",
                    "for d in dev proc sys; do mount --bind /$d /mnt/$d; done",
                    "mkdir -p /dev/pts; mount -t devpts devpts /mnt/dev/pts; mount -t tmpfs tmpfs /mnt/tmp; mount -t tmpfs tmpfs /mnt/run",
                    "SYSTEMD_IGNORE_CHROOT=1 chroot /mnt sh -c '/lib/systemd/systemd-udevd --daemon; udevadm trigger; udevadm settle -t 60'"):
        machine.send(command + "; echo status=$?\n")
        machine.expect(r"^status=0", 200)
    machine.send(f"(HOME=/root chroot /mnt xinit {client} -- /usr/bin/Xorg :0 vt7 -nolisten tcp >/mnt/tmp/log 2>&1; "
                 "tail -n 20 /mnt/tmp/log; echo X-$((1))-ENDED) &\n")
    if machine.expect(r"X-TERMINAL|^X-READY|X-1-ENDED", 900)[0] == "X-1-ENDED":
        raise Failure("X did not start")


def x_on(name, card, driver, size, slack):
    options = screens.more_modules()
    try:
        with Machine(*options, *card, *DISK, memory=1024) as machine:
            start(machine, driver, "/root/.xinitrc")
            screens.rest(machine, 40)
            move(machine, -250, -250, 12)  # into the corner, then onto the terminal, which so gets the keys
            move(machine, 12, 10, 10)
            screens.rest(machine, 5)
            picture = screens.shoot(machine, name, "rhea")
            if picture[:2] != size:
                raise Failure(f"{name}: {picture[:2]} pixels, not {size}")
            if count(picture, BLUE, slack) < size[0] * size[1] // 4:
                raise Failure(f"{name}: the root window is not blue ({count(picture, BLUE, slack)} pixels)")
            if count(picture, (255, 255, 255), slack) < 50000:
                raise Failure(f"{name}: no terminal")
            for key in "l", "s", "spc", "slash", "ret":
                machine.hmp(f"sendkey {key}")
            screens.rest(machine, 15)
            typed = screens.shoot(machine, name + "-typed", "rhea")
            if different(picture, typed) < 300:
                raise Failure(f"{name}: what was typed is not to be seen")
            move(machine, 15, 15, 5)
            screens.rest(machine, 5)
            if different(typed, screens.shoot(machine, name + "-moved", "rhea")) < 30:
                raise Failure(f"{name}: the pointer does not move")
    finally:
        os.unlink(options[3])


def x_on_std():
    x_on("x-std", ["-vga", "std"], "bochs", (1280, 800), 2)


def x_on_cirrus():
    x_on("x-cirrus", ["-vga", "cirrus"], "cirrus", (1024, 768), 8)


if __name__ == "__main__":
    make_image("make-x-image", IMAGE)
    try:
        run_cases(x_on_std, x_on_cirrus)
    finally:
        os.unlink(IMAGE)
