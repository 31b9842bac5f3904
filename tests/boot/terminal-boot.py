#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal that -nographic borrows: keys go to the guest unechoed, Ctrl-A x leaves, Ctrl-A c reaches the monitor, and
after any end, a signal's too, the terminal is as it was."""
import os
import pty
import select
import signal
import subprocess
import termios
import time

from machine import BUILD, SLOW, Failure, need, run_cases

GUEST = BUILD + "/tests/guest/hello.bin"


class Terminal:
    """The emulator with the tiny guest, on a terminal of its own. (The guest ends after five seconds: -no-shutdown keeps
    the emulator, where the host may be that busy.)"""

    def __init__(self, *arguments):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        self.process = subprocess.Popen(
            [os.environ["RHEA"], "-M", "pc", "-m", "16", "-nographic", "-bios", need(GUEST, "make guests"), *arguments],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True)

    def expect(self, word, limit=30):
        end = time.monotonic() + limit * SLOW
        while word not in self.text:
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f"no {word!r} on the terminal, but {self.text[-300:]!r}")
            if select.select([self.master], [], [], left)[0]:
                self.text += os.read(self.master, 4096).decode("utf-8", "replace")

    def send(self, keys):
        os.write(self.master, keys)

    def expect_restored(self, status, limit=20):
        try:
            got = self.process.wait(limit * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure("the emulator still runs") from None
        after = termios.tcgetattr(self.slave)
        os.close(self.master)
        os.close(self.slave)
        if got != status:
            raise Failure(f"exit status {got}, not {status}: {self.text[-300:]!r}")
        if after != self.before:
            raise Failure(f"the terminal was {self.before}, and is {after}")


def ctrl_a_x_leaves():
    terminal = Terminal("-no-shutdown")
    terminal.expect("RHEA-HELLO OK")
    if termios.tcgetattr(terminal.slave)[3] & (termios.ECHO | termios.ICANON):
        raise Failure("the terminal still echoes or edits lines")
    terminal.send(b"\x01x")
    terminal.expect_restored(0)


def keys_reach_the_guest():
    """Without a key the guest ends by itself after five seconds, so a key must be quicker; once, if the host is busy."""
    waited = []
    while not waited or (waited[-1] > 4 and len(waited) < 4):
        terminal = Terminal()
        terminal.expect("RHEA-HELLO OK")
        start = time.monotonic()
        terminal.send(b"k")
        terminal.expect("Good bye.")
        waited.append(time.monotonic() - start)
        terminal.expect_restored(0)
    if waited[-1] > 4:
        raise Failure(f"the guest did not hear the key: {waited} s to its end")


def ctrl_a_c_reaches_the_monitor():
    terminal = Terminal("-no-shutdown")
    terminal.expect("RHEA-HELLO OK")
    terminal.send(b"\x01c")
    terminal.expect(") ")
    terminal.send(b"info status\r")
    terminal.expect("VM status: ")
    terminal.send(b"quit\r")
    terminal.expect_restored(0)


def a_signal_restores_it():
    terminal = Terminal("-no-shutdown")
    terminal.expect("RHEA-HELLO OK")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.expect_restored(0)


run_cases(ctrl_a_x_leaves, keys_reach_the_guest, ctrl_a_c_reaches_the_monitor, a_signal_restores_it)
