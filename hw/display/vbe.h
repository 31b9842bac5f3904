/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Bochs VBE display interface ("dispi"): eleven 16-bit registers that set a linear mode (facts: QEMU's published interface
 * document "standard-vga"; the drivers that use it).  Not bound to ports: VGA and bochs-display embed it.  Under the big lock.
 */
#ifndef HW_DISPLAY_VBE_H
#define HW_DISPLAY_VBE_H

#include "hw/display/fb.h"
#include "migration/vmstate.h"

enum { VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP, VBE_ENABLE, VBE_BANK, VBE_VIRT_WIDTH, VBE_VIRT_HEIGHT, VBE_X_OFFSET,
       VBE_Y_OFFSET, VBE_VIDEO_MEMORY_64K, VBE_REGS };
enum { VBE_ENABLED = 0x01, VBE_GETCAPS = 0x02, VBE_8BIT_DAC = 0x20, VBE_LFB = 0x40, VBE_NOCLEAR = 0x80 };
#define VBE_ID5 0xb0c5
#define VBE_MAX_XRES 16000
#define VBE_MAX_YRES 12000

typedef struct Vbe {
    uint32_t vram_size;    /* bytes, power of two, at least 256 KiB; set before vbe_reset() */
    const MemRegion *vram;
    uint16_t index, regs[VBE_REGS];
    bool big_endian;       /* pixels of 15, 16 and 32 bits */
} Vbe;

extern const VMState vbe_state; /* of a Vbe; a mode that does not fit memory does not load */

void vbe_reset(Vbe *v);
uint16_t vbe_read(const Vbe *v, unsigned index);
void vbe_write(Vbe *v, unsigned index, uint16_t val); /* clears memory when it enables a mode */
/* The mode that is on, unless it is off or planar (4 bits a pixel). */
bool vbe_fb_mode(const Vbe *v, FbMode *m);
uint32_t vbe_stride(const Vbe *v); /* bytes a line; of 4 bits a pixel: bytes a plane's line */

static inline bool vbe_on(const Vbe *v)
{
    return v->regs[VBE_ENABLE] & VBE_ENABLED;
}

static inline bool vbe_planar(const Vbe *v)
{
    return vbe_on(v) && v->regs[VBE_BPP] == 4;
}

#endif
