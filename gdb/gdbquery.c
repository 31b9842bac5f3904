/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * General queries and settings (gdb manual, appendix E, "General Query Packets"): features, the target's description, threads,
 * monitor commands, and the settings that users know from qemu-kvm (maintenance packet qqemu...).  Main thread, big lock.
 */
#include "util/osdep.h"
#include "gdb/gdb-int.h"

#include "monitor/monitor.h"

enum { STEP_ENABLE = 1, STEP_NOIRQ = 2 };
#define CONSOLE_MAX (1 * MiB) /* of one monitor command's output */

static bool gdbquery_say(GString *reply, const char *text)
{
    g_string_append(reply, text);
    return true;
}

static bool gdbquery_word(const char *list, const char *word)
{
    char **words = g_strsplit(list, ";", 64);
    bool found = g_strv_contains((const char *const *)words, word);

    g_strfreev(words);
    return found;
}

static bool gdbquery_supported(GdbServer *s, PacketText t, GString *reply)
{
    s->swbreak = gdbquery_word(t.p, "swbreak+"); /* a packet's text ends with a 0 */
    s->hwbreak = gdbquery_word(t.p, "hwbreak+");
    g_string_append_printf(reply, "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak+;hwbreak+",
                           GDBPACKET_MAX);
    return true;
}

static bool gdbquery_no_ack(GdbServer *s, PacketText t, GString *reply)
{
    (void)t;
    s->no_ack = true;
    return gdbquery_say(reply, "OK");
}

static bool gdbquery_attached(GdbServer *s, PacketText t, GString *reply)
{
    (void)s;
    (void)t;
    return gdbquery_say(reply, "1");
}

static bool gdbquery_current(GdbServer *s, PacketText t, GString *reply)
{
    (void)t;
    g_string_append_printf(reply, "QC%02x", gdb_thread_of(s->g_cpu));
    return true;
}

static bool gdbquery_threads(GdbServer *s, PacketText t, GString *reply)
{
    (void)s;
    (void)t;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        g_string_append_printf(reply, "%c%02x", i ? ',' : 'm', gdb_thread_of(i));
    }
    return true;
}

static bool gdbquery_more_threads(GdbServer *s, PacketText t, GString *reply)
{
    (void)s;
    (void)t;
    return gdbquery_say(reply, "l");
}

static bool gdbquery_thread_info(GdbServer *s, PacketText t, GString *reply)
{
    int64_t thread;
    char text[64];

    (void)s;
    if (!gdbpacket_thread(&t, &thread) || !gdbpacket_at_end(&t) || thread < 1 || thread > (int64_t)vcpu_count()) {
        return gdbquery_say(reply, "E22");
    }
    Vcpu *v = vcpu_get((unsigned)thread - 1);

    g_snprintf(text, sizeof(text), "CPU#%u [%s]", v->index, atomic_load(&v->halted) ? "halted " : "running");
    gdbpacket_append_hex(reply, text, strlen(text));
    return true;
}

/* "target.xml:OFFSET,LENGTH" */
static bool gdbquery_features(GdbServer *s, PacketText t, GString *reply)
{
    uint64_t off, len;

    if (!gdbpacket_take(&t, "target.xml:")) {
        return gdbquery_say(reply, "E00");
    }
    if (!gdbpacket_number(&t, &off) || !gdbpacket_take(&t, ",") || !gdbpacket_number(&t, &len) || !gdbpacket_at_end(&t)) {
        return gdbquery_say(reply, "E22");
    }
    char *xml = target_ops.gdb_description(vcpu_get(s->g_cpu));
    size_t size = strlen(xml), from = MIN(off, size), part = MIN(MIN(len, GDBPACKET_MAX / 2), size - from);

    g_string_append_c(reply, from + part < size ? 'm' : 'l');
    g_string_append_len(reply, xml + from, (gssize)part);
    g_free(xml);
    return true;
}

/* A command for the monitor, in hexadecimal; its output goes out before the answer. */
static bool gdbquery_monitor(GdbServer *s, PacketText t, GString *reply)
{
    size_t len = (size_t)(t.end - t.p) / 2;
    char *line = g_malloc0(len + 1);

    if (!gdbpacket_bytes(&t, (uint8_t *)line, len) || !gdbpacket_at_end(&t)) {
        g_free(line);
        return gdbquery_say(reply, "E22");
    }
    GString *out = g_string_new(NULL), *body = g_string_new(NULL);

    monitor_run_line(line, s->g_cpu, out);
    for (size_t done = 0; done < MIN(out->len, CONSOLE_MAX); done += GDBPACKET_MAX / 4) {
        g_string_assign(body, "O");
        gdbpacket_append_hex(body, out->str + done, MIN(out->len - done, GDBPACKET_MAX / 4));
        gdbserver_send(s, body);
    }
    g_string_free(out, TRUE);
    g_string_free(body, TRUE);
    g_free(line);
    return gdbquery_say(reply, "OK");
}

static bool gdbquery_get_physical(GdbServer *s, PacketText t, GString *reply)
{
    (void)t;
    return gdbquery_say(reply, s->physical ? "1" : "0");
}

static bool gdbquery_set_physical(GdbServer *s, PacketText t, GString *reply)
{
    uint64_t v;

    if (!gdbpacket_number(&t, &v) || !gdbpacket_at_end(&t)) {
        return gdbquery_say(reply, "E22");
    }
    s->physical = v != 0;
    return gdbquery_say(reply, "OK");
}

static bool gdbquery_step_bits(GdbServer *s, PacketText t, GString *reply)
{
    (void)s;
    (void)t;
    g_string_append_printf(reply, "ENABLE=%x,NOIRQ=%x", STEP_ENABLE, STEP_NOIRQ);
    return true;
}

static bool gdbquery_get_step(GdbServer *s, PacketText t, GString *reply)
{
    (void)t;
    g_string_append_printf(reply, "0x%x", STEP_ENABLE | (s->step_interrupts ? 0 : STEP_NOIRQ));
    return true;
}

static bool gdbquery_set_step(GdbServer *s, PacketText t, GString *reply)
{
    uint64_t v;

    gdbpacket_take(&t, "0x");
    if (!gdbpacket_number(&t, &v) || !gdbpacket_at_end(&t) || !(v & STEP_ENABLE) || v > 7) {
        return gdbquery_say(reply, "E22");
    }
    s->step_interrupts = !(v & STEP_NOIRQ);
    return gdbquery_say(reply, "OK");
}

/* The first that the packet begins with; those that must be all of it are marked. */
static const struct {
    const char *name;
    bool whole;
    bool (*run)(GdbServer *s, PacketText t, GString *reply);
} gdbquery_table[] = {
    { "qSupported", false, gdbquery_supported },
    { "QStartNoAckMode", true, gdbquery_no_ack },
    { "qAttached", false, gdbquery_attached },
    { "qC", true, gdbquery_current },
    { "qfThreadInfo", true, gdbquery_threads },
    { "qsThreadInfo", true, gdbquery_more_threads },
    { "qThreadExtraInfo,", false, gdbquery_thread_info },
    { "qXfer:features:read:", false, gdbquery_features },
    { "qRcmd,", false, gdbquery_monitor },
    { "qqemu.PhyMemMode", true, gdbquery_get_physical },
    { "Qqemu.PhyMemMode:", false, gdbquery_set_physical },
    { "qqemu.sstepbits", true, gdbquery_step_bits },
    { "qqemu.sstep", true, gdbquery_get_step },
    { "Qqemu.sstep=", false, gdbquery_set_step },
    { "Qqemu.sstep:", false, gdbquery_set_step },
};

bool gdbquery_run(GdbServer *s, PacketText t, GString *reply)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(gdbquery_table); n++) {
        PacketText rest = t;

        if (gdbpacket_take(&rest, gdbquery_table[n].name) && (!gdbquery_table[n].whole || gdbpacket_at_end(&rest))) {
            if (gdbquery_table[n].run == gdbquery_supported) {
                gdbpacket_take(&rest, ":");
            }
            return gdbquery_table[n].run(s, rest, reply);
        }
    }
    return true; /* unknown: an empty answer */
}
