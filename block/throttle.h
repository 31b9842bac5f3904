/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of requests: leaky buckets for bytes and requests, total, read and write, shared by the drives and nodes of a
 * group.  A bucket leaks at its average rate; with max it may be filled at up to that rate for max-length seconds.
 * Under the big lock, but for what is marked [any]; blk.c asks before it starts a request, the filter `throttle`
 * (throttle-node.c) where no drive is above it.
 */
#ifndef BLOCK_THROTTLE_H
#define BLOCK_THROTTLE_H

#include "block/image.h"

struct KeyVal;

typedef enum ThrottleKind { THROTTLE_BPS_TOTAL, THROTTLE_BPS_READ, THROTTLE_BPS_WRITE, THROTTLE_IOPS_TOTAL, THROTTLE_IOPS_READ,
                            THROTTLE_IOPS_WRITE, THROTTLE_KINDS } ThrottleKind;

typedef struct ThrottleLimit {
    uint64_t avg, max; /* a second; 0: no limit, no burst */
    uint64_t length;   /* of a burst, seconds; at least 1 */
} ThrottleLimit;

typedef struct ThrottleConfig {
    ThrottleLimit limit[THROTTLE_KINDS];
    uint64_t iops_size; /* a request counts once for each such part; 0: once */
} ThrottleConfig;

/* Reads throttling.bps-total and its kin (and the old names bps, iops_rd_max ...); absent keys leave 0. */
bool throttle_config_from_keyval(ThrottleConfig *c, struct KeyVal *kv, Error **errp);
bool throttle_config_check(ThrottleConfig *c, Error **errp);
bool throttle_config_on(const ThrottleConfig *c);
/* "bps=1 bps_rd=0 ...", as info block has it. */
void throttle_config_print(const ThrottleConfig *c, GString *out);

typedef struct ThrottleGroup ThrottleGroup;
/* -object throttle-group: id= (there, no other object's), x-iops-total= and its kin or limits.iops-total=; lives until all are dropped. */
bool throttle_group_add(struct KeyVal *kv, Error **errp);
void throttle_group_drop_all(void);
ThrottleGroup *throttle_group_find(const char *name); /* not referred to; NULL: there is none */
/* A member of the group; both are made at the first use. */
ThrottleGroup *throttle_group_ref(const char *name);
void throttle_group_unref(ThrottleGroup *g);
const char *throttle_group_name(const ThrottleGroup *g);
void throttle_group_set(ThrottleGroup *g, const ThrottleConfig *c); /* checked already; takes effect at once */
void throttle_group_get(ThrottleGroup *g, ThrottleConfig *c);

/* [any] ns until a request of this kind may start; 0: now. */
int64_t throttle_wait(ThrottleGroup *g, bool write, int64_t now_ns);
/* [any] It starts. */
void throttle_account(ThrottleGroup *g, bool write, uint64_t bytes, int64_t now_ns);

/* While one waits for a drive to be idle, requests that sleep in a filter go on at once. */
void throttle_node_hurry(bool on);
/*
 * A drive's image with a filter `throttle` on top (below other filters at most): with @lift the drive holds the
 * requests back itself, which costs no worker, and the filter lets all pass.  The group, referred to; NULL: no such
 * filter, or not @lift.
 */
ThrottleGroup *throttle_node_lift(BlockNode *n, bool lift);

#endif
