/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character back ends over real pipes, sockets and terminals. */
#include "util/osdep.h"
#include "chardev/char.h"

#include "tests/unit/test.h"
#include "util/mainloop.h"
#include "util/timer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A front end that keeps what it gets. */
typedef struct Sink {
    CharFe fe;
    GString *got;
    size_t room; /* can_receive() */
    unsigned opened, closed, breaks, mux_in, mux_out, writable;
} Sink;

static size_t sink_can_receive(void *opaque)
{
    return ((Sink *)opaque)->room;
}

static void sink_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Sink *s = opaque;
    g_string_append_len(s->got, (const char *)buf, (gssize)len);
    s->room -= MIN(s->room, len);
}

static void sink_event(void *opaque, CharEvent ev)
{
    Sink *s = opaque;
    unsigned *const counters[] = { &s->opened, &s->closed, &s->breaks, &s->mux_in, &s->mux_out };
    ++*counters[ev];
}

static void sink_can_write(void *opaque)
{
    ((Sink *)opaque)->writable++;
}

static const CharFeOps sink_ops = { sink_can_receive, sink_receive, sink_event, sink_can_write };

static Error *err;
static char *dir;

static void begin(void)
{
    static bool ready;
    if (!ready) {
        mainloop_init();
        bql_lock();
        dir = g_dir_make_tmp("rhea-char-XXXXXX", NULL);
        ready = true;
    }
    error_free(err);
    err = NULL;
}

/* Turns of the main loop until @cond, 5 s at most. */
#define WAIT_FOR(cond)                                                     \
    do {                                                                   \
        int64_t wait_end = clock_ns(CLOCK_KIND_REALTIME) + 5 * NS_PER_SEC; \
        while (!(cond)) {                                                  \
            CHECK(clock_ns(CLOCK_KIND_REALTIME) < wait_end);               \
            mainloop_iterate(true);                                        \
            g_usleep(500);                                                 \
        }                                                                  \
    } while (0)

static Chardev *sink_attach(Sink *s, const char *options)
{
    Chardev *c = char_new(options, &err);
    if (!c) {
        TEST_FAIL("%s: %s", options, error_message(err));
    }
    *s = (Sink){ .got = g_string_new(NULL), .room = 1000000 };
    CHECK(char_fe_attach(&s->fe, c, &err));
    char_fe_set_handlers(&s->fe, &sink_ops, s);
    return c;
}

static void sink_free(Sink *s)
{
    char_fe_detach(&s->fe);
    g_string_free(s->got, TRUE);
}

static void write_fd(int fd, const char *text)
{
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
}

/* What comes from @fd while the main loop runs. */
static char *read_fd(int fd, size_t len)
{
    static char buf[65536];
    size_t got = 0;
    WAIT_FOR(({
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (got < len && poll(&p, 1, 0) == 1) {
            ssize_t n = read(fd, buf + got, len - got);
            got += (size_t)MAX(n, 0);
        }
        got >= len;
    }));
    buf[got] = 0;
    return buf;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    return fd;
}

TEST(unix_server_takes_one_client_after_the_other)
{
    begin();
    Sink s;
    char *path = g_build_filename(dir, "server", NULL), *opts = g_strdup_printf("socket,id=a,path=%s,server=on,wait=off", path);
    Chardev *c = sink_attach(&s, opts);
    CHECK_EQ(s.opened, 0);
    CHECK(!char_fe_connected(&s.fe));
    CHECK_EQ(char_fe_write(&s.fe, "lost", 4), 4);
    for (unsigned i = 1; i <= 2; i++) {
        int fd = connect_unix(path);
        WAIT_FOR(s.opened == i);
        g_string_truncate(s.got, 0);
        write_fd(fd, "hello");
        WAIT_FOR(s.got->len == 5);
        CHECK_STR(s.got->str, "hello");
        CHECK_EQ(char_fe_write(&s.fe, "world", 5), 5);
        CHECK_STR(read_fd(fd, 5), "world");
        char *text = char_describe(c);
        CHECK(g_str_has_prefix(text, "unix:/") && g_str_has_suffix(text, ",server=on"));
        g_free(text);
        close(fd);
        WAIT_FOR(s.closed == i);
        CHECK(!char_fe_connected(&s.fe));
    }
    sink_free(&s);
    CHECK(char_remove("a", &err));
    CHECK(access(path, F_OK) != 0); /* unlinked */
    g_free(path);
    g_free(opts);
}

TEST(backpressure_reads_no_more_than_the_front_end_takes)
{
    begin();
    int pair[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    Sink s;
    char *opts = g_strdup_printf("socket,id=b,fd=%d", pair[1]);
    sink_attach(&s, opts);
    s.room = 3;
    write_fd(pair[0], "abcdefgh");
    WAIT_FOR(s.got->len == 3);
    for (int i = 0; i < 5; i++) {
        mainloop_iterate(true);
    }
    CHECK_STR(s.got->str, "abc");
    s.room = 100;
    char_fe_accept_input(&s.fe);
    WAIT_FOR(s.got->len == 8);
    CHECK_STR(s.got->str, "abcdefgh");
    close(pair[0]);
    WAIT_FOR(s.closed == 1);
    sink_free(&s);
    CHECK(char_remove("b", &err));
    g_free(opts);
}

TEST(slow_peer_never_blocks_and_everything_accepted_arrives)
{
    begin();
    int pair[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    Sink s;
    char *opts = g_strdup_printf("socket,id=c,fd=%d", pair[1]);
    sink_attach(&s, opts);
    static uint8_t big[4 * 1024 * 1024], back[sizeof(big)];
    for (size_t i = 0; i < sizeof(big); i++) {
        big[i] = (uint8_t)(i * 13 + i / 251);
    }
    size_t sent = char_fe_write(&s.fe, big, sizeof(big)), got = 0;
    CHECK(sent > 0 && sent < sizeof(big));
    CHECK_EQ(char_fe_write(&s.fe, "x", 1), 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    WAIT_FOR(({
        ssize_t n = read(pair[0], back + got, sizeof(back) - got);
        got += (size_t)MAX(n, 0);
        if (s.writable) {
            s.writable = 0;
            sent += char_fe_write(&s.fe, big + sent, sizeof(big) - sent);
        }
        got == sizeof(big);
    }));
    CHECK_MEM(back, big, sizeof(big));
    sink_free(&s);
    CHECK(char_remove("c", &err));
    close(pair[0]);
    g_free(opts);
}

TEST(write_all_queues_up_to_its_cap)
{
    begin();
    int pair[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    Sink s;
    char *opts = g_strdup_printf("socket,id=d,fd=%d", pair[1]);
    sink_attach(&s, opts);
    static char line[100];
    memset(line, 'x', sizeof(line));
    for (int i = 0; i < 100000; i++) { /* 10 MB to a peer that reads nothing */
        char_fe_write_all(&s.fe, line, sizeof(line));
    }
    size_t got = 0;
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    for (int idle = 0; idle < 20; idle++) {
        static char buf[65536];
        ssize_t n = read(pair[0], buf, sizeof(buf));
        if (n > 0) {
            got += (size_t)n;
            idle = 0;
        }
        mainloop_iterate(true);
    }
    CHECK(got >= 1024 * 1024 && got < 3 * 1024 * 1024);
    sink_free(&s);
    CHECK(char_remove("d", &err));
    close(pair[0]);
    g_free(opts);
}

TEST(client_connects_again)
{
    begin();
    char *path = g_build_filename(dir, "peer", NULL);
    char *opts = g_strdup_printf("socket,id=e,path=%s,reconnect=1", path);
    Sink s;
    sink_attach(&s, opts); /* nobody listens yet */
    CHECK_EQ(s.opened, 0);
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
    CHECK_EQ(listen(listener, 1), 0);
    WAIT_FOR(s.opened == 1);
    int fd = accept(listener, NULL, NULL);
    write_fd(fd, "hi");
    WAIT_FOR(s.got->len == 2);
    close(fd);
    WAIT_FOR(s.closed == 1);
    WAIT_FOR(s.opened == 2);
    sink_free(&s);
    CHECK(char_remove("e", &err));
    close(listener);
    g_free(path);
    g_free(opts);
}

TEST(client_without_peer_says_so)
{
    begin();
    CHECK(!char_new("socket,id=f,path=/nonexistent/socket", &err));
    CHECK(strstr(error_message(err), "/nonexistent/socket"));
    CHECK(strstr(error_hint(err), "reconnect"));
    CHECK(!char_find("f"));
}

TEST(tcp_server_with_telnet)
{
    begin();
    Sink s;
    Chardev *c = NULL;
    /* A port that is free now. */
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(in);
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(bind(probe, (struct sockaddr *)&in, len), 0);
    CHECK_EQ(getsockname(probe, (struct sockaddr *)&in, &len), 0);
    close(probe);
    char *spec = g_strdup_printf("telnet:127.0.0.1:%d,server=on,wait=off", ntohs(in.sin_port));
    CHECK(char_from_legacy("t", spec, false, &c, &err));
    s = (Sink){ .got = g_string_new(NULL), .room = 1000 };
    CHECK(char_fe_attach(&s.fe, c, &err));
    char_fe_set_handlers(&s.fe, &sink_ops, &s);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&in, len), 0);
    WAIT_FOR(s.opened == 1);
    CHECK_EQ((uint8_t)read_fd(fd, 12)[0], 255);
    /* DO ECHO, a sub-negotiation, an escaped 255, a break, CR NUL */
    static const char data[] = "a\xff\xfd\x01" "b\xff\xfa\x18\x01\xff\xf0" "c\xff\xff" "d\xff\xf3" "e\r";
    CHECK_EQ(write(fd, data, sizeof(data)), sizeof(data)); /* with the NUL */
    WAIT_FOR(s.got->len == 7);
    CHECK_STR(s.got->str, "abc\xff" "de\r");
    CHECK_EQ(s.breaks, 1);
    char_fe_write(&s.fe, "1\xff" "2", 3);
    CHECK_MEM(read_fd(fd, 4), "1\xff\xff" "2", 4);
    close(fd);
    sink_free(&s);
    CHECK(char_remove("t", &err));
    g_free(spec);
}

TEST(file_and_log)
{
    begin();
    Sink s;
    char *path = g_build_filename(dir, "out", NULL), *log = g_build_filename(dir, "log", NULL), *text;
    char *opts = g_strdup_printf("file,id=g,path=%s,logfile=%s", path, log);
    sink_attach(&s, opts);
    CHECK_EQ(s.opened, 1);
    CHECK_EQ(char_fe_write(&s.fe, "one\n", 4), 4);
    char_fe_printf(&s.fe, "%s\n", "two");
    sink_free(&s);
    CHECK(char_remove("g", &err));
    CHECK(g_file_get_contents(path, &text, NULL, NULL));
    CHECK_STR(text, "one\ntwo\n");
    g_free(text);
    CHECK(g_file_get_contents(log, &text, NULL, NULL));
    CHECK_STR(text, "one\ntwo\n");
    g_free(text);
    g_free(opts);
    opts = g_strdup_printf("file,id=g,path=%s,append=on", path);
    sink_attach(&s, opts);
    char_fe_write(&s.fe, "three\n", 6);
    sink_free(&s);
    CHECK(char_remove("g", &err));
    CHECK(g_file_get_contents(path, &text, NULL, NULL));
    CHECK_STR(text, "one\ntwo\nthree\n");
    g_free(text);
    CHECK(!char_new("file,id=g,path=/nonexistent/x", &err));
    CHECK(strstr(error_message(err), "/nonexistent/x"));
    g_free(opts);
    g_free(path);
    g_free(log);
}

TEST(named_pipes)
{
    begin();
    Sink s;
    char *path = g_build_filename(dir, "p", NULL), *in = g_strconcat(path, ".in", NULL),
         *out = g_strconcat(path, ".out", NULL), *opts = g_strdup_printf("pipe,id=h,path=%s", path);
    CHECK(!char_new(opts, &err));
    CHECK(strstr(error_hint(err), "mkfifo"));
    CHECK_EQ(mkfifo(in, 0600), 0);
    CHECK_EQ(mkfifo(out, 0600), 0);
    sink_attach(&s, opts);
    int to = open(in, O_WRONLY), from = open(out, O_RDONLY);
    write_fd(to, "ping");
    WAIT_FOR(s.got->len == 4);
    char_fe_write(&s.fe, "pong", 4);
    CHECK_STR(read_fd(from, 4), "pong");
    close(to);
    close(from);
    sink_free(&s);
    CHECK(char_remove("h", &err));
    g_free(path);
    g_free(in);
    g_free(out);
    g_free(opts);
}

TEST(pty)
{
    begin();
    Sink s;
    Chardev *c = sink_attach(&s, "pty,id=i");
    char *text = char_describe(c);
    CHECK(g_str_has_prefix(text, "pty:/dev/pts/"));
    CHECK_EQ(s.opened, 0);
    for (unsigned i = 1; i <= 2; i++) {
        int fd = open(text + 4, O_RDWR | O_NOCTTY);
        CHECK(fd >= 0);
        WAIT_FOR(s.opened == i);
        write_fd(fd, "key");
        WAIT_FOR(s.got->len == 3 * i);
        char_fe_write(&s.fe, "a\r\n", 3); /* raw: nothing is changed on the way */
        CHECK_STR(read_fd(fd, 3), "a\r\n");
        close(fd);
        WAIT_FOR(s.closed == i);
    }
    g_free(text);
    sink_free(&s);
    CHECK(char_remove("i", &err));
}

TEST(ringbuf_keeps_the_last_bytes)
{
    begin();
    Sink s;
    Chardev *c = sink_attach(&s, "ringbuf,id=j,size=8");
    char_fe_write(&s.fe, "0123456789", 10);
    GString *out = g_string_new(NULL);
    CHECK(char_ringbuf_read(c, 3, out, &err));
    CHECK_STR(out->str, "234");
    CHECK(char_ringbuf_write(c, "ab", 2, &err));
    g_string_truncate(out, 0);
    CHECK(char_ringbuf_read(c, 100, out, &err));
    CHECK_STR(out->str, "56789ab");
    g_string_free(out, TRUE);
    sink_free(&s);
    CHECK(char_remove("j", &err));
    CHECK(!char_new("ringbuf,id=j,size=9", &err));
    CHECK(strstr(error_message(err), "power of two"));
}

static unsigned quits;
static void count_quit(void)
{
    quits++;
}

TEST(mux_switches_and_escapes)
{
    begin();
    int pair[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    Sink a, b = { .got = g_string_new(NULL), .room = 1000 };
    char *opts = g_strdup_printf("socket,id=k,fd=%d,mux=on", pair[1]);
    Chardev *mux = sink_attach(&a, opts);
    CHECK(char_is_mux(mux));
    CHECK(char_fe_attach(&b.fe, mux, &err));
    char_fe_set_handlers(&b.fe, &sink_ops, &b);
    mainloop_iterate(true);
    CHECK_EQ(a.mux_in, 0); /* the last one that came has it */
    CHECK_EQ(b.mux_in, 1);
    write_fd(pair[0], "\001c");
    WAIT_FOR(a.mux_in == 1);
    CHECK_EQ(b.mux_out, 1);
    char_set_quit_hook(count_quit);
    write_fd(pair[0], "1\001c2\001\001\001c3");
    WAIT_FOR(a.got->len == 2);
    CHECK_STR(a.got->str, "13");
    CHECK_STR(b.got->str, "2\001");
    CHECK_EQ(a.mux_out, 1);
    CHECK_EQ(a.mux_in, 2);
    write_fd(pair[0], "\001b");
    WAIT_FOR(a.breaks == 1);
    write_fd(pair[0], "\001x");
    WAIT_FOR(quits == 1);
    write_fd(pair[0], "\001h");
    char_fe_write(&a.fe, "A", 1);
    char_fe_write(&b.fe, "B", 1);
    CHECK(read_fd(pair[0], 30)[0]); /* help and both outputs come out */
    char_set_escape(20);
    write_fd(pair[0], "\001\024c4");
    WAIT_FOR(b.got->len == 3);
    CHECK_STR(a.got->str, "13\001");
    CHECK_STR(b.got->str, "2\0014");
    char_set_escape(1);
    sink_free(&b);
    sink_free(&a);
    close(pair[0]);
    char_cleanup_all();
    CHECK(!char_find("k"));
    g_free(opts);
}

/* A front end that takes nothing must not keep the escape from getting through. */
TEST(mux_escape_passes_a_stuck_front_end)
{
    begin();
    int pair[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    Sink a, b = { .got = g_string_new(NULL), .room = 1000 };
    char *opts = g_strdup_printf("socket,id=l,fd=%d,mux=on", pair[1]);
    Chardev *mux = sink_attach(&a, opts);
    CHECK(char_fe_attach(&b.fe, mux, &err));
    char_fe_set_handlers(&b.fe, &sink_ops, &b);
    a.room = 0;
    write_fd(pair[0], "\001cwaiting\001c!");
    WAIT_FOR(b.got->len == 1);
    CHECK_EQ(a.got->len, 0);
    a.room = 100;
    write_fd(pair[0], "\001c");
    WAIT_FOR(a.got->len == 7);
    CHECK_STR(a.got->str, "waiting");
    sink_free(&b);
    sink_free(&a);
    close(pair[0]);
    char_cleanup_all();
    g_free(opts);
}

TEST(errors_name_the_cure)
{
    begin();
    static const struct { const char *options, *message, *hint; } cases[] = {
        { "sokcet,id=x,path=/tmp/x", "sokcet", "socket" },
        { "null", "no id=", "id=NAME" },
        { "file,id=x", "path=", NULL },
        { "ringbuf,id=x,sise=8", "sise", "size" },
        { "socket,id=x", "path=", NULL },
        { "socket,id=x,path=/tmp/x,server=on,reconnect=3", "reconnect", NULL },
        { "socket,id=x,fd=0", "fd=0", NULL },
        { "mux,id=x,chardev=nobody", "nobody", NULL },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        CHECK(!char_new(cases[i].options, &err));
        CHECK(strstr(error_message(err), cases[i].message));
        if (cases[i].hint) {
            CHECK(error_hint(err) && strstr(error_hint(err), cases[i].hint));
        }
        CHECK(!char_find("x"));
        error_free(err);
        err = NULL;
    }
    Chardev *c;
    CHECK(!char_from_legacy("s", "stido", false, &c, &err));
    CHECK(strstr(error_hint(err), "stdio"));
    CHECK(char_new("null,id=x", NULL));
    CHECK(!char_new("null,id=x", NULL)); /* taken */
    Sink s = { .room = 0 }, t = { .room = 0 };
    CHECK(char_fe_attach(&s.fe, char_find("x"), NULL));
    error_free(err);
    err = NULL;
    CHECK(!char_fe_attach(&t.fe, char_find("x"), &err));
    CHECK(strstr(error_hint(err), "mux=on"));
    CHECK(!char_remove("x", NULL)); /* in use */
    char_fe_detach(&s.fe);
    CHECK(char_remove("x", NULL));
}

TEST(legacy_forms)
{
    begin();
    Chardev *c = (Chardev *)1;
    CHECK(char_from_legacy("n", "none", false, &c, &err));
    CHECK(!c);
    char *path = g_build_filename(dir, "legacy", NULL), *spec = g_strdup_printf("unix:%s,server,nowait", path);
    CHECK(char_from_legacy("u", spec, false, &c, &err));
    int fd = connect_unix(path);
    close(fd);
    g_free(spec);
    spec = g_strdup_printf("file:%s.txt", path);
    CHECK(char_from_legacy("f", spec, false, &c, &err));
    CHECK(char_from_legacy("v", "chardev:f", false, &c, &err));
    CHECK_STR(char_label(c), "f");
    CHECK(!char_from_legacy("w", "chardev:nobody", false, &c, &err));
    char_cleanup_all();
    g_free(path);
    g_free(spec);
    spec = g_strdup_printf("rm -rf %s", dir);
    CHECK_EQ(system(spec), 0);
    g_free(spec);
}
