#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The CPU's unit tests on the translator: ENGINE=jit, and some under verify=on, where each block is compared with the interpreter."""
import os
import subprocess
import sys

BUILD = os.environ.get("RHEA_BUILD", "build")
# program, engine, environment
RUNS = [
    ("unit/interp-test", "jit", {}),
    ("unit/insn-native-test", "jit", {"CASES": "300"}),
    ("unit/insn-walk-test", "jit", {"CASES": "30"}),
    ("unit/mmu-test", "jit", {}),
    ("unit/align-check-test", "jit", {}),
    ("unit/cpu-system-test", "jit", {}),
    ("unit/paging-state-test", "jit", {}),
    ("unit/engines-test", "jit,verify=on", {"ENGINES": "interp jit,verify=on", "ROUNDS": "400", "SEED": "100000"}),
    ("fuzz/cpu-fuzz", "jit", {"ROUNDS": "1500"}),
    ("fuzz/cpu-fuzz", "jit,verify=on", {"ROUNDS": "1000"}),
]


def run(program, engine, env):
    """None when it passed, else what it said."""
    done = subprocess.run([f"{BUILD}/tests/{program}"], env={**os.environ, "ENGINE": engine, **env}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    text = done.stdout.decode("utf-8", "replace")
    bad = done.returncode or "\nnot ok" in "\n" + text or "does other than the interpreter" in text
    return text if bad else None


def main():
    failed = 0
    for number, (program, engine, env) in enumerate(RUNS, 1):
        said = run(program, engine, env)
        failed += said is not None
        print(f"{'ok' if said is None else 'not ok'} {number} - {program} on {engine}", flush=True)
        if said is not None:
            print("\n".join("# " + line for line in said.splitlines()[-40:]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
