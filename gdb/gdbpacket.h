/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of gdb's remote protocol (gdb manual, appendix E, "Overview"): framing, and the pieces that they are made of.  Knows
 * nothing of machines.  The peer is hostile: every length is bounded.
 */
#ifndef GDB_GDBPACKET_H
#define GDB_GDBPACKET_H

#include "util/osdep.h"

#define GDBPACKET_MAX 0x4000u /* bytes of a packet's body: what PacketSize says */

typedef enum PacketEvent {
    PACKET_NOTHING,   /* more bytes are needed */
    PACKET_READY,     /* @data and @len are a whole packet */
    PACKET_BAD,       /* its checksum is wrong */
    PACKET_TOO_LONG,
    PACKET_ACK, PACKET_NAK,
    PACKET_INTERRUPT, /* Ctrl-C */
} PacketEvent;

typedef struct Packet {
    int state;
    uint8_t sum, wanted;
    bool escape, overflow;
    size_t len;
    char data[GDBPACKET_MAX + 1]; /* without escapes; a 0 follows */
} Packet;

void gdbpacket_reset(Packet *p);
PacketEvent gdbpacket_feed(Packet *p, uint8_t byte);

/* "$body#sum", with what must be escaped in it escaped. */
void gdbpacket_frame(const GString *body, GString *out);

/* What is left of a packet; each function moves behind what it takes and fails at anything else. */
typedef struct PacketText {
    const char *p, *end;
} PacketText;

bool gdbpacket_take(PacketText *t, const char *word);
bool gdbpacket_number(PacketText *t, uint64_t *out); /* 1 to 16 hexadecimal digits */
/* A thread: TID, -1 (all) or 0 (any) as -1 and 0, "pPID.TID" too, whose process must be 1, 0 or -1. */
bool gdbpacket_thread(PacketText *t, int64_t *out);
bool gdbpacket_bytes(PacketText *t, uint8_t *out, size_t len); /* 2 * @len digits */
static inline bool gdbpacket_at_end(const PacketText *t)
{
    return t->p == t->end;
}

void gdbpacket_append_hex(GString *out, const void *bytes, size_t len);

#endif
