# SPDX-License-Identifier: GPL-2.0-or-later
"""A VNC client of the tests' own: the RFB protocol (rfbproto, versions 3.3 to 3.8) with the encodings raw, copy and ZRLE, and the
pseudo encodings that matter. Nothing of it comes from a VNC library, so that it can be wrong in other places than ours."""
import os
import select
import socket
import struct
import time
import zlib

RAW, COPY, RRE, HEXTILE, ZLIB, TIGHT, ZRLE = 0, 1, 2, 5, 6, 7, 16
CURSOR, DESKTOP_SIZE, LAST_RECT, POINTER_MOTION, EXTENDED_KEY, LED_STATE, EXT_SIZE = -239, -223, -224, -257, -258, -261, -308
PIXELS = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)


class Broken(Exception):
    """The server closed the connection, or did not keep to the protocol."""


def des(key, block):
    """The DES of VNC's authentication: one block; each byte of the key is mirrored, as the protocol wants it."""
    ip = [58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8,
          57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7]
    expand = [32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18, 19, 20, 21, 20, 21, 22, 23,
              24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1]
    perm = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25]
    pc1 = [57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63, 55, 47, 39,
           31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4]
    pc2 = [14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30, 40, 51, 45,
           33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32]
    s = [
        [14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8, 4, 1, 14, 8, 13, 6, 2,
         11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13],
        [15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5, 0, 14, 7, 11, 10, 4,
         13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9],
        [10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1, 13, 6, 4, 9, 8, 15, 3,
         0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12],
        [7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9, 10, 6, 9, 0, 12, 11, 7,
         13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14],
        [2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6, 4, 2, 1, 11, 10, 13, 7,
         8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3],
        [12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8, 9, 14, 15, 5, 2, 8, 12,
         3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13],
        [4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6, 1, 4, 11, 13, 12, 3, 7,
         14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12],
        [13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2, 7, 11, 4, 1, 9, 12, 14,
         2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11]]

    def bits(data):
        return [byte >> (7 - i) & 1 for byte in data for i in range(8)]

    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in key)
    k, b = [bits(mirrored)[i - 1] for i in pc1], [bits(block)[i - 1] for i in ip]
    left, right = b[:32], b[32:]
    c, d = k[:28], k[28:]
    for turn in range(16):
        n = 1 if turn in (0, 1, 8, 15) else 2
        c, d = c[n:] + c[:n], d[n:] + d[:n]
        mixed = [x ^ (c + d)[i - 1] for x, i in zip((right[j - 1] for j in expand), pc2)]
        out = []
        for i in range(8):
            six = mixed[i * 6:i * 6 + 6]
            value = s[i][(six[0] * 2 + six[5]) * 16 + six[1] * 8 + six[2] * 4 + six[3] * 2 + six[4]]
            out += [value >> (3 - j) & 1 for j in range(4)]
        left, right = right, [x ^ out[i - 1] for x, i in zip(left, perm)]
    final, inverse = right + left, [0] * 64
    for i, position in enumerate(ip):
        inverse[position - 1] = final[i]
    return bytes(int("".join(map(str, inverse[i:i + 8])), 2) for i in range(0, 64, 8))


class Web:
    """A web socket's frames as a socket."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def settimeout(self, limit):
        self.sock.settimeout(limit)

    def fileno(self):
        return self.sock.fileno()

    def sendall(self, data):
        mask = os.urandom(4)
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        head = struct.pack("BB", 0x82, 0x80 | len(data)) if len(data) < 126 else struct.pack(">BBH", 0x82, 0xfe, len(data))
        self.sock.sendall(head + mask + body)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            got = self.sock.recv(count - len(data))
            if not got:
                raise Broken("the web socket ended")
            data += got
        return data

    def recv_into(self, view):
        while not self.buffer:
            _, size = self.exactly(2)
            if size == 126:
                size, = struct.unpack(">H", self.exactly(2))
            elif size == 127:
                size, = struct.unpack(">Q", self.exactly(8))
            self.buffer = self.exactly(size)
        count = min(len(view), len(self.buffer))
        view[:count] = self.buffer[:count]
        self.buffer = self.buffer[count:]
        return count

    def close(self):
        self.sock.close()


class Client:
    def __init__(self, address, password=None, encodings=(RAW,), shared=True, version=b"003.008", sock=None, limit=20, tls=None):
        """@address: (host, port) or the path of a Unix socket; @sock: a connection that exists already; @tls: an SSLContext, if the
        server encrypts."""
        if sock is None:
            sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
            sock.connect(address)
        self.sock, self.limit, self.tls = sock, limit, tls
        self.sock.settimeout(limit)
        self.zlib = zlib.decompressobj()
        self.events, self.frames, self.rects, self.bytes = [], 0, 0, 0
        self.cursor = None
        self.handshake(password, shared, version)
        if encodings is not None:
            self.send(b"\0\0\0\0" + PIXELS)
            self.set_encodings(encodings)

    def send(self, data):
        self.sock.sendall(data)

    def read(self, count):
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self.sock.recv_into(view)
            if not got:
                raise Broken("the server closed the connection")
            view = view[got:]
        self.bytes += count
        return bytes(data)

    def unpack(self, form):
        return struct.unpack(form, self.read(struct.calcsize(form)))

    def handshake(self, password, shared, version):
        self.server_version = self.read(12)
        if not self.server_version.startswith(b"RFB 003."):
            raise Broken(f"greeting {self.server_version!r}")
        self.send(b"RFB " + version + b"\n")
        if version == b"003.003":
            security, = self.unpack(">I")
            if not security:
                raise Broken(self.read(self.unpack(">I")[0]).decode())
        else:
            count, = self.unpack("B")
            if not count:
                raise Broken(self.read(self.unpack(">I")[0]).decode())
            offered = self.read(count)
            security = 19 if self.tls else 2 if 2 in offered else 1
            if security not in offered:
                raise Broken(f"security types {offered!r}")
            self.send(bytes([security]))
            if self.tls:
                security = self.vencrypt()
        self.security = security
        if security == 2:
            challenge, key = self.read(16), (password or "").encode().ljust(8, b"\0")[:8]
            self.send(des(key, challenge[:8]) + des(key, challenge[8:]))
        if security == 2 or version == b"003.008":
            result, = self.unpack(">I")
            if result:
                why = self.read(self.unpack(">I")[0]).decode() if version == b"003.008" else "refused"
                raise Broken(f"login failed: {why}")
        self.send(bytes([shared]))
        self.width, self.height, self.format, length = self.unpack(">HH16sI")
        self.name = self.read(length).decode()
        self.fb = bytearray(self.width * self.height * 4)

    def vencrypt(self):
        """VeNCrypt 0.2 with its only offer; what is left to do: 1 nothing, 2 a password."""
        if self.read(2) != b"\0\2":
            raise Broken("VeNCrypt of another version")
        self.send(b"\0\2")
        status, count = self.unpack("BB")
        if status:
            raise Broken("VeNCrypt 0.2 is not wanted")
        self.offered = self.unpack(f">{count}I")
        self.send(struct.pack(">I", self.offered[0]))
        if self.read(1) != b"\1":
            raise Broken("VeNCrypt: refused")
        self.sock = self.tls.wrap_socket(self.sock, server_hostname="localhost")
        return 2 if self.offered[0] in (258, 261) else 1

    def set_encodings(self, encodings):
        self.send(struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings))

    def request(self, incremental=True, area=None):
        x, y, w, h = area or (0, 0, self.width, self.height)
        self.send(struct.pack(">BBHHHH", 3, incremental, x, y, w, h))

    def key(self, keysym, down):
        self.send(struct.pack(">BBxxI", 4, down, keysym))

    def tap(self, keysym):
        self.key(keysym, True)
        self.key(keysym, False)

    def extended_key(self, number, keysym, down):
        self.send(struct.pack(">BBHII", 255, 0, down, keysym, number))

    def pointer(self, x, y, buttons=0):
        self.send(struct.pack(">BBHH", 5, buttons, x, y))

    def put(self, x, y, w, h, data):
        if x + w > self.width or y + h > self.height:
            raise Broken(f"rectangle {x},{y} {w}x{h} outside {self.width}x{self.height}")
        row = w * 4
        if w == self.width:
            self.fb[y * row:(y + h) * row] = data
            return
        for line in range(h):
            at = ((y + line) * self.width + x) * 4
            self.fb[at:at + row] = data[line * row:line * row + row]

    def zrle(self, x, y, w, h):
        data = self.zlib.decompress(self.read(self.unpack(">I")[0]))
        at = 0
        for ty in range(0, h, 64):
            for tx in range(0, w, 64):
                tw, th = min(64, w - tx), min(64, h - ty)
                at, pixels = self.zrle_tile(data, at, tw * th, tw)
                self.put(x + tx, y + ty, tw, th, b"".join(pixels))
        if at != len(data):
            raise Broken(f"ZRLE: {len(data) - at} bytes are left")

    @staticmethod
    def zrle_run(data, at):
        length = 1
        while data[at] == 255:
            length, at = length + 255, at + 1
        return length + data[at], at + 1

    def zrle_tile(self, data, at, count, width):
        kind, at = data[at], at + 1
        size = kind & 127
        palette = [data[at + i * 3:at + i * 3 + 3] + b"\0" for i in range(size)] if kind != 128 else []
        at += 3 * len(palette)
        if kind == 0:
            return at + count * 3, [data[at + i * 3:at + i * 3 + 3] + b"\0" for i in range(count)]
        if kind == 1:
            return at, [palette[0]] * count
        pixels = []
        if kind < 128:
            bits = 1 if size == 2 else 2 if size <= 4 else 4
            for _ in range(count // width):
                for i in range(width):
                    byte = data[at + i * bits // 8]
                    pixels.append(palette[byte >> (8 - bits - i * bits % 8) & ((1 << bits) - 1)])
                at += (width * bits + 7) // 8
            return at, pixels
        while len(pixels) < count:
            if kind == 128:
                pixel, at = data[at:at + 3] + b"\0", at + 3
                length, at = self.zrle_run(data, at)
            else:
                index, at = data[at], at + 1
                pixel, length = palette[index & 127], 1
                if index & 128:
                    length, at = self.zrle_run(data, at)
            pixels += [pixel] * length
        return at, pixels

    def rectangle(self):
        x, y, w, h, encoding = self.unpack(">HHHHi")
        if encoding == RAW:
            self.put(x, y, w, h, self.read(w * h * 4))
        elif encoding == COPY:
            sx, sy = self.unpack(">HH")
            rows = [bytes(self.fb[((sy + i) * self.width + sx) * 4:][:w * 4]) for i in range(h)]
            self.put(x, y, w, h, b"".join(rows))
        elif encoding == ZRLE:
            self.zrle(x, y, w, h)
        elif encoding == CURSOR:
            self.cursor = (x, y, w, h, self.read(w * h * 4), self.read((w + 7) // 8 * h))
        elif encoding in (DESKTOP_SIZE, EXT_SIZE):
            if encoding == EXT_SIZE:
                screens, = self.unpack("Bxxx")
                self.events.append(("ext-size", x, y, w, h, [self.unpack(">IHHHHI") for _ in range(screens)]))
                if x == 1 and y:
                    return encoding
            self.events.append(("size", w, h))
            self.width, self.height = w, h
            self.fb = bytearray(w * h * 4)
        elif encoding == LED_STATE:
            self.events.append(("leds", self.unpack("B")[0]))
        elif encoding == POINTER_MOTION:
            self.events.append(("absolute", x))
        elif encoding == EXTENDED_KEY:
            self.events.append(("extended-key",))
        elif encoding != LAST_RECT:
            raise Broken(f"encoding {encoding}")
        if encoding >= 0:
            self.rects += 1
        return encoding

    def message(self):
        """Reads one message; True: it was a FramebufferUpdate with pixels."""
        kind, = self.unpack("B")
        if kind == 0:
            count, = self.unpack(">xH")
            before, n = self.rects, 0
            while n < count:
                if self.rectangle() == LAST_RECT:
                    break
                n += 1
            self.frames += self.rects > before
            return self.rects > before
        if kind == 2:
            return False
        if kind == 3:
            self.read(self.unpack(">xxxI")[0])
            return False
        raise Broken(f"message {kind}")

    def frame(self, incremental=True, limit=None):
        """Asks for a frame and reads messages until one with pixels came."""
        self.request(incremental)
        end = time.monotonic() + (limit or self.limit)
        while not self.message():
            if time.monotonic() > end:
                raise Broken("no frame came")

    def pending(self, seconds):
        if self.tls and self.sock.pending():
            return True
        return bool(select.select([self.sock], [], [], seconds)[0])

    def settle(self, quiet=0.3, limit=10):
        """Takes frames until nothing has changed for a while."""
        end = time.monotonic() + limit
        self.request(False)
        while time.monotonic() < end and self.pending(quiet):
            if self.message():
                self.request(True)

    def pixel(self, x, y):
        blue, green, red = self.fb[(y * self.width + x) * 4:][:3]
        return red, green, blue

    def save(self, path):
        """A PPM picture of what is seen."""
        rgb = bytearray(self.width * self.height * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = self.fb[2::4], self.fb[1::4], self.fb[0::4]
        with open(path, "wb") as out:
            out.write(b"P6\n%d %d\n255\n" % (self.width, self.height) + rgb)

    def close(self):
        self.sock.close()
