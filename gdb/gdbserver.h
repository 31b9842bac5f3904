/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server for gdb's remote protocol: lets a debugger outside the guest look into it and stop it.  Main thread, big lock. */
#ifndef GDB_GDBSERVER_H
#define GDB_GDBSERVER_H

#include "util/error.h"

/*
 * Serves on @device ("tcp::1234", "unix:PATH,server=on,wait=off", "stdio", "chardev:ID" ...; "none": nowhere) instead of where
 * it served before.  The machine and its vCPUs exist.  A debugger that connects stops the guest.
 */
bool gdbserver_start(const char *device, Error **errp);
/* The process ends with @status: a debugger is told. */
void gdbserver_end(int status);

#endif
