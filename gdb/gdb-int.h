/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the debug server.  Main thread, big lock. */
#ifndef GDB_GDB_INT_H
#define GDB_GDB_INT_H

#include "chardev/char.h"
#include "gdb/gdbpacket.h"
#include "gdb/gdbserver.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "util/mainloop.h"

#define GDB_POINTS_MAX 1024u /* break- and watchpoints */

typedef struct GdbServer {
    CharFe fe;
    Packet in;
    GString *out;    /* still to be written; while there is any, nothing is read */
    GString *last;   /* the last packet sent, framed: for a negative acknowledgement */
    RunstateNotifier notifier;
    BottomHalf *tell_shutdown;
    GArray *points;  /* DebugPoint; the vCPUs point into it */
    bool busy;       /* in a packet */
    bool no_ack;     /* QStartNoAckMode */
    bool waiting;    /* the debugger resumed the guest and waits to hear of its next stop */
    bool swbreak, hwbreak; /* it wants to know which kind of breakpoint it was */
    bool physical;   /* m, M, X mean physical addresses */
    bool step_interrupts;
    unsigned g_cpu;  /* whose registers and memory: Hg */
    int64_t c_thread; /* what s and c mean: Hc; 0 and -1: all */
} GdbServer;

/* gdbserver.c */
void gdbserver_send(GdbServer *s, const GString *body);
void gdbserver_points_changed(GdbServer *s);
void gdbserver_clear_points(GdbServer *s);

/* gdbcommand.c: a whole packet; the answer goes to @reply.  False: there is none (now). */
bool gdbcommand_run(GdbServer *s, PacketText t, GString *reply);

/* gdbquery.c: q, Q and v packets but for those that run the guest. */
bool gdbquery_run(GdbServer *s, PacketText t, GString *reply);

/* gdbrun.c: resuming and stop replies.  The functions give false when the answer comes later, and else fill @reply. */
bool gdbrun_continue(GdbServer *s, PacketText t, bool step, bool signal, GString *reply); /* c, s, C, S */
bool gdbrun_vcont(GdbServer *s, PacketText t, GString *reply); /* behind "vCont" */
void gdbrun_stop_reply(GdbServer *s, GString *reply); /* why it stands */
void gdbrun_stopped(GdbServer *s, RunState state);    /* it stands now */
void gdbrun_started(GdbServer *s);

static inline unsigned gdb_thread_of(unsigned cpu)
{
    return cpu + 1;
}

#endif
