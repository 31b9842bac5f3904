/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vc: a text console inside a display.  The terminal is made by whoever set the hooks (start-up joins chardev and ui); without
 * them it takes everything and gives nothing.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "chardev/char-int.h"

enum { VC_TYPED_MAX = 4096 }; /* bytes that wait for the front end */

typedef struct VcChardev {
    Chardev chr;
    void *terminal;    /* of the hooks; NULL: none */
    GByteArray *typed; /* that the front end did not take yet */
} VcChardev;

static const CharVcHooks *vc_hooks;

void char_set_vc_hooks(const CharVcHooks *hooks)
{
    vc_hooks = hooks;
}

static VcChardev *vc_of(Chardev *c)
{
    return container_of(c, VcChardev, chr);
}

static void vc_flush(Chardev *c)
{
    VcChardev *v = vc_of(c);

    while (v->typed->len) {
        size_t n = MIN(char_be_can_receive(c), v->typed->len);
        uint8_t part[256];

        n = MIN(n, sizeof(part));
        if (!n) {
            break;
        }
        memcpy(part, v->typed->data, n); /* the front end may close us */
        g_byte_array_remove_range(v->typed, 0, (guint)n);
        char_be_receive(c, part, n);
    }
}

void char_vc_typed(Chardev *c, const char *bytes, size_t len)
{
    VcChardev *v = vc_of(c);

    if (v->typed->len + len <= VC_TYPED_MAX) {
        g_byte_array_append(v->typed, (const uint8_t *)bytes, (guint)len);
    }
    vc_flush(c);
}

static bool vc_open(Chardev *c, KeyVal *kv, Error **errp)
{
    VcChardev *v = vc_of(c);
    uint64_t cols = 0, rows = 0, width = 0, height = 0;

    v->typed = g_byte_array_new();
    if (!keyval_get_uint(kv, "cols", 2, 500, &cols, errp) || !keyval_get_uint(kv, "rows", 2, 300, &rows, errp) ||
        !keyval_get_uint(kv, "width", 16, 4000, &width, errp) || !keyval_get_uint(kv, "height", 32, 4800, &height, errp)) {
        return false;
    }
    if (vc_hooks) {
        v->terminal = vc_hooks->open(c, (int)(cols ? cols : width / 8), (int)(rows ? rows : height / 16));
    }
    char_be_event(c, CHAR_EV_OPENED);
    return true;
}

static void vc_close(Chardev *c)
{
    VcChardev *v = vc_of(c);

    if (v->terminal) {
        vc_hooks->close(v->terminal);
    }
    if (v->typed) {
        g_byte_array_unref(v->typed);
    }
}

static size_t vc_write(Chardev *c, const uint8_t *buf, size_t len)
{
    VcChardev *v = vc_of(c);

    if (v->terminal) {
        vc_hooks->write(v->terminal, buf, len);
    }
    return len;
}

static const char *const vc_keys[] = { "width", "height", "cols", "rows", NULL };
const ChardevClass chardev_vc = {
    .name = "vc",
    .help = "a text console in the display's window",
    .keys = vc_keys,
    .size = sizeof(VcChardev),
    .open = vc_open,
    .close = vc_close,
    .write = vc_write,
    .accept_input = vc_flush,
};
