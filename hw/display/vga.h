/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA core without a bus (IBM PS/2 Hardware Interface Technical Reference, Video Subsystem; Bochs VBE display interface).
 * A card embeds it, gives it video memory and puts its regions where its bus wants them.  Under the big lock.
 *
 * Video memory: byte (4 * offset + plane) is what plane @plane holds at @offset, up to 64 KiB a plane, as a VGA of 256 KiB
 * has it; linear frame buffers of VBE modes use the same bytes in order.
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "system/device.h"
#include "system/memory.h"
#include "ui/console.h"

#define VGA_PLANE_SIZE 0x10000u

enum { VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP, VBE_ENABLE, VBE_BANK, VBE_VIRT_WIDTH, VBE_VIRT_HEIGHT, VBE_X_OFFSET,
       VBE_Y_OFFSET, VBE_VIDEO_MEMORY_64K, VBE_REGS };
enum { VBE_ENABLED = 0x01, VBE_GETCAPS = 0x02, VBE_8BIT_DAC = 0x20, VBE_LFB = 0x40, VBE_NOCLEAR = 0x80 };
#define VBE_ID5 0xb0c5
#define VBE_MAX_XRES 16000
#define VBE_MAX_YRES 12000

typedef struct Vga {
    /* set by the card before vga_init() */
    uint32_t vram_size; /* bytes, power of two, at least 256 KiB */

    MemRegion vram;     /* RAM */
    MemRegion window;   /* 0xa0000, 128 KiB */
    MemRegion ports, port_views[3], ports_vbe;
    Console *console;

    /* registers */
    uint8_t misc, feature;
    uint8_t seq_index, seq[8];
    uint8_t gfx_index, gfx[16];
    uint8_t attr_index, attr[32];
    bool attr_data;          /* the next write to 0x3c0 is data */
    uint8_t crtc_index, crtc[32];
    uint8_t dac_mask, dac_read, dac_write, dac_sub, dac_state;
    uint8_t dac_latch[3];
    uint8_t dac[768];
    uint8_t latch[4];
    uint16_t vbe_index, vbe[VBE_REGS];

    /* drawing; derived */
    uint32_t palette[256];   /* x8r8g8b8 */
} Vga;

extern const VMState vga_state; /* of a Vga */

bool vga_init(Vga *v, const char *name, Error **errp);
/* Puts the window and the ports onto the card's buses. */
void vga_map_legacy(Vga *v, MemRegion *mem, MemRegion *io);
void vga_reset(Vga *v);
void vga_destroy(Vga *v);

/* Ports 0x3b0..0x3df, also reached through a card's MMIO BAR. */
uint8_t vga_port_read(Vga *v, unsigned port);
void vga_port_write(Vga *v, unsigned port, uint8_t val);
uint16_t vga_vbe_read(Vga *v, unsigned index);
void vga_vbe_write(Vga *v, unsigned index, uint16_t val);

#endif
