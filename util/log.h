/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug log: `-d item,item -D file`, and the monitor's `log`.  Any thread.
 * An item that is off costs one load and one branch.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include "util/error.h"

typedef enum LogItem {
    LOG_GUEST_ERROR = 1u << 0, /* guest did something that a device or CPU model rejects */
    LOG_UNIMP = 1u << 1,       /* guest used something that is not there yet */
    LOG_INT = 1u << 2,         /* interrupts and exceptions */
    LOG_IN_ASM = 1u << 3,      /* guest code as it is decoded */
    LOG_EXEC = 1u << 4,        /* every block executed */
    LOG_CPU = 1u << 5,         /* registers before every block */
    LOG_MMU = 1u << 6,         /* page walks and TLB flushes */
    LOG_CPU_RESET = 1u << 7,   /* state at CPU reset */
    LOG_IOPORT = 1u << 8,      /* accesses that no device claims */
    LOG_PCI = 1u << 9,         /* configuration space */
    LOG_BLOCK = 1u << 10,      /* image requests */
    LOG_JIT_STATS = 1u << 11,  /* the translator's figures at the end */
    LOG_OUT_ASM = 1u << 12,    /* generated code */
} LogItem;

extern atomic_uint log_mask;

static inline bool log_on(LogItem item)
{
    return atomic_load_explicit(&log_mask, memory_order_relaxed) & item;
}

/* Writes when @item is on.  The text ends with its own newline. */
void log_printf(LogItem item, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/*
 * For what a guest can provoke without end: when @item is on, writes at most 100 lines a
 * second, then one line with the number of suppressed ones.
 */
void log_guest(LogItem item, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* "int,mmu" -> mask.  Unknown items give an error that names the nearest; "help" is not handled here. */
bool log_parse_items(const char *text, unsigned *mask, Error **errp);
void log_set_mask(unsigned mask);
/* NULL: stderr.  "%d" in the name becomes the process id. */
bool log_set_file(const char *path, Error **errp);
void log_print_items(FILE *f);

#endif
