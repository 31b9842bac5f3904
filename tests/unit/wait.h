/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for what other threads do, in tests with machines. */
#ifndef TESTS_UNIT_WAIT_H
#define TESTS_UNIT_WAIT_H

#include "tests/unit/test.h"
#include "util/mainloop.h"
#include "util/timer.h"

/* Until @cond holds: the main thread's part without holding the big lock for ever.  It is held before and after. */
#define WAIT_FOR_SECONDS(cond, seconds)                                            \
    do {                                                                           \
        int64_t wait_end = clock_ns(CLOCK_KIND_REALTIME) + (seconds) * NS_PER_SEC; \
        while (!(cond)) {                                                          \
            CHECK(clock_ns(CLOCK_KIND_REALTIME) < wait_end);                       \
            bql_unlock();                                                          \
            g_usleep(200);                                                         \
            bql_lock();                                                            \
        }                                                                          \
    } while (0)
#define WAIT_FOR(cond) WAIT_FOR_SECONDS(cond, 5)

#endif
