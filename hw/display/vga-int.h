/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the VGA core. */
#ifndef HW_DISPLAY_VGA_INT_H
#define HW_DISPLAY_VGA_INT_H

#include "hw/display/vga.h"

/* Sequencer, graphics, CRTC and attribute registers that several files look at. */
enum { SEQ_CLOCKING = 1, SEQ_MAP_MASK = 2, SEQ_FONT = 3, SEQ_MEMORY = 4 };
enum { GFX_SET_RESET = 0, GFX_ENABLE_SR = 1, GFX_COMPARE = 2, GFX_ROTATE = 3, GFX_READ_MAP = 4, GFX_MODE = 5, GFX_MISC = 6,
       GFX_DONT_CARE = 7, GFX_BIT_MASK = 8 };
enum { CRTC_TOTAL = 0, CRTC_HDE = 1, CRTC_VTOTAL = 6, CRTC_OVERFLOW = 7, CRTC_PRESET = 8, CRTC_MAX_SCAN = 9,
       CRTC_CURSOR_START = 0xa, CRTC_CURSOR_END = 0xb, CRTC_START_HI = 0xc, CRTC_START_LO = 0xd, CRTC_CURSOR_HI = 0xe,
       CRTC_CURSOR_LO = 0xf, CRTC_VRS = 0x10, CRTC_VRE = 0x11, CRTC_VDE = 0x12, CRTC_OFFSET = 0x13, CRTC_UNDERLINE = 0x14,
       CRTC_MODE = 0x17, CRTC_COMPARE = 0x18 };
enum { ATTR_MODE = 0x10, ATTR_OVERSCAN = 0x11, ATTR_PLANES = 0x12, ATTR_PAN = 0x13, ATTR_SELECT = 0x14 };

/* The beam, from the CRTC's registers where they make sense. */
typedef struct VgaTiming {
    int64_t line_ns, visible_ns, frame_ns; /* a line, its displayed part, a frame */
    unsigned lines, shown, sync_start, sync_lines;
} VgaTiming;
VgaTiming vga_timing(const Vga *v);

/* How far an offset within a plane goes before it wraps. */
static inline uint32_t vga_plane_mask(const Vga *v)
{
    return vbe_on(&v->vbe) ? v->vram_size / 4 - 1 : v->plane_mask;
}

/* Byte of a plane; @off wraps. */
static inline uint8_t *vga_plane(Vga *v, unsigned plane, uint32_t off)
{
    return mem_ram_ptr(&v->vram) + ((size_t)(off & vga_plane_mask(v)) << 2) + (plane & 3);
}

void vga_update_palettes(Vga *v); /* all of v->palette from the DAC */

extern const MemOps vga_window_ops;  /* vga-mem.c */

/* vga-draw.c */
extern const ConsoleOps vga_console_ops, vga_sized_console_ops; /* the latter with size hints */
void vga_screen_free(Vga *v);

#endif
