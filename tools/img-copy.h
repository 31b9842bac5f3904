/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine of convert: copies what is in the sources, joined end to end, into a target, with several threads. */
#ifndef TOOLS_IMG_COPY_H
#define TOOLS_IMG_COPY_H

#include "tools/tool.h"

typedef struct ImgCopy {
    BlockNode **src;
    unsigned sources;
    BlockNode *dst;
    bool only_top;      /* the target has a backing file: only what the top layers of the sources have */
    bool dst_zero;      /* the target reads as zeros where nothing was written */
    bool compressed;
    bool out_of_order;  /* -W */
    bool offload;       /* -C */
    bool salvage, quiet; /* read errors become zeros; and are not told */
    uint64_t sparse;    /* a run of zeros of at least this many bytes is left out; 0: nothing is looked for */
    uint64_t cluster;   /* of the target; 0: none */
    uint64_t rate;      /* bytes a second at most; 0: as fast as it goes */
    unsigned threads;
    ToolProgress *progress;
} ImgCopy;

bool img_copy(const ImgCopy *c, Error **errp);

#endif
