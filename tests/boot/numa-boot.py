#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""NUMA: Linux finds the nodes with their processors, memory and distances, above 4 GiB too."""
from linux import kernel
from machine import Failure, Machine, run_cases


def linux_sees_the_nodes():
    options = ["-smp", "3,sockets=3", "-object", "memory-backend-ram,id=a,size=3G", "-object", "memory-backend-memfd,id=b,size=1G",
               "-numa", "node,memdev=a,cpus=0", "-numa", "node,memdev=b,cpus=1-2", "-numa", "dist,src=0,dst=1,val=25", "-vga", "none"]
    with Machine(*kernel("cloud"), *options, "-append", "console=ttyS0 quiet", memory=4096) as machine:
        machine.expect(r"This is Linux", 300)
        machine.send("cd /sys/devices/system/node; for n in node*; do echo $n: cpus $(cat $n/cpulist), far $(cat $n/distance), "
                     "$(grep MemTotal $n/meminfo); done; echo END\n")
        text = machine.expect(r"node0: cpus 0, far 10 25, Node 0 MemTotal: +(\d+) kB[^n]*node1: cpus 1-2, far 25 10, "
                              r"Node 1 MemTotal: +(\d+) kB", 60)
        sizes = [int(text[1]) >> 10, int(text[2]) >> 10]
        if not (2850 < sizes[0] <= 3072 and 900 < sizes[1] <= 1024):
            raise Failure(f"the nodes have {sizes} MiB")
        machine.send("poweroff -f\n")
        machine.expect_exit(0)


run_cases(linux_sees_the_nodes)
