/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter `throttle`: requests to the node below share the limits of a throttle-group.  At the top of a drive's image
 * the drive does it (throttle_node_lift); elsewhere the thread that carries the request sleeps here, one of the pool's.
 */
#include "util/osdep.h"
#include "block/block-int.h"
#include "block/throttle.h"
#include "util/timer.h"

typedef struct BlockThrottle {
    ThrottleGroup *group;
    _Atomic bool lifted;
} BlockThrottle;

static _Atomic unsigned throttle_hurried; /* how many want all requests to end */

void throttle_node_hurry(bool on)
{
    if (on) {
        atomic_fetch_add(&throttle_hurried, 1);
    } else {
        atomic_fetch_sub(&throttle_hurried, 1);
    }
}

static void throttle_pass(BlockNode *n, bool write, uint64_t len)
{
    enum { SLEEP_NS = 10 * NS_PER_MS }; /* so soon is a change of the limits, or of the hurry, seen */
    BlockThrottle *s = n->opaque;
    if (atomic_load(&s->lifted)) {
        return;
    }
    int64_t now = clock_ns(CLOCK_KIND_REALTIME), wait;
    while ((wait = throttle_wait(s->group, write, now)) > 0 && !atomic_load(&throttle_hurried)) {
        g_usleep((gulong)(MIN(wait, SLEEP_NS) / 1000 + 1));
        now = clock_ns(CLOCK_KIND_REALTIME);
    }
    throttle_account(s->group, write, len, now);
}

static int throttle_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    throttle_pass(n, false, len);
    return block_node_preadv(n->file, off, iov, niov, len);
}

static int throttle_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    throttle_pass(n, true, len);
    return block_node_pwritev(n->file, off, iov, niov, len);
}

static int throttle_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    throttle_pass(n, true, len);
    return block_node_write_zeroes(n->file, off, len, flags);
}

static int throttle_pdiscard(BlockNode *n, uint64_t off, uint64_t len)
{
    return block_node_discard(n->file, off, len);
}

static int throttle_try_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockThrottle *s = n->opaque;
    return atomic_load(&s->lifted) ? block_node_try_preadv(n->file, off, iov, niov, len) : -EAGAIN;
}

static bool throttle_submit(BlockNode *n, BlockRequest *r)
{
    BlockThrottle *s = n->opaque;
    return atomic_load(&s->lifted) && block_node_submit(n->file, r);
}

static bool throttle_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    bool ok = block_node_truncate(n->file, size, prealloc, errp);
    n->size = n->file->size;
    return ok;
}

static bool throttle_open(BlockNode *n, BlockOpts *o, Error **errp)
{
    BlockThrottle *s = n->opaque;
    const char *name = block_opt_str(o, "throttle-group");
    if (!name || !throttle_group_find(name)) {
        error_set(errp, name ? "there is no throttle-group '%s'" : "the driver throttle needs a throttle-group=", name);
        error_add_hint(errp, "Make it with -object throttle-group,id=%s,x-iops-total=NUMBER.", name ? name : "NAME");
        return false;
    }
    s->group = throttle_group_ref(name);
    n->size = n->file->size;
    return true;
}

static void throttle_close(BlockNode *n)
{
    BlockThrottle *s = n->opaque;
    throttle_group_unref(s->group);
}

static const BlockOpt throttle_options[] = {
    { "throttle-group", BLOCK_OPT_STRING, NULL, NULL, "id of the -object throttle-group whose limits it shares" },
    { NULL },
};

static const BlockDriver block_throttle = {
    .name = "throttle",
    .opaque_size = sizeof(BlockThrottle),
    .filter = true,
    .options = throttle_options,
    .open = throttle_open,
    .close = throttle_close,
    .preadv = throttle_preadv,
    .pwritev = throttle_pwritev,
    .pwrite_zeroes = throttle_pwrite_zeroes,
    .pdiscard = throttle_pdiscard,
    .truncate = throttle_truncate,
    .try_preadv = throttle_try_preadv,
    .submit = throttle_submit,
};
BLOCK_DRIVER_REGISTER(block_throttle)

ThrottleGroup *throttle_node_lift(BlockNode *n, bool lift)
{
    while (n && n->drv != &block_throttle) {
        n = n->drv->filter ? n->file : NULL;
    }
    if (!n) {
        return NULL;
    }
    BlockThrottle *s = n->opaque;
    atomic_store(&s->lifted, lift);
    return lift ? throttle_group_ref(throttle_group_name(s->group)) : NULL;
}
