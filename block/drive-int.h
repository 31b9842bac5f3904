/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the drive files: what a -drive's image options say (drive-image.c), used by drive.c.  Main thread. */
#ifndef BLOCK_DRIVE_INT_H
#define BLOCK_DRIVE_INT_H

#include "block/block-int.h"
#include "block/drive.h"

/* An image to open, as the options describe it; strings belong to the KeyVal or the caller. */
typedef struct DriveImage {
    const char *file;   /* NULL: no medium */
    const char *format; /* NULL: not said */
    bool snapshot;
    bool detect_zeroes_unmap;
    uint64_t offset, size; /* of a window; UINT64_MAX: to the end */
    const char *node_name;
    BlockOpen how;
} DriveImage;

/* Reads (and marks as used) all keys about the image, its caching and its errors; fills @blk too. */
bool drive_image_options(KeyVal *kv, DriveImage *img, BlkConfig *blk, Error **errp);
/* The chain of nodes. NULL and *errp on failure. */
BlockNode *drive_image_open(const DriveImage *img, Error **errp);
/* For "Did you mean": all keys that -drive takes. */
extern const char *const drive_keys[];

/* The list, in order of creation. */
GPtrArray *drive_list(void);

#endif
