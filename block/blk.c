/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device-facing side of a drive: requests, their queue, bounds, completions, error policy, medium and tray.
 *
 * All entry points run under the big lock.  A request goes to a worker (run_in_worker, no lock), comes back on the
 * list of finished ones (its own mutex) and is completed by a bottom half, or by whoever drains.  A request that
 * fails at once takes the same way back, so that no completion ever runs inside the submitting call.
 */
#include "util/osdep.h"
#include "block/block-int.h"
#include "block/throttle.h"
#include "util/log.h"
#include "util/mainloop.h"
#include "util/timer.h"

#include <pthread.h>
#include <time.h>

/* Reads up to this length are tried in the caller's thread: copying more would keep a vCPU too long. */
enum { BLK_AT_ONCE = 64 * 1024 };

typedef enum BlkOp { BLK_OP_READ, BLK_OP_WRITE, BLK_OP_FLUSH, BLK_OP_DISCARD, BLK_OP_ZERO } BlkOp;
typedef enum BlkReqState { BLK_REQ_QUEUED, BLK_REQ_RUNNING, BLK_REQ_FINISHED } BlkReqState;

struct BlkReq {
    BlockWork work; /* first: what the worker gets */
    BlockRequest io; /* what the kernel's queue gets */
    Blk *blk;
    BlkOp op;
    BlkReqState state; /* big lock; a worker does not look */
    uint64_t off, len;
    int ret;
    int64_t start_ns;
    bool fua; /* write through: flush after it */
    bool detect_zeroes;
    BlockNode *node; /* at submission; the node lives until the Blk is drained */
    BlkDone *done;
    void *opaque;
    BlkReq *next; /* in the queue or in the finished list */
    int niov;
    struct iovec iov[];
};

struct Blk {
    char *name, *serial;
    BlockNode *node;
    BlockChild *root; /* the reference to node */
    BlkConfig cfg;
    BlkReq *queue_first, **queue_tail; /* waiting for room */
    ThrottleGroup *throttle;           /* NULL: no limits */
    bool throttle_own;                 /* of -drive or the monitor; else of a filter of the node */
    BlkReq *held_first[2], **held_tail[2]; /* by them: reads, writes */
    Timer held_timer;
    unsigned running;
    unsigned ringing; /* of them in the kernel's queue */
    unsigned pending; /* queued + running + finished but not completed */
    const BlkDevOps *dev;
    void *dev_opaque;
    bool open, locked; /* tray, door */
    BlkStats stats;
    Blk *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    BlkReq *first, **tail;
} finished = { .lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER };

static Blk *blk_all;          /* big lock */
static BottomHalf *blk_bh;    /* made by the first blk_new */
static BlkErrorHook *blk_error_hook;
static void *blk_error_hook_opaque;

static int64_t blk_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* ---- Life ------------------------------------------------------------------------------------------------ */

static void blk_complete_finished(void *opaque);
static BlkReq *blk_take_finished(Blk *b, bool wait);
static void blk_release_held(void *opaque);
static void blk_complete(BlkReq *r);

Blk *blk_new(const char *name, const BlkConfig *cfg)
{
    Blk *b = g_new0(Blk, 1);
    b->name = g_strdup(name);
    b->cfg = *cfg;
    b->serial = g_strdup(cfg->serial);
    b->cfg.serial = NULL;
    b->queue_tail = &b->queue_first;
    b->held_tail[0] = &b->held_first[0];
    b->held_tail[1] = &b->held_first[1];
    timer_init(&b->held_timer, CLOCK_KIND_REALTIME, blk_release_held, b);
    b->next = blk_all;
    blk_all = b;
    if (!blk_bh) {
        blk_bh = bh_new(blk_complete_finished, NULL);
    }
    return b;
}

Blk *blk_new_empty(const char *name)
{
    return blk_new(name, &(BlkConfig){ .writeback = true, .werror_enospc = true });
}

bool blk_set_node(Blk *b, BlockNode *medium, Error **errp)
{
    BlockChild *root = NULL;
    if (medium) {
        unsigned perm = medium->how.readonly ? BLOCK_PERM_READ : BLOCK_PERM_READ | BLOCK_PERM_WRITE;
        root = block_root_attach(medium, b->name, perm, BLOCK_PERM_READ, errp);
        block_node_unref(medium);
        if (!root) {
            return false;
        }
    }
    blk_drain(b);
    if (b->node) {
        int ret = block_node_flush(b->node);
        if (ret < 0) {
            warn_report("%s: flush of '%s' failed: %s", b->name, b->node->filename, g_strerror(-ret));
        }
        throttle_node_lift(b->node, false);
        block_root_detach(b->root);
    }
    b->node = medium;
    b->root = root;
    if (!b->throttle_own) {
        blk_set_throttle(b, NULL, NULL);
    }
    return true;
}

void blk_free(Blk *b)
{
    if (!b) {
        return;
    }
    blk_set_node(b, NULL, NULL);
    blk_set_throttle(b, NULL, NULL);
    for (Blk **p = &blk_all; *p; p = &(*p)->next) {
        if (*p == b) {
            *p = b->next;
            break;
        }
    }
    g_free(b->name);
    g_free(b->serial);
    g_free(b);
}

BlockNode *blk_node(const Blk *b)
{
    return b->node;
}

/* ---- Requests -------------------------------------------------------------------------------------------- */

static void blk_finish(BlkReq *r)
{
    r->next = NULL;
    pthread_mutex_lock(&finished.lock);
    bool was_empty = !finished.first;
    if (was_empty) {
        finished.tail = &finished.first;
    }
    *finished.tail = r;
    finished.tail = &r->next;
    pthread_cond_broadcast(&finished.some);
    pthread_mutex_unlock(&finished.lock);
    if (was_empty) {
        bh_schedule(blk_bh);
    }
}

/* Completes at most @budget requests that are finished; the bottom half does the rest. */
static void blk_complete_some(int budget)
{
    for (int i = 0; i < budget; i++) {
        BlkReq *r = blk_take_finished(NULL, false);
        if (!r) {
            return;
        }
        blk_complete(r);
    }
    bh_schedule(blk_bh);
}

/* Completes what a vCPU's access finished at once, while its thread is on its way out of the device. */
static void blk_complete_leaving(void)
{
    blk_complete_some(8); /* a transfer in several pieces; then let the guest go on */
}

/* As blk_finish for a request that never left this thread. */
static void blk_finish_here(BlkReq *r)
{
    r->next = NULL;
    pthread_mutex_lock(&finished.lock);
    if (!finished.first) {
        finished.tail = &finished.first;
    }
    *finished.tail = r;
    finished.tail = &r->next;
    pthread_mutex_unlock(&finished.lock);
    if (mainloop_in_main_thread() || !bql_before_unlock(blk_complete_leaving)) {
        bh_schedule(blk_bh);
    }
}

static bool blk_iov_is_zero(const struct iovec *iov, int niov)
{
    for (int i = 0; i < niov; i++) {
        const uint8_t *p = iov[i].iov_base;
        size_t n = iov[i].iov_len;
        if (n && (p[0] || memcmp(p, p + 1, n - 1))) {
            return false;
        }
    }
    return true;
}

static int blk_run(BlkReq *r)
{
    int ret;
    switch (r->op) {
    case BLK_OP_READ:
        return block_node_preadv(r->node, r->off, r->iov, r->niov, r->len);
    case BLK_OP_FLUSH:
        return block_node_flush(r->node);
    case BLK_OP_DISCARD:
        return block_node_discard(r->node, r->off, r->len);
    case BLK_OP_ZERO:
        ret = block_node_write_zeroes(r->node, r->off, r->len, r->node->how.discard ? BLOCK_ZERO_MAY_UNMAP : 0);
        break;
    default:
        if (r->detect_zeroes && blk_iov_is_zero(r->iov, r->niov)) {
            ret = block_node_write_zeroes(r->node, r->off, r->len, r->node->how.discard ? BLOCK_ZERO_MAY_UNMAP : 0);
        } else {
            ret = block_node_pwritev(r->node, r->off, r->iov, r->niov, r->len);
        }
        break;
    }
    return ret == 0 && r->fua ? block_node_flush(r->node) : ret;
}

static void blk_run_in_worker(BlockWork *w)
{
    BlkReq *r = container_of(w, BlkReq, work);
    r->ret = blk_run(r);
    blk_finish(r);
}

static void blk_ring_done(BlockRequest *io, int ret)
{
    BlkReq *r = container_of(io, BlkReq, io);
    r->blk->ringing--;
    if (ret == -EAGAIN) {
        block_worker_submit(&r->work);
        return;
    }
    r->ret = ret;
    blk_finish(r);
}

/* Plain reads and writes only. */
static bool blk_try_ring(Blk *b, BlkReq *r)
{
    bool write = r->op == BLK_OP_WRITE;
    if ((!write && r->op != BLK_OP_READ) || r->fua || (write && r->detect_zeroes)) {
        return false;
    }
    r->io = (BlockRequest){ .write = write, .off = r->off, .iov = r->iov, .niov = r->niov, .len = r->len, .done = blk_ring_done };
    bool ok = block_node_submit(r->node, &r->io);
    b->ringing += ok;
    return ok;
}

static void blk_start(Blk *b, BlkReq *r)
{
    b->running++;
    r->state = BLK_REQ_RUNNING;
    r->work.run = blk_run_in_worker;
    if (blk_try_ring(b, r)) {
        return;
    }
    block_worker_submit(&r->work);
}

static void blk_start_queued(Blk *b)
{
    while (b->queue_first && b->running < BLK_MAX_INFLIGHT) {
        BlkReq *r = b->queue_first;
        b->queue_first = r->next;
        if (!b->queue_first) {
            b->queue_tail = &b->queue_first;
        }
        blk_start(b, r);
    }
}

/* It may start as far as limits go. */
static void blk_enqueue(Blk *b, BlkReq *r)
{
    if (b->running < BLK_MAX_INFLIGHT && !b->queue_first) {
        blk_start(b, r);
    } else {
        r->state = BLK_REQ_QUEUED;
        r->next = NULL;
        *b->queue_tail = r;
        b->queue_tail = &r->next;
    }
}

/* ---- Limits ------------------------------------------------------------------------------------------------ */

static bool blk_is_limited(BlkOp op)
{
    return op == BLK_OP_READ || op == BLK_OP_WRITE || op == BLK_OP_ZERO;
}

/* True: it must wait, and has been put where it will. */
static bool blk_hold(Blk *b, BlkReq *r)
{
    if (!b->throttle || !blk_is_limited(r->op)) {
        return false;
    }
    unsigned dir = r->op != BLK_OP_READ;
    int64_t now = clock_ns(CLOCK_KIND_REALTIME), wait = throttle_wait(b->throttle, dir, now);
    if (!b->held_first[dir] && wait == 0) {
        throttle_account(b->throttle, dir, r->len, now);
        return false;
    }
    r->state = BLK_REQ_QUEUED;
    r->next = NULL;
    *b->held_tail[dir] = r;
    b->held_tail[dir] = &r->next;
    if (!timer_pending(&b->held_timer) || b->held_timer.expires > now + wait) {
        timer_mod(&b->held_timer, now + wait);
    }
    return true;
}

static BlkReq *blk_held_pop(Blk *b, unsigned dir)
{
    BlkReq *r = b->held_first[dir];
    b->held_first[dir] = r->next;
    if (!r->next) {
        b->held_tail[dir] = &b->held_first[dir];
    }
    return r;
}

/* The timer: those whose time has come; with @all every one, for who waits for the drive to be idle. */
static void blk_release(Blk *b, bool all)
{
    int64_t now = clock_ns(CLOCK_KIND_REALTIME), soonest = INT64_MAX;
    for (unsigned dir = 0; dir < 2; dir++) {
        while (b->held_first[dir]) {
            int64_t wait = all || !b->throttle ? 0 : throttle_wait(b->throttle, dir, now);
            if (wait > 0) {
                soonest = MIN(soonest, now + wait);
                break;
            }
            BlkReq *r = blk_held_pop(b, dir);
            if (b->throttle) {
                throttle_account(b->throttle, dir, r->len, now);
            }
            blk_enqueue(b, r);
        }
    }
    if (soonest != INT64_MAX) {
        timer_mod(&b->held_timer, soonest);
    }
}

static void blk_release_held(void *opaque)
{
    blk_release(opaque, false);
}

void blk_set_throttle(Blk *b, const char *group, const ThrottleConfig *c)
{
    ThrottleGroup *old = b->throttle;
    b->throttle_own = c ? throttle_config_on(c) : group != NULL;
    b->throttle = b->throttle_own ? throttle_group_ref(group ? group : b->name) : NULL;
    if (b->throttle_own && c) {
        throttle_group_set(b->throttle, c);
    }
    ThrottleGroup *lifted = b->node ? throttle_node_lift(b->node, !b->throttle_own) : NULL;
    b->throttle = b->throttle ? b->throttle : lifted;
    throttle_group_unref(old);
    blk_release(b, false);
    if (!b->throttle) {
        timer_del(&b->held_timer);
    }
}

ThrottleGroup *blk_throttle(const Blk *b)
{
    return b->throttle;
}

/* ---- Submission -------------------------------------------------------------------------------------------- */

/* Why the request cannot even begin: 0 or -errno. */
static int blk_check(const Blk *b, BlkOp op, uint64_t off, uint64_t len)
{
    if (!b->node) {
        return -ENOMEDIUM;
    }
    if (op == BLK_OP_FLUSH) {
        return 0;
    }
    if (op != BLK_OP_READ && b->node->how.readonly) {
        return -EROFS;
    }
    return off <= b->node->size && len <= b->node->size - off ? 0 : -EIO;
}

static BlkReq *blk_submit(Blk *b, BlkOp op, uint64_t off, uint64_t len, const struct iovec *iov, int niov,
                          BlkDone *done, void *opaque)
{
    assert(bql_held());
    niov = MAX(niov, 0);
    BlkReq *r = g_malloc(sizeof(*r) + (size_t)niov * sizeof(*iov));
    *r = (BlkReq){ .blk = b, .op = op, .off = off, .len = len, .done = done, .opaque = opaque, .node = b->node,
                   .niov = niov, .start_ns = blk_now_ns() };
    if (niov) {
        memcpy(r->iov, iov, (size_t)niov * sizeof(*iov));
    }
    r->fua = !b->cfg.writeback && (op == BLK_OP_WRITE || op == BLK_OP_ZERO);
    r->detect_zeroes = b->node && b->node->detect_zeroes > 0;
    b->pending++;
    r->ret = blk_check(b, op, off, len);
    if (log_on(LOG_BLOCK)) {
        static const char *const names[] = { "read", "write", "flush", "discard", "zero" };
        log_guest(LOG_BLOCK, "%s: %s %" PRIu64 "+%" PRIu64 "%s\n", b->name, names[op], off, len,
                  r->ret ? ", refused" : "");
    }
    if (r->ret < 0) {
        r->state = BLK_REQ_FINISHED;
        blk_finish(r);
    } else if (blk_hold(b, r)) {
        return r;
    } else if (op == BLK_OP_READ && len <= BLK_AT_ONCE && b->running == 0 && !b->queue_first &&
               block_node_try_preadv(r->node, off, r->iov, niov, len) == 0) {
        r->state = BLK_REQ_FINISHED;
        blk_finish_here(r);
    } else {
        blk_enqueue(b, r);
    }
    return r;
}

BlkReq *blk_readv(Blk *b, uint64_t off, const struct iovec *iov, int niov, BlkDone *done, void *opaque)
{
    return blk_submit(b, BLK_OP_READ, off, block_iov_size(iov, niov), iov, niov, done, opaque);
}

BlkReq *blk_writev(Blk *b, uint64_t off, const struct iovec *iov, int niov, BlkDone *done, void *opaque)
{
    return blk_submit(b, BLK_OP_WRITE, off, block_iov_size(iov, niov), iov, niov, done, opaque);
}

BlkReq *blk_flush(Blk *b, BlkDone *done, void *opaque)
{
    return blk_submit(b, BLK_OP_FLUSH, 0, 0, NULL, 0, done, opaque);
}

BlkReq *blk_discard(Blk *b, uint64_t off, uint64_t len, BlkDone *done, void *opaque)
{
    return blk_submit(b, BLK_OP_DISCARD, off, len, NULL, 0, done, opaque);
}

BlkReq *blk_write_zeroes(Blk *b, uint64_t off, uint64_t len, BlkDone *done, void *opaque)
{
    return blk_submit(b, BLK_OP_ZERO, off, len, NULL, 0, done, opaque);
}

static bool blk_unqueue(BlkReq **first, BlkReq ***tail, BlkReq *r)
{
    for (BlkReq **p = first; *p; p = &(*p)->next) {
        if (*p == r) {
            *p = r->next;
            if (*tail == &r->next) {
                *tail = p;
            }
            return true;
        }
    }
    return false;
}

void blk_cancel(BlkReq *r)
{
    assert(bql_held());
    Blk *b = r->blk;
    if (r->state != BLK_REQ_QUEUED) {
        return; /* a worker has it, or it is over: the real result comes */
    }
    if (blk_unqueue(&b->queue_first, &b->queue_tail, r) || blk_unqueue(&b->held_first[0], &b->held_tail[0], r) ||
        blk_unqueue(&b->held_first[1], &b->held_tail[1], r)) {
        r->state = BLK_REQ_FINISHED;
        r->ret = -ECANCELED;
        blk_finish(r);
    }
}

static void blk_account(Blk *b, const BlkReq *r)
{
    uint64_t ns = (uint64_t)MAX(blk_now_ns() - r->start_ns, 0);
    bool ok = r->ret == 0;
    switch (r->op) {
    case BLK_OP_READ:
        b->stats.rd_ops += ok;
        b->stats.rd_bytes += ok ? r->len : 0;
        b->stats.rd_ns += ok ? ns : 0;
        b->stats.failed_rd += !ok;
        break;
    case BLK_OP_FLUSH:
        b->stats.flush_ops += ok;
        b->stats.flush_ns += ok ? ns : 0;
        break;
    case BLK_OP_WRITE:
    case BLK_OP_ZERO:
        b->stats.wr_ops += ok;
        b->stats.wr_bytes += ok ? r->len : 0;
        b->stats.wr_ns += ok ? ns : 0;
        b->stats.failed_wr += !ok;
        break;
    case BLK_OP_DISCARD:
        break;
    }
}

static void blk_complete(BlkReq *r)
{
    Blk *b = r->blk;
    if (r->state == BLK_REQ_RUNNING) {
        b->running--;
    }
    r->state = BLK_REQ_FINISHED;
    blk_account(b, r);
    BlkDone *done = r->done;
    void *opaque = r->opaque;
    int ret = r->ret;
    g_free(r);
    b->pending--;
    blk_start_queued(b);
    if (done) {
        done(opaque, ret); /* may submit more, or detach; @b is not used after it */
    }
}

/* Takes the oldest finished request of @b (NULL: of any); NULL: none. */
static BlkReq *blk_take_finished(Blk *b, bool wait)
{
    BlkReq *r = NULL;
    pthread_mutex_lock(&finished.lock);
    while (!r) {
        for (BlkReq **p = &finished.first; *p; p = &(*p)->next) {
            if (!b || (*p)->blk == b) {
                r = *p;
                *p = r->next;
                if (finished.tail == &r->next) {
                    finished.tail = p;
                }
                break;
            }
        }
        if (!r && !wait) {
            break;
        }
        if (!r) {
            pthread_cond_wait(&finished.some, &finished.lock);
        }
    }
    pthread_mutex_unlock(&finished.lock);
    return r;
}

/* The bottom half: what is finished now; later ones schedule it again. */
static void blk_complete_finished(void *opaque)
{
    (void)opaque;
    blk_complete_some(256); /* then let timers and descriptors have a turn */
}

void blk_drain(Blk *b)
{
    assert(bql_held());
    throttle_node_hurry(true);
    while (b->pending > 0) {
        blk_release(b, true); /* completions may have submitted more */
        while (b->ringing > 0) {
            block_uring_reap(true);
        }
        blk_complete(blk_take_finished(b, true));
    }
    throttle_node_hurry(false);
}

void blk_drain_all(void)
{
    for (bool again = true; again;) {
        again = false;
        for (Blk *b = blk_all; b; b = b->next) {
            if (b->pending) {
                blk_drain(b);
                again = true; /* a completion may have submitted to another drive, or changed the list */
                break;
            }
        }
    }
}

void blk_flush_all(void)
{
    for (Blk *b = blk_all; b; b = b->next) {
        int ret = b->node && !block_node_how(b->node)->readonly ? block_node_flush(b->node) : 0;
        if (ret < 0) {
            warn_report("drive '%s': flushing failed: %s; what was written last may not be on the disk yet", b->name, g_strerror(-ret));
        }
    }
}

/* ---- Waiting calls ------------------------------------------------------------------------------------------ */

int blk_pread(Blk *b, uint64_t off, void *buf, size_t len)
{
    int ret = blk_check(b, BLK_OP_READ, off, len);
    return ret ? ret : block_node_pread(b->node, off, buf, len);
}

int blk_pwrite(Blk *b, uint64_t off, const void *buf, size_t len)
{
    int ret = blk_check(b, BLK_OP_WRITE, off, len);
    if (ret == 0) {
        ret = block_node_pwrite(b->node, off, buf, len);
    }
    return ret == 0 && !b->cfg.writeback ? block_node_flush(b->node) : ret;
}

int blk_flush_wait(Blk *b)
{
    return b->node ? block_node_flush(b->node) : -ENOMEDIUM;
}

/* ---- What it is --------------------------------------------------------------------------------------------- */

const char *blk_name(const Blk *b)
{
    return b->name;
}

bool blk_has_medium(const Blk *b)
{
    return b->node != NULL;
}

bool blk_readonly(const Blk *b)
{
    return b->node && b->node->how.readonly;
}

uint64_t blk_size(const Blk *b)
{
    return b->node ? b->node->size : 0;
}

bool blk_writeback(const Blk *b)
{
    return b->cfg.writeback;
}

void blk_set_writeback(Blk *b, bool on)
{
    b->cfg.writeback = on;
}

const char *blk_serial(const Blk *b)
{
    return b->serial;
}

void blk_stats(const Blk *b, BlkStats *out)
{
    *out = b->stats;
}

/* ---- Errors ------------------------------------------------------------------------------------------------- */

void blk_set_error_hook(BlkErrorHook *hook, void *opaque)
{
    blk_error_hook = hook;
    blk_error_hook_opaque = opaque;
}

BlkErrorAction blk_error_action(Blk *b, bool write, int err)
{
    BlkErrorAction action = write ? b->cfg.werror : b->cfg.rerror;
    err = err < 0 ? -err : err;
    if (write && b->cfg.werror_enospc) {
        action = err == ENOSPC ? BLK_ERR_STOP : BLK_ERR_REPORT;
    }
    if (err == ENOMEDIUM || err == ECANCELED) {
        return BLK_ERR_REPORT; /* nothing that waiting would mend */
    }
    if (action == BLK_ERR_STOP && !blk_error_hook) {
        action = BLK_ERR_REPORT; /* nobody can stop the machine */
    }
    if (blk_error_hook) {
        blk_error_hook(blk_error_hook_opaque, b, write, err, action);
    }
    return action;
}

/* ---- The device ----------------------------------------------------------------------------------------------- */

bool blk_attach_dev(Blk *b, const BlkDevOps *ops, void *opaque, Error **errp)
{
    if (b->dev) {
        error_set(errp, "drive '%s' is in use by another device", b->name);
        error_add_hint(errp, "Give each device a -drive of its own.");
        return false;
    }
    b->dev = ops;
    b->dev_opaque = opaque;
    b->open = b->locked = false;
    return true;
}

void blk_detach_dev(Blk *b)
{
    blk_drain(b);
    b->dev = NULL;
    b->dev_opaque = NULL;
}

const BlkDevOps *blk_dev(const Blk *b, void **opaque)
{
    *opaque = b->dev_opaque;
    return b->dev;
}

void blk_eject(Blk *b, bool open)
{
    b->open = open;
}

void blk_lock_medium(Blk *b, bool locked)
{
    b->locked = locked;
}
