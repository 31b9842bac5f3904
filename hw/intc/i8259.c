/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8259A programmable interrupt controller (data sheet 231468-003), as a PC has it: two chips, the second
 * cascaded at IR2 of the first, and the edge/level control registers (ELCR) of the PIIX (data sheet 290550, 4.1.3).
 *
 * Called by the port dispatch, by whoever drives the IR inputs, and by the interrupt acknowledge of the CPU.
 * Everything under the big lock.
 *
 * One deviation, because our devices send pulses of no length: an edge stays latched in the IRR when its line falls
 * before the acknowledge; the chip would answer that with the spurious IR7.  The 8080 mode (CALL instructions on the
 * bus) does not exist on a PC.
 */
#include "util/osdep.h"
#include "hw/intc/i8259.h"
#include "util/log.h"

struct I8259 {
    IsaDevice isa;
    /* constant after creation */
    bool is_master;
    uint16_t iobase, elcr_port;
    uint8_t elcr_mask; /* inputs that can be made level triggered */
    IrqLine intr, changed;
    I8259 *slave;      /* of the master; NULL: none */
    const IrqchipOps *kernel; /* where the chip really is; NULL: here */
    MemRegion io, elcr_io;
    /* registers */
    uint8_t irr, isr, imr;
    uint8_t lines;     /* levels of the inputs */
    uint8_t elcr;
    uint8_t highest;   /* priority rotation: the input that comes first */
    uint8_t vector_base;
    uint8_t cascade;   /* ICW3 */
    uint8_t init_state; /* 0: running; 1..3: ICW2..ICW4 comes next */
    bool init4, single, level_mode;
    bool read_isr, poll, special_mask, auto_eoi, rotate_on_aeoi, nested_fully;
    uint64_t counts[8]; /* rising requests, for info irq; no register */
};

enum { I8259_RUN, I8259_ICW2, I8259_ICW3, I8259_ICW4 };
enum { I8259_CASCADE_IR = 2 };

static I8259 *i8259_of(Device *d)
{
    return container_of(d, I8259, isa.dev);
}

static uint8_t i8259_level_inputs(const I8259 *s)
{
    return s->level_mode ? 0xff : s->elcr;
}

/* Steps from the highest priority down to the first bit of @mask; 8: none. */
static unsigned i8259_rank(const I8259 *s, uint8_t mask)
{
    unsigned rank = 0;
    while (rank < 8 && !(mask & (1u << ((rank + s->highest) & 7)))) {
        rank++;
    }
    return rank;
}

/* The input to be served now, or -1. */
static int i8259_best(const I8259 *s)
{
    unsigned rank = i8259_rank(s, s->irr & ~s->imr);
    if (rank == 8) {
        return -1;
    }
    uint8_t serving = s->isr;
    if (s->special_mask) {
        serving &= ~s->imr;
    }
    if (s->nested_fully && s->is_master) {
        serving &= ~(1u << I8259_CASCADE_IR);
    }
    return rank < i8259_rank(s, serving) ? (int)((rank + s->highest) & 7) : -1;
}

static void i8259_update(I8259 *s)
{
    if (s->kernel) {
        return;
    }
    irq_set(s->intr, i8259_best(s) >= 0);
}

bool i8259_pending(const I8259 *master)
{
    return i8259_best(master) >= 0;
}

static void i8259_irq_in(Device *d, int n, int level)
{
    I8259 *s = i8259_of(d);
    uint8_t bit = 1u << (n & 7);
    bool rising = level && !(s->lines & bit);
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    if (i8259_level_inputs(s) & bit) {
        s->irr = (s->irr & ~bit) | (s->lines & bit);
    } else if (rising) {
        s->irr |= bit;
    }
    s->counts[n & 7] += rising;
    i8259_update(s);
}

/* Input @n goes into service. */
static void i8259_take(I8259 *s, unsigned n)
{
    uint8_t bit = 1u << n;
    if (s->auto_eoi) {
        if (s->rotate_on_aeoi) {
            s->highest = (n + 1) & 7;
        }
    } else {
        s->isr |= bit;
    }
    if (!(i8259_level_inputs(s) & bit)) {
        s->irr &= ~bit;
    }
    irq_lower(s->intr); /* INT falls with INTA; the next request makes a new edge */
    i8259_update(s);
}

int i8259_acknowledge(I8259 *master)
{
    int n = i8259_best(master);
    if (n < 0) {
        return master->vector_base + 7;
    }
    i8259_take(master, n);
    if (n != I8259_CASCADE_IR || !master->slave) {
        return master->vector_base + n;
    }
    I8259 *slave = master->slave;
    int m = i8259_best(slave);
    if (m < 0) {
        return slave->vector_base + 7;
    }
    i8259_take(slave, m);
    return slave->vector_base + m;
}

static void i8259_clear(I8259 *s)
{
    s->irr = s->lines & i8259_level_inputs(s); /* edges must come anew */
    s->isr = s->imr = 0;
    s->highest = 0;
    s->read_isr = s->poll = s->special_mask = false;
    s->auto_eoi = s->rotate_on_aeoi = s->nested_fully = false;
}

static void i8259_icw1(I8259 *s, uint8_t val)
{
    s->init4 = val & 1;
    s->single = val & 2;
    s->level_mode = val & 8;
    i8259_clear(s);
    s->init_state = I8259_ICW2;
    i8259_update(s);
}

/* EOI that names no input: the one in service with the highest priority, unless special mask mode hides it. */
static void i8259_eoi_highest(I8259 *s, bool rotate)
{
    unsigned rank = i8259_rank(s, s->special_mask ? s->isr & ~s->imr : s->isr);
    if (rank < 8) {
        unsigned n = (rank + s->highest) & 7;
        s->isr &= ~(1u << n);
        if (rotate) {
            s->highest = (n + 1) & 7;
        }
    }
}

static void i8259_ocw2(I8259 *s, uint8_t val)
{
    unsigned n = val & 7;
    switch (val >> 5) {
    case 0:
    case 4:
        s->rotate_on_aeoi = val >> 7;
        break;
    case 1:
    case 5:
        i8259_eoi_highest(s, val >> 7);
        break;
    case 3:
        s->isr &= ~(1u << n);
        break;
    case 6:
        s->highest = (n + 1) & 7;
        break;
    case 7:
        s->isr &= ~(1u << n);
        s->highest = (n + 1) & 7;
        break;
    default: /* 2: no operation */
        break;
    }
    i8259_update(s);
}

static void i8259_ocw3(I8259 *s, uint8_t val)
{
    if (val & 0x04) {
        s->poll = true;
    } else if (val & 0x02) {
        s->read_isr = val & 1;
    }
    if (val & 0x40) {
        s->special_mask = val & 0x20;
        i8259_update(s);
    }
}

static void i8259_data(I8259 *s, uint8_t val)
{
    switch (s->init_state) {
    case I8259_ICW2:
        s->vector_base = val & 0xf8;
        s->init_state = !s->single ? I8259_ICW3 : s->init4 ? I8259_ICW4 : I8259_RUN;
        break;
    case I8259_ICW3:
        s->cascade = val;
        s->init_state = s->init4 ? I8259_ICW4 : I8259_RUN;
        break;
    case I8259_ICW4:
        s->nested_fully = val & 0x10;
        s->auto_eoi = val & 0x02;
        s->init_state = I8259_RUN;
        break;
    default:
        s->imr = val;
        i8259_update(s);
        break;
    }
}

static void i8259_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8259 *s = opaque;
    (void)size;
    if (off) {
        i8259_data(s, val);
    } else if (val & 0x10) {
        i8259_icw1(s, val);
    } else if (val & 0x08) {
        i8259_ocw3(s, val);
    } else {
        i8259_ocw2(s, val);
    }
    irq_pulse(s->changed);
}

static uint64_t i8259_read(void *opaque, hwaddr off, unsigned size)
{
    I8259 *s = opaque;
    (void)size;
    if (s->poll) {
        s->poll = false;
        int n = i8259_best(s);
        if (n < 0) {
            return 0;
        }
        i8259_take(s, n);
        return 0x80 | n;
    }
    return off ? s->imr : s->read_isr ? s->isr : s->irr;
}

static uint64_t i8259_elcr_read(void *opaque, hwaddr off, unsigned size)
{
    (void)off;
    (void)size;
    return ((I8259 *)opaque)->elcr;
}

static void i8259_elcr_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    I8259 *s = opaque;
    (void)off;
    (void)size;
    s->elcr = val & s->elcr_mask;
    s->irr = (s->irr & ~s->elcr) | (s->lines & s->elcr);
    i8259_update(s);
}

static const MemOps i8259_ops = { .read = i8259_read, .write = i8259_write, .max_size = 1 };
static const MemOps i8259_elcr_ops = { .read = i8259_elcr_read, .write = i8259_elcr_write, .max_size = 1 };

static void i8259_from_kernel(I8259 *s)
{
    IrqchipPic p;
    if (!s->kernel) {
        return;
    }
    s->kernel->pic_get(s->is_master ? 0 : 1, &p);
    s->lines = p.lines;
    s->irr = p.irr;
    s->isr = p.isr;
    s->imr = p.imr;
    s->elcr = p.elcr & s->elcr_mask;
    s->highest = p.highest;
    s->vector_base = p.vector_base & 0xf8;
    s->init_state = p.init_state;
    s->init4 = p.init4;
    s->read_isr = p.read_isr;
    s->poll = p.poll;
    s->special_mask = p.special_mask;
    s->auto_eoi = p.auto_eoi;
    s->rotate_on_aeoi = p.rotate_on_aeoi;
    s->nested_fully = p.nested_fully;
}

static void i8259_to_kernel(I8259 *s)
{
    IrqchipPic p = {
        .lines = s->lines, .irr = s->irr, .isr = s->isr, .imr = s->imr, .elcr = s->elcr, .highest = s->highest,
        .vector_base = s->vector_base, .init_state = s->init_state, .init4 = s->init4, .read_isr = s->read_isr, .poll = s->poll,
        .special_mask = s->special_mask, .auto_eoi = s->auto_eoi, .rotate_on_aeoi = s->rotate_on_aeoi,
        .nested_fully = s->nested_fully,
    };
    if (s->kernel) {
        s->kernel->pic_put(s->is_master ? 0 : 1, &p);
    }
}

static void i8259_pre_save(void *opaque)
{
    i8259_from_kernel(opaque);
}

static void i8259_reset(Device *d)
{
    I8259 *s = i8259_of(d);
    s->level_mode = s->init4 = s->single = false;
    s->elcr = 0;
    s->vector_base = s->cascade = 0;
    s->init_state = I8259_RUN;
    if (s->kernel) {
        s->lines = 0; /* who drives them does so again */
    }
    i8259_clear(s);
    i8259_update(s);
    i8259_to_kernel(s);
}

static bool i8259_realize(Device *d, Error **errp)
{
    I8259 *s = i8259_of(d);
    (void)errp;
    mem_init_io(&s->io, &i8259_ops, s, "pic", 2);
    isa_add_io(d, s->iobase, &s->io);
    mem_init_io(&s->elcr_io, &i8259_elcr_ops, s, "elcr", 1);
    isa_add_io(d, s->elcr_port, &s->elcr_io);
    return true;
}

static void i8259_unrealize(Device *d)
{
    I8259 *s = i8259_of(d);
    mem_destroy(&s->io);
    mem_destroy(&s->elcr_io);
}

static bool i8259_post_load(void *opaque, int version, Error **errp)
{
    I8259 *s = opaque;
    (void)version;
    if (s->init_state > I8259_ICW4 || s->highest > 7 || (s->vector_base & 7) || (s->elcr & ~s->elcr_mask)) {
        error_set(errp, "state of an interrupt controller at port 0x%x is not one that it can have", s->iobase);
        return false;
    }
    i8259_to_kernel(s);
    return true;
}

static const VMStateField i8259_fields[] = {
    VMS_UINT(I8259, irr), VMS_UINT(I8259, isr), VMS_UINT(I8259, imr), VMS_UINT(I8259, lines), VMS_UINT(I8259, elcr),
    VMS_UINT(I8259, highest), VMS_UINT(I8259, vector_base), VMS_UINT(I8259, cascade), VMS_UINT(I8259, init_state),
    VMS_UINT(I8259, init4), VMS_UINT(I8259, single), VMS_UINT(I8259, level_mode), VMS_UINT(I8259, read_isr),
    VMS_UINT(I8259, poll), VMS_UINT(I8259, special_mask), VMS_UINT(I8259, auto_eoi), VMS_UINT(I8259, rotate_on_aeoi),
    VMS_UINT(I8259, nested_fully), VMS_END
};
static const VMState i8259_state = {
    .name = "i8259", .version = 1, .fields = i8259_fields, .pre_save = i8259_pre_save, .post_load = i8259_post_load,
};

static const IrqOut i8259_irq_out[] = { { "intr", offsetof(I8259, intr), 1 }, { NULL, 0, 0 } };

static const DeviceClass i8259_class = {
    .name = "isa-pic",
    .desc = "Intel 8259A interrupt controller",
    .category = "Misc",
    .bus = BUS_ISA,
    .size = sizeof(I8259),
    .state = &i8259_state,
    .realize = i8259_realize,
    .reset = i8259_reset,
    .unrealize = i8259_unrealize,
    .irq_in = i8259_irq_in,
    .irq_in_count = 8,
    .irq_out = i8259_irq_out,
};
DEVICE_REGISTER(i8259_class);

static I8259 *i8259_create(IsaBus *isa, bool master, IrqLine intr, Error **errp)
{
    Device *d = device_new(&i8259_class);
    I8259 *s = i8259_of(d);
    s->is_master = master;
    s->iobase = master ? 0x20 : 0xa0;
    s->elcr_port = master ? 0x4d0 : 0x4d1;
    s->elcr_mask = master ? 0xf8 : 0xde; /* timer, keyboard, cascade, RTC and coprocessor are edges for ever */
    s->intr = intr;
    if (!device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return s;
}

bool i8259_create_pair(I8259Pair *p, IsaBus *isa, IrqLine intr, Error **errp)
{
    p->master = i8259_create(isa, true, intr, errp);
    if (!p->master) {
        return false;
    }
    p->slave = i8259_create(isa, false, device_irq_in(&p->master->isa.dev, I8259_CASCADE_IR), errp);
    if (!p->slave) {
        return false;
    }
    p->master->slave = p->slave;
    for (unsigned i = 0; i < 16; i++) {
        p->in[i] = device_irq_in(i < 8 ? &p->master->isa.dev : &p->slave->isa.dev, i & 7);
    }
    p->in[I8259_CASCADE_IR] = (IrqLine){ NULL, NULL, 0 };
    return true;
}

void i8259_set_kernel(I8259Pair *p, const IrqchipOps *ops)
{
    p->master->kernel = p->slave->kernel = ops;
    i8259_to_kernel(p->master);
    i8259_to_kernel(p->slave);
}

bool i8259_notices(const I8259 *master, unsigned n)
{
    uint8_t bit = 1u << n;
    return !(master->irr & master->imr & bit) || (i8259_level_inputs(master) & bit);
}

void i8259_set_changed(I8259 *master, IrqLine changed)
{
    master->changed = changed;
}

void i8259_print_device(Device *d, GString *out)
{
    I8259 *s = i8259_of(d);
    i8259_from_kernel(s);
    g_string_append_printf(out, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n",
                           !s->is_master, s->irr, s->imr, s->isr, s->highest, s->vector_base, s->read_isr, s->elcr,
                           s->nested_fully);
}

void i8259_print_counts(Device *d, GString *out)
{
    const I8259 *s = i8259_of(d);
    for (unsigned i = 0; i < 8; i++) {
        if (s->counts[i]) {
            g_string_append_printf(out, "%2u: %" PRIu64 "\n", i + (s->is_master ? 0 : 8), s->counts[i]);
        }
    }
}
