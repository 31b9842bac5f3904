/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Read-copy-update, a thin coat over liburcu so that nobody else includes it.  Readers do not wait and are not
 * waited for by writers, except in rcu_wait(); threads register themselves at their first rcu_lock().
 * Inside rcu_lock() ... rcu_unlock(): no blocking, above all not on the big lock, whose holder may be in rcu_wait().
 */
#ifndef UTIL_RCU_H
#define UTIL_RCU_H

#include "util/osdep.h"

void rcu_lock(void); /* nests; any thread */
void rcu_unlock(void);
/* Returns when every rcu_lock() that began before has ended.  Not from inside one. */
void rcu_wait(void);

#endif
