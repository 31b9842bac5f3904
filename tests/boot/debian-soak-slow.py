#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A soak: a Debian guest with two vCPUs compiles Rhea's own sources with gcc for ten minutes ($SOAK_SECONDS), and every object
is byte for byte what the same gcc of the same root file system makes on the host."""
import json
import os
import re
import shlex
import shutil
import subprocess

from machine import BUILD, SLOW, Failure, Machine, make_image, run_cases

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
ROOT = os.path.join(TOP, "build/guest/debian-root")
IMAGE, SOURCES, DISK = (BUILD + "/test-logs/" + name for name in ("soak.img", "soak-sources", "soak-sources.img"))
SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
LINE = re.compile(r"^soak: ([0-9a-f]{64}) (-O\w) (\S+\.i)$", re.M)
COMPLAINTS = r"BUG:|WARNING:|Oops|segfault|trap |soft lockup|rcu.*stall|EXT4-fs error"


def make_sources():
    """A folder of preprocessed sources, which need no headers, and the script; and a disk with a file system of them."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    os.makedirs(SOURCES)
    with open(TOP + "/compile_commands.json", encoding="utf-8") as f:
        commands = json.load(f)
    for entry in commands:
        words = [word for word in shlex.split(entry["command"]) if word not in ("-c", "-g") and not word.startswith("-fsanitize")]
        name = entry["file"].replace("/", "-")[:-2] + ".i"
        subprocess.run([*words, "-E", "-P", "-o", f"{SOURCES}/{name}"], cwd=entry["directory"], check=True)
    shutil.copy(HERE + "/soak-compile", SOURCES)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "soak", "-d", SOURCES, "-F", DISK, "300M"], check=True)


def compile_in_guest():
    """Lines (checksum, level, file) that the guest printed."""
    drives = [word for index, path in enumerate((IMAGE, DISK))
              for word in ("-drive", f"file={path},format=raw,index={index},media=disk")]
    with Machine(*drives, "-boot", "c", "-smp", "2", memory=1024) as machine:
        machine.expect(r"rhea-guest login: ", 1500)
        machine.send("root\n")
        machine.expect(r"root@rhea-guest:~# ", 300)
        machine.send("stty -echo; dmesg -n 1; mount LABEL=soak /mnt && nproc\n")
        machine.expect(r"^2$", 60)
        machine.expect(r"root@rhea-guest:~# ", 60)
        start = machine.seen
        machine.send(f"/mnt/soak-compile {SECONDS} 2\n")
        machine.expect(r"^soak: the end", SECONDS / SLOW + 1500)
        said = machine.text[start:]
        machine.send("dmesg | tail -n +1 | grep -E -c '" + COMPLAINTS + "'; dmesg | grep -E '" + COMPLAINTS + "'; echo seen\n")
        complaints = machine.expect(r"^(\d+)$(?s:.*)^seen", 60)
        if complaints[1] != "0":
            raise Failure("the guest's kernel complains: " + complaints[0])
        machine.send("poweroff\n")
        machine.expect_exit(0, 600)
    if "soak: FAILED" in said:
        raise Failure("a compiler failed: " + re.search(r"soak: FAILED.*", said)[0])
    return LINE.findall(said)


def compile_on_host(wanted):
    """The same lines, from the guest's root file system on the host."""
    inside = ROOT + "/soak"
    shutil.rmtree(inside, ignore_errors=True)
    shutil.copytree(SOURCES, inside)
    try:
        with open(inside + "/list", "w", encoding="ascii") as f:
            f.writelines(f"{level} {name}\n" for _, level, name in wanted)
        done = subprocess.run(["chroot", ROOT, "/soak/soak-compile", "0", "2"], capture_output=True, text=True, check=True,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    finally:
        shutil.rmtree(inside, ignore_errors=True)
    return LINE.findall(done.stdout)


def guest_and_host_make_the_same_objects():
    make_sources()
    guest = compile_in_guest()
    if not guest:
        raise Failure("the guest compiled nothing in its time")
    print(f"# {len(guest)} objects", flush=True)
    host = {(level, name): checksum for checksum, level, name in compile_on_host(guest)}
    wrong = [f"{name} {level}" for checksum, level, name in guest if host.get((level, name)) != checksum]
    if wrong:
        raise Failure(f"{len(wrong)} of {len(guest)} objects differ from the host's: {', '.join(wrong[:10])}")


make_image("make-debian-image", IMAGE)
try:
    run_cases(guest_and_host_make_the_same_objects)
finally:
    for path in (IMAGE, DISK):
        if os.path.exists(path):
            os.unlink(path)
    shutil.rmtree(SOURCES, ignore_errors=True)
