#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory back ends and NUMA on the command line: what the monitor shows, and refusals."""
import os
import subprocess
import tempfile

from cli import RHEA, case, fails, main, must, must_be, must_have, rhea

PC = ["-accel", "qtest", "-M", "pc", "-nodefaults", "-vga", "none", "-display", "none"]
M0 = ["-object", "memory-backend-ram,id=m0,size=64M"]
FOLDER = tempfile.mkdtemp(prefix="rhea-mem-")


def monitor(*args, commands):
    result = rhea(*PC, "-S", "-monitor", "stdio", *args, stdin="".join(c + "\n" for c in commands) + "quit\n")
    must_be(result.returncode, 0, result.stderr)
    return result.stdout


@case
def nodes_by_size():
    text = monitor("-m", "96", "-smp", "4", "-numa", "node,cpus=0-1,mem=32", "-numa", "node,cpus=2-3,mem=64M", commands=["info numa"])
    must_have(text, "2 nodes", "node 0 cpus: 0 1", "node 0 size: 32 MB", "node 1 cpus: 2 3", "node 1 size: 64 MB")


@case
def nodes_share_equally():
    text = monitor("-m", "64", "-smp", "4,sockets=2", "-numa", "node", "-numa", "node", commands=["info numa"])
    must_have(text, "node 0 cpus: 0 1", "node 0 size: 32 MB", "node 1 cpus: 2 3", "node 1 size: 32 MB")


@case
def nodes_of_back_ends():
    path = f"{FOLDER}/ram"
    text = monitor("-m", "128", *M0, "-object", f"memory-backend-file,id=m1,size=64M,mem-path={path},share=on",
                   "-numa", "node,memdev=m0", "-numa", "node,memdev=m1", commands=["info numa", "info memdev", "info mtree"])
    must_have(text, "node 1 size: 64 MB", "memory backend: m0", "memory backend: m1", "share: true")
    must_be(os.path.getsize(path), 64 << 20, "the file has the memory's size")


@case
def a_shared_file_is_the_memory():
    path = f"{FOLDER}/shared"
    with open(path, "wb") as f:
        f.truncate(32 << 20)
        f.seek(0x200000)
        f.write(b"Rhea")
    text = monitor("-m", "32", "-object", f"memory-backend-file,id=m,size=32M,mem-path={path},share=on", "-machine", "memory-backend=m",
                   commands=["xp /4xb 0x200000", "info memdev"])
    must_have(text, "0x52 0x68 0x65 0x61")
    text = monitor("-m", "32", "-mem-path", path, commands=["xp /4xb 0x200000"])
    must_have(text, "0x52 0x68 0x65 0x61")


@case
def all_memory_at_once():
    process = subprocess.Popen([RHEA, *PC, "-S", "-m", "64", "-mem-prealloc", "-monitor", "stdio"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    text = b""
    process.stdin.write(b"info status\n")  # is answered when the machine is there
    process.stdin.flush()
    while b"VM status" not in text:
        part = os.read(process.stdout.fileno(), 4096)
        must(part, f"it ended, and said {text!r}")
        text += part
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        resident = sum(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    process.communicate(b"quit\n")
    must(resident > 64 << 10, f"{resident} KiB are resident")


@case
def distances_and_single_cpus():
    text = monitor("-m", "64", "-smp", "2,sockets=2", "-numa", "node", "-numa", "node", "-numa", "dist,src=0,dst=1,val=31",
                   "-numa", "cpu,node-id=1,socket-id=0", "-numa", "cpu,node-id=0,socket-id=1", commands=["info numa"])
    must_have(text, "node 0 cpus: 1", "node 1 cpus: 0")


@case
def refusals():
    fails(*PC, "-m", "64", "-numa", "node,mem=32M", parts=["32 MiB together", "-m 32M"])
    fails(*PC, "-m", "64", "-numa", "node,memdev=x", parts=["no memory back end 'x'", "-object memory-backend-ram,id=x"])
    fails(*PC, "-m", "64", "-numa", "node,nodeid=1", parts=["node 0 is missing"])
    fails(*PC, "-m", "64", "-numa", "nodes", parts=["must be node, dist or cpu"])
    fails(*PC, "-m", "64", "-numa", "node,cpus=0-3", parts=["CPU 1 does not exist"])
    fails(*PC, "-m", "64", "-numa", "node,cpus=0", "-numa", "node,cpus=0", parts=["CPU 0 is in node 0 already"])
    fails(*PC, "-m", "64", "-numa", "node", "-numa", "dist,src=0,dst=0,val=20", parts=["10 to the node itself"])
    fails(*PC, "-m", "32", *M0, "-machine", "memory-backend=m0", parts=["has 64 MiB, the machine 32", "-m 64M"])
    fails(*PC, "-m", "32", "-machine", "memory-backend=nobody", parts=["no memory back end 'nobody'"])
    fails(*PC, *M0, *M0, parts=["there is an object 'm0' already"])
    fails(*PC, "-object", "memory-backend-ram,id=m", parts=["needs size="])
    fails(*PC, "-object", "memory-backend-ram,id=m,size=1M,policy=bind", parts=["need each other"])
    fails(*PC, "-object", "memory-backend-ram,id=m,size=1M,policy=bind,host-nodes=63", parts=["cannot be bound"])
    fails(*PC, "-object", "memory-backend-file,id=m,size=1M", parts=["mem-path= is missing"])
    fails(*PC, "-object", "memory-backend-file,id=m,size=1M,mem-path=/nowhere/x", parts=["cannot open '/nowhere/x'"])
    fails(*PC, "-m", "64", "-mem-path", "/dev/nohugepages", parts=["there is no '/dev/nohugepages'",
                                                                   "mount -t hugetlbfs hugetlbfs /dev/nohugepages"])
    fails(*PC, "-m", "4T", "-mem-prealloc", parts=["4194304 MiB are wanted at once", "this host has", "A smaller -m"])
    fails(*PC, "-object", "memory-backend-memfd,id=m,size=64T,hugetlb=on,prealloc=on", parts=["huge pages"])
    fails(*PC, "-object", "memory-backend-ram,id=m,size=1M,shar=on", parts=["shar", "share"])
    fails(*PC, "-overcommit", "cpu-pm=on", parts=["needs -accel kvm"])


main()
