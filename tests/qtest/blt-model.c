/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See blt-model.h. */
#include "util/osdep.h"
#include "tests/qtest/blt-model.h"

const uint8_t blt_model_rops[16] = { 0x00, 0x90, 0x50, 0xd0, 0x09, 0x0b, 0x59, 0xda, 0x05, 0x95, 0x06, 0xd6, 0x0d, 0xad, 0x6d, 0x0e };

/* The table above is sorted by truth table: bit (2 * source + destination) of an entry's place is the result. */
static int rop_bit(uint8_t rop, int s, int d)
{
    for (int i = 0; i < 16; i++) {
        if (blt_model_rops[i] == rop) {
            return i >> (s * 2 + d) & 1;
        }
    }
    return d;
}

static uint8_t rop_byte(uint8_t rop, uint8_t s, uint8_t d)
{
    int r = 0;

    for (int i = 0; i < 8; i++) {
        r |= rop_bit(rop, s >> i & 1, d >> i & 1) << i;
    }
    return (uint8_t)r;
}

static unsigned pixel_bytes(const BltModel *b)
{
    return 1 + (b->mode >> 4) % 4;
}

static unsigned expanded_line(const BltModel *b)
{
    unsigned pixels = (b->width + pixel_bytes(b) - 1) / pixel_bytes(b);
    unsigned unit = b->ext & 1 ? 32 : 8;

    return (pixels + unit - 1) / unit * unit / 8;
}

static unsigned system_line(const BltModel *b)
{
    return b->mode & 0x80 ? expanded_line(b) : (b->width + 3) / 4 * 4;
}

size_t blt_model_system_size(const BltModel *b)
{
    return b->mode & 4 ? (size_t)system_line(b) * b->height : 0;
}

/* The source's byte for column @x (in bytes), line @y; *skip: it is not written. */
static uint8_t source_byte(const BltModel *b, const uint8_t *memory, unsigned x, unsigned y, bool *skip)
{
    unsigned bytes = pixel_bytes(b), pixel = x / bytes, part = x % bytes;
    bool pattern = b->mode & 0x40, expand = b->mode & 0x80, from_cpu = b->mode & 4;

    *skip = false;
    if (pattern && expand && (b->ext & 4)) {
        return (uint8_t)(b->fg >> 8 * part);
    }
    if (expand) {
        const uint8_t *line = from_cpu ? b->system + (size_t)y * system_line(b)
                              : pattern ? memory + b->src / 8 * 8 + (b->src + y) % 8
                                        : memory + b->src + (size_t)y * expanded_line(b);
        bool one = line[pattern ? 0 : pixel / 8] & 0x80 >> pixel % 8;

        if (b->mode & 8) { /* transparent: ones, or zeros when inverted */
            *skip = b->ext & 2 ? one : !one;
        }
        *skip |= bytes == 3 ? x < (b->skip & 31u) : pixel < (b->skip & 7u);
        return (uint8_t)((one ? b->fg : b->bg) >> 8 * part);
    }
    if (pattern) {
        unsigned row = bytes == 3 ? 32 : 8 * bytes, all = bytes == 3 ? 256 : 64 * bytes;

        return memory[b->src / all * all + (b->src + y) % 8 * row + x % (8 * bytes)];
    }
    return from_cpu ? b->system[(size_t)y * system_line(b) + x] : memory[b->src + (size_t)y * b->src_pitch + x];
}

static void backwards(const BltModel *b, uint8_t *memory)
{
    unsigned step = (b->mode & 8) && pixel_bytes(b) == 2 ? 2 : 1;
    bool keyed = (b->mode & 8) && pixel_bytes(b) <= 2;

    for (unsigned y = 0; y < b->height; y++) {
        for (unsigned x = 0; x < b->width; x += step) {
            uint8_t *d = memory + b->dst - (size_t)y * b->dst_pitch - x, r[2];
            const uint8_t *s = memory + b->src - (size_t)y * b->src_pitch - x;

            r[0] = rop_byte(b->rop, s[0], d[0]);
            r[1] = step == 2 ? rop_byte(b->rop, s[-1], d[-1]) : 0;
            if (keyed && (step == 2 ? (r[0] << 8 | r[1]) == b->key : r[0] == (b->key & 0xff))) {
                continue;
            }
            d[0] = r[0];
            if (step == 2) {
                d[-1] = r[1];
            }
        }
    }
}

void blt_model_run(const BltModel *b, uint8_t *memory)
{
    bool keyed = (b->mode & 0xc8) == 8 && pixel_bytes(b) <= 2;

    if (b->mode & 1) {
        backwards(b, memory);
        return;
    }
    for (unsigned y = 0; y < b->height; y++) {
        for (unsigned x = 0; x < b->width; x++) {
            uint8_t *d = memory + b->dst + (size_t)y * b->dst_pitch + x, result;
            bool skip, skip2;

            result = rop_byte(b->rop, source_byte(b, memory, x, y, &skip), *d);
            if (keyed && pixel_bytes(b) == 1) {
                skip = result == (b->key & 0xff);
            } else if (keyed) { /* both bytes at once */
                uint8_t high = rop_byte(b->rop, source_byte(b, memory, x + 1, y, &skip2), d[1]);

                if ((high << 8 | result) != b->key) {
                    d[0] = result;
                    d[1] = high;
                }
                x++;
                continue;
            }
            if (!skip) {
                *d = result;
            }
        }
    }
}
