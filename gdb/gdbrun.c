/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resuming and stop replies (gdb manual, appendix E, "Stop Reply Packets", vCont).  All-stop: when one vCPU stops, all do; when
 * the debugger resumes, each vCPU continues, makes one step, or is held.
 */
#include "util/osdep.h"
#include "gdb/gdb-int.h"

typedef enum RunAction { RUN_HOLD, RUN_CONTINUE, RUN_STEP } RunAction;

/* Signals as gdb numbers them. */
enum { GDB_SIGINT = 2, GDB_SIGQUIT = 3, GDB_SIGTRAP = 5, GDB_SIGABRT = 6, GDB_SIGALRM = 14, GDB_SIGSTOP = 17, GDB_SIGXCPU = 24 };

/* ---- stop replies ------------------------------------------------------------------------------------------------- */

static unsigned gdbrun_signal(RunState state)
{
    switch (state) {
    case RUN_DEBUG: return GDB_SIGTRAP;
    case RUN_SHUTDOWN: return GDB_SIGQUIT;
    case RUN_IO_ERROR: return GDB_SIGSTOP;
    case RUN_WATCHDOG: return GDB_SIGALRM;
    case RUN_INTERNAL_ERROR:
    case RUN_GUEST_PANICKED: return GDB_SIGABRT;
    case RUN_SAVE_VM:
    case RUN_RESTORE_VM: return GDB_SIGSTOP;
    case RUN_FINISH_MIGRATE: return GDB_SIGXCPU;
    default: return GDB_SIGINT;
    }
}

static void gdbrun_reply(GdbServer *s, unsigned cpu, unsigned signal, GString *reply)
{
    static const char *const watch[] = { [DEBUG_WRITE] = "watch", [DEBUG_READ] = "rwatch", [DEBUG_ACCESS] = "awatch" };
    const VcpuDebug *d = &vcpu_get(cpu)->debug;

    g_string_append_printf(reply, "T%02x", signal);
    if (d->stop == DEBUG_AT_POINT && d->hit >= DEBUG_WRITE) {
        g_string_append_printf(reply, "%s:%" PRIx64 ";", watch[d->hit], d->hit_addr);
    } else if (d->stop == DEBUG_AT_POINT && d->hit == DEBUG_CODE && s->swbreak) {
        g_string_append(reply, "swbreak:;");
    } else if (d->stop == DEBUG_AT_POINT && d->hit == DEBUG_CODE_HW && s->hwbreak) {
        g_string_append(reply, "hwbreak:;");
    }
    g_string_append_printf(reply, "thread:%02x;", gdb_thread_of(cpu));
}

void gdbrun_stop_reply(GdbServer *s, GString *reply)
{
    gdbrun_reply(s, s->g_cpu, vcpu_get(s->g_cpu)->debug.stop ? GDB_SIGTRAP : gdbrun_signal(runstate_get()), reply);
}

/* @cpu has stopped by itself: from here on it is the current one. */
static void gdbrun_report(GdbServer *s, unsigned cpu, unsigned signal)
{
    GString *reply = g_string_new(NULL);

    s->waiting = false;
    s->g_cpu = cpu;
    s->c_thread = gdb_thread_of(cpu);
    gdbrun_reply(s, cpu, signal, reply);
    gdbserver_send(s, reply);
    g_string_free(reply, TRUE);
}

/* The first that stopped for the debugger, the current one before others; -1: none. */
static int gdbrun_find_stopped(const GdbServer *s)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        unsigned cpu = (s->g_cpu + i) % vcpu_count();

        if (vcpu_get(cpu)->debug.stop) {
            return (int)cpu;
        }
    }
    return -1;
}

void gdbrun_stopped(GdbServer *s, RunState state)
{
    int cpu = gdbrun_find_stopped(s);

    for (unsigned i = 0; i < vcpu_count(); i++) {
        Vcpu *v = vcpu_get(i);

        v->hold = v->debug.step = v->debug.pass = false;
        target_ops.debug_update(v);
    }
    if (!s->waiting) {
        return;
    }
    if (cpu >= 0 && (state == RUN_DEBUG || state == RUN_PAUSED)) {
        gdbrun_report(s, (unsigned)cpu, GDB_SIGTRAP);
    } else {
        gdbrun_report(s, s->g_cpu, gdbrun_signal(state));
    }
}

void gdbrun_started(GdbServer *s)
{
    (void)s;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        vcpu_get(i)->debug.stop = DEBUG_NO_STOP;
    }
}

/* ---- resuming ----------------------------------------------------------------------------------------------------- */

/*
 * A debugger that finds a breakpoint at the PC steps over it before it goes on.  Where the code segment has a base, the PC is
 * not the breakpoint's (linear) address and it does not: then the vCPU passes it by itself.
 */
static bool gdbrun_must_pass(Vcpu *v)
{
    uint8_t pc[16] = { 0 };
    uint64_t offset = 0;

    if (v->debug.stop != DEBUG_AT_POINT || v->debug.hit > DEBUG_CODE_HW || target_ops.get_pc(v) != v->debug.hit_addr) {
        return false;
    }
    return target_ops.get_register(v, "rip", &offset) && target_ops.gdb_read(v, 0, pc) && offset != v->debug.hit_addr;
}

/* A watchpoint that another vCPU hit just when the reported stop came: told now, without running. */
static bool gdbrun_untold(GdbServer *s, const RunAction *actions)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        VcpuDebug *d = &vcpu_get(i)->debug;

        if (i != s->g_cpu && actions[i] != RUN_HOLD && d->stop == DEBUG_AT_POINT && d->hit >= DEBUG_WRITE) {
            gdbrun_report(s, i, GDB_SIGTRAP);
            d->stop = DEBUG_NO_STOP;
            return true;
        }
    }
    return false;
}

static bool gdbrun_error(GString *reply, const char *error)
{
    g_string_append(reply, error);
    return true;
}

/* True: @reply says why not. */
static bool gdbrun_resume(GdbServer *s, const RunAction *actions, GString *reply)
{
    RunState state = runstate_get();
    bool any = false;

    for (unsigned i = 0; i < vcpu_count(); i++) {
        any |= actions[i] != RUN_HOLD;
    }
    if (!any || state == RUN_SHUTDOWN || state == RUN_INTERNAL_ERROR || state == RUN_GUEST_PANICKED) {
        return gdbrun_error(reply, "E22"); /* nothing would run, or only a reset helps */
    }
    s->waiting = true;
    if (gdbrun_untold(s, actions)) {
        return false;
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        Vcpu *v = vcpu_get(i);

        v->debug.pass = gdbrun_must_pass(v);
        v->debug.step = actions[i] == RUN_STEP;
        v->debug.step_interrupts = s->step_interrupts;
        v->hold = actions[i] == RUN_HOLD;
        target_ops.debug_update(v);
    }
    if (state != RUN_SUSPENDED) {
        vm_start();
    }
    return false;
}

bool gdbrun_continue(GdbServer *s, PacketText t, bool step, bool signal, GString *reply)
{
    RunAction *actions = g_new0(RunAction, vcpu_count());
    bool all = s->c_thread <= 0, ok = true;
    unsigned current = all || s->c_thread > vcpu_count() ? s->g_cpu : (unsigned)s->c_thread - 1;
    uint64_t number;

    if (signal) {
        ok = gdbpacket_number(&t, &number) && (gdbpacket_at_end(&t) || gdbpacket_take(&t, ";"));
    }
    if (ok && !gdbpacket_at_end(&t)) {
        ok = gdbpacket_number(&t, &number) && gdbpacket_at_end(&t);
        if (ok) {
            target_ops.set_pc(vcpu_get(current), number);
        }
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        actions[i] = i == current ? (step ? RUN_STEP : RUN_CONTINUE) : all ? RUN_CONTINUE : RUN_HOLD;
    }
    bool answered = ok ? gdbrun_resume(s, actions, reply) : gdbrun_error(reply, "E22");

    g_free(actions);
    return answered;
}

/* One of ";c", ";s:2", ";C05:-1": for those threads that no action before it named. */
static bool gdbrun_vcont_action(PacketText *t, RunAction *actions, bool *set, unsigned current)
{
    uint64_t number;
    int64_t thread = -1;
    RunAction action;

    if (gdbpacket_take(t, "c") || gdbpacket_take(t, "C")) {
        action = RUN_CONTINUE;
    } else if (gdbpacket_take(t, "s") || gdbpacket_take(t, "S")) {
        action = RUN_STEP;
    } else {
        return false;
    }
    if (g_ascii_isupper(t->p[-1]) && !gdbpacket_number(t, &number)) {
        return false;
    }
    if (gdbpacket_take(t, ":") && !gdbpacket_thread(t, &thread)) {
        return false;
    }
    if (thread > (int64_t)vcpu_count()) {
        return false;
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (!set[i] && (thread == -1 || (thread == 0 ? i == current : thread == gdb_thread_of(i)))) {
            set[i] = true;
            actions[i] = action;
        }
    }
    return true;
}

bool gdbrun_vcont(GdbServer *s, PacketText t, GString *reply)
{
    if (gdbpacket_take(&t, "?")) {
        g_string_append(reply, "vCont;c;C;s;S");
        return true;
    }
    RunAction *actions = g_new0(RunAction, vcpu_count());
    bool *set = g_new0(bool, vcpu_count());
    bool ok = !gdbpacket_at_end(&t);

    while (ok && !gdbpacket_at_end(&t)) {
        ok = gdbpacket_take(&t, ";") && gdbrun_vcont_action(&t, actions, set, s->g_cpu);
    }
    bool answered = ok ? gdbrun_resume(s, actions, reply) : gdbrun_error(reply, "E22");

    g_free(actions);
    g_free(set);
    return answered;
}
