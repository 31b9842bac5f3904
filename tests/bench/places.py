# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the benchmark's programs run: a guest of an emulator (Guest), or the host itself (Native)."""
import collections
import glob
import os
import re
import select
import subprocess
import time

BUILD = os.environ.get("RHEA_BUILD", "build")
RHEA = os.environ.get("RHEA", f"{BUILD}/rhea-system-x86_64")
QEMU = "qemu-system-x86_64"
KERNEL, INITRAMFS = "build/guest/cloud.vmlinuz", "build/guest/cloud.cpio"
ROOT = f"{BUILD}/bench/root"
ANSWER = re.compile(r"^@(result|missing|failed|unknown) (\S+)(?: ([0-9a-f]{16}) (\d+) (\d+))?\r?\n", re.M)
# The guest's clock and the host's must agree about a run, but for the time that the serial line takes.
CLOCK_SLACK, CLOCK_RATIO = 0.5, 0.1

Run = collections.namedtuple("Run", "checksum seconds cpu")  # by the clock of the place; by the host's CPU clock


class Broken(Exception):
    """A measurement that did not come to its end."""


class Missing(Exception):
    """A program that cannot run here: the CPU or a file lacks."""


class Console:
    """A process and what it prints."""

    def __init__(self, command, **kw):
        self.command, self.text, self.seen = command, "", 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)

    def read_until(self, pattern, limit):
        """Reads the output until the pattern matches what was not matched before; the match."""
        end = time.monotonic() + limit
        regex = re.compile(pattern, re.M) if isinstance(pattern, str) else pattern
        while True:
            match = regex.search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Broken(f"no {regex.pattern!r} within {limit} s; so far: {self.text[-300:]!r}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Broken(f"ended before {regex.pattern!r}: {self.text[-300:]!r}")
            self.text += data.decode("utf-8", "replace")

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def memory(self, what="VmHWM"):
        """MiB of resident memory: VmHWM the peak, VmRSS now."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(what + r":\s+(\d+)", f.read())[1]) / 1024

    def cpu(self):
        """CPU seconds that the threads of the process have used."""
        total = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            try:
                with open(path, encoding="ascii") as f:
                    total += int(f.read().split()[0])
            except OSError:
                pass  # the thread has just ended
        return total / 1e9

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Guest:
    """A guest of an emulator that serves runs on its serial line (tests/bench/guest/bench.c). Started when it is needed."""

    def __init__(self, name, emulator, cpus):
        self.name, self.console = name, None
        self.command = emulator + [
            "-M", "pc", "-cpu", "max", "-m", "1024", "-smp", str(cpus), "-nodefaults", "-display", "none", "-serial", "stdio",
            "-monitor", "none", "-kernel", KERNEL, "-initrd", ROOT + ".cpio", "-append", "console=ttyS0 quiet rdinit=/bench"]
        self.about, self.memory_at_boot, self.hopeless = "", 0.0, False

    def boot(self):
        if self.hopeless:
            raise Broken("the guest does not boot")
        self.console, self.hopeless = Console(self.command), True
        self.console.read_until(r"^RHEA-BENCH ready", 600)
        self.hopeless = False
        self.memory_at_boot = self.console.memory("VmRSS")
        self.console.send("about\n")
        self.about = self.console.read_until(r"^@about ([^\r\n]*)\r?\n", 60)[1]

    def run(self, program, size, copies, limit):
        if not self.console:
            self.boot()
        self.console.send(f"run {program} {size} {copies}\n")
        match = self.console.read_until(re.compile(rf"^@start {program}\r?\n|{ANSWER.pattern}", re.M), limit)
        if match[0].startswith("@missing"):
            raise Missing(program)
        if not match[0].startswith("@start"):
            raise Broken(match[0].strip())
        cpu, start = self.console.cpu(), time.monotonic()
        self.console.send("go\n")
        self.console.read_until(rf"^@stop {program}\r?\n", limit)
        cpu, took = self.console.cpu() - cpu, time.monotonic() - start
        match = self.console.read_until(ANSWER, limit)
        if match[1] != "result":
            raise Broken(match[0].strip())
        seconds = int(match[4]) / 1e9
        if abs(seconds - took) > CLOCK_SLACK + CLOCK_RATIO * took:
            raise Broken(f"the guest's clock says {seconds:.2f} s, the host's {took:.2f} s")
        return Run(match[3], seconds, cpu)

    def peak(self):
        return self.console.memory() if self.console else 0.0

    def close(self):
        if self.console:
            self.console.close()
            self.console = None


class Native:
    """The host."""

    name = "native"

    def run(self, program, size, copies, limit):
        console = Console([os.path.abspath(f"{ROOT}/bench"), "run", program, str(size), str(copies)], cwd=ROOT)
        try:
            match = console.read_until(ANSWER, limit)
        finally:
            console.close()
        if match[1] == "missing":
            raise Missing(program)
        if match[1] != "result":
            raise Broken(match[0].strip())
        return Run(match[3], int(match[4]) / 1e9, int(match[5]) / 1e9)

    def close(self):
        pass
