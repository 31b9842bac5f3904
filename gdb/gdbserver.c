/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debug server's session on its character device: one debugger at a time; connecting stops the guest, leaving removes all
 * breakpoints.  Input is taken only while everything sent has been written, so that a peer that does not read cannot make us
 * keep more than the answers to GDB_CHUNK bytes of requests.
 */
#include "util/osdep.h"
#include "gdb/gdb-int.h"

#include "accel/accel.h"

#define GDB_CHUNK 1024
#define GDB_OUT_MAX (16 * MiB)

static GdbServer *gdb_server;

/* ---- output ------------------------------------------------------------------------------------------------------- */

static void gdbserver_flush(GdbServer *s)
{
    size_t n = char_fe_write(&s->fe, s->out->str, s->out->len);

    g_string_erase(s->out, 0, (gssize)n);
}

static void gdbserver_write(GdbServer *s, const char *text, size_t len)
{
    if (s->out->len + len <= GDB_OUT_MAX) {
        g_string_append_len(s->out, text, (gssize)len);
    }
    gdbserver_flush(s);
}

void gdbserver_send(GdbServer *s, const GString *body)
{
    g_string_truncate(s->last, 0);
    gdbpacket_frame(body, s->last);
    gdbserver_write(s, s->last->str, s->last->len);
}

/* ---- breakpoints -------------------------------------------------------------------------------------------------- */

/* The vCPUs are parked. */
void gdbserver_points_changed(GdbServer *s)
{
    const AccelClass *accel = accel_current();

    for (unsigned i = 0; i < vcpu_count(); i++) {
        Vcpu *v = vcpu_get(i);

        v->debug.points = s->points->len ? (const DebugPoint *)(void *)s->points->data : NULL;
        v->debug.count = s->points->len;
        target_ops.debug_update(v);
        if (accel->debug_changed) {
            accel->debug_changed(v);
        }
    }
}

void gdbserver_clear_points(GdbServer *s)
{
    if (s->points->len == 0) {
        return;
    }
    bool was_running = runstate_running();

    if (was_running) {
        vm_stop(RUN_PAUSED);
    }
    g_array_set_size(s->points, 0);
    gdbserver_points_changed(s);
    if (was_running) {
        vm_start();
    }
}

/* ---- input -------------------------------------------------------------------------------------------------------- */

static void gdbserver_packet(GdbServer *s)
{
    GString *reply = g_string_new(NULL);
    PacketText t = { s->in.data, s->in.data + s->in.len };

    if (runstate_running()) { /* who sends a packet to a running guest wants it to stand */
        s->waiting = false;
        vm_stop(RUN_PAUSED);
    }
    s->busy = true;
    if (gdbcommand_run(s, t, reply)) {
        gdbserver_send(s, reply);
    }
    s->busy = false;
    g_string_free(reply, TRUE);
}

static void gdbserver_byte(GdbServer *s, uint8_t byte)
{
    static const GString too_long = { (char *)"E22", 3, 4 };

    switch (gdbpacket_feed(&s->in, byte)) {
    case PACKET_READY:
        if (!s->no_ack) {
            gdbserver_write(s, "+", 1);
        }
        gdbserver_packet(s);
        break;
    case PACKET_BAD:
        if (!s->no_ack) {
            gdbserver_write(s, "-", 1);
        }
        break;
    case PACKET_TOO_LONG:
        if (!s->no_ack) {
            gdbserver_write(s, "+", 1);
        }
        gdbserver_send(s, &too_long);
        break;
    case PACKET_NAK:
        if (!s->no_ack && s->out->len == 0) {
            gdbserver_write(s, s->last->str, s->last->len);
        }
        break;
    case PACKET_INTERRUPT:
        if (runstate_running()) {
            vm_stop(RUN_PAUSED);
        } else if (s->waiting) {
            gdbrun_stopped(s, RUN_PAUSED); /* asleep, or stopped before the debugger said so */
        }
        break;
    default:
        break;
    }
}

static size_t gdbserver_can_receive(void *opaque)
{
    GdbServer *s = opaque;

    return s->out->len ? 0 : GDB_CHUNK;
}

static void gdbserver_receive(void *opaque, const uint8_t *buf, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        gdbserver_byte(opaque, buf[n]);
    }
}

static void gdbserver_can_write(void *opaque)
{
    GdbServer *s = opaque;

    gdbserver_flush(s);
    if (s->out->len == 0) {
        char_fe_accept_input(&s->fe);
    }
}

static void gdbserver_forget_peer(GdbServer *s)
{
    gdbpacket_reset(&s->in);
    g_string_truncate(s->out, 0);
    g_string_truncate(s->last, 0);
    s->no_ack = s->waiting = s->swbreak = s->hwbreak = s->physical = s->step_interrupts = false;
    s->g_cpu = 0;
    s->c_thread = 0;
}

static void gdbserver_event(void *opaque, CharEvent ev)
{
    GdbServer *s = opaque;

    if (ev == CHAR_EV_OPENED) {
        gdbserver_forget_peer(s);
        if (runstate_running()) {
            vm_stop(RUN_PAUSED);
        }
    } else if (ev == CHAR_EV_CLOSED) {
        gdbserver_forget_peer(s);
        gdbserver_clear_points(s); /* it did not detach; nobody would remove them */
    }
}

/* ---- the machine's state ------------------------------------------------------------------------------------------ */

/* Powered off, but kept: when the process ends instead, this never runs and gdbserver_end() tells. */
static void gdbserver_tell_shutdown(void *opaque)
{
    gdbrun_stopped(opaque, RUN_SHUTDOWN);
}

static void gdbserver_runstate(RunstateNotifier *n, bool running, RunState state)
{
    GdbServer *s = container_of(n, GdbServer, notifier);

    if (running) {
        gdbrun_started(s);
    } else if (state == RUN_SHUTDOWN) {
        bh_schedule(s->tell_shutdown);
    } else if (state != RUN_SUSPENDED) { /* asleep is not stopped: a device wakes it */
        gdbrun_stopped(s, state);
    }
}

/* ---- start and end ------------------------------------------------------------------------------------------------ */

static void gdbserver_free(GdbServer *s)
{
    gdbserver_clear_points(s);
    runstate_notifier_remove(&s->notifier);
    char_fe_detach(&s->fe);
    bh_free(s->tell_shutdown);
    g_string_free(s->out, TRUE);
    g_string_free(s->last, TRUE);
    g_array_unref(s->points);
    g_free(s);
}

static void gdbserver_stop(void)
{
    if (gdb_server) {
        gdbserver_free(gdb_server);
        gdb_server = NULL;
        char_remove("gdb", NULL);
    }
}

void gdbserver_end(int status)
{
    if (!gdb_server) {
        return;
    }
    if (char_fe_connected(&gdb_server->fe)) {
        GString *body = g_string_new(NULL);

        g_string_printf(body, "W%02x", (unsigned)status & 0xff);
        gdbserver_send(gdb_server, body);
        g_string_free(body, TRUE);
    }
    gdbserver_stop();
}

/* A plain TCP address listens, as users know it. */
static char *gdbserver_device(const char *device)
{
    bool bare = g_str_has_prefix(device, "tcp:") && !strstr(device, ",server") && !strstr(device, ",reconnect");

    return bare ? g_strconcat(device, ",server=on,wait=off,nodelay=on", NULL) : g_strdup(device);
}

static bool gdbserver_open(const char *device, Chardev **chr, Error **errp)
{
    char *full = gdbserver_device(device);
    bool ok = char_from_legacy("gdb", full, false, chr, errp);

    g_free(full);
    return ok;
}

static bool gdbserver_usable(Error **errp)
{
    if (gdb_server && gdb_server->busy) {
        error_set(errp, "the debugger cannot replace its own connection");
        return false;
    }
    if (vcpu_count() == 0) {
        error_set(errp, "there is nothing to debug in a machine without a CPU");
        return false;
    }
    if (accel_runs_code() && !accel_current()->debug_changed) {
        error_set(errp, "accelerator '%s' cannot be debugged", accel_current()->name);
        error_add_hint(errp, "Use -accel interp.");
        return false;
    }
    return true;
}

bool gdbserver_start(const char *device, Error **errp)
{
    static const CharFeOps ops = { gdbserver_can_receive, gdbserver_receive, gdbserver_event, gdbserver_can_write };
    Chardev *chr = NULL;

    if (!strcmp(device, "none") && !(gdb_server && gdb_server->busy)) {
        gdbserver_stop();
        return true;
    }
    if (!gdbserver_usable(errp)) {
        return false;
    }
    gdbserver_stop();
    if (!gdbserver_open(device, &chr, errp)) {
        return false;
    }
    GdbServer *s = g_new0(GdbServer, 1);

    if (!char_fe_attach(&s->fe, chr, errp)) {
        g_free(s);
        return false;
    }
    s->out = g_string_new(NULL);
    s->last = g_string_new(NULL);
    s->points = g_array_new(FALSE, TRUE, sizeof(DebugPoint));
    s->notifier.changed = gdbserver_runstate;
    s->tell_shutdown = bh_new(gdbserver_tell_shutdown, s);
    runstate_notifier_add(&s->notifier);
    gdb_server = s;
    char_fe_set_handlers(&s->fe, &ops, s);
    return true;
}
