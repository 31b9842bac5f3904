/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA registers and ports.  See vga.h.  Memory access is in vga-mem.c, drawing in vga-draw.c.
 */
#include "util/osdep.h"
#include "hw/display/vga-int.h"
#include "util/log.h"
#include "util/timer.h"

/* --- input status 1: the beam, derived from the virtual clock --------------------------------------------------------- */

VgaTiming vga_timing(const Vga *v)
{
    static const VgaTiming usual = { .line_ns = 31778, .visible_ns = 25422, .frame_ns = 16683450, .lines = 525, .shown = 480,
                                     .sync_start = 490, .sync_lines = 2 };
    uint8_t over = v->crtc[CRTC_OVERFLOW];
    int64_t clock = (v->misc & 0xc) == 4 ? 28322000 : 25175000, dots = v->seq[SEQ_CLOCKING] & 1 ? 8 : 9;
    VgaTiming t;

    if (v->seq[SEQ_CLOCKING] & 8) {
        clock /= 2;
    }
    t.line_ns = (v->crtc[CRTC_TOTAL] + 5) * dots * NS_PER_SEC / clock;
    t.visible_ns = MIN((v->crtc[CRTC_HDE] + 1) * dots * NS_PER_SEC / clock, t.line_ns);
    t.lines = (v->crtc[CRTC_VTOTAL] | (over & 0x01u) << 8 | (over & 0x20u) << 4) + 2;
    t.shown = (v->crtc[CRTC_VDE] | (over & 0x02u) << 7 | (over & 0x40u) << 3) + 1;
    t.sync_start = v->crtc[CRTC_VRS] | (over & 0x04u) << 6 | (over & 0x80u) << 2;
    t.sync_lines = (v->crtc[CRTC_VRE] - t.sync_start) & 15;
    t.frame_ns = t.line_ns * t.lines;
    if (vbe_on(&v->vbe) || t.frame_ns < NS_PER_SEC / 200 || t.frame_ns > NS_PER_SEC / 20 || t.sync_start >= t.lines) {
        return usual;
    }
    return t;
}

static uint8_t vga_status1(Vga *v)
{
    VgaTiming b = vga_timing(v);
    int64_t t = clock_ns(CLOCK_KIND_VIRTUAL) % b.frame_ns, line = t / b.line_ns;
    uint8_t st = 0;

    v->attr_data = false; /* reading resets the attribute controller's flip-flop */
    if (line >= b.shown || t % b.line_ns >= b.visible_ns) {
        st |= 0x01;
    }
    if (line >= b.sync_start && line < b.sync_start + b.sync_lines) {
        st |= 0x08;
    }
    return st;
}

/* --- DAC ------------------------------------------------------------------------------------------------------------- */

static void vga_update_palette(Vga *v, unsigned i)
{
    bool wide = v->card && v->card->dac_8bit ? v->card->dac_8bit(v) : (v->vbe.regs[VBE_ENABLE] & VBE_8BIT_DAC) != 0;
    uint8_t c[3];

    for (unsigned k = 0; k < 3; k++) {
        uint8_t raw = v->dac[i * 3 + k];

        c[k] = wide ? raw : (uint8_t)((raw & 0x3f) << 2 | (raw & 0x3f) >> 4);
    }
    v->palette[i] = (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
}

void vga_update_palettes(Vga *v)
{
    for (unsigned i = 0; i < 256; i++) {
        vga_update_palette(v, i);
    }
}

static uint8_t vga_dac_read(Vga *v)
{
    uint8_t val = v->dac[v->dac_read * 3 + v->dac_sub];

    if (++v->dac_sub == 3) {
        v->dac_sub = 0;
        v->dac_read++;
    }
    return val;
}

static void vga_dac_write(Vga *v, uint8_t val)
{
    v->dac_latch[v->dac_sub] = val;
    if (++v->dac_sub == 3) {
        memcpy(&v->dac[v->dac_write * 3], v->dac_latch, 3);
        vga_update_palette(v, v->dac_write);
        v->dac_sub = 0;
        v->dac_write++;
    }
}

/* --- ports ------------------------------------------------------------------------------------------------------------ */

/* Bits that exist in each register; what a guest writes elsewhere reads back as zero. */
static const uint8_t seq_mask[8] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff };
static const uint8_t gfx_mask[16] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

/* The CRTC answers at 0x3b4 or 0x3d4, as misc output bit 0 says. */
static bool vga_crtc_port(const Vga *v, unsigned port)
{
    return (port & 0xff0) == (v->misc & 1 ? 0x3d0u : 0x3b0u);
}

uint8_t vga_port_read(Vga *v, unsigned port)
{
    switch (port) {
    case 0x3c0: return v->attr_index;
    case 0x3c1: return v->attr[v->attr_index & 0x1f];
    case 0x3c2: return 0x10; /* input status 0: a colour monitor is sensed */
    case 0x3c4: return v->seq_index;
    case 0x3c5: return v->seq[v->seq_index & 7];
    case 0x3c6: return v->dac_mask;
    case 0x3c7: return v->dac_state;
    case 0x3c8: return v->dac_write;
    case 0x3c9: return vga_dac_read(v);
    case 0x3ca: return v->feature;
    case 0x3cc: return v->misc;
    case 0x3ce: return v->gfx_index;
    case 0x3cf: return v->gfx[v->gfx_index & 15];
    default: break;
    }
    if (!vga_crtc_port(v, port)) {
        return 0xff;
    }
    switch (port & 0xf) {
    case 0x0: case 0x2: case 0x4: case 0x6: return v->crtc_index;
    case 0x1: case 0x3: case 0x5: case 0x7: return v->crtc[v->crtc_index & 0x1f];
    case 0xa: return vga_status1(v);
    default: return 0xff;
    }
}

static void vga_attr_write(Vga *v, uint8_t val)
{
    if (!v->attr_data) {
        v->attr_index = val & 0x3f;
    } else if ((v->attr_index & 0x1f) <= ATTR_SELECT) {
        unsigned i = v->attr_index & 0x1f;

        v->attr[i] = i < 16 ? val & 0x3f : i == ATTR_MODE ? val & 0xef : i == ATTR_OVERSCAN ? val : val & 0x0f;
        if (i == ATTR_PLANES) {
            v->attr[i] = val & 0x3f;
        }
    }
    v->attr_data = !v->attr_data;
}

static void vga_crtc_write(Vga *v, uint8_t val)
{
    unsigned i = v->crtc_index & 0x1f;

    if ((v->crtc[CRTC_VRE] & 0x80) && i <= 7) { /* protected, but for line compare's bit 8 */
        if (i == CRTC_OVERFLOW) {
            v->crtc[i] = (uint8_t)((v->crtc[i] & ~0x10) | (val & 0x10));
        }
        return;
    }
    v->crtc[i] = val;
}

void vga_port_write(Vga *v, unsigned port, uint8_t val)
{
    switch (port) {
    case 0x3c0: vga_attr_write(v, val); return;
    case 0x3c2: v->misc = val & ~0x10; return;
    case 0x3c4: v->seq_index = val & 7; return;
    case 0x3c5: v->seq[v->seq_index & 7] = val & seq_mask[v->seq_index & 7]; return;
    case 0x3c6: v->dac_mask = val; return;
    case 0x3c7:
        v->dac_read = val;
        v->dac_sub = 0;
        v->dac_state = 3;
        return;
    case 0x3c8:
        v->dac_write = val;
        v->dac_sub = 0;
        v->dac_state = 0;
        return;
    case 0x3c9: vga_dac_write(v, val); return;
    case 0x3ce: v->gfx_index = val & 15; return;
    case 0x3cf: v->gfx[v->gfx_index & 15] = val & gfx_mask[v->gfx_index & 15]; return;
    default: break;
    }
    if (!vga_crtc_port(v, port)) {
        return;
    }
    switch (port & 0xf) {
    case 0x0: case 0x2: case 0x4: case 0x6: v->crtc_index = val & 0x1f; break;
    case 0x1: case 0x3: case 0x5: case 0x7: vga_crtc_write(v, val); break;
    case 0xa: v->feature = val & 0x10; break;
    default: break;
    }
}

#define VGA_PORTS_BASE 0x3b0u

void vga_registers_changed(Vga *v)
{
    v->palette_stale = true; /* the DAC's width may be among them */
    console_changed(v->console);
}

uint8_t vga_ports_read(Vga *v, unsigned port)
{
    return v->card && v->card->port_read ? v->card->port_read(v, port) : vga_port_read(v, port);
}

void vga_ports_write(Vga *v, unsigned port, uint8_t val)
{
    if (v->card && v->card->port_write) {
        v->card->port_write(v, port, val);
    } else {
        vga_port_write(v, port, val);
    }
    console_changed(v->console);
}

/* --- regions ------------------------------------------------------------------------------------------------------------ */

static uint64_t ports_read(void *opaque, hwaddr off, unsigned size)
{
    (void)size;
    return vga_ports_read(opaque, VGA_PORTS_BASE + (unsigned)off);
}

static void ports_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    (void)size;
    vga_ports_write(opaque, VGA_PORTS_BASE + (unsigned)off, (uint8_t)val);
}

/* 0x1ce: index, 0x1cf and 0x1d0: data, 16 bits wide. */
static uint64_t ports_vbe_read(void *opaque, hwaddr off, unsigned size)
{
    Vga *v = opaque;

    (void)size;
    return off == 0 ? v->vbe.index : vbe_read(&v->vbe, v->vbe.index);
}

static void ports_vbe_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Vga *v = opaque;

    (void)size;
    if (off == 0) {
        v->vbe.index = (uint16_t)val;
    } else {
        vbe_write(&v->vbe, v->vbe.index, (uint16_t)val);
        vga_registers_changed(v);
    }
}

static const MemOps ports_ops = { .read = ports_read, .write = ports_write, .max_size = 1 };
static const MemOps ports_vbe_ops = { .read = ports_vbe_read, .write = ports_vbe_write, .min_size = 2, .max_size = 2,
                                      .unaligned = true, .exact = true };

/* The parts of 0x3b0..0x3df that are VGA's; a parallel port may live between them. */
static const struct {
    const char *name;
    uint16_t port, count;
} port_views[] = { { "vga-mono", 0x3b0, 0xc }, { "vga-io", 0x3c0, 0x10 }, { "vga-colour", 0x3d0, 0xd } };

bool vga_init(Vga *v, const char *name, Error **errp)
{
    if (!mem_init_ram(&v->vram, name, v->vram_size, errp)) {
        return false;
    }
    v->vbe.vram = &v->vram;
    v->vbe.vram_size = v->vram_size;
    mem_init_io(&v->window, v->card && v->card->window ? v->card->window : &vga_window_ops, v, "vga-lowmem", 0x20000);
    mem_set_coalesced(&v->window, true);
    mem_init_io(&v->ports, &ports_ops, v, "vga", 0x30);
    for (unsigned i = 0; i < G_N_ELEMENTS(v->port_views); i++) {
        mem_init_alias(&v->port_views[i], port_views[i].name, &v->ports, port_views[i].port - VGA_PORTS_BASE,
                       port_views[i].count);
    }
    mem_init_io(&v->ports_vbe, &ports_vbe_ops, v, "vbe", 3);
    v->console = console_new(name, v->card && v->card->size_hint ? &vga_sized_console_ops : &vga_console_ops, v);
    fb_init(&v->scan, v->console, &v->vram, v->vram_size);
    if (v->card && v->card->overlay) {
        v->scan.overlay = v->card->overlay;
        v->scan.opaque = v;
    }
    return true;
}

void vga_map_legacy(Vga *v, MemRegion *mem, MemRegion *io)
{
    mem_transaction_begin();
    mem_add_prio(mem, 0xa0000, &v->window, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(v->port_views); i++) {
        mem_add(io, port_views[i].port, &v->port_views[i]);
    }
    if (!v->card || !v->card->fb_mode) {
        mem_add(io, 0x1ce, &v->ports_vbe);
    }
    mem_transaction_commit();
}

void vga_reset(Vga *v)
{
    v->misc = v->feature = v->seq_index = v->gfx_index = v->attr_index = v->crtc_index = 0;
    memset(v->seq, 0, sizeof(v->seq));
    memset(v->gfx, 0, sizeof(v->gfx));
    memset(v->attr, 0, sizeof(v->attr));
    memset(v->crtc, 0, sizeof(v->crtc));
    memset(v->dac, 0, sizeof(v->dac));
    memset(v->latch, 0, sizeof(v->latch));
    memset(v->dac_latch, 0, sizeof(v->dac_latch));
    v->attr_data = false;
    v->dac_mask = 0xff;
    v->dac_read = v->dac_write = v->dac_sub = v->dac_state = 0;
    vbe_reset(&v->vbe);
    v->start_more = v->offset_more = 0;
    v->plane_mask = VGA_PLANE_SIZE - 1;
    vga_registers_changed(v);
}

void vga_destroy(Vga *v)
{
    vga_screen_free(v);
    fb_free(&v->scan);
    console_free(v->console);
    v->console = NULL;
    mem_destroy(&v->window);
    for (unsigned i = 0; i < G_N_ELEMENTS(v->port_views); i++) {
        mem_destroy(&v->port_views[i]);
    }
    mem_destroy(&v->ports);
    mem_destroy(&v->ports_vbe);
    mem_destroy(&v->vram);
}

static bool vga_post_load(void *opaque, int version, Error **errp)
{
    Vga *v = opaque;
    const VgaCard *c = v->card;
    unsigned seq = c && c->seq_count ? c->seq_count : 8, gfx = c && c->gfx_count ? c->gfx_count : 16;
    unsigned crtc = c && c->crtc_count ? c->crtc_count : 32;

    (void)version;
    if (v->seq_index >= seq || v->gfx_index >= gfx || v->crtc_index >= crtc || v->dac_sub > 2 || v->attr_index > 63) {
        error_set(errp, "VGA: an index register is out of range (sequencer %u, graphics %u, CRTC %u, DAC %u, attributes %u)",
                  v->seq_index, v->gfx_index, v->crtc_index, v->dac_sub, v->attr_index);
        return false;
    }
    vga_registers_changed(v);
    fb_invalidate(&v->scan);
    return true;
}

const VMState vga_state = {
    .name = "vga",
    .version = 1,
    .fields = (const VMStateField[]){
        VMS_UINT(Vga, misc), VMS_UINT(Vga, feature), VMS_UINT(Vga, seq_index), VMS_BUFFER(Vga, seq),
        VMS_UINT(Vga, gfx_index), VMS_BUFFER(Vga, gfx), VMS_UINT(Vga, attr_index), VMS_BUFFER(Vga, attr),
        VMS_UINT(Vga, attr_data), VMS_UINT(Vga, crtc_index), VMS_BUFFER(Vga, crtc), VMS_UINT(Vga, dac_mask),
        VMS_UINT(Vga, dac_read), VMS_UINT(Vga, dac_write), VMS_UINT(Vga, dac_sub), VMS_UINT(Vga, dac_state),
        VMS_BUFFER(Vga, dac_latch), VMS_BUFFER(Vga, dac), VMS_BUFFER(Vga, latch),
        VMS_STRUCT(Vga, vbe, vbe_state), VMS_END },
    .post_load = vga_post_load,
};
