# SPDX-License-Identifier: GPL-2.0-or-later
"""Measurements of rhea-img beside qemu-img: convert, compressed convert, check of a large image; time and peak memory, warm cache."""
import os
import random
import subprocess
import time

from places import BUILD, Broken

FOLDER = f"{BUILD}/bench"
SOURCE, SOURCE_QCOW2, TABLES, OUTPUT = (f"{FOLDER}/{name}" for name in ("source.raw", "source.qcow2", "tables.qcow2", "output.img"))


def make_source():
    """256 MiB: text-like data that compress to a half, and holes; as raw and as qcow2."""
    if os.path.exists(SOURCE_QCOW2):
        return
    rng = random.Random(1)
    words = [rng.randbytes(rng.randrange(3, 12)) for _ in range(3000)]
    os.makedirs(FOLDER, exist_ok=True)
    with open(SOURCE, "wb") as f:
        f.truncate(256 << 20)
        for piece in range(0, 256, 2):
            if piece % 8 != 6:
                f.seek(piece << 20)
                f.write(b"".join(rng.choice(words) for _ in range(300000))[:2 << 20])
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", SOURCE, SOURCE_QCOW2], check=True)


def make_tables():
    """1 TiB with all its tables: 2 GiB of L2 tables and 32 MiB of refcounts."""
    if not os.path.exists(TABLES):
        os.makedirs(FOLDER, exist_ok=True)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", TABLES, "1T"], check=True)


def peak_memory(pid):
    """MiB that the process has had resident so far, by its own memory map: ru_maxrss begins with what its parent had."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return next((int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def run_tool(emulator, memory, *args):
    """The seconds that the image tool which belongs to the emulator takes, or its peak MiB."""
    tool = "qemu-img" if "qemu" in os.path.basename(emulator[0]) else f"{BUILD}/rhea-img"
    if os.path.exists(OUTPUT):
        os.unlink(OUTPUT)
    peak, start = 0, time.monotonic()
    with subprocess.Popen([tool, *args]) as process:
        while memory and process.poll() is None:
            peak = max(peak, peak_memory(process.pid))
            time.sleep(0.001)
        status = process.wait()
    took = time.monotonic() - start
    if status != 0:
        raise Broken(f"{tool} {' '.join(args)}: exit status {status}")
    return peak if memory else took


def measurement(make, memory, *args):
    def measure(emulator):
        make()
        return run_tool(emulator, memory, *args)
    return measure


def convert(*args, memory=False):
    return measurement(make_source, memory, "convert", *args, OUTPUT)


ZLIB = ("-c", "-f", "raw", "-O", "qcow2", SOURCE)
TO_QCOW2 = ("-f", "raw", "-O", "qcow2", SOURCE)
CHECK = ("check", "-q", "-f", "qcow2", TABLES)
TO_RAW = ("-f", "qcow2", "-O", "raw", SOURCE_QCOW2)
MEASUREMENTS = [
    ("convert raw to qcow2", "image", "s", convert(*TO_QCOW2), 5, 1.0),
    ("convert qcow2 to raw", "image", "s", convert(*TO_RAW), 5, 1.0),
    ("convert -c, zlib", "image", "s", convert(*ZLIB), 3, 1.5),
    ("convert -c, zstd", "image", "s", convert("-o", "compression_type=zstd", *ZLIB), 3, 1.5),
    ("convert raw to qcow2, peak memory", "image", "MiB", convert(*TO_QCOW2, memory=True), 3, 1.0),
    ("convert qcow2 to raw, peak memory", "image", "MiB", convert(*TO_RAW, memory=True), 3, 1.0),
    ("convert -c, peak memory", "image", "MiB", convert(*ZLIB, memory=True), 3, 1.0),
    ("check of 1 TiB with full tables", "image", "s", measurement(make_tables, False, *CHECK), 3, 2.0),
    ("check, peak memory", "image", "MiB", measurement(make_tables, True, *CHECK), 3, 1.0),
]
