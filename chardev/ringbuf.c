/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ringbuf: keeps the last bytes of output for the monitor's ringbuf_read.  Main thread, big lock. */
#include "util/osdep.h"
#include "chardev/char-int.h"

#define RINGBUF_MAX (64 * MiB)

typedef struct RingbufChardev {
    Chardev chr;
    uint8_t *data;
    size_t size;      /* a power of two */
    size_t head, num; /* oldest byte, bytes held */
} RingbufChardev;

static bool ringbuf_open(Chardev *c, KeyVal *kv, Error **errp)
{
    RingbufChardev *r = container_of(c, RingbufChardev, chr);
    uint64_t size = 65536;
    if (!keyval_get_size(kv, "size", &size, errp)) {
        return false;
    }
    if (!is_pow2(size) || size > RINGBUF_MAX) {
        error_set(errp, "character device '%s': a ring buffer's size must be a power of two up to 64M, not %" PRIu64,
                  c->label, size);
        return false;
    }
    r->size = size;
    r->data = g_malloc(size);
    char_be_event(c, CHAR_EV_OPENED);
    return true;
}

static void ringbuf_close(Chardev *c)
{
    g_free(container_of(c, RingbufChardev, chr)->data);
}

static size_t ringbuf_write(Chardev *c, const uint8_t *buf, size_t len)
{
    RingbufChardev *r = container_of(c, RingbufChardev, chr);
    for (size_t i = 0; i < len; i++) {
        r->data[(r->head + r->num) & (r->size - 1)] = buf[i];
        if (r->num < r->size) {
            r->num++;
        } else {
            r->head = (r->head + 1) & (r->size - 1);
        }
    }
    return len;
}

static const char *const ringbuf_keys[] = { "size", NULL };
const ChardevClass chardev_ringbuf = {
    .name = "ringbuf",
    .alias = "memory",
    .help = "keeps the last bytes of output for ringbuf_read",
    .keys = ringbuf_keys,
    .size = sizeof(RingbufChardev),
    .open = ringbuf_open,
    .close = ringbuf_close,
    .write = ringbuf_write,
};

static bool ringbuf_check(Chardev *chr, Error **errp)
{
    if (chr->cls != &chardev_ringbuf) {
        error_set(errp, "character device '%s' is no ring buffer", chr->label);
        return false;
    }
    return true;
}

bool char_ringbuf_read(Chardev *chr, size_t max, GString *out, Error **errp)
{
    if (!ringbuf_check(chr, errp)) {
        return false;
    }
    RingbufChardev *r = container_of(chr, RingbufChardev, chr);
    for (; r->num && max; max--) {
        g_string_append_c(out, (char)r->data[r->head]);
        r->head = (r->head + 1) & (r->size - 1);
        r->num--;
    }
    return true;
}

bool char_ringbuf_write(Chardev *chr, const void *buf, size_t len, Error **errp)
{
    if (!ringbuf_check(chr, errp)) {
        return false;
    }
    ringbuf_write(chr, buf, len);
    return true;
}
