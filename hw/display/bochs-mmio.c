/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The register BAR of the cards with the Bochs interface.  See bochs-mmio.h. */
#include "util/osdep.h"
#include "hw/display/bochs-mmio.h"

enum { MMIO_SIZE = 0x1000, MMIO_VGA = 0x400, MMIO_VGA_END = 0x420, MMIO_VBE = 0x500, MMIO_VBE_END = 0x500 + VBE_REGS * 2,
       MMIO_EXT = 0x600, MMIO_EXT_END = 0x608 };
#define EXT_LITTLE 0x1e1e1e1eu
#define EXT_BIG 0xbebebebeu

static uint8_t ext_byte(const BochsMmio *m, unsigned off)
{
    uint32_t word = off < 4 ? MMIO_EXT_END - MMIO_EXT : m->vbe->big_endian ? EXT_BIG : EXT_LITTLE;

    return (uint8_t)(word >> (off & 3) * 8);
}

static uint64_t bochs_mmio_read(void *opaque, hwaddr off, unsigned size)
{
    BochsMmio *m = opaque;

    if (off >= MMIO_VBE && off < MMIO_VBE_END && size == 2) {
        return vbe_read(m->vbe, ((unsigned)off - MMIO_VBE) / 2);
    }
    if (size == 2) { /* two bytes, low address first */
        uint64_t low = bochs_mmio_read(m, off, 1);

        return low | bochs_mmio_read(m, off + 1, 1) << 8;
    }
    if (off < MMIO_VGA) {
        return m->edid_on && off < EDID_BLOCK ? m->block[off] : 0;
    }
    if (off < MMIO_VGA_END && m->vga) {
        return vga_ports_read(m->vga, 0x3c0 + (unsigned)off - MMIO_VGA);
    }
    if (off >= MMIO_EXT && off < MMIO_EXT_END) {
        return ext_byte(m, (unsigned)off - MMIO_EXT);
    }
    return 0xff;
}

static void bochs_mmio_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    BochsMmio *m = opaque;

    if (off >= MMIO_VGA && off < MMIO_VGA_END && m->vga) {
        for (unsigned k = 0; k < size && off + k < MMIO_VGA_END; k++) { /* index and data in one store */
            vga_ports_write(m->vga, 0x3c0 + (unsigned)off + k - MMIO_VGA, (uint8_t)(val >> k * 8));
        }
    } else if (off >= MMIO_VBE && off < MMIO_VBE_END && size == 2) {
        vbe_write(m->vbe, ((unsigned)off - MMIO_VBE) / 2, (uint16_t)val);
    } else if (off >= MMIO_EXT + 4 && off < MMIO_EXT_END) {
        unsigned byte = (uint8_t)val; /* each byte of the two values says it */

        if (byte == (uint8_t)EXT_LITTLE || byte == (uint8_t)EXT_BIG) {
            m->vbe->big_endian = byte == (uint8_t)EXT_BIG;
        }
    }
    if (m->vga) {
        vga_registers_changed(m->vga);
    }
    console_changed(*m->console);
}

static const MemOps bochs_mmio_ops = { .read = bochs_mmio_read, .write = bochs_mmio_write, .min_size = 1, .max_size = 2 };

void bochs_mmio_init(BochsMmio *m, Vbe *vbe, Console **console, Vga *vga)
{
    m->vbe = vbe;
    m->console = console;
    m->vga = vga;
    edid_make(m->block, &m->edid);
    mem_init_io(&m->region, &bochs_mmio_ops, m, "bochs.mmio", MMIO_SIZE);
}

void bochs_mmio_destroy(BochsMmio *m)
{
    mem_destroy(&m->region);
}

void bochs_mmio_size_hint(BochsMmio *m, const ConsoleSizeHint *hint)
{
    EdidInfo e = edid_hinted(&m->edid, hint);

    edid_make(m->block, &e);
}
