#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rhea-img on raw images, command by command beside qemu-img."""
import os
import sys

from image import OURS, Pair, case, main, must, must_be, run

M = 1024 * 1024


@case
def create():
    with Pair() as p:
        for options in ([], ["-o", "preallocation=falloc"], ["-o", "preallocation=full"], ["-q"], ["-o", "size=2M"]):
            size = [] if "size=2M" in options else ["3M"]
            p.both("create", "-f", "raw", *options, "x.raw", *size)
            must_be(os.stat(p.path("x.raw")).st_size, os.stat(f"{p.peer}/x.raw").st_size, "size")
        p.both("create", "y.raw", "1000")
        p.both("create", "-f", "raw", "-o", "help")
        p.both("create", "-f", "raw", "-o", "help", "x.raw")
        for wrong in (["create"], ["create", "-f", "raw", "n.raw"], ["create", "-f", "raw", "n.raw", "1Q"], ["create", "-f", "nope", "n.raw", "1M"],
                      ["create", "-f", "raw", "-o", "foo=1", "n.raw", "1M"], ["create", "-f", "raw", "-b", "x.raw", "n.raw", "1M"],
                      ["create", "-f", "raw", "nofolder/n.raw", "1M"], ["create", "-f", "raw", "n.raw", "-1"]):
            p.both(*wrong, output=False)
        must(not os.path.exists(p.path("n.raw")), "a failed create leaves its file")


@case
def info_and_map():
    with Pair() as p:
        p.raw("a.raw", 10 * M)
        p.raw("odd.raw", 1000)
        p.raw("empty.raw", 0, pieces=0)
        for name in "a.raw", "odd.raw", "empty.raw":
            for output in "human", "json":
                p.both("info", "-f", "raw", f"--output={output}", name)
                p.both("info", "-f", "raw", "--backing-chain", f"--output={output}", name)
                p.both("map", "-f", "raw", f"--output={output}", name)
        p.both("map", "-f", "raw", "--output=json", "--start-offset=1M", "--max-length=3M", "a.raw")
        p.both("map", "-f", "raw", "-s", "512", "-l", "70000", "--output=json", "a.raw")
        p.both("info", "--image-opts", "driver=raw,file.filename=a.raw,offset=1M,size=2M", output=False)
        p.both("info", "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"file\", \"filename\": \"a.raw\"}}", output=False)
        p.both("info", "nofile", output=False)
        p.both("info", "--output=xml", "a.raw", output=False)
        p.both("info", "-f", "raw", "--image-opts", "driver=raw,file.filename=a.raw", output=False)


@case
def check_and_snapshot_are_not_for_raw():
    with Pair() as p:
        p.raw("a.raw", M)
        p.both("check", "-f", "raw", "a.raw")
        p.both("check", "-f", "raw", "--output=json", "a.raw")
        p.both("snapshot", "-l", "a.raw")
        p.both("snapshot", "-c", "s", "a.raw", output=False)
        p.both("bitmap", "--add", "-f", "raw", "a.raw", "b", output=False)
        p.both("amend", "-f", "raw", "-o", "size=2M", "a.raw", output=False)


@case
def resize():
    with Pair() as p:
        p.raw("a.raw", 2 * M)
        for args in (["a.raw", "3M"], ["a.raw", "+1M"], ["a.raw", "+5k"], ["--preallocation=full", "a.raw", "+64k"],
                     ["--preallocation=falloc", "a.raw", "6M"], ["--shrink", "a.raw", "1M"], ["--shrink", "a.raw", "-512k"], ["-q", "a.raw", "1M"]):
            p.both("resize", "-f", "raw", *args)
            must_be(os.stat(p.path("a.raw")).st_size, os.stat(f"{p.peer}/a.raw").st_size, str(args))
            p.same("a.raw")
        for args in (["a.raw", "1k"], ["a.raw"], ["a.raw", "-10M"], ["--preallocation=metadata", "a.raw", "+1M"], ["a.raw", "x"]):
            p.both("resize", "-f", "raw", *args, output=False)


@case
def convert():
    with Pair() as p:
        p.raw("a.raw", 9 * M + 1024, seed=3, pieces=40)
        p.raw("b.raw", 1 * M, seed=4)
        p.raw("t.raw", 10 * M + 1024, seed=5)
        for args in ([], ["-p"], ["-S", "0"], ["-S", "64k"], ["-W"], ["-m", "1"], ["-m", "16", "-W"], ["-t", "none", "-T", "none"], ["-C"],
                     ["-o", "preallocation=full"], ["-r", "1G"], ["--salvage"]):
            p.both("convert", "-f", "raw", "-O", "raw", *args, "a.raw", "out.raw")
            must_be(run("cmp", p.path("a.raw"), p.path("out.raw")).returncode, 0, str(args))
        blocks = [os.stat(p.path(name)).st_blocks for name in ("a.raw", "out.raw")]
        must(blocks[1] <= blocks[0] + 64, f"the copy is not sparse: {blocks}")
        p.both("convert", "-f", "raw", "-O", "raw", "-S", "0", "a.raw", "full.raw")
        must(os.stat(p.path("full.raw")).st_blocks * 512 >= 9 * M, "-S 0 is sparse")
        p.both("convert", "-f", "raw", "-O", "raw", "a.raw", "b.raw", "joined.raw")
        p.same("joined.raw")
        p.both("convert", "-n", "-f", "raw", "-O", "raw", "a.raw", "t.raw")
        p.same("t.raw")
        for wrong in (["a.raw"], ["-O", "nope", "a.raw", "x.raw"], ["-n", "a.raw", "b.raw"], ["nofile", "x.raw"], ["-c", "-W", "a.raw", "x.raw"],
                      ["-S", "100", "a.raw", "x.raw"], ["-m", "99", "a.raw", "x.raw"], ["--target-is-zero", "a.raw", "x.raw"], ["-c", "a.raw", "x.raw"],
                      ["--bitmaps", "a.raw", "x.raw"], ["-l", "s", "a.raw", "x.raw"]):
            p.both("convert", "-f", "raw", *wrong, output=False)
            must(not os.path.exists(p.path("x.raw")), f"{wrong} leaves its output")


@case
def dd():
    with Pair() as p:
        p.raw("a.raw", 3 * M + 512)
        for args in (["bs=1M"], ["bs=1M", "count=2"], ["bs=1M", "skip=1"], ["bs=4k", "skip=3", "count=7"], ["bs=1M", "skip=9"], ["count=3"]):
            p.both("dd", "-f", "raw", "-O", "raw", *args, "if=a.raw", "of=o.raw")
            p.same("o.raw")
        for wrong in (["if=a.raw"], ["bs=0", "if=a.raw", "of=x.raw"], ["if=nofile", "of=x.raw"], ["foo=1", "if=a.raw", "of=x.raw"]):
            p.both("dd", *wrong, output=False)


@case
def compare():
    with Pair() as p:
        p.raw("a.raw", 3 * M, seed=1)
        p.raw("same.raw", 3 * M, seed=1)
        p.raw("other.raw", 3 * M, seed=2)
        p.raw("zero.raw", 3 * M, pieces=0)
        p.raw("long.raw", 4 * M, pieces=0)
        for first in "a.raw", "zero.raw", "long.raw":
            for second in "a.raw", "same.raw", "other.raw", "zero.raw", "long.raw":
                for args in ([], ["-s"], ["-p"], ["-q"]):
                    p.both("compare", "-f", "raw", "-F", "raw", *args, first, second)
        p.both("compare", "a.raw", "nofile", output=False)
        p.both("compare", "a.raw", output=False)


@case
def measure_and_bench():
    with Pair() as p:
        p.raw("a.raw", 2 * M)
        for output in "human", "json":
            p.both("measure", f"--output={output}", "-O", "raw", "-f", "raw", "a.raw")
            p.both("measure", f"--output={output}", "-O", "raw", "--size", "1G")
            p.both("measure", f"--output={output}", "-O", "raw", "-o", "size=5M", "--size", "1G")
        p.both("measure", output=False)
        p.both("measure", "--size", "1G", "a.raw", output=False)
        p.both("bench", "-f", "raw", "-c", "100", "a.raw")
        p.both("bench", "-f", "raw", "-c", "50", "-d", "3", "-s", "8k", "-S", "16k", "-o", "64k", "-w", "--pattern=7", "a.raw")
        p.both("bench", "-f", "raw", "-c", "50", "-d", "4", "-w", "--flush-interval=5", "--no-drain", "a.raw")
        p.both("bench", "-f", "raw", "-c", "50", "-d", "4", "-w", "--flush-interval=2", "a.raw", output=False)


@case
def commands_and_help():
    with Pair() as p:
        for wrong in ([], ["nosuch"], ["info", "--nosuch", "a"], ["info", "-Z", "a"], ["create", "-f"]):
            p.both(*wrong, output=False)
        out = run(OURS["img"], "--dump-man").stdout
        for command in "amend bench bitmap check commit compare convert create dd info map measure rebase resize snapshot".split():
            must(f".SS \"{command} " in out, f"no {command} in the man page")
            must_be(run(OURS["img"], command, "--help").returncode, 0, command)
        done = run("bash", "-c", f"source <({OURS['img']} --dump-completion); COMP_WORDS=(rhea-img conv); COMP_CWORD=1; _img; "
                   "echo \"${COMPREPLY[@]}\"")
        must_be(done.stdout.strip(), "convert", done.stderr)


@case
def a_locked_image_names_its_user():
    with Pair() as p:
        p.raw("a.raw", M)
        holder = f"import fcntl,struct,time; f=open('{p.path('a.raw')}','r+b');" \
                 "l=lambda b: fcntl.fcntl(f, 37, struct.pack('hhqqi', fcntl.F_RDLCK, 0, b, 1, 0));" \
                 "[l(b) for b in (100, 101, 201, 203)]; print('held', flush=True); time.sleep(60)"
        import subprocess
        with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            done = run(OURS["img"], "resize", "-f", "raw", "a.raw", "2M", cwd=p.ours)
            process.kill()
        must_be(done.returncode, 1, done.stderr)
        must(str(process.pid) in done.stderr and "python" in done.stderr, done.stderr)


if __name__ == "__main__":
    sys.exit(main())
