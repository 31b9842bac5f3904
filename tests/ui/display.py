# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of displays share: an emulator with a guest of ours or a BIOS, its monitor and its debug console."""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import rfb  # pylint: disable=wrong-import-position
from checks import CASES, case, must, must_be, must_have  # pylint: disable=wrong-import-position,unused-import

BUILD = os.path.abspath(os.environ.get("RHEA_BUILD", "build"))
RHEA = os.environ.get("RHEA", f"{BUILD}/rhea-system-x86_64")
SLOW = float(os.environ.get("RHEA_SLOW", "1"))
PROMPT = re.compile(r"\((?:qemu|rhea)\) $")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, what, limit=20):
    end = time.monotonic() + limit * SLOW
    while not condition():
        must(time.monotonic() < end, f"within {limit * SLOW:.0f} s not: {what}")
        time.sleep(0.02)


class Machine:
    """The emulator; @guest: a ROM of tests/ui, or None for the PC's own BIOS."""

    def __init__(self, *arguments, guest=None, memory=32, environment=None):
        self.folder = tempfile.mkdtemp(prefix="rhea-ui-")
        self.vnc, self.path = os.path.join(self.folder, "vnc"), os.path.join(self.folder, "monitor")
        accel = os.environ.get("RHEA_ACCEL")
        rom = ["-bios", f"{BUILD}/tests/ui/{guest}.bin", "-debugcon", "stdio"] if guest else ["-boot", "n"]
        self.command = [RHEA, "-M", "pc", *(["-accel", accel] if accel else []), "-m", str(memory), "-nodefaults", "-vga", "std", *rom,
                        "-monitor", f"unix:{self.path},server=on,wait=off",
                        *(a.replace("{folder}", self.folder) for a in arguments)]
        print("$ " + " ".join(self.command), flush=True)
        self.text, self.monitor = "", None
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, **(environment or {})})

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if kind:
            print(f"the guest said: {self.text[-500:]!r}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def expect(self, pattern, limit=20):
        """Reads what the guest says until it matches; what was before the end of the match is forgotten."""
        end = time.monotonic() + limit * SLOW
        while not (match := re.search(pattern, self.text)):
            left = end - time.monotonic()
            must(left > 0, f"no {pattern!r} within {limit * SLOW:.0f} s, only {self.text[-300:]!r}")
            if select.select([self.process.stdout], [], [], left)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                must(data, f"the emulator ended before {pattern!r}: {self.text[-300:]!r}")
                self.text += data.decode("utf-8", "replace")
        self.text = self.text[match.end():]
        return match

    def said(self, quiet=0.3, first=10):
        """What the guest says until it is quiet; it has @first seconds to begin."""
        while select.select([self.process.stdout], [], [], (quiet if self.text else max(quiet, first)) * SLOW)[0]:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                break
            self.text += data.decode("utf-8", "replace")
        text, self.text = self.text, ""
        return text

    def hmp(self, command, limit=30):
        if self.monitor is None:
            self.monitor = socket.socket(socket.AF_UNIX)
            wait_until(lambda: os.path.exists(self.path), "the monitor's socket")
            self.monitor.connect(self.path)
            self.read_prompt(limit)
        self.monitor.sendall(command.encode() + b"\n")
        answer = PROMPT.sub("", self.read_prompt(limit))
        return answer.split("\n", 1)[1] if "\n" in answer else answer

    def read_prompt(self, limit):
        text = ""
        self.monitor.settimeout(limit * SLOW)
        while not PROMPT.search(text):
            data = self.monitor.recv(65536)
            must(data, f"the monitor ended: {text!r}")
            text += ESCAPES.sub("", data.decode("utf-8", "replace"))
        return text

    def end(self):
        """quit, and a clean end."""
        self.hmp("info status")
        self.monitor.sendall(b"quit\n")
        must_be(self.process.wait(20 * SLOW), 0, "exit status")

    def rss(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) // 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connect(machine, **more):
    """A viewer on the machine's VNC socket."""
    wait_until(lambda: os.path.exists(machine.vnc), "the VNC socket")
    return rfb.Client(machine.vnc, **more)


def refused(expected, function):
    """@function is a viewer that is not let in, with @expected among the words."""
    try:
        function()
    except (rfb.Broken, OSError) as error:
        must_have(str(error), expected)
        return
    raise AssertionError("it was let in")


def read_ppm(path):
    with open(path, "rb") as f:
        data = f.read()
    magic, width, height, top = data.split(maxsplit=4)[:4]
    must_be((magic, top), (b"P6", b"255"))
    width, height = int(width), int(height)
    return width, height, data[len(data) - width * height * 3:]


def run_cases():
    only, failed, number = sys.argv[1:], 0, 0
    for function in CASES:
        if only and function.__name__ not in only:
            continue
        number += 1
        start = time.monotonic()
        try:
            function()
            print(f"ok {number} - {function.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        except Exception as error:  # whatever it was, the other cases run
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print(f"not ok {number} - {function.__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)
