#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every named CPU model as a guest sees it (tests/guest/cpuid.S), beside Debian's QEMU: vendor, family, model and stepping are the same, and
so are the features that both emulators have ('max' shows them)."""
import os
import re
import shutil
import subprocess

from machine import BUILD, Failure, run_cases, skip

QEMU = "qemu-system-x86_64"
ROM = BUILD + "/tests/guest/cpuid.bin"
WORDS = {"1.ecx": (1, 2), "1.edx": (1, 3), "7.ebx": (7, 1), "7.ecx": (7, 2), "7.edx": (7, 3), "80000001.ecx": (0x80000001, 2),
         "80000001.edx": (0x80000001, 3)}
# Ours on purpose: the default and qemu32 are ours; versions mean their model itself (target/i386/models-table.c).
OWN = re.compile(r"(qemu64|qemu32|max|base|host)(-v\d)?|.*-(v[2-9]|IBRS|IBPB|noTSX|noTSX-IBRS)")
# What the processors of these names have and QEMU's models of them leave out: CMPXCHG16B, VAES, CLFLUSHOPT, CR8 by LOCK MOV CR0.
REAL = {"Conroe": ("1.ecx", 1 << 13), "EPYC-Milan": ("7.ecx", 1 << 9), "Skylake-Client": ("7.ebx", 1 << 23),
        "Opteron_G3": ("80000001.ecx", 1 << 4), "Opteron_G4": ("80000001.ecx", 1 << 4), "Opteron_G5": ("80000001.ecx", 1 << 4),
        "phenom": ("80000001.ecx", 1 << 4)}
# OSXSAVE, the number of the APIC and such are no features; SYSCALL outside 64-bit code is AMD's, and guests of this test run there.
NOT_COMPARED = {"1.ecx": 1 << 27 | 1 << 31, "7.ecx": 1 << 4, "80000001.edx": 1 << 11}


def models(emulator):
    text = subprocess.run([emulator, "-cpu", "help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^x86 (\S+)", text, re.M)


def leaves(emulator, accel, model):
    done = subprocess.run([emulator, "-accel", accel, "-M", "pc", "-cpu", model, "-m", "16", "-nodefaults", "-display", "none", "-bios", ROM,
                           "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-debugcon", "stdio", "-no-reboot"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    lines = re.findall(r"^[0-9a-f]{40}$", done.stdout, re.M)
    if done.returncode != 33 or len(lines) < 5:
        raise Failure(f"{emulator} -cpu {model}: {done.returncode}: {done.stdout} {done.stderr}")
    return {int(line[:8], 16): [int(line[k:k + 8], 16) for k in range(8, 40, 8)] for line in lines}


def differences(model, theirs, ours, common):
    if theirs[0][1:] != ours[0][1:]:
        yield f"{model}: vendor {theirs[0][1:]}, here {ours[0][1:]}"
    if theirs[1][0] != ours[1][0]:
        yield f"{model}: signature {theirs[1][0]:x}, here {ours[1][0]:x}"
    for name, (leaf, register) in WORDS.items():
        if leaf == 7 and min(theirs[0][0], ours[0][0]) < 7:
            continue  # beyond the last leaf
        if leaf > min(theirs[0x80000000][0], ours[0x80000000][0]) and leaf >= 0x80000000:
            continue
        mask = common[name] & ~NOT_COMPARED.get(name, 0)
        real, bits = REAL.get(model.removesuffix("-v1"), (None, 0))
        a, b = theirs[leaf][register] & mask, ours[leaf][register] & mask & ~(bits if real == name else 0)
        if a != b:
            yield f"{model}: {name} only there {a & ~b:x}, only here {b & ~a:x}"


def models_are_as_qemus():
    rhea = os.environ["RHEA"]
    both = [name for name in models(QEMU) if name in models(rhea)]
    most, our_most = leaves(QEMU, "tcg", "max"), leaves(rhea, "interp", "max")
    common = {name: most[leaf][register] & our_most[leaf][register] for name, (leaf, register) in WORDS.items()}
    wrong = []
    for model in both:
        if not OWN.fullmatch(model):
            wrong += differences(model, leaves(QEMU, "tcg", model), leaves(rhea, "interp", model), common)
    print("\n".join(wrong))
    if wrong or len(both) < 60:
        raise Failure(f"{len(wrong)} differences in {len(both)} models")


if not shutil.which(QEMU):
    skip(f"no {QEMU}: package qemu-system-x86")
run_cases(models_are_as_qemus)
