# SPDX-License-Identifier: GPL-2.0-or-later
"""Measurements of the VNC server: the same guest (tests/ui/screen.S) and the same client for both emulators.

A screen is as many pixels as 1024x768 has: the guest repaints all of it 200 times a second, the client asks for the next update when it
has one, without compression. CPU time is that of all threads but the vCPU's. Key to pixel: from sending a key to having the
block that the guest paints for it, while nothing else happens."""
import os
import statistics
import subprocess
import sys
import tempfile
import time

from places import BUILD, Broken

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ui"))
import rfb  # noqa: E402

SCREEN, SECONDS, KEYS = f"{BUILD}/tests/ui/screen.bin", 3.0, 20


class Sink(rfb.Client):
    """Takes pixels and does not look at them: what the client costs must not matter."""

    def put(self, x, y, w, h, data):
        pass


def thread_seconds(pid):
    """CPU seconds of each thread."""
    out = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
                out[tid] = int(f.read().split()[0]) / 1e9
        except OSError:
            pass  # it has ended
    return out


class Guest:
    def __init__(self, emulator):
        self.folder = tempfile.mkdtemp(prefix="rhea-screen-")
        self.path = os.path.join(self.folder, "vnc")
        self.process = subprocess.Popen(emulator + ["-M", "pc", "-m", "32", "-nodefaults", "-vga", "std", "-bios", SCREEN, "-debugcon",
                                                    "stdio", "-vnc", f"unix:{self.path}"], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        if self.process.stdout.readline().strip() != b"screen":
            raise Broken("the guest of the screen did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)

    def vcpu(self):
        """The thread that runs the guest: the one that works while nobody looks."""
        before = thread_seconds(self.process.pid)
        time.sleep(0.7)
        after = thread_seconds(self.process.pid)
        return max(after, key=lambda tid: after[tid] - before.get(tid, 0))


def repaint(emulator):
    """Milliseconds, and milliseconds of CPU time, a screen."""
    with Guest(emulator) as guest:
        client = Sink(guest.path)
        client.tap(0xff1b)
        time.sleep(0.3)
        vcpu = guest.vcpu()
        client.frame(incremental=False)
        client.frame()
        before, start, bytes_before = thread_seconds(guest.process.pid), time.monotonic(), client.bytes
        while time.monotonic() < start + SECONDS:
            client.frame()
        took, after = time.monotonic() - start, thread_seconds(guest.process.pid)
        screens = (client.bytes - bytes_before) / (client.width * client.height * 4)
        client.close()
        spent = sum(after[tid] - before.get(tid, 0) for tid in after if tid != vcpu)
        return took / screens * 1000, spent / screens * 1000


def screen_time(emulator):
    return repaint(emulator)[0]


def screen_cpu(emulator):
    return repaint(emulator)[1]


def key_to_pixel(emulator):
    with Guest(emulator) as guest:
        client = rfb.Client(guest.path)
        client.settle()
        times = []
        for i in range(KEYS):
            time.sleep(0.2 + i * 7 % 10 / 100)  # not in step with anybody's timer
            old, start = client.pixel(5, 5), time.monotonic()
            client.tap(0x61)
            while client.pixel(5, 5) == old:
                client.request()
                client.message()
            times.append((time.monotonic() - start) * 1000)
        client.close()
        return statistics.median(times)


# As single.MEASUREMENTS.
MEASUREMENTS = [
    ("VNC: a full screen of 1024x768", "screen", "ms", screen_time, 3, 2.0),
    ("VNC: CPU time of a full screen", "screen", "ms", screen_cpu, 3, 1.0),
    ("VNC: key to pixel", "screen", "ms", key_to_pixel, 3, 1.0),
]
