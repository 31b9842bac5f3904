#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The translator as its user sees it: options, figures, memory, and a guest that the monitor can always stop."""
import os
import re
import select
import socket
import subprocess
import time

from cli import RHEA, case, fails, main, must, must_be, must_have

BUILD = os.environ.get("RHEA_BUILD", "build")
PC = ["-M", "pc", "-m", "16", "-nodefaults", "-display", "none", "-no-reboot"]
EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
LOOPS = 18  # of tests/guest/endless.S


def guest(name):
    return ["-bios", f"{BUILD}/tests/guest/{name}.bin"]


def run_guest(name, options, *more):
    """Runs a flat guest to its end: what was said on standard output and standard error."""
    done = subprocess.run([RHEA, "-accel", options, *PC, *EXIT, *guest(name), "-debugcon", "stdio", *more], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    must_be(done.returncode, 33, f"{name}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Monitored:
    """A machine with its monitor on pipes."""

    def __init__(self, *args):
        self.process = subprocess.Popen([RHEA, *PC, *args, "-monitor", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.text = ""

    def command(self, text, answer, seconds=10):
        """Seconds until the answer was there."""
        start = time.monotonic()
        self.text = ""
        os.write(self.process.stdin.fileno(), (text + "\n").encode())
        while answer not in self.text:
            left = start + seconds - time.monotonic()
            must(left > 0, f"{text}: no {answer!r} in {seconds} s, but {self.text!r}")
            if select.select([self.process.stdout], [], [], left)[0]:
                got = os.read(self.process.stdout.fileno(), 65536)
                must(got, f"{text}: the emulator ended: {self.text!r}")
                self.text += got.decode(errors="replace")
        return time.monotonic() - start

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@case
def options_are_checked():
    must_have(fails("-accel", "jit,foo=bar", "-M", "none"), "no parameter 'foo'", "tb-size, perfmap, verify")
    must_have(fails("-accel", "jit,verfy=on", "-M", "none"), "no parameter 'verfy'", "Did you mean 'verify'?")
    must_have(fails("-accel", "jit,verify=maybe", "-M", "none"), "verify must be 'on' or 'off', not 'maybe'")
    must_have(fails("-accel", "jit,perfmap=2", "-M", "none"), "perfmap must be 'on' or 'off', not '2'")
    for value, parts in (("7", "tb-size is 7"), ("1025", "tb-size is 1025"), ("-1", "tb-size is -1"), ("abc", "not 'abc'"),
                         ("", "not ''"), ("8.5", "not '8.5'"), ("99999999999999999999999", "99999999999999999999999")):
        must_have(fails("-accel", f"jit,tb-size={value}", "-M", "none"), "tb-size", parts, "8 to 1024")
    must_have(fails("-accel", "jit,verify=on", "-smp", "2", *PC), "one vCPU only", "Use -smp 1.")
    must_have(fails("-accel", "tcg,foo=bar", "-M", "none"), "'foo'")


@case
def sizes_at_the_limits():
    for size in 8, 1024:
        must_have(run_guest("long-basic", f"jit,tb-size={size}"), "PASS")


def mappings(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii") as f:
        return [line.split() for line in f]


@case
def code_is_never_writable_and_executable():
    with Monitored("-accel", "jit,tb-size=8", "-smp", "2", *guest("stress")) as machine:
        time.sleep(0.3)
        machine.command("info status", "VM status: running")
        rows = mappings(machine.process.pid)
        machine.command("quit", "")
    must_be([row for row in rows if "w" in row[1] and "x" in row[1]], [], "writable and executable")
    size = 8 << 20
    code = [row for row in rows if row[1] == "r-xs"]
    must(sum(1 for row in code if 0 <= int(row[0].split("-")[1], 16) - int(row[0].split("-")[0], 16) - size < 1 << 17) == 2,
         f"a mapping of 8 MiB for code, for each vCPU: {code}")


@case
def figures():
    """The guest makes 2 * 200000 + 2000 turns of eight instructions; some is added around."""
    text = run_guest("straddle", "jit", "-d", "jit-stats")
    must_have(text, "jit: vCPU 0: ", "blocks of", "call C", "TLB misses", "links made", "links undone", "chunks evicted 0",
              "instructions by C:")
    executed = int(re.search(r"executed: (\d+) instructions", text)[1])
    must(3_216_000 <= executed < 4_500_000, f"{executed} instructions")
    text = run_guest("evict", "jit,tb-size=8", "-d", "jit-stats")
    must(int(re.search(r"chunks evicted (\d+)", text)[1]) > 10 and int(re.search(r"written or replaced \d+, evicted (\d+)", text)[1]), text)
    text = run_guest("self-modify", "jit", "-d", "jit-stats")
    must(int(re.search(r"blocks dropped: written (\d+)", text)[1]) > 10, text)


@case
def perf_map():
    with Monitored("-accel", "jit,perfmap=on", "-S", *guest("endless")) as machine:
        name = f"/tmp/perf-{machine.process.pid}.map"
        machine.command("cont", "")
        time.sleep(0.3)
        machine.command("stop", "")
        machine.command("info status", "paused")
        ranges = [[int(x, 16) for x in row[0].split("-")] for row in mappings(machine.process.pid) if row[1] == "r-xs"]
        with open(name, encoding="ascii") as f:
            lines = f.read().splitlines()
    os.unlink(name)
    must(len(lines) > 50, f"{len(lines)} lines")
    for line in lines:
        start, size, what = re.fullmatch(r"([0-9a-f]+) ([0-9a-f]+) (\S+)", line).groups()
        must(any(low <= int(start, 16) and int(start, 16) + int(size, 16) <= high for low, high in ranges), line)
        must(re.fullmatch(r"(block|cold)_[0-9a-f]+|[a-z_0-9]+", what), line)


@case
def difference_is_reported():
    """verify=on on what it can run: no difference, and it did compare."""
    text = run_guest("long-basic", "jit,verify=on", "-d", "jit-stats")
    must(int(re.search(r"as the interpreter's: (\d+)", text)[1]) > 20, text)


def thread_seconds(pid):
    """Processor time of each vCPU's thread."""
    times = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as f:
            name, fields = re.fullmatch(r"\d+ \((.*)\) (.*)", f.read().strip()).groups()
        if name.startswith("CPU "):
            times[int(name[4:].split("/")[0])] = sum(int(n) for n in fields.split()[11:13]) / os.sysconf("SC_CLK_TCK")
    return times


def ask(line, letter):
    """Seconds until the guest has answered."""
    start = time.monotonic()
    line.sendall(letter)
    must_be(line.recv(1), letter, "the answer")
    return time.monotonic() - start


@case
def four_vcpus_give_way():
    """Three spin, wait for a lock or halt; the fourth answers soon, and what waits with PAUSE or halts leaves the host's processors alone."""
    here, there = socket.socketpair()
    here.settimeout(20)
    with here, there, subprocess.Popen([RHEA, "-accel", "jit", "-smp", "4", *PC, *EXIT, *guest("spin"), "-debugcon", "stdio",
                                        "-chardev", f"socket,id=c,fd={there.fileno()}",
                                        "-serial", "chardev:c"], pass_fds=[there.fileno()], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE) as process:
        try:
            ask(here, b".")
            for letter, most in ((b"p", 0.8), (b"s", 1.1), (b"l", 1.1), (b"h", 0.1)):
                ask(here, letter)
                took = sorted(ask(here, b".") for _ in range(50))
                before, start = thread_seconds(process.pid), time.monotonic()
                time.sleep(0.4)
                after, wall = thread_seconds(process.pid), time.monotonic() - start
                used = [(after[n] - before[n]) / wall for n in (1, 2, 3)]
                print(f"# {letter.decode()}: answers after {took[25] * 1e3:.1f} ms, at most {took[-1] * 1e3:.1f} ms; "
                      f"the others use {' '.join(f'{u:.0%}' for u in used)} of a processor")
                must(took[25] < 0.1 and took[-1] < 2, f"phase {letter}: answers took {took}")
                must(max(used) < most, f"phase {letter}: others used {used}")
            here.sendall(b"x")
            must_be(process.wait(20), 33, "the end")
        finally:
            process.kill()


@case
def endless_loops_can_be_stopped():
    """Interrupts off: nothing but the monitor gets in."""
    for number in range(LOOPS):
        with Monitored("-accel", "jit", "-smp", str(number + 3), *guest("endless")) as machine:
            time.sleep(0.05)
            took = machine.command("stop\ninfo status", "paused", 20)
            machine.command("cont\ninfo status", "running", 20)
            took += machine.command("quit\n", "", 20)
            must_be(machine.process.wait(20), 0, f"loop {number}")
            must(took < 10, f"loop {number}: {took:.1f} s")


main()
