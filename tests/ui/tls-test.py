#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Encrypted viewers: VeNCrypt with certificates and without, web sockets and pages through TLS, by Python's ssl module (OpenSSL); who
is to stay outside; peers that stop in the middle; files that are wrong."""
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time

import rfb
from certificates import PKI, authority, certificate, openssl
from display import RHEA, SLOW, Machine, case, connect, free_port, must, must_be, must_have, read_ppm, refused, run_cases, wait_until

VNC = "unix:{folder}/vnc,tls-creds=t"
SERVER = ("-object", f"tls-creds-x509,id=t,dir={PKI}/server,endpoint=server,verify-peer=off")


def context(ca="ca", own=None):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.load_verify_locations(f"{PKI}/{ca}.pem")
    if own:
        tls.load_cert_chain(f"{PKI}/{own}/server-cert.pem", f"{PKI}/{own}/server-key.pem")
    return tls


@case
def picture_and_password():
    """The whole picture, in pieces larger than a record, by both versions of TLS; a password after it; keys arrive."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Machine(*SERVER, "-vnc", VNC, guest="screen") as machine:
            machine.expect("screen")
            tls = context()
            tls.minimum_version = tls.maximum_version = version
            client = connect(machine, tls=tls, encodings=(rfb.RAW, rfb.DESKTOP_SIZE))
            must_be(client.offered, (260,))
            client.settle()
            path = os.path.join(machine.folder, "dump.ppm")
            machine.hmp(f"screendump {path}")
            _, _, dump = read_ppm(path)
            must_be((bytes(client.fb[2::4]), bytes(client.fb[1::4]), bytes(client.fb[0::4])), (dump[0::3], dump[1::3], dump[2::3]))
            client.tap(0x61)
            client.frame()
            must_have(machine.hmp("info vnc"), "Auth: vencrypt (Sub: x509-none)", "Client:", "x509_dname: none")
            client.close()
            connect(machine, tls=context(), version=b"003.007").frame(incremental=False)
            machine.end()
    with Machine(*SERVER, "-object", "secret,id=s,data=sesame", "-vnc", VNC + ",password-secret=s") as machine:
        client = connect(machine, tls=context(), password="sesame")
        must_be(client.offered, (261,))
        client.frame(incremental=False)
        refused("login failed", lambda: connect(machine, tls=context(), password="open"))
        connect(machine, tls=context(), password="sesame", version=b"003.007").close()
        must_have(machine.hmp("info vnc"), "Auth: vencrypt (Sub: x509-vnc)")
        machine.end()


@case
def without_certificates():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("aNULL:@SECLEVEL=0")
    for more, offer in (("", 257), (",password-secret=s", 258)):
        with Machine("-object", "tls-creds-anon,id=t,endpoint=server", "-object", "secret,id=s,data=sesame", "-vnc", VNC + more) as machine:
            client = connect(machine, tls=tls, password="sesame")
            must_be(client.offered, (offer,))
            client.frame(incremental=False)
            must(client.sock.cipher()[0].startswith(("ADH", "AECDH")), client.sock.cipher())
            machine.end()


@case
def viewers_must_show_certificates():
    """verify-peer is on unless it is switched off."""
    with Machine("-object", f"tls-creds-x509,id=t,dir={PKI}/server,endpoint=server", "-vnc", VNC) as machine:
        for tls, why in ((context(), "ertificate"), (context(own="stranger"), "NOT trusted"), (context(own="server"), "purpose")):
            refused("", lambda tls=tls: connect(machine, tls=tls).frame(incremental=False))
            wait_until(lambda why=why: why in machine.hmp("info vnc"), f"info vnc says that the certificate is {why}")
        client = connect(machine, tls=context(own="viewer"))
        client.frame(incremental=False)
        must_have(machine.hmp("info vnc"), "x509_dname: ", "CN=A viewer")
        machine.end()


@case
def viewers_that_want_it_otherwise():
    with Machine(*SERVER, "-vnc", VNC) as machine:
        refused("VeNCrypt is needed", lambda: connect(machine, tls=None, version=b"003.003"))
        refused("security types b'\\x13'", lambda: connect(machine, tls=None))
        refused("ertificate", lambda: connect(machine, tls=context(ca="other")))  # the viewer does not take the server's
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(machine.vnc)
        sock.settimeout(20)
        must_be(sock.recv(12), b"RFB 003.008\n")
        sock.sendall(b"RFB 003.008\n\x01")
        answer = b""
        while part := sock.recv(100):
            answer += part
        must_have(answer[2:].decode("latin-1"), "\0\0\0\1", "VeNCrypt is needed")
        for text, expected in ((b"\0\1", b"\xff"), (b"\0\2" + struct.pack(">I", 258), b"\0\1" + struct.pack(">I", 260) + b"\0")):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(machine.vnc)
            sock.settimeout(20)
            sock.sendall(b"RFB 003.008\n\x13" + text)
            answer = b""
            while part := sock.recv(100):
                answer += part
            must_be(answer, b"RFB 003.008\n\1\x13\0\2" + expected)
        connect(machine, tls=context()).frame(incremental=False)
        machine.end()


def fetch(port, request, tls=None):
    with socket.create_connection(("127.0.0.1", port), 15) as sock:
        if tls:
            sock = tls.wrap_socket(sock, server_hostname="localhost")
        sock.sendall(request)
        data = b""
        while part := sock.recv(65536):
            data += part
        return data


@case
def web_through_tls():
    port = free_port()
    with Machine(*SERVER, "-vnc", VNC + f",websocket=127.0.0.1:{port}", guest="screen") as machine:
        machine.expect("screen")
        must_have(fetch(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").decode(), "400", "https://")
        must_have(fetch(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", context()).decode(), "302 Found")
        if os.path.exists("/usr/share/novnc/vnc.html"):
            page = fetch(port, b"GET /vnc.html HTTP/1.1\r\nHost: x\r\n\r\n", context())
            with open("/usr/share/novnc/vnc.html", "rb") as f:
                must(page.endswith(f.read()), "the page is not whole")
        sock = context().wrap_socket(socket.create_connection(("127.0.0.1", port), 15), server_hostname="localhost")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://x\r\n"
                     b"Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += sock.recv(1)
        must_have(answer.decode(), "101")
        client = rfb.Client(None, sock=rfb.Web(sock))
        client.settle()
        must_be((client.width, client.height), (1024, 768))
        must_have(machine.hmp("info vnc"), "(Websocket)", "Client: 127.0.0.1")
        machine.end()


@case
def peers_that_are_wrong():
    """Half handshakes and rubbish in all places, and viewers that read nothing: the others go on, descriptors and threads come back."""
    rng = random.Random(11)
    with Machine(*SERVER, "-vnc", VNC, guest="screen") as machine:
        machine.expect("screen")
        good = connect(machine, tls=context())
        good.settle()
        files, tasks = (f"/proc/{machine.process.pid}/{what}" for what in ("fd", "task"))
        before, threads, rss = len(os.listdir(files)), len(os.listdir(tasks)), machine.rss()
        held = []
        for i in range(24):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(machine.vnc)
            sock.settimeout(20)
            head = b"RFB 003.008\n\x13\0\2" + struct.pack(">I", 260)
            sock.sendall((head[:rng.randrange(1, len(head))], head, head + b"\x16\x03\x01\x02\0\1" + rng.randbytes(40),
                          head + rng.randbytes(5000), b"RFB 003.008\n\x13" + rng.randbytes(2), rng.randbytes(100))[i % 6])
            held.append(sock)
        for _ in range(3):
            stuck = connect(machine, tls=context())
            stuck.tap(0xff1b)  # the guest repaints without end
            for _ in range(20):
                stuck.request(False)
            held.append(stuck.sock)
            raw = connect(machine, tls=context())
            os.write(raw.sock.fileno(), b"\x17\x03\x03\0\x40" + rng.randbytes(64))  # a record that does not decrypt
            held.append(raw.sock)
        end, frames = time.monotonic() + 2 * SLOW, good.frames
        while time.monotonic() < end:
            good.frame()
        print(f"{good.frames - frames} frames; {rss} MiB before, {machine.rss()} after")
        must(good.frames - frames >= 5, "the good viewer waits")
        must(machine.rss() - rss < 100, f"memory grew to {machine.rss()} MiB")
        for sock in held:
            sock.close()
        wait_until(lambda: len(os.listdir(files)) <= before and len(os.listdir(tasks)) <= threads, "all is closed")
        machine.end()


@case
def files_that_are_wrong():
    shutil.copytree(f"{PKI}/server", f"{PKI}/mixed")
    shutil.copy(f"{PKI}/viewer/server-key.pem", f"{PKI}/mixed/server-key.pem")
    shutil.copytree(f"{PKI}/server", f"{PKI}/foreign")
    shutil.copy(f"{PKI}/other.pem", f"{PKI}/foreign/ca-cert.pem")
    shutil.copytree(f"{PKI}/server", f"{PKI}/locked")
    openssl("ec", "-in", f"{PKI}/server/server-key.pem", "-out", f"{PKI}/locked/server-key.pem", "-aes256", "-passout", "pass:sesame")
    certificate("ca", "old", "localhost", "serverAuth", "-1")
    with open(f"{PKI}/foreign/junk", "w", encoding="ascii") as f:
        f.write("no certificate")
    for spec, words in ((f"tls-creds-x509,id=t,dir={PKI}/none,endpoint=server", ["ca-cert.pem", "No such file"]),
                        ("tls-creds-x509,id=t,endpoint=server", ["dir="]),
                        (f"tls-creds-x509,id=t,dir={PKI}/server", ["endpoint=server"]),
                        (f"tls-creds-x509,dir={PKI}/server,endpoint=server", ["id="]),
                        (f"tls-creds-x509,id=t,dir={PKI}/server,endpoint=server,verify=on", ["verify"]),
                        (f"tls-creds-x509,id=t,dir={PKI}/server,endpoint=server,priority=ROT13", ["ROT13"]),
                        (f"tls-creds-x509,id=t,dir={PKI}/mixed,endpoint=server", ["does not belong"]),
                        (f"tls-creds-x509,id=t,dir={PKI}/foreign,endpoint=server", ["foreign/ca-cert.pem"]),
                        (f"tls-creds-x509,id=t,dir={PKI}/locked,endpoint=server", ["encrypted", "passwordid"]),
                        (f"tls-creds-x509,id=t,dir={PKI}/locked,endpoint=server,passwordid=wrong", ["encrypted", "secret"]),
                        (f"tls-creds-x509,id=t,dir={PKI}/old,endpoint=server", ["expired"]),
                        (f"tls-creds-x509,id=t,dir={PKI}/viewer,endpoint=server", ["not for servers"]),
                        (f"tls-creds-x509,id=other,dir={PKI}/server,endpoint=server", ["'t'", "-object tls-creds-x509"])):
        bad = subprocess.run([RHEA, "-object", "secret,id=wrong,data=x", "-object", spec, "-vnc", "unix:/tmp/x,tls-creds=t", "-S"],
                             capture_output=True, text=True, timeout=20, check=False)
        must_be(bad.returncode, 1, spec)
        must_have(bad.stderr, *words)
    with Machine("-object", "secret,id=p,data=sesame", "-object", f"tls-creds-x509,id=t,dir={PKI}/locked,endpoint=server,verify-peer=off,"
                 "passwordid=p", "-vnc", VNC) as machine:
        connect(machine, tls=context()).frame(incremental=False)
        machine.end()


if __name__ == "__main__":
    if not shutil.which("openssl"):
        print("no openssl: package openssl")
        sys.exit(77)
    if "no encryption" in subprocess.run([RHEA, "-object", "tls-creds-anon,id=t", "-S"], capture_output=True, text=True, timeout=20,
                                         check=False).stderr:
        print("built without GnuTLS: package libgnutls28-dev")
        sys.exit(77)
    authority("ca")
    authority("other")
    certificate("ca", "server", "localhost", "serverAuth")
    certificate("ca", "viewer", "A viewer", "clientAuth")
    certificate("other", "stranger", "A stranger", "clientAuth")
    run_cases()
