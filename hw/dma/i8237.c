/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two Intel 8237A DMA controllers (data sheet 231466-005) as the AT wires them: channels 0-3 move bytes, 5-7 words,
 * channel 4 cascades the first controller into the second.  Page registers at 0x80-0x8f.
 *
 * Called by the port dispatch and by ISA devices through IsaDmaOps (hw/isa/isa.h).  Transfers run from a bottom half in
 * the main thread; each run gives every requesting channel one call, and only progress asks for another run.
 * Everything under the big lock.  Memory-to-memory transfers, which a PC cannot use, are not there.
 */
#include "util/osdep.h"
#include "hw/dma/i8237.h"
#include "util/log.h"
#include "util/mainloop.h"

enum { I8237_CHANNELS = 4, I8237_CASCADE = 4, I8237_PAGES = 16 };
enum { REG_COMMAND = 8, REG_REQUEST, REG_MASK, REG_MODE, REG_FLIPFLOP, REG_CLEAR, REG_UNMASK, REG_ALL_MASKS };
enum { COMMAND_MEM_TO_MEM = 1, COMMAND_DISABLE = 4 };
enum { MODE_TYPE = 0x0c, MODE_VERIFY = 0x00, MODE_WRITE = 0x04, MODE_READ = 0x08, MODE_AUTOINIT = 0x10, MODE_DOWN = 0x20 };

typedef struct I8237Channel {
    uint16_t base_addr, base_count; /* as programmed */
    uint32_t pos;                   /* bytes moved since */
    uint8_t mode;
    uint8_t page;
    IsaDmaTransfer *fn;
    void *opaque;
} I8237Channel;

typedef struct I8237Chip {
    I8237Channel ch[I8237_CHANNELS];
    uint8_t command, mask, request;
    uint8_t dreq, tc;
    bool flipflop; /* the high byte comes next */
    MemRegion io;
} I8237Chip;

typedef struct I8237 {
    IsaDevice isa;
    IsaDma dma;
    AddressSpace *mem;
    BottomHalf *bh;
    MemRegion page_io;
    uint8_t pages[I8237_PAGES]; /* all of them are RAM to software */
    I8237Chip chip[2];
} I8237;

/* Channel by page register: 0x87 is channel 0's, and so on; -1: spare. */
static const int8_t i8237_page_channel[I8237_PAGES] = {
    -1, 2, 3, 1, -1, -1, -1, 0, -1, 6, 7, 5, -1, -1, -1, -1,
};

static I8237 *i8237_of(Device *d)
{
    return container_of(d, I8237, isa.dev);
}

static I8237 *i8237_of_dma(IsaDma *dma)
{
    return container_of(dma, I8237, dma);
}

static I8237Channel *i8237_channel(I8237 *s, unsigned n)
{
    return &s->chip[n >> 2 & 1].ch[n & 3];
}

/* log2 of the unit: words on the second controller. */
static unsigned i8237_shift(unsigned n)
{
    return n >> 2 & 1;
}

static uint32_t i8237_size(const I8237Channel *c, unsigned n)
{
    return ((uint32_t)c->base_count + 1) << i8237_shift(n);
}

static bool i8237_ready(const I8237 *s, unsigned n)
{
    const I8237Chip *chip = &s->chip[n >> 2], *second = &s->chip[1];
    unsigned bit = 1u << (n & 3);
    bool path = n >= 4 || (!(second->mask & 1) && !(second->command & COMMAND_DISABLE));
    return path && n != I8237_CASCADE && !(chip->command & COMMAND_DISABLE) && !(chip->mask & bit) &&
           ((chip->dreq | chip->request) & bit) && chip->ch[n & 3].fn;
}

/* One call of the device on channel @n; true: it got further. */
static bool i8237_run_channel(I8237 *s, unsigned n)
{
    I8237Chip *chip = &s->chip[n >> 2];
    I8237Channel *c = &chip->ch[n & 3];
    uint32_t size = i8237_size(c, n), old = c->pos;
    uint32_t pos = c->fn(c->opaque, n, c->pos, size);
    if (c->pos != old) {
        return false; /* reprogrammed meanwhile */
    }
    c->pos = MIN(pos, size);
    if (c->pos == size) {
        chip->tc |= 1u << (n & 3);
        chip->request &= ~(1u << (n & 3));
        if (c->mode & MODE_AUTOINIT) {
            c->pos = 0;
        } else {
            chip->mask |= 1u << (n & 3);
        }
    }
    return pos != old;
}

static void i8237_run(void *opaque)
{
    I8237 *s = opaque;
    bool progress = false;
    if (s->isa.dev.busy) {
        return;
    }
    s->isa.dev.busy = true;
    for (unsigned n = 0; n < 2 * I8237_CHANNELS; n++) {
        if (i8237_ready(s, n)) {
            progress |= i8237_run_channel(s, n) && i8237_ready(s, n);
        }
    }
    s->isa.dev.busy = false;
    if (progress) {
        bh_schedule(s->bh);
    }
}

static void i8237_kick(I8237 *s)
{
    for (unsigned n = 0; n < 2 * I8237_CHANNELS; n++) {
        if (i8237_ready(s, n)) {
            bh_schedule(s->bh);
            return;
        }
    }
}

/* Device side. */
static void i8237_set_handler(IsaDma *dma, unsigned channel, IsaDmaTransfer *fn, void *opaque)
{
    I8237Channel *c = i8237_channel(i8237_of_dma(dma), channel);
    c->fn = fn;
    c->opaque = opaque;
}

static void i8237_request(IsaDma *dma, unsigned channel, bool active)
{
    I8237 *s = i8237_of_dma(dma);
    I8237Chip *chip = &s->chip[channel >> 2 & 1];
    uint8_t bit = 1u << (channel & 3);
    chip->dreq = active ? chip->dreq | bit : chip->dreq & ~bit;
    if (active) {
        i8237_kick(s);
    }
}

static bool i8237_is_write(IsaDma *dma, unsigned channel)
{
    return (i8237_channel(i8237_of_dma(dma), channel)->mode & MODE_TYPE) == MODE_WRITE;
}

static bool i8237_autoinit(IsaDma *dma, unsigned channel)
{
    return i8237_channel(i8237_of_dma(dma), channel)->mode & MODE_AUTOINIT;
}

static bool i8237_verify(IsaDma *dma, unsigned channel)
{
    return (i8237_channel(i8237_of_dma(dma), channel)->mode & MODE_TYPE) == MODE_VERIFY;
}

/* Where the byte at @pos lies.  The counter wraps inside its page of 64 KiB (128 KiB for words). */
static hwaddr i8237_address(const I8237Channel *c, unsigned n, uint32_t pos)
{
    unsigned shift = i8237_shift(n);
    uint32_t unit = (1u << shift) - 1, window = (0x10000u << shift) - 1;
    uint32_t step = pos & ~unit, base = (uint32_t)c->base_addr << shift;
    uint32_t at = (c->mode & MODE_DOWN ? base - step : base + step) & window;
    return ((hwaddr)c->page << 16 & ~(hwaddr)window) + at + (pos & unit);
}

/* Bytes from @pos on that lie next to each other, at most @len. */
static uint32_t i8237_run_length(const I8237Channel *c, unsigned n, uint32_t pos, uint32_t len)
{
    unsigned shift = i8237_shift(n);
    uint32_t window = 0x10000u << shift;
    if (c->mode & MODE_DOWN) {
        return MIN(len, (1u << shift) - (pos & ((1u << shift) - 1)));
    }
    return MIN(len, window - (((uint32_t)(c->base_addr << shift) + pos) & (window - 1)));
}

static uint32_t i8237_move(IsaDma *dma, unsigned n, uint8_t *in, const uint8_t *out, uint32_t pos, uint32_t len)
{
    I8237 *s = i8237_of_dma(dma);
    const I8237Channel *c = i8237_channel(s, n);
    uint32_t size = i8237_size(c, n), done = 0;
    len = pos < size ? MIN(len, size - pos) : 0;
    while (done < len) {
        hwaddr at = i8237_address(c, n, pos + done);
        uint32_t chunk = i8237_run_length(c, n, pos + done, len - done);
        if (in) {
            dma_read(s->mem, at, in + done, chunk);
        } else if (!i8237_verify(dma, n)) {
            dma_write(s->mem, at, out + done, chunk);
        }
        done += chunk;
    }
    return len;
}

static uint32_t i8237_read_memory(IsaDma *dma, unsigned channel, void *buf, uint32_t pos, uint32_t len)
{
    return i8237_move(dma, channel, buf, NULL, pos, len);
}

static uint32_t i8237_write_memory(IsaDma *dma, unsigned channel, const void *buf, uint32_t pos, uint32_t len)
{
    return i8237_move(dma, channel, NULL, buf, pos, len);
}

static const IsaDmaOps i8237_dma_ops = {
    .set_handler = i8237_set_handler, .request = i8237_request, .is_write = i8237_is_write,
    .autoinit = i8237_autoinit, .verify = i8237_verify, .read_memory = i8237_read_memory,
    .write_memory = i8237_write_memory,
};

/* Ports. */
static void i8237_clear(I8237Chip *chip)
{
    chip->command = chip->request = chip->tc = 0;
    chip->mask = 0x0f;
    chip->flipflop = false;
}

static uint8_t i8237_read_counter(I8237Chip *chip, unsigned shift, unsigned reg)
{
    const I8237Channel *c = &chip->ch[reg >> 1];
    uint16_t units = c->pos >> shift, v;
    if (reg & 1) {
        v = c->base_count - units;
    } else {
        v = c->mode & MODE_DOWN ? c->base_addr - units : c->base_addr + units;
    }
    chip->flipflop = !chip->flipflop;
    return chip->flipflop ? v : v >> 8;
}

static void i8237_write_counter(I8237Chip *chip, unsigned reg, uint8_t val)
{
    I8237Channel *c = &chip->ch[reg >> 1];
    uint16_t *r = reg & 1 ? &c->base_count : &c->base_addr;
    *r = chip->flipflop ? (*r & 0x00ff) | val << 8 : (*r & 0xff00) | val;
    chip->flipflop = !chip->flipflop;
    c->pos = 0;
}

static uint8_t i8237_read_reg(I8237Chip *chip, unsigned shift, unsigned reg)
{
    uint8_t v;
    if (reg < REG_COMMAND) {
        return i8237_read_counter(chip, shift, reg);
    }
    switch (reg) {
    case REG_COMMAND: /* status */
        v = chip->tc | chip->dreq << 4;
        chip->tc = 0;
        return v;
    case REG_ALL_MASKS:
        return chip->mask | 0xf0;
    default:
        return 0;
    }
}

static void i8237_write_reg(I8237 *s, I8237Chip *chip, unsigned reg, uint8_t val)
{
    uint8_t bit = 1u << (val & 3);
    if (reg < REG_COMMAND) {
        i8237_write_counter(chip, reg, val);
        return;
    }
    switch (reg) {
    case REG_COMMAND:
        chip->command = val;
        if (val & COMMAND_MEM_TO_MEM) {
            log_guest(LOG_UNIMP, "i8237: memory-to-memory transfers\n");
        }
        break;
    case REG_REQUEST:
        chip->request = val & 4 ? chip->request | bit : chip->request & ~bit;
        break;
    case REG_MASK:
        chip->mask = val & 4 ? chip->mask | bit : chip->mask & ~bit;
        break;
    case REG_MODE:
        chip->ch[val & 3].mode = val & 0xfc;
        break;
    case REG_FLIPFLOP:
        chip->flipflop = false;
        break;
    case REG_CLEAR:
        i8237_clear(chip);
        break;
    case REG_UNMASK:
        chip->mask = 0;
        break;
    default: /* REG_ALL_MASKS */
        chip->mask = val & 0x0f;
        break;
    }
    i8237_kick(s);
}

static uint64_t i8237_read0(void *opaque, hwaddr off, unsigned size)
{
    I8237 *s = opaque;
    (void)size;
    return i8237_read_reg(&s->chip[0], 0, off & 15);
}

static void i8237_write0(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8237 *s = opaque;
    (void)size;
    i8237_write_reg(s, &s->chip[0], off & 15, val);
}

/* The second controller's registers are two ports apart. */
static uint64_t i8237_read1(void *opaque, hwaddr off, unsigned size)
{
    I8237 *s = opaque;
    (void)size;
    return i8237_read_reg(&s->chip[1], 1, off >> 1 & 15);
}

static void i8237_write1(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8237 *s = opaque;
    (void)size;
    i8237_write_reg(s, &s->chip[1], off >> 1 & 15, val);
}

static uint64_t i8237_read_page(void *opaque, hwaddr off, unsigned size)
{
    (void)size;
    return ((I8237 *)opaque)->pages[off & 15];
}

static void i8237_set_page(I8237 *s, unsigned reg, uint8_t val)
{
    int n = i8237_page_channel[reg];
    s->pages[reg] = val;
    if (n >= 0) {
        i8237_channel(s, n)->page = val;
    }
}

static void i8237_write_page(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    (void)size;
    i8237_set_page(opaque, off & 15, val);
}

static const MemOps i8237_ops0 = { .read = i8237_read0, .write = i8237_write0, .max_size = 1 };
static const MemOps i8237_ops1 = { .read = i8237_read1, .write = i8237_write1, .max_size = 1 };
static const MemOps i8237_page_ops = { .read = i8237_read_page, .write = i8237_write_page, .max_size = 1 };

static void i8237_reset(Device *d)
{
    I8237 *s = i8237_of(d);
    for (unsigned i = 0; i < 2; i++) {
        i8237_clear(&s->chip[i]);
        for (unsigned n = 0; n < I8237_CHANNELS; n++) {
            I8237Channel *c = &s->chip[i].ch[n];
            c->base_addr = c->base_count = 0;
            c->pos = 0;
            c->mode = c->page = 0;
        }
    }
    memset(s->pages, 0, sizeof(s->pages));
    bh_cancel(s->bh);
}

static bool i8237_realize(Device *d, Error **errp)
{
    I8237 *s = i8237_of(d);
    (void)errp;
    s->dma.ops = &i8237_dma_ops;
    s->bh = bh_new(i8237_run, s);
    mem_init_io(&s->chip[0].io, &i8237_ops0, s, "dma1", 0x10);
    isa_add_io(d, 0x00, &s->chip[0].io);
    mem_init_io(&s->chip[1].io, &i8237_ops1, s, "dma2", 0x20);
    isa_add_io(d, 0xc0, &s->chip[1].io);
    mem_init_io(&s->page_io, &i8237_page_ops, s, "dma-page", I8237_PAGES);
    /* Port 0x80 shows POST codes, and systems write to it to pass a microsecond: no reason to stop a guest. The others count when a
     * channel is unmasked or a device begins, by ports that do. */
    mem_set_coalesced(&s->page_io, true);
    isa_add_io(d, 0x80, &s->page_io);
    isa_bus(d)->dma = &s->dma;
    return true;
}

static void i8237_unrealize(Device *d)
{
    I8237 *s = i8237_of(d);
    isa_bus(d)->dma = NULL;
    mem_destroy(&s->page_io);
    mem_destroy(&s->chip[0].io);
    mem_destroy(&s->chip[1].io);
    bh_free(s->bh);
}

static bool i8237_post_load(void *opaque, int version, Error **errp)
{
    I8237 *s = opaque;
    (void)version;
    for (unsigned n = 0; n < 2 * I8237_CHANNELS; n++) {
        I8237Channel *c = i8237_channel(s, n);
        const I8237Chip *chip = &s->chip[n >> 2];
        if (c->pos > i8237_size(c, n) || (c->mode & 3) || ((chip->mask | chip->request | chip->dreq | chip->tc) & 0xf0)) {
            error_set(errp, "state of DMA channel %u is not one that it can have", n);
            return false;
        }
    }
    for (unsigned i = 0; i < I8237_PAGES; i++) {
        i8237_set_page(s, i, s->pages[i]);
    }
    i8237_kick(s);
    return true;
}

static const VMStateField i8237_channel_fields[] = {
    VMS_UINT(I8237Channel, base_addr), VMS_UINT(I8237Channel, base_count), VMS_UINT(I8237Channel, pos),
    VMS_UINT(I8237Channel, mode), VMS_END
};
static const VMState i8237_channel_state = { .name = "i8237-channel", .version = 1, .fields = i8237_channel_fields };

static const VMStateField i8237_chip_fields[] = {
    VMS_STRUCT_ARRAY(I8237Chip, ch, i8237_channel_state), VMS_UINT(I8237Chip, command), VMS_UINT(I8237Chip, mask),
    VMS_UINT(I8237Chip, request), VMS_UINT(I8237Chip, dreq), VMS_UINT(I8237Chip, tc), VMS_UINT(I8237Chip, flipflop),
    VMS_END
};
static const VMState i8237_chip_state = { .name = "i8237-chip", .version = 1, .fields = i8237_chip_fields };

static const VMStateField i8237_fields[] = {
    VMS_BUFFER(I8237, pages), VMS_STRUCT_ARRAY(I8237, chip, i8237_chip_state), VMS_END
};
static const VMState i8237_state = {
    .name = "i8237", .version = 1, .fields = i8237_fields, .post_load = i8237_post_load,
};

static const DeviceClass i8237_class = {
    .name = "i8257",
    .desc = "Intel 8237A DMA controllers",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(I8237),
    .state = &i8237_state,
    .realize = i8237_realize,
    .reset = i8237_reset,
    .unrealize = i8237_unrealize,
};
DEVICE_REGISTER(i8237_class);

Device *i8237_create(IsaBus *isa, AddressSpace *mem, Error **errp)
{
    Device *d = device_new(&i8237_class);
    i8237_of(d)->mem = mem;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
