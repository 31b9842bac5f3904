#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian on a qcow2 root with a backing chain three deep, and a second qcow2 disk: fio with verification, discards that free
blocks of the host, an internal snapshot and the way back to it, and the emulator killed while the guest writes."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import time

from machine import BUILD, Failure, Machine, make_image, run_cases

FOLDER = BUILD + "/test-logs/qcow2-root"
IMG = os.path.join(BUILD, "rhea-img")
BASE, LOW, MIDDLE, TOP, DATA, RAW = (f"{FOLDER}/{name}" for name in ("base.img", "low.qcow2", "middle.qcow2", "top.qcow2", "data.qcow2",
                                                                      "raw.img"))
ROOT = 1048576  # where the root file system begins in its disk
# Random sizes and places, each block with its own checksum and place, read back at the end and once more from a cold cache.
FIO = ("fio --name=check --filename=$D --direct=1 --rw=randrw --bsrange=4k-128k --ba=4k --size=96m --offset=8m --iodepth=8 "
       "--ioengine=libaio --verify=crc32c --verify_pattern=%o --verify_fatal=1 --randseed=7 --end_fsync=1 --do_verify=1 "
       "--fallocate=none --minimal >/tmp/fio.out && echo FIO-GOOD || { cat /tmp/fio.out; echo FIO-BAD; }")


def img(*arguments, status=(0,)):
    done = subprocess.run([IMG, *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in status:
        raise Failure(f"rhea-img {' '.join(arguments)}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def make_chain():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    make_image("make-debian-image", BASE)
    img("create", "-q", "-f", "qcow2", "-F", "raw", "-b", "base.img", LOW)
    img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "low.qcow2", "-o", "extended_l2=on,cluster_size=128k", MIDDLE)
    img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "middle.qcow2", TOP)
    img("create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on", DATA, "2G")


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def allocated(path):
    return os.stat(path).st_blocks * 512


def boot():
    """A machine at its prompt."""
    machine = Machine("-drive", f"file={TOP},format=qcow2,index=0,media=disk", "-drive",
                      f"file={DATA},format=qcow2,index=1,media=disk,discard=unmap", "-boot", "c", memory=768)
    try:
        machine.expect(r"rhea-guest login: ", 1500)
        machine.send("root\n")
        machine.expect(r"root@rhea-guest:~# ", 300)
        machine.send("stty -echo; dmesg -n 1; D=/dev/sdb; [ -e /dev/sdb1 ] && D=/dev/sda\n")
        machine.expect(r"root@rhea-guest:~# ", 60)
    except Failure:
        machine.__exit__(None, None, None)
        raise
    return machine


def run(machine, line, pattern, limit=300):
    machine.send(line + "\n")
    match = machine.expect(pattern, limit)
    machine.expect(r"root@rhea-guest:~# ", 60)
    return match


def power_off(machine):
    machine.send("poweroff\n")
    machine.expect_exit(0, 600)


def check(path, leaks):
    """No corruption, and no leak unless they may be."""
    found = json.loads(img("check", "--output=json", path, status=(0, 3) if leaks else (0,)))
    print({key: found[key] for key in found if key in ("corruptions", "leaks", "check-errors")})
    if found.get("corruptions") or found["check-errors"]:
        raise Failure(f"check: {found}")


def e2fsck(disk, wanted, offset=0):
    """Checks and repairs a copy of the file system, in RAW."""
    img("convert", "-O", "raw", "--image-opts", f"driver=raw,offset={offset},file.driver=qcow2,file.file.filename={disk}", RAW)
    done = subprocess.run(["e2fsck", "-fy", RAW], capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr)
    if done.returncode not in wanted:
        raise Failure(f"e2fsck says {done.returncode}")


def read_file(path):
    """A file of the root file system in RAW."""
    done = subprocess.run(["debugfs", "-R", f"cat {path}", RAW], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def fio_and_discard_on_a_chain():
    below = {path: digest(path) for path in (BASE, LOW, MIDDLE)}
    with boot() as machine:
        run(machine, "echo first >/root/mark; sync; findmnt -n -o SOURCE,FSTYPE,OPTIONS /", r"/dev/sd.1 +ext4 +rw")
        if run(machine, FIO, r"FIO-(GOOD|BAD)", 900)[1] != "GOOD":
            raise Failure("fio found wrong data")
        run(machine, "mke2fs -q -t ext4 -E nodiscard -F $D && mount $D /mnt && echo made", r"^made")
        run(machine, "dd if=/dev/urandom of=/mnt/big bs=1M count=128 conv=fsync 2>/dev/null; echo wrote", r"^wrote", 600)
        full = allocated(DATA)
        run(machine, "rm /mnt/big; sync; fstrim -v /mnt; echo trimmed $?", r"^trimmed 0")
        machine.hmp("stop")
        lean = allocated(DATA)
        machine.hmp("cont")
        print(f"data disk: {full >> 20} MiB with the file, {lean >> 20} MiB after fstrim")
        if full < 128 << 20 or lean > full - (120 << 20):
            raise Failure(f"fstrim brought {full} bytes on the host down to {lean}")
        run(machine, "umount /mnt; echo away", r"^away")
        power_off(machine)
    for path, was in below.items():
        if digest(path) != was:
            raise Failure(f"{path} has changed")
    check(TOP, False)
    check(DATA, False)
    img("snapshot", "-c", "one", TOP)


def killed_in_the_middle():
    with boot() as machine:
        run(machine, "cat /root/mark; echo second >/root/mark; sync; echo stored", r"^first\s+stored")
        run(machine, "mount $D /mnt && echo mounted", r"^mounted")
        machine.send("i=0; while :; do i=$((i+1)); dd if=/dev/urandom of=/root/f$((i%40)) bs=64k count=8 conv=fsync 2>/dev/null; "
                     "cp /root/f$((i%40)) /mnt/g$((i%25)); "
                     "echo $i >/root/n; sync; echo synced $i; done\n")
        machine.expect(r"^synced 30$", 600)
        time.sleep(0.3)
        machine.process.kill()
        while machine.read_console(5):
            pass
        machine.process.wait()
        last = int(re.findall(r"^synced (\d+)$", machine.text, re.M)[-1])
    check(TOP, True)
    img("check", "-r", "all", DATA)  # with lazy refcounts they are made anew, as they are when it is opened for writing
    check(DATA, False)
    e2fsck(DATA, (0, 1))
    e2fsck(TOP, (0, 1), ROOT)
    if read_file("/root/mark") != "second" or int(read_file("/root/n")) < last:
        raise Failure(f"lost: mark {read_file('/root/mark')!r}, n {read_file('/root/n')!r}, but the guest had synced {last}")
    img("check", "-q", "-r", "leaks", TOP)


def back_to_the_snapshot():
    img("snapshot", "-a", "one", TOP)
    with boot() as machine:
        run(machine, "cat /root/mark; ls /root/f1 2>/dev/null; echo end", r"^first\s+end")
        power_off(machine)
    check(TOP, False)
    img("snapshot", "-d", "one", TOP)
    check(TOP, False)
    e2fsck(TOP, (0,), ROOT)


try:
    make_chain()
    run_cases(fio_and_discard_on_a_chain, killed_in_the_middle, back_to_the_snapshot)
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
