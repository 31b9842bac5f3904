/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for generated code: shared pages mapped twice, so that no mapping is writable and executable.
 * Pages are given by the kernel as they are first written.
 */
#ifndef UTIL_EXECMEM_H
#define UTIL_EXECMEM_H

#include "util/error.h"

typedef struct ExecMem {
    uint8_t *rw;       /* where code is written */
    const uint8_t *rx; /* where the same bytes run */
    size_t size;
} ExecMem;

bool execmem_init(ExecMem *m, size_t size, Error **errp); /* size: whole pages */
void execmem_destroy(ExecMem *m);

#endif
