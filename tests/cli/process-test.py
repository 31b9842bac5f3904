#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulator as a process: terminal, signals, daemon, pid file, exit statuses."""
import os
import signal
import socket
import subprocess
import tempfile
import time

from cli import NONE, RHEA, Terminal, case, fails, main, must, must_be, must_have, rhea

NOGRAPHIC = ["-M", "none", "-accel", "qtest", "-nographic"]


def terminal(args, work):
    t = Terminal(*args)
    try:
        work(t)
        must_be(t.modes(), t.before, "terminal's modes after the end")
    finally:
        t.kill()


@case
def escape_x_ends_and_restores_the_terminal():
    def work(t):
        t.send("\x01c")
        t.wait_for("(qemu) ")
        must(t.modes()[3] & 2 == 0, "the terminal is not raw")
        t.send("info status\r")
        t.wait_for("VM status: running")
        t.send("\x01x")
        must_be(t.wait_end(), 0)
    terminal(NOGRAPHIC, work)


@case
def escape_h_helps():
    def work(t):
        t.send("\x01h")
        t.wait_for("C-a x    end the emulator")
        t.send("\x01x")
        must_be(t.wait_end(), 0)
    terminal(NOGRAPHIC, work)


@case
def ctrl_c_on_a_plain_monitor():
    def work(t):
        t.wait_for("(qemu) ")
        t.send("\x03")
        must_be(t.wait_end(), 0)
        t.wait_for("terminating on signal 2")
    terminal([*NONE, "-monitor", "stdio"], work)


@case
def signals_end_and_restore():
    for sig in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        def work(t):
            t.send("\x01c")
            t.wait_for("(qemu) ")
            t.process.send_signal(sig)
            must_be(t.wait_end(), 0)
        terminal(NOGRAPHIC, work)


@case
def the_end_is_quiet():
    def work(t):
        t.send("\x01c")
        t.wait_for("(qemu) ")
        t.send("\x01c")
        time.sleep(0.2)
        t.text = ""
        t.process.terminate()
        must_be(t.wait_end(), 0)
        t.wait_for("terminating on signal 15")
        must("(qemu)" not in t.text, f"a prompt at the end: {t.text!r}")
    terminal(["-M", "pc", "-accel", "qtest", "-nographic"], work)


@case
def a_crash_restores():
    def work(t):
        t.send("\x01c")
        t.wait_for("(qemu) ")
        t.process.send_signal(signal.SIGSEGV)
        must_be(t.wait_end(), -signal.SIGSEGV)
    terminal(NOGRAPHIC, work)


@case
def an_error_after_the_terminal_was_taken_restores():
    def work(t):
        must_be(t.wait_end(), 1)
        t.wait_for("/nonexistent")
    terminal([*NOGRAPHIC, "-chardev", "file,id=x,path=/nonexistent/x"], work)
    terminal([*NOGRAPHIC, "-device", "nosuchdevice"], lambda t: must_be(t.wait_end(), 1))


@case
def sigterm_ends_even_with_no_shutdown():
    p = subprocess.Popen([RHEA, *NONE, "-no-shutdown"], stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    p.terminate()
    err = p.communicate(timeout=10)[1]
    must_be(p.returncode, 0)
    must_have(err, "terminating on signal 15")


@case
def monitor_through_a_pipe():
    out = rhea(*NONE, "-S", "-monitor", "stdio", stdin="info status\ncont\ninfo status\nstop\ninfo status\nquit\n")
    must_be(out.returncode, 0)
    must_have(out.stdout, "VM status: paused (prelaunch)", "VM status: running", "VM status: paused\r\n"
              if "\r\n" in out.stdout else "VM status: paused\n")


@case
def end_of_input_does_not_end_the_machine():
    p = subprocess.Popen([RHEA, *NONE, "-monitor", "stdio"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    must_be(p.poll(), None, "still there")
    before = cpu_seconds(p.pid)
    time.sleep(0.5)
    must(cpu_seconds(p.pid) - before < 0.1, "it spins")
    p.terminate()
    must_be(p.wait(10), 0)


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_gone(pid):
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} does not end")


@case
def daemonize_as_libvirt_does():
    """The parent's exit is the promise: pid file written, socket listening, 0 to 2 let go."""
    with tempfile.TemporaryDirectory() as folder:
        pidfile, path = os.path.join(folder, "pid"), os.path.join(folder, "mon")
        args = [RHEA, "-S", "-no-user-config", "-nodefaults", "-nographic", "-machine", "none,accel=qtest", "-chardev",
                f"socket,id=m,path={path},server=on,wait=off", "-mon", "chardev=m", "-pidfile", pidfile, "-daemonize"]
        # Reads both pipes to their end: hangs if the child keeps them.
        out = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
        must_be(out.returncode, 0, out.stderr)
        pid = int(open(pidfile).read())
        try:
            for fd in "012":
                must_be(os.readlink(f"/proc/{pid}/fd/{fd}"), "/dev/null", f"descriptor {fd}")
            must_be(os.readlink(f"/proc/{pid}/cwd"), "/")
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            client.settimeout(10)
            text = b""
            while b"(qemu) " not in text:
                text += client.recv(4096)
            fails(*NONE, "-pidfile", pidfile, parts=["is running"])
        finally:
            os.kill(pid, signal.SIGTERM)
        wait_gone(pid)
        must(not os.path.exists(pidfile), "the pid file is left over")
        must(not os.path.exists(path), "the socket is left over")


@case
def a_signal_ends_the_wait_for_a_client():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        p = subprocess.Popen([RHEA, *NONE, "-serial", f"unix:{path},server=on"], stderr=subprocess.PIPE, text=True)
        while "waiting for connection" not in p.stderr.readline():
            pass
        must_be(p.poll(), None, "it does not wait")
        time.sleep(0.1)
        p.terminate()
        must_be(p.wait(10), 1)
        must(not os.path.exists(path), "the socket is left over")


@case
def a_server_waits_for_its_client():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        p = subprocess.Popen([RHEA, *NONE, "-monitor", f"unix:{path},server=on"], stderr=subprocess.DEVNULL)
        while not os.path.exists(path):
            time.sleep(0.05)
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        client.settimeout(10)
        client.sendall(b"quit\n")
        must_be(p.wait(10), 0)


@case
def daemonize_reports_errors():
    out = rhea(*NONE, "-daemonize", "-chardev", "file,id=x,path=/nonexistent/x", stdin="")
    must_be(out.returncode, 1)
    must_have(out.stderr, "/nonexistent/x")
    fails("-nographic", "-daemonize", parts=["-display none"])


@case
def pidfile_of_a_foreground_process():
    with tempfile.TemporaryDirectory() as folder:
        pidfile = os.path.join(folder, "pid")
        p = subprocess.Popen([RHEA, *NONE, "-pidfile", pidfile, "-monitor", "stdio"], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, text=True)
        for _ in range(100):
            if os.path.exists(pidfile) and open(pidfile).read():
                break
            time.sleep(0.05)
        must_be(int(open(pidfile).read()), p.pid)
        p.communicate("quit\n", timeout=10)
        must_be(p.returncode, 0)
        must(not os.path.exists(pidfile), "the pid file is left over")


@case
def a_new_client_after_the_first():
    """libvirtd may go and come back: each client gets a fresh greeting."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mon")
        p = subprocess.Popen([RHEA, *NONE, "-monitor", f"unix:{path},server=on,wait=off"], stderr=subprocess.DEVNULL)
        while not os.path.exists(path):
            time.sleep(0.05)
        for _ in range(3):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(10)
            client.connect(path)
            text = b""
            while b"(qemu) " not in text:
                text += client.recv(4096)
            must_have(text.decode(), "monitor - type 'help'")
            client.close()
        p.terminate()
        must_be(p.wait(10), 0)


def vcpu_sleeps(pid):
    """How often the first vCPU's thread has given up its host CPU by going to sleep."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as f:
            fields = dict(line.split(":\t", 1) for line in f if ":\t" in line)
        if fields["Name"].startswith("CPU 0"):
            return int(fields["voluntary_ctxt_switches"])
    return 0


@case
def a_vcpu_that_spins_gives_way():
    """PAUSE in a loop for ever: what the vCPU waits for may have no host CPU, so it sleeps now and then; alone it need not."""
    with tempfile.TemporaryDirectory() as folder:
        rom = folder + "/spin.rom"
        with open(rom, "wb") as f:
            f.write(b"\xf4" * 0xfff0 + b"\xf3\x90\xeb\xfc".ljust(16, b"\xf4"))  # at the reset vector: pause, back to it
        for cpus in "1", "2":
            args = [RHEA, "-M", "pc", "-m", "16", "-nodefaults", "-display", "none", "-bios", rom, "-smp", cpus]
            with subprocess.Popen(args, stderr=subprocess.DEVNULL) as process:
                try:
                    end = time.monotonic() + (20 if cpus == "2" else 1)
                    while time.monotonic() < end and vcpu_sleeps(process.pid) < 100:
                        time.sleep(0.1)
                    slept = vcpu_sleeps(process.pid)
                finally:
                    process.terminate()
                must_be(process.wait(10), 0)
            must((slept >= 100) == (cpus == "2"), f"with {cpus} vCPUs it slept {slept} times")


@case
def last_answers_reach_a_slow_reader():
    """`quit` right behind much output: the reader of the pipe still gets all of it."""
    with subprocess.Popen([RHEA, *NONE, "-monitor", "stdio", "-S"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"help\n" * 100 + b"quit\n")
        process.stdin.close()
        time.sleep(0.3)
        out = process.stdout.read().decode()
        process.wait(timeout=20)
    must(len(out) > 100000, f"more than a pipe holds: {len(out)} bytes")
    must(out.rstrip().endswith("quit"), f"the end is there: {out[-80:]!r}")


main()
