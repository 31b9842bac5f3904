/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitors for start-up.  Main thread, under the big lock. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "util/error.h"

struct Chardev;

bool monitor_new(struct Chardev *chr, Error **errp); /* a human monitor on @chr */
/* Runs one line as if typed by a user whose default CPU is @cpu; its output is appended to @out. */
void monitor_run_line(const char *line, unsigned cpu, GString *out);
void monitor_quit(void);    /* as the command `quit` */
void monitor_cleanup(void); /* process exit */

#endif
