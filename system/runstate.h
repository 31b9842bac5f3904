/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the machine running, paused, finished?  And the requests that change it.
 * Requests: any thread (they are noted and the main loop is kicked).  The rest: under the big lock.
 */
#ifndef SYSTEM_RUNSTATE_H
#define SYSTEM_RUNSTATE_H

#include "util/error.h"

typedef enum RunState {
    RUN_PRELAUNCH, /* built, -S or not started yet */
    RUN_RUNNING,
    RUN_PAUSED,
    RUN_SUSPENDED, /* guest is in ACPI S3 */
    RUN_SHUTDOWN,  /* guest is off, kept by -no-shutdown */
    RUN_IO_ERROR,
    RUN_INTERNAL_ERROR,
    RUN_DEBUG,
    RUN_SAVE_VM,
    RUN_RESTORE_VM,
    RUN_INMIGRATE,
    RUN_POSTMIGRATE,
    RUN_FINISH_MIGRATE,
    RUN_WATCHDOG,
    RUN_GUEST_PANICKED,
    RUN_STATE_COUNT
} RunState;

typedef enum ShutdownCause {
    SHUTDOWN_NONE,
    SHUTDOWN_HOST_ERROR,
    SHUTDOWN_HOST_QMP_QUIT,
    SHUTDOWN_HOST_SIGNAL,
    SHUTDOWN_HOST_UI,
    SHUTDOWN_HOST_RESET,    /* system_reset */
    SHUTDOWN_GUEST_SHUTDOWN,
    SHUTDOWN_GUEST_RESET,
    SHUTDOWN_GUEST_PANIC,
} ShutdownCause;

RunState runstate_get(void);
bool runstate_running(void);              /* any thread */
const char *runstate_name(RunState s);    /* "running", "paused", ... as QMP spells them */
const char *shutdown_cause_name(ShutdownCause c);

void vm_start(void);            /* under the big lock */
void vm_stop(RunState why);     /* returns when every vCPU has stopped; not from a vCPU thread */
void vm_stop_request(RunState why); /* any thread: the main loop will stop it */

void request_reset(ShutdownCause cause);
void request_shutdown(ShutdownCause cause);
void request_shutdown_code(ShutdownCause cause, int exit_code); /* debug-exit: the process ends with this */
void request_powerdown(void); /* as if the power button was pressed */
void request_suspend(void);   /* ACPI S3, by the chip set */
void request_wakeup(void);

/* Told under the big lock in the main thread.  Owner embeds; removal is immediate. */
typedef struct RunstateNotifier {
    void (*changed)(struct RunstateNotifier *n, bool running, RunState s);
    void (*powerdown)(struct RunstateNotifier *n); /* power button; may be NULL */
    void (*wakeup)(struct RunstateNotifier *n);    /* may be NULL */
    void (*reset)(struct RunstateNotifier *n);     /* before the devices' reset; may be NULL */
    void (*suspend)(struct RunstateNotifier *n);   /* may be NULL */
} RunstateNotifier;
void runstate_notifier_add(RunstateNotifier *n);
void runstate_notifier_remove(RunstateNotifier *n);

/* -no-reboot, -no-shutdown, -action. */
typedef struct RunstateActions {
    bool reboot_is_shutdown;
    bool shutdown_is_pause;
    bool panic_is_none, panic_is_pause;
} RunstateActions;
void runstate_set_actions(const RunstateActions *a);

/* The main thread's loop: handles requests until the process shall end; returns its exit code. */
int runstate_main_loop(void);

#endif
