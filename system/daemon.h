/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -daemonize and -pidfile.  Start-up, main thread. */
#ifndef SYSTEM_DAEMON_H
#define SYSTEM_DAEMON_H

#include "util/error.h"

/* Goes on in a child; the parent waits and exits: 0 when the child says ready, else 1.  Before any thread exists. */
bool daemon_fork(Error **errp);
void daemon_ready(void); /* everything listens: lets go of the terminal, then the parent exits */
bool daemon_write_pidfile(const char *path, Error **errp);
void daemon_remove_pidfile(void);

#endif
