/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node graph: options from JSON and key=value, names, references, permissions, status, creation, reopening. */
#include "util/osdep.h"
#include "block/block-int.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sys/stat.h>

static char path[64];
static Error *err;

static void setup(uint64_t size)
{
    snprintf(path, sizeof(path), "/var/tmp/rhea-graph-test-%d", getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_EQ(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static BlockNode *open_text(const BlockOpen *how, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static BlockNode *open_text(const BlockOpen *how, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_free(err);
    err = NULL;
    KeyVal *kv = block_opts_from_text(text, &err);
    BlockNode *n = kv ? block_open_opts(kv, how, &err) : NULL;
    keyval_free(kv);
    g_free(text);
    return n;
}

static const BlockOpen rw = { .locking = true }, ro = { .locking = true, .readonly = true };

TEST(options_say_what_is_wrong)
{
    setup(65536);
    CHECK(!open_text(&rw, "{\"driver\": \"raw\", \"file\": {\"driver\": \"file\", \"filename\": \"%s\", \"lokcing\": \"off\"}}", path));
    CHECK(strstr(error_message(err), "lokcing") && strstr(error_hint(err), "locking"));
    CHECK(!open_text(&rw, "driver=rwa,file.driver=file,file.filename=%s", path));
    CHECK(strstr(error_hint(err), "raw"));
    CHECK(!open_text(&rw, "driver=raw,offset=many,file.driver=file,file.filename=%s", path));
    CHECK(strstr(error_message(err), "offset"));
    CHECK(!open_text(&rw, "driver=raw"));
    CHECK(error_hint(err) != NULL);
    CHECK(!open_text(&rw, "driver=raw,file=nobody"));
    CHECK(strstr(error_message(err), "nobody"));
    CHECK(!open_text(&rw, "driver=file,filename=%s,node-name=1x", path));
    CHECK(!open_text(&rw, "{\"driver\": [1, 2"));
    CHECK(!open_text(&rw, "{\"driver\": 1.5}"));
    CHECK(!block_node_next(NULL)); /* nothing is left of all that */
    unlink(path);
}

TEST(nodes_refer_to_nodes)
{
    setup(65536);
    BlockNode *file = open_text(&rw, "{\"driver\": \"file\", \"filename\": \"%s\", \"node-name\": \"disk-file\"}", path);
    CHECK(file != NULL);
    BlockNode *raw = open_text(&rw, "driver=raw,file=disk-file,node-name=disk");
    CHECK(raw != NULL);
    CHECK(block_node_find("disk") == raw && block_node_file(raw) == file);
    CHECK(!open_text(&rw, "driver=raw,file=disk-file,node-name=twin")); /* a second writer */
    CHECK(strstr(error_message(err), "in use"));
    CHECK(!open_text(&rw, "driver=raw,file=disk-file,node-name=disk"));
    block_node_unref(file); /* the raw node holds it */
    CHECK(block_node_find("disk-file") == file);
    CHECK(!block_node_set_child(file, "file", raw, BLOCK_PERM_READ, BLOCK_PERM_ALL, NULL)); /* a ring */
    block_node_unref(raw);
    CHECK(!block_node_next(NULL));
    BlockNode *json = block_open("json:{\"size\":512,\"file.filename\":\"/dev/null\",\"file.driver\":\"file\"}", "raw", NULL,
                                 &ro, NULL);
    CHECK(!json); /* a character device */
    unlink(path);
}

TEST(status_tells_holes_from_data)
{
    BlockStatus st;
    uint8_t buf[65536];
    memset(buf, 5, sizeof(buf));
    setup(4 * MiB + 100);
    BlockNode *n = block_open(path, "raw", NULL, &rw, NULL);
    CHECK_EQ(block_node_size(n), 4 * MiB + 512);
    CHECK_EQ(block_node_pwrite(n, MiB, buf, sizeof(buf)), 0);
    CHECK_EQ(block_node_status(n, 0, UINT64_MAX, &st), 0);
    CHECK_EQ(st.flags & (BLOCK_STATUS_ZERO | BLOCK_STATUS_DATA), BLOCK_STATUS_ZERO);
    CHECK_EQ(st.len, MiB);
    CHECK_EQ(block_node_status(n, MiB, 3 * MiB, &st), 0);
    CHECK_EQ(st.flags & (BLOCK_STATUS_ZERO | BLOCK_STATUS_DATA), BLOCK_STATUS_DATA);
    CHECK_EQ(st.len, sizeof(buf));
    CHECK_EQ(st.offset, MiB);
    CHECK_EQ(block_node_status(n, 2 * MiB, UINT64_MAX, &st), 0);
    CHECK_EQ(st.len, 2 * MiB + 512); /* the rest of the last sector too */
    CHECK(st.flags & BLOCK_STATUS_EOF);
    CHECK_EQ(block_node_pwrite(n, 4 * MiB, buf, 512), 0); /* the odd end grows to a whole sector */
    CHECK_EQ(block_node_pread(n, 4 * MiB, buf, 513), -EIO);
    BlockNode *file = block_node_file(n);
    CHECK_EQ(block_node_size(file), 4 * MiB + 512);
    CHECK_EQ(block_node_write_zeroes(file, 5 * MiB, MiB, BLOCK_ZERO_MAY_UNMAP), 0);
    CHECK_EQ(block_node_size(file), 6 * MiB);
    CHECK_EQ(block_node_pread(file, 7 * MiB, buf, 512), 0);
    CHECK_EQ(buf[0], 0);
    block_node_unref(n);
    unlink(path);
}

TEST(creating_resizing_and_reopening)
{
    struct stat sb;
    setup(0);
    unlink(path);
    KeyVal *kv = keyval_parse("size=1M,preallocation=falloc", NULL, NULL);
    CHECK(block_create(path, block_driver_find("raw"), kv, NULL));
    keyval_free(kv);
    CHECK_EQ(stat(path, &sb), 0);
    CHECK_EQ(sb.st_size, (off_t)MiB);
    CHECK(sb.st_blocks * 512 >= (off_t)MiB);
    BlockNode *n = block_open(path, "raw", NULL, &ro, NULL);
    CHECK(!block_node_truncate(n, 2 * MiB, BLOCK_PREALLOC_OFF, NULL));
    CHECK_EQ(block_node_pwrite(n, 0, "x", 1), -EROFS);
    CHECK(block_node_reopen(n, &rw, NULL));
    CHECK_EQ(block_node_pwrite(n, 0, "x", 1), 0);
    CHECK(block_node_truncate(n, 2 * MiB, BLOCK_PREALLOC_FULL, NULL));
    CHECK_EQ(block_node_size(n), 2 * MiB);
    CHECK(!block_node_truncate(n, 3 * MiB, BLOCK_PREALLOC_METADATA, NULL));
    CHECK_EQ(block_node_size(n), 2 * MiB);
    CHECK(!block_open(path, "raw", NULL, &rw, NULL)); /* locked by the other one */
    CHECK(block_node_reopen(n, &ro, NULL));
    block_node_unref(n);
    unlink(path);
    kv = keyval_parse("size=1M,preallocation=fast", NULL, NULL);
    CHECK(!block_create(path, block_driver_find("raw"), kv, NULL));
    keyval_free(kv);
    kv = keyval_parse("size=9000P", NULL, NULL);
    CHECK(!block_create(path, block_driver_find("raw"), kv, NULL));
    keyval_free(kv);
    CHECK(stat(path, &sb) < 0); /* a failed create leaves nothing */
}

static atomic_uint visits[1000];

static void visit(void *opaque, size_t i)
{
    (void)opaque;
    atomic_fetch_add(&visits[i], 1);
}

TEST(pieces_run_once_each)
{
    for (int round = 1; round <= 20; round++) {
        block_worker_each(visit, NULL, G_N_ELEMENTS(visits));
        for (unsigned i = 0; i < G_N_ELEMENTS(visits); i++) {
            CHECK_EQ(visits[i], round);
        }
    }
}

