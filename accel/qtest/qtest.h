/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -qtest CHARDEV: the device tests' server.  Start-up, main thread, under the big lock. */
#ifndef ACCEL_QTEST_QTEST_H
#define ACCEL_QTEST_QTEST_H

#include "util/error.h"

struct Chardev;

/* @log_path: a file for what is said; NULL or "none": no log. */
bool qtest_start_server(struct Chardev *chr, const char *log_path, Error **errp);

#endif
