#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The viewers that people use, under Xvfb: TigerVNC's, and Chromium on the page that the server serves. The guest's picture is on the
screen, and keys and pointer arrive. Pictures are left in BUILD/ui for people to look at."""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time

import rfb
from certificates import PKI, authority, certificate
from display import BUILD, CASES, Machine, free_port, must, must_have, read_ppm, run_cases, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("window", os.path.join(HERE, "window-test.py"))
window = importlib.util.module_from_spec(spec)
spec.loader.exec_module(window)
CASES.clear()  # those of the window's own test
CHROMIUM = ["chromium", "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--window-position=0,0",
            "--window-size=1280,1024", "--kiosk"]


def save(server, name):
    """The X server's picture as PPM."""
    os.makedirs(f"{BUILD}/ui", exist_ok=True)
    rows = server.pixels()
    with open(f"{BUILD}/ui/{name}.ppm", "wb") as out:
        out.write(b"P6\n%d %d\n255\n" % window.SCREEN)
        for row in rows:
            rgb = bytearray(len(row) // 4 * 3)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
            out.write(rgb)


def guest_row(machine, y):
    path = os.path.join(machine.folder, "dump.ppm")
    machine.hmp(f"screendump {path}")
    width, _, data = read_ppm(path)
    return data[y * width * 3:(y + 1) * width * 3]


def find_row(server, row):
    """Where the picture's row is on the screen; None: nowhere."""
    blue, green, red = row[2::3], row[1::3], row[0::3]
    for y, line in enumerate(server.pixels()):
        at = bytes(line[0::4]).find(blue)
        if at >= 0 and bytes(line[1::4])[at:at + len(green)] == green and bytes(line[2::4])[at:at + len(red)] == red:
            return at, y
    return None


def wait_for_picture(server, machine, name):
    row = guest_row(machine, 400)  # the first of a band of one colour
    try:
        wait_until(lambda: find_row(server, row), "the guest's picture on the screen", 90)
    finally:
        save(server, name)
    x, y = find_row(server, row)
    return x, y - 400


def try_viewer(server, machine, name):
    """Picture, a key, the pointer."""
    x, y = wait_for_picture(server, machine, name)
    print(f"{name}: the picture is at {x},{y}")
    before = guest_row(machine, 0)
    server.do("mousemove", x + 500, y + 500, "click", 1)
    time.sleep(0.5)
    server.do("key", "a")
    wait_until(lambda: guest_row(machine, 0) != before, "the guest's answer to a key", 20)
    want = guest_row(machine, 30)[90:93]

    def shown():
        """Nearly: the viewer may have asked for a lossy encoding."""
        blue, green, red = server.pixels()[y + 30][(x + 30) * 4:][:3]
        return all(abs(a - b) < 16 for a, b in zip((red, green, blue), want))
    wait_until(shown, "the answer on the screen", 20)
    save(server, name + "-key")


class TigerVnc:
    """The viewer as a process; where its window is, in the corner and with the keys."""

    def __init__(self, server, *options):
        self.server = server
        self.process = subprocess.Popen(["xvncviewer", "-Shared", "-AutoSelect=0", "-NoJPEG", "-RemoteResize=0", *options],
                                        env={**os.environ, **server.environment, "HOME": PKI}, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.process.terminate()
        self.process.wait()

    def show(self):
        wait_until(lambda: self.server.do("search", "--name", "TigerVNC"), "the viewer's window", 60)
        for w in self.server.do("search", "--name", "TigerVNC").split():
            self.server.do("windowmove", w, 0, 0)
            self.server.do("windowfocus", w)


@window.with_server
def tigervnc(server):
    for options in ([], ["-PreferredEncoding=ZRLE"], ["-PreferredEncoding=Hextile"], ["-PreferredEncoding=Raw"]):
        with Machine("-vnc", "unix:{folder}/vnc", guest="screen") as m:
            m.expect("screen")
            with TigerVnc(server, *options, m.vnc) as viewer:
                viewer.show()
                try_viewer(server, m, "tigervnc" + "".join(options).replace("-PreferredEncoding=", "-"))
                must_have(m.hmp("info vnc"), "Client:")
            m.end()


@window.with_server
def tigervnc_encrypted(server):
    """By certificate, with and without a password, and without certificates; not with one that another CA has signed."""
    authority("ca")
    authority("other")
    certificate("ca", "server", "localhost", "serverAuth")
    with open(f"{PKI}/password", "wb") as f:  # its file is encrypted with a key that everybody knows
        f.write(rfb.des(bytes((23, 82, 107, 6, 35, 78, 88, 7)), b"sesame".ljust(8, b"\0")))
    x509 = f"tls-creds-x509,id=t,dir={PKI}/server,endpoint=server,verify-peer=off"
    for creds, security, more, password in ((x509, "X509None", f"-X509CA={PKI}/ca.pem", ""), (x509, "X509Vnc", f"-X509CA={PKI}/ca.pem", "s"),
                                            ("tls-creds-anon,id=t,endpoint=server", "TLSVnc", "-Shared", "s"),
                                            (x509, "X509None", f"-X509CA={PKI}/other.pem", None)):
        port = free_port()
        with Machine("-object", "secret,id=s,data=sesame", "-object", creds, "-vnc", f"127.0.0.1:{port - 5900},tls-creds=t"
                     + (",password-secret=s" if password else ""), guest="screen") as m:
            m.expect("screen")
            with TigerVnc(server, f"-SecurityTypes={security}", more, "-passwd", f"{PKI}/password", f"localhost::{port}") as viewer:
                if password is None:
                    wait_until(lambda: server.do("search", "--name", "ertificate"), "the viewer's doubts", 60)
                    save(server, "tigervnc-doubts")
                    must("Client:" not in m.hmp("info vnc"), "the viewer has logged in")
                else:
                    viewer.show()
                    try_viewer(server, m, "tigervnc-" + security)
                    must_have(m.hmp("info vnc"), "Client:", "vencrypt")
            m.end()


@window.with_server
def chromium_on_the_page(server):
    if not shutil.which("chromium") or not os.path.exists("/usr/share/novnc/vnc.html"):
        print("no chromium or no novnc: packages chromium, novnc")
        return
    port = free_port()
    with Machine("-vnc", f"unix:{{folder}}/vnc,websocket=127.0.0.1:{port}", guest="screen") as m:
        m.expect("screen")
        profile = os.path.join(m.folder, "profile")
        browser = subprocess.Popen([*CHROMIUM, f"--user-data-dir={profile}", f"http://127.0.0.1:{port}/vnc.html?autoconnect=true&path="],
                                   env={**os.environ, **server.environment, "HOME": m.folder}, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            try_viewer(server, m, "chromium")
            must(re.search(r"Client: 127.0.0.1:\d+ \(Websocket\)", m.hmp("info vnc")), "no client by web socket")
        finally:
            os.killpg(browser.pid, 15)
            try:
                browser.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(browser.pid, 9)
                browser.wait()
        m.end()


if __name__ == "__main__":
    for tool, package in (("Xvfb", "xvfb"), ("xdotool", "xdotool"), ("xvncviewer", "tigervnc-viewer")):
        if not shutil.which(tool):
            print(f"no {tool}: package {package}")
            sys.exit(77)
    run_cases()
