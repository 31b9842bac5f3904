/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Viewers that send rubbish: mutated, cut and random messages on the VNC server's socket and on its web socket's port, beside a
 * picture that changes all the time.  The main thread is the emulator's; peers are descriptors that it also holds.
 */
#include "util/osdep.h"
#include "tests/fuzz/fuzz-machine.h"

#include "ui/console.h"
#include "ui/input.h"
#include "ui/vnc.h"
#include "util/mainloop.h"
#include "util/timer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

/* libvncserver 0.9.14 loses an iterator (24 bytes) when a viewer goes away while it is told the screen's size. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:rfbGetClientIterator\n";
}

enum { PEERS = 12, TURNS = 6000, WIDTH = 320, HEIGHT = 200 };

typedef struct Card {
    Console *con;
    FuzzRng *rng;
    int width, height;
} Card;

static int64_t card_refresh(void *opaque)
{
    Card *d = opaque;

    if (fuzz_below(d->rng, 200) == 0) {
        d->width = 1 + (int)fuzz_below(d->rng, 900);
        d->height = 1 + (int)fuzz_below(d->rng, 700);
    }
    Surface *s = console_resize(d->con, d->width, d->height);
    int x = (int)fuzz_below(d->rng, (unsigned)s->width), y = (int)fuzz_below(d->rng, (unsigned)s->height);
    int w = MIN(64, s->width - x), h = MIN(40, s->height - y);

    for (int row = y; row < y + h; row++) {
        memset(s->data + (size_t)row * (size_t)s->stride + (size_t)x * 4, (int)fuzz_below(d->rng, 256), (size_t)w * 4);
    }
    console_update(d->con, x, y, w, h);
    return CONSOLE_POLL;
}

static void card_hint(void *opaque, const ConsoleSizeHint *hint)
{
    Card *d = opaque;

    d->width = MIN(hint->width, 1000);
    d->height = MIN(hint->height, 800);
}

static const ConsoleOps card_ops = { .kind = CONSOLE_GRAPHIC, .refresh = card_refresh, .size_hint = card_hint };

static void sink_key(void *opaque, unsigned code, bool down)
{
    (void)opaque;
    (void)down;
    assert(code < 256);
}

static void sink_abs(void *opaque, int x, int y, int dz, unsigned buttons)
{
    (void)opaque;
    (void)dz;
    assert(x >= 0 && x <= INPUT_ABS_MAX && y >= 0 && y <= INPUT_ABS_MAX && buttons < 32);
}

static const InputHandlerOps sink_ops = { .name = "sink", .absolute = true, .key = sink_key, .abs = sink_abs };

/* ---- peers ---- */

static int peer_connect(const char *path, unsigned port)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(port ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    if (connect(fd, port ? (struct sockaddr *)&in : (struct sockaddr *)&un, port ? sizeof(in) : sizeof(un)) < 0) {
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void put(GByteArray *a, const void *data, size_t len)
{
    g_byte_array_append(a, data, (guint)len);
}

/* A message of the protocol with random contents, mostly of the right length. */
static void add_message(GByteArray *a, FuzzRng *rng)
{
    static const struct {
        uint8_t type, length;
    } kinds[] = { { 0, 20 }, { 2, 4 }, { 3, 10 }, { 3, 10 }, { 3, 10 }, { 4, 8 }, { 5, 6 }, { 5, 6 }, { 6, 8 }, { 251, 24 }, { 255, 12 },
                  { 8, 4 }, { 250, 4 }, { 7, 12 }, { 11, 8 } };
    static const int8_t encodings[] = { 0, 1, 2, 4, 5, 6, 7, 9, 16, 17 };
    unsigned k = fuzz_below(rng, G_N_ELEMENTS(kinds));
    uint8_t m[256];

    for (unsigned i = 0; i < sizeof(m); i++) {
        m[i] = (uint8_t)fuzz_below(rng, fuzz_below(rng, 3) ? 4 : 256);
    }
    m[0] = kinds[k].type;
    size_t len = kinds[k].length;

    if (m[0] == 2) { /* SetEncodings: real ones and pseudo encodings */
        unsigned n = fuzz_below(rng, 12);

        m[2] = 0;
        m[3] = (uint8_t)n;
        for (unsigned i = 0; i < n; i++) {
            int32_t e = fuzz_below(rng, 2) ? encodings[fuzz_below(rng, sizeof(encodings))] : -(int)fuzz_below(rng, 600);
            uint32_t be = htonl((uint32_t)e);

            memcpy(m + 4 + i * 4, &be, 4);
        }
        len += n * 4;
    } else if (m[0] == 6 && fuzz_below(rng, 2)) {
        m[4] = m[5] = m[6] = 0; /* a cut text that is there */
        m[7] %= 100;
        len += m[7];
    }
    put(a, m, fuzz_below(rng, 30) ? len : fuzz_below(rng, (unsigned)len + 1));
}

static GByteArray *make_talk(FuzzRng *rng, bool web)
{
    GByteArray *a = g_byte_array_new();
    static const char *const versions[] = { "RFB 003.008\n", "RFB 003.008\n", "RFB 003.008\n", "RFB 003.007\n", "RFB 003.003\n", "RFB 004.001\n" };

    if (web && fuzz_below(rng, 4)) {
        static const char upgrade[] = "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: b\r\n"
                                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                                      "Sec-WebSocket-Protocol: binary\r\n\r\n";
        put(a, upgrade, sizeof(upgrade) - 1 - (fuzz_below(rng, 5) ? 0 : fuzz_below(rng, sizeof(upgrade) - 1)));
    } else {
        put(a, versions[fuzz_below(rng, G_N_ELEMENTS(versions))], 12);
        put(a, "\001\001", fuzz_below(rng, 8) ? 2 : 1);
    }
    for (unsigned i = fuzz_below(rng, 60); i > 0; i--) {
        add_message(a, rng);
    }
    for (unsigned i = fuzz_below(rng, 3) ? 0 : fuzz_below(rng, 20); i > 0 && a->len; i--) {
        a->data[fuzz_below(rng, a->len)] ^= (uint8_t)(1u << fuzz_below(rng, 8));
    }
    return a;
}

typedef struct Peer {
    int fd; /* -1: not connected */
    GByteArray *talk;
    size_t said;
    bool reads;
} Peer;

static void peer_end(Peer *p)
{
    if (p->fd >= 0) {
        close(p->fd);
        g_byte_array_unref(p->talk);
        p->fd = -1;
    }
}

static void peer_turn(Peer *p, FuzzRng *rng, const char *path, unsigned port)
{
    uint8_t buf[65536];

    if (p->fd < 0) {
        bool web = fuzz_below(rng, 3) == 0;

        p->fd = peer_connect(path, web ? port : 0);
        if (p->fd >= 0) {
            p->talk = make_talk(rng, web);
            p->said = 0;
            p->reads = fuzz_below(rng, 4);
        }
        return;
    }
    if (p->reads && recv(p->fd, buf, sizeof(buf), 0) == 0) {
        peer_end(p);
        return;
    }
    if (p->said < p->talk->len) {
        size_t part = 1 + fuzz_below(rng, 200); /* MIN() would ask twice */
        ssize_t n = send(p->fd, p->talk->data + p->said, MIN(p->talk->len - p->said, part), MSG_NOSIGNAL);

        p->said += (size_t)MAX(n, 0);
    }
    if (fuzz_below(rng, 300) == 0) {
        peer_end(p);
    }
}

/* Of the web socket, out of `info vnc`. */
static unsigned web_port(void)
{
    GString *text = g_string_new(NULL);

    vnc_info(text);
    const char *line = strstr(text->str, "127.0.0.1:");
    unsigned port = line ? (unsigned)atoi(line + 10) : 0;

    g_string_free(text, TRUE);
    return port;
}

int main(void)
{
    unsigned turns = (unsigned)fuzz_env("FUZZ_ROUNDS", TURNS);
    FuzzRng rng, card_rng;
    Card card = { .rng = &card_rng, .width = WIDTH, .height = HEIGHT };
    char *folder = g_dir_make_tmp("rhea-vnc-XXXXXX", NULL), *path = g_build_filename(folder, "vnc", NULL);
    char *spec = g_strdup_printf("unix:%s,websocket=127.0.0.1:0,power-control=on", path);
    Peer peers[PEERS];
    Error *err = NULL;

    signal(SIGPIPE, SIG_IGN);
    fuzz_seed(&rng, fuzz_env("FUZZ_SEED", 1));
    fuzz_seed(&card_rng, 7);
    mainloop_init();
    bql_lock();
    card.con = console_new("card", &card_ops, &card);
    InputHandler *sink = input_handler_add(&sink_ops, NULL);

    if (!vnc_add(spec, &err)) {
        error_report_free(err);
        return 1;
    }
    unsigned port = web_port();

    for (unsigned i = 0; i < PEERS; i++) {
        peers[i].fd = -1;
    }
    for (unsigned turn = 0; turn < turns; turn++) {
        peer_turn(&peers[turn % PEERS], &rng, path, port);
        mainloop_iterate(true);
        if (turn % 20 == 0) {
            bql_unlock();
            g_usleep(1000); /* the viewers' threads work */
            bql_lock();
        }
    }
    for (unsigned i = 0; i < PEERS; i++) {
        peer_end(&peers[i]);
    }
    vnc_cleanup();
    input_handler_remove(sink);
    console_free(card.con);
    rmdir(folder);
    printf("ok 1 - vnc_fuzz: %u turns\n", turns);
    g_free(spec);
    g_free(path);
    g_free(folder);
    return 0;
}
