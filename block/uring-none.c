/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of uring.c where liburing was missing. */
#include "util/osdep.h"
#include "block/block-int.h"

bool block_uring_usable(Error **errp)
{
    error_set(errp, "this Rhea was built without io_uring, which aio=io_uring and aio=native use");
    error_add_hint(errp, "Use aio=threads, or install liburing-dev, run ./configure and build again.");
    return false;
}

bool block_uring_submit(int fd, BlockRequest *r, uint64_t file_off)
{
    (void)fd;
    (void)r;
    (void)file_off;
    return false;
}

void block_uring_reap(bool wait)
{
    (void)wait;
}
