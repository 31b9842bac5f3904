/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of gdb's remote protocol: see gdbpacket.h. */
#include "util/osdep.h"
#include "gdb/gdbpacket.h"

enum { STATE_IDLE, STATE_BODY, STATE_SUM1, STATE_SUM2 };

void gdbpacket_reset(Packet *p)
{
    p->state = STATE_IDLE;
    p->len = 0;
    p->escape = p->overflow = false;
    p->sum = 0;
}

static PacketEvent packet_idle(Packet *p, uint8_t byte)
{
    switch (byte) {
    case '$':
        gdbpacket_reset(p);
        p->state = STATE_BODY;
        return PACKET_NOTHING;
    case '+': return PACKET_ACK;
    case '-': return PACKET_NAK;
    case 3: return PACKET_INTERRUPT;
    default: return PACKET_NOTHING; /* noise between packets */
    }
}

static void packet_body(Packet *p, uint8_t byte)
{
    if (byte == '$') { /* the peer starts over */
        gdbpacket_reset(p);
        p->state = STATE_BODY;
        return;
    }
    if (byte == '#') {
        p->state = STATE_SUM1;
        return;
    }
    p->sum = (uint8_t)(p->sum + byte);
    if (byte == '}' && !p->escape) {
        p->escape = true;
        return;
    }
    if (p->len < GDBPACKET_MAX) {
        p->data[p->len++] = (char)(p->escape ? byte ^ 0x20 : byte);
    } else {
        p->overflow = true;
    }
    p->escape = false;
}

static PacketEvent packet_end(Packet *p, int digit)
{
    bool good = digit >= 0 && p->wanted != 0xff && (p->wanted << 4 | digit) == p->sum && !p->escape;

    p->state = STATE_IDLE;
    p->data[p->len] = 0;
    return !good ? PACKET_BAD : p->overflow ? PACKET_TOO_LONG : PACKET_READY;
}

PacketEvent gdbpacket_feed(Packet *p, uint8_t byte)
{
    int digit = g_ascii_xdigit_value((char)byte);

    switch (p->state) {
    case STATE_BODY:
        packet_body(p, byte);
        return PACKET_NOTHING;
    case STATE_SUM1:
        p->wanted = digit < 0 ? 0xff : (uint8_t)digit; /* 0xff is no digit: the sum is wrong */
        p->state = STATE_SUM2;
        return PACKET_NOTHING;
    case STATE_SUM2:
        return packet_end(p, digit);
    default:
        return packet_idle(p, byte);
    }
}

void gdbpacket_frame(const GString *body, GString *out)
{
    uint8_t sum = 0;
    size_t begin = out->len + 1;

    g_string_append_c(out, '$');
    for (size_t n = 0; n < body->len; n++) {
        char c = body->str[n];

        if (c == '$' || c == '#' || c == '}' || c == '*') {
            g_string_append_c(out, '}');
            c ^= 0x20;
        }
        g_string_append_c(out, c);
    }
    for (size_t n = begin; n < out->len; n++) {
        sum = (uint8_t)(sum + (uint8_t)out->str[n]);
    }
    g_string_append_printf(out, "#%02x", sum);
}

bool gdbpacket_take(PacketText *t, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(t->end - t->p) < len || memcmp(t->p, word, len)) {
        return false;
    }
    t->p += len;
    return true;
}

bool gdbpacket_number(PacketText *t, uint64_t *out)
{
    unsigned digits = 0;

    *out = 0;
    for (; t->p < t->end && g_ascii_isxdigit(*t->p); t->p++) {
        *out = *out << 4 | (unsigned)g_ascii_xdigit_value(*t->p);
        if (++digits > 16) {
            return false;
        }
    }
    return digits != 0;
}

static bool packet_id(PacketText *t, int64_t *out)
{
    uint64_t v;

    if (gdbpacket_take(t, "-1")) {
        *out = -1;
        return true;
    }
    if (!gdbpacket_number(t, &v) || v > INT32_MAX) {
        return false;
    }
    *out = (int64_t)v;
    return true;
}

bool gdbpacket_thread(PacketText *t, int64_t *out)
{
    int64_t process = 1;

    if (gdbpacket_take(t, "p")) {
        if (!packet_id(t, &process) || process > 1) {
            return false;
        }
        if (!gdbpacket_take(t, ".")) {
            *out = -1; /* all threads of that process */
            return true;
        }
    }
    return packet_id(t, out);
}

bool gdbpacket_bytes(PacketText *t, uint8_t *out, size_t len)
{
    if ((size_t)(t->end - t->p) / 2 < len) {
        return false;
    }
    for (size_t n = 0; n < len; n++, t->p += 2) {
        int high = g_ascii_xdigit_value(t->p[0]), low = g_ascii_xdigit_value(t->p[1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[n] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void gdbpacket_append_hex(GString *out, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = bytes;

    for (size_t n = 0; n < len; n++) {
        g_string_append_c(out, digits[b[n] >> 4]);
        g_string_append_c(out, digits[b[n] & 15]);
    }
}
