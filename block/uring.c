/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aio=io_uring: one queue of the kernel for all files.  Requests are submitted where they come up (main thread or vCPU,
 * big lock held), an eventfd tells the main loop of completions.  aio=native takes the same way: what the older Linux AIO
 * does, io_uring does on the same files without its limits.  Short transfers are handed back for the slow path.
 */
#include "util/osdep.h"
#include "block/block-int.h"
#include "util/mainloop.h"

#include <liburing.h>
#include <sys/eventfd.h>

enum { URING_ENTRIES = 256 };

static struct {
    struct io_uring ring;
    int error;   /* of its set-up; 0: fine */
    bool tried, watched;
    int event_fd;
    unsigned flying;
} uring = { .event_fd = -1 };

static bool uring_start(void)
{
    if (!uring.tried) {
        uring.tried = true;
        uring.error = -io_uring_queue_init(URING_ENTRIES, &uring.ring, 0);
    }
    return uring.error == 0;
}

bool block_uring_usable(Error **errp)
{
    if (uring_start()) {
        return true;
    }
    error_set_errno(errp, uring.error, "the kernel gives no io_uring");
    error_add_hint(errp, uring.error == EPERM ? "The sysctl kernel.io_uring_disabled or a seccomp filter forbids it: use aio=threads."
                         : uring.error == ENOMEM ? "Raise the limit of locked memory (ulimit -l), or use aio=threads."
                                                 : "It needs Linux 5.1 or later: use aio=threads.");
    return false;
}

static void uring_ready(void *opaque)
{
    (void)opaque;
    uint64_t count;
    if (read(uring.event_fd, &count, sizeof(count)) == sizeof(count)) {
        block_uring_reap(false);
    }
}

/* The first request: only now is there surely a main loop. */
static bool uring_watch(void)
{
    if (!uring.watched) {
        uring.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (uring.event_fd < 0 || io_uring_register_eventfd(&uring.ring, uring.event_fd) < 0) {
            return false;
        }
        fd_watch(uring.event_fd, uring_ready, NULL, NULL);
        uring.watched = true;
    }
    return true;
}

bool block_uring_submit(int fd, BlockRequest *r, uint64_t file_off)
{
    struct io_uring_sqe *sqe = uring_start() && uring_watch() && uring.flying < URING_ENTRIES ? io_uring_get_sqe(&uring.ring) : NULL;
    if (!sqe) {
        return false;
    }
    if (r->write) {
        io_uring_prep_writev(sqe, fd, r->iov, (unsigned)r->niov, file_off);
    } else {
        io_uring_prep_readv(sqe, fd, r->iov, (unsigned)r->niov, file_off);
    }
    io_uring_sqe_set_data(sqe, r);
    uring.flying++;
    /* When the kernel does not take it now, it lies in the queue and goes with the next one or when somebody reaps. */
    io_uring_submit(&uring.ring);
    return true;
}

void block_uring_reap(bool wait)
{
    struct io_uring_cqe *cqe;
    if (!uring.flying) {
        return;
    }
    if (io_uring_sq_ready(&uring.ring)) {
        io_uring_submit(&uring.ring);
    }
    if (wait) {
        while (io_uring_wait_cqe(&uring.ring, &cqe) == -EINTR) {
        }
    }
    while (io_uring_peek_cqe(&uring.ring, &cqe) == 0 && cqe) {
        BlockRequest *r = io_uring_cqe_get_data(cqe);
        int res = cqe->res;
        io_uring_cqe_seen(&uring.ring, cqe);
        uring.flying--;
        bool again = res == -EINTR || res == -EAGAIN || (res >= 0 && (size_t)res != r->len);
        r->done(r, again ? -EAGAIN : res < 0 ? res : 0);
    }
}
