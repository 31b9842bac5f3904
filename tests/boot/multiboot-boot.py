#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-kernel with a multiboot image of our own: entry state, command line, modules, memory map; and what -kernel refuses."""
import os
import subprocess
import sys
import tempfile

RHEA = os.environ.get("RHEA", os.path.join(os.environ.get("BUILD", "build"), "rhea-system-x86_64"))
HERE = os.path.dirname(os.path.abspath(__file__))
count = 0


def report(name, ok, text=""):
    global count
    count += 1
    if not ok:
        print(text)
    print(f"{'ok' if ok else 'not ok'} {count} - {name}", flush=True)


def run(*args):
    return subprocess.run([RHEA, "-m", "32", "-display", "none", "-vga", "none", "-serial", "none", "-monitor", "none",
                           "-no-reboot", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120)


def build(folder):
    kernel = os.path.join(folder, "kernel.elf")
    subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-N,-Ttext=0x100000", "-Wl,--build-id=none",
                    "-Wl,-z,noexecstack", "-o", kernel, os.path.join(HERE, "multiboot.S")], check=True)
    return kernel


def boots(folder, kernel):
    one, two = os.path.join(folder, "one"), os.path.join(folder, "two")
    for path, text in ((one, "first"), (two, "second")):
        with open(path, "w") as f:
            f.write(text)
    out = os.path.join(folder, "out")
    done = run("-kernel", kernel, "-append", "hello world", "-initrd", f"{one} a b,{two}", "-chardev", f"file,id=d,path={out}",
               "-device", "isa-debugcon,iobase=0xe9,chardev=d", "-device", "isa-debug-exit,iobase=0x501,iosize=1")
    with open(out) as f:
        lines = f.read().splitlines()
    want = ["magic 2badb002", f"cmdline {kernel} hello world", "modules 00000002", f"module {one} a b = first",
            f"module {two} = second"]
    report("entry, command line, modules", lines[:5] == want, f"{lines}\n{want}\n{done.stdout}")
    upper = int(lines[5].split()[1], 16) if len(lines) > 5 else 0
    report("memory sizes", 30000 < upper < 31 * 1024 and len(lines) > 6 and lines[6] in ("map 0000001f", "map 00000020"),
           str(lines))
    report("exit by the debug port", done.returncode == 0x43, f"status {done.returncode}\n{done.stdout}")


def refuses(folder):
    def case(name, data, *words):
        path = os.path.join(folder, "bad")
        with open(path, "wb") as f:
            f.write(data)
        done = run("-kernel", path)
        ok = done.returncode == 1 and path in done.stdout and all(w in done.stdout for w in words)
        report(name, ok, f"status {done.returncode}: {done.stdout}")
    case("an empty file", b"", "empty")
    case("a gzip file", b"\x1f\x8b" + bytes(100), "gzip", "gunzip")
    case("a disk image", bytes(510) + b"\x55\xaa" + bytes(4096), "-hda")
    case("a 64-bit ELF file", b"\x7fELF\x02\x01\x01" + bytes(100), "bzImage")
    header = bytearray(8192)
    header[0:12] = b"\x02\xb0\xad\x1b\x00\x00\x00\x00\xfe\x4f\x52\xe4"
    case("multiboot without ELF", bytes(header), "ELF")
    done = run("-kernel", os.path.join(folder, "nothing"))
    report("a missing file", done.returncode == 1 and "nothing" in done.stdout and "No such file" in done.stdout, done.stdout)


with tempfile.TemporaryDirectory() as tmp:
    boots(tmp, build(tmp))
    refuses(tmp)
sys.exit(0)
