/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The screen in the terminal that the emulator was started in.  curses.c needs ncursesw; curses-none.c stands in without it.  Main
 * thread, big lock. */
#ifndef UI_CURSES_H
#define UI_CURSES_H

#include "util/error.h"

bool curses_built(void);
bool curses_start(Error **errp);
void curses_stop(void);    /* the terminal as it was */

#endif
