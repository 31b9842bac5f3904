#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Text typed by a VNC viewer that sends characters only arrives as typed in X on Linux: the emulator with -k and the guest with
setxkbmap have the same layout, German, French or Japanese.  xev tells the characters of each key."""
import importlib.machinery
import importlib.util
import os
import re
import sys
import time

from machine import Failure, Machine, make_image, run_cases

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../ui")
import rfb  # noqa: E402 pylint: disable=wrong-import-position

loader = importlib.machinery.SourceFileLoader("x", HERE + "/x-slow.py")
x = importlib.util.module_from_spec(importlib.util.spec_from_loader("x", loader))
loader.exec_module(x)
TEXTS = {"de": "Zwölf Boxkämpfer jagen Yüksel über den Sylter Deich: {[\\|~@]} <=> 50% & #1, Straße!? (ß) ^x^ €'\"§*+_",
         "fr": "Voix ambiguë d'un cœur... non: façade, où, déjà, Noël, 1234567890 {[|\\^@]} #&é\"'(-è_çà) %µ£ WAZQ wazq; €",
         "jp": "Iroha-nihoheto 0123456789 !\"#$%&'()=~|`{+*}<>?_ -^\\@[;:],./ AZQWM"}
NAMES = {"œ": 0x13bd, "€": 0x20ac}


def typed(machine, text, limit):
    """The characters that xev tells."""
    end, seen = time.monotonic() + limit, machine.seen
    while time.monotonic() < end:
        pressed = re.findall(r"XmbLookupString gives \d+ bytes: \(([0-9a-f ]+)\)", machine.text[seen:])
        got = bytes.fromhex("".join(pressed)).decode("utf-8", "replace")
        if len(got) >= len(text):
            break
        machine.read_console(0.5)
    return got


def layout(name):
    text, options = TEXTS[name], x.screens.more_modules()
    try:
        with Machine(*options, "-vga", "std", *x.DISK, "-vnc", f"unix:{IMAGE_SOCKET}", "-k", name, memory=1024) as machine:
            client = (f"/bin/sh -c 'export LC_ALL=C.UTF-8; setxkbmap {name}; (sleep 3; echo X-READY >/dev/ttyS0) & "
                      "exec xev -event keyboard -geometry 1200x700+10+10 >/dev/ttyS0'")
            x.start(machine, "bochs", client)
            x.screens.rest(machine, 5)
            viewer = rfb.Client(IMAGE_SOCKET)
            for char in text:
                viewer.tap(NAMES.get(char, ord(char)))
                x.screens.rest(machine, 0.05)
            got = typed(machine, text, 60)
            if got != text:
                raise Failure(f"{name}: typed {text!r}, arrived {got!r}")
            viewer.close()
    finally:
        os.unlink(options[3])


def german():
    layout("de")


def french():
    layout("fr")


def japanese():
    layout("jp")


if __name__ == "__main__":
    IMAGE_SOCKET = f"{x.IMAGE}-vnc"
    make_image("make-x-image", x.IMAGE)
    try:
        run_cases(german, french, japanese)
    finally:
        os.unlink(x.IMAGE)
