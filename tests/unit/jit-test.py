#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The CPU's unit tests on the translator: ENGINE=jit, and some under verify=on, where each block is compared with the interpreter."""
import os
import subprocess
import sys

BUILD = os.environ.get("RHEA_BUILD", "build")
# program, engine, environment
RUNS = [
    ("interp-test", "jit", {}),
    ("insn-native-test", "jit", {"CASES": "300"}),
    ("mmu-test", "jit", {}),
    ("align-check-test", "jit", {}),
    ("cpu-system-test", "jit", {}),
    ("paging-state-test", "jit", {}),
    ("interp-fuzz-test", "jit", {"ROUNDS": "1500"}),
    ("interp-fuzz-test", "jit,verify=on", {"ROUNDS": "1000"}),
    ("interp-test", "jit,verify=on", {}),
]


def run(program, engine, env):
    """None when it passed, else what it said."""
    done = subprocess.run([f"{BUILD}/tests/unit/{program}"], env={**os.environ, "ENGINE": engine, **env}, stdout=subprocess.PIPE,
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
