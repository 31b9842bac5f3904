/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the Cirrus Logic CL-GD5446 (its Technical Reference Manual of November 1996).  Under the big lock. */
#ifndef HW_DISPLAY_CIRRUS_INT_H
#define HW_DISPLAY_CIRRUS_INT_H

#include "hw/display/ddc.h"
#include "hw/display/vga-int.h"
#include "hw/pci/pci.h"

/* Extension registers. */
enum { SR_KEY = 0x06, SR_EXT_MODE = 0x07, SR_DDC = 0x08, SR_DRAM = 0x0f, SR_CURSOR_X = 0x10, SR_CURSOR_Y = 0x11, SR_CURSOR_ATTR = 0x12,
       SR_CURSOR_PATTERN = 0x13, SR_CONFIG = 0x17 };
enum { GR_OFFSET0 = 0x09, GR_OFFSET1 = 0x0a, GR_MODE_EXT = 0x0b, GR_BG1 = 0x10, GR_FG1 = 0x11, GR_BG2 = 0x12, GR_FG2 = 0x13,
       GR_BG3 = 0x14, GR_FG3 = 0x15, GR_WIDTH = 0x20, GR_HEIGHT = 0x22, GR_DST_PITCH = 0x24, GR_SRC_PITCH = 0x26, GR_DST = 0x28,
       GR_SRC = 0x2c, GR_BLT_MASK = 0x2f, GR_BLT_MODE = 0x30, GR_BLT_START = 0x31, GR_BLT_ROP = 0x32, GR_BLT_EXT = 0x33,
       GR_KEY0 = 0x34, GR_KEY1 = 0x35 };
enum { CR_EXT_DISPLAY = 0x1b, CR_OVERLAY = 0x1d, CR_ATTR_TOGGLE = 0x24, CR_ATTR_INDEX = 0x26, CR_ID = 0x27 };
enum { GR_EXT_DUAL = 0x01, GR_EXT_BY8 = 0x02, GR_EXT_WRITES = 0x04, GR_EXT_16BIT = 0x10, GR_EXT_16K = 0x20 }; /* of GR_MODE_EXT */
enum { BLT_BACKWARDS = 0x01, BLT_TO_SYSTEM = 0x02, BLT_FROM_SYSTEM = 0x04, BLT_TRANSPARENT = 0x08, BLT_PATTERN = 0x40,
       BLT_EXPAND = 0x80 }; /* of GR_BLT_MODE; bits 4, 5: bytes a pixel less one */
enum { BLT_EXT_DWORD = 0x01, BLT_EXT_INVERT = 0x02, BLT_EXT_SOLID = 0x04 };
enum { BLT_BUSY = 0x01, BLT_START = 0x02, BLT_RESET = 0x04, BLT_BUFFERED = 0x10, BLT_AUTOSTART = 0x80 };

enum { BLT_MAX_WIDTH = 8192, BLT_MAX_HEIGHT = 2048 };

/* A rectangle of video memory that has been checked: blt_rect() makes it, blt_line() is the only way to its bytes. */
typedef struct BltRect {
    uint32_t at, pitch, width, height; /* lowest byte; width in bytes */
} BltRect;

/* One operation; the registers are read once, when it starts. */
typedef struct CirrusBlt {
    bool active;        /* waits for the CPU's data, or for the CPU to fetch them */
    uint8_t mode, ext, rop, skip;
    uint16_t key;
    uint32_t fg, bg;
    uint32_t width, height, dst_pitch, src_pitch, dst, src; /* as in the registers, width and height as counts */
    uint32_t line;      /* lines done */
    uint32_t have;      /* bytes of the current line that came from, or went to the CPU */
    uint8_t data[BLT_MAX_WIDTH];
} CirrusBlt;

typedef struct Cirrus {
    PciDevice pci;
    Vga vga;
    uint32_t vgamem_mb; /* properties */
    bool blitter, edid_on;
    EdidInfo edid;
    MemRegion bar0, linear, direct, linear_mmio, blt_window, mmio;

    /* registers that are not in vga.seq, gfx, crtc */
    uint8_t hidden_dac, dac_reads;
    uint16_t cursor_x, cursor_y;
    uint8_t cursor_dac[48];
    CirrusBlt blt;
    Ddc ddc;

    /* the cursor as it is shown; derived */
    uint8_t cursor_shown[1024];
    uint32_t cursor_state[6];
} Cirrus;

static inline Cirrus *cirrus_of(Vga *v)
{
    return container_of(v, Cirrus, vga);
}

/* cirrus.c */
uint8_t cirrus_gfx_read(Cirrus *c, unsigned index);
void cirrus_gfx_write(Cirrus *c, unsigned index, uint8_t val);

/* cirrus-blt.c */
void cirrus_blt_control(Cirrus *c, uint8_t val);       /* a write to the start register */
void cirrus_blt_autostart(Cirrus *c);                  /* the destination's last byte was written */
void cirrus_blt_reset(Cirrus *c);
bool cirrus_blt_wants_data(const Cirrus *c);           /* CPU writes to video memory are its source */
bool cirrus_blt_gives_data(const Cirrus *c);           /* CPU reads are its destination */
void cirrus_blt_write(Cirrus *c, uint8_t val);
uint8_t cirrus_blt_read(Cirrus *c);
bool cirrus_blt_valid(const CirrusBlt *b);             /* a loaded one */

/* cirrus-mem.c */
extern const MemOps cirrus_window_ops;
void cirrus_mem_init(Cirrus *c);
void cirrus_mem_destroy(Cirrus *c);
void cirrus_mem_update(Cirrus *c); /* registers changed that decide where memory is seen */

#endif
