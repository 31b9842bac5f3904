/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options from a table: parsing, help, dump. */
#include "util/osdep.h"
#include "util/opts.h"

#include "tests/unit/test.h"

static bool handle_log(void *config, const char *value, Error **errp)
{
    (void)errp;
    g_string_append_printf(config, "[%s]", value ? value : "-");
    return true;
}

static bool handle_fail(void *config, const char *value, Error **errp)
{
    (void)config;
    error_set(errp, "no file '%s'", value);
    return false;
}

static const Option table[] = {
    { "hda", "FILE", "disk", "Block", handle_log },
    { "S", NULL, "do not start the CPUs", "Run", handle_log },
    { "bios", "FILE", "firmware", "Block", handle_fail },
    { "a-very-long-option", "NAME[,key=value]",
      "a text that is so long that it does not fit on one line of eighty columns and must be wrapped\nsecond line", "Run",
      handle_log },
};

static bool run(GString *log, Error **errp, const char *a, const char *b, const char *c)
{
    char *argv[] = { (char *)"prog", (char *)a, (char *)b, (char *)c, NULL };
    int argc = 1 + (a != NULL) + (b != NULL) + (c != NULL);
    return opts_parse(table, G_N_ELEMENTS(table), argc, argv, log, handle_log, errp);
}

TEST(options_and_words)
{
    GString *log = g_string_new(NULL);
    CHECK(run(log, NULL, "-hda", "-x", "--S"));
    CHECK_STR(log->str, "[-x][-]");
    g_string_truncate(log, 0);
    CHECK(run(log, NULL, "disk.img", "-", "-S"));
    CHECK_STR(log->str, "[disk.img][-][-]");
    g_string_free(log, TRUE);
}

TEST(errors_say_what_and_what_else)
{
    GString *log = g_string_new(NULL);
    Error *err = NULL;
    CHECK(!run(log, &err, "-hdaa", NULL, NULL));
    CHECK_STR(error_message(err), "unknown option '-hdaa'");
    CHECK_STR(error_hint(err), "Did you mean '-hda'? -help lists all options.");
    error_free(err);
    err = NULL;
    CHECK(!run(log, &err, "-hda", NULL, NULL));
    CHECK_STR(error_message(err), "option '-hda' needs an argument: FILE");
    error_free(err);
    err = NULL;
    CHECK(!run(log, &err, "-bios", "x", "-S"));
    CHECK_STR(error_message(err), "-bios x: no file 'x'");
    CHECK_STR(log->str, ""); /* stopped at the first error */
    error_free(err);
    g_string_free(log, TRUE);
}

static char *captured(void (*print)(const Option *, size_t, FILE *))
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    print(table, G_N_ELEMENTS(table), f);
    fclose(f);
    return text;
}

TEST(help_is_grouped_aligned_and_wrapped)
{
    char *text = captured(opts_print_help);
    CHECK_STR(text, "Block:\n"
                    "-hda FILE       disk\n"
                    "-bios FILE      firmware\n"
                    "\n"
                    "Run:\n"
                    "-S              do not start the CPUs\n"
                    "-a-very-long-option NAME[,key=value]\n"
                    "                a text that is so long that it does not fit on one line of\n"
                    "                eighty columns and must be wrapped\n"
                    "                second line\n");
    free(text);
}

TEST(dump_is_one_row_each)
{
    char *text = captured(opts_dump);
    CHECK(g_str_has_prefix(text, "hda\tFILE\tdisk\tBlock\nS\t\tdo not start the CPUs\tRun\n"));
    CHECK(strstr(text, "wrapped second line\tRun\n"));
    free(text);
}
