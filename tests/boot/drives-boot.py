#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways in which users of qemu-kvm name a disk, a floppy or a CD, and what they boot: a sector of our own (disk.S)
tells where it came from, reads and writes. Reset, -no-reboot, -no-shutdown, -snapshot, boot orders, mon:stdio, daemons."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

from machine import SLOW, Failure, Machine, assemble_disk, run_cases

FOLDER = tempfile.mkdtemp(prefix="rhea-drives-")
SECTOR = b""


def path(name):
    return os.path.join(FOLDER, name)


def image(name, size=1 << 20, text="original"):
    """A fresh disk that boots; its second sector says the text."""
    with open(path(name), "wb") as f:
        f.write(SECTOR + text.encode())
        f.truncate(size)
    return path(name)


def floppy(name):
    return image(name, 1440 * 1024)


def second_sector(name):
    with open(path(name), "rb") as f:
        f.seek(512)
        return f.read(8).decode()


def cdrom(name):
    """An ISO 9660 image that has just what El Torito's no-emulation boot wants."""
    def sector(number, *fields):
        data = bytearray(2048)
        for at, field in fields:
            data[at:at + len(field)] = field
        f.seek(2048 * number)
        f.write(data)

    with open(path(name), "wb") as f:
        sector(16, (0, b"\x01CD001\x01"))
        sector(17, (0, b"\x00CD001\x01EL TORITO SPECIFICATION"), (71, (19).to_bytes(4, "little")))
        sector(18, (0, b"\xffCD001\x01"))
        sector(19, (0, b"\x01"), (28, b"\xaa\x55\x55\xaa"), (32, b"\x88"), (38, b"\x01\x00"), (40, (20).to_bytes(4, "little")))
        sector(20, (0, SECTOR))
        f.truncate(2048 * 200)
    return path(name)


def expect_drive(machine, number):
    machine.expect(rf"RHEA-DISK drive {number:02x}", 60)


def expect_sector(machine, text, write):
    machine.expect(rf"sector says {text}", 60)
    machine.expect(rf"write is {write}", 60)
    machine.expect(r"RHEA-DISK READY", 60)


def power_off(machine):
    machine.expect(r"RHEA-DISK READY", 60)
    machine.send("q")
    machine.expect_exit(0)


def quote(name):
    """A file name as a value of -drive."""
    return name.replace(",", ",,")


def hard_disks():
    """Each way to name the first hard disk; what the guest writes is in the file afterwards."""
    ways = {
        "a bare argument": lambda f: [f],
        "-hda": lambda f: ["-hda", f],
        "-hdc": lambda f: ["-hdc", f],
        "-drive file": lambda f: ["-drive", f"file={quote(f)}"],
        "-drive with all": lambda f: ["-drive", f"file={quote(f)},if=ide,index=0,media=disk,format=raw,cache=none,id=d0"],
        "-drive bus and unit": lambda f: ["-drive", f"file={quote(f)},if=ide,bus=0,unit=1,format=raw"],
        "-drive if=none, -device ide-hd": lambda f: ["-drive", f"file={quote(f)},if=none,id=d,format=raw",
                                                     "-device", "ide-hd,drive=d,bus=ide.0,unit=0"],
    }
    for number, (way, options) in enumerate(ways.items()):
        name = f"disk,{number}.img"
        with Machine(*options(image(name)), memory=16) as machine:
            print(way)
            expect_drive(machine, 0x80)
            machine.expect(r"sector says original", 60)
            machine.expect(r"write is ok", 60)
            power_off(machine)
        if second_sector(name) != "written ":
            raise Failure(f"{way}: the file has {second_sector(name)!r}")


def floppies():
    for options in (["-fda", ""], ["-drive", "if=floppy,index=0,format=raw,file="]):
        options[-1] += floppy("a.img")
        with Machine(*options, "-boot", "a", memory=16) as machine:
            expect_drive(machine, 0)
            machine.expect(r"sector says original", 60)
            machine.expect(r"write is ok", 60)
            power_off(machine)
        if second_sector("a.img") != "written ":
            raise Failure(f"the file has {second_sector('a.img')!r}")


def readonly_floppy():
    with Machine("-drive", f"if=floppy,format=raw,readonly=on,file={floppy('a.img')}", "-boot", "a", memory=16) as machine:
        machine.expect(r"write is refused", 60)
        power_off(machine)
    if second_sector("a.img") != "original":
        raise Failure("a read-only floppy was written")


def cdroms():
    """-cdrom is booted only when told, or when there is nothing better."""
    cd = cdrom("cd.iso")
    for options, drive in ((["-cdrom", cd, "-boot", "d"], 0xe0), (["-cdrom", cd, "-hda", image("h.img"), "-boot", "d"], 0xe0),
                           (["-cdrom", cd, "-hda", image("h.img")], 0x80), (["-cdrom", cd], 0xe0),
                           (["-drive", f"file={cd},media=cdrom", "-boot", "order=dc"], 0xe0)):
        with Machine(*options, memory=16) as machine:
            got = int(machine.expect(r"RHEA-DISK drive (..)", 60)[1], 16)
            if (got >= 0x90) != (drive >= 0x90):
                raise Failure(f"{options} booted drive {got:#x}")
            power_off(machine)


def boot_once():
    with Machine("-hda", image("h.img"), "-fda", floppy("a.img"), "-boot", "order=c,once=a", memory=16) as machine:
        expect_drive(machine, 0)
        machine.expect(r"RHEA-DISK READY", 60)
        machine.send("r")
        expect_drive(machine, 0x80)
        power_off(machine)


def boot_menu():
    with Machine("-hda", image("h.img"), "-fda", floppy("a.img"), "-boot", "menu=on,splash-time=20000", memory=16) as machine:
        machine.expect_screen(r"Press (ESC|F12) for boot menu", 60)
        machine.hmp("sendkey esc")
        machine.expect_screen(r"Select boot device:", 60)
        machine.expect_screen(r"[12]\. .*[Ff]loppy", 60)
        digit = machine.expect_screen(r"([12])\. .*ata0", 60)[1]
        machine.hmp(f"sendkey {digit}")
        expect_drive(machine, 0x80)
        power_off(machine)


def snapshot():
    """With -snapshot the guest sees what it wrote, after a reset too; the file does not."""
    with Machine("-hda", image("s.img"), "-snapshot", memory=16) as machine:
        expect_sector(machine, "original", "ok")
        machine.send("r")
        expect_sector(machine, "written", "ok")
        machine.send("q")
        machine.expect_exit(0)
    if second_sector("s.img") != "original":
        raise Failure(f"-snapshot wrote to the file: {second_sector('s.img')!r}")


def no_reboot_no_shutdown():
    with Machine(image("n.img"), "-no-reboot", memory=16) as machine:
        machine.expect(r"RHEA-DISK READY", 60)
        machine.send("r")
        machine.expect_exit(0)
    with Machine(image("n.img"), "-no-shutdown", "-S", memory=16) as machine:
        if "prelaunch" not in machine.hmp("info status"):
            raise Failure("-S does not wait: " + machine.hmp("info status"))
        machine.hmp("cont")
        machine.expect(r"RHEA-DISK READY", 60)
        machine.send("q")
        end = time.monotonic() + 30 * SLOW
        while "paused (shutdown)" not in machine.hmp("info status"):
            if time.monotonic() > end:
                raise Failure("-no-shutdown: " + machine.hmp("info status"))
            time.sleep(0.1)
        machine.hmp("quit")
        machine.expect_exit(0)


def keys_from_the_monitor():
    with Machine(image("k.img"), memory=16) as machine:
        machine.expect(r"RHEA-DISK READY", 60)
        for key, char in (("a", "a"), ("shift-a", "A"), ("7", "7"), ("minus", "-"), ("shift-1", "!")):
            machine.hmp(f"sendkey {key}")
            machine.expect(rf"key {char}$", 60)
        machine.hmp("system_reset")
        power_off(machine)


class Process:
    """The emulator without a monitor of the test's, on pipes."""

    def __init__(self, *arguments):
        self.command = [os.environ["RHEA"], "-M", "pc", "-m", "16", *arguments]
        print("$ " + " ".join(self.command), flush=True)


def mon_stdio():
    """-serial mon:stdio: the guest's serial line, and after Ctrl-A c the monitor, on the same stream."""
    command = Process("-display", "none", "-serial", "mon:stdio", image("m.img")).command
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0) as p:
        def until(word, text=b""):
            end = time.monotonic() + 60 * SLOW
            while word not in text:
                data = os.read(p.stdout.fileno(), 4096)
                if not data or time.monotonic() > end:
                    p.kill()
                    raise Failure(f"no {word!r} in {text!r}")
                text += data
        until(b"RHEA-DISK READY")
        p.stdin.write(b"\x01c")
        until(b") ")
        p.stdin.write(b"info status\n")
        until(b"VM status: running")
        p.stdin.write(b"\x01cq")
        if p.wait(60 * SLOW) != 0:
            raise Failure(f"status {p.returncode}")


def daemon():
    """-daemonize: the caller gets its prompt back, the pid file names the machine, the guest runs on."""
    pidfile, monitor, serial = path("pid"), path("monitor"), path("serial")
    command = Process("-display", "none", "-daemonize", "-pidfile", pidfile, "-monitor", f"unix:{monitor},server,nowait",
                      "-serial", f"file:{serial}", image("d.img")).command
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW, check=False)
    if done.returncode or done.stdout or done.stderr:
        raise Failure(f"the caller saw status {done.returncode}, {done.stdout!r}, {done.stderr!r}")
    with open(pidfile, encoding="utf-8") as f:
        pid = int(f.read())
    try:
        os.kill(pid, 0)
        end = time.monotonic() + 60 * SLOW
        while b"RHEA-DISK READY" not in open(serial, "rb").read():
            if time.monotonic() > end:
                raise Failure("the guest does not run")
            time.sleep(0.1)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20 * SLOW)
            s.connect(monitor)
            s.sendall(b"sendkey q\n")
            while s.recv(4096):
                pass
        while os.path.exists(pidfile):
            if time.monotonic() > end:
                raise Failure("the pid file is still there after the end")
            time.sleep(0.05)
    finally:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass


try:
    SECTOR = assemble_disk()
    run_cases(hard_disks, floppies, readonly_floppy, cdroms, boot_once, boot_menu, snapshot, no_reboot_no_shutdown,
              keys_from_the_monitor, mon_stdio, daemon)
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
