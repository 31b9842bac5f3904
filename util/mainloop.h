/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main thread's loop (GLib's default context plus our timers) and the big lock.
 *
 * The big lock guards all device models, backends' hand-over to devices, the monitor and
 * the machine's structure.  The main thread holds it whenever one of the callbacks below
 * runs and drops it while it waits.  vCPU threads take it around device access only.
 */
#ifndef UTIL_MAINLOOP_H
#define UTIL_MAINLOOP_H

#include "util/osdep.h"

/* Big lock.  Not recursive: bql_lock() with the lock held is a bug (asserted). */
void bql_lock(void);
void bql_unlock(void);
bool bql_held(void); /* by the calling thread */
/*
 * Holder of the lock: @fn runs once in this thread, with the lock held, when it is about to unlock: at the end of a device
 * access, say, when no device is in the middle of something.  For what would else cost a trip to the main thread.
 * False: another one is waiting already.
 */
bool bql_before_unlock(void (*fn)(void));

void mainloop_init(void); /* main thread, once; creates the wake-up descriptor */

/* One turn: waits for the nearest event unless @nonblocking; lock held on entry and return. */
void mainloop_iterate(bool nonblocking);

bool mainloop_in_main_thread(void); /* the one that called mainloop_init() */

/*
 * The loop goes round in @ns at the latest (0: now; negative: no matter when).  Another thread that arms a timer need not wake
 * it for that: an idle guest does so for each of its ticks.  Big lock held.
 */
void mainloop_wake_in(int64_t ns);

/* Any thread, any time (async-signal-safe): makes the loop go round once. */
void mainloop_kick(void);

/*
 * Watch a file descriptor.  A NULL callback means not interested; both NULL removes the
 * watch.  Caller holds the big lock; callbacks run in the main thread with it held.
 * A callback may change or remove any watch, its own included.
 */
typedef void FdCallback(void *opaque);
void fd_watch(int fd, FdCallback *can_read, FdCallback *can_write, void *opaque);

/* Bottom half: runs once, soon, in the main thread under the big lock, however often it was scheduled. */
typedef struct BottomHalf BottomHalf;
BottomHalf *bh_new(void (*fn)(void *opaque), void *opaque);
void bh_schedule(BottomHalf *bh); /* any thread */
void bh_cancel(BottomHalf *bh);   /* under the big lock: it will not run until scheduled again */
void bh_free(BottomHalf *bh);     /* under the big lock; fine from within its own callback */

/* As a bottom half that frees itself.  Any thread. */
void bh_run_once(void (*fn)(void *opaque), void *opaque);

#endif
