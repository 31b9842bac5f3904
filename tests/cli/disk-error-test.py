#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors of a guest's disk: werror= and rerror=, a clear state in `info status`, and `cont` that goes on; throttling; -blockdev."""
import os
import subprocess
import tempfile
import time

from cli import RHEA, case, fails, main, must, must_be, must_have

GUEST = os.path.join(os.environ.get("RHEA_BUILD", "build"), "tests/bench/ide-read.bin")  # 20000 random reads, checked
BLOCKS = 16384
MACHINE = ["-M", "pc", "-m", "16", "-nodefaults", "-display", "none", "-no-reboot", "-bios", GUEST,
           "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def make_disk(folder):
    name = f"{folder}/disk.raw"
    with open(name, "wb") as f:
        for number in range(BLOCKS):
            f.write(number.to_bytes(4, "little") + bytes(4092))
    return name


class Guest:
    def __init__(self, *args):
        self.process = subprocess.Popen([RHEA, *MACHINE, "-monitor", "stdio", *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def ask(self, command, part, seconds=20):
        """Repeats the command until its answer has the part."""
        end, text = time.monotonic() + seconds, ""
        while part not in text:
            must(time.monotonic() < end, f"no {part!r} in {text!r}")
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            line = ""
            while command not in line or command == "":
                line = self.process.stdout.readline()
                must(line, f"ended: {text!r}")
                text += line
            text += self.process.stdout.readline()
            time.sleep(0.02)
        return text

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        return status


def blkdebug(name, *rules):
    return "driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=" + name + \
           "".join(f",file.inject-error.{i}.{key}={value}" for i, rule in enumerate(rules) for key, value in rule.items())


@case
def an_error_pauses_the_guest_and_cont_goes_on():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        rule = {"event": "none", "iotype": "read", "sector": 4096, "once": "on", "errno": 5}
        guest = Guest("-drive", f"if=ide,index=0,rerror=stop,{blkdebug(make_disk(folder), rule)}")
        text = guest.ask("info status", "paused")
        must_have(text, "io-error")
        guest.ask("cont", "cont")
        must_be(guest.end(), 33, "the guest checks what it read")


@case
def reported_errors_reach_the_guest():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        rule = {"event": "none", "iotype": "read", "sector": 4096, "errno": 5}
        guest = Guest("-drive", f"if=ide,index=0,rerror=report,{blkdebug(make_disk(folder), rule)}")
        must_be(guest.end(), 35, "the guest sees the error")


@case
def nodes_by_blockdev():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        disk = make_disk(folder)
        guest = Guest("-blockdev", f'{{"driver":"file","filename":"{disk}","node-name":"f"}}', "-blockdev", "driver=raw,file=f,node-name=d",
                      "-device", "ide-hd,drive=d,bus=ide.0")
        must_be(guest.end(), 33)
        fails(*MACHINE, "-blockdev", f"driver=raw,file.driver=file,file.filename={disk}", parts=["node-name"])
        fails(*MACHINE, "-blockdev", f"driver=file,filename={disk},node-name=d", "-device", "ide-hd,drive=e", parts=["no drive or node 'e'"])
        fails(*MACHINE, "-blockdev", f"driver=file,filename={disk},node-name=d", "-device", "ide-hd,drive=d", "-device",
              "ide-hd,drive=d,unit=1", parts=["used by another device"])


if __name__ == "__main__":
    main()
