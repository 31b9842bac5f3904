/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of gdb's remote protocol (gdb manual, appendix E, "Packets"): registers, memory, breakpoints, threads, the end.
 * Numbers are bounded here; what they mean in the machine is checked by target_ops.  Main thread, big lock, vCPUs parked.
 */
#include "util/osdep.h"
#include "gdb/gdb-int.h"

#include "system/machine.h"
#include "util/log.h"

#define MEMORY_MAX (GDBPACKET_MAX / 2 - 16)

static bool gdbcommand_say(GString *reply, const char *text)
{
    g_string_append(reply, text);
    return true;
}

static Vcpu *gdbcommand_cpu(const GdbServer *s)
{
    return vcpu_get(s->g_cpu);
}

/* ---- registers ---------------------------------------------------------------------------------------------------- */

static bool gdbcommand_read_registers(GdbServer *s, PacketText t, GString *reply)
{
    Vcpu *v = gdbcommand_cpu(s);
    uint8_t buf[16];

    (void)t;
    for (unsigned n = 0; n < target_ops.gdb_registers(v); n++) {
        gdbpacket_append_hex(reply, buf, target_ops.gdb_read(v, n, buf));
    }
    return true;
}

/* The new value's size is that of the old one. */
static bool gdbcommand_set(Vcpu *v, unsigned n, PacketText *t)
{
    uint8_t buf[16];
    unsigned size = target_ops.gdb_read(v, n, buf);

    return size && gdbpacket_bytes(t, buf, size) && target_ops.gdb_write(v, n, buf);
}

static bool gdbcommand_write_registers(GdbServer *s, PacketText t, GString *reply)
{
    Vcpu *v = gdbcommand_cpu(s);
    bool ok = true;

    for (unsigned n = 0; n < target_ops.gdb_registers(v) && !gdbpacket_at_end(&t) && ok; n++) {
        ok = gdbcommand_set(v, n, &t);
    }
    return gdbcommand_say(reply, ok && gdbpacket_at_end(&t) ? "OK" : "E22");
}

static bool gdbcommand_read_register(GdbServer *s, PacketText t, GString *reply)
{
    uint64_t n;
    uint8_t buf[16];

    if (!gdbpacket_number(&t, &n) || !gdbpacket_at_end(&t) || n > UINT16_MAX) {
        return gdbcommand_say(reply, "E22");
    }
    unsigned size = target_ops.gdb_read(gdbcommand_cpu(s), (unsigned)n, buf);

    if (!size) {
        return gdbcommand_say(reply, "E14");
    }
    gdbpacket_append_hex(reply, buf, size);
    return true;
}

static bool gdbcommand_write_register(GdbServer *s, PacketText t, GString *reply)
{
    uint64_t n;
    bool ok = gdbpacket_number(&t, &n) && n <= UINT16_MAX && gdbpacket_take(&t, "=") &&
              gdbcommand_set(gdbcommand_cpu(s), (unsigned)n, &t) && gdbpacket_at_end(&t);

    return gdbcommand_say(reply, ok ? "OK" : "E22");
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

static bool gdbcommand_access(GdbServer *s, uint64_t addr, uint8_t *buf, size_t len, bool write)
{
    Vcpu *v = gdbcommand_cpu(s);

    if (s->physical) {
        return (write ? address_space_write(v->as_mem, addr, buf, len) : address_space_read(v->as_mem, addr, buf, len)) == MEM_OK;
    }
    return write ? target_ops.write_virtual(v, addr, buf, len) : target_ops.read_virtual(v, addr, buf, len);
}

/* "ADDR,LEN" of at most @max bytes that do not wrap. */
static bool gdbcommand_range(PacketText *t, uint64_t max, uint64_t *addr, uint64_t *len)
{
    return gdbpacket_number(t, addr) && gdbpacket_take(t, ",") && gdbpacket_number(t, len) && *len <= max &&
           (*len == 0 || *addr + (*len - 1) >= *addr);
}

/* As much as can be read from the start on. */
static bool gdbcommand_read_memory(GdbServer *s, PacketText t, GString *reply)
{
    uint64_t addr, len, done = 0;
    uint8_t buf[0x1000];

    if (!gdbcommand_range(&t, UINT64_MAX, &addr, &len) || !gdbpacket_at_end(&t)) {
        return gdbcommand_say(reply, "E22");
    }
    len = MIN(len, MEMORY_MAX);
    while (done < len) {
        uint64_t at = addr + done, part = MIN(len - done, 0x1000 - (at & 0xfff));

        if (!gdbcommand_access(s, at, buf, part, false)) {
            break;
        }
        gdbpacket_append_hex(reply, buf, part);
        done += part;
    }
    return done || !len ? true : gdbcommand_say(reply, "E14");
}

static bool gdbcommand_write_memory(GdbServer *s, PacketText t, GString *reply)
{
    uint64_t addr, len;
    uint8_t buf[MEMORY_MAX];

    if (!gdbcommand_range(&t, sizeof(buf), &addr, &len) || !gdbpacket_take(&t, ":") || !gdbpacket_bytes(&t, buf, len) ||
        !gdbpacket_at_end(&t)) {
        return gdbcommand_say(reply, "E22");
    }
    return gdbcommand_say(reply, gdbcommand_access(s, addr, buf, len, true) ? "OK" : "E14");
}

static bool gdbcommand_write_binary(GdbServer *s, PacketText t, GString *reply)
{
    uint64_t addr, len;

    if (!gdbcommand_range(&t, GDBPACKET_MAX, &addr, &len) || !gdbpacket_take(&t, ":") || (uint64_t)(t.end - t.p) != len) {
        return gdbcommand_say(reply, "E22");
    }
    return gdbcommand_say(reply, gdbcommand_access(s, addr, (uint8_t *)t.p, len, true) ? "OK" : "E14");
}

/* ---- break- and watchpoints --------------------------------------------------------------------------------------- */

static bool gdbcommand_parse_point(PacketText *t, DebugPoint *p)
{
    uint64_t kind;

    if (!gdbpacket_number(t, &kind) || kind >= DEBUG_KINDS || !gdbpacket_take(t, ",") ||
        !gdbcommand_range(t, 0x10000, &p->addr, &p->len)) {
        return false;
    }
    p->kind = (DebugKind)kind;
    if (p->kind <= DEBUG_CODE_HW) {
        p->len = 0; /* the size of a breakpoint instruction, which we do not use */
    }
    return p->len || p->kind <= DEBUG_CODE_HW;
}

static int gdbcommand_find_point(const GdbServer *s, const DebugPoint *p)
{
    for (unsigned n = 0; n < s->points->len; n++) {
        const DebugPoint *q = &g_array_index(s->points, DebugPoint, n);

        if (q->kind == p->kind && q->addr == p->addr && q->len == p->len) {
            return (int)n;
        }
    }
    return -1;
}

/* Setting one that is there, or removing one that is not, is fine: gdb repeats packets. */
static bool gdbcommand_point(GdbServer *s, PacketText t, GString *reply, bool set)
{
    DebugPoint p;

    if (!gdbcommand_parse_point(&t, &p)) {
        return gdbcommand_say(reply, "E22");
    }
    int n = gdbcommand_find_point(s, &p);

    if (set && n < 0 && s->points->len == GDB_POINTS_MAX) {
        return gdbcommand_say(reply, "E28");
    }
    if (set && n < 0) {
        g_array_append_val(s->points, p);
    } else if (!set && n >= 0) {
        g_array_remove_index(s->points, (guint)n);
    }
    if (set == (n < 0)) {
        gdbserver_points_changed(s);
    }
    return gdbcommand_say(reply, "OK");
}

static bool gdbcommand_insert(GdbServer *s, PacketText t, GString *reply)
{
    return gdbcommand_point(s, t, reply, true);
}

static bool gdbcommand_remove(GdbServer *s, PacketText t, GString *reply)
{
    return gdbcommand_point(s, t, reply, false);
}

/* ---- threads, state, the end -------------------------------------------------------------------------------------- */

static bool gdbcommand_thread(GdbServer *s, PacketText t, GString *reply)
{
    bool for_registers = gdbpacket_take(&t, "g");
    int64_t thread;

    if ((!for_registers && !gdbpacket_take(&t, "c")) || !gdbpacket_thread(&t, &thread) || !gdbpacket_at_end(&t) ||
        thread > (int64_t)vcpu_count()) {
        return gdbcommand_say(reply, "E22");
    }
    if (!for_registers) {
        s->c_thread = thread;
    } else if (thread > 0) {
        s->g_cpu = (unsigned)thread - 1;
    }
    return gdbcommand_say(reply, "OK");
}

static bool gdbcommand_alive(GdbServer *s, PacketText t, GString *reply)
{
    int64_t thread;

    (void)s;
    bool ok = gdbpacket_thread(&t, &thread) && gdbpacket_at_end(&t) && thread > 0 && thread <= (int64_t)vcpu_count();
    return gdbcommand_say(reply, ok ? "OK" : "E22");
}

/* A debugger that asks this has just come: what another left behind goes. */
static bool gdbcommand_why(GdbServer *s, PacketText t, GString *reply)
{
    (void)t;
    gdbserver_clear_points(s);
    gdbrun_stop_reply(s, reply);
    return true;
}

static bool gdbcommand_detach(GdbServer *s, PacketText t, GString *reply)
{
    RunState state = runstate_get();

    (void)t;
    gdbserver_clear_points(s);
    if (state == RUN_PRELAUNCH || state == RUN_PAUSED || state == RUN_DEBUG) {
        vm_start();
    }
    return gdbcommand_say(reply, "OK");
}

static bool gdbcommand_kill(GdbServer *s, PacketText t, GString *reply)
{
    (void)s;
    (void)t;
    (void)reply;
    info_report("terminated by the debugger");
    request_shutdown(SHUTDOWN_HOST_QMP_QUIT);
    return false;
}

static bool gdbcommand_continue(GdbServer *s, PacketText t, GString *reply)
{
    return gdbrun_continue(s, t, false, false, reply);
}

static bool gdbcommand_step(GdbServer *s, PacketText t, GString *reply)
{
    return gdbrun_continue(s, t, true, false, reply);
}

static bool gdbcommand_continue_signal(GdbServer *s, PacketText t, GString *reply)
{
    return gdbrun_continue(s, t, false, true, reply);
}

static bool gdbcommand_step_signal(GdbServer *s, PacketText t, GString *reply)
{
    return gdbrun_continue(s, t, true, true, reply);
}

static bool gdbcommand_v(GdbServer *s, PacketText t, GString *reply)
{
    if (gdbpacket_take(&t, "Cont")) {
        return gdbrun_vcont(s, t, reply);
    }
    if (gdbpacket_take(&t, "Kill;")) {
        gdbcommand_kill(s, t, reply);
        return gdbcommand_say(reply, "OK");
    }
    return true; /* unknown: an empty answer, also to vMustReplyEmpty */
}

static const struct {
    char name;
    bool (*run)(GdbServer *s, PacketText t, GString *reply);
} gdbcommand_table[] = {
    { '?', gdbcommand_why }, { 'g', gdbcommand_read_registers }, { 'G', gdbcommand_write_registers },
    { 'p', gdbcommand_read_register }, { 'P', gdbcommand_write_register }, { 'm', gdbcommand_read_memory },
    { 'M', gdbcommand_write_memory }, { 'X', gdbcommand_write_binary }, { 'Z', gdbcommand_insert }, { 'z', gdbcommand_remove },
    { 'c', gdbcommand_continue }, { 's', gdbcommand_step }, { 'C', gdbcommand_continue_signal }, { 'S', gdbcommand_step_signal },
    { 'H', gdbcommand_thread }, { 'T', gdbcommand_alive }, { 'D', gdbcommand_detach }, { 'k', gdbcommand_kill },
    { 'v', gdbcommand_v },
};

bool gdbcommand_run(GdbServer *s, PacketText t, GString *reply)
{
    if (gdbpacket_at_end(&t)) {
        return true;
    }
    if (*t.p == 'q' || *t.p == 'Q') {
        return gdbquery_run(s, t, reply);
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(gdbcommand_table); n++) {
        if (gdbcommand_table[n].name == *t.p) {
            t.p++;
            return gdbcommand_table[n].run(s, t, reply);
        }
    }
    return true; /* unknown: an empty answer */
}
