/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SMBus bus: addresses and who answers them.  Under the big lock. */
#include "util/osdep.h"
#include "hw/i2c/smbus.h"

SmbusSlave *smbus_find(SmbusBus *b, uint8_t address)
{
    for (guint i = 0; i < b->bus.devices->len; i++) {
        SmbusSlave *s = container_of((Device *)g_ptr_array_index(b->bus.devices, i), SmbusSlave, dev);
        if (s->address == address) {
            return s;
        }
    }
    return NULL;
}

static bool smbus_attach(Bus *bus, Device *dev, Error **errp)
{
    SmbusSlave *s = container_of(dev, SmbusSlave, dev);
    if (s->address > 0x7f) {
        error_set(errp, "SMBus address 0x%x of %s is not within 0 to 0x7f", s->address, dev->cls->name);
        return false;
    }
    if (smbus_find(container_of(bus, SmbusBus, bus), s->address)) {
        error_set(errp, "SMBus address 0x%02x on %s is taken", s->address, bus->name);
        return false;
    }
    return true;
}

static const BusClass smbus_bus_class = { .kind = BUS_I2C, .type = "i2c-bus", .attach = smbus_attach };

void smbus_init(SmbusBus *b, Device *parent, const char *name)
{
    bus_init(&b->bus, &smbus_bus_class, parent, name);
}
