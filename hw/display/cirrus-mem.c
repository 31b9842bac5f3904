/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the CPU reaches the CL-GD5446's video memory (Technical Reference Manual, chapters 4, 6 and 9): the window at 0xa0000 with its
 * two banks, the linear aperture of BAR 0 (and the aperture for BLT data above it), and registers in memory.
 *
 * While linear memory is just memory, CPUs write to it directly; when a BLT waits for data, or an extended write mode is on, each
 * access comes here.
 */
#include "util/osdep.h"
#include "hw/display/cirrus-int.h"

enum { BAR0_SIZE = 32 * 1024 * 1024, LINEAR_SIZE = 16 * 1024 * 1024, MMIO_SIZE = 0x1000, BLT_REGISTERS = 0x100,
       WINDOW_REGISTERS = 0x18000 };

/* --- pixels written by extended write modes 4 and 5 --------------------------------------------------------------------------- */

static bool extended_write(const Cirrus *c)
{
    return (c->vga.gfx[GR_MODE_EXT] & GR_EXT_WRITES) && (c->vga.gfx[GFX_MODE] & 6) == 4;
}

/* An address counts 8 bytes (BY8 addressing), or 16 where a pixel has two. */
static uint32_t extended_offset(const Cirrus *c, uint32_t off)
{
    uint8_t ext = c->vga.gfx[GR_MODE_EXT];

    if ((ext & (GR_EXT_WRITES | GR_EXT_16BIT)) == (GR_EXT_WRITES | GR_EXT_16BIT)) {
        return off << 4;
    }
    return ext & GR_EXT_BY8 ? off << 3 : off;
}

/* Eight pixels at @off: a one is the foreground, a zero is left alone (mode 4) or the background (mode 5). */
static void extended_pixels(Cirrus *c, uint32_t off, uint8_t bits)
{
    const uint8_t *g = c->vga.gfx;
    bool wide = g[GR_MODE_EXT] & GR_EXT_16BIT, background = g[GFX_MODE] & 1;
    unsigned pixel = wide ? 2 : 1;
    uint8_t *ram = mem_ram_ptr(&c->vga.vram);

    for (unsigned k = 0; k < 8; k++) {
        bool one = bits >> (7 - k) & 1;

        if (!one && !background) {
            continue;
        }
        for (unsigned n = 0; n < pixel; n++) {
            uint8_t fg = n ? g[GR_FG1] : g[GFX_ENABLE_SR], bg = n ? g[GR_BG1] : g[GFX_SET_RESET];

            ram[(off + k * pixel + n) & (c->vga.vram_size - 1)] = one ? fg : bg;
        }
    }
    mem_set_dirty(&c->vga.vram, off & (c->vga.vram_size - 1), 8 * pixel);
}

/* --- linear memory ---------------------------------------------------------------------------------------------------------- */

static uint8_t memory_read(Cirrus *c, uint32_t off)
{
    if (cirrus_blt_gives_data(c)) {
        return cirrus_blt_read(c);
    }
    return mem_ram_ptr(&c->vga.vram)[extended_offset(c, off) & (c->vga.vram_size - 1)];
}

/* @at: behind the extended addressing. */
static void vram_write(Cirrus *c, uint32_t at, uint8_t val)
{
    at &= c->vga.vram_size - 1;
    if (extended_write(c)) {
        extended_pixels(c, at, val);
    } else {
        mem_ram_ptr(&c->vga.vram)[at] = val;
        mem_set_dirty(&c->vga.vram, at, 1);
    }
    console_changed(c->vga.console);
}

static void memory_write(Cirrus *c, uint32_t off, uint8_t val)
{
    vram_write(c, extended_offset(c, off), val);
}

static uint64_t linear_read(void *opaque, hwaddr off, unsigned size)
{
    uint64_t val = 0;

    for (unsigned k = 0; k < size; k++) {
        val |= (uint64_t)memory_read(opaque, (uint32_t)off + k) << k * 8;
    }
    return val;
}

/* An access of the CPU to a BLT that waits for data; what is too much in its last one is dropped.  False: none waits. */
static bool blt_data(Cirrus *c, uint64_t val, unsigned size)
{
    bool wanted = cirrus_blt_wants_data(c);

    for (unsigned k = 0; k < size && cirrus_blt_wants_data(c); k++) {
        cirrus_blt_write(c, (uint8_t)(val >> k * 8));
    }
    return wanted;
}

static void linear_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    if (blt_data(opaque, val, size)) {
        return;
    }
    for (unsigned k = 0; k < size; k++) {
        memory_write(opaque, (uint32_t)off + k, (uint8_t)(val >> k * 8));
    }
}

static const MemOps linear_ops = { .read = linear_read, .write = linear_write, .max_size = 8, .unaligned = true };

/* The aperture for BLT data alone. */
static uint64_t blt_window_read(void *opaque, hwaddr off, unsigned size)
{
    Cirrus *c = opaque;
    uint64_t val = 0;

    (void)off;
    for (unsigned k = 0; k < size; k++) {
        val |= (uint64_t)(cirrus_blt_gives_data(c) ? cirrus_blt_read(c) : 0xff) << k * 8;
    }
    return val;
}

static void blt_window_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    (void)off;
    blt_data(opaque, val, size);
}

static const MemOps blt_window_ops = { .read = blt_window_read, .write = blt_window_write, .max_size = 8, .unaligned = true };

/* --- registers in memory ---------------------------------------------------------------------------------------------------- */

/* The graphics controller's register behind a byte of the BLT registers; 0: none. */
static unsigned blt_register(unsigned off)
{
    static const uint8_t map[0x41] = {
        [0x00] = GFX_SET_RESET, GR_BG1, GR_BG2, GR_BG3, GFX_ENABLE_SR, GR_FG1, GR_FG2, GR_FG3,
        [0x08] = GR_WIDTH, GR_WIDTH + 1, GR_HEIGHT, GR_HEIGHT + 1, GR_DST_PITCH, GR_DST_PITCH + 1, GR_SRC_PITCH, GR_SRC_PITCH + 1,
        [0x10] = GR_DST, GR_DST + 1, GR_DST + 2, 0, GR_SRC, GR_SRC + 1, GR_SRC + 2, GR_BLT_MASK,
        [0x18] = GR_BLT_MODE, 0, GR_BLT_ROP, GR_BLT_EXT, GR_KEY0, GR_KEY1,
        [0x40] = GR_BLT_START,
    };

    return off < sizeof(map) ? map[off] : 0;
}

static uint8_t blt_registers_read(Cirrus *c, unsigned off)
{
    unsigned index = blt_register(off);

    return off && !index ? 0xff : cirrus_gfx_read(c, index);
}

static void blt_registers_write(Cirrus *c, unsigned off, uint8_t val)
{
    unsigned index = blt_register(off);

    if (!off || index) {
        cirrus_gfx_write(c, index, val);
    }
}

static uint64_t linear_mmio_read(void *opaque, hwaddr off, unsigned size)
{
    (void)size;
    return blt_registers_read(opaque, (unsigned)off);
}

static void linear_mmio_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    (void)size;
    blt_registers_write(opaque, (unsigned)off, (uint8_t)val);
}

static const MemOps linear_mmio_ops = { .read = linear_mmio_read, .write = linear_mmio_write, .max_size = 1 };

/* BAR 1: VGA ports from 0x3c0 on, BLT registers from 0x100 on. */
static uint64_t mmio_read(void *opaque, hwaddr off, unsigned size)
{
    Cirrus *c = opaque;

    (void)size;
    if (off >= BLT_REGISTERS) {
        return blt_registers_read(c, (unsigned)off - BLT_REGISTERS);
    }
    return off < 0x20 ? vga_ports_read(&c->vga, 0x3c0 + (unsigned)off) : 0xff;
}

static void mmio_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Cirrus *c = opaque;

    (void)size;
    if (off >= BLT_REGISTERS) {
        blt_registers_write(c, (unsigned)off - BLT_REGISTERS, (uint8_t)val);
    } else if (off < 0x20) {
        vga_ports_write(&c->vga, 0x3c0 + (unsigned)off, (uint8_t)val);
    }
}

static const MemOps mmio_ops = { .read = mmio_read, .write = mmio_write, .max_size = 1 };

/* --- the window at 0xa0000 ----------------------------------------------------------------------------------------------------- */

/* Where the bank begins that @off, within 64 KiB, is seen in; *off becomes the offset inside it. */
static uint32_t bank_start(const Cirrus *c, uint32_t *off)
{
    const uint8_t *g = c->vga.gfx;
    unsigned shift = g[GR_MODE_EXT] & GR_EXT_16K ? 14 : 12;

    if (!(g[GR_MODE_EXT] & GR_EXT_DUAL)) {
        return (uint32_t)g[GR_OFFSET0] << shift;
    }
    uint32_t bank = g[*off & 0x8000 ? GR_OFFSET1 : GR_OFFSET0];

    *off &= 0x7fff;
    return bank << shift;
}

static bool window_has_registers(const Cirrus *c, hwaddr off)
{
    return (c->vga.seq[SR_CONFIG] & 0x44) == 0x04 && off >= WINDOW_REGISTERS && off < WINDOW_REGISTERS + 0x100;
}

static uint8_t window_read_byte(Cirrus *c, uint32_t off)
{
    uint32_t at = off & 0xffff;

    if (window_has_registers(c, off)) {
        return blt_registers_read(c, off - WINDOW_REGISTERS);
    }
    if (cirrus_blt_gives_data(c)) {
        return cirrus_blt_read(c);
    }
    if (!(c->vga.seq[SR_EXT_MODE] & 1)) {
        return vga_window_read(&c->vga, off, 0);
    }
    if (off > 0xffff) {
        return 0xff;
    }
    uint32_t start = bank_start(c, &at);

    return mem_ram_ptr(&c->vga.vram)[(start + extended_offset(c, at)) & (c->vga.vram_size - 1)];
}

static void window_write_byte(Cirrus *c, uint32_t off, uint8_t val)
{
    uint32_t at = off & 0xffff;

    if (window_has_registers(c, off)) {
        blt_registers_write(c, off - WINDOW_REGISTERS, val);
    } else if (!(c->vga.seq[SR_EXT_MODE] & 1)) {
        vga_window_write(&c->vga, off, val, 0);
    } else if (off <= 0xffff) {
        uint32_t start = bank_start(c, &at);

        vram_write(c, start + extended_offset(c, at), val);
    }
}

static uint64_t window_read(void *opaque, hwaddr off, unsigned size)
{
    Cirrus *c = cirrus_of(opaque);
    uint64_t val = 0;

    for (unsigned k = 0; k < size; k++) {
        val |= (uint64_t)window_read_byte(c, (uint32_t)off + k) << k * 8;
    }
    return val;
}

static void window_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Cirrus *c = cirrus_of(opaque);

    if (!window_has_registers(c, off) && blt_data(c, val, size)) {
        return;
    }
    for (unsigned k = 0; k < size; k++) {
        window_write_byte(c, (uint32_t)off + k, (uint8_t)(val >> k * 8));
    }
}

const MemOps cirrus_window_ops = { .read = window_read, .write = window_write, .max_size = 8 };

/* --- regions ------------------------------------------------------------------------------------------------------------------- */

void cirrus_mem_init(Cirrus *c)
{
    uint32_t vram = c->vga.vram_size;

    mem_init_container(&c->bar0, "cirrus-pci-bar0", BAR0_SIZE);
    mem_init_io(&c->linear, &linear_ops, c, "cirrus-linear-io", LINEAR_SIZE);
    mem_init_alias(&c->direct, "cirrus-linear", &c->vga.vram, 0, vram);
    mem_init_io(&c->linear_mmio, &linear_mmio_ops, c, "cirrus-linear-mmio", 0x100);
    mem_init_io(&c->blt_window, &blt_window_ops, c, "cirrus-bitblt", LINEAR_SIZE);
    mem_init_io(&c->mmio, &mmio_ops, c, "cirrus-mmio", MMIO_SIZE);
    mem_transaction_begin();
    mem_add(&c->bar0, 0, &c->linear);
    mem_add_prio(&c->bar0, 0, &c->direct, 1);
    mem_add_prio(&c->bar0, vram - 0x100, &c->linear_mmio, 2);
    mem_add(&c->bar0, LINEAR_SIZE, &c->blt_window);
    mem_transaction_commit();
}

void cirrus_mem_destroy(Cirrus *c)
{
    mem_destroy(&c->mmio);
    mem_destroy(&c->blt_window);
    mem_destroy(&c->linear_mmio);
    mem_destroy(&c->direct);
    mem_destroy(&c->linear);
    mem_destroy(&c->bar0);
}

void cirrus_mem_update(Cirrus *c)
{
    uint8_t ext = c->vga.gfx[GR_MODE_EXT];
    bool plain = !c->blt.active && !extended_write(c) && !(ext & GR_EXT_BY8) &&
                 (ext & (GR_EXT_WRITES | GR_EXT_16BIT)) != (GR_EXT_WRITES | GR_EXT_16BIT);
    bool registers = (c->vga.seq[SR_CONFIG] & 0x44) == 0x44;

    if (plain == c->direct.enabled && registers == c->linear_mmio.enabled) {
        return;
    }
    mem_transaction_begin();
    mem_set_enabled(&c->direct, plain);
    mem_set_enabled(&c->linear_mmio, registers);
    mem_transaction_commit();
}
