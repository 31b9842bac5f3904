#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The debug server: a client of our own for exact packets, and gdb itself in batch mode, on the flat guest debugged.S.
$RHEA_ACCEL: the accelerator.  $RHEA_GDB_FILL: four breakpoints nobody meets come first, so that with KVM all others are INT3."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from random import Random

from cli import CASES, NONE, RHEA, case, fails, main, must, must_be, must_have

BUILD = os.environ.get("RHEA_BUILD", "build")
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
FOLDER = tempfile.mkdtemp(prefix="rhea-gdb-")
ELF = f"{FOLDER}/debugged.elf"
ROM = f"{FOLDER}/debugged.bin"
SYMBOLS = {}
LIMIT = 10 * float(os.environ.get("RHEA_SLOW", "1"))  # seconds
COUNTER, OTHER = 0x10000, 0x10040


def read_symbols(listing):
    for line in listing.splitlines():
        address, _, name = line.split()
        SYMBOLS[name] = int(address, 16)


def build_guest():
    """The guest as a ROM and, for its symbols, as an ELF file.  $RHEA_GDB_GUEST: what `nm` says of it, beside its ROM, where
    there is no compiler."""
    made = os.environ.get("RHEA_GDB_GUEST")
    if made:
        shutil.copy(os.path.splitext(made)[0] + ".bin", ROM)
        with open(made, encoding="ascii") as f:
            read_symbols(f.read())
        return
    obj = f"{FOLDER}/debugged.o"
    subprocess.run(["cc", "-m64", "-I.", "-c", "-o", obj, "tests/guest/debugged.S"], cwd=TOP, check=True)
    link = ["ld", "-m", "elf_x86_64", "-T", "tests/guest/rom.ld", obj]
    subprocess.run([*link, "-o", ROM], cwd=TOP, check=True)
    subprocess.run([*link, "--oformat", "elf64-x86-64", "-o", ELF], cwd=TOP, check=True)
    read_symbols(subprocess.run(["nm", ELF], capture_output=True, text=True, check=True).stdout)


class Guest:
    """The flat guest, stopped at reset, with a debug server on a socket."""
    count = 0
    accel = os.environ.get("RHEA_ACCEL", "interp")

    def __init__(self, *more, cpus=2):
        Guest.count += 1
        self.path = f"{FOLDER}/gdb{Guest.count}.sock"
        self.process = subprocess.Popen(
            [RHEA, "-accel", self.accel, "-M", "pc", "-m", "16", "-smp", str(cpus), "-nodefaults",
             "-display", "none", "-bios", ROM, "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-no-reboot", "-S",
             "-gdb", f"unix:{self.path},server=on,wait=off", *more], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.socket = None
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()
        if self.socket:
            self.socket.close()

    def wait_for_socket(self):
        end = time.monotonic() + LIMIT
        while not os.path.exists(self.path):
            if self.process.poll() is not None:
                must(False, f"the emulator ended with {self.process.poll()}: {self.process.stderr.read()}")
            must(time.monotonic() < end, "no debug socket")
            time.sleep(0.02)

    def connect(self):
        self.wait_for_socket()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        end = time.monotonic() + LIMIT
        while self.socket.connect_ex(self.path):  # the name is there a moment before somebody listens
            must(time.monotonic() < end, "nobody listens at the debug socket")
            time.sleep(0.02)
        must_be(self.ask("QStartNoAckMode"), "OK")
        for n in range(4 if os.environ.get("RHEA_GDB_FILL") else 0):
            must_be(self.ask(f"Z1,{0x700000 + n:x},1"), "OK")

    def send(self, body):
        self.socket.sendall(b"$%s#%02x" % (body.encode(), sum(body.encode()) & 255))

    def receive(self):
        """The body of the next packet."""
        while True:
            match = re.match(rb"[+-]*\$([^#]*)#([0-9a-f]{2})", self.data)
            if match:
                self.data = self.data[match.end():]
                must_be(int(match[2], 16), sum(match[1]) & 255, "checksum")
                return match[1].decode("latin-1")
            more = self.socket.recv(65536)
            must(more, f"the server hung up after {self.data!r}")
            self.data += more

    def ask(self, body):
        self.send(body)
        return self.receive()

    def value(self, address, size=4):
        return int.from_bytes(bytes.fromhex(self.ask(f"m{address:x},{size}")), "little")

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def run_to(self, symbol):
        address = SYMBOLS[symbol] if symbol in SYMBOLS else int(symbol, 16)
        must_be(self.ask(f"Z0,{address:x},1"), "OK")
        answer = self.ask("vCont;c")
        must_be(self.ask(f"z0,{address:x},1"), "OK")
        return answer

    def end(self, seconds=15):
        return self.process.wait(seconds)


def gdb(guest, *commands):
    """The output of gdb's batch mode with these commands."""
    guest.wait_for_socket()
    script = ["set confirm off", "set pagination off", "set width 0", f"target remote {guest.path}", *commands]
    arguments = [part for command in script for part in ("-ex", command)]
    result = subprocess.run(["gdb", "-q", "-nx", "-batch", *arguments, ELF], capture_output=True, text=True, timeout=30,
                            stdin=subprocess.DEVNULL)
    return result.stdout + result.stderr


@case
def it_listens_or_says_why_not():
    pc = ["-M", "pc", "-accel", "qtest", "-display", "none", "-gdb"]
    fails(*pc, "tcp::notaport", parts=["-gdb tcp::notaport"])
    fails(*pc, "nonsense", parts=["-gdb nonsense", "is no character device"])
    fails(*pc, "chardev:nobody", parts=["there is no character device 'nobody'"])
    fails(*NONE, "-s", parts=["-gdb tcp::1234", "without a CPU"])


@case
def steps_and_registers_from_reset():
    """Without breakpoints."""
    with Guest() as g:
        g.connect()
        must_be((g.register(16), g.register(18)), (0xFFF0, 0xF000), "rip, cs")
        seen = []
        for _ in range(3):
            must_have(g.ask("vCont;s:1"), "T05", "thread:01")
            seen.append(g.register(16))
        must(len(set(seen)) == 3, f"steps lead to {seen}")
        must_be(g.ask("P1=efbeadde00000000"), "OK")
        must_be(g.register(1), 0xDEADBEEF, "rbx")
        must_be(g.ask("D"), "OK")
        must_be(g.end(), 33)


@case
def breakpoints_in_each_mode():
    """In code of plain instructions, which a /dev/kvm that interprets runs too."""
    with Guest() as g:
        g.connect()
        must_be(g.register(16), 0xFFF0, "rip")
        must_be(g.register(18), 0xF000, "cs")
        before = g.ask(f"m{SYMBOLS['guest_protected']:x},10")
        must_have(g.run_to("guest_protected"), "T05", "thread:01")
        must_be(g.register(27) & 1, 1, "CR0.PE")
        must_be(g.register(18), 0x18, "cs")
        must_be(g.ask(f"m{SYMBOLS['guest_protected']:x},10"), before)
        must_have(g.run_to("guest_main"), "T05")
        must_be(g.register(16), SYMBOLS["guest_main"], "rip")
        must_be(g.register(32), 0x500, "efer")
        must_be(g.ask("vCont;s:1")[:3], "T05")
        must_be(g.register(0), 0x1122334455667788, "rax")
        must_be(g.ask("P1=efbeadde00000000"), "OK")
        must_be(g.register(1), 0xDEADBEEF, "rbx")


@case
def vector_and_x87_registers():
    with Guest() as g:
        g.connect()
        g.run_to("again")
        must_be(g.ask("p21")[:20], "000000000000" "00" "80ff3f", "st0")
        must_be(g.ask("p34"), "8877665544332211" + "0" * 16, "xmm3")


@case
def steps_are_exact():
    with Guest() as g:
        g.connect()
        g.run_to("again")
        seen = []
        for _ in range(9):
            seen.append(g.register(16))
            must_be(g.ask("s")[:3], "T05")
        names = [next((k for k, v in SYMBOLS.items() if v == rip and k in ("again", "write", "written")), "jnz") for rip in seen]
        must_be(names, ["again", "write", "written", "jnz"] * 2 + ["again"])
        must_be(g.register(3 - 1), 3, "rcx")


@case
def watchpoints_stop_behind_the_access():
    with Guest() as g:
        g.connect()
        g.run_to("again")
        must_be(g.ask(f"Z2,{COUNTER:x},8"), "OK")
        for expected in 5, 9, 12, 14, 15, 16:
            must_have(g.ask("vCont;c"), f"watch:{COUNTER:x};")
            must_be(g.value(COUNTER), expected)
            must_be(g.register(16), SYMBOLS["written" if expected < 16 else "changed"], "rip")
        g.ask(f"z2,{COUNTER:x},8")
        must_be(g.ask(f"Z3,{COUNTER:x},8"), "OK")
        must_have(g.ask("vCont;c"), f"rwatch:{COUNTER:x};")
        must_be(g.register(16), SYMBOLS["read"], "rip")
        g.ask(f"z3,{COUNTER:x},8")
        # one byte in the middle of a rep stosb: the stop comes with that iteration
        must_be(g.ask(f"Z4,{COUNTER + 0x205:x},1"), "OK")
        must_have(g.ask("vCont;c"), f"awatch:{COUNTER + 0x205:x};")
        must_be((g.register(2), g.register(5)), (10, COUNTER + 0x206), "rcx, rdi")


@case
def a_breakpoint_in_segmented_code_is_passed():
    with Guest() as g:
        g.connect()
        g.run_to("both")
        loop = 0x9009  # the other CPU's incl, at 900:9
        must_be(g.ask(f"Z1,{loop:x},1"), "OK")
        must_have(g.ask("vCont;c:2"), "T05", "thread:02")
        before = g.value(OTHER)
        for n in 1, 2, 3:
            must_have(g.ask("vCont;c:2"), "T05", "thread:02")
            must_be(g.value(OTHER), before + n, "rounds")
        must_be(g.register(16), loop - 0x9000, "ip")


@case
def one_thread_runs_alone():
    with Guest() as g:
        g.connect()
        g.run_to("both")
        must_be(g.ask("qfThreadInfo"), "m01,02")
        must_be(bytes.fromhex(g.ask("qThreadExtraInfo,2")), b"CPU#1 [running]")
        before = g.value(OTHER)
        must_have(g.ask("vCont;s:1"), "thread:01")
        must_be(g.value(OTHER), before, "the other CPU was held")
        must_be(g.ask("Hg2"), "OK")
        must_be(g.register(18), 0x900, "cs of the other")


@case
def interrupt_and_reconnect():
    with Guest() as g:
        g.connect()
        g.run_to("both")
        must_be(g.ask("Hg1"), "OK")
        g.send("vCont;c:2")  # only the other one, which never ends
        time.sleep(0.2)
        g.socket.sendall(b"\x03")
        must_have(g.receive(), "T02")
        g.ask("Z0,9009,1")
        g.socket.close()  # without a word: the breakpoint goes
        time.sleep(0.1)
        g.connect()
        must_have(g.ask("?"), "T02")
        must_be(g.ask("D"), "OK")
        must_be(g.end(), 33)


@case
def exit_is_told():
    with Guest() as g:
        g.connect()
        must_be(g.ask("vCont;c"), "W21")
        must_be(g.end(), 33)


@case
def kill_ends():
    with Guest() as g:
        g.connect()
        g.send("k")
        must_be(g.end(), 0)
        must_have(g.process.stderr.read(), "terminated by the debugger")


@case
def hostile_peer():
    """Random packets, running and stepping in between; fixed seed. The guest goes on as if nothing had been."""
    random = Random(3)
    starts = ["?", "g", "p", "m", "Z", "z", "H", "T", "vCont;", "c", "s", "q", "Q", "qRcmd,", "Z0,f0", "Z2,100", "Z4,1004", "G", "P"]
    with Guest("-no-shutdown") as g:
        g.connect()
        for _ in range(1500):
            tail = "".join(random.choice("0123456789abcdef,:;=.-csCS}*") for _ in range(random.randrange(20)))
            body = (random.choice(starts) + tail).encode()
            g.socket.sendall(b"$%s#%02x" % (body, sum(body) & 255) if random.randrange(9) else body)
            if not random.randrange(4):
                g.socket.sendall(b"\x03")
            g.socket.setblocking(False)
            try:
                while g.socket.recv(65536):
                    pass
            except BlockingIOError:
                pass
            g.socket.settimeout(10)
        must_be(g.process.poll(), None, "the emulator ended")
        g.socket.sendall(b"#00$qC#b4")
        end = time.monotonic() + 10
        text = b""
        while not re.search(rb"\$QC0[12]#..$", text):
            must(time.monotonic() < end, f"no answer but {text[-100:]!r}")
            text += g.socket.recv(65536)
        g.process.terminate()
        must_be(g.end(), 0)


@case
def gdb_itself():
    if not shutil.which("gdb"):
        return "no gdb: apt install gdb"
    with Guest() as g:
        text = gdb(g, "break guest_protected", "continue", "p $cr0", "delete", "hbreak again", "continue", "info registers rip",
                   "stepi", "stepi", "delete", "watch *(long *)0x10000", "continue", "delete", "rwatch *(long *)0x10000",
                   "continue", "continue", "delete", "break both", "continue", "info threads", "p $st0", "p $rbx", "x/2i $pc",
                   "maintenance packet Qqemu.PhyMemMode:1", "x/xb 0xfffffff0", "maintenance packet Qqemu.PhyMemMode:0",
                   "monitor info status", "detach")
        must_have(text, "Thread 1 hit Breakpoint 1, 0x00000000000f0073 in guest_protected ()", "[ CD NW ET PE ]", "<again>",
                  "in write ()", "in written ()", "Old value = 5", "New value = 9", "Value = 16", "in both ()",
                  "* 1    Thread 1 (CPU#0 [running])", "  2    Thread 2 (CPU#1 [running])", "$2 = 1\n", "$3 = 15", "nop",
                  "0xfffffff0:\t0xea", "VM status: paused (debug)", "detached")
        must_be(g.end(), 33)
    with Guest() as g:
        must_have(gdb(g, "break again", "continue", "kill"), "killed]")
        must_be(g.end(), 0)
    return None


def once_more_translated():
    """Every case again on the translator, which is what runs by default."""
    def add(function):
        def again():
            Guest.accel = "jit"
            try:
                return function()
            finally:
                Guest.accel = "interp"

        again.__name__ = function.__name__ + "_jit"
        CASES.append(again)

    for function in list(CASES):
        add(function)


def main_with_guest():
    try:
        build_guest()
        if "RHEA_ACCEL" not in os.environ:
            once_more_translated()
        main()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main_with_guest()
