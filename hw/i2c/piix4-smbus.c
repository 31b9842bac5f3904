/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBus host controller of the 82371AB (datasheet 290562, section 7.3): quick, byte, byte data, word data and block
 * transactions, done at once when the guest starts them.  Without interrupt: HSTCNT.INTEREN is kept and polled by
 * nobody, status shows completion.  vCPU threads under the big lock.
 */
#include "util/osdep.h"
#include "hw/i2c/piix4-smbus.h"

enum { SMB_HSTSTS = 0, SMB_HSTCNT = 2, SMB_HSTCMD = 3, SMB_HSTADD = 4, SMB_HSTDAT0 = 5, SMB_HSTDAT1 = 6, SMB_BLKDAT = 7 };
enum { STS_INTR = 0x02, STS_DEV_ERR = 0x04, STS_FAILED = 0x10, STS_CLEARABLE = 0x1e };
enum { CNT_INTEREN = 0x01, CNT_KILL = 0x02, CNT_PROTOCOL = 0x1c, CNT_START = 0x40 };
enum { PROT_QUICK = 0, PROT_BYTE = 1, PROT_BYTE_DATA = 2, PROT_WORD_DATA = 3, PROT_BLOCK = 5 };

static bool piix4_smbus_data(Piix4Smbus *s, SmbusSlave *slave, bool read, unsigned len)
{
    const SmbusClass *c = smbus_class(slave);
    uint8_t buf[2] = { s->data0, s->data1 };
    if (!read) {
        return c->write && c->write(slave, s->command, buf, len);
    }
    if (!c->read || !c->read(slave, s->command, buf, len)) {
        return false;
    }
    s->data0 = buf[0];
    s->data1 = buf[1];
    return true;
}

static bool piix4_smbus_block(Piix4Smbus *s, SmbusSlave *slave, bool read)
{
    const SmbusClass *c = smbus_class(slave);
    unsigned len = s->data0;
    s->block_pos = 0;
    if (!read) {
        return len >= 1 && len <= SMBUS_BLOCK_MAX && c->write && c->write(slave, s->command, s->block, len);
    }
    if (!c->read_block || !c->read_block(slave, s->command, s->block, &len) || len > SMBUS_BLOCK_MAX) {
        return false;
    }
    s->data0 = (uint8_t)len;
    return true;
}

static void piix4_smbus_transact(Piix4Smbus *s)
{
    SmbusSlave *slave = smbus_find(&s->bus, s->address >> 1);
    bool read = s->address & 1, ok = false;
    if (slave) {
        const SmbusClass *c = smbus_class(slave);
        switch ((s->control & CNT_PROTOCOL) >> 2) {
        case PROT_QUICK:
            ok = c->quick && c->quick(slave, read);
            break;
        case PROT_BYTE:
            ok = read ? c->receive_byte && c->receive_byte(slave, &s->data0)
                      : c->send_byte && c->send_byte(slave, s->command);
            break;
        case PROT_BYTE_DATA:
            ok = piix4_smbus_data(s, slave, read, 1);
            break;
        case PROT_WORD_DATA:
            ok = piix4_smbus_data(s, slave, read, 2);
            break;
        case PROT_BLOCK:
            ok = piix4_smbus_block(s, slave, read);
            break;
        default: /* reserved */
            break;
        }
    }
    s->status |= ok ? STS_INTR : STS_DEV_ERR;
}

static uint64_t piix4_smbus_read(void *opaque, hwaddr off, unsigned size)
{
    Piix4Smbus *s = opaque;
    (void)size;
    switch (off) {
    case SMB_HSTSTS: return s->status;
    case SMB_HSTCNT:
        s->block_pos = 0;
        return s->control;
    case SMB_HSTCMD: return s->command;
    case SMB_HSTADD: return s->address;
    case SMB_HSTDAT0: return s->data0;
    case SMB_HSTDAT1: return s->data1;
    case SMB_BLKDAT: {
        uint8_t val = s->block[s->block_pos % SMBUS_BLOCK_MAX];
        s->block_pos = (s->block_pos + 1) % SMBUS_BLOCK_MAX;
        return val;
    }
    default: return 0;
    }
}

static void piix4_smbus_write(void *opaque, hwaddr off, uint64_t v, unsigned size)
{
    Piix4Smbus *s = opaque;
    uint8_t val = (uint8_t)v;
    (void)size;
    switch (off) {
    case SMB_HSTSTS:
        s->status &= (uint8_t)~(val & STS_CLEARABLE);
        s->block_pos = 0;
        break;
    case SMB_HSTCNT:
        s->control = val & (CNT_INTEREN | CNT_PROTOCOL);
        if (val & CNT_KILL) {
            s->status |= STS_FAILED;
        } else if (val & CNT_START) {
            piix4_smbus_transact(s);
        }
        break;
    case SMB_HSTCMD: s->command = val; break;
    case SMB_HSTADD: s->address = val; break;
    case SMB_HSTDAT0: s->data0 = val; break;
    case SMB_HSTDAT1: s->data1 = val; break;
    case SMB_BLKDAT:
        s->block[s->block_pos % SMBUS_BLOCK_MAX] = val;
        s->block_pos = (s->block_pos + 1) % SMBUS_BLOCK_MAX;
        break;
    default: break;
    }
}

static const MemOps piix4_smbus_ops = { .read = piix4_smbus_read, .write = piix4_smbus_write, .min_size = 1, .max_size = 1 };

void piix4_smbus_init(Piix4Smbus *s, Device *parent)
{
    smbus_init(&s->bus, parent, "i2c");
    mem_init_io(&s->io, &piix4_smbus_ops, s, "pm-smbus", PIIX4_SMBUS_PORTS);
}

void piix4_smbus_destroy(Piix4Smbus *s)
{
    bus_destroy(&s->bus.bus);
    mem_destroy(&s->io);
}

void piix4_smbus_reset(Piix4Smbus *s)
{
    s->status = s->control = s->command = s->address = s->data0 = s->data1 = s->block_pos = 0;
    memset(s->block, 0, sizeof(s->block));
}

static bool piix4_smbus_post_load(void *opaque, int version, Error **errp)
{
    Piix4Smbus *s = opaque;
    (void)version;
    (void)errp;
    s->status &= STS_CLEARABLE;
    s->control &= CNT_INTEREN | CNT_PROTOCOL;
    s->block_pos %= SMBUS_BLOCK_MAX;
    return true;
}

static const VMStateField piix4_smbus_fields[] = {
    VMS_UINT(Piix4Smbus, status), VMS_UINT(Piix4Smbus, control), VMS_UINT(Piix4Smbus, command),
    VMS_UINT(Piix4Smbus, address), VMS_UINT(Piix4Smbus, data0), VMS_UINT(Piix4Smbus, data1),
    VMS_BUFFER(Piix4Smbus, block), VMS_UINT(Piix4Smbus, block_pos), VMS_END,
};
const VMState piix4_smbus_state = { .name = "piix4-smbus", .version = 1, .fields = piix4_smbus_fields,
                                    .post_load = piix4_smbus_post_load };
