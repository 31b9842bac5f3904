# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the command line share: running the emulator, TAP."""
import os
import pty
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import CASES, case, must, must_be, must_have  # pylint: disable=wrong-import-position,unused-import

RHEA = os.environ.get("RHEA", "build/rhea-system-x86_64")
NONE = ["-M", "none", "-accel", "qtest", "-display", "none"]


def rhea(*args, stdin=None, timeout=20, **more):
    """Runs to the end; .returncode, .stdout and .stderr."""
    return subprocess.run([RHEA, *args], input=stdin, capture_output=True, text=True, timeout=timeout, **more)


def fails(*args, parts=(), status=1):
    """The command line is refused, with these words."""
    result = rhea(*args, stdin="")
    must_be(result.returncode, status, " ".join(args))
    must_have(result.stderr, *parts)
    return result.stderr


class Terminal:
    """The emulator on a pseudo terminal."""

    def __init__(self, *args):
        self.master, self.slave = pty.openpty()
        self.text = ""
        self.before = self.modes()
        self.process = subprocess.Popen([RHEA, *args], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True, preexec_fn=self.take_terminal)

    def take_terminal(self):
        import fcntl
        import termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def modes(self):
        import termios
        return termios.tcgetattr(self.slave)

    def wait_for(self, part, seconds=10):
        end = time.monotonic() + seconds
        while part not in self.text:
            must(time.monotonic() < end, f"no {part!r} in {self.text!r}")
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536).decode(errors="replace")

    def send(self, text):
        os.write(self.master, text.encode())

    def wait_end(self, seconds=10):
        return self.process.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def main():
    failed = 0
    wanted = [f for f in CASES if f.__name__ in sys.argv[1:] or not sys.argv[1:]]
    for number, function in enumerate(wanted, 1):
        name = function.__name__
        try:
            skipped = function()  # a case that lacks something returns what
            print(f"ok {number} - {name}" + (f" # SKIP {skipped}" if isinstance(skipped, str) else ""), flush=True)
        except (AssertionError, subprocess.TimeoutExpired, OSError) as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr)
            print(f"not ok {number} - {name}", flush=True)
    sys.exit(1 if failed else 0)
