/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null: takes everything, gives nothing. */
#include "util/osdep.h"
#include "chardev/char-int.h"

static bool null_open(Chardev *c, KeyVal *kv, Error **errp)
{
    (void)kv;
    (void)errp;
    char_be_event(c, CHAR_EV_OPENED);
    return true;
}

static void null_close(Chardev *c)
{
    (void)c;
}

static size_t null_write(Chardev *c, const uint8_t *buf, size_t len)
{
    (void)c;
    (void)buf;
    return len;
}

const ChardevClass chardev_null = {
    .name = "null",
    .help = "takes everything, gives nothing",
    .size = sizeof(Chardev),
    .open = null_open,
    .close = null_close,
    .write = null_write,
};
