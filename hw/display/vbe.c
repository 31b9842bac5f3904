/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Bochs VBE display interface.  See vbe.h. */
#include "util/osdep.h"
#include "hw/display/vbe.h"

static unsigned vbe_bytes(unsigned bpp)
{
    return bpp == 4 ? 0 : (bpp + 7) / 8;
}

uint32_t vbe_stride(const Vbe *v)
{
    unsigned bpp = v->regs[VBE_BPP];

    return bpp == 4 ? v->regs[VBE_VIRT_WIDTH] / 8u : (uint32_t)v->regs[VBE_VIRT_WIDTH] * vbe_bytes(bpp);
}

static uint32_t vbe_lines(const Vbe *v)
{
    uint32_t stride = vbe_stride(v) * (v->regs[VBE_BPP] == 4 ? 4u : 1u);

    return stride ? MIN(v->vram_size / stride, 0xffffu) : 0;
}

/* Makes the geometry registers agree with each other and with video memory. */
static void vbe_fix(Vbe *v)
{
    uint16_t *r = v->regs;
    unsigned bpp = r[VBE_BPP];

    if (bpp != 4 && bpp != 8 && bpp != 15 && bpp != 16 && bpp != 24 && bpp != 32) {
        bpp = r[VBE_BPP] = 8;
    }
    r[VBE_XRES] = (uint16_t)CLAMP(r[VBE_XRES] & ~7, 8, VBE_MAX_XRES);
    r[VBE_YRES] = (uint16_t)CLAMP(r[VBE_YRES], 1, VBE_MAX_YRES);
    uint32_t max_width = bpp == 4 ? VBE_MAX_XRES * 2u : v->vram_size / vbe_bytes(bpp);

    r[VBE_VIRT_WIDTH] = (uint16_t)CLAMP(r[VBE_VIRT_WIDTH] & ~7u, r[VBE_XRES], MAX(MIN(max_width, 0xfff8u), r[VBE_XRES]));
    uint32_t lines = vbe_lines(v);

    if (!lines) { /* one line does not fit: the smallest mode does */
        r[VBE_XRES] = r[VBE_VIRT_WIDTH] = 640;
        lines = vbe_lines(v);
    }
    r[VBE_VIRT_HEIGHT] = (uint16_t)lines;
    r[VBE_YRES] = (uint16_t)MIN(r[VBE_YRES], lines);
    r[VBE_X_OFFSET] = (uint16_t)MIN(r[VBE_X_OFFSET], r[VBE_VIRT_WIDTH] - r[VBE_XRES]);
    r[VBE_Y_OFFSET] = (uint16_t)MIN((uint32_t)r[VBE_Y_OFFSET], lines - r[VBE_YRES]);
}

static void vbe_enable(Vbe *v, uint16_t val)
{
    if ((val & VBE_ENABLED) && !vbe_on(v)) {
        v->regs[VBE_VIRT_WIDTH] = v->regs[VBE_XRES];
        v->regs[VBE_X_OFFSET] = v->regs[VBE_Y_OFFSET] = 0;
        vbe_fix(v);
        if (!(val & VBE_NOCLEAR)) {
            uint64_t bytes = (uint64_t)vbe_stride(v) * v->regs[VBE_YRES] * (v->regs[VBE_BPP] == 4 ? 4 : 1);

            memset(mem_ram_ptr(v->vram), 0, MIN(bytes, v->vram_size));
            mem_set_dirty(v->vram, 0, MIN(bytes, v->vram_size));
        }
    } else if (!(val & VBE_ENABLED)) {
        v->regs[VBE_BANK] = 0;
    }
    v->regs[VBE_ENABLE] = val;
}

uint16_t vbe_read(const Vbe *v, unsigned index)
{
    if (index >= VBE_REGS) {
        return 0;
    }
    if (v->regs[VBE_ENABLE] & VBE_GETCAPS) {
        switch (index) {
        case VBE_XRES: return VBE_MAX_XRES;
        case VBE_YRES: return VBE_MAX_YRES;
        case VBE_BPP: return 32;
        default: break;
        }
    }
    return index == VBE_VIDEO_MEMORY_64K ? (uint16_t)(v->vram_size / 0x10000) : v->regs[index];
}

void vbe_write(Vbe *v, unsigned index, uint16_t val)
{
    switch (index) {
    case VBE_ID:
        if (val >= 0xb0c0 && val <= VBE_ID5) {
            v->regs[VBE_ID] = val;
        }
        break;
    case VBE_XRES: case VBE_YRES: case VBE_BPP: case VBE_VIRT_WIDTH: case VBE_X_OFFSET: case VBE_Y_OFFSET:
        v->regs[index] = val;
        if (vbe_on(v)) {
            vbe_fix(v);
        }
        break;
    case VBE_BANK:
        v->regs[index] = (uint16_t)(val & (v->vram_size / 0x10000 - 1));
        break;
    case VBE_ENABLE:
        vbe_enable(v, val);
        break;
    default:
        break;
    }
}

bool vbe_fb_mode(const Vbe *v, FbMode *m)
{
    const uint16_t *r = v->regs;
    unsigned bpp = r[VBE_BPP];

    if (!vbe_on(v) || bpp == 4) {
        return false;
    }
    memset(m, 0, sizeof(*m));
    m->width = r[VBE_XRES];
    m->height = r[VBE_YRES];
    m->bits = (uint8_t)bpp;
    m->swapped = v->big_endian;
    m->stride = vbe_stride(v);
    m->offset = (uint64_t)r[VBE_Y_OFFSET] * m->stride + (uint64_t)r[VBE_X_OFFSET] * vbe_bytes(bpp);
    return true;
}

void vbe_reset(Vbe *v)
{
    memset(v->regs, 0, sizeof(v->regs));
    v->index = 0;
    v->regs[VBE_ID] = VBE_ID5;
    v->big_endian = false;
}

static bool vbe_post_load(void *opaque, int version, Error **errp)
{
    Vbe *v = opaque;
    uint16_t before[VBE_REGS];

    (void)version;
    if (v->regs[VBE_BANK] >= v->vram_size / 0x10000) {
        error_set(errp, "VBE: bank %u is beyond video memory of %u KiB", v->regs[VBE_BANK], v->vram_size / 1024);
        return false;
    }
    memcpy(before, v->regs, sizeof(before));
    if (vbe_on(v)) {
        vbe_fix(v);
    }
    if (memcmp(before, v->regs, sizeof(before))) {
        error_set(errp, "VBE: a mode of %u x %u with %u bits a pixel does not fit video memory of %u KiB", before[VBE_XRES],
                  before[VBE_YRES], before[VBE_BPP], v->vram_size / 1024);
        return false;
    }
    return true;
}

const VMState vbe_state = {
    .name = "vbe",
    .version = 1,
    .fields = (const VMStateField[]){ VMS_UINT(Vbe, index), VMS_UINT_ARRAY(Vbe, regs), VMS_UINT(Vbe, big_endian), VMS_END },
    .post_load = vbe_post_load,
};
