/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rhea-io's commands about data: read, write, discard and their vectored and asynchronous kin. */
#include "util/osdep.h"
#include "tools/io.h"
#include "util/keyval.h"

#include <getopt.h>
#include <pthread.h>

enum { IO_SECTOR = 512 }; /* of compressed writes and of a machine's state */

/* What the flags of a read or write say. */
typedef struct IoReq {
    BlockNode *node;
    bool write, zeroes, unmap, no_fallback, fua, compressed, vmstate, quiet, verbose, raw_stats, has_pattern, invalid;
    uint8_t pattern;
    uint64_t check_off, check_len; /* of a read's pattern; check_len UINT64_MAX: to the end */
    const char *source;            /* -s of a write */
    uint64_t off, len;
    uint8_t *buf;
    const char *word;              /* "wrote", "read", "discard" */
    const char *failed;            /* "write", "readv": what did */
    gint64 start;
} IoReq;

static pthread_mutex_t io_lock = PTHREAD_MUTEX_INITIALIZER; /* of output and of the number of requests in flight */
static pthread_cond_t io_idle = PTHREAD_COND_INITIALIZER;
static unsigned io_flying;

/* ---- Output --------------------------------------------------------------------------------------------------- */

static void io_print_stats(const IoReq *r, uint64_t done, double seconds)
{
    char total[64], rate[64];
    seconds = MAX(seconds, 1e-9);
    if (r->raw_stats) {
        printf("%" PRIu64 ",1,0:%02u:%05.2f,%.3f,%.3f\n", done, (unsigned)(seconds / 60), seconds - 60 * (unsigned)(seconds / 60),
               (double)done / seconds, 1 / seconds);
        return;
    }
    io_size_text((double)done, total, sizeof(total));
    io_size_text((double)done / seconds, rate, sizeof(rate));
    printf("%s %" PRIu64 "/%" PRIu64 " bytes at offset %" PRIu64 "\n%s, 1 ops; %05.2f sec (%s/sec and %.4f ops/sec)\n", r->word, done,
           r->len, r->off, total, seconds, rate, 1 / seconds);
}

static void io_dump(const uint8_t *buf, uint64_t off, uint64_t len)
{
    for (uint64_t i = 0; i < len; i += 16) {
        unsigned n = (unsigned)MIN(16, len - i);
        printf("%08" PRIx64 ":  ", off + i);
        for (unsigned j = 0; j < n; j++) {
            printf("%02x ", buf[i + j]);
        }
        putchar(' ');
        for (unsigned j = 0; j < n; j++) {
            putchar(g_ascii_isalnum(buf[i + j]) ? buf[i + j] : '.');
        }
        putchar('\n');
    }
}

static bool io_verify(const IoReq *r)
{
    uint64_t len = r->check_len == UINT64_MAX ? r->len - r->check_off : r->check_len;
    for (uint64_t i = 0; i < len; i++) {
        if (r->buf[r->check_off + i] != r->pattern) {
            printf("Pattern verification failed at offset %" PRIu64 ", %" PRIu64 " bytes\n", r->off + r->check_off, len);
            return false;
        }
    }
    return true;
}

/* ---- One request ------------------------------------------------------------------------------------------------ */

static int io_do(const IoReq *r)
{
    int ret;
    if (!r->write) {
        return r->vmstate ? block_vmstate_pread(r->node, r->off, r->buf, r->len) : block_node_pread(r->node, r->off, r->buf, r->len);
    }
    if (r->zeroes) {
        ret = block_node_write_zeroes(r->node, r->off, r->len, (r->unmap ? BLOCK_ZERO_MAY_UNMAP : 0) |
                                                               (r->no_fallback ? BLOCK_ZERO_NO_FALLBACK : 0));
    } else if (r->vmstate) {
        ret = block_vmstate_pwrite(r->node, r->off, r->buf, r->len);
    } else if (r->compressed) {
        ret = block_node_pwrite_compressed(r->node, r->off, r->buf, r->len);
    } else {
        ret = block_node_pwrite(r->node, r->off, r->buf, r->len);
    }
    return ret == 0 && r->fua ? block_node_flush(r->node) : ret;
}

/* With the output's lock; true: it did what it should. */
static bool io_finish(IoReq *r, int ret)
{
    double seconds = (double)(g_get_monotonic_time() - r->start) / 1e6;
    bool ok = ret == 0;
    if (!ok) {
        printf("%s failed: %s\n", r->failed, g_strerror(-ret));
    }
    if (ok && !r->write && r->has_pattern) {
        ok = io_verify(r);
    }
    if (ret == 0 && !r->quiet) {
        if (r->verbose) {
            io_dump(r->buf, r->off, r->len);
        }
        io_print_stats(r, r->len, seconds);
    }
    fflush(stdout);
    free(r->buf);
    r->buf = NULL;
    return ok;
}

/* What becomes of it is printed; the command itself has succeeded when the request is on its way. */
static void *io_fly(void *opaque)
{
    IoReq *r = opaque;
    int ret = io_do(r);
    pthread_mutex_lock(&io_lock);
    io_finish(r, ret);
    io_flying--;
    pthread_cond_broadcast(&io_idle);
    pthread_mutex_unlock(&io_lock);
    g_free(r);
    return NULL;
}

unsigned io_aio_flying(void)
{
    pthread_mutex_lock(&io_lock);
    unsigned flying = io_flying;
    pthread_mutex_unlock(&io_lock);
    return flying;
}

void io_aio_wait(void)
{
    pthread_mutex_lock(&io_lock);
    while (io_flying) {
        pthread_cond_wait(&io_idle, &io_lock);
    }
    pthread_mutex_unlock(&io_lock);
}

static bool io_start(const IoReq *r)
{
    IoReq *f = g_memdup2(r, sizeof(*r));
    pthread_t thread;
    pthread_mutex_lock(&io_lock);
    io_flying++;
    pthread_mutex_unlock(&io_lock);
    if (pthread_create(&thread, NULL, io_fly, f) == 0) {
        pthread_detach(thread);
    } else {
        io_fly(f);
    }
    return true;
}

/* ---- Arguments -------------------------------------------------------------------------------------------------- */

static bool io_pattern(IoReq *r, const char *text)
{
    uint64_t v;
    if (!parse_uint("pattern", text, 0, 255, &v, NULL)) {
        printf("%s is not a valid pattern byte\n", text);
        return false;
    }
    r->has_pattern = true;
    r->pattern = (uint8_t)v;
    return true;
}

static bool io_flag(IoReq *r, int c)
{
    switch (c) {
    case 'p': return true; /* of old */
    case 'i': r->invalid = true; return true;
    case 'b': r->vmstate = true; return true;
    case 'c': r->compressed = true; return true;
    case 'C': r->raw_stats = true; return true;
    case 'f': r->fua = true; return true;
    case 'n': r->no_fallback = true; return true;
    case 'q': r->quiet = true; return true;
    case 'u': r->unmap = true; return true;
    case 'v': r->verbose = true; return true;
    case 'z': r->zeroes = true; return true;
    case 'P': return io_pattern(r, optarg);
    case 'l': return io_number(optarg, &r->check_len);
    case 's':
        if (r->write) {
            r->source = optarg;
            return true;
        }
        return io_number(optarg, &r->check_off);
    default:
        return false;
    }
}

static bool io_fill_from_file(IoReq *r)
{
    char *text;
    gsize have;
    errno = 0;
    if (!g_file_get_contents(r->source, &text, &have, NULL)) {
        fprintf(stderr, "%s: %s\n", r->source, g_strerror(errno ? errno : EIO));
        return false;
    }
    if (!have) {
        fprintf(stderr, "%s: file is empty\n", r->source);
        g_free(text);
        return false;
    }
    for (uint64_t i = 0; i < r->len; i += have) {
        memcpy(r->buf + i, text, MIN(have, r->len - i));
    }
    g_free(text);
    return true;
}

static bool io_consistent(const IoState *s, const IoReq *r)
{
    const char *why = NULL;
    if (r->write && r->zeroes + r->has_pattern + (r->source != NULL) > 1) {
        why = "Only one of -z, -P, and -s can be specified at the same time";
    } else if (r->zeroes && r->vmstate) {
        why = "-b and -z cannot be specified at the same time";
    } else if (r->fua && (r->vmstate || r->compressed)) {
        why = "-f and -b or -c cannot be specified at the same time";
    } else if (r->unmap && !r->zeroes) {
        why = "-u requires -z to be specified";
    } else if (r->no_fallback && !r->zeroes) {
        why = "-n requires -z to be specified";
    } else if (r->vmstate && r->compressed) {
        why = "-b and -c cannot be specified at the same time";
    } else if (!r->write && !r->has_pattern && (r->check_off || r->check_len != UINT64_MAX)) {
        return io_usage(s);
    }
    if (why) {
        printf("%s\n", why);
    }
    return !why;
}

static bool io_aligned(const char *what, uint64_t value)
{
    if (value % IO_SECTOR) {
        printf("%" PRIu64 " is not a sector-aligned value for '%s'\n", value, what);
    }
    return value % IO_SECTOR == 0;
}

/* off len [len..]; the lengths are one request. */
static bool io_ranges(const IoState *s, IoReq *r, int argc, char **argv, bool many)
{
    enum { IO_MAX = 0x7ffffe00 };
    if (argc - optind < 2 || (!many && argc - optind > 2)) {
        return io_usage(s);
    }
    if (many && r->zeroes && argc - optind > 2) {
        printf("-z supports only a single length parameter\n");
        return false;
    }
    if (!io_number(argv[optind], &r->off)) {
        return false;
    }
    for (int i = optind + 1; i < argc; i++) {
        uint64_t len;
        if (!io_number(argv[i], &len)) {
            return false;
        }
        if (r->zeroes && r->no_fallback) {
            r->len = len;
        } else if (len > IO_MAX && many) {
            printf("Argument '%s' exceeds maximum size %d\n", argv[i], IO_MAX);
            return false;
        } else if (len > IO_MAX) {
            printf("length cannot exceed %d%s, given %s\n", IO_MAX, r->write ? " without -n" : "", argv[i]);
            return false;
        } else if (r->len + len > IO_MAX) {
            printf("The total number of bytes exceed the maximum size %d\n", IO_MAX);
            return false;
        } else {
            r->len += len;
        }
    }
    if (!r->write && r->has_pattern && (r->check_off > r->len || (r->check_len != UINT64_MAX && r->check_len > r->len - r->check_off))) {
        printf("pattern verification range exceeds end of read data\n");
        return false;
    }
    return (!r->vmstate && !r->compressed) || (io_aligned("offset", r->off) && io_aligned("count", r->len));
}

static bool io_buffer(IoReq *r)
{
    if (r->zeroes) {
        return true;
    }
    if (posix_memalign((void **)&r->buf, 4096, MAX(r->len, 1))) {
        printf("no memory for %" PRIu64 " bytes\n", r->len);
        r->buf = NULL;
        return false;
    }
    memset(r->buf, r->write ? (r->has_pattern ? r->pattern : 0xcd) : 0xab, r->len);
    if (r->source && !io_fill_from_file(r)) {
        free(r->buf);
        r->buf = NULL;
        return false;
    }
    return true;
}

static bool io_writable(const IoState *s)
{
    bool readonly = block_node_how(s->node)->readonly;
    if (readonly) {
        fflush(stdout);
        error_report("Block node is read-only");
    }
    return !readonly;
}

static bool io_rw(IoState *s, int argc, char **argv, bool write, bool async, bool many)
{
    IoReq r = { .node = s->node, .write = write, .check_len = UINT64_MAX, .word = write ? "wrote" : "read",
                .failed = async && !write ? "readv" : s->command->name };
    int c;
    optind = 0;
    while ((c = getopt(argc, argv, s->command->flags)) != -1) {
        if (!io_flag(&r, c)) {
            return c == '?' ? io_usage(s) : false;
        }
    }
    if (!io_consistent(s, &r) || !io_ranges(s, &r, argc, argv, many)) {
        return false;
    }
    if (r.invalid) { /* what the accounting of a guest's drive counts as invalid; there is none here */
        printf("injecting invalid %s request\n", write ? "write" : "read");
        return true;
    }
    if ((write && !io_writable(s)) || !io_buffer(&r)) {
        return false;
    }
    r.start = g_get_monotonic_time();
    if (async) {
        return io_start(&r);
    }
    int ret = io_do(&r);
    pthread_mutex_lock(&io_lock);
    bool ok = io_finish(&r, ret);
    pthread_mutex_unlock(&io_lock);
    return ok;
}

static bool io_read_run(IoState *s, int argc, char **argv)
{
    return io_rw(s, argc, argv, false, false, false);
}

static bool io_readv_run(IoState *s, int argc, char **argv)
{
    return io_rw(s, argc, argv, false, false, true);
}

static bool io_aio_read_run(IoState *s, int argc, char **argv)
{
    return io_rw(s, argc, argv, false, true, true);
}

static bool io_write_run(IoState *s, int argc, char **argv)
{
    return io_rw(s, argc, argv, true, false, false);
}

static bool io_writev_run(IoState *s, int argc, char **argv)
{
    return io_rw(s, argc, argv, true, false, true);
}

static bool io_aio_write_run(IoState *s, int argc, char **argv)
{
    return io_rw(s, argc, argv, true, true, true);
}

static bool io_aio_flush_run(IoState *s, int argc, char **argv)
{
    (void)s;
    (void)argc;
    (void)argv;
    io_aio_wait();
    return true;
}

static bool io_discard_run(IoState *s, int argc, char **argv)
{
    IoReq r = { .node = s->node, .check_len = UINT64_MAX, .word = "discard", .zeroes = true };
    int c;
    optind = 0;
    while ((c = getopt(argc, argv, s->command->flags)) != -1) {
        if (!io_flag(&r, c)) {
            return io_usage(s);
        }
    }
    if (!io_ranges(s, &r, argc, argv, false) || !io_writable(s)) {
        return false;
    }
    r.start = g_get_monotonic_time();
    int ret = block_node_discard(s->node, r.off, r.len);
    if (ret < 0) {
        printf("discard failed: %s\n", g_strerror(-ret));
    } else if (!r.quiet) {
        io_print_stats(&r, r.len, (double)(g_get_monotonic_time() - r.start) / 1e6);
    }
    return ret == 0;
}

const IoCommand io_commands_data[] = {
    { "aio_flush", NULL, NULL, NULL, "completes all outstanding aio requests", 0, 0, true, io_aio_flush_run },
    { "aio_read", NULL, "CiqvP:", "[-Ciqv] [-P pattern] off len [len..]", "asynchronously reads a number of bytes", 2, -1, true,
      io_aio_read_run },
    { "aio_write", NULL, "CfiquzP:", "[-Cfiquz] [-P pattern] off len [len..]", "asynchronously writes a number of bytes", 2, -1, true,
      io_aio_write_run },
    { "discard", "d", "Cq", "[-Cq] off len", "discards a number of bytes at a specified offset", 2, -1, true, io_discard_run },
    { "read", "r", "bCqvpP:s:l:", "[-bCqv] [-P pattern [-s off] [-l len]] off len", "reads a number of bytes at a specified offset", 2, -1,
      true, io_read_run },
    { "readv", NULL, "CqvP:", "[-Cqv] [-P pattern] off len [len..]", "reads a number of bytes at a specified offset", 2, -1, true,
      io_readv_run },
    { "write", "w", "bcCfnpquzP:s:", "[-bcCfnquz] [-P pattern | -s source_file] off len",
      "writes a number of bytes at a specified offset", 2, -1, true, io_write_run },
    { "writev", NULL, "CfqP:", "[-Cfq] [-P pattern] off len [len..]", "writes a number of bytes at a specified offset", 2, -1, true,
      io_writev_run },
    { NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};
