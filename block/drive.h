/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives as the command line and the monitor make them.  Main thread, under the big lock.
 */
#ifndef BLOCK_DRIVE_H
#define BLOCK_DRIVE_H

#include "block/blk.h"

struct KeyVal;

typedef enum DriveIf { DRIVE_IF_DEFAULT, DRIVE_IF_IDE, DRIVE_IF_FLOPPY, DRIVE_IF_VIRTIO, DRIVE_IF_SCSI, DRIVE_IF_NONE,
                       DRIVE_IF_PFLASH, DRIVE_IF_COUNT } DriveIf;

/* A -drive: what it is and where it shall go. */
typedef struct Drive {
    Blk *blk;
    char *id;
    DriveIf interface;
    int bus, unit, index; /* -1: not given */
    bool cdrom;           /* media=cdrom */
    bool snapshot;
    bool anonymous;       /* made for a node: not known by a name of its own */
    bool claimed;         /* a device has it */
} Drive;

/* Opens one -drive argument's pairs: file, format, if, index, bus, unit, media, readonly, snapshot, id, cache, werror,
 * rerror, serial, aio, discard, detect-zeroes.  Without file: an empty drive (cdrom and floppy only).
 * @snapshot_all is -snapshot.  The format of a writable image is never probed from its data: without format=
 * an image that is not of a known format is taken as raw with writes to sector 0 that would look like another format refused. */
Drive *drive_open(struct KeyVal *kv, bool snapshot_all, Error **errp);
Drive *drive_find(const char *id);
Drive *drive_get(DriveIf interface, int index);  /* by -drive index within its interface; NULL: none */
void drive_each(void (*fn)(void *opaque, Drive *d), void *opaque);
void drive_close_all(void); /* drains, flushes, closes */

/* The drive of a device that names a node instead: made at first use.  NULL and *errp: the node is somebody else's. */
Drive *drive_for_node(const char *node_name, Error **errp);

/* -blockdev: JSON or key=value; see image.h.  The node lives until blockdev_del or the end. */
bool blockdev_add(const char *text, Error **errp);
bool blockdev_del(const char *node_name, Error **errp);

/* Monitor. */
bool drive_change_medium(Drive *d, const char *file, const char *format, bool force, Error **errp);
bool drive_eject(Drive *d, bool force, Error **errp);
/* block_set_io_throttle: bps, bps_rd, bps_wr, iops, iops_rd, iops_wr; 0: no limit. */
bool drive_set_throttle(Drive *d, const uint64_t limits[6], Error **errp);
void drive_print_info(GString *out); /* info block, in QEMU's shape */

#endif
