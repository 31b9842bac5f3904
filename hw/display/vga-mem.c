/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU's window to video memory at 0xa0000: planes, latches, write modes (IBM PS/2 Hardware Interface Technical Reference,
 * Video Subsystem, "Graphics Controller Registers").  In a VBE mode it is a 64 KiB bank of linear memory.
 */
#include "util/osdep.h"
#include "hw/display/vga-int.h"

/* Offset within the part of the window that is mapped, or -1. */
static int64_t window_offset(const Vga *v, hwaddr off)
{
    switch (v->gfx[GFX_MISC] >> 2 & 3) {
    case 0: return (int64_t)off;
    case 1: return off < 0x10000 ? (int64_t)off : -1;
    case 2: return off >= 0x10000 && off < 0x18000 ? (int64_t)off - 0x10000 : -1;
    default: return off >= 0x18000 ? (int64_t)off - 0x18000 : -1;
    }
}

static bool window_chain4(const Vga *v)
{
    return v->seq[SEQ_MEMORY] & 8;
}

static bool window_odd_even(const Vga *v)
{
    return !(v->seq[SEQ_MEMORY] & 4);
}

uint8_t vga_window_read(Vga *v, hwaddr off, uint32_t bank)
{
    int64_t at = window_offset(v, off);

    if (at < 0) {
        return 0xff;
    }
    unsigned a = (unsigned)at + bank, plane = v->gfx[GFX_READ_MAP] & 3;
    bool chained = window_chain4(v);

    if (chained) {
        plane = a & 3;
        a &= ~3u;
    } else if (v->gfx[GFX_MODE] & 0x10) { /* odd/even addressing: A0 chooses the plane */
        plane = (plane & 2) | (a & 1);
        a &= ~1u;
    }
    for (unsigned p = 0; p < 4; p++) {
        v->latch[p] = *vga_plane(v, p, a);
    }
    if (!(v->gfx[GFX_MODE] & 8) || chained) {
        return v->latch[plane];
    }
    uint8_t differ = 0; /* read mode 1: bits whose colour equals the compare register on the planes that matter */

    for (unsigned p = 0; p < 4; p++) {
        if (v->gfx[GFX_DONT_CARE] & 1u << p) {
            differ |= (uint8_t)(v->latch[p] ^ (v->gfx[GFX_COMPARE] & 1u << p ? 0xff : 0));
        }
    }
    return (uint8_t)~differ;
}

static uint8_t rotate_right(uint8_t b, unsigned n)
{
    return (uint8_t)(b >> n | b << ((8 - n) & 7));
}

/* What plane @p gets before the logical function and the bit mask, and in *mask which bits. */
static uint8_t write_data(const Vga *v, unsigned p, uint8_t val, uint8_t *mask)
{
    uint8_t rotated = rotate_right(val, v->gfx[GFX_ROTATE] & 7), sr = v->gfx[GFX_SET_RESET] & 1u << p ? 0xff : 0;

    *mask = v->gfx[GFX_BIT_MASK];
    switch (v->gfx[GFX_MODE] & 3) {
    case 0: return v->gfx[GFX_ENABLE_SR] & 1u << p ? sr : rotated;
    case 2: return val & 1u << p ? 0xff : 0;
    default:
        *mask &= rotated;
        return sr;
    }
}

static void write_plane(Vga *v, unsigned p, unsigned a, uint8_t val)
{
    uint8_t *dst = vga_plane(v, p, a), latch = v->latch[p], mask, data;

    if ((v->gfx[GFX_MODE] & 3) == 1) {
        *dst = latch;
        return;
    }
    data = write_data(v, p, val, &mask);
    switch (v->gfx[GFX_ROTATE] >> 3 & 3) {
    case 1: data &= latch; break;
    case 2: data |= latch; break;
    case 3: data ^= latch; break;
    default: break;
    }
    *dst = (uint8_t)((data & mask) | (latch & ~mask));
}

void vga_window_write(Vga *v, hwaddr off, uint8_t val, uint32_t bank)
{
    int64_t at = window_offset(v, off);

    if (at < 0) {
        return;
    }
    unsigned a = (unsigned)at + bank, planes = v->seq[SEQ_MAP_MASK];

    if (window_chain4(v)) {
        planes &= 1u << (a & 3);
        a &= ~3u;
    } else if (window_odd_even(v)) {
        planes &= a & 1 ? 0xau : 0x5u;
        a &= ~1u;
    }
    for (unsigned p = 0; p < 4; p++) {
        if (planes & 1u << p) {
            write_plane(v, p, a, val);
        }
    }
    mem_set_dirty(&v->vram, (hwaddr)(vga_plane(v, 0, a) - mem_ram_ptr(&v->vram)), 4);
    console_changed(v->console);
}

/* --- a plain VGA's window, with the banks of VBE -------------------------------------------------------------------------- */

static bool linear_window(const Vga *v)
{
    return vbe_on(&v->vbe) && !vbe_planar(&v->vbe);
}

static uint32_t bank_offset(const Vga *v, hwaddr off)
{
    return (uint32_t)((((uint32_t)v->vbe.regs[VBE_BANK] << 16) + (off & 0xffff)) & (v->vram_size - 1));
}

/* A VBE planar mode banks the planes' 64 KiB windows. */
static uint32_t plane_bank(const Vga *v)
{
    return vbe_on(&v->vbe) ? (uint32_t)v->vbe.regs[VBE_BANK] << 16 : 0;
}

static uint64_t window_read(void *opaque, hwaddr off, unsigned size)
{
    Vga *v = opaque;

    (void)size;
    return linear_window(v) ? mem_ram_ptr(&v->vram)[bank_offset(v, off)] : vga_window_read(v, off, plane_bank(v));
}

static void window_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Vga *v = opaque;

    (void)size;
    if (linear_window(v)) {
        mem_ram_ptr(&v->vram)[bank_offset(v, off)] = (uint8_t)val;
        mem_set_dirty(&v->vram, bank_offset(v, off), 1);
    } else {
        vga_window_write(v, off, (uint8_t)val, plane_bank(v));
    }
}

const MemOps vga_window_ops = { .read = window_read, .write = window_write, .max_size = 1 };
