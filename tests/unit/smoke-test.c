/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that the build finds, compiles, links and runs a unit test, and that the framework's checks pass when they
 * should. */
#include "util/osdep.h"

#include <glib.h>

#include "tests/unit/test.h"

TEST(arithmetic_holds)
{
    CHECK_EQ(6 * 7, 42);
    CHECK_EQ(-1, (int64_t)-1);
    CHECK(1 < 2);
}

TEST(libraries_are_linked)
{
    char *text = g_strdup_printf("%d", 7);
    CHECK_STR(text, "7");
    CHECK_MEM(text, "7", 2);
    g_free(text);
}
