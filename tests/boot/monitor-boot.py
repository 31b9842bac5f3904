#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor beside a running guest (SeaBIOS, and then GRUB's menu): every info command answers, memory and ports can be
looked at, the guest stops and goes on, and a picture of the screen looks as the menu does."""
import re
import struct
import zlib

from machine import BUILD, Failure, Machine, need, read_ppm, run_cases

GRUB = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso"


def must_have(text, *parts):
    for part in parts:
        if not re.search(part, text):
            raise Failure(f"no {part!r} in {text!r}")


def commands():
    with Machine("-smp", "2", "-name", "bird", "-boot", "order=n", memory=32) as machine:
        machine.expect(r"No bootable device", 60)
        names = re.findall(r"^info (\w+)", machine.hmp("help info"), re.M)
        if len(names) < 12:
            raise Failure(f"help info names only {names}")
        for name in names:
            answer = machine.hmp(f"info {name}")
            print(f"info {name}: {len(answer)}")
            if not answer.strip() or "unknown" in answer:
                raise Failure(f"info {name}: {answer!r}")
        must_have(machine.hmp("info status"), r"^VM status: running")
        must_have(machine.hmp("info cpus"), r"\* CPU #0: thread_id=\d+", r"CPU #1: thread_id=\d+")
        must_have(machine.hmp("info registers"), r"RIP=|EIP=", r"CR0=[0-9a-f]{8}", r"GDT=")
        must_have(machine.hmp("info registers -a"), "CPU#0", "CPU#1")
        must_have(machine.hmp("info pci"), r"Host bridge: PCI device 8086:1237", r"IDE controller: PCI device 8086:7010")
        must_have(machine.hmp("info mtree"), r"pc\.ram", r"ioapic|0*fec00000")
        must_have(machine.hmp("info pic"), r"pic0: irr=[0-9a-f]{2} imr=[0-9a-f]{2}")
        must_have(machine.hmp("info name"), "bird")
        must_have(machine.hmp("xp /5bx 0xffff0"), r"^0*ffff0: 0xea 0x5b 0xe0 0x00 0xf0")
        must_have(machine.hmp("x /5bx 0xffff0"), r"0xea 0x5b 0xe0 0x00 0xf0")
        must_have(machine.hmp("o /b 0x70 0x0f") + machine.hmp("i /b 0x71"), r"portb\[0x0071\] = ")
        machine.hmp("stop")
        must_have(machine.hmp("info status"), r"^VM status: paused")
        registers = machine.hmp("info registers")
        ip, base = (int(re.search(p, registers, re.M)[1], 16) for p in (r"[ER]IP=([0-9a-f]+)", r"^CS =[0-9a-f]+ ([0-9a-f]+)"))
        must_have(machine.hmp("p $pc"), f"^{ip + base}\\b")  # linear, whatever the mode
        machine.hmp("cont")
        must_have(machine.hmp("info status"), r"^VM status: running")
        must_have(machine.hmp("inof status"), "^unknown command: 'inof'")
        machine.hmp("quit")
        machine.expect_exit(0)


def read_png(path):
    """Width, height and RGB pixels of a PNG of 8 bits a channel; the filters are those of the PNG specification."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise Failure(f"no PNG: {data[:8]!r}")
    at, body, header = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + length]
        if zlib.crc32(kind + chunk) != struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0]:
            raise Failure(f"a bad checksum of {kind!r}")
        header = struct.unpack(">IIBBBBB", chunk) if kind == b"IHDR" else header
        body += chunk if kind == b"IDAT" else b""
        at += 12 + length
    width, height, depth, colour = header[:4]
    if depth != 8 or colour != 2:
        raise Failure(f"a PNG of depth {depth}, colour type {colour}")
    raw, stride, above, out = zlib.decompress(body), 3 * width, bytes(3 * width), []
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride if kind else 0):
            left, corner = (line[x - 3], above[x - 3]) if x >= 3 else (0, 0)
            if kind == 4:
                guess = left + above[x] - corner
                near = min((abs(guess - left), 0, left), (abs(guess - above[x]), 1, above[x]), (abs(guess - corner), 2, corner))
                add = near[2]
            else:
                add = (0, left, above[x], (left + above[x]) // 2)[kind]
            line[x] = (line[x] + add) & 0xFF
        out.append(bytes(line))
        above = line
    return width, height, b"".join(out)


def screendump():
    """GRUB's menu in text mode: black with grey letters, and the chosen entry the other way round."""
    ppm, png = BUILD + "/test-logs/grub.ppm", BUILD + "/test-logs/grub.png"
    with Machine("-cdrom", need(GRUB, "grub-rescue-pc"), "-boot", "d", memory=64) as machine:
        machine.expect_screen(r"The highlighted entry", 120)
        machine.hmp("stop")
        for answer in (machine.hmp(f"screendump {ppm}"), machine.hmp(f"screendump {png} -f png")):
            if answer.strip():
                raise Failure(answer)
        machine.hmp("quit")
        machine.expect_exit(0)
    width, height, pixels = read_ppm(ppm)
    if (width, height) != (720, 400):
        raise Failure(f"the picture is {width}x{height}")
    if read_png(png) != (width, height, pixels):
        raise Failure("the PNG and the PPM differ")

    def share_of_light(line):
        """Of the pixels of a text line inside the menu's frame."""
        inside = [pixels[3 * (y * width + x)] for y in range(16 * line, 16 * line + 16) for x in range(9 * 3, 9 * 76)]
        return sum(value > 0x60 for value in inside) / len(inside)

    chosen, other, empty = share_of_light(4), share_of_light(5), share_of_light(15)
    print(f"light: chosen {chosen:.2f}, other {other:.2f}, empty {empty:.2f}")
    if not (chosen > 0.9 and 0.01 < other < 0.2 and empty == 0):
        raise Failure("the picture is not GRUB's menu")


run_cases(commands, screendump)
