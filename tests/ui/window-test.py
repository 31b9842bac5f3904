#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The SDL window under Xvfb, with xdotool's hands: picture, title, consoles, size, keys, pointer, grab, closing. And what is said when
there is no window system."""
import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from display import RHEA, SLOW, Machine, case, must, must_be, must_have, read_ppm, run_cases, wait_until

SCREEN = (1280, 1024)


class XServer:
    """Xvfb; the picture is read from the file that it keeps it in."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="rhea-x-")
        read, write = os.pipe()
        self.process = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "%dx%dx24" % SCREEN, "-fbdir", self.folder,
                                         "-nolisten", "tcp"], pass_fds=(write,), stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as lines:
            self.display = ":" + lines.readline().strip()
        self.environment = {"DISPLAY": self.display}

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pixels(self):
        """Rows of bytes blue, green, red, unused."""
        with open(os.path.join(self.folder, "Xvfb_screen0"), "rb") as f:
            data = f.read()
        head = struct.unpack(">25I", data[:100])
        header, width, height, stride, colors = head[0], head[4], head[5], head[12], head[19]
        must_be((width, height, head[11]), (*SCREEN, 32), "the X server's picture")
        start = header + colors * 12
        return [data[start + y * stride:start + y * stride + width * 4] for y in range(height)]

    def do(self, *words):
        out = subprocess.run(["xdotool", *map(str, words)], capture_output=True, text=True, timeout=20, check=False,
                             env={**os.environ, **self.environment})
        return out.stdout.strip()

    def window(self):
        wait_until(lambda: self.do("search", "--name", "^Rhea"), "a window", 30)
        window = self.do("search", "--name", "^Rhea").split()[0]
        self.do("windowmove", window, 0, 0)
        self.do("windowfocus", window)
        time.sleep(0.3)
        return window

    def geometry(self, window):
        text = self.do("getwindowgeometry", "--shell", window)
        return tuple(int(re.search(rf"^{k}=(-?\d+)", text, re.M)[1]) for k in ("X", "Y", "WIDTH", "HEIGHT"))

    def ask_to_close(self, window):
        """What a window manager sends when its cross is clicked."""
        x = ctypes.CDLL("libX11.so.6")
        x.XOpenDisplay.restype = ctypes.c_void_p
        x.XInternAtom.restype = ctypes.c_ulong
        x.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        x.XSendEvent.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
        x.XCloseDisplay.argtypes = [ctypes.c_void_p]
        display = x.XOpenDisplay(self.display.encode())
        event = struct.pack("i4xQi4xQQQi4xQQQQQ", 33, 0, 1, 0, int(window), x.XInternAtom(display, b"WM_PROTOCOLS", 0), 32,
                            x.XInternAtom(display, b"WM_DELETE_WINDOW", 0), 0, 0, 0, 0).ljust(192, b"\0")
        x.XSendEvent(display, int(window), 0, 0, event)
        x.XCloseDisplay(display)


def machine(server, *arguments, guest=None):
    m = Machine(*arguments, guest=guest, environment=server.environment)
    if guest:
        m.expect("ready\n" if guest == "keys" else "screen\n")
    return m


def with_server(function):
    def run():
        server = XServer()
        try:
            function(server)
        finally:
            server.close()
    run.__name__ = function.__name__
    return case(run)


def title(server, window):
    return server.do("getwindowname", window)


@with_server
def picture_title_and_consoles(server):
    with machine(server, "-display", "sdl", "-name", "bird", "-chardev", "vc,id=term", "-mon", "chardev=term", guest="screen") as m:
        window = server.window()
        must_be(title(server, window), "Rhea (bird)")
        path = os.path.join(m.folder, "dump.ppm")
        m.hmp(f"screendump {path}")
        width, height, dump = read_ppm(path)
        wait_until(lambda: server.geometry(window)[2:] == (width, height), "a window of the picture's size")

        def same(lines=(0, 40, 300, height - 1)):
            rows = server.pixels()
            for y in lines:
                row = rows[y][:width * 4]
                want = dump[y * width * 3:(y + 1) * width * 3]
                if bytes(row[2::4]) != want[0::3] or bytes(row[0::4]) != want[2::3]:
                    return False
            return True
        wait_until(same, "the guest's pixels in the window")
        m.hmp("stop")
        wait_until(lambda: "paused" in title(server, window), "the state in the title")
        m.hmp("cont")
        server.do("key", "ctrl+alt+2")
        wait_until(lambda: title(server, window) == "Rhea (bird) - term", "the second console")
        wait_until(lambda: server.geometry(window)[2:] == (640, 384), "its size")
        server.do("type", "--delay", 40, "info name")
        server.do("key", "Return")
        wait_until(lambda: any(row[:640 * 4].strip(b"\0") for row in server.pixels()[32:48]), "text of the answer")
        server.do("key", "ctrl+alt+1")
        wait_until(lambda: same((300, height - 1)), "the guest's pixels again")  # Ctrl has repainted the guest's block
        m.end()


@with_server
def size_and_full_screen(server):
    with machine(server, "-sdl", guest="screen") as m:
        window = server.window()
        wait_until(lambda: server.geometry(window)[2:] == (1024, 768), "the guest's size")
        server.do("windowsize", window, 512, 600)  # the picture keeps its shape: 512x384 with bars above and below

        def scaled():
            rows = server.pixels()
            return not rows[50][:512 * 4].strip(b"\0") and rows[300][:512 * 4].strip(b"\0") and not rows[550][:512 * 4].strip(b"\0")
        wait_until(scaled, "the picture between two bars")
        server.do("key", "ctrl+alt+u")
        wait_until(lambda: server.geometry(window)[2:] == (1024, 768), "its own size again")
        server.do("key", "F2")  # the guest changes its mode
        wait_until(lambda: server.geometry(window)[2:] == (640, 480), "the guest's other size")
        m.end()


@with_server
def full_screen(server):
    """It takes a window manager to grant it."""
    if not shutil.which("openbox"):
        print("no openbox: package openbox")
        return
    manager = subprocess.Popen(["openbox", "--sm-disable"], env={**os.environ, **server.environment}, stderr=subprocess.DEVNULL)
    try:
        # A window that is mapped while the manager starts may be shown to nobody.
        wait_until(lambda: int(server.do("get_num_desktops") or 0), "the window manager", 30)
        with machine(server, "-sdl", guest="screen") as m:
            window = server.window()
            server.do("key", "ctrl+alt+f")
            wait_until(lambda: server.geometry(window)[2:] == SCREEN, "the full screen")
            server.do("key", "ctrl+alt+f")
            wait_until(lambda: server.geometry(window)[2:] == (1024, 768), "a window again")
            m.end()
        with machine(server, "-sdl", "-full-screen", guest="screen") as m:
            window = server.window()
            wait_until(lambda: server.geometry(window)[2:] == SCREEN, "the full screen from the start")
            m.end()
    finally:
        manager.terminate()
        manager.wait()


@with_server
def keys_and_pointer(server):
    with machine(server, "-sdl", guest="keys") as m:
        window = server.window()
        m.said(first=0)
        for key, codes in (("a", "1E 9E"), ("Left", "E0 4B E0 CB"), ("F11", "57 D7"), ("less", "")):
            server.do("key", key)
            if codes:
                must_be(re.sub(r"pointer [^\n]*\n", "", m.said()).split(), codes.split(), key)
        m.said(first=0)
        server.do("keydown", "ctrl")
        server.do("keydown", "alt")
        server.do("key", "g")  # a hot key: the guest sees its modifiers come and go, and no g
        server.do("keyup", "alt")
        server.do("keyup", "ctrl")
        codes = re.sub(r"pointer [^\n]*\n", "", m.said()).split()
        must("22" not in codes, f"the guest saw a hot key: {codes}")
        must_be(sorted(c for c in codes if c in ("1D", "38")), ["1D", "38"])
        must_have(title(server, window), "releases the pointer")
        server.do("key", "ctrl+alt+g")
        wait_until(lambda: "releases" not in title(server, window), "the grab's end")
        m.said(first=0)
        server.do("mousemove", 400, 300)
        got = re.findall(r"pointer (\w+) (\w+) ", m.said())[-1]
        for value, at, size in zip(got, (400, 300), (800, 600)):
            must(abs(int(value, 16) - at * 65535 / (size - 1)) < 100, f"pointer at {got}")
        server.do("click", 3)
        must_have(m.said(), " 0010 \n", " 0000 \n")
        server.do("click", 5)
        must_have(m.said(), " 0001 ")
        m.end()


@with_server
def relative_pointer_is_grabbed_by_a_click(server):
    with machine(server, "-sdl", "-alt-grab", guest="screen") as m:
        window = server.window()
        server.do("mousemove", 100, 100, "click", 1)
        wait_until(lambda: "Ctrl-Alt-Shift-G" in title(server, window), "the grab")
        server.do("key", "ctrl+alt+g")
        time.sleep(0.3)
        must_have(title(server, window), "releases")
        server.do("key", "ctrl+alt+shift+g")
        wait_until(lambda: "releases" not in title(server, window), "the grab's end")
        m.end()


@with_server
def closing_the_window(server):
    for how, ends in (("on", True), ("off", False)):
        with machine(server, "-display", f"sdl,window-close={how}", guest="screen") as m:
            server.ask_to_close(server.window())
            if ends:
                must_be(m.process.wait(20 * SLOW), 0)
            else:
                time.sleep(0.7)
                must(m.process.poll() is None, "it ended")
                m.end()


@case
def without_a_window_system():
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    bad = subprocess.run([RHEA, "-sdl"], capture_output=True, text=True, timeout=20, check=False,
                         env={**environment, "SDL_VIDEODRIVER": "x11"})
    must_be(bad.returncode, 1)
    must_have(bad.stderr, "no window system", "-vnc", "-nographic")
    bad = subprocess.run([RHEA, "-curses"], capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    must_be(bad.returncode, 1)
    must_have(bad.stderr, "terminal", "-vnc")
    for spec, words in (("gtk", ["gtk", "help"]), ("sld", ["sdl"]), ("sdl,window-close=perhaps", ["perhaps"]), ("sdl,colour=red", ["colour"]),
                        ("sdl,gl=on", ["gl=off"])):
        bad = subprocess.run([RHEA, "-display", spec], capture_output=True, text=True, timeout=20, check=False)
        must_be(bad.returncode, 1, spec)
        must_have(bad.stderr, *words)
    listed = subprocess.run([RHEA, "-display", "help"], capture_output=True, text=True, timeout=20, check=True)
    must_have(listed.stdout, "none", "vnc=", "sdl", "curses")


@case
def sdl_is_opened_when_it_is_wanted():
    """A machine without it starts; the window's error names the package.  A broken library stands in the real one's way."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "libSDL2-2.0.so.0"), "wb") as f:
            f.write(b"no library")
        environment = {**os.environ, "LD_LIBRARY_PATH": folder}
        good = subprocess.run([RHEA, "-M", "none", "-display", "none", "-monitor", "stdio"], input="quit\n", capture_output=True,
                              text=True, timeout=20, check=False, env=environment)
        must_be((good.returncode, good.stderr), (0, ""))
        bad = subprocess.run([RHEA, "-sdl"], capture_output=True, text=True, timeout=20, check=False, env=environment)
        must_be(bad.returncode, 1)
        must_have(bad.stderr, "SDL is not there", "libSDL2-2.0.so.0", "libsdl2-2.0-0", "-vnc")


if __name__ == "__main__":
    for tool, package in (("Xvfb", "xvfb"), ("xdotool", "xdotool")):
        if not shutil.which(tool):
            print(f"no {tool}: package {package}")
            sys.exit(77)
    run_cases()
