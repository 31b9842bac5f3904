/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SMBus host controller inside the PIIX4's function 3.  Under the big lock. */
#ifndef HW_I2C_PIIX4_SMBUS_H
#define HW_I2C_PIIX4_SMBUS_H

#include "hw/i2c/smbus.h"
#include "system/memory.h"

#define PIIX4_SMBUS_PORTS 64

typedef struct Piix4Smbus {
    SmbusBus bus;
    MemRegion io;
    uint8_t status, control, command, address, data0, data1;
    uint8_t block[SMBUS_BLOCK_MAX];
    uint8_t block_pos;
} Piix4Smbus;

void piix4_smbus_init(Piix4Smbus *s, Device *parent);
void piix4_smbus_destroy(Piix4Smbus *s);
void piix4_smbus_reset(Piix4Smbus *s);
extern const VMState piix4_smbus_state;

#endif
