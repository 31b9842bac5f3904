/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cirrus Logic CL-GD5446 as a PCI card (1013:00b8): a VGA with extension registers, packed modes of 8 to 32 bits a pixel, a hardware
 * cursor and a BLT engine (Technical Reference Manual, November 1996).  BAR 0 video memory, BAR 1 registers.  Created by the board
 * for -vga cirrus and by -device cirrus-vga.  Memory is in cirrus-mem.c, the engine in cirrus-blt.c.
 */
#include "util/osdep.h"
#include "hw/display/cirrus-int.h"
#include "util/bytes.h"

enum { KEY_OPEN = 0x12, KEY_CLOSED = 0x0f, CHIP_ID_5446 = 0xb8, CONFIG_PCI = 0x20, CURSOR_PATTERNS = 16 * 1024 };
enum { CURSOR_ON = 0x01, CURSOR_COLOURS = 0x02, CURSOR_LARGE = 0x04 }; /* of SR_CURSOR_ATTR */

/* --- the monitor's wires ---------------------------------------------------------------------------------------------------------- */

enum { DDC_CLOCK_OUT = 0x01, DDC_DATA_OUT = 0x02, DDC_CLOCK_IN = 0x04, DDC_ON = 0x40, DDC_DATA_IN = 0x80 }; /* of SR_DDC */

static uint8_t cirrus_ddc_read(const Cirrus *c)
{
    return (uint8_t)(c->vga.seq[SR_DDC] | (ddc_clock(&c->ddc) ? DDC_CLOCK_IN : 0) | (ddc_data(&c->ddc) ? DDC_DATA_IN : 0));
}

/* The outputs are open collectors: a one lets go.  While they are off, nobody pulls. */
static void cirrus_ddc_write(Cirrus *c, uint8_t val)
{
    bool off = !(val & DDC_ON);

    c->vga.seq[SR_DDC] = val & (uint8_t)~(DDC_CLOCK_IN | DDC_DATA_IN);
    ddc_drive(&c->ddc, off || (val & DDC_CLOCK_OUT), off || (val & DDC_DATA_OUT));
}

static void cirrus_size_hint(Vga *v, const ConsoleSizeHint *hint)
{
    Cirrus *c = cirrus_of(v);
    EdidInfo e = edid_hinted(&c->edid, hint);

    edid_make(c->ddc.block, &e);
}

/* --- sequencer ---------------------------------------------------------------------------------------------------------------- */

static uint8_t cirrus_seq_read(const Cirrus *c)
{
    unsigned i = c->vga.seq_index & 0x1f;

    switch (i) {
    case SR_CURSOR_X: return (uint8_t)(c->cursor_x >> 3);
    case SR_CURSOR_Y: return (uint8_t)(c->cursor_y >> 3);
    case SR_DDC: return cirrus_ddc_read(c);
    default: return c->vga.seq[i];
    }
}

static void cirrus_seq_write(Cirrus *c, uint8_t val)
{
    static const uint8_t mask[5] = { 0x03, 0x3d, 0xff, 0x3f, 0x0e };
    uint8_t *seq = c->vga.seq;
    unsigned i = c->vga.seq_index & 0x1f, low = c->vga.seq_index >> 5; /* the cursor's lowest bits come with the index */

    switch (i) {
    case 0: case 1: case 2: case 3: case 4: seq[i] = val & mask[i]; break;
    case SR_KEY: seq[i] = (val & 0x17) == KEY_OPEN ? KEY_OPEN : KEY_CLOSED; break;
    case SR_CURSOR_X: c->cursor_x = (uint16_t)(val << 3 | low); break;
    case SR_CURSOR_Y: c->cursor_y = (uint16_t)(val << 3 | low); break;
    case SR_DRAM: break; /* strapped */
    case SR_DDC: cirrus_ddc_write(c, val); break;
    case SR_CONFIG: seq[i] = (uint8_t)((seq[i] & 0x38) | (val & 0xc7)); break;
    default: seq[i] = val; break;
    }
    cirrus_mem_update(c);
}

/* --- graphics controller ---------------------------------------------------------------------------------------------------------- */

uint8_t cirrus_gfx_read(Cirrus *c, unsigned index)
{
    return index < sizeof(c->vga.gfx) ? c->vga.gfx[index] : 0xff;
}

void cirrus_gfx_write(Cirrus *c, unsigned index, uint8_t val)
{
    /* of the VGA's own registers; 0 and 1 are colours of 8 bits in extended write modes and for BLTs */
    static const uint8_t mask[9] = { 0xff, 0xff, 0x0f, 0x1f, 0x03, 0x7f, 0x0f, 0x0f, 0xff };
    uint8_t *gfx = c->vga.gfx;

    switch (index) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8: gfx[index] = val & mask[index]; break;
    case GR_WIDTH + 1: case GR_DST_PITCH + 1: case GR_SRC_PITCH + 1: gfx[index] = val & 0x1f; break;
    case GR_HEIGHT + 1: gfx[index] = val & 0x07; break;
    case GR_SRC + 2: gfx[index] = val & 0x3f; break;
    case GR_DST + 2:
        gfx[index] = val & 0x3f;
        cirrus_blt_autostart(c);
        break;
    case GR_BLT_START: cirrus_blt_control(c, val); break;
    default:
        if (index < sizeof(c->vga.gfx)) {
            gfx[index] = val;
        }
        break;
    }
    cirrus_mem_update(c);
}

/* --- CRTC ------------------------------------------------------------------------------------------------------------------------- */

static void cirrus_crtc_update(Vga *v)
{
    const uint8_t *cr = v->crtc;

    v->start_more = (cr[CR_EXT_DISPLAY] & 0x01u) << 16 | (cr[CR_EXT_DISPLAY] & 0x0cu) << 15 | (cr[CR_OVERLAY] & 0x80u) << 12;
    v->offset_more = (cr[CR_EXT_DISPLAY] & 0x10u) << 4;
    v->plane_mask = cr[CR_EXT_DISPLAY] & 0x02 ? v->vram_size / 4 - 1 : VGA_PLANE_SIZE - 1;
}

static uint8_t cirrus_crtc_read(const Cirrus *c)
{
    unsigned i = c->vga.crtc_index & 0x3f;

    switch (i) {
    case CR_ATTR_TOGGLE: return c->vga.attr_data ? 0x80 : 0x00;
    case CR_ATTR_INDEX: return c->vga.attr_index & 0x3f;
    case CR_ID: return CHIP_ID_5446;
    default: return c->vga.crtc[i];
    }
}

/* --- the hidden DAC register, behind four reads of the pixel mask; the cursor's colours ------------------------------------------ */

static uint8_t cirrus_mask_read(Cirrus *c)
{
    if (c->dac_reads >= 4) {
        c->dac_reads = 0;
        return c->hidden_dac;
    }
    c->dac_reads++;
    return c->vga.dac_mask;
}

static void cirrus_mask_write(Cirrus *c, uint8_t val)
{
    if (c->dac_reads >= 4) {
        c->hidden_dac = val;
    } else {
        c->vga.dac_mask = val;
    }
    c->dac_reads = 0;
}

static bool cursor_colours(const Cirrus *c)
{
    return c->vga.seq[SR_CURSOR_ATTR] & CURSOR_COLOURS;
}

static uint8_t cirrus_cursor_dac_read(Cirrus *c)
{
    Vga *v = &c->vga;
    uint8_t val = c->cursor_dac[(v->dac_read & 15) * 3 + v->dac_sub];

    if (++v->dac_sub >= 3) {
        v->dac_sub = 0;
        v->dac_read++;
    }
    return val;
}

static void cirrus_cursor_dac_write(Cirrus *c, uint8_t val)
{
    Vga *v = &c->vga;

    v->dac_latch[v->dac_sub] = val;
    if (++v->dac_sub >= 3) {
        memcpy(&c->cursor_dac[(v->dac_write & 15) * 3], v->dac_latch, 3);
        v->dac_sub = 0;
        v->dac_write++;
    }
}

/* --- ports --------------------------------------------------------------------------------------------------------------------------- */

static bool cirrus_crtc_port(const Vga *v, unsigned port, unsigned low)
{
    return port == (v->misc & 1 ? 0x3d0u : 0x3b0u) + low;
}

static uint8_t cirrus_port_read(Vga *v, unsigned port)
{
    Cirrus *c = cirrus_of(v);

    if (port == 0x3c6) {
        return cirrus_mask_read(c);
    }
    if (port >= 0x3c7 && port <= 0x3c9) {
        c->dac_reads = 0;
    }
    switch (port) {
    case 0x3c4: return v->seq_index;
    case 0x3c5: return cirrus_seq_read(c);
    case 0x3c9: return cursor_colours(c) ? cirrus_cursor_dac_read(c) : vga_port_read(v, port);
    case 0x3ce: return v->gfx_index;
    case 0x3cf: return cirrus_gfx_read(c, v->gfx_index);
    default: break;
    }
    if (cirrus_crtc_port(v, port, 4)) {
        return v->crtc_index;
    }
    return cirrus_crtc_port(v, port, 5) ? cirrus_crtc_read(c) : vga_port_read(v, port);
}

static void cirrus_port_write(Vga *v, unsigned port, uint8_t val)
{
    Cirrus *c = cirrus_of(v);

    if (port == 0x3c6) {
        cirrus_mask_write(c, val);
        return;
    }
    if (port >= 0x3c7 && port <= 0x3c9) {
        c->dac_reads = 0;
    }
    switch (port) {
    case 0x3c4: v->seq_index = val; return;
    case 0x3c5: cirrus_seq_write(c, val); return;
    case 0x3c9:
        if (cursor_colours(c)) {
            cirrus_cursor_dac_write(c, val);
            return;
        }
        break;
    case 0x3ce: v->gfx_index = val & 0x3f; return;
    case 0x3cf: cirrus_gfx_write(c, v->gfx_index, val); return;
    default: break;
    }
    if (cirrus_crtc_port(v, port, 4)) {
        v->crtc_index = val & 0x3f;
    } else if (cirrus_crtc_port(v, port, 5) && v->crtc_index >= 0x19) {
        v->crtc[v->crtc_index] = val;
        cirrus_crtc_update(v);
    } else {
        vga_port_write(v, port, val);
    }
}

/* --- picture ------------------------------------------------------------------------------------------------------------------------- */

/* Pixels of 16 bits: what the hidden DAC register makes of them. */
static uint8_t cirrus_depth16(const Cirrus *c)
{
    return (c->hidden_dac & 0xcf) == 0xc1 ? 16 : 15;
}

/*
 * Where the CRTC begins in memory, in bytes: doublewords from the start address, more by byte panning; pixel panning as in the VGA's
 * 256-colour mode, where a step is half a byte.  Below a split both are off if the attribute controller's mode says so.
 */
static void cirrus_start(const Vga *v, FbMode *m)
{
    uint32_t pan = (v->crtc[CRTC_PRESET] >> 5 & 3u) * 4 + (v->attr[ATTR_PAN] >> 1 & 3u);
    uint8_t scan = v->crtc[CRTC_MAX_SCAN];

    m->offset = ((uint64_t)v->start_more + (unsigned)(v->crtc[CRTC_START_HI] << 8) + v->crtc[CRTC_START_LO]) * 4 + pan;
    m->split_offset = v->attr[ATTR_MODE] & 0x20 ? 0 : pan;
    m->first = (uint8_t)(MIN(v->crtc[CRTC_PRESET] & 0x1f, scan & 0x1f) * (scan & 0x80 ? 2 : 1));
}

static bool cirrus_fb_mode(Vga *v, FbMode *m)
{
    static const uint8_t depth[8] = { 8, 16, 24, 16, 32, 8, 8, 8 };
    Cirrus *c = cirrus_of(v);
    uint8_t over = v->crtc[CRTC_OVERFLOW], scan = v->crtc[CRTC_MAX_SCAN];
    unsigned compare = v->crtc[CRTC_COMPARE] | (over & 0x10u) << 4 | (scan & 0x40u) << 3;

    if (!(v->seq[SR_EXT_MODE] & 1) || !(v->gfx[GFX_MISC] & 1)) {
        return false;
    }
    memset(m, 0, sizeof(*m));
    m->bits = depth[v->seq[SR_EXT_MODE] >> 1 & 7];
    if (m->bits == 16) {
        m->bits = cirrus_depth16(c);
    }
    m->rgb332 = m->bits == 8 && (c->hidden_dac & 0xcf) == 0xc9;
    m->gray = m->bits == 8 && (c->hidden_dac & 0xcf) == 0xc8;
    m->width = (v->crtc[CRTC_HDE] + 1) * 8;
    m->height = (v->crtc[CRTC_VDE] | (over & 0x02) << 7 | (over & 0x40) << 3) + 1;
    m->repeat = (uint8_t)(((scan & 0x1f) + 1) * (scan & 0x80 ? 2 : 1));
    m->stride = (v->crtc[CRTC_OFFSET] + v->offset_more) * 8;
    m->split = compare + 1 < (unsigned)m->height ? (int)compare + 1 : 0;
    cirrus_start(v, m);
    return true;
}

static const uint8_t *cursor_pattern(const Cirrus *c)
{
    unsigned select = c->vga.seq[SR_CURSOR_PATTERN] & (c->vga.seq[SR_CURSOR_ATTR] & CURSOR_LARGE ? 0x3c : 0x3f);

    return mem_ram_ptr(&c->vga.vram) + c->vga.vram_size - CURSOR_PATTERNS + select * 256;
}

static uint32_t cursor_colour(const Cirrus *c, unsigned entry)
{
    uint32_t rgb = 0;

    for (unsigned k = 0; k < 3; k++) {
        unsigned raw = c->cursor_dac[entry * 3 + k] & 0x3f;

        rgb = rgb << 8 | raw << 2 | raw >> 4;
    }
    return rgb;
}

/*
 * Two bits a dot, from two planes: transparent, inverted, background, foreground.  A pattern of 32 x 32 dots has one plane after
 * the other, one of 64 x 64 has them in turn, line by line.
 */
static void cirrus_overlay(void *opaque, int y, uint32_t *line, int width)
{
    Cirrus *c = cirrus_of(opaque);
    bool large = c->vga.seq[SR_CURSOR_ATTR] & CURSOR_LARGE;
    int size = large ? 64 : 32, row = y - c->cursor_y;

    if (row < 0 || row >= size) {
        return;
    }
    const uint8_t *p0 = c->cursor_shown + row * (large ? 16 : 4), *p1 = p0 + (large ? 8 : 128);
    uint32_t bg = cursor_colour(c, 0), fg = cursor_colour(c, 15);

    for (int k = 0; k < size && c->cursor_x + k < width; k++) {
        unsigned bit = 7 - (unsigned)k % 8, dot = (p0[k / 8] >> bit & 1) | (p1[k / 8] >> bit & 1) << 1;
        uint32_t *to = &line[c->cursor_x + k];

        *to = dot == 0 ? *to : dot == 1 ? *to ^ 0xffffff : dot == 2 ? bg : fg;
    }
}

static void cirrus_overlay_lines(Vga *v, FbScan *s)
{
    Cirrus *c = cirrus_of(v);
    uint8_t attr = v->seq[SR_CURSOR_ATTR];
    int size = attr & CURSOR_LARGE ? 64 : 32;
    uint32_t state[6] = { attr & (CURSOR_ON | CURSOR_LARGE), c->cursor_x, c->cursor_y, cursor_colour(c, 0), cursor_colour(c, 15), 0 };
    uint8_t pattern[sizeof(c->cursor_shown)] = { 0 };

    memcpy(pattern, cursor_pattern(c), attr & CURSOR_LARGE ? 1024 : 256);
    s->over_y0 = c->cursor_y;
    s->over_y1 = attr & CURSOR_ON ? c->cursor_y + size : c->cursor_y;
    s->over_changed = memcmp(state, c->cursor_state, sizeof(state)) || memcmp(pattern, c->cursor_shown, sizeof(pattern));
    memcpy(c->cursor_state, state, sizeof(state));
    memcpy(c->cursor_shown, pattern, sizeof(pattern));
}

/* --- device ------------------------------------------------------------------------------------------------------------------------- */

static const VgaCard cirrus_card = {
    .port_read = cirrus_port_read,
    .port_write = cirrus_port_write,
    .window = &cirrus_window_ops,
    .fb_mode = cirrus_fb_mode,
    .overlay = cirrus_overlay,
    .overlay_lines = cirrus_overlay_lines,
    .size_hint = cirrus_size_hint,
    .seq_count = 256, /* the index has the cursor's lowest bits in it */
    .gfx_count = 64,
    .crtc_count = 64,
};

static bool cirrus_realize(Device *dev, Error **errp)
{
    Cirrus *c = container_of(dev, Cirrus, pci.dev);
    PciBus *bus = container_of(dev->bus, PciBus, bus);

    if (!is_pow2(c->vgamem_mb)) {
        error_set(errp, "cirrus-vga: vgamem_mb=%u is not 1, 2, 4, 8 or 16", c->vgamem_mb);
        return false;
    }
    c->vga.card = &cirrus_card;
    c->ddc.monitor = c->edid_on;
    edid_make(c->ddc.block, &c->edid);
    c->vga.vram_size = c->vgamem_mb << 20;
    if (!vga_init(&c->vga, "vga.vram", errp)) {
        return false;
    }
    console_set_device(c->vga.console, dev->id, 0);
    cirrus_mem_init(c);
    pci_add_bar(&c->pci, 0, PCI_BAR_MEM32_PREFETCH, &c->bar0);
    pci_add_bar(&c->pci, 1, PCI_BAR_MEM32, &c->mmio);
    vga_map_legacy(&c->vga, bus->mem, bus->io);
    return true;
}

static void cirrus_reset(Device *dev)
{
    Cirrus *c = container_of(dev, Cirrus, pci.dev);

    vga_reset(&c->vga);
    ddc_reset(&c->ddc);
    c->hidden_dac = c->dac_reads = 0;
    c->cursor_x = c->cursor_y = 0;
    memset(c->cursor_dac, 0, sizeof(c->cursor_dac));
    c->vga.seq[SR_KEY] = KEY_CLOSED;
    /* bits 3 and 4: width of the data bus; 7: twice the memory.  4 MiB is the most that can be said. */
    c->vga.seq[SR_DRAM] = c->vgamem_mb >= 4 ? 0x98 : c->vgamem_mb == 2 ? 0x18 : 0x10;
    c->vga.seq[SR_CONFIG] = CONFIG_PCI;
    cirrus_crtc_update(&c->vga);
    cirrus_blt_reset(c);
}

static void cirrus_unrealize(Device *dev)
{
    Cirrus *c = container_of(dev, Cirrus, pci.dev);

    cirrus_mem_destroy(c);
    vga_destroy(&c->vga);
}

static bool cirrus_post_load(void *opaque, int version, Error **errp)
{
    Cirrus *c = opaque;

    (void)version;
    if (c->dac_reads > 4 || c->cursor_x > 2047 || c->cursor_y > 2047) {
        error_set(errp, "cirrus-vga: a cursor at %u, %u or %u reads of the pixel mask cannot be", c->cursor_x, c->cursor_y,
                  c->dac_reads);
        return false;
    }
    if (c->blt.active && !cirrus_blt_valid(&c->blt)) {
        error_set(errp, "cirrus-vga: line %u, byte %u of a BLT of %u x %u bytes cannot be", c->blt.line, c->blt.have, c->blt.width,
                  c->blt.height);
        return false;
    }
    cirrus_crtc_update(&c->vga);
    cirrus_mem_update(c);
    return true;
}

static const Prop cirrus_props[] = {
    PCI_PROPS,
    PROP_RANGE(Cirrus, vgamem_mb, "vgamem_mb", prop_u32, "4", 1, 16, "video memory in MiB, a power of two"),
    EDID_PROPS(Cirrus, edid, edid_on),
    PROP(Cirrus, blitter, "blitter", prop_bool, "on", "the BLT engine works"),
    PROP_END,
};

static const VMState cirrus_blt_state = {
    .name = "cirrus-blt",
    .version = 1,
    .fields = (const VMStateField[]){
        VMS_UINT(CirrusBlt, active), VMS_UINT(CirrusBlt, mode), VMS_UINT(CirrusBlt, ext), VMS_UINT(CirrusBlt, rop),
        VMS_UINT(CirrusBlt, skip), VMS_UINT(CirrusBlt, key), VMS_UINT(CirrusBlt, fg), VMS_UINT(CirrusBlt, bg),
        VMS_UINT(CirrusBlt, width), VMS_UINT(CirrusBlt, height), VMS_UINT(CirrusBlt, dst_pitch), VMS_UINT(CirrusBlt, src_pitch),
        VMS_UINT(CirrusBlt, dst), VMS_UINT(CirrusBlt, src), VMS_UINT(CirrusBlt, line), VMS_UINT(CirrusBlt, have),
        VMS_BUFFER(CirrusBlt, data), VMS_END },
};

static const VMState cirrus_state = {
    .name = "cirrus-vga",
    .version = 1,
    .fields = (const VMStateField[]){
        VMS_STRUCT(Cirrus, pci, pci_device_state), VMS_STRUCT(Cirrus, vga, vga_state), VMS_UINT(Cirrus, hidden_dac),
        VMS_UINT(Cirrus, dac_reads), VMS_UINT(Cirrus, cursor_x), VMS_UINT(Cirrus, cursor_y), VMS_BUFFER(Cirrus, cursor_dac),
        VMS_STRUCT(Cirrus, ddc, ddc_state), VMS_STRUCT(Cirrus, blt, cirrus_blt_state), VMS_END },
    .post_load = cirrus_post_load,
};

static const PciClass cirrus_pci_class = {
    .vendor_id = 0x1013,
    .device_id = 0x00b8,
    .class_code = 0x030000,
    .romfile = "vgabios-cirrus.bin",
};

static const DeviceClass cirrus_class = {
    .name = "cirrus-vga",
    .desc = "Cirrus Logic CL-GD5446",
    .category = "Display",
    .bus = BUS_PCI,
    .size = sizeof(Cirrus),
    .user_creatable = true,
    .props = cirrus_props,
    .state = &cirrus_state,
    .realize = cirrus_realize,
    .reset = cirrus_reset,
    .unrealize = cirrus_unrealize,
    .bus_class = &cirrus_pci_class,
};
DEVICE_REGISTER(cirrus_class);
