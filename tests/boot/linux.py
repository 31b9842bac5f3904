# SPDX-License-Identifier: GPL-2.0-or-later
"""What the boot tests of Debian's kernels share. `make guest-kernels` has put kernel and initramfs into build/guest."""
import os

from machine import BUILD, Machine, need, run_cases

GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/guest")
HOW = "scripts/guest/prepare fetches it, where a package source can be reached"


def kernel(flavour):
    """The options that load a kernel and its initramfs."""
    return ["-kernel", need(f"{GUEST}/{flavour}.vmlinuz", HOW), "-initrd", need(f"{GUEST}/{flavour}.cpio", HOW)]


def self_test(flavour, cpus, limit=600):
    """Boots to the self-test, which must end well with this many processors, and to a poweroff with status 0."""
    disk = f"{BUILD}/test-logs/{flavour}-{cpus}.img"
    with open(disk, "wb") as f:
        f.truncate(64 << 20)
    try:
        with Machine(*kernel(flavour), "-smp", str(cpus), "-drive", f"file={disk},format=raw,index=0,media=disk",
                     "-append", f"console=ttyS0 rhea.selftest rhea.cpus={cpus}") as machine:
            machine.expect(r"RHEA-USERLAND", limit)
            machine.expect(r"selftest: timer: ok", limit)
            machine.expect(r"RHEA-SELFTEST OK", limit)
            machine.expect_exit(0)
    finally:
        os.unlink(disk)


def self_test_program(flavour, cpus, limit=600):
    def boots_tests_itself_and_powers_off():
        self_test(flavour, cpus, limit)

    run_cases(boots_tests_itself_and_powers_off)
