/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: compression_type=zlib (raw deflate), by libdeflate.  Each thread keeps its compressor and decompressor. */
#include "util/osdep.h"
#include "block/qcow2-int.h"

#include <libdeflate.h>

enum { LEVEL = 6 };

static void deflate_free_c(gpointer p)
{
    libdeflate_free_compressor(p);
}

static void deflate_free_d(gpointer p)
{
    libdeflate_free_decompressor(p);
}

static GPrivate deflate_c = G_PRIVATE_INIT(deflate_free_c), deflate_d = G_PRIVATE_INIT(deflate_free_d);

ssize_t qcow2_deflate(void *out, size_t room, const void *in, size_t len)
{
    struct libdeflate_compressor *c = g_private_get(&deflate_c);
    if (!c) {
        c = libdeflate_alloc_compressor(LEVEL);
        g_private_set(&deflate_c, c);
    }
    size_t n = c ? libdeflate_deflate_compress(c, in, len, out, room) : 0;
    return !c ? -ENOMEM : n ? (ssize_t)n : -ENOSPC;
}

/* What is behind the stream (in its last sector) is something else's. */
int qcow2_inflate(void *out, size_t len, const void *in, size_t in_len)
{
    struct libdeflate_decompressor *d = g_private_get(&deflate_d);
    if (!d) {
        d = libdeflate_alloc_decompressor();
        g_private_set(&deflate_d, d);
    }
    size_t used, made;
    if (!d) {
        return -ENOMEM;
    }
    return libdeflate_deflate_decompress_ex(d, in, in_len, out, len, &used, &made) == LIBDEFLATE_SUCCESS && made == len ? 0 : -EIO;
}
