/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of block drivers.  Filled by constructors, read in the main thread. */
#include "util/osdep.h"
#include "block/block-int.h"

enum { DRIVER_MAX = 64 };
static BlockDriver *drivers[DRIVER_MAX]; /* sorted by name */
static unsigned driver_count;

void block_driver_register(BlockDriver *drv)
{
    assert(driver_count < DRIVER_MAX);
    unsigned i = driver_count++;
    for (; i > 0 && strcmp(drivers[i - 1]->name, drv->name) > 0; i--) {
        drivers[i] = drivers[i - 1];
    }
    drivers[i] = drv;
}

const BlockDriver *block_driver_find(const char *name)
{
    for (unsigned i = 0; i < driver_count; i++) {
        if (!strcmp(drivers[i]->name, name)) {
            return drivers[i];
        }
    }
    return NULL;
}

const BlockDriver *block_driver_next(const BlockDriver *after)
{
    unsigned i = 0;
    while (after && i < driver_count && drivers[i++] != after) {
    }
    return i < driver_count ? drivers[i] : NULL;
}

const char *block_driver_name(const BlockDriver *drv)
{
    return drv->name;
}

bool block_driver_is_protocol(const BlockDriver *drv)
{
    return drv->protocol;
}

const BlockOpt *block_driver_create_opts(const BlockDriver *drv)
{
    return drv->format ? drv->format->create_opts : NULL;
}

const BlockOpt *block_driver_amend_opts(const BlockDriver *drv)
{
    return drv->format ? drv->format->amend_opts : NULL;
}

const BlockOpt *block_driver_open_opts(const BlockDriver *drv)
{
    return drv->options;
}
