# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the image tools share: the same command run by rhea-img and by Debian's qemu-img on the same inputs, TAP."""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import CASES, case, must, must_be, must_have  # pylint: disable=wrong-import-position,unused-import

BUILD = os.path.abspath(os.environ.get("RHEA_BUILD", "build"))
OURS = {"img": f"{BUILD}/rhea-img", "io": f"{BUILD}/rhea-io"}
PEER = {"img": "qemu-img", "io": "qemu-io"}


def run(program, *args, cwd=None, timeout=120):
    return subprocess.run([program, *args], cwd=cwd, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, TZ="UTC", LC_ALL="C"), check=False)


def has_format(name):
    return f" {name}" in run(OURS["img"], "--help").stdout.rsplit("Supported formats:", 1)[1]


def normal(text):
    """Progress, times and rates are not compared, nor is who speaks."""
    text = re.sub(r"    \([0-9.]+/100%\)\r?\n?", "", text)
    text = re.sub(r"[0-9.]+ seconds|[0-9.]+ sec \(.*\)", "TIME", text)
    text = re.sub(r"disk size: .*", "disk size: X", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE", text)
    return text.replace("rhea-img", "qemu-img").replace("rhea-io", "qemu-io").strip("\n")


def normal_json(value):
    if isinstance(value, list):
        return [normal_json(item) for item in value]
    if isinstance(value, dict):
        drop = {"actual-size", "date-sec", "date-nsec"}
        return {key: normal_json(item) for key, item in value.items() if key not in drop}
    return value


class Pair:
    """Two folders with the same files: rhea works in one, qemu in the other."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="rhea-image-", dir="/var/tmp")
        self.ours, self.peer = f"{self.top}/a", f"{self.top}/b"
        os.mkdir(self.ours)
        os.mkdir(self.peer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top)

    def path(self, name):
        return f"{self.ours}/{name}"

    def raw(self, name, size, seed=1, pieces=8):
        """A sparse file with some random data, the same on both sides."""
        rng = random.Random(seed)
        with open(f"{self.ours}/{name}", "wb") as f:
            f.truncate(size)
            for _ in range(pieces):
                off = rng.randrange(0, max(size // 4096, 1)) * 4096
                f.seek(off)
                f.write(rng.randbytes(min(rng.randrange(1, 5) * 4096, size - off)))
        self.share(name)

    def share(self, name):
        subprocess.run(["cp", "--sparse=always", f"{self.ours}/{name}", f"{self.peer}/{name}"], check=True)

    def make(self, *args):
        """The peer makes it, both get it."""
        before = set(os.listdir(self.peer))
        done = run(PEER["img"], *args, cwd=self.peer)
        must_be(done.returncode, 0, f"{args}: {done.stderr}")
        for name in set(os.listdir(self.peer)) - before:
            subprocess.run(["cp", f"{self.peer}/{name}", f"{self.ours}/{name}"], check=True)  # with its holes

    def both(self, *args, tool="img", output=True):
        """The same exit status and (as JSON where it is) the same output; returns ours."""
        ours, peer = run(OURS[tool], *args, cwd=self.ours), run(PEER[tool], *args, cwd=self.peer)
        must(ours.returncode >= 0, f"{args}: killed by signal {-ours.returncode}: {ours.stderr}")
        must_be(ours.returncode, peer.returncode, f"{args}: status; {ours.stderr!r}, peer {peer.stderr!r}")
        if ours.returncode not in (0, 1, 2, 3) or not output:
            return ours
        if "--output=json" in args and peer.stdout:
            must_be(normal_json(json.loads(ours.stdout)), normal_json(json.loads(peer.stdout)), f"{args}")
        else:
            must_be(normal(ours.stdout), normal(peer.stdout), f"{args}")
        if peer.stderr and peer.returncode:
            must(ours.stderr, f"{args}: says nothing, the peer {peer.stderr!r}")
        return ours

    def same(self, name, fmt="raw"):
        """Both sides' images show the same, says the peer; ours is without faults."""
        done = run(PEER["img"], "compare", "-f", fmt, "-F", fmt, f"{self.ours}/{name}", f"{self.peer}/{name}")
        must_be(done.returncode, 0, f"{name}: {done.stdout}{done.stderr}")
        if fmt == "qcow2":
            done = run(PEER["img"], "check", "-f", fmt, f"{self.ours}/{name}")
            must_be(done.returncode, 0, f"check {name}: {done.stdout}{done.stderr}")


def main():
    for program in PEER.values():
        if not shutil.which(program):
            print(f"1..0 # skip no {program}: apt install qemu-utils")
            return 0
    only, failed = sys.argv[1:], 0
    for number, function in enumerate(CASES, 1):
        if only and function.__name__ not in only:
            continue
        try:
            function()
            print(f"ok {number} - {function.__name__}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError) as error:
            failed += 1
            print(f"not ok {number} - {function.__name__}", flush=True)
            print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    print(f"1..{len(CASES)}")
    return 1 if failed else 0
