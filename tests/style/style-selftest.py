#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Proves that each rule of style.py fails on a bad snippet, names the right line, and passes its good neighbour."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import style  # noqa: E402

HEAD = '/* SPDX-License-Identifier: GPL-2.0-or-later */\n#include "util/osdep.h"\n'


def function(lines, statement="    x++;\n", before=""):
    return HEAD + before + "static void f(void)\n{\n" + statement * (lines - 2) + "}\n"


def switch(lines):
    return HEAD + "static void f(int x)\n{\n    switch (x) {\n" + "    case 1:\n" * (lines - 4) + "    }\n}\n"


# path, text, the faults expected as (rule, line)
CASES = [
    ("util/a.c", HEAD, []),
    ("util/a.c", HEAD + '#include "system/memory.h"\n', [("include table", 3)]),
    ("block/a.c", HEAD + '#include "block/blk.h"\n', []),
    ("block/a.c", HEAD + '#include "hw/ide/ata.h"\n', [("include table", 3)]),
    ("hw/char/uart.c", HEAD + '#include "chardev/char.h"\n#include "hw/isa/isa.h"\n', []),
    ("hw/char/uart.c", HEAD + '#include "monitor/hmp.h"\n', [("include table", 3)]),
    ("hw/char/uart.c", HEAD + '#include "migration/snapshot.h"\n', [("include table", 3)]),
    ("hw/char/uart.c", HEAD + '#include "migration/vmstate.h"\n', []),
    ("system/memory.c", HEAD + '#include "hw/pci/pci.h"\n', [("include table", 3)]),
    ("system/main.c", HEAD + '#include "hw/pci/pci.h"\n', []),
    ("accel/interp/a.c", HEAD + '#include "target/i386/cpu.h"\n', []),
    ("accel/interp/a.c", HEAD + '#include "hw/intc/apic.h"\n', [("include table", 3)]),
    ("hw/char/uart.c", HEAD + '#include "uart.h"\n', [("include table", 3)]),
    ("ui/a.c", HEAD + '#include "ui/console-int.h"\n', []),
    ("hw/display/vga.c", HEAD + '#include "ui/console-int.h"\n', [("-int.h stays in its folder", 3)]),
    ("hw/ide/ata.c", HEAD + '#include "hw/pci/pci-int.h"\n', [("-int.h stays in its folder", 3)]),
    ("hw/ide/ata.c", HEAD + "#include <Zydis/Zydis.h>\n", [("libraries where declared", 3)]),
    ("target/i386/decode.c", HEAD + "#include <Zydis/Zydis.h>\n", []),
    ("hw/ide/ata.c", HEAD + "#include <urcu.h>\n", [("libraries where declared", 3)]),
    ("util/a.c", HEAD.splitlines()[0] + "\n#include <stdio.h>\n", [("osdep.h first", 2)]),
    ("util/a.c", '#include "util/osdep.h"\n', [("SPDX line", 1)]),
    ("scripts/a", "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-or-later\n", []),
    ("scripts/a", "#!/bin/sh\n", [("SPDX line", 1)]),
    ("util/a.c", HEAD + "\n" * 799, [("file size", 801)]),
    ("util/a-table.c", HEAD + "\n" * 799, []),
    ("util/a.c", function(60), []),
    ("util/a.c", function(61), [("function size", 4)]),
    ("util/a.c", function(61, before="typedef struct A {\n    int x;\n} A;\nstatic int y = 1;\n"), [("function size", 8)]),
    ("util/a.c", HEAD + "static const int t[] = {\n" + "    1,\n" * 90 + "};\n", []),
    ("util/a.c", switch(120), []),
    ("util/a.c", switch(121), [("function size", 4)]),
    ("util/a.c", function(201, "    y = \"}\"; /* { */\n"), [("function size", 4)]),
    ("util/a.c", function(4, "#ifdef X\n"), [("no #if inside functions", 5), ("no #if inside functions", 6)]),
    ("util/a.c", HEAD + "#ifdef X\nint x;\n#endif\n", []),
    ("util/a.c", HEAD + "\tint x;\n", [("plain text", 3)]),
    ("util/a.c", HEAD + "int x; \n", [("plain text", 3)]),
    ("util/a.c", HEAD + "/* " + "x" * 140 + " */\n", [("plain text", 3)]),
]


def main():
    bad = 0
    for number, (path, text, expected) in enumerate(CASES, 1):
        found = []
        style.check_file(path, text, lambda rule, line, message, found=found: found.append((rule, line)))
        # A private header of another folder may break the table too; the case looks at its own rule.
        if expected:
            found = [fault for fault in found if fault[0] == expected[0][0]]
        good = found == expected
        bad += not good
        what = f"{path}: {expected[0][0] if expected else 'no fault'}"
        print(f"{'ok' if good else 'not ok'} {number} - {what}" + ("" if good else f": expected {expected}, found {found}"))
    covered = {fault[0] for _, _, faults in CASES for fault in faults}
    if covered != set(style.RULES):
        print(f"not ok {len(CASES) + 1} - every rule has a bad snippet: {set(style.RULES) - covered} has none")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
