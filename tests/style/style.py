#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The style check: who may include whom, sizes of files and functions, and a few habits. Prints file:line and TAP.

With file names it checks only those. style-selftest.py proves that each rule can fail.
"""
import fnmatch
import os
import re
import sys

# Who may include whom, besides its own folder and util/: the most specific row counts. The architecture's table
# (docs/architecture.md) in a form that runs. "*" is everything public.
MAY_INCLUDE = {
    "util/": [],
    "block/": [],
    "net/": [],
    "audio/": [],
    "chardev/": [],
    "ui/": [],
    "migration/": ["system/*", "block/*"],
    "system/": ["migration/vmstate.h", "accel/accel.h"],
    "system/main.c": ["*"],
    "system/options.c": ["*"],
    "system/backends.c": ["*"],
    "system/displays.c": ["*"],
    "system/optargs.c": ["migration/vmstate.h", "accel/accel.h", "ui/sdl.h"],
    "system/optdisplay.c": ["ui/*"],
    "system/qtest.c": ["migration/vmstate.h", "accel/accel.h", "chardev/*"],  # a protocol's server, as a monitor is
    "target/": ["system/*", "migration/vmstate.h", "accel/*"],
    "accel/": ["system/*", "migration/vmstate.h", "target/i386/*"],
    "accel/qtest/": ["system/*", "chardev/*"],
    "hw/": ["system/*", "migration/vmstate.h", "block/*", "net/*", "ui/*", "audio/*", "chardev/*"],
    "monitor/": ["*"],
    "gdb/": ["system/*", "chardev/*", "accel/accel.h", "monitor/monitor.h"],
    "tools/": ["block/*"],
    "tests/": ["*"],
}
# Libraries that only these files may know.
LIBRARIES = {
    "Zydis/*": ["target/i386/decode*", "tests/*"],
    "Zycore/*": ["target/i386/decode*", "tests/*"],
    "urcu*": ["system/*", "util/*"],
    "png.h": ["ui/*"],
    "pixman.h": ["ui/*"],
    "zstd.h": ["block/qcow2-zstd*", "tests/*"],
    "libdeflate.h": ["block/qcow2-deflate*"],
    "nettle/*": ["block/cipher-nettle*"],
    "rfb/*": ["ui/vnc*"],
    "xkbcommon/*": ["ui/keymap-xkb.c"],
    "SDL*": ["ui/sdl*"],
    "curses.h": ["ui/curses*"],
    "zlib.h": ["block/*", "migration/*", "tests/*", "tools/*"],
    "jansson.h": ["monitor/*", "system/*", "block/*", "tests/*", "tools/*"],
}
FOLDERS = ["util", "block", "net", "audio", "chardev", "ui", "migration", "system", "target", "accel", "hw", "monitor", "gdb",
           "tools", "pc-bios", "tests", "scripts", "configure", "Makefile"]

FILE_LINES, FUNCTION_LINES, SWITCH_LINES, NEVER_LINES = 800, 60, 120, 200
OSDEP_LINES = 100
LINE_WIDTH = 140  # aim at 110; beyond 140 nobody reads
RULES = ["include table", "-int.h stays in its folder", "libraries where declared", "osdep.h first", "SPDX line",
         "file size", "function size", "no #if inside functions", "plain text"]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)
BLANKABLE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
CONDITIONAL = re.compile(r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif|else)\b", re.M)
SWITCH = re.compile(r"\bswitch\b")


def blank(match):
    """Spaces in place of what matched; the lines stay."""
    return re.sub(r"[^\n]", " ", match[0])


def allowed_includes(path):
    best = max((row for row in MAY_INCLUDE if path.startswith(row)), key=len, default=None)
    return MAY_INCLUDE[best] if best is not None else []


def own_folder(path):
    """The folder that a file belongs to in the table: hw/char/uart.c to hw/."""
    return path.split("/")[0] + "/"


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_includes(path, text, report):
    allowed = allowed_includes(path) + ["util/*", own_folder(path) + "*"]
    for match in INCLUDE.finditer(text):
        name, line = match[1] or match[2], line_of(text, match.start(1) if match[1] else match.start(2))
        if match[2]:
            for library, files in LIBRARIES.items():
                if fnmatch.fnmatch(name, library) and not any(fnmatch.fnmatch(path, f) for f in files):
                    report("libraries where declared", line, f"<{name}> is only for {', '.join(files)}")
            continue
        if name == "build/config.h":
            continue
        if "/" not in name:
            report("include table", line, f'"{name}": headers are included by their path from the top folder')
        elif not any(fnmatch.fnmatch(name, pattern) for pattern in allowed):
            row = ", ".join(pattern for pattern in allowed if pattern != "util/*") or "nothing"
            report("include table", line, f'"{name}": {own_folder(path)} may include util/*, {row}')
        if name.endswith("-int.h") and os.path.dirname(name) != os.path.dirname(path) and own_folder(path) != "tests/":
            report("-int.h stays in its folder", line, f'"{name}" is private to {os.path.dirname(name)}/')


def check_osdep(path, text, report):
    if path.endswith(".c"):
        first = INCLUDE.search(text)
        if not first or first[1] != "util/osdep.h":
            report("osdep.h first", line_of(text, first.start()) if first else 1, 'include "util/osdep.h" first')
    if path == "util/osdep.h" and text.count("\n") >= OSDEP_LINES:
        report("osdep.h first", OSDEP_LINES, f"osdep.h stays under {OSDEP_LINES} lines")


def check_text(path, text, report):
    lines = text.split("\n")
    if "SPDX-License-Identifier: GPL-2.0-or-later" not in "\n".join(lines[:2]):
        report("SPDX line", 1, "the first line (the second after #!) names the licence: SPDX-License-Identifier")
    if not path.endswith((".c", ".h")):
        return
    if len(lines) - 1 > FILE_LINES and not path.endswith("-table.c"):
        report("file size", FILE_LINES + 1, f"{len(lines) - 1} lines; at most {FILE_LINES} (but in *-table.c)")
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            report("plain text", number, "tab")
        elif line.endswith((" ", "\r")):
            report("plain text", number, "space at the end of the line")
        elif len(line) > LINE_WIDTH and not path.endswith("-table.c"):
            report("plain text", number, f"{len(line)} columns; at most {LINE_WIDTH}")


def matching_brace(code, opening):
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(code)


def functions(code):
    """(name, offset of {, offset of }) of each function in code without comments, strings and directives."""
    position = 0
    while True:
        opening = code.find("{", position)
        if opening < 0:
            return
        closing = matching_brace(code, opening)
        # Since the last ; or } : "static int name(int a)"; a struct or an initialiser has no ")" right before the brace.
        start = max(code.rfind(";", 0, opening), code.rfind("}", 0, opening)) + 1
        head = code[start:opening].strip()
        name = re.search(r"(\w+)\s*\(", head)
        if head.endswith(")") and "=" not in head and name:
            yield name[1], opening, closing
        position = closing + 1


def switch_lines(body):
    """How many lines of a function's body are inside switch statements."""
    total, position = 0, 0
    while True:
        match = SWITCH.search(body, position)
        opening = body.find("{", match.end()) if match else -1
        if opening < 0:
            return total
        closing = matching_brace(body, opening)
        total += body.count("\n", match.start(), closing) + 1
        position = closing


def check_functions(path, text, report):
    plain = BLANKABLE.sub(blank, text)
    code = DIRECTIVE.sub(blank, plain)
    for name, opening, closing in functions(code):
        line = line_of(code, opening)
        size = code.count("\n", opening, closing) + 1
        limit = FUNCTION_LINES
        if size > FUNCTION_LINES and switch_lines(code[opening:closing]) * 2 > size:
            limit = SWITCH_LINES
        if size > limit:
            never = f", and never over {NEVER_LINES}" if size > NEVER_LINES else ""
            kind = "a function that is mostly a switch" if limit == SWITCH_LINES else "a function"
            report("function size", line, f"{name}() has {size} lines; {kind} has at most {limit}{never}")
        for match in CONDITIONAL.finditer(plain, opening, closing):
            report("no #if inside functions", line_of(plain, match.start()), f"#if inside {name}()")


def check_file(path, text, report):
    """Checks one file; report(rule, line, message) is called for each fault."""
    check_text(path, text, report)
    if path.endswith((".c", ".h")):
        check_includes(path, text, report)
        check_osdep(path, text, report)
        check_functions(path, text, report)


def source_files():
    for folder in FOLDERS:
        if os.path.isfile(folder):
            yield folder
        for root, folders, names in os.walk(folder):
            folders[:] = sorted(f for f in folders if f != "__pycache__")
            for name in sorted(names):
                if name.endswith((".c", ".h", ".S", ".py", ".sh", ".asl", ".ld")) or "." not in name:
                    yield os.path.join(root, name)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    counts = dict.fromkeys(RULES, 0)
    for path in sys.argv[1:] or source_files():
        def report(rule, line, message, path=path):
            counts[rule] += 1
            print(f"{path}:{line}: {message}")

        with open(path, encoding="utf-8", errors="replace") as f:
            check_file(path, f.read(), report)
    for number, (rule, faults) in enumerate(counts.items(), 1):
        print(f"{'not ok' if faults else 'ok'} {number} - {rule}" + (f" ({faults} faults)" if faults else ""))
    return 1 if any(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
