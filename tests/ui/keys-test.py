#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys and pointer from VNC viewers and from the monitor as they arrive in a guest (keys.S prints scan codes of set 1).

What each character of a layout is typed with is taken from the keyboards' standards (DIN 2137, the AZERTY of NF Z71-300's traditional
layout, JIS X 6002), as scan codes written down here, not from xkb's data."""
import os

import rfb
from display import Machine, case, must, must_be, must_have, run_cases, wait_until

SHIFT, SHIFT_UP = "2A", "AA"
KEYSYM_SHIFT, KEYSYM_ALTGR, KEYSYM_CTRL = 0xffe1, 0xfe03, 0xffe3
# character: (scan code, modifiers s and g)
GERMAN = {"z": (0x15, ""), "y": (0x2c, ""), "Z": (0x15, "s"), "ß": (0x0c, ""), "ö": (0x27, ""), "Ä": (0x28, "s"), "ü": (0x1a, ""),
          "@": (0x10, "g"), "{": (0x08, "g"), "[": (0x09, "g"), "\\": (0x0c, "g"), "|": (0x56, "g"), "<": (0x56, ""), ">": (0x56, "s"),
          "#": (0x2b, ""), "'": (0x2b, "s"), "-": (0x35, ""), "_": (0x35, "s"), "/": (0x08, "s"), "=": (0x0b, "s"), "?": (0x0c, "s"),
          "+": (0x1b, ""), "*": (0x1b, "s"), "~": (0x1b, "g"), "€": (0x12, "g"), "\"": (0x03, "s"), "§": (0x04, "s"), " ": (0x39, "")}
FRENCH = {"a": (0x10, ""), "q": (0x1e, ""), "z": (0x11, ""), "w": (0x2c, ""), "m": (0x27, ""), "M": (0x27, "s"), "1": (0x02, "s"),
          "&": (0x02, ""), "é": (0x03, ""), "2": (0x03, "s"), "è": (0x08, ""), "ç": (0x0a, ""), "à": (0x0b, ""), "@": (0x0b, "g"),
          "#": (0x04, "g"), "{": (0x05, "g"), "ù": (0x28, ""), "%": (0x28, "s"), "!": (0x35, ""), "§": (0x35, "s"), ".": (0x33, "s"),
          ";": (0x33, ""), "-": (0x07, ""), "_": (0x09, ""), "(": (0x06, ""), ")": (0x0c, ""), "=": (0x0d, ""), "€": (0x12, "g")}
JAPANESE = {"@": (0x1a, ""), "[": (0x1b, ""), "]": (0x2b, ""), "^": (0x0d, ""), ":": (0x28, ""), ";": (0x27, ""), "+": (0x27, "s"),
            "*": (0x28, "s"), "_": (0x73, "s"), "\"": (0x03, "s"), "&": (0x07, "s"), "'": (0x08, "s"), "(": (0x09, "s"), "=": (0x0c, "s"),
            "|": (0x7d, "s"), "`": (0x1a, "s"), "{": (0x1b, "s"), "A": (0x1e, "s")}
BRITISH = {"\"": (0x03, "s"), "@": (0x28, "s"), "#": (0x2b, ""), "~": (0x2b, "s"), "£": (0x04, "s"), "\\": (0x56, ""), "|": (0x56, "s")}
AMERICAN = {"a": (0x1e, ""), "Q": (0x10, "s"), "@": (0x03, "s"), "/": (0x35, ""), "?": (0x35, "s"), "\n": (0x1c, ""), "\t": (0x0f, "")}
VNC = ("-vnc", "unix:{folder}/vnc")


def keysym(char):
    if char in "\n\t":
        return {"\n": 0xff0d, "\t": 0xff09}[char]
    return ord(char) if ord(char) < 256 else {"€": 0x20ac}.get(char, 0x1000000 + ord(char))


def presses(text):
    """[(scan code, modifiers held at its press)] out of what the guest saw."""
    held, out, prefix = set(), [], 0
    for word in text.split():
        code = int(word, 16)
        if code == 0xe0:
            prefix = 0x100
            continue
        key, up, prefix = prefix | (code & 0x7f), code & 0x80, 0
        names = {0x2a: "s", 0x36: "s", 0x138: "g", 0x1d: "c"}
        if key in names:
            (held.discard if up else held.add)(names[key])
        elif not up:
            out.append((key, "".join(sorted(held))))
    must(not held, f"{held} are still held after {text!r}")
    return out


def machine(*arguments):
    m = Machine(*VNC, *arguments, guest="keys")
    m.expect("ready\n")
    wait_until(lambda: os.path.exists(m.vnc), "the VNC socket")
    return m


@case
def layouts():
    """A viewer that sends keysyms only: each character, typed with whatever modifiers its own keyboard needs, or with none."""
    for name, table in (("de", GERMAN), ("fr", FRENCH), ("jp", JAPANESE), ("ja", JAPANESE), ("en-gb", BRITISH), ("en-us", AMERICAN)):
        with machine("-k", name) as m:
            client = rfb.Client(m.vnc)
            for own in ((), (KEYSYM_SHIFT,), (KEYSYM_ALTGR,)):
                for modifier in own:
                    client.key(modifier, True)
                for char in table:
                    client.tap(keysym(char))
                for modifier in own:
                    client.key(modifier, False)
                got = presses(m.said())
                must_be(len(got), len(table), f"{name}: keys")
                for char, (key, held) in zip(table, got):
                    code, mods = table[char]
                    if char in " \n\t":
                        must_be(key, code, f"{name} {own}: {char!r}")
                    else:
                        must_be((key, held), (code, mods), f"{name} {own}: {char!r}")
            client.close()
            m.end()


@case
def typed_text():
    """The monitor's `type` on the same layouts, and letters that need a dead key."""
    for name, table in (("de", GERMAN), ("fr", FRENCH), ("jp", JAPANESE)):
        with machine("-k", name) as m:
            text = "".join(c for c in table if c not in "\"\\")
            must_be(m.hmp(f'type "{text}"'), "")
            got = presses(m.said(1.0))
            must_be(got, [table[c] for c in text], name)
            m.end()
    with machine("-k", "de") as m:  # accents by themselves
        circumflex, grave, space = (0x29, ""), (0x0d, "s"), (0x39, "")
        m.hmp('type "^`a"')
        must_be(presses(m.said(1.0)), [circumflex, space, grave, space, (0x1e, "")])
        client = rfb.Client(m.vnc)
        client.tap(ord("^"))
        client.key(KEYSYM_SHIFT, True)
        client.tap(ord("`"))
        client.key(KEYSYM_SHIFT, False)
        must_be(presses(m.said()), [circumflex, space, grave, (0x39, "s")])  # Shift is the viewer's
        client.close()
        m.end()
    with machine("-k", "fr") as m:
        m.hmp("type ê")
        must_be(presses(m.said(1.0)), [(0x1a, ""), (0x12, "")], "dead circumflex and e")
        must_have(m.hmp("type 日"), "日", "-k")
        m.hmp('type "a\\n"')
        must_be(presses(m.said(1.0)), [(0x10, ""), (0x1c, "")])
        m.end()


@case
def other_keys():
    with machine("-k", "us") as m:
        client = rfb.Client(m.vnc)
        for keysym_, codes in ((0xff51, "E0 4B E0 CB"), (0xffff, "E0 53 E0 D3"), (0xffc0, "3D BD"), (0xffc9, "58 D8"),
                               (0xff1b, "01 81"), (0xffeb, "E0 5B E0 DB"), (0xff8d, "E0 1C E0 9C"), (0xffe4, "E0 1D E0 9D"),
                               (0xff55, "E0 49 E0 C9"), (0xffb7, "45 C5 47 C7")):  # keypad 7 needs Num Lock
            client.tap(keysym_)
            must_be(m.said().split(), codes.split(), hex(keysym_))
        client.key(KEYSYM_SHIFT, True)  # Shift and a cursor key are meant so
        client.tap(0xff51)
        client.key(KEYSYM_SHIFT, False)
        must_be(m.said().split(), f"{SHIFT} E0 4B E0 CB {SHIFT_UP}".split())
        client.key(KEYSYM_SHIFT, True)  # the viewer's Shift goes up first: another keysym is released
        client.key(ord("A"), True)
        client.key(KEYSYM_SHIFT, False)
        client.key(ord("a"), False)
        must_be(m.said().split(), f"{SHIFT} 1E {SHIFT_UP} 9E".split())
        client.key(0x12345678, True)  # no such key
        client.key(0x12345678, False)
        must_be(m.said(first=0), "")
        client.key(KEYSYM_CTRL, True)  # what a viewer holds when it leaves is released
        client.key(ord("c"), True)
        must_be(m.said().split(), "1D 2E".split())
        client.close()
        must_be(sorted(m.said().split()), "9D AE".split())
        m.end()


@case
def caps_lock_of_the_guest():
    """With its lamp lit, a letter's case is the other way round; the lamp is told to viewers."""
    with machine("-k", "us") as m:
        client = rfb.Client(m.vnc, encodings=(rfb.RAW, rfb.LED_STATE))
        client.settle()
        must("leds" in dict(e[:2] for e in client.events if len(e) > 1), "the lamps are told")
        client.tap(0xffbe)
        m.said()
        client.settle()
        must_be([e for e in client.events if e[0] == "leds"][-1], ("leds", 4))
        client.tap(ord("A"))
        client.tap(ord("a"))
        client.tap(ord("1"))
        must_be(presses(m.said()), [(0x1e, ""), (0x1e, "s"), (0x02, "")])
        client.tap(0xffbf)
        m.said()
        client.tap(ord("A"))
        must_be(presses(m.said()), [(0x1e, "s")])
        m.end()


@case
def extended_key_events():
    """A viewer that tells the keys' places: the layout does not matter."""
    with machine("-k", "fr") as m:
        client = rfb.Client(m.vnc, encodings=(rfb.RAW, rfb.EXTENDED_KEY))
        client.settle()
        must(("extended-key",) in client.events, "the server knows extended keys")
        for number, sym, codes in ((0x1e, 0x71, "1E 9E"), (0x1e, 0, "1E 9E"), (0xcb, 0xff51, "E0 4B E0 CB"), (0x56, 0x3c, "56 D6"),
                                   (0x73, 0x5f, "73 F3"), (0xdb, 0, "E0 5B E0 DB"), (0x9d, 0, "E0 1D E0 9D"), (0x7d, 0, "7D FD")):
            client.extended_key(number, sym, True)
            client.extended_key(number, sym, False)
            must_be(m.said().split(), codes.split(), hex(number))
        client.extended_key(0, 0x61, True)  # its place is unknown: the keysym counts
        client.extended_key(0, 0x61, False)
        must_be(m.said().split(), "10 90".split())
        client.extended_key(0xfffffff0, 0, True)
        must_be(m.said(first=0), "")
        m.end()


@case
def pointer():
    """The vmmouse's place is the viewer's place, in the corners and between; buttons and wheel; the monitor's commands."""
    with machine() as m:
        must_have(m.hmp("info mice"), "* Mouse #", "vmmouse (absolute)", "PS/2 mouse")
        client = rfb.Client(m.vnc, encodings=(rfb.RAW, rfb.POINTER_MOTION, rfb.DESKTOP_SIZE))
        client.settle()
        must(("absolute", 1) in client.events, "the viewer is told that the pointer is absolute")
        width, height = client.width, client.height
        for x, y in ((0, 0), (width - 1, height - 1), (width - 1, 0), (width // 3, height // 2)):
            client.pointer(x, y)
            got = m.expect(r"pointer (\w+) (\w+) (\w+) (\w+) \n")
            for value, at, size in ((got[1], x, width), (got[2], y, height)):
                must(abs(int(value, 16) - at * 0xffff / max(size - 1, 1)) < 0xffff / size + 2, f"{x},{y}: {got[0]!r}")
            must_be((got[3], got[4]), ("0000", "0000"))
        for mask, buttons, wheel in ((1, 0x20, 0), (0, 0, 0), (2, 8, 0), (6, 0x18, 0), (0, 0, 0), (8, 0, 0xffff), (0, 0, 0), (16, 0, 1),
                                     (0, 0, 0)):
            client.pointer(5, 5, mask)
            got = m.expect(r"pointer (\w+) (\w+) (\w+) (\w+) \n")
            must_be((int(got[3], 16), int(got[4], 16)), (wheel, buttons), f"buttons {mask}")
        client.pointer(65535, 65535, 1)  # outside; and then the viewer leaves with a button held
        got = m.expect(r"pointer (\w+) (\w+) (\w+) (\w+) \n")
        must_be((got[1], got[2], got[4]), ("FFFF", "FFFF", "0020"))
        client.close()
        must_be(m.expect(r"pointer (\w+) (\w+) (\w+) (\w+) \n")[4], "0000")
        m.hmp("mouse_move 16384 32767")
        got = m.expect(r"pointer (\w+) (\w+) (\w+) (\w+) \n")
        must_be((got[1], got[2]), ("8000", "FFFF"))
        m.hmp("mouse_button 2")
        must_be(m.expect(r"pointer (\w+) (\w+) (\w+) (\w+) \n")[4], "0008")
        m.hmp("mouse_button 0")
        number = m.hmp("info mice").split("PS/2")[0].rsplit("#", 1)[1].split(":")[0]
        m.hmp(f"mouse_set {number}")
        must_have(m.hmp("info mice"), f"* Mouse #{number}: PS/2")
        must_have(m.hmp("mouse_set 99"), "no mouse 99")
        must_have(m.hmp("mouse_move a b"), "'a'")
        m.end()


@case
def consoles_can_be_chosen():
    """Ctrl-Alt-1 goes to the first console, and is not the guest's; Ctrl-Alt-F1 is."""
    with machine("-k", "us") as m:
        client = rfb.Client(m.vnc)
        client.settle()
        client.key(KEYSYM_CTRL, True)
        client.key(0xffe9, True)
        client.tap(ord("1"))
        client.tap(0xffbe)
        client.key(0xffe9, False)
        client.key(KEYSYM_CTRL, False)
        must_be(m.said().split(), "1D 38 3B BB B8 9D".split())
        m.end()


if __name__ == "__main__":
    run_cases()
