#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""qcow2 beside Debian's qemu-img and qemu-io, in both directions: they read and change what we make, we read and change what they make.
"""
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402
from image import OURS, PEER, Pair, case, must, must_be, run  # noqa: E402

SECRET = ["--object", "secret,id=s,data=a passphrase"]
SHAPES = ["", "cluster_size=512", "cluster_size=2M", "compat=0.10", "refcount_bits=1", "refcount_bits=64,cluster_size=4k",
          "extended_l2=on", "extended_l2=on,cluster_size=16k", "lazy_refcounts=on", "compression_type=zstd", "preallocation=metadata",
          "preallocation=falloc,cluster_size=8k", "data_file=data.raw", "data_file=data.raw,data_file_raw=on"]


def ok(program, *args, cwd=None):
    done = run(program, *args, cwd=cwd)
    must_be(done.returncode, 0, f"{program} {args}: {done.stdout}{done.stderr}")
    return done.stdout


def options(shape, *more):
    return [part for part in (["-o", ",".join(filter(None, [shape, *more]))] if shape or more else [])]


def commands(rng, size, count, discards=True):
    """Arguments of *-io: writes, zeros and discards at random places."""
    args = []
    for _ in range(count):
        off = rng.randrange(0, size // 512) * 512
        length = min(rng.choice([512, 4096, 65536, 3584, 200704]), size - off)
        kind = rng.randrange(8 if discards else 6)
        if kind < 5:
            args += ["-c", f"write -P {rng.randrange(1, 255)} {off} {length}"]
        elif kind == 5:
            args += ["-c", f"write -z {'-u' if rng.randrange(2) else ''} {off} {length}"]
        else:
            args += ["-c", f"write -z -u {off} {length}"]
    return args


def same(p, name="i.qcow2"):
    """Both show the same to the peer, who finds no fault.  In their folders: a data file's name is relative to where one is."""
    for side in (p.ours, p.peer):
        ok(PEER["img"], "check", name, cwd=side)
        ok(PEER["img"], "convert", "-O", "raw", name, "same.raw", cwd=side)
    ok("cmp", f"{p.ours}/same.raw", f"{p.peer}/same.raw")


@case
def create_and_info():
    for shape in SHAPES:
        with Pair() as p:
            for side, program in ((p.ours, OURS["img"]), (p.peer, PEER["img"])):
                ok(program, "create", "-q", "-f", "qcow2", *options(shape), "i.qcow2", "10M", cwd=side)
            p.both("info", "--output=json", "i.qcow2")
            p.both("info", "i.qcow2")
            p.both("check", "i.qcow2", output=False)
            same(p)


@case
def random_writes_in_turns():
    size = 3 << 20
    for number, shape in enumerate(SHAPES):
        rng = random.Random(number)
        with Pair() as p:
            for side, program in ((p.ours, OURS["img"]), (p.peer, PEER["img"])):
                ok(program, "create", "-q", "-f", "qcow2", *options(shape), "i.qcow2", str(size), cwd=side)
            # The same commands on both sides, but who executes them changes.
            for turn in range(2):
                args = commands(rng, size, 20)
                ok(OURS["io"] if turn % 2 == 0 else PEER["io"], "-f", "qcow2", *args, "i.qcow2", cwd=p.ours)
                ok(PEER["io"], "-f", "qcow2", *args, "i.qcow2", cwd=p.peer)
            same(p)
            ok(OURS["img"], "check", "i.qcow2", cwd=p.ours)
            ok(OURS["img"], "convert", "-O", "raw", "i.qcow2", "ours.raw", cwd=p.ours)
            ok("cmp", f"{p.ours}/ours.raw", f"{p.peer}/same.raw")


@case
def compressed():
    for shape in ("compression_type=zlib", "compression_type=zstd", "cluster_size=2M", "cluster_size=512,compat=0.10"):
        with Pair() as p:
            p.raw("in.raw", 5 << 20)
            with open(p.path("in.raw"), "r+b") as f:
                f.seek(1 << 20)
                f.write(b"some text that gets smaller " * 60000)
            p.share("in.raw")
            ok(OURS["img"], "convert", "-c", "-O", "qcow2", *options(shape), "in.raw", "o.qcow2", cwd=p.ours)
            ok(PEER["img"], "convert", "-c", "-O", "qcow2", *options(shape), "in.raw", "o.qcow2", cwd=p.peer)
            p.same("o.qcow2", "qcow2")
            ok(OURS["img"], "convert", "-O", "raw", f"{p.peer}/o.qcow2", "back.raw", cwd=p.ours)
            ok("cmp", p.path("in.raw"), p.path("back.raw"))
            # Written over by the other one.
            ok(PEER["io"], "-f", "qcow2", "-c", "write -P 9 70000 3000", "-c", "write -P 8 2000000 300000", "o.qcow2", cwd=p.ours)
            ok(OURS["io"], "-f", "qcow2", "-c", "write -P 9 70000 3000", "-c", "write -P 8 2000000 300000", "o.qcow2", cwd=p.peer)
            p.same("o.qcow2", "qcow2")
            ok(PEER["img"], "check", "o.qcow2", cwd=p.peer)


@case
def backing_chain():
    with Pair() as p:
        p.raw("base.raw", 2 << 20)
        for side in (p.ours, p.peer):
            maker = OURS["img"] if side == p.ours else PEER["img"]
            ok(maker, "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "mid.qcow2", cwd=side)
            ok(maker, "create", "-q", "-f", "qcow2", "-b", "mid.qcow2", "-F", "qcow2", "-o", "cluster_size=4k", "top.qcow2", "3M", cwd=side)
        rng = random.Random(3)
        for name in ("mid.qcow2", "top.qcow2"):
            args = commands(rng, 2 << 20, 15)
            ok(OURS["io"], "-f", "qcow2", *args, name, cwd=p.ours)
            ok(PEER["io"], "-f", "qcow2", *args, name, cwd=p.peer)
        p.same("top.qcow2", "qcow2")
        p.both("info", "--backing-chain", "--output=json", "top.qcow2")


@case
def snapshots_of_the_other():
    with Pair() as p:
        for side, maker in ((p.ours, OURS["img"]), (p.peer, PEER["img"])):
            ok(maker, "create", "-q", "-f", "qcow2", "i.qcow2", "4M", cwd=side)
        rng = random.Random(8)
        for turn in range(6):
            args = commands(rng, 4 << 20, 8)
            ok(OURS["io"] if turn % 2 else PEER["io"], "-f", "qcow2", *args, "i.qcow2", cwd=p.ours)
            ok(PEER["io"], "-f", "qcow2", *args, "i.qcow2", cwd=p.peer)
            step = (["-c", f"s{turn}"], ["-c", f"s{turn}"], ["-c", f"s{turn}"], ["-a", "s1"], ["-d", "s0"], ["-a", "s2"])[turn]
            ok(PEER["img"] if turn % 3 == 1 else OURS["img"], "snapshot", *step, "i.qcow2", cwd=p.ours)
            ok(PEER["img"], "snapshot", *step, "i.qcow2", cwd=p.peer)
            p.same("i.qcow2", "qcow2")
            ok(OURS["img"], "check", "i.qcow2", cwd=p.ours)
        for name in ("s1", "s2"):
            for side in (p.ours, p.peer):
                ok(PEER["img"], "convert", "-l", f"snapshot.name={name}", "-O", "raw", "i.qcow2", f"{name}.raw", cwd=side)
            ok("cmp", f"{p.ours}/{name}.raw", f"{p.peer}/{name}.raw")


@case
def encryption():
    ways = ["encrypt.format=luks", "encrypt.format=aes",
            "encrypt.format=luks,encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256",
            "encrypt.format=luks,encrypt.cipher-alg=serpent-256,encrypt.hash-alg=sha512",
            "encrypt.format=luks,encrypt.cipher-alg=twofish-256,encrypt.ivgen-alg=plain,encrypt.hash-alg=sha1"]
    for number, way in enumerate(ways):
        luks = "luks" in way
        with Pair() as p:
            for maker in (OURS, PEER) if number == 0 else [(OURS, PEER)[number % 2]]:
                o = ",".join(filter(None, [way, "encrypt.key-secret=s", "encrypt.iter-time=10" if luks else ""]))
                ok(maker["img"], "create", "-q", *SECRET, "-f", "qcow2", "-o", o, "e.qcow2", "2M", cwd=p.ours)
                opts = ["--image-opts", "driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s"]
                rng = random.Random(number)
                expect = bytearray(2 << 20)
                for turn in range(4):
                    off, length, value = rng.randrange(3000) * 512, rng.choice([512, 70144, 4096]), turn + 1
                    expect[off:off + length] = bytes([value]) * length
                    ok((OURS if turn % 2 else PEER)["io"], *SECRET, *opts, "-c", f"write -P {value} {off} {length}", cwd=p.ours)
                reads = []
                for off in range(0, 2 << 20, 32768):
                    piece = expect[off:off + 32768]
                    if len(set(piece)) == 1:
                        reads += ["-c", f"read -P {piece[0]} {off} 32768"]
                for reader in (OURS, PEER):
                    out = ok(reader["io"], *SECRET, *opts, *reads, cwd=p.ours)
                    must("verification failed" not in out, f"{way}: {reader['io']} reads other data")
                ok(PEER["img"], "check", *SECRET, *opts, cwd=p.ours)


@case
def amend():
    steps = [("cluster_size=4k", ["compat=0.10"]), ("compat=0.10", ["compat=1.1", "lazy_refcounts=on", "lazy_refcounts=off"]),
             ("", ["refcount_bits=1", "refcount_bits=64", "refcount_bits=8"]), ("", ["size=9M", "size=16M"])]
    for shape, changes in steps:
        with Pair() as p:
            for side, maker in ((p.ours, OURS["img"]), (p.peer, PEER["img"])):
                ok(maker, "create", "-q", "-f", "qcow2", *options(shape), "i.qcow2", "6M", cwd=side)
            args = commands(random.Random(1), 6 << 20, 30)
            ok(OURS["io"], "-f", "qcow2", *args, "i.qcow2", cwd=p.ours)
            ok(PEER["io"], "-f", "qcow2", *args, "i.qcow2", cwd=p.peer)
            for change in changes:
                ok(OURS["img"], "amend", "-f", "qcow2", "-o", change, "i.qcow2", cwd=p.ours)
                if not change.startswith("refcount_bits"):  # the peer takes minutes for this
                    ok(PEER["img"], "amend", "-f", "qcow2", "-o", change, "i.qcow2", cwd=p.peer)
                    p.both("info", "--output=json", "i.qcow2")
                p.same("i.qcow2", "qcow2")


@case
def bitmaps_go_along():
    with Pair() as p:
        ok(PEER["img"], "create", "-q", "-f", "qcow2", "i.qcow2", "8M", cwd=p.ours)
        for name in ("on", "off"):
            ok(PEER["img"], "bitmap", "--add", "-g", "64k", "i.qcow2", name, cwd=p.ours)
        ok(PEER["img"], "bitmap", "--disable", "i.qcow2", "off", cwd=p.ours)
        ok(OURS["io"], "-f", "qcow2", "-c", "write -P 5 1M 200k", "-c", "write -z 5M 64k", "i.qcow2", cwd=p.ours)
        info = json.loads(ok(PEER["img"], "info", "--output=json", "i.qcow2", cwd=p.ours))
        flags = {b["name"]: b["flags"] for b in info["format-specific"]["data"]["bitmaps"]}
        must_be(flags, {"on": ["auto"], "off": []}, "flags after our writes")
        ok(PEER["img"], "check", "i.qcow2", cwd=p.ours)
        ok(OURS["img"], "check", "i.qcow2", cwd=p.ours)
        # The peer goes on with them.
        ok(PEER["img"], "bitmap", "--merge", "on", "i.qcow2", "off", cwd=p.ours)
        ok(PEER["io"], "-f", "qcow2", "-c", "write -P 5 2M 200k", "i.qcow2", cwd=p.ours)
        ok(OURS["img"], "check", "i.qcow2", cwd=p.ours)
        ok(OURS["img"], "resize", "i.qcow2", "12M", cwd=p.ours)
        ok(PEER["img"], "check", "i.qcow2", cwd=p.ours)
        for name in ("on", "off"):
            ok(PEER["img"], "bitmap", "--remove", "i.qcow2", name, cwd=p.ours)
        ok(OURS["img"], "check", "i.qcow2", cwd=p.ours)


@case
def damage_is_refused_in_words():
    with Pair() as p:
        ok(PEER["img"], "create", "-q", "-f", "qcow2", "i.qcow2", "8M", cwd=p.ours)
        with open(p.path("i.qcow2"), "r+b") as f:
            f.seek(72)
            f.write((1 << 4 | 1 << 40).to_bytes(8, "big"))
        done = run(OURS["img"], "info", "i.qcow2", cwd=p.ours)
        must(done.returncode and "bit 40" in done.stderr, f"unknown feature: {done.stderr}")
        with open(p.path("i.qcow2"), "r+b") as f:
            f.seek(72)
            f.write((2).to_bytes(8, "big"))
        done = run(OURS["io"], "-f", "qcow2", "-c", "write 0 4k", "i.qcow2", cwd=p.ours)
        must(done.returncode and "corrupt" in done.stderr, f"corrupt bit: {done.stderr}")
        ok(OURS["img"], "check", "-r", "all", "i.qcow2", cwd=p.ours)
        ok(PEER["io"], "-f", "qcow2", "-c", "write 0 4k", "i.qcow2", cwd=p.ours)


if __name__ == "__main__":
    sys.exit(image.main())
