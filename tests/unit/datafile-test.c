/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding and loading data files. */
#include "util/osdep.h"
#include "system/machine.h"

#include "tests/unit/test.h"

#include <sys/stat.h>

static char *dir;

static char *in_dir(const char *name, const char *content)
{
    if (!dir) {
        dir = g_dir_make_tmp("rhea-datafile-XXXXXX", NULL);
        CHECK(dir);
    }
    char *path = g_build_filename(dir, name, NULL);
    CHECK(g_file_set_contents(path, content, -1, NULL));
    return path;
}

TEST(minus_L_comes_first)
{
    char *path = in_dir("bios.bin", "mine");
    datafile_add_dir("/nonexistent");
    datafile_add_dir(dir);
    char *found = datafile_find("bios.bin", NULL);
    CHECK_STR(found, path);
    g_free(found);
    found = datafile_find(path, NULL); /* a path stays one */
    CHECK_STR(found, path);
    g_free(found);
    unlink(path);
    g_free(path);
}

TEST(the_distribution_is_searched)
{
    if (access("/usr/share/seabios/bios-256k.bin", R_OK)) {
        TEST_SKIP("package seabios is not installed");
    }
    char *found = datafile_find("bios-256k.bin", NULL);
    CHECK_STR(found, "/usr/share/seabios/bios-256k.bin");
    g_free(found);
}

TEST(a_missing_file_names_its_package)
{
    Error *err = NULL;
    CHECK(!datafile_find("vgabios-nosuch.bin", &err));
    CHECK_STR(error_message(err), "cannot find the file 'vgabios-nosuch.bin'");
    CHECK_STR(error_hint(err), "It comes with the package 'seabios': apt install seabios. "
                               "-L DIR names a folder to look in.");
    error_free(err);
    err = NULL;
    CHECK(!datafile_find("/nonexistent/x.rom", &err));
    CHECK_STR(error_hint(err), "-L DIR names a folder to look in.");
    error_free(err);
    err = NULL;
    CHECK(!datafile_find("/tmp", &err));
    CHECK_STR(error_message(err), "cannot read '/tmp': Is a directory");
    error_free(err);
}

TEST(loading)
{
    Error *err = NULL;
    char *path = in_dir("data", "12345");
    GBytes *b = datafile_load(path, 5, NULL);
    CHECK(b && g_bytes_get_size(b) == 5);
    CHECK_MEM(g_bytes_get_data(b, NULL), "12345", 5);
    g_bytes_unref(b);
    CHECK(!datafile_load(path, 4, &err));
    CHECK(strstr(error_message(err), "has 5 bytes, but at most 4 fit"));
    error_free(err);
    err = NULL;
    unlink(path);
    CHECK(!datafile_load(path, 4, &err));
    CHECK(strstr(error_message(err), "No such file"));
    error_free(err);
    err = NULL;
    CHECK_EQ(mkfifo(path, 0600), 0);
    CHECK(!datafile_load(path, 4, &err)); /* and does not hang */
    CHECK(strstr(error_message(err), "not a regular file"));
    error_free(err);
    unlink(path);
    rmdir(dir);
    g_free(path);
    g_free(dir);
}
