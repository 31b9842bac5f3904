# SPDX-License-Identifier: GPL-2.0-or-later
"""Measurements that start an emulator for each value: start-up, memory, boot, and a flat guest's loop."""
import resource
import statistics
import subprocess
import time

from places import BUILD, INITRAMFS, KERNEL, Broken, Console

PAUSED = ["-M", "pc", "-m", "512", "-S", "-nodefaults", "-display", "none", "-serial", "none", "-monitor", "stdio"]
BOOT = ["-M", "pc", "-cpu", "max", "-m", "512", "-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none",
        "-kernel", KERNEL, "-initrd", INITRAMFS, "-append", "console=ttyS0 quiet"]
LOOP, LOOP_INSTRUCTIONS = f"{BUILD}/tests/bench/integer-loop.bin", 500e6


def start_up_time(emulator):
    """Seconds from exec to the end of a paused machine that was told to quit beforehand."""
    start = time.monotonic()
    done = subprocess.run(emulator + PAUSED, input=b"quit\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    took = time.monotonic() - start
    if done.returncode != 0:
        raise Broken(f"exit status {done.returncode}: {done.stdout.decode()[-300:]!r}")
    return took


def start_up_memory(emulator):
    """Peak resident MiB of a paused machine, read at its monitor's prompt."""
    console = Console(emulator + PAUSED)
    try:
        console.read_until(r"\((qemu|rhea)\) ", 60)
        return console.memory()
    finally:
        console.close()


def boot_time(emulator):
    """Seconds from exec to the first line of the guest's own init."""
    start, console = time.monotonic(), Console(emulator + BOOT)
    try:
        console.read_until(r"RHEA-USERLAND", 600)
        return time.monotonic() - start
    finally:
        console.close()


def integer_loop(emulator):
    """Nanoseconds of CPU time per guest instruction of tests/bench/integer-loop.S, start-up included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = subprocess.run(emulator + ["-M", "pc", "-m", "16", "-nodefaults", "-display", "none", "-bios", LOOP, "-no-reboot",
                                      "-device", "isa-debug-exit,iobase=0xf4,iosize=4"], check=False, timeout=300).returncode
    if code != 33:
        raise Broken(f"exit status {code}, not the 33 of a passed guest")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9 / LOOP_INSTRUCTIONS


# name, group, unit, function, values for each emulator at the default three rounds, the least that QEMU's value divided by Rhea's
# may be (None: no bar)
MEASUREMENTS = [
    ("start-up to a paused machine", "machine", "s", start_up_time, 9, 1.0),
    ("peak memory of a paused machine", "machine", "MiB", start_up_memory, 3, 2.0),
    ("flat loop, a guest instruction", "machine", "ns", integer_loop, 3, 3.0),
    ("boot of the cloud kernel to userland", "boot", "s", boot_time, 3, 1.3),
]


def measure(row, rhea, qemu, rounds):
    """Alternates between the two emulators; the row of the table."""
    name, group, unit, function, values_wanted, bar = row
    values = {"rhea": [], "qemu": []}
    for number in range(max(1, values_wanted * rounds // 3)):
        # Who goes first alternates too.
        for who in ("rhea", "qemu") if number % 2 == 0 else ("qemu", "rhea"):
            values[who].append(function(rhea if who == "rhea" else qemu))
    middle = {who: statistics.median(values[who]) for who in values}
    ratio = middle["qemu"] / middle["rhea"]
    return {"name": name, "group": group, "unit": unit, "bar": bar, "ratio": ratio, "met": bar is None or ratio >= bar,
            "values": values, **middle}
