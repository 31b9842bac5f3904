/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debug log: items, file, rate limit. */
#include "util/osdep.h"
#include "util/log.h"

#include "tests/unit/test.h"

TEST(items_are_parsed)
{
    unsigned mask = 0;
    Error *err = NULL;
    CHECK(log_parse_items("int,mmu", &mask, NULL));
    CHECK_EQ(mask, LOG_INT | LOG_MMU);
    CHECK(!log_parse_items("int,cpu_rest", &mask, &err));
    CHECK_STR(error_message(err), "unknown log item 'cpu_rest'");
    CHECK(strstr(error_hint(err), "'cpu_reset'"));
    CHECK_EQ(mask, LOG_INT | LOG_MMU);
    error_free(err);
}

static unsigned lines_in(const char *path, const char *word)
{
    char *text = NULL;
    unsigned n = 0;
    CHECK(g_file_get_contents(path, &text, NULL, NULL));
    for (const char *p = text; (p = strstr(p, word)); p++) {
        n++;
    }
    g_free(text);
    return n;
}

TEST(file_gets_what_is_on_and_guests_are_limited)
{
    char *pattern = g_strdup_printf("/tmp/rhea-log-test-%%d-%d", (int)getpid());
    char *path = g_strdup_printf("/tmp/rhea-log-test-%d-%d", (int)getpid(), (int)getpid());
    CHECK(log_set_file(pattern, NULL));
    log_set_mask(LOG_INT);
    CHECK(log_on(LOG_INT) && !log_on(LOG_MMU));
    log_printf(LOG_INT, "on %d\n", 1);
    log_printf(LOG_MMU, "off\n");
    for (int i = 0; i < 1000; i++) {
        log_guest(LOG_INT, "flood %d\n", i);
    }
    CHECK_EQ(lines_in(path, "on 1\n"), 1);
    CHECK_EQ(lines_in(path, "off"), 0);
    unsigned n = lines_in(path, "flood");
    CHECK(n >= 100 && n <= 200); /* 200: the second changed meanwhile */
    g_usleep(1100000);
    log_guest(LOG_INT, "again\n");
    CHECK(lines_in(path, "were suppressed") >= 1);
    CHECK_EQ(lines_in(path, "again"), 1);
    CHECK(log_set_file(NULL, NULL));
    unlink(path);
    g_free(path);
    g_free(pattern);
    Error *err = NULL;
    CHECK(!log_set_file("/nonexistent/x", &err));
    CHECK(strstr(error_message(err), "/nonexistent/x"));
    error_free(err);
    log_set_mask(0);
}
