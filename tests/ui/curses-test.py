#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The curses display in a terminal that tmux makes: text of a text mode, the notice in graphics modes, keys, other consoles, and the
terminal as it was afterwards."""
import os
import shutil
import subprocess
import sys
import tempfile

from display import BUILD, RHEA, case, must_have, run_cases, wait_until


class Terminal:
    """A shell in tmux, on a server of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="rhea-tmux-")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "env PS1='prompt$ ' sh")

    def tmux(self, *words):
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        environment.pop("TMUX", None)
        return subprocess.run(["tmux", "-S", os.path.join(self.folder, "socket"), *words], capture_output=True, text=True, timeout=20,
                              check=False, env=environment).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def keys(self, *words):
        self.tmux("send-keys", *words)

    def wait(self, text, limit=30):
        try:
            wait_until(lambda: text in self.screen(), f"{text!r} on the terminal", limit)
        except AssertionError:
            print(self.screen())
            raise

    def run(self, *words):
        self.keys("-l", " ".join(words) + "\n")

    def close(self):
        self.tmux("kill-server")
        shutil.rmtree(self.folder, ignore_errors=True)


def with_terminal(function):
    def run():
        terminal = Terminal()
        try:
            function(terminal)
        finally:
            terminal.close()
    run.__name__ = function.__name__
    return case(run)


ACCEL = ["-accel", os.environ["RHEA_ACCEL"]] if "RHEA_ACCEL" in os.environ else []


@with_terminal
def text_mode_and_consoles(terminal):
    terminal.run(RHEA, *ACCEL, "-boot n -m 32 -curses")
    terminal.wait("No bootable device", 60)
    must_have(terminal.screen(), "SeaBIOS (version")
    terminal.keys("Escape", "2")
    terminal.wait("(qemu)")
    terminal.keys("-l", "info name")
    terminal.keys("Enter")
    terminal.wait("info name")
    terminal.keys("Escape", "1")
    terminal.wait("No bootable device")
    terminal.keys("Escape", "2")
    terminal.wait("(qemu)")
    terminal.keys("-l", "quit")
    terminal.keys("Enter")
    terminal.wait("prompt$")
    terminal.run("stty -a | grep -c ' echo '")
    terminal.wait("1\n")


@with_terminal
def graphics_and_keys(terminal):
    terminal.run(RHEA, *ACCEL, f"-bios {BUILD}/tests/ui/keys.bin -nodefaults -vga std -curses -debugcon file:{terminal.folder}/said",
                 f"-monitor unix:{terminal.folder}/mon,server=on,wait=off")
    terminal.wait("800 x 600 Graphics mode")

    def said():
        with open(os.path.join(terminal.folder, "said"), encoding="ascii") as f:
            return f.read()
    for key, codes in (("a", "1E 9E"), ("A", "2A 1E AA 9E"), ("C-c", "1D 2E AE 9D"), ("Up", "E0 48 E0 C8"), ("F5", "3F BF"), ("Enter", "1C 9C"),
                       ("Escape", "01 81"), ("M-x", "38 2D AD B8")):
        before = len(said())
        terminal.keys(key)
        wait_until(lambda start=before, want=codes: said()[start:].split() == want.split(), f"{codes} for {key}, not {said()[before:]!r}", 10)


if __name__ == "__main__":
    if not shutil.which("tmux"):
        print("no tmux: package tmux")
        sys.exit(77)
    run_cases()
