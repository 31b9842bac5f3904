/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scattered buffers: total, parts, copies.  Any thread. */
#include "util/osdep.h"
#include "block/block-int.h"

size_t block_iov_size(const struct iovec *iov, int niov)
{
    size_t total = 0;
    for (int i = 0; i < niov; i++) {
        if (__builtin_add_overflow(total, iov[i].iov_len, &total)) {
            return SIZE_MAX;
        }
    }
    return total;
}

int block_iov_slice(struct iovec *out, const struct iovec *iov, int niov, size_t skip, size_t len)
{
    int n = 0;
    for (int i = 0; i < niov && len > 0; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        out[n].iov_base = (uint8_t *)iov[i].iov_base + skip;
        out[n].iov_len = MIN(iov[i].iov_len - skip, len);
        len -= out[n].iov_len;
        skip = 0;
        n++;
    }
    return n;
}

typedef enum IovWork { IOV_ZERO, IOV_TO, IOV_FROM } IovWork;

static void block_iov_walk(IovWork what, const struct iovec *iov, int niov, size_t skip, uint8_t *buf, size_t len)
{
    for (int i = 0; i < niov && len > 0; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        uint8_t *p = (uint8_t *)iov[i].iov_base + skip;
        size_t part = MIN(iov[i].iov_len - skip, len);
        if (what == IOV_ZERO) {
            memset(p, 0, part);
        } else if (what == IOV_TO) {
            memcpy(buf, p, part);
            buf += part;
        } else {
            memcpy(p, buf, part);
            buf += part;
        }
        len -= part;
        skip = 0;
    }
}

void block_iov_zero(const struct iovec *iov, int niov, size_t skip, size_t len)
{
    block_iov_walk(IOV_ZERO, iov, niov, skip, NULL, len);
}

void block_iov_from_buf(const struct iovec *iov, int niov, size_t skip, const void *buf, size_t len)
{
    block_iov_walk(IOV_FROM, iov, niov, skip, (uint8_t *)buf, len);
}

void block_iov_to_buf(const struct iovec *iov, int niov, size_t skip, void *buf, size_t len)
{
    block_iov_walk(IOV_TO, iov, niov, skip, buf, len);
}

bool block_is_zero(const void *buf, size_t len)
{
    const uint8_t *p = buf;
    return len == 0 || (p[0] == 0 && p[len - 1] == 0 && p[len / 2] == 0 && !memcmp(p, p + 1, len - 1));
}
