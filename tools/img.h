/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of rhea-img; each is a row of the table in rhea-img.c.  Exit statuses are those of qemu-img. */
#ifndef TOOLS_IMG_H
#define TOOLS_IMG_H

#include "tools/tool.h"

extern const ToolCommand img_amend, img_bench, img_bitmap, img_check, img_commit, img_compare, img_convert, img_create, img_dd, img_info,
    img_map, img_measure, img_rebase, img_resize, img_snapshot;

/* Rows that several commands have. */
#define IMG_OBJECT { 0, "object", "OBJECTDEF", "a secret for encrypted images: secret,id=ID,file=FILE" }
#define IMG_IMAGE_OPTS { 0, "image-opts", NULL, "the file name is a list of options: driver=qcow2,file.filename=NAME" }
#define IMG_FORMAT { 'f', "format", "FMT", "format of the image; guessed when it is not said" }
#define IMG_QUIET { 'q', "quiet", NULL, "print errors only" }
#define IMG_PROGRESS { 'p', "progress", NULL, "show how far it is" }
#define IMG_CACHE { 't', NULL, "CACHE", "cache mode of the image that is written: none, writeback, writethrough, directsync, unsafe" }
#define IMG_SOURCE_CACHE { 'T', NULL, "SRC_CACHE", "cache mode of the images that are read" }
#define IMG_SHARE { 'U', "force-share", NULL, "open it beside a running writer" }
#define IMG_OUTPUT { 0, "output", "OFMT", "human or json" }
#define IMG_END { 0, NULL, NULL, NULL }

/* Opens for reading (by -T) or writing (by -t); the Errors are for people. */
BlockNode *img_open_source(const ToolArgs *a, const char *name, const char *format, Error **errp);
BlockNode *img_open_target(const ToolArgs *a, const char *name, const char *format, Error **errp);
/* "-o help": prints the options (of the file too when @filename is given) and is true. */
bool img_options_help(const ToolArgs *a, const BlockDriver *format, const char *filename, bool amend);
/* Prints the "Formatting ..." line and creates. */
bool img_create_image(const char *filename, const BlockDriver *format, struct KeyVal *opts, bool quiet, Error **errp);
/* "snapshot.id=..,snapshot.name=.." or a name: loads it. */
bool img_load_snapshot(BlockNode *n, const char *param, Error **errp);

/* A new image on a plain file reads as zeros; one on a device has what was there before. */
bool img_fresh_is_zero(const BlockNode *n);
bool img_is_plain_file(const char *filename);

#endif
