/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The drivers that tests are made of: blkdebug's rules, null-co, and blklogwrites' log replayed. */
#include "util/osdep.h"
#include "block/block-int.h"
#include "tests/unit/test.h"
#include "util/bytes.h"

#include <fcntl.h>

static char path[64], log_path[80], rules_path[80];
static Error *err;

static void make_file(const char *name, uint64_t size)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_EQ(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static void setup(uint64_t size)
{
    snprintf(path, sizeof(path), "/var/tmp/rhea-filter-test-%d", getpid());
    snprintf(log_path, sizeof(log_path), "%s.log", path);
    snprintf(rules_path, sizeof(rules_path), "%s.rules", path);
    make_file(path, size);
    make_file(log_path, 0);
}

static void teardown(void)
{
    CHECK(!block_node_next(NULL));
    unlink(path);
    unlink(log_path);
    unlink(rules_path);
}

static BlockNode *open_text(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
static BlockNode *open_text(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_free(err);
    err = NULL;
    BlockOpen how = { .locking = true };
    KeyVal *kv = block_opts_from_text(text, &err);
    BlockNode *n = kv ? block_open_opts(kv, &how, &err) : NULL;
    keyval_free(kv);
    g_free(text);
    return n;
}

TEST(blkdebug_fails_what_its_rules_say)
{
    uint8_t buf[4096] = { 1 };
    setup(65536);
    BlockNode *n = open_text("{\"driver\": \"raw\", \"file\": {\"driver\": \"blkdebug\","
                             " \"image.driver\": \"file\", \"image.filename\": \"%s\","
                             "\"inject-error\": [{\"event\": \"none\", \"iotype\": \"write\", \"sector\": 9, \"errno\": 28},"
                             "{\"event\": \"l2_update\", \"state\": 2, \"iotype\": \"read\", \"once\": true},"
                             "{\"event\": \"cluster_free\", \"errno\": 12, \"immediately\": true}],"
                             "\"set-state\": [{\"event\": \"l2_load\", \"state\": 1, \"new_state\": 2}]}}", path);
    CHECK(n != NULL);
    CHECK_EQ(block_node_pwrite(n, 0, buf, 4096), 0);
    CHECK_EQ(block_node_pwrite(n, 4096, buf, 4096), -ENOSPC); /* sectors 8 to 15 */
    CHECK_EQ(block_node_pwrite(n, 4096, buf, 512), 0);
    CHECK_EQ(block_event(n, "l2_update"), 0); /* state 1: nothing */
    CHECK_EQ(block_node_pread(n, 0, buf, 512), 0);
    CHECK_EQ(block_event(n, "l2_load"), 0);
    CHECK_EQ(block_event(n, "l2_update"), 0);
    CHECK_EQ(block_node_pread(n, 0, buf, 512), -EIO);
    CHECK_EQ(block_node_pread(n, 0, buf, 512), 0); /* once */
    CHECK_EQ(block_event(n, "cluster_free"), -ENOMEM);
    block_node_unref(n);
    CHECK(!open_text("driver=blkdebug,image.driver=file,image.filename=%s,inject-error.0.iotype=wriet", path));
    CHECK(strstr(error_hint(err), "write"));
    CHECK(!open_text("driver=blkdebug,image.driver=file,image.filename=%s,inject-error.0.evnt=x", path));
    teardown();
}

TEST(blkdebug_reads_rules_from_a_file)
{
    uint8_t buf[512] = { 0 };
    setup(65536);
    CHECK(g_file_set_contents(rules_path, "# two rules\n[inject-error]\nevent = \"none\"\niotype = \"flush\"\nerrno = \"28\"\n\n"
                              "[set-state]\nevent = \"a\"\nnew_state = \"5\"\n", -1, NULL));
    char *name = g_strdup_printf("blkdebug:%s:%s", rules_path, path);
    BlockOpen how = { 0 };
    BlockNode *n = block_open(name, "raw", NULL, &how, NULL);
    CHECK(n != NULL);
    CHECK_EQ(block_node_pwrite(n, 0, buf, 512), 0);
    CHECK_EQ(block_node_flush(n), -ENOSPC);
    block_node_unref(n);
    g_free(name);
    CHECK(g_file_set_contents(rules_path, "[inject-error]\nevent none\n", -1, NULL));
    CHECK(!open_text("driver=blkdebug,config=%s,image.driver=file,image.filename=%s", rules_path, path));
    CHECK(strstr(error_message(err), "line 2"));
    teardown();
}

TEST(null_forgets)
{
    uint8_t buf[512] = { 1 };
    BlockOpen how = { 0 };
    BlockNode *n = block_open("null-co://", "raw", NULL, &how, NULL);
    CHECK_EQ(block_node_size(n), GiB);
    CHECK_EQ(block_node_pwrite(n, 0, buf, 512), 0);
    CHECK_EQ(block_node_pread(n, 0, buf, 512), 0);
    CHECK_EQ(buf[0], 0);
    CHECK_EQ(block_node_pread(n, GiB, buf, 1), -EIO);
    block_node_unref(n);
    n = open_text("driver=null-aio,size=4k,read-zeroes=on");
    BlockStatus st;
    CHECK_EQ(block_node_status(n, 0, 4096, &st), 0);
    CHECK(st.flags & BLOCK_STATUS_ZERO);
    block_node_unref(n);
}

/* Applies the log's entries to an image, up to and without the @flushes'th flush. */
static void replay(const uint8_t *log, size_t len, uint8_t *image, size_t size, unsigned flushes)
{
    CHECK_EQ(ld_le64(log), 0x6a736677736872);
    CHECK_EQ(ld_le64(log + 8), 1);
    uint64_t entries = ld_le64(log + 16), pos = 512;
    for (uint64_t i = 0; i < entries && pos + 512 <= len; i++) {
        const uint8_t *e = log + pos;
        uint64_t sector = ld_le64(e), sectors = ld_le64(e + 8), flags = ld_le64(e + 16), bytes = ld_le64(e + 24);
        pos += 512 + align_up(bytes, 512);
        if (flags & 1 && flushes-- == 0) {
            return;
        }
        if (bytes && !(flags & 8) && (sector + sectors) * 512 <= size) {
            memcpy(image + sector * 512, e + 512, bytes);
        }
    }
}

TEST(blklogwrites_can_be_replayed)
{
    enum { SIZE = 65536 };
    uint8_t *want = g_malloc0(SIZE), *half = g_malloc0(SIZE), *got = g_malloc0(SIZE);
    GRand *rng = g_rand_new_with_seed(6);
    setup(SIZE);
    BlockNode *n = open_text("driver=raw,file.driver=blklogwrites,file.file.driver=file,file.file.filename=%s,"
                             "file.log.driver=file,file.log.filename=%s", path, log_path);
    CHECK(n != NULL);
    for (int i = 0; i < 200; i++) {
        size_t off = (size_t)g_rand_int_range(rng, 0, SIZE), len = (size_t)g_rand_int_range(rng, 1, 9000);
        len = MIN(len, SIZE - off);
        uint8_t *buf = g_malloc(len);
        memset(buf, i % 5 ? i : 0, len);
        if (i % 5) {
            CHECK_EQ(block_node_pwrite(n, off, buf, len), 0);
        } else {
            CHECK_EQ(block_node_write_zeroes(n, off, len, BLOCK_ZERO_MAY_UNMAP), 0);
        }
        memcpy(want + off, buf, len);
        if (i == 100) {
            CHECK_EQ(block_node_flush(n), 0);
            memcpy(half, want, SIZE);
        }
        g_free(buf);
    }
    block_node_unref(n);
    char *log;
    gsize len;
    CHECK(g_file_get_contents(log_path, &log, &len, NULL));
    replay((uint8_t *)log, len, got, SIZE, 0);
    CHECK_MEM(got, half, SIZE);
    replay((uint8_t *)log, len, got, SIZE, 9);
    CHECK_MEM(got, want, SIZE);
    n = open_text("driver=blklogwrites,file.driver=file,file.filename=%s,log.driver=file,log.filename=%s,log-append=on", path, log_path);
    CHECK(n != NULL);
    block_node_unref(n);
    CHECK(!open_text("driver=blklogwrites,file.driver=file,file.filename=%s", path));
    CHECK(strstr(error_message(err), "no log"));
    g_free(log);
    g_free(want);
    g_free(half);
    g_free(got);
    g_rand_free(rng);
    teardown();
}
