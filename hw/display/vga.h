/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA core without a bus (IBM PS/2 Hardware Interface Technical Reference, Video Subsystem).  A card embeds it, gives it video
 * memory and puts its regions where its bus wants them.  Under the big lock.
 *
 * Video memory: byte (4 * offset + plane) is what plane @plane holds at @offset, up to 64 KiB a plane, as a VGA of 256 KiB
 * has it; linear frame buffers use the same bytes in order.
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "hw/display/vbe.h"
#include "system/device.h"
#include "ui/console.h"

#define VGA_PLANE_SIZE 0x10000u

typedef struct Vga Vga;
struct VgaScreen; /* vga-draw.c's own */

/* What a card with more than a VGA's registers does differently; each may be NULL. */
typedef struct VgaCard {
    uint8_t (*port_read)(Vga *v, unsigned port);             /* instead of vga_port_read() */
    void (*port_write)(Vga *v, unsigned port, uint8_t val);
    const MemOps *window;                                    /* instead of vga_window_ops; opaque is the Vga */
    bool (*fb_mode)(Vga *v, FbMode *m);                      /* a linear mode is on */
    bool (*dac_8bit)(const Vga *v);
    void (*size_hint)(Vga *v, const ConsoleSizeHint *hint);  /* a display's size, for EDID */
    void (*overlay)(void *v, int y, uint32_t *line, int width); /* hardware cursor over linear modes */
    void (*overlay_lines)(Vga *v, FbScan *s);                /* sets over_y0, over_y1, over_changed */
    unsigned seq_count, gfx_count, crtc_count;               /* registers; 0: a VGA's */
} VgaCard;

struct Vga {
    /* set by the card before vga_init() */
    uint32_t vram_size; /* bytes, power of two, at least 256 KiB */
    const VgaCard *card; /* NULL: a plain VGA */

    MemRegion vram;     /* RAM */
    MemRegion window;   /* 0xa0000, 128 KiB */
    MemRegion ports, port_views[3], ports_vbe;
    Console *console;

    /* registers */
    uint8_t misc, feature;
    uint8_t seq_index, seq[32];
    uint8_t gfx_index, gfx[64];
    uint8_t attr_index, attr[32];
    bool attr_data;          /* the next write to 0x3c0 is data */
    uint8_t crtc_index, crtc[64];
    uint8_t dac_mask, dac_read, dac_write, dac_sub, dac_state;
    uint8_t dac_latch[3];
    uint8_t dac[768];
    uint8_t latch[4];
    Vbe vbe;

    /* of extended cards: added to the CRTC's start address and offset, and how far planes go; kept by the card */
    uint32_t start_more, offset_more, plane_mask;

    /* drawing; derived */
    uint32_t palette[256];   /* x8r8g8b8 */
    bool palette_stale;
    FbScan scan;
    struct VgaScreen *screen;
};

extern const VMState vga_state; /* of a Vga */

bool vga_init(Vga *v, const char *name, Error **errp);
/* Puts the window and the ports onto the card's buses. */
void vga_map_legacy(Vga *v, MemRegion *mem, MemRegion *io);
void vga_reset(Vga *v);
void vga_destroy(Vga *v);

/* Ports 0x3b0..0x3df as the card has them, also reached through its MMIO BAR. */
uint8_t vga_ports_read(Vga *v, unsigned port);
void vga_ports_write(Vga *v, unsigned port, uint8_t val);
/* A plain VGA's. */
uint8_t vga_port_read(Vga *v, unsigned port);
void vga_port_write(Vga *v, unsigned port, uint8_t val);
/* Registers that decide about the picture were written: the console looks again. */
void vga_registers_changed(Vga *v);

/* The CPU's window through planes, latches and write modes; @off within 128 KiB, offset of a bank in plane bytes added. */
uint8_t vga_window_read(Vga *v, hwaddr off, uint32_t bank);
void vga_window_write(Vga *v, hwaddr off, uint8_t val, uint32_t bank);

#endif
