/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null: takes everything, gives nothing.  vc: a display's text console; nothing shows it while there is no display. */
#include "util/osdep.h"
#include "chardev/char-int.h"

static bool null_open(Chardev *c, KeyVal *kv, Error **errp)
{
    (void)kv;
    (void)errp;
    char_be_event(c, CHAR_EV_OPENED);
    return true;
}

static bool null_open_vc(Chardev *c, KeyVal *kv, Error **errp)
{
    for (const char *const *k = c->cls->keys; *k; k++) {
        keyval_get(kv, *k);
    }
    return null_open(c, kv, errp);
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

static const char *const null_vc_keys[] = { "width", "height", "cols", "rows", NULL };
const ChardevClass chardev_vc = {
    .name = "vc",
    .help = "a text console in the display's window (as null while there is no display)",
    .keys = null_vc_keys,
    .size = sizeof(Chardev),
    .open = null_open_vc,
    .close = null_close,
    .write = null_write,
};
