/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the drive files: what a -drive's image options say (drive-image.c), used by drive.c.  Main thread. */
#ifndef BLOCK_DRIVE_INT_H
#define BLOCK_DRIVE_INT_H

#include "block/block-int.h"
#include "block/drive.h"
#include "block/throttle.h"

/* An image to open, as the options describe it; strings belong to the KeyVal or the caller. */
typedef struct DriveImage {
    const char *file;   /* name of a file or of a node; NULL: what @rest says */
    const char *format; /* NULL: not said */
    bool none;          /* no medium */
    bool snapshot;
    unsigned detect_zeroes; /* 0 off, 1 on, 2 unmap */
    ThrottleConfig throttle;
    const char *throttle_group; /* NULL: one of its own */
    KeyVal *rest;       /* the drivers' own options; may be NULL */
    BlockOpen how;
} DriveImage;

/* Reads (and marks as used) all keys about the image, its caching and its errors; fills @blk too.  The keys that are then left are the
 * image's: img->rest, which the caller frees. */
bool drive_image_options(KeyVal *kv, DriveImage *img, BlkConfig *blk, Error **errp);
/* For an empty drive: options of an image are an error. */
bool drive_image_no_leftovers(const DriveImage *img, Error **errp);
/* The chain of nodes. NULL and *errp on failure. */
BlockNode *drive_image_open(const DriveImage *img, Error **errp);

/* blockdev.c: drops the user's references. */
void blockdev_del_all(void);

/* The list, in order of creation. */
GPtrArray *drive_list(void);

#endif
