/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine of convert.  One mutex guards the plan: a thread takes the next piece (a run of one kind in one source, at most
 * a few MiB long), reads it and looks for zeros without the lock, and writes it when its turn has come (in the order of
 * the plan, so that the target is laid out in sequence), or at once with out_of_order.  Compressing is most of the work where it
 * is done, and nobody waits for a turn there: clusters come to lie in the order in which they are ready.
 */
#include "util/osdep.h"
#include "tools/img-copy.h"

#include <pthread.h>

enum { COPY_PIECE = 1024 * 1024, COPY_PIECE_COMPRESSED = 64 * 1024, COPY_THREADS_MAX = 16 };

typedef enum CopyKind { COPY_SKIP, COPY_ZERO, COPY_DATA } CopyKind;

typedef struct CopyState {
    const ImgCopy *c;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    /* Where the plan is. */
    unsigned src;
    uint64_t src_off, base, run_left; /* base: of the source in the target */
    CopyKind run_kind;
    uint64_t planned, next_write;     /* numbers of pieces */
    uint64_t done, total;
    int64_t start_us;
    int ret;
    bool reading; /* what ret is about */
    uint64_t ret_off;
} CopyState;

typedef struct CopyPiece {
    CopyKind kind;
    BlockNode *src;
    uint64_t src_off, dst_off, len, number;
    bool copied; /* by the host */
} CopyPiece;

static void copy_failed(CopyState *s, bool reading, uint64_t off, int ret)
{
    if (s->ret == 0) {
        s->ret = ret;
        s->reading = reading;
        s->ret_off = off;
    }
}

/* Small ones where the work is in compressing, so that no thread waits for another's at the end. */
static uint64_t copy_piece(const ImgCopy *c)
{
    return c->compressed ? MAX(COPY_PIECE_COMPRESSED, c->cluster) : COPY_PIECE;
}

/* With the lock: what kind the next run is. */
static bool copy_plan_run(CopyState *s, BlockNode *src)
{
    BlockStatus st;
    uint64_t left = block_node_size(src) - s->src_off;
    int ret = block_node_status_above(src, s->c->only_top ? block_node_backing(src) : NULL, s->src_off, left, &st);
    if (ret < 0 && s->c->salvage) {
        s->run_left = MIN(left, copy_piece(s->c));
        s->run_kind = COPY_DATA;
        return true;
    }
    if (ret < 0) {
        copy_failed(s, true, s->src_off, ret);
        return false;
    }
    bool allocated = st.flags & BLOCK_STATUS_ALLOCATED;
    s->run_left = st.len;
    if (s->c->only_top && !allocated) {
        s->run_kind = COPY_SKIP;
    } else if (st.flags & BLOCK_STATUS_ZERO) {
        s->run_kind = s->c->dst_zero && s->c->sparse ? COPY_SKIP : COPY_ZERO;
    } else {
        s->run_kind = COPY_DATA;
    }
    return true;
}

/* With the lock.  A piece ends at a cluster of the target unless its run does. */
static bool copy_plan(CopyState *s, CopyPiece *p)
{
    const ImgCopy *c = s->c;
    while (s->ret == 0 && s->src < c->sources && s->src_off >= block_node_size(c->src[s->src])) {
        s->base += block_node_size(c->src[s->src]);
        s->src_off = 0;
        s->src++;
    }
    if (s->ret < 0 || s->src >= c->sources) {
        return false;
    }
    BlockNode *src = c->src[s->src];
    if (!s->run_left && !copy_plan_run(s, src)) {
        return false;
    }
    bool whole = s->run_kind == COPY_SKIP || (s->run_kind == COPY_ZERO && c->sparse);
    uint64_t len = whole ? s->run_left : MIN(s->run_left, copy_piece(c)), dst = s->base + s->src_off;
    if (c->cluster && c->compressed && !whole) {
        /* Whole clusters, whatever their parts are; the last source's end may be odd. */
        uint64_t end = align_up(dst + len, c->cluster) - s->base;
        end = MIN(end, block_node_size(src));
        len = end - s->src_off;
        s->run_kind = COPY_DATA;
    } else if (c->compressed && c->cluster && whole) {
        len = align_down(dst + len, c->cluster) > dst ? align_down(dst + len, c->cluster) - dst : len;
        if (dst % c->cluster || (len % c->cluster && s->src_off + len < block_node_size(src))) {
            s->run_kind = COPY_DATA; /* shares a cluster with data */
            len = MIN(align_up(dst + 1, c->cluster) - s->base, block_node_size(src)) - s->src_off;
        }
    }
    *p = (CopyPiece){ s->run_kind, src, s->src_off, dst, len, s->planned++, false };
    s->src_off += len;
    s->run_left -= MIN(len, s->run_left);
    return true;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

/* How many bytes from @p on are of one kind, in units of @unit; *zero says which. */
static size_t copy_scan(const uint8_t *p, size_t len, size_t unit, size_t first, bool *zero)
{
    size_t n = MIN(first ? first : unit, len);
    *zero = tool_is_zero(p, n);
    while (n < len && tool_is_zero(p + n, MIN(unit, len - n)) == *zero) {
        n += MIN(unit, len - n);
    }
    return n;
}

static int copy_write_zero(const ImgCopy *c, uint64_t off, uint64_t len)
{
    if (c->dst_zero && c->sparse) {
        return 0;
    }
    return block_node_write_zeroes(c->dst, off, len, c->sparse ? BLOCK_ZERO_MAY_UNMAP : 0);
}

/* Runs of zeros shorter than c->sparse are data. */
static int copy_write_data(const ImgCopy *c, uint64_t off, const uint8_t *p, size_t len)
{
    size_t unit = MAX(c->sparse, c->compressed ? c->cluster : 1);
    int ret = 0;
    while (len > 0 && ret == 0) {
        bool zero = false;
        size_t first = unit - off % unit, n = c->sparse ? copy_scan(p, len, unit, first, &zero) : len;
        if (zero && (!c->compressed || n % c->cluster == 0 || n == len)) {
            ret = copy_write_zero(c, off, n);
        } else if (c->compressed) {
            ret = block_node_pwrite_compressed(c->dst, off, p, n);
        } else {
            ret = block_node_pwrite(c->dst, off, p, n);
        }
        off += n;
        p += n;
        len -= n;
    }
    return ret;
}

static int copy_write_piece(const ImgCopy *c, const CopyPiece *p, const uint8_t *buf)
{
    switch (p->kind) {
    case COPY_SKIP:
        return 0;
    case COPY_ZERO:
        if (c->sparse == 0) { /* -S 0: everything is allocated */
            return c->compressed ? block_node_pwrite_compressed(c->dst, p->dst_off, buf, p->len)
                                 : block_node_pwrite(c->dst, p->dst_off, buf, p->len);
        }
        return block_node_write_zeroes(c->dst, p->dst_off, p->len, BLOCK_ZERO_MAY_UNMAP);
    default:
        return p->copied ? 0 : copy_write_data(c, p->dst_off, buf, p->len);
    }
}

static int copy_read_piece(CopyState *s, CopyPiece *p, uint8_t *buf)
{
    if (p->kind != COPY_DATA) {
        if (p->kind == COPY_ZERO && s->c->sparse == 0) {
            memset(buf, 0, p->len);
        }
        return 0;
    }
    p->copied = s->c->offload && block_node_copy_range(p->src, p->src_off, s->c->dst, p->dst_off, p->len);
    int ret = p->copied ? 0 : block_node_pread(p->src, p->src_off, buf, p->len);
    if (ret == 0 || !s->c->salvage) {
        return ret;
    }
    for (uint64_t i = 0; i < p->len; i += 512) {
        size_t part = MIN(512, p->len - i);
        ret = block_node_pread(p->src, p->src_off + i, buf + i, part);
        if (ret < 0) {
            memset(buf + i, 0, part);
            if (!s->c->quiet) {
                warn_report("error while reading offset %" PRIu64 ": %s", p->src_off + i, g_strerror(-ret));
            }
        }
    }
    return 0;
}

/* With the lock, which it drops while it sleeps. */
static void copy_pace(CopyState *s)
{
    if (s->c->rate) {
        int64_t due = s->start_us + (int64_t)((double)s->done * 1e6 / (double)s->c->rate), now = g_get_monotonic_time();
        if (due > now) {
            pthread_mutex_unlock(&s->lock);
            g_usleep((gulong)(due - now));
            pthread_mutex_lock(&s->lock);
        }
    }
}

static void *copy_thread(void *opaque)
{
    CopyState *s = opaque;
    bool ordered = !s->c->out_of_order && !s->c->compressed;
    uint8_t *buf;
    if (posix_memalign((void **)&buf, 4096, copy_piece(s->c) + (s->c->compressed ? s->c->cluster : 0))) {
        buf = NULL;
    }
    pthread_mutex_lock(&s->lock);
    if (!buf) {
        copy_failed(s, true, 0, -ENOMEM);
    }
    CopyPiece p;
    while (copy_plan(s, &p)) {
        pthread_mutex_unlock(&s->lock);
        int ret = copy_read_piece(s, &p, buf);
        pthread_mutex_lock(&s->lock);
        if (ret < 0) {
            copy_failed(s, true, p.src_off, ret);
        }
        while (ordered && s->ret == 0 && s->next_write != p.number) {
            pthread_cond_wait(&s->turn, &s->lock);
        }
        if (s->ret == 0) {
            pthread_mutex_unlock(&s->lock);
            ret = copy_write_piece(s->c, &p, buf);
            pthread_mutex_lock(&s->lock);
            if (ret < 0) {
                copy_failed(s, false, p.dst_off, ret);
            }
        }
        s->next_write++;
        s->done += p.len;
        tool_progress_at(s->c->progress, s->done, s->total);
        pthread_cond_broadcast(&s->turn);
        copy_pace(s);
    }
    pthread_cond_broadcast(&s->turn);
    pthread_mutex_unlock(&s->lock);
    free(buf);
    return NULL;
}

bool img_copy(const ImgCopy *c, Error **errp)
{
    CopyState s = { .c = c, .start_us = g_get_monotonic_time() };
    pthread_t threads[COPY_THREADS_MAX];
    unsigned count = 0;
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.turn, NULL);
    for (unsigned i = 0; i < c->sources; i++) {
        s.total += block_node_size(c->src[i]);
    }
    unsigned wanted = MIN(MIN(c->threads, COPY_THREADS_MAX), g_get_num_processors() + 2);
    while (count + 1 < wanted && pthread_create(&threads[count], NULL, copy_thread, &s) == 0) {
        count++;
    }
    copy_thread(&s); /* this thread takes part */
    while (count > 0) {
        pthread_join(threads[--count], NULL);
    }
    pthread_mutex_destroy(&s.lock);
    pthread_cond_destroy(&s.turn);
    if (s.ret < 0) {
        error_set_errno(errp, -s.ret, "error while %s at byte %" PRIu64, s.reading ? "reading" : "writing", s.ret_off);
        if (s.ret == -ENOSPC) {
            error_add_hint(errp, "The file system of the target is full.");
        } else if (s.reading) {
            error_add_hint(errp, "--salvage goes on, with zeros for what cannot be read.");
        }
    }
    return s.ret == 0;
}
