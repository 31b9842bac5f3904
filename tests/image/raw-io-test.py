#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rhea-io on raw images, command by command beside qemu-io."""
import random
import subprocess
import sys

from image import OURS, PEER, Pair, case, main, must, must_be, run

M = 1024 * 1024


def commands(pair, *lines, args=("-f", "raw"), name="a.raw", output=True):
    words = []
    for line in lines:
        words += ["-c", line]
    return pair.both(*args, *words, name, tool="io", output=output)


@case
def reads_and_writes():
    with Pair() as p:
        p.raw("a.raw", M)
        commands(p, "write -P 0xab 0 4k", "read -P 0xab 0 4k", "read -P 0xaa 0 4k", "read -v 0 40", "length", "map", "alloc 0 128k", "info")
        commands(p, "write -z 0 8k", "write -z -u 8k 8k", "write -f 100 200", "writev -P 3 0 1k 2k 3k", "readv -P 3 0 1k 5k")
        commands(p, "read -P 0 -s 512 -l 1k 0 4k", "read 0 1536", "write -q 5 5", "discard 0 64k", "read -P 0 0 64k")
        commands(p, "aio_write -P 5 0 64k", "aio_flush", "aio_read -P 5 0 64k", "aio_flush", "flush", "sleep 1")
        commands(p, "truncate 2M", "length", "truncate -m full 3M", "length", "truncate 1M")
        commands(p, "write -s a.raw 64k 100k")
        p.same("a.raw")


@case
def refusals():
    with Pair() as p:
        p.raw("a.raw", M)
        for line in ("nosuch", "read", "read 1 x", "read 0 2M", "write 1M 1", "write -c 0 64k", "read -b 0 4k", "write -z -P 1 0 4k", "write -u 0 4k",
                     "read -P 300 0 1", "discard 1M 4k", "truncate -m nope 2M", "write -n 0 4k", "read 0 4G",
                     "write -b -z 0 4k", "discard 0 4G"):
            commands(p, line)
        for line in ("write 0 1 2", "write -P x 0 1", "write -s none 0 1k", "write -f -b 0 512", "write 0 2G", "write -v 0 1", "write -i 0 512",
                     "write -b 0 100", "write -c 0 100", "write -b 100 512", "readv 1M 1k", "readv -s 1 0 1k", "readv 0 2G",
                     "readv 0 1G 1G 1G", "writev -z 0 1k", "writev 1M 1", "aio_read -i 0 1k", "aio_read -P 1 0 1k", "aio_read 1M 1k",
                     "aio_read -b 0 1k", "aio_write -i 0 1k", "aio_write -z 0 1k 1k", "aio_write 1M 1k", "discard -z 0 1k", "discard 0 1k 1k",
                     "alloc 0 2M", "alloc 1M", "alloc 2M", "alloc 1048575", "map 0", "truncate -x 1", "truncate -m full 512k", "truncate -m",
                     "open", "help nosuch", "help 1 2", "sleep x", "sigraise 99", "reopen -r -w", "reopen x", "write 0 4k -P 7"):
            commands(p, line)
        for command in run(PEER["io"], "-c", "help").stdout.splitlines()[:-2]:
            name = command.split()[0]
            done = run(OURS["io"], "-c", f"help {name}")
            must_be(done.returncode, 0, name)
            must(done.stdout.startswith(f"{name} "), done.stdout)
        commands(p, "close", "length", "aio_flush")
        commands(p, "write 0 4k", "discard 0 4k", args=("-f", "raw", "-r"))
        commands(p, "reopen -r", "write 0 4k", "reopen -w", "write 0 4k")
        commands(p, "read 0 1", name="nofile", output=False)


@case
def random_sequences():
    rng = random.Random(66)
    with Pair() as p:
        p.raw("a.raw", 4 * M)
        for _ in range(6):
            lines = []
            for _ in range(25):
                off, length = rng.randrange(0, 4 * M), rng.randrange(1, 300000)
                length = min(length, 4 * M - off)
                verb = rng.choice([f"write -q -P {rng.randrange(256)}", "write -q -z", "write -q -z -u", "discard -q", "read -q"])
                if verb.startswith("discard"):  # what it leaves is the file system's matter: whole blocks read as zeros
                    off, length = off // 4096 * 4096, max(length // 4096, 1) * 4096
                    length = min(length, 4 * M - off)
                lines.append(f"{verb} {off} {length}")
            commands(p, *lines, args=("-f", "raw", "-d", "unmap"))
            p.same("a.raw")


@case
def blkdebug_and_interactive():
    with Pair() as p:
        p.raw("a.raw", M)
        done = subprocess.run([OURS["io"], "-f", "raw", p.path("a.raw")], input="read 0 512\nquit\n", capture_output=True, text=True, check=False)
        must("rhea-io> read 512/512 bytes" in done.stdout and done.returncode == 0, done.stdout)
        options = f"driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={p.path('a.raw')}," \
                  "file.inject-error.0.event=none,file.inject-error.0.iotype=write,file.inject-error.0.errno=28"
        done = run(OURS["io"], "--image-opts", "-c", "write 0 4k", "-c", "read 0 4k", options)
        must("write failed: No space left on device" in done.stdout and "read 4096/4096" in done.stdout, done.stdout + done.stderr)
        must_be(done.returncode, 1)
        done = run(OURS["io"], "-c", "break l2_load A", "-c", "resume A", "-c", "remove_break A", f"blkdebug::{p.path('a.raw')}")
        must("no request has stopped" in done.stderr, done.stderr)
        p.make("create", "-q", "-f", "qcow2", "b.qcow2", "1M")
        done = run(OURS["io"], "-c", "break write_aio A", "-c", "wait_break A", "-c", "aio_write 0 4k", "-c", "wait_break A", "-c", "resume A",
                   "-c", "aio_flush", "-f", "qcow2", f"blkdebug::{p.path('b.qcow2')}", timeout=20)
        must(done.stderr.count("no request is under way") == 1 and "wrote 4096/4096" in done.stdout, done.stdout + done.stderr)
        must_be(run(OURS["io"], "-f", "raw", "-s", "-c", "write -P 9 0 1M", "-c", "read -P 9 0 1M", p.path("a.raw")).returncode, 0)
        p.same("a.raw")
        must(".TH rhea-io 1" in run(OURS["io"], "--dump-man").stdout, "no man page")


if __name__ == "__main__":
    sys.exit(main())
