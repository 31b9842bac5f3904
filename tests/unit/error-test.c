/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error objects and the nearest name. */
#include "util/osdep.h"
#include "util/error.h"

#include "tests/unit/test.h"

TEST(message_hint_and_prefix)
{
    Error *err = NULL;
    error_set(&err, "file %d", 7);
    error_prepend(&err, "%s: ", "drive");
    error_add_hint(&err, "Try this.");
    error_add_hint(&err, "Or %s.", "that");
    CHECK_STR(error_message(err), "drive: file 7");
    CHECK_STR(error_hint(err), "Try this. Or that.");
    error_free(err);
}

TEST(errno_text_is_appended)
{
    Error *err = NULL;
    error_set_errno(&err, ENOENT, "cannot open '%s'", "x");
    CHECK_STR(error_message(err), "cannot open 'x': No such file or directory");
    CHECK(!error_hint(err));
    error_free(err);
}

TEST(null_is_accepted_everywhere)
{
    error_set(NULL, "x");
    error_set_errno(NULL, 1, "x");
    error_add_hint(NULL, "x");
    error_prepend(NULL, "x");
    error_propagate(NULL, NULL);
    error_free(NULL);
    Error *none = NULL;
    error_add_hint(&none, "x");
    error_prepend(&none, "x");
    CHECK(!none);
    Error *err = NULL;
    error_set(&err, "dropped");
    error_propagate(NULL, err); /* frees it; the leak checker sees to that */
}

TEST(propagate_hands_over)
{
    Error *err = NULL, *to = NULL;
    error_set(&err, "m");
    error_propagate(&to, err);
    CHECK(to == err);
    error_free(to);
}

static const char *const names[] = { "e1000", "rtl8139", "virtio-net-pci", "VGA", "isa-serial", NULL };

TEST(nearest_name)
{
    CHECK_STR(suggest_nearest("e100", names), "e1000");
    CHECK_STR(suggest_nearest("E1000", names), "e1000");
    CHECK_STR(suggest_nearest("e1010", names), "e1000");
    CHECK_STR(suggest_nearest("vag", names), "VGA"); /* two neighbours swapped are one mistake */
    CHECK_STR(suggest_nearest("isa-seiral", names), "isa-serial");
    CHECK_STR(suggest_nearest("virtio", names), "virtio-net-pci"); /* a beginning */
}

TEST(nothing_is_near)
{
    CHECK(!suggest_nearest("floppy", names));
    CHECK(!suggest_nearest("", names));
    CHECK(!suggest_nearest("q", names));
    char longword[300];
    memset(longword, 'x', sizeof(longword) - 1);
    longword[sizeof(longword) - 1] = '\0';
    CHECK(!suggest_nearest(longword, names));
}
