/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A text terminal as a console: UTF-8, the common escape sequences of VT100 and xterm, 24-bit colours, scroll-back.  For
 * monitors and serial ports inside a display (chardev vc).  Main thread, big lock.
 */
#ifndef UI_TERM_H
#define UI_TERM_H

#include "ui/console.h"

typedef struct Term Term;

/* @cols, @rows: 0 is 80 x 24.  @typed gets what the person types and what the terminal answers. */
Term *term_new(const char *name, int cols, int rows, void (*typed)(void *opaque, const char *bytes, size_t len), void *opaque);
void term_free(Term *t);
void term_write(Term *t, const uint8_t *bytes, size_t len);
Console *term_console(Term *t);

#endif
