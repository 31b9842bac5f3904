/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ISA serial port: a 16550A at a port and an irq.  Created by the board and by -device.  Under the big lock. */
#include "util/osdep.h"
#include "hw/char/isa-serial.h"
#include "hw/char/uart.h"

enum { ISA_SERIAL_AUTO = UINT32_MAX, ISA_SERIAL_PORTS = 4 };

typedef struct IsaSerial {
    IsaDevice isa;
    uint32_t index, iobase, irq; /* all ones: by index, and that by what is there already */
    Uart uart;
    MemRegion io;
} IsaSerial;

static const uint16_t isa_serial_ports[ISA_SERIAL_PORTS] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
static const uint8_t isa_serial_irqs[ISA_SERIAL_PORTS] = { 4, 3, 4, 3 };

static IsaSerial *isa_serial_of(Device *d)
{
    return container_of(d, IsaSerial, isa.dev);
}

/* First index that no serial port on the bus has. */
static unsigned isa_serial_free_index(Device *d)
{
    uint32_t used = 0;
    for (guint i = 0; i < d->bus->devices->len; i++) {
        Device *other = g_ptr_array_index(d->bus->devices, i);
        if (other != d && other->cls == d->cls && isa_serial_of(other)->index < ISA_SERIAL_PORTS) {
            used |= 1u << isa_serial_of(other)->index;
        }
    }
    return __builtin_ctz(~used);
}

static bool isa_serial_realize(Device *d, Error **errp)
{
    IsaSerial *s = isa_serial_of(d);
    if (s->index == ISA_SERIAL_AUTO) {
        s->index = isa_serial_free_index(d);
    }
    if (s->index >= ISA_SERIAL_PORTS) {
        error_set(errp, "isa-serial: a PC has serial ports 0 to %d, not %u", ISA_SERIAL_PORTS - 1, s->index);
        error_add_hint(errp, "Use pci-serial for more.");
        return false;
    }
    if (s->iobase == ISA_SERIAL_AUTO) {
        s->iobase = isa_serial_ports[s->index];
    }
    if (s->irq == ISA_SERIAL_AUTO) {
        s->irq = isa_serial_irqs[s->index];
    }
    if (s->iobase > 0xfff8 || s->irq > 15) {
        error_set(errp, "isa-serial: port 0x%x or irq %u is out of range; ports are 0 to 0xfff8, irqs 0 to 15", s->iobase,
                  s->irq);
        return false;
    }
    s->uart.irq = isa_irq(d, s->irq);
    if (!uart_init(&s->uart, errp)) {
        return false;
    }
    mem_init_io(&s->io, &uart_ops, &s->uart, "serial", 8);
    isa_add_io(d, s->iobase, &s->io);
    return true;
}

static void isa_serial_reset(Device *d)
{
    uart_reset(&isa_serial_of(d)->uart);
}

static void isa_serial_unrealize(Device *d)
{
    IsaSerial *s = isa_serial_of(d);
    mem_destroy(&s->io);
    uart_destroy(&s->uart);
}

static const Prop isa_serial_props[] = {
    { .name = "index", .type = &prop_u32, .offset = offsetof(IsaSerial, index), .def = "4294967295",
      .help = "0 to 3 for COM1 to COM4; default: the first free one" },
    { .name = "iobase", .type = &prop_u32, .offset = offsetof(IsaSerial, iobase), .def = "4294967295",
      .help = "first port; default: by index" },
    { .name = "irq", .type = &prop_u32, .offset = offsetof(IsaSerial, irq), .def = "4294967295",
      .help = "ISA interrupt; default: by index" },
    PROP(IsaSerial, uart.chr, "chardev", prop_chardev, NULL, "character back end"),
    PROP_END
};

static const VMStateField isa_serial_fields[] = { VMS_STRUCT(IsaSerial, uart, uart_state), VMS_END };
static const VMState isa_serial_state = { .name = "isa-serial", .version = 1, .fields = isa_serial_fields };

static const DeviceClass isa_serial_class = {
    .name = "isa-serial",
    .desc = "16550A serial port",
    .category = "Input",
    .bus = BUS_ISA,
    .size = sizeof(IsaSerial),
    .user_creatable = true,
    .props = isa_serial_props,
    .state = &isa_serial_state,
    .realize = isa_serial_realize,
    .reset = isa_serial_reset,
    .unrealize = isa_serial_unrealize,
};
DEVICE_REGISTER(isa_serial_class);

Device *isa_serial_create(IsaBus *isa, unsigned index, Chardev *chr, Error **errp)
{
    Device *d = device_new(&isa_serial_class);
    IsaSerial *s = isa_serial_of(d);
    s->index = index;
    if (!char_fe_attach(&s->uart.chr, chr, errp) || !device_realize(d, &isa->bus, errp)) {
        device_free(d);
        return NULL;
    }
    return d;
}
