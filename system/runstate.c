/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run states and the main thread's loop.  Requests are atomics that any thread (or a signal handler) sets; the loop
 * takes them between two turns of the main loop, with the big lock held, and is the only place that acts on them.
 */
#include "util/osdep.h"
#include "system/runstate.h"

#include "system/cpus-int.h"
#include "system/machine.h"
#include "util/mainloop.h"
#include "util/timer.h"

static const char *const runstate_names[RUN_STATE_COUNT] = {
    [RUN_PRELAUNCH] = "prelaunch",
    [RUN_RUNNING] = "running",
    [RUN_PAUSED] = "paused",
    [RUN_SUSPENDED] = "suspended",
    [RUN_SHUTDOWN] = "shutdown",
    [RUN_IO_ERROR] = "io-error",
    [RUN_INTERNAL_ERROR] = "internal-error",
    [RUN_DEBUG] = "debug",
    [RUN_SAVE_VM] = "save-vm",
    [RUN_RESTORE_VM] = "restore-vm",
    [RUN_INMIGRATE] = "inmigrate",
    [RUN_POSTMIGRATE] = "postmigrate",
    [RUN_FINISH_MIGRATE] = "finish-migrate",
    [RUN_WATCHDOG] = "watchdog",
    [RUN_GUEST_PANICKED] = "guest-panicked",
};

static const char *const shutdown_cause_names[] = {
    [SHUTDOWN_NONE] = "none",
    [SHUTDOWN_HOST_ERROR] = "host-error",
    [SHUTDOWN_HOST_QMP_QUIT] = "host-qmp-quit",
    [SHUTDOWN_HOST_SIGNAL] = "host-signal",
    [SHUTDOWN_HOST_UI] = "host-ui",
    [SHUTDOWN_HOST_RESET] = "host-qmp-system-reset",
    [SHUTDOWN_GUEST_SHUTDOWN] = "guest-shutdown",
    [SHUTDOWN_GUEST_RESET] = "guest-reset",
    [SHUTDOWN_GUEST_PANIC] = "guest-panic",
};

static struct {
    atomic_int state; /* RunState; written under the big lock */
    /* requests: any thread */
    atomic_int reset;    /* ShutdownCause */
    atomic_int shutdown; /* ShutdownCause */
    atomic_int exit_code;
    atomic_int stop;     /* RunState + 1; 0: none */
    atomic_bool powerdown, suspend, wakeup;
    /* big lock */
    RunstateActions actions;
    GPtrArray *notifiers; /* RunstateNotifier * */
} run = { .state = RUN_PRELAUNCH };

RunState runstate_get(void)
{
    return (RunState)atomic_load(&run.state);
}

bool runstate_running(void)
{
    return runstate_get() == RUN_RUNNING;
}

const char *runstate_name(RunState s)
{
    return (unsigned)s < RUN_STATE_COUNT ? runstate_names[s] : "unknown";
}

const char *shutdown_cause_name(ShutdownCause c)
{
    return (unsigned)c < G_N_ELEMENTS(shutdown_cause_names) ? shutdown_cause_names[c] : "unknown";
}

void runstate_set_actions(const RunstateActions *a)
{
    run.actions = *a;
}

/* Notifiers. */

void runstate_notifier_add(RunstateNotifier *n)
{
    assert(bql_held());
    if (!run.notifiers) {
        run.notifiers = g_ptr_array_new();
    }
    g_ptr_array_add(run.notifiers, n);
}

void runstate_notifier_remove(RunstateNotifier *n)
{
    assert(bql_held());
    if (run.notifiers) {
        g_ptr_array_remove(run.notifiers, n);
    }
}

typedef enum RunstateEvent { EV_CHANGED, EV_POWERDOWN, EV_WAKEUP, EV_RESET, EV_SUSPEND } RunstateEvent;

static void runstate_tell(RunstateNotifier *n, RunstateEvent ev)
{
    void (*fn)(RunstateNotifier *) = ev == EV_POWERDOWN ? n->powerdown : ev == EV_WAKEUP ? n->wakeup :
                                     ev == EV_RESET     ? n->reset     : ev == EV_SUSPEND ? n->suspend : NULL;
    if (ev == EV_CHANGED && n->changed) {
        n->changed(n, runstate_running(), runstate_get());
    } else if (fn) {
        fn(n);
    }
}

/* A notifier may remove itself or others: those that are gone when their turn comes are not told. */
static void runstate_notify(RunstateEvent ev)
{
    if (!run.notifiers) {
        return;
    }
    GPtrArray *now = g_ptr_array_copy(run.notifiers, NULL, NULL);
    for (unsigned i = 0; i < now->len; i++) {
        if (g_ptr_array_find(run.notifiers, now->pdata[i], NULL)) {
            runstate_tell(now->pdata[i], ev);
        }
    }
    g_ptr_array_unref(now);
}

/* Start and stop. */

static void runstate_set(RunState s)
{
    atomic_store(&run.state, s);
}

void vm_start(void)
{
    assert(bql_held());
    if (runstate_running()) {
        return;
    }
    atomic_store(&run.stop, 0);
    runstate_set(RUN_RUNNING);
    clock_virtual_enable(true);
    runstate_notify(EV_CHANGED);
    vcpus_resume();
}

void vm_stop(RunState why)
{
    assert(bql_held() && !vcpu_current());
    bool was_running = runstate_running();
    if (!was_running && (why == RUN_PAUSED || why == runstate_get())) {
        return; /* stopped already, for a better reason */
    }
    if (was_running) {
        clock_virtual_enable(false);
        vcpus_pause();
    }
    runstate_set(why);
    runstate_notify(EV_CHANGED);
}

void vm_stop_request(RunState why)
{
    int none = 0;
    atomic_compare_exchange_strong(&run.stop, &none, (int)why + 1);
    vcpu_park_current();
    mainloop_kick();
}

/* Requests.  On a vCPU's thread the guest does not get past the instruction that asked. */

void request_reset(ShutdownCause cause)
{
    atomic_store(&run.reset, cause);
    vcpu_park_current();
    mainloop_kick();
}

void request_shutdown_code(ShutdownCause cause, int exit_code)
{
    int none = SHUTDOWN_NONE;
    if (atomic_compare_exchange_strong(&run.shutdown, &none, cause)) {
        atomic_store(&run.exit_code, exit_code);
    } else if (cause == SHUTDOWN_HOST_SIGNAL || cause == SHUTDOWN_HOST_QMP_QUIT) {
        atomic_store(&run.shutdown, cause); /* these end the process, whatever -no-shutdown makes of the other */
    }
    vcpu_park_current();
    mainloop_kick();
}

void request_shutdown(ShutdownCause cause)
{
    request_shutdown_code(cause, 0);
}

void request_powerdown(void)
{
    atomic_store(&run.powerdown, true);
    mainloop_kick();
}

void request_suspend(void)
{
    atomic_store(&run.suspend, true);
    vcpu_park_current();
    mainloop_kick();
}

void request_wakeup(void)
{
    atomic_store(&run.wakeup, true);
    mainloop_kick();
}

/* The loop. */

static void runstate_reset_machine(void)
{
    vcpus_pause();
    runstate_notify(EV_RESET);
    if (machine_current()) {
        machine_reset(machine_current());
    }
}

static void runstate_do_reset(void)
{
    runstate_reset_machine();
    if (runstate_running()) {
        vcpus_resume();
    } else if (runstate_get() != RUN_INMIGRATE && runstate_get() != RUN_FINISH_MIGRATE) {
        runstate_set(RUN_PRELAUNCH);
    }
}

static void runstate_do_suspend(void)
{
    if (runstate_running()) {
        vcpus_pause();
        runstate_notify(EV_SUSPEND);
        clock_virtual_enable(false);
        runstate_set(RUN_SUSPENDED);
        runstate_notify(EV_CHANGED);
    }
}

static void runstate_do_wakeup(void)
{
    if (runstate_get() == RUN_SUSPENDED) {
        runstate_reset_machine();
        runstate_notify(EV_WAKEUP);
        vm_start();
    }
}

/* True: the process shall end. */
static bool runstate_do_shutdown(ShutdownCause cause)
{
    bool by_host = cause == SHUTDOWN_HOST_SIGNAL || cause == SHUTDOWN_HOST_QMP_QUIT;
    bool keep = cause == SHUTDOWN_GUEST_PANIC ? run.actions.panic_is_pause : run.actions.shutdown_is_pause;
    if (keep && !by_host) {
        vm_stop(cause == SHUTDOWN_GUEST_PANIC ? RUN_GUEST_PANICKED : RUN_SHUTDOWN);
        atomic_store(&run.exit_code, 0);
        return false;
    }
    return true;
}

/* True: the process shall end. */
static bool runstate_handle_requests(void)
{
    int stop = atomic_exchange(&run.stop, 0);
    if (stop) {
        vm_stop((RunState)(stop - 1));
    }
    if (atomic_exchange(&run.suspend, false)) {
        runstate_do_suspend();
    }
    ShutdownCause reset = (ShutdownCause)atomic_exchange(&run.reset, SHUTDOWN_NONE);
    if (reset && run.actions.reboot_is_shutdown) {
        request_shutdown(reset);
        reset = SHUTDOWN_NONE;
    }
    ShutdownCause shutdown = (ShutdownCause)atomic_exchange(&run.shutdown, SHUTDOWN_NONE);
    if (shutdown == SHUTDOWN_GUEST_PANIC && run.actions.panic_is_none) {
        shutdown = SHUTDOWN_NONE;
        vcpus_resume(); /* the vCPU that panicked was parked */
    }
    if (shutdown && runstate_do_shutdown(shutdown)) {
        return true;
    }
    if (reset) {
        runstate_do_reset();
    }
    if (atomic_exchange(&run.wakeup, false)) {
        runstate_do_wakeup();
    }
    if (atomic_exchange(&run.powerdown, false)) {
        runstate_notify(EV_POWERDOWN);
    }
    return false;
}

int runstate_main_loop(void)
{
    assert(bql_held());
    while (!runstate_handle_requests()) {
        mainloop_iterate(false);
    }
    vm_stop(RUN_SHUTDOWN);
    return atomic_exchange(&run.exit_code, 0);
}
