/* SPDX-License-Identifier: GPL-2.0-or-later */
/* liburcu's membarrier flavour: a reader costs a few nanoseconds and no memory fence.  Any thread. */
#include "util/osdep.h"
#include "util/rcu.h"

#define _LGPL_SOURCE /* the inline versions; our licence is compatible */
#include <urcu/urcu-memb.h>

static _Thread_local bool rcu_registered;

static void rcu_unregister(void *unused)
{
    (void)unused;
    urcu_memb_unregister_thread();
}

/* A thread that ends takes itself off liburcu's list, else writers would look into its freed memory. */
static GPrivate rcu_at_exit = G_PRIVATE_INIT(rcu_unregister);

static __attribute__((noinline)) void rcu_register(void)
{
    urcu_memb_register_thread();
    g_private_set(&rcu_at_exit, &rcu_at_exit);
    rcu_registered = true;
}

void rcu_lock(void)
{
    if (!rcu_registered) {
        rcu_register();
    }
    urcu_memb_read_lock();
}

void rcu_unlock(void)
{
    urcu_memb_read_unlock();
}

void rcu_wait(void)
{
    urcu_memb_synchronize_rcu();
}
