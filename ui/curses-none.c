/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of curses.c where the build has no ncurses. */
#include "util/osdep.h"
#include "ui/curses.h"

bool curses_built(void)
{
    return false;
}

bool curses_start(Error **errp)
{
    error_set(errp, "this build of Rhea has no curses display");
    error_add_hint(errp, "Install libncurses-dev and configure again.");
    return false;
}

void curses_stop(void)
{
}
