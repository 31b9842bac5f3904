/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System Management Bus (SMBus Specification 2.0, section 5.5) as its slaves see it: a slave is a device on a BUS_I2C
 * bus whose class has bus_class = &(SmbusClass){...}.  Under the big lock.
 */
#ifndef HW_I2C_SMBUS_H
#define HW_I2C_SMBUS_H

#include "system/device.h"

#define SMBUS_BLOCK_MAX 32

typedef struct SmbusSlave {
    Device dev;
    uint8_t address; /* 7 bits; property address= */
} SmbusSlave;

/* Each returns false for "not acknowledged"; NULL: never acknowledges that. */
typedef struct SmbusClass {
    bool (*quick)(SmbusSlave *s, bool read);
    bool (*send_byte)(SmbusSlave *s, uint8_t val);
    bool (*receive_byte)(SmbusSlave *s, uint8_t *val);
    /* @len 1, 2, or up to SMBUS_BLOCK_MAX for blocks. */
    bool (*write)(SmbusSlave *s, uint8_t command, const uint8_t *buf, unsigned len);
    bool (*read)(SmbusSlave *s, uint8_t command, uint8_t *buf, unsigned len);
    bool (*read_block)(SmbusSlave *s, uint8_t command, uint8_t *buf, unsigned *len);
} SmbusClass;

typedef struct SmbusBus {
    Bus bus;
} SmbusBus;

void smbus_init(SmbusBus *b, Device *parent, const char *name);
SmbusSlave *smbus_find(SmbusBus *b, uint8_t address); /* NULL: nobody there */

static inline const SmbusClass *smbus_class(const SmbusSlave *s)
{
    return s->dev.cls->bus_class;
}

#endif
