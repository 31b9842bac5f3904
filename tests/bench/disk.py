# SPDX-License-Identifier: GPL-2.0-or-later
"""Measurements of a guest's disk: random reads through IDE (tests/bench/ide-read.S)."""
import os
import subprocess
import time

from places import BUILD, Broken

READS, READ_COUNT, BLOCKS = f"{BUILD}/tests/bench/ide-read.bin", 20000, 16384
DISK = f"{BUILD}/bench/disk"


def make_disk(image_format):
    """64 MiB whose blocks of 4 KiB begin with their number; the file's name."""
    image = f"{DISK}.{image_format}"
    if image_format != "raw":
        subprocess.run(["qemu-img", "convert", "-O", image_format, make_disk("raw"), image], check=True)
    elif not os.path.exists(image):
        os.makedirs(os.path.dirname(image), exist_ok=True)
        with open(image, "wb") as f:
            for number in range(BLOCKS):
                f.write(number.to_bytes(4, "little") + bytes([number * 7 & 255]) * 4092)
    return image


def ide_reads(emulator, image_format):
    """Microseconds for a random 4 KiB read by DMA from an IDE disk in the page cache, start-up included."""
    image = make_disk(image_format)
    start = time.monotonic()
    code = subprocess.run(emulator + ["-M", "pc", "-m", "16", "-nodefaults", "-display", "none", "-bios", READS, "-no-reboot",
                                      "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                                      "-drive", f"file={image},format={image_format},if=ide,index=0"],
                          check=False, timeout=120).returncode
    if code != 33:
        raise Broken(f"exit status {code}, not the 33 of a passed guest")
    return (time.monotonic() - start) * 1e6 / READ_COUNT


def ide_reads_raw(emulator):
    return ide_reads(emulator, "raw")


def ide_reads_qcow2(emulator):
    return ide_reads(emulator, "qcow2")


MEASUREMENTS = [
    ("random 4 KiB reads through IDE, raw", "disk", "us", ide_reads_raw, 3, 1.2),
    ("random 4 KiB reads through IDE, qcow2", "disk", "us", ide_reads_qcow2, 3, 1.2),
]
