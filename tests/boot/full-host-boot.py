#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's file system is full while the guest (disk.S) writes: the machine pauses, `info status` and the host's user are told
why, and when there is space `cont` makes the write again. The file system is a small tmpfs in a mount namespace of the emulator's."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from machine import BUILD, SLOW, Failure, Machine, assemble_disk, run_cases, skip

FOLDER = tempfile.mkdtemp(prefix="rhea-full-")
SMALL = os.path.join(FOLDER, "small")
UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
IMG = os.path.join(BUILD, "rhea-img")
SECTOR = b""
# In the namespace: a tmpfs of 1 MiB, the image in it, and a file that takes all the rest.
SETUP = """set -e
mount -t tmpfs -o size=1M rhea-full "$1"
cd "$1"
eval "$2"
! dd if=/dev/zero of=filler bs=4k 2>/dev/null
shift 2
exec "$@"
"""


def wait_status(machine, words):
    end = time.monotonic() + 60 * SLOW
    while True:
        said = machine.hmp("info status")
        if words in said:
            return
        if time.monotonic() > end:
            raise Failure(f"no {words!r} but {said!r}")
        machine.read_console(0.05)


def pause_and_go_on(make, name, options):
    """@make makes image @name in the current folder."""
    base = os.path.join(FOLDER, "base.img")
    with open(base, "wb") as f:
        f.write(SECTOR + b"original")
        f.truncate(1 << 20)
    prefix = [*UNSHARE, "sh", "-c", SETUP, "sh", SMALL, make]
    with Machine("-drive", f"file={SMALL}/{name},{options}", memory=16, prefix=prefix) as machine:
        seen = f"/proc/{machine.process.pid}/root{SMALL}"
        machine.expect(r"sector says original", 60)
        wait_status(machine, "VM status: paused (io-error)")
        if "write is" in machine.text:
            raise Failure("the guest got an answer")
        machine.hmp("cont")
        wait_status(machine, "VM status: paused (io-error)")  # nothing is better yet
        os.unlink(seen + "/filler")
        machine.hmp("cont")
        machine.expect(r"write is ok", 60)
        machine.expect(r"RHEA-DISK READY", 60)
        wait_status(machine, "VM status: running")
        machine.hmp("stop")
        wait_status(machine, "VM status: paused")
        shutil.copy(f"{seen}/{name}", f"{FOLDER}/{name}")
        machine.hmp("cont")
        machine.send("q")
        machine.expect_exit(0)
    raw = f"{FOLDER}/raw"
    subprocess.run([IMG, "convert", "-O", "raw", f"{FOLDER}/{name}", raw], check=True)
    with open(raw, "rb") as f:
        data = f.read()
    if data[:512] != SECTOR or data[512:520] != b"written " or any(data[1024:]):
        raise Failure(f"the disk holds {data[512:528]!r}")


def overlay(options):
    pause_and_go_on(f"{IMG} create -q -f qcow2 -F raw -b {FOLDER}/base.img disk.qcow2", "disk.qcow2", "format=qcow2," + options)
    done = subprocess.run([IMG, "check", "--output=json", f"{FOLDER}/disk.qcow2"], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    if done.returncode or found["check-errors"]:
        raise Failure(f"check: {done.stdout}")


def qcow2_overlay():
    overlay("werror=enospc")


def qcow2_overlay_by_default_on_io_uring():
    overlay("aio=io_uring")


if subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode:
    skip("no mount namespace of its own: this host does not let its users make one")
try:
    os.mkdir(SMALL)
    SECTOR = assemble_disk()
    run_cases(qcow2_overlay, qcow2_overlay_by_default_on_io_uring)
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
