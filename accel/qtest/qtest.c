/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The accelerator of device tests: vCPUs exist and run nothing, the virtual clock moves when the test says so. */
#include "util/osdep.h"
#include "accel/accel.h"

#include "util/keyval.h"
#include "util/timer.h"

static bool qtest_init(KeyVal *options, Error **errp)
{
    static const char *const known[] = { NULL };
    if (!keyval_finish(options, "accelerator qtest", known, errp)) {
        return false;
    }
    clock_virtual_manual();
    return true;
}

static const AccelClass qtest_accel = {
    .name = "qtest",
    .desc = "runs no guest code: device tests drive the machine through -qtest",
    .init = qtest_init,
};
ACCEL_REGISTER(qtest_accel);
