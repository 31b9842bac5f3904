/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gdb's remote protocol: framing and parsing, and a server on a machine without hardware that a hostile peer talks to. */
#include "util/osdep.h"
#include "gdb/gdbpacket.h"

#include "accel/accel.h"
#include "chardev/char.h"
#include "gdb/gdbserver.h"
#include "system/machine.h"
#include "system/runstate.h"
#include "tests/unit/test.h"
#include "util/mainloop.h"

#include <sys/socket.h>

/* ---- framing -------------------------------------------------------------------------------------------------------- */

static PacketEvent feed(Packet *p, const char *text, size_t len)
{
    PacketEvent ev = PACKET_NOTHING;

    for (size_t n = 0; n < len; n++) {
        ev = gdbpacket_feed(p, (uint8_t)text[n]);
    }
    return ev;
}

#define FEED(p, text) feed(p, text, sizeof(text) - 1)

TEST(packets_are_framed)
{
    static Packet p;
    gdbpacket_reset(&p);
    CHECK_EQ(FEED(&p, "$qC#b4"), PACKET_READY);
    CHECK_STR(p.data, "qC");
    CHECK_EQ(FEED(&p, "junk+"), PACKET_ACK);
    CHECK_EQ(FEED(&p, "-"), PACKET_NAK);
    CHECK_EQ(FEED(&p, "\003"), PACKET_INTERRUPT);
    CHECK_EQ(FEED(&p, "$qC#b5"), PACKET_BAD);
    CHECK_EQ(FEED(&p, "$qC#zz"), PACKET_BAD);
    CHECK_EQ(FEED(&p, "$qC#b"), PACKET_NOTHING);
    CHECK_EQ(FEED(&p, "4"), PACKET_READY);
    CHECK_EQ(FEED(&p, "$#00"), PACKET_READY);
    CHECK_EQ(p.len, 0);
    CHECK_EQ(FEED(&p, "$half$qC#b4"), PACKET_READY); /* the peer started over */
    CHECK_STR(p.data, "qC");
}

TEST(escapes_are_undone)
{
    static Packet p;
    gdbpacket_reset(&p);
    CHECK_EQ(FEED(&p, "$}\003}\004}]}\nx#da"), PACKET_READY);
    CHECK_MEM(p.data, "#$}*x", 5);
    CHECK_EQ(p.len, 5);
    CHECK_EQ(FEED(&p, "$a}#de"), PACKET_BAD); /* ends in the middle of an escape */
    GString *body = g_string_new("a#$}*"), *out = g_string_new(NULL);
    gdbpacket_frame(body, out);
    CHECK_EQ(feed(&p, out->str, out->len), PACKET_READY);
    CHECK_EQ(p.len, 5);
    CHECK_MEM(p.data, body->str, 5);
    g_string_free(body, TRUE);
    g_string_free(out, TRUE);
}

TEST(long_packets_are_refused)
{
    static Packet p;
    gdbpacket_reset(&p);
    FEED(&p, "$");
    uint8_t sum = 0;
    for (unsigned n = 0; n < GDBPACKET_MAX + 100000; n++) {
        CHECK_EQ(gdbpacket_feed(&p, 'a'), PACKET_NOTHING);
        sum = (uint8_t)(sum + 'a');
    }
    char end[8];
    g_snprintf(end, sizeof(end), "#%02x", sum);
    CHECK_EQ(feed(&p, end, 3), PACKET_TOO_LONG);
    CHECK_EQ(FEED(&p, "$qC#b4"), PACKET_READY);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

static PacketText text(const char *s)
{
    return (PacketText){ s, s + strlen(s) };
}

TEST(numbers)
{
    uint64_t v;
    PacketText t = text("ffffffffffffffff,");
    CHECK(gdbpacket_number(&t, &v));
    CHECK_EQ(v, UINT64_MAX);
    CHECK(gdbpacket_take(&t, ","));
    CHECK(gdbpacket_at_end(&t));
    t = text("");
    CHECK(!gdbpacket_number(&t, &v));
    t = text("-1");
    CHECK(!gdbpacket_number(&t, &v));
    t = text("10000000000000000");
    CHECK(!gdbpacket_number(&t, &v));
}

TEST(threads)
{
    int64_t v;
    PacketText t = text("-1");
    CHECK(gdbpacket_thread(&t, &v) && v == -1);
    t = text("0");
    CHECK(gdbpacket_thread(&t, &v) && v == 0);
    t = text("p1.1f");
    CHECK(gdbpacket_thread(&t, &v) && v == 0x1f);
    t = text("p1");
    CHECK(gdbpacket_thread(&t, &v) && v == -1);
    t = text("p2.1");
    CHECK(!gdbpacket_thread(&t, &v));
    t = text("p1.");
    CHECK(!gdbpacket_thread(&t, &v));
    t = text("ffffffff");
    CHECK(!gdbpacket_thread(&t, &v));
}

TEST(hexadecimal_bytes)
{
    uint8_t b[3] = { 0 };
    PacketText t = text("0aFf0");
    CHECK(gdbpacket_bytes(&t, b, 2));
    CHECK_EQ(b[0], 10);
    CHECK_EQ(b[1], 255);
    CHECK(!gdbpacket_bytes(&t, b, 1));
    t = text("0g");
    CHECK(!gdbpacket_bytes(&t, b, 1));
}

/* ---- a server ----------------------------------------------------------------------------------------------------- */

static int peer = -1;

static void serve(void)
{
    int fds[2];
    Error *err = NULL;
    if (peer >= 0) {
        return;
    }
    mainloop_init();
    bql_lock();
    CHECK(accel_choose("qtest", &err));
    MachineConfig cfg = { .topo = { 1, 1, 1, 1, 1, 1 }, .ram_size = 16 * MiB, .name = "tester", .cpu_model = "max" };
    Machine *m = machine_new(machine_class_find("none", &err), &cfg, &err);
    if (!m) {
        TEST_FAIL("%s", error_message(err));
    }
    machine_reset(m);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    char *options = g_strdup_printf("socket,id=link,fd=%d", fds[1]);
    CHECK(char_new(options, &err));
    g_free(options);
    CHECK(gdbserver_start("chardev:link", &err));
    peer = fds[0];
}

/* Everything the server says until it has nothing more to say. */
static GString *listen_to(void)
{
    GString *s = g_string_new(NULL);
    char buf[65536];
    for (unsigned quiet = 0; quiet < 3; quiet++) {
        mainloop_iterate(true);
        ssize_t n = read(peer, buf, sizeof(buf));
        if (n > 0) {
            g_string_append_len(s, buf, n);
            quiet = 0;
        }
    }
    return s;
}

static void say(const char *body, size_t len)
{
    GString *b = g_string_new_len(body, (gssize)len), *out = g_string_new(NULL);
    gdbpacket_frame(b, out);
    for (size_t done = 0; done < out->len;) {
        ssize_t n = write(peer, out->str + done, out->len - done);
        if (n > 0) {
            done += (size_t)n;
        }
        mainloop_iterate(true);
    }
    g_string_free(b, TRUE);
    g_string_free(out, TRUE);
}

/* The body of the answer to one packet; valid until the next call. */
static const char *ask(const char *body)
{
    static char *answer;
    serve();
    say(body, strlen(body));
    GString *s = listen_to();
    g_free(answer);
    char *begin = strrchr(s->str, '$'), *end = begin ? strchr(begin, '#') : NULL;
    answer = end ? g_strndup(begin + 1, (gsize)(end - begin - 1)) : g_strdup("(nothing)");
    g_string_free(s, TRUE);
    return answer;
}

TEST(the_server_answers)
{
    CHECK(strstr(ask("qSupported:swbreak+;xmlRegisters=i386"), "qXfer:features:read+"));
    CHECK_STR(ask("?"), "T02thread:01;");
    CHECK_STR(ask("qC"), "QC01");
    CHECK(g_str_has_prefix(ask("qXfer:features:read:target.xml:0,40"), "m<?xml"));
    CHECK_STR(ask("qXfer:features:read:target.xml:ffffffffffffffff,40"), "l");
    CHECK_STR(ask("qXfer:features:read:other.xml:0,40"), "E00");
    CHECK_STR(ask("vMustReplyEmpty"), "");
    CHECK_STR(ask("vCont?"), "vCont;c;C;s;S");
    CHECK_STR(ask("p10"), "f0ff000000000000");
    CHECK_STR(ask("p12"), "00f00000");
    CHECK_STR(ask("pffff"), "E14");
    CHECK_STR(ask("pffffffff"), "E22");
    CHECK_STR(ask("P0=8877665544332211"), "OK");
    CHECK_STR(ask("p0"), "8877665500000000"); /* not in 64-bit code */
    CHECK_STR(ask("P0=88"), "E22");
}

TEST(registers_refuse_what_the_cpu_refuses)
{
    CHECK_STR(ask("p1b"), "1000006000000000"); /* cr0 */
    CHECK_STR(ask("P1b=0000008000000000"), "E22"); /* PG without PE */
    CHECK_STR(ask("P1b=1100006000000000"), "OK");
    CHECK_STR(ask("p1b"), "1100006000000000");
    CHECK_STR(ask("P1b=1000006000000000"), "OK");
    CHECK_STR(ask("P1e=ffffffffffffffff"), "E22"); /* cr4 */
    CHECK_STR(ask("P20=ffffffffffffffff"), "E22"); /* efer */
    CHECK_STR(ask("P18=0000000000000080"), "E22"); /* fs_base that is not canonical */
    CHECK_STR(ask("P12=34120000"), "OK");          /* cs, real mode */
    CHECK_STR(ask("p12"), "34120000");
    CHECK_STR(ask("P12=00f00000"), "OK");
    CHECK_STR(ask("P41=ffffffff"), "E22");         /* mxcsr */
}

TEST(memory)
{
    CHECK_STR(ask("M1000,4:01020304"), "OK");
    CHECK_STR(ask("m1000,4"), "01020304");
    CHECK_STR(ask("X1002,2:}#"), "OK");
    CHECK_STR(ask("m1000,4"), "01027d23");
    CHECK_STR(ask("M1000,4:010203"), "E22");
    CHECK_STR(ask("M1000,3:01020304"), "E22");
    CHECK_STR(ask("M1000,ffffffff:00"), "E22");
    CHECK_STR(ask("m1000,0"), "");
    CHECK_STR(ask("mffffffffffffffff,2"), "E22");
    CHECK_STR(ask("m1000"), "E22");
    CHECK_STR(ask("Qqemu.PhyMemMode:1"), "OK");
    CHECK_STR(ask("qqemu.PhyMemMode"), "1");
    CHECK_STR(ask("m1000,2"), "0102");
    CHECK_STR(ask("Qqemu.PhyMemMode:0"), "OK");
    CHECK_EQ(strlen(ask("m0,ffffffff")), 2 * (GDBPACKET_MAX / 2 - 16)); /* as much as fits */
}

TEST(points_are_bounded)
{
    CHECK_STR(ask("Z0,1000,1"), "OK");
    CHECK_STR(ask("Z0,1000,1"), "OK");
    CHECK_STR(ask("z0,1000,1"), "OK");
    CHECK_STR(ask("z0,1000,1"), "OK");
    CHECK_STR(ask("Z5,1000,1"), "E22");
    CHECK_STR(ask("Z2,1000,0"), "E22");
    CHECK_STR(ask("Z2,ffffffffffffffff,2"), "E22");
    CHECK_STR(ask("Z2,1000,10001"), "E22");
    for (unsigned n = 0; n < 1024; n++) {
        char packet[32];
        g_snprintf(packet, sizeof(packet), "Z1,%x,1", 0x2000 + n);
        say(packet, strlen(packet));
        g_string_free(listen_to(), TRUE);
    }
    CHECK_STR(ask("Z1,1000,1"), "E28");
    CHECK_STR(ask("?"), "T02thread:01;"); /* as a new debugger asks: all are gone */
    CHECK_STR(ask("Z1,1000,1"), "OK");
    CHECK_STR(ask("z1,1000,1"), "OK");
}

TEST(threads_exist_or_not)
{
    unsigned n = vcpu_count();
    char packet[32];
    g_snprintf(packet, sizeof(packet), "T%x", n);
    CHECK_STR(ask(packet), "OK");
    g_snprintf(packet, sizeof(packet), "T%x", n + 1);
    CHECK_STR(ask(packet), "E22");
    CHECK_STR(ask("T-1"), "E22");
    g_snprintf(packet, sizeof(packet), "Hg%x", n + 1);
    CHECK_STR(ask(packet), "E22");
    CHECK_STR(ask("Hgp1.1"), "OK");
    CHECK_STR(ask("Hx1"), "E22");
    CHECK_STR(ask("vCont;x"), "E22");
    CHECK_STR(ask("vCont;C"), "E22");
    CHECK_STR(ask("vCont;c:7fffffff"), "E22");
    CHECK_STR(ask("vCont"), "E22");
    CHECK_STR(ask("qThreadExtraInfo,0"), "E22");
    CHECK_STR(ask("qThreadExtraInfo,1"), "435055233020" "5b72756e6e696e675d");
}

TEST(continue_and_interrupt)
{
    CHECK_STR(ask("vCont;c"), "(nothing)");
    CHECK(runstate_running());
    CHECK_EQ(write(peer, "\003", 1), 1);
    GString *s = listen_to();
    CHECK(strstr(s->str, "T02thread:01;"));
    g_string_free(s, TRUE);
    CHECK_EQ(runstate_get(), RUN_PAUSED);
    CHECK_STR(ask("D"), "OK");
    CHECK(runstate_running());
    CHECK_STR(ask("?"), "T02thread:01;"); /* a packet stops it again */
    CHECK(!runstate_running());
}

TEST(monitor_commands)
{
    char *hex = g_strdup("qRcmd,696e666f20737461747573"); /* info status */
    say(hex, strlen(hex));
    GString *s = listen_to();
    CHECK(strstr(s->str, "$O564d20737461747573")); /* "VM status" */
    CHECK(strstr(s->str, "$OK#9a"));
    g_string_free(s, TRUE);
    g_free(hex);
    CHECK_STR(ask("qRcmd,6"), "E22");
    CHECK_STR(ask("qRcmd,xx"), "E22");
}

/* Random packets, most of them nearly right; fixed seed.  Nothing that ends the process: k and the monitor are left out. */
TEST(hostile_packets)
{
    static const char *const starts[] = { "?", "g", "G", "p", "P", "m", "M", "X", "Z", "z", "H", "T", "vCont", "c", "s", "C", "S",
        "qSupported", "qC", "qfThreadInfo", "qsThreadInfo", "qThreadExtraInfo,", "qXfer:features:read:target.xml:", "Q", "q", "D",
        "qqemu.PhyMemMode", "Qqemu.PhyMemMode:", "Qqemu.sstep=", "v", "!", "R", "" };
    static const char bits[] = "0123456789abcdef,:;=.-p#$}*+csCSghx\0\xff\x03";
    GRand *r = g_rand_new_with_seed(20261121);

    unsigned answers = 0;
    serve();
    for (unsigned round = 0; round < 4000; round++) {
        GString *b = g_string_new(starts[g_rand_int_range(r, 0, G_N_ELEMENTS(starts))]);
        for (int n = g_rand_int_range(r, 0, round % 100 ? 24 : 20000); n > 0; n--) {
            g_string_append_c(b, bits[g_rand_int_range(r, 0, sizeof(bits) - 1)]);
        }
        if (b->len && b->str[0] != 'k' && !g_str_has_prefix(b->str, "vKill") && !g_str_has_prefix(b->str, "QStart")) {
            say(b->str, b->len);
        }
        g_string_free(b, TRUE);
        GString *heard = listen_to();
        answers += strchr(heard->str, '$') != NULL;
        g_string_free(heard, TRUE);
    }
    CHECK(answers > 2000);
    uint8_t noise[512];
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned n = 0; n < sizeof(noise); n++) {
            noise[n] = (uint8_t)g_rand_int(r);
        }
        CHECK_EQ(write(peer, noise, sizeof(noise)), (ssize_t)sizeof(noise));
        g_string_free(listen_to(), TRUE);
    }
    g_rand_free(r);
    CHECK_EQ(write(peer, "#00", 3), 3); /* ends what the noise began */
    g_string_free(listen_to(), TRUE);
    CHECK(g_str_has_prefix(ask("?"), "T"));
    CHECK_STR(ask("Hg1"), "OK");
    CHECK_STR(ask("qC"), "QC01");
}

