/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of qcow2-zstd.c where the build has no libzstd. */
#include "util/osdep.h"
#include "block/qcow2-int.h"

bool qcow2_zstd_available(Error **errp)
{
    error_set(errp, "this build of Rhea cannot compress with zstd");
    error_add_hint(errp, "Install libzstd-dev and configure again, or use compression_type=zlib.");
    return false;
}

ssize_t qcow2_zstd_compress(void *out, size_t room, const void *in, size_t len)
{
    (void)out;
    (void)room;
    (void)in;
    (void)len;
    return -ENOTSUP;
}

int qcow2_zstd_decompress(void *out, size_t len, const void *in, size_t in_len)
{
    (void)out;
    (void)len;
    (void)in;
    (void)in_len;
    return -ENOTSUP;
}
