# SPDX-License-Identifier: GPL-2.0-or-later
"""A running emulator for boot tests: its serial console (expect and send), its monitor, its screen's text, its end.

Every wait has a time limit; a test that fails shows the console so far. $RHEA is the emulator (QEMU understands the same
command line), $RHEA_ACCEL the accelerator, when it is not to choose itself. $RHEA_SLOW multiplies all limits.
"""
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

BUILD = os.path.abspath(os.environ.get("RHEA_BUILD", "build"))
SLOW = float(os.environ.get("RHEA_SLOW", "1"))
PROMPT = re.compile(r"\((?:qemu|rhea)\) $")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()=>][0-9A-Za-z]?|\r")
UNFINISHED = re.compile(r"\x1b(?:\[[0-9;?]*|[()])?$")


class Failure(Exception):
    """The guest or the emulator did not do what the test wants."""


def skip(why):
    print(why)
    sys.exit(77)


def need(path, package):
    """The path, or the end of the test as skipped."""
    if not os.path.exists(path):
        skip(f"no {path}: {package}")
    return path


def make_image(script, path):
    """A disk image by a script of this folder, or the end of the test as skipped where it cannot be made."""
    made = subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), script), path], check=False).returncode
    if made in (3, 4):
        skip(f"{script}: " + {3: "no package source can be reached", 4: "debootstrap needs root"}[made])
    elif made:
        raise SystemExit(f"{script} failed")


def read_ppm(path):
    """Width, height, pixels."""
    with open(path, "rb") as f:
        data = f.read()
    magic, width, height, top = data.split(maxsplit=4)[:4]
    if (magic, top) != (b"P6", b"255"):
        raise Failure(f"no PPM: {data[:20]!r}")
    width, height = int(width), int(height)
    pixels = data[-3 * width * height:]
    return width, height, pixels


def assemble_disk():
    """The boot sector of disk.S."""
    with tempfile.TemporaryDirectory(prefix="rhea-disk-") as folder:
        elf, raw = os.path.join(folder, "disk.elf"), os.path.join(folder, "disk.bin")
        subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-N,-Ttext=0x7c00,-e,0x7c00,--build-id=none",
                        "-Wl,-z,noexecstack,--no-warn-rwx-segments", "-o", elf,
                        os.path.join(os.path.dirname(os.path.abspath(__file__)), "disk.S")], check=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".text", elf, raw], check=True)
        with open(raw, "rb") as f:
            return f.read()


class Machine:
    def __init__(self, *arguments, memory=512, prefix=()):
        self.folder = tempfile.mkdtemp(prefix="rhea-boot-")
        self.monitor, self.text, self.seen, self.escape = None, "", 0, ""
        self.monitor_path = os.path.join(self.folder, "monitor")
        accel = os.environ.get("RHEA_ACCEL")
        self.command = [*prefix, os.environ["RHEA"], "-M", "pc", *(["-accel", accel] if accel else []), "-m", str(memory),
                        "-nographic", "-serial", "stdio", "-monitor", f"unix:{self.monitor_path},server=on,wait=off",
                        *arguments]
        print("$ " + " ".join(self.command), flush=True)
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read_console(self, seconds):
        """Waits for some output and adds it to self.text; false at the end of it."""
        if not select.select([self.process.stdout], [], [], max(0.0, seconds))[0]:
            return True
        data = os.read(self.process.stdout.fileno(), 65536).decode("utf-8", "replace")
        sys.stdout.write(data)
        sys.stdout.flush()
        held = UNFINISHED.search(self.escape + data) if data else None  # an escape sequence that the read cuts in two
        whole = self.escape + data
        self.escape = held[0] if held else ""
        self.text += ESCAPES.sub("", whole[:held.start()] if held else whole)
        return bool(data)

    def expect(self, pattern, limit=60):
        """Reads the console until the pattern matches after what was matched before; returns the match."""
        regex, end = re.compile(pattern, re.M), time.monotonic() + limit * SLOW
        while True:
            match = regex.search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            if time.monotonic() > end:
                raise Failure(f"no {pattern!r} on the console within {limit * SLOW:.0f} s")
            if not self.read_console(min(1.0, end - time.monotonic())):
                raise Failure(f"the emulator ended ({self.process.wait()}) before the console said {pattern!r}")

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_exit(self, limit=60):
        """The exit status, once the emulator has ended by itself."""
        end = time.monotonic() + limit * SLOW
        while self.read_console(min(1.0, end - time.monotonic())):
            if time.monotonic() > end:
                raise Failure(f"the emulator still runs after {limit * SLOW:.0f} s")
        return self.process.wait(10)

    def expect_exit(self, status=0, limit=120):
        got = self.wait_exit(limit)
        if got != status:
            raise Failure(f"the emulator ended with status {got}, not {status}")

    def monitor_read(self, limit):
        text, end = "", time.monotonic() + limit * SLOW
        while not PROMPT.search(text):
            self.monitor.settimeout(max(0.1, end - time.monotonic()))
            try:
                data = self.monitor.recv(65536)
            except TimeoutError:
                raise Failure(f"the monitor gives no prompt; so far: {text[-200:]!r}") from None
            if not data:
                break
            text += ESCAPES.sub("", data.decode("utf-8", "replace"))
        return text

    def hmp(self, command, limit=60):
        """What the human monitor answers to a command."""
        if self.monitor is None:
            end = time.monotonic() + limit * SLOW
            self.monitor = socket.socket(socket.AF_UNIX)
            while True:
                try:
                    self.monitor.connect(self.monitor_path)
                    break
                except OSError as error:
                    if time.monotonic() > end or self.process.poll() is not None:
                        raise Failure(f"no monitor: {error}") from None
                    time.sleep(0.05)
            self.monitor_read(limit)
        self.monitor.sendall(command.encode() + b"\n")
        answer = PROMPT.sub("", self.monitor_read(limit))
        return answer.split("\n", 1)[1] if "\n" in answer else answer

    def screen(self):
        """The 25 lines of the text screen, read from the video memory."""
        words = re.findall(r"0x([0-9a-f]{4})\b", self.hmp("xp /2000hx 0xb8000"))
        cells = "".join(chr(int(word, 16) & 0xFF) if 32 <= int(word, 16) & 0xFF < 127 else " " for word in words)
        return [cells[i:i + 80].rstrip() for i in range(0, 2000, 80)]

    def expect_screen(self, pattern, limit=60):
        """Waits until the pattern matches the text of the screen."""
        end = time.monotonic() + limit * SLOW
        while True:
            lines = self.screen()
            match = re.search(pattern, "\n".join(lines))
            if match:
                print("screen:\n" + "\n".join("  | " + line for line in lines if line), flush=True)
                return match
            if time.monotonic() > end:
                print("screen:\n" + "\n".join("  | " + line for line in lines), flush=True)
                raise Failure(f"no {pattern!r} on the screen within {limit * SLOW:.0f} s")
            self.read_console(0.5)


def run_cases(*cases):
    """Runs the functions of a test program one after another, with a TAP line each, and ends the program."""
    failed = 0
    for number, case in enumerate(cases, 1):
        start = time.monotonic()
        try:
            case()
            verdict, note = "ok", f"{time.monotonic() - start:.1f} s"
        except Failure as failure:
            verdict, note = "not ok", str(failure)
            failed += 1
        print(f"\n{verdict} {number} - {case.__name__}: {note}", flush=True)
    sys.exit(1 if failed else 0)
