/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: compression_type=zlib by zlib itself, where the build has no libdeflate (which is about twice as fast). */
#include "util/osdep.h"
#include "block/qcow2-int.h"

#include <zlib.h>

enum { WINDOW_BITS = -12 }; /* raw deflate; the window that others write with */

ssize_t qcow2_deflate(void *out, size_t room, const void *in, size_t len)
{
    z_stream z = { .next_in = (void *)in, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)room };
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        return -ENOMEM;
    }
    int r = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return r == Z_STREAM_END ? (ssize_t)(room - z.avail_out) : -ENOSPC;
}

int qcow2_inflate(void *out, size_t len, const void *in, size_t in_len)
{
    z_stream z = { .next_in = (void *)in, .avail_in = (uInt)in_len, .next_out = out, .avail_out = (uInt)len };
    if (inflateInit2(&z, -15) != Z_OK) {
        return -ENOMEM;
    }
    int r = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return (r == Z_STREAM_END || r == Z_BUF_ERROR) && z.avail_out == 0 ? 0 : -EIO;
}
