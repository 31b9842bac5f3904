/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory back ends (-object memory-backend-ram|file|memfd): memory with a name, which -machine memory-backend= and
 * -numa node,memdev= put into the machine.  Start-up, main thread, big lock.
 */
#ifndef SYSTEM_MEMBACKEND_H
#define SYSTEM_MEMBACKEND_H

#include "system/memory.h"
#include "system/rammap.h"
#include "util/keyval.h"

typedef struct MemBackend MemBackend;

/* Is "memory-backend-..." one of ours? */
bool membackend_is_type(const char *type);
/* From the keys of -object, of which id= is there and no other object's; the memory is there when it returns. */
bool membackend_add(const char *type, KeyVal *kv, Error **errp);
MemBackend *membackend_find(const char *id); /* NULL: none */
/* For one user; false: it has one already, or there is no such back end. */
MemRegion *membackend_claim(const char *id, Error **errp);
uint64_t membackend_size(const MemBackend *b);
void membackend_print(GString *out); /* info memdev */
void membackend_free_all(void);      /* after the machine */

#endif
