/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-img compare and bench. */
#include "util/osdep.h"
#include "tools/img.h"
#include "util/keyval.h"

#include <pthread.h>

enum { COMPARE_PIECE = 2 * 1024 * 1024, COMPARE_SAME = 0, COMPARE_DIFFERS = 1, COMPARE_OPEN = 2, COMPARE_STATUS = 3, COMPARE_READ = 4 };

/* ---- compare ----------------------------------------------------------------------------------------------------- */

typedef struct Compare {
    BlockNode *node[2];
    const char *name[2];
    uint64_t size[2], total;
    uint8_t *buf[2];
    bool strict, quiet;
    ToolProgress progress;
} Compare;

static int compare_differs(const Compare *c, const char *what, uint64_t off)
{
    if (!c->quiet) {
        printf(what, off);
        putchar('\n');
    }
    return COMPARE_DIFFERS;
}

static int compare_status(const Compare *c, unsigned i, uint64_t off, uint64_t len, BlockStatus *st)
{
    int ret = block_node_status_above(c->node[i], NULL, off, len, st);
    return ret < 0 ? tool_say(COMPARE_STATUS, "Sector allocation test failed for '%s' at byte %" PRIu64 ": %s", c->name[i], off,
                              g_strerror(-ret)) : 0;
}

static int compare_read(const Compare *c, unsigned i, uint64_t off, size_t len)
{
    int ret = block_node_pread(c->node[i], off, c->buf[i], len);
    return ret < 0 ? tool_say(COMPARE_READ, "Error while reading offset %" PRIu64 " of %s: %s", off, c->name[i], g_strerror(-ret)) : 0;
}

/* @i: the one that has data, the other reads as zeros. */
static int compare_with_zeros(const Compare *c, unsigned i, uint64_t off, size_t len)
{
    int ret = compare_read(c, i, off, len);
    for (size_t pos = 0; ret == 0 && pos < len; pos += 512) {
        if (!tool_is_zero(c->buf[i] + pos, MIN(512, len - pos))) {
            ret = compare_differs(c, "Content mismatch at offset %" PRIu64 "!", off + pos);
        }
    }
    return ret;
}

static int compare_data(const Compare *c, uint64_t off, size_t len)
{
    int ret = compare_read(c, 0, off, len);
    ret = ret ? ret : compare_read(c, 1, off, len);
    for (size_t pos = 0; ret == 0 && pos < len; pos += 512) {
        if (memcmp(c->buf[0] + pos, c->buf[1] + pos, MIN(512, len - pos))) {
            ret = compare_differs(c, "Content mismatch at offset %" PRIu64 "!", off + pos);
        }
    }
    return ret;
}

static int compare_common(Compare *c)
{
    uint64_t end = MIN(c->size[0], c->size[1]);
    for (uint64_t off = 0; off < end;) {
        BlockStatus st[2];
        int ret = compare_status(c, 0, off, end - off, &st[0]);
        ret = ret ? ret : compare_status(c, 1, off, end - off, &st[1]);
        if (ret) {
            return ret;
        }
        uint64_t len = MIN(st[0].len, st[1].len);
        if (c->strict && st[0].flags != st[1].flags) {
            return compare_differs(c, "Strict mode: Offset %" PRIu64 " block status mismatch!", off);
        }
        bool zero[2] = { st[0].flags & BLOCK_STATUS_ZERO, st[1].flags & BLOCK_STATUS_ZERO };
        if (!zero[0] || !zero[1]) {
            len = MIN(len, COMPARE_PIECE);
            ret = zero[0] ? compare_with_zeros(c, 1, off, len) : zero[1] ? compare_with_zeros(c, 0, off, len) : compare_data(c, off, len);
        }
        if (ret) {
            return ret;
        }
        off += len;
        tool_progress_at(&c->progress, off, c->total);
    }
    return COMPARE_SAME;
}

/* The longer one must have zeros where the other has ended. */
static int compare_tail(Compare *c)
{
    unsigned i = c->size[0] < c->size[1];
    for (uint64_t off = c->size[!i]; off < c->size[i];) {
        BlockStatus st;
        int ret = compare_status(c, i, off, c->size[i] - off, &st);
        if (ret) {
            return ret;
        }
        uint64_t len = st.flags & BLOCK_STATUS_ZERO ? st.len : MIN(st.len, COMPARE_PIECE);
        ret = st.flags & BLOCK_STATUS_ZERO ? 0 : compare_with_zeros(c, i, off, len);
        if (ret) {
            return ret;
        }
        off += len;
        tool_progress_at(&c->progress, off, c->total);
    }
    return COMPARE_SAME;
}

static int compare_images(Compare *c)
{
    c->total = MAX(c->size[0], c->size[1]);
    if (c->strict && c->size[0] != c->size[1]) {
        return compare_differs(c, "Strict mode: Image size mismatch!", 0);
    }
    int ret = compare_common(c);
    if (ret == COMPARE_SAME && c->size[0] != c->size[1]) {
        compare_differs(c, "Warning: Image size mismatch!", 0);
        ret = compare_tail(c);
    }
    if (ret == COMPARE_SAME) {
        tool_progress_at(&c->progress, 1, 1);
        if (!c->quiet) {
            puts("Images are identical.");
        }
    }
    return ret;
}

static int compare_run(ToolArgs *a)
{
    Error *err = NULL;
    Compare c = { .strict = tool_has(a, "s"), .quiet = tool_has(a, "q") };
    static const char *const formats[] = { "f", "F" };
    if (tool_operands(a) != 2) {
        return tool_usage("Expecting two image file names");
    }
    int status = COMPARE_SAME;
    for (unsigned i = 0; i < 2 && status == COMPARE_SAME; i++) {
        c.name[i] = tool_operand(a, i);
        c.node[i] = img_open_source(a, c.name[i], tool_get(a, formats[i]), &err);
        if (!c.node[i]) {
            status = tool_fail(COMPARE_OPEN, err);
        } else {
            c.size[i] = block_node_size(c.node[i]);
        }
        c.buf[i] = g_malloc(COMPARE_PIECE);
    }
    if (status == COMPARE_SAME) {
        tool_progress_start(&c.progress, tool_has(a, "p") && !c.quiet);
        status = compare_images(&c);
    }
    for (unsigned i = 0; i < 2; i++) {
        block_node_unref(c.node[i]);
        g_free(c.buf[i]);
    }
    return status;
}

static const ToolOption compare_options[] = {
    IMG_OBJECT, IMG_IMAGE_OPTS,
    { 'f', NULL, "FMT", "format of the first image" },
    { 'F', NULL, "FMT", "format of the second image" },
    IMG_SOURCE_CACHE, IMG_PROGRESS, IMG_QUIET,
    { 's', NULL, NULL, "sizes and what is allocated must be the same too" },
    IMG_SHARE, IMG_END,
};
const ToolCommand img_compare = { "compare", "FILENAME1 FILENAME2", "Compares what two images show. Exit status: 0 the same, 1 not the "
                                  "same, 2 an image cannot be opened, 3 its allocation or 4 its data cannot be read.",
                                  compare_options, compare_run };

/* ---- bench ---------------------------------------------------------------------------------------------------------- */

enum { BENCH_DEPTH_MAX = 1024 };

typedef struct Bench {
    BlockNode *n;
    uint64_t count, depth, buffer, step, offset, flush_interval, pattern;
    bool write, drain;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    uint64_t next, pos, running;
    int ret;
} Bench;

/* With the lock: the place of the next request; false: no more. */
static bool bench_take(Bench *b, uint64_t *pos)
{
    if (b->ret < 0 || b->next >= b->count) {
        return false;
    }
    if (b->write && b->flush_interval && b->next && b->next % b->flush_interval == 0) {
        while (b->drain && b->running > 0) {
            pthread_cond_wait(&b->idle, &b->lock);
        }
        int ret = block_node_flush(b->n);
        b->ret = ret < 0 ? ret : b->ret;
    }
    if (b->pos + b->buffer > block_node_size(b->n)) {
        b->pos = b->offset;
    }
    *pos = b->pos;
    b->pos += b->step;
    b->next++;
    b->running++;
    return b->ret == 0;
}

static void *bench_thread(void *opaque)
{
    Bench *b = opaque;
    void *buf;
    uint64_t pos;
    if (posix_memalign(&buf, 4096, b->buffer)) {
        b->ret = -ENOMEM;
        return NULL;
    }
    memset(buf, (int)b->pattern, b->buffer);
    pthread_mutex_lock(&b->lock);
    while (bench_take(b, &pos)) {
        pthread_mutex_unlock(&b->lock);
        int ret = b->write ? block_node_pwrite(b->n, pos, buf, b->buffer) : block_node_pread(b->n, pos, buf, b->buffer);
        pthread_mutex_lock(&b->lock);
        b->running--;
        b->ret = ret < 0 ? ret : b->ret;
        pthread_cond_broadcast(&b->idle);
    }
    pthread_mutex_unlock(&b->lock);
    free(buf);
    return NULL;
}

static int bench_image(Bench *b)
{
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    unsigned count = 0;
    printf("Sending %" PRIu64 " %s requests, %" PRIu64 " bytes each, %" PRIu64 " in parallel (starting at offset %" PRIu64
           ", step size %" PRIu64 ")\n", b->count, b->write ? "write" : "read", b->buffer, b->depth, b->offset, b->step);
    if (b->flush_interval) {
        printf("Sending flush every %" PRIu64 " requests\n", b->flush_interval);
    }
    b->pos = b->offset;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->idle, NULL);
    gint64 start = g_get_monotonic_time();
    while (count + 1 < MIN(b->depth, THREADS) && pthread_create(&threads[count], NULL, bench_thread, b) == 0) {
        count++;
    }
    bench_thread(b);
    while (count > 0) {
        pthread_join(threads[--count], NULL);
    }
    double seconds = (double)(g_get_monotonic_time() - start) / 1e6;
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->idle);
    if (b->ret < 0) {
        return tool_say(1, "Failed request: %s", g_strerror(-b->ret));
    }
    printf("Run completed in %3.3f seconds.\n", seconds);
    return 0;
}

static bool bench_number(const ToolArgs *a, const char *key, const char *what, uint64_t min, uint64_t max, uint64_t *out, Error **errp)
{
    const char *text = tool_get(a, key);
    if (!text) {
        return true;
    }
    if (!parse_size(what, text, 1, out, errp)) {
        return false;
    }
    if (*out < min || *out > max) {
        error_set(errp, "Invalid %s '%s': from %" PRIu64 " to %" PRIu64, what, text, min, max);
        return false;
    }
    return true;
}

static bool bench_args(const ToolArgs *a, Bench *b, Error **errp)
{
    *b = (Bench){ .count = 75000, .depth = 64, .buffer = 4096, .write = tool_has(a, "w"), .drain = !tool_has(a, "no-drain") };
    if (!bench_number(a, "c", "request count", 1, UINT32_MAX, &b->count, errp) ||
        !bench_number(a, "d", "queue depth", 1, BENCH_DEPTH_MAX, &b->depth, errp) ||
        !bench_number(a, "s", "buffer size", 1, GiB, &b->buffer, errp) ||
        !bench_number(a, "S", "step size", 0, INT64_MAX, &b->step, errp) ||
        !bench_number(a, "o", "offset", 0, INT64_MAX, &b->offset, errp) ||
        !bench_number(a, "flush-interval", "flush interval", 0, UINT32_MAX, &b->flush_interval, errp) ||
        !bench_number(a, "pattern", "pattern byte", 0, 255, &b->pattern, errp)) {
        return false;
    }
    b->step = b->step ? b->step : b->buffer;
    if (!b->write && b->flush_interval) {
        error_set(errp, "--flush-interval is only available in write tests");
        return false;
    }
    if (b->flush_interval && b->flush_interval < b->depth) {
        error_set(errp, "Flush interval can't be smaller than depth");
        return false;
    }
    return true;
}

static bool bench_aio(const char *text, BlockOpen *how, Error **errp)
{
    static const char *const names[] = { "threads", "native", "io_uring", NULL };
    for (unsigned i = 0; text && names[i]; i++) {
        if (!strcmp(text, names[i])) {
            how->aio = (BlockAio)i;
            return true;
        }
    }
    if (text) {
        error_set(errp, "Invalid aio option: %s", text);
        error_add_hint(errp, "It is threads, native or io_uring.");
    }
    return !text;
}

static int bench_run(ToolArgs *a)
{
    Error *err = NULL;
    Bench b;
    bool through;
    BlockOpen how = { .locking = true, .trust_probe = true, .readonly = !tool_has(a, "w"), .discard = true,
                      .force_share = tool_has(a, "U") };
    if (tool_operands(a) != 1) {
        return tool_usage("Expecting one image file name");
    }
    if (!bench_args(a, &b, &err) || (tool_get(a, "t") && !tool_cache_mode(tool_get(a, "t"), &how, &through, &err)) ||
        !bench_aio(tool_has(a, "n") ? "native" : tool_get(a, "i"), &how, &err)) {
        return tool_fail(1, err);
    }
    b.n = tool_open(a, tool_operand(a, 0), tool_get(a, "f"), &how, &err);
    if (!b.n) {
        return tool_fail(1, err);
    }
    int status = b.offset + b.buffer > block_node_size(b.n) ? tool_say(1, "The image has %" PRIu64 " bytes: no request of %" PRIu64
                 " bytes at offset %" PRIu64 " is possible", block_node_size(b.n), b.buffer, b.offset) : bench_image(&b);
    block_node_unref(b.n);
    return status;
}

static const ToolOption bench_options[] = {
    { 'c', NULL, "COUNT", "number of requests (75000)" },
    { 'd', NULL, "DEPTH", "requests at the same time (64)" },
    IMG_FORMAT,
    { 0, "flush-interval", "FLUSH_INTERVAL", "a flush after so many writes" },
    { 'i', NULL, "AIO", "threads, native or io_uring" },
    { 'n', NULL, NULL, "as -i native" },
    { 0, "no-drain", NULL, "flush without waiting for the writes in flight" },
    { 'o', NULL, "OFFSET", "where the first request is" },
    { 0, "pattern", "PATTERN", "byte to write (0)" },
    IMG_QUIET,
    { 's', NULL, "BUFFER_SIZE", "length of a request (4096)" },
    { 'S', NULL, "STEP_SIZE", "from one request to the next; their length when it is not said" },
    IMG_CACHE,
    { 'w', NULL, NULL, "write, do not read" },
    IMG_SHARE, IMG_IMAGE_OPTS, IMG_END,
};
const ToolCommand img_bench = { "bench", "FILENAME", "Measures the speed of an image.", bench_options, bench_run };
