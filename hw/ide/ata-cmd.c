/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of an ATA disk as a table (ATA/ATAPI-7 volume 1, section 6, with the obsolete ones that BIOSes and
 * systems since ATA-1 use).  Called by ata.c; under the big lock.
 */
#include "util/osdep.h"
#include "hw/ide/ata-int.h"
#include "util/log.h"

enum { CMD_HD = 1, CMD_CD = 2, CMD_EXT = 4, CMD_DMA = 8, CMD_MULTIPLE = 16, CMD_FUA = 32, CMD_VERIFY = 64 };
enum { ATA_CHUNK_SECTORS = IDE_BUFFER_SIZE / ATA_SECTOR, ATA_TRIM_BLOCKS = 8 };

typedef struct AtaCmd {
    void (*fn)(AtaDrive *d);
    uint8_t flags;
} AtaCmd;

static const AtaCmd ata_cmds[256];

uint64_t ata_sectors(const AtaDrive *d)
{
    return blk_size(d->cfg.blk) / ATA_SECTOR;
}

void ata_default_geometry(uint64_t sectors, uint16_t *cylinders, uint8_t *heads, uint8_t *spt)
{
    *heads = 16;
    *spt = 63;
    *cylinders = (uint16_t)CLAMP(sectors / (16 * 63), 1, 16383);
}

/* ---- Addresses ------------------------------------------------------------------------------------------------ */

static void ata_put_address(AtaDrive *d, uint64_t lba)
{
    if (!d->lba48 && !(d->device & ATA_DEV_LBA)) {
        uint64_t track = lba / d->spt;
        d->lba_low = (uint8_t)(lba % d->spt + 1);
        d->device = (uint8_t)((d->device & 0xf0) | (track % d->heads));
        d->lba_mid = (uint8_t)(track / d->heads);
        d->lba_high = (uint8_t)(track / d->heads >> 8);
        return;
    }
    d->lba_low = (uint8_t)lba;
    d->lba_mid = (uint8_t)(lba >> 8);
    d->lba_high = (uint8_t)(lba >> 16);
    if (d->lba48) {
        d->hob_lba_low = (uint8_t)(lba >> 24);
        d->hob_lba_mid = (uint8_t)(lba >> 32);
        d->hob_lba_high = (uint8_t)(lba >> 40);
    } else {
        d->device = (uint8_t)((d->device & 0xf0) | (lba >> 24 & 15));
    }
}

static bool ata_get_address(const AtaDrive *d, uint64_t *lba)
{
    if (d->lba48) {
        *lba = d->lba_low | (uint64_t)d->lba_mid << 8 | (uint64_t)d->lba_high << 16 | (uint64_t)d->hob_lba_low << 24 |
               (uint64_t)d->hob_lba_mid << 32 | (uint64_t)d->hob_lba_high << 40;
        return true;
    }
    if (d->device & ATA_DEV_LBA) {
        *lba = d->lba_low | (uint64_t)d->lba_mid << 8 | (uint64_t)d->lba_high << 16 | (uint64_t)(d->device & 15) << 24;
        return true;
    }
    uint32_t cylinder = d->lba_mid | (uint32_t)d->lba_high << 8, head = d->device & 15;
    if (d->lba_low == 0 || d->lba_low > d->spt || head >= d->heads) {
        return false;
    }
    *lba = ((uint64_t)cylinder * d->heads + head) * d->spt + d->lba_low - 1;
    return true;
}

static uint32_t ata_get_count(const AtaDrive *d)
{
    uint32_t n = d->lba48 ? d->count | (uint32_t)d->hob_count << 8 : d->count;
    return n ? n : d->lba48 ? 65536 : 256;
}

/* Takes address and count of a transfer; false (and the command has failed) when they are not on the disk. */
static bool ata_range(AtaDrive *d)
{
    uint64_t lba, end = MIN(d->max_lba, ata_sectors(d));
    uint32_t count = ata_get_count(d);
    if (!ata_get_address(d, &lba) || lba >= end || count > end - lba) {
        log_guest(LOG_GUEST_ERROR, "ata: command %02x beyond the disk's %" PRIu64 " sectors\n", d->command, end);
        ata_fail(d, ATA_ER_IDNF);
        return false;
    }
    d->lba = lba;
    d->left = count;
    d->power_mode = 0xff;
    return true;
}

/* ---- Transfers ------------------------------------------------------------------------------------------------- */

static void ata_read_chunk(AtaDrive *d)
{
    d->chunk = MIN(d->left, ATA_CHUNK_SECTORS) * ATA_SECTOR;
    ata_issue(d, ATA_IO_READ);
}

static void ata_write_chunk(AtaDrive *d, bool raise)
{
    d->chunk = MIN(d->left, ATA_CHUNK_SECTORS) * ATA_SECTOR;
    ide_buffer_set(&d->buf, d->chunk);
    if (d->dma) {
        ata_dma_start(d, false);
    } else {
        ata_pio_out(d, raise);
    }
}

static bool ata_prepare(AtaDrive *d)
{
    uint8_t flags = ata_cmds[d->command].flags;
    if ((flags & CMD_MULTIPLE) && !d->multiple) {
        ata_abort(d);
        return false;
    }
    if (!ata_range(d)) {
        return false;
    }
    d->dma = flags & CMD_DMA;
    d->fua = flags & CMD_FUA;
    d->block = ((flags & CMD_MULTIPLE) ? d->multiple : 1) * ATA_SECTOR;
    return true;
}

static void ata_cmd_read(AtaDrive *d)
{
    if (ata_prepare(d)) {
        ata_read_chunk(d);
    }
}

static void ata_cmd_write(AtaDrive *d)
{
    if (ata_prepare(d)) {
        ata_write_chunk(d, false);
    }
}

/* One chunk forward; where the registers say the transfer is. */
static void ata_advance(AtaDrive *d)
{
    uint32_t n = MIN(d->chunk / ATA_SECTOR, d->left);
    d->lba += n;
    d->left -= n;
    d->count = (uint8_t)d->left;
    d->hob_count = (uint8_t)(d->left >> 8);
    ata_put_address(d, d->left ? d->lba : d->lba - 1);
}

void ata_chunk_read(AtaDrive *d)
{
    ide_buffer_set(&d->buf, d->chunk);
    ata_advance(d);
    if (ata_cmds[d->command].flags & CMD_VERIFY) {
        if (d->left) {
            ata_read_chunk(d);
        } else {
            ata_done(d);
        }
    } else if (d->dma) {
        ata_dma_start(d, true);
    } else {
        ata_pio_in(d, true);
    }
}

static void ata_trim_next(AtaDrive *d);

void ata_chunk_moved(AtaDrive *d)
{
    switch (d->phase) {
    case ATA_DMA_IN:
        if (d->left) {
            ata_read_chunk(d);
        } else {
            ata_done(d);
        }
        break;
    case ATA_PIO_IN:
        if (d->left) {
            ata_read_chunk(d);
        } else {
            d->phase = ATA_IDLE; /* the last block's interrupt came before it */
            d->io = ATA_IO_NONE;
        }
        break;
    case ATA_PIO_OUT:
    case ATA_DMA_OUT:
        if (d->command == 0x06) {
            d->trim_entry = 0;
            ata_trim_next(d);
        } else if (d->left) {
            ata_issue(d, ATA_IO_WRITE);
        } else {
            ata_done(d); /* WRITE BUFFER */
        }
        break;
    default:
        break;
    }
}

void ata_io_done(AtaDrive *d)
{
    if (d->io == ATA_IO_DISCARD) {
        d->trim_entry++;
        ata_trim_next(d);
        return;
    }
    if (d->io == ATA_IO_WRITE) {
        ata_advance(d);
        if (d->left) {
            ata_write_chunk(d, true);
            return;
        }
        if (d->fua) {
            d->fua = false;
            ata_issue(d, ATA_IO_FLUSH);
            return;
        }
    }
    ata_done(d);
}

void ata_io_failed(AtaDrive *d, int err)
{
    bool read = d->io == ATA_IO_READ;
    log_printf(LOG_BLOCK, "ata: command %02x at %" PRIu64 ": %s\n", d->command, d->lba, g_strerror(err));
    if (d->io != ATA_IO_FLUSH) {
        ata_put_address(d, d->lba);
    }
    ata_fail(d, read ? ATA_ER_UNC : ATA_ER_ABRT);
}

/* ---- DATA SET MANAGEMENT: TRIM (ACS-2, 7.10) ---------------------------------------------------------------- */

static void ata_cmd_data_set(AtaDrive *d)
{
    uint32_t blocks = ata_get_count(d);
    if (!(d->features & 1) || blocks > ATA_TRIM_BLOCKS) {
        ata_abort(d);
        return;
    }
    d->trim_blocks = (uint8_t)blocks;
    d->left = 0;
    d->dma = true;
    ide_buffer_set(&d->buf, blocks * ATA_SECTOR);
    ata_dma_start(d, false);
}

static void ata_trim_next(AtaDrive *d)
{
    uint32_t entries = d->trim_blocks * (ATA_SECTOR / 8u);
    for (; d->trim_entry < entries; d->trim_entry++) {
        uint64_t entry = ide_buffer_get_le64(&d->buf, d->trim_entry * 8);
        uint64_t lba = bits(entry, 0, 48), count = entry >> 48, end = MIN(d->max_lba, ata_sectors(d));
        if (!count) {
            continue;
        }
        if (lba >= end || count > end - lba) {
            ata_fail(d, ATA_ER_ABRT | ATA_ER_IDNF);
            return;
        }
        d->lba = lba;
        d->chunk = (uint32_t)count;
        ata_issue(d, ATA_IO_DISCARD);
        return;
    }
    ata_done(d);
}

/* ---- Everything else ---------------------------------------------------------------------------------------------- */

static void ata_cmd_seek(AtaDrive *d)
{
    uint64_t lba;
    if (ata_get_address(d, &lba) && lba < MIN(d->max_lba, ata_sectors(d))) {
        ata_done(d);
    } else {
        ata_fail(d, ATA_ER_IDNF);
    }
}

static void ata_cmd_init_parameters(AtaDrive *d)
{
    if (!d->count || d->count > 63) {
        ata_abort(d);
        return;
    }
    d->spt = d->count;
    d->heads = (uint8_t)((d->device & 15) + 1);
    d->cylinders = (uint16_t)MIN(ata_sectors(d) / ((uint64_t)d->spt * d->heads), 65535);
    ata_done(d);
}

static void ata_cmd_set_multiple(AtaDrive *d)
{
    if (d->count > 16 || (d->count & (d->count - 1))) {
        ata_abort(d);
        return;
    }
    d->multiple = d->count;
    ata_done(d);
}

static void ata_cmd_flush(AtaDrive *d)
{
    ata_issue(d, ATA_IO_FLUSH);
}

static void ata_cmd_native_max(AtaDrive *d)
{
    uint64_t last = MAX(ata_sectors(d), 1) - 1;
    d->device |= ATA_DEV_LBA;
    ata_put_address(d, d->lba48 ? last : MIN(last, 0x0fffffff));
    ata_done(d);
}

static void ata_cmd_set_max(AtaDrive *d)
{
    uint64_t lba;
    if ((!d->lba48 && d->features) || !ata_get_address(d, &lba) || lba >= ata_sectors(d)) {
        ata_abort(d); /* features: the password forms, which are not offered */
        return;
    }
    d->max_lba = lba + 1;
    ata_done(d);
}

static bool ata_set_transfer_mode(AtaDrive *d)
{
    uint8_t mode = d->count & 7;
    switch (d->count >> 3) {
    case 0: /* PIO default */
    case 1:
        return mode <= 4;
    case 4: /* multiword DMA */
        d->xfer_mode = d->count;
        return mode <= 2;
    case 8: /* Ultra DMA */
        d->xfer_mode = d->count;
        return mode <= 5;
    default:
        return false;
    }
}

static void ata_cmd_set_features(AtaDrive *d)
{
    bool ok = true;
    switch (d->features) {
    case 0x02:
        blk_set_writeback(d->cfg.blk, true);
        break;
    case 0x82:
        blk_set_writeback(d->cfg.blk, false);
        if (!d->cfg.cdrom) {
            ata_issue(d, ATA_IO_FLUSH); /* what the cache holds goes out first */
            return;
        }
        break;
    case 0x03:
        ok = ata_set_transfer_mode(d);
        break;
    case 0x55:
    case 0xaa:
        d->lookahead = d->features == 0xaa;
        break;
    case 0x05: case 0x85: /* power management level */
    case 0x42: case 0xc2: /* acoustic management */
    case 0x66: case 0xcc: /* defaults at reset */
    case 0x95: case 0x5d: case 0xdd: /* media status notification, release interrupts: nothing to switch */
        break;
    default:
        ok = false;
    }
    if (ok) {
        ata_done(d);
    } else {
        ata_abort(d);
    }
}

static void ata_cmd_power(AtaDrive *d)
{
    uint8_t c = d->command;
    if (c == 0xe5 || c == 0x98) {
        d->count = d->power_mode;
    } else if (c == 0xe0 || c == 0xe2 || c == 0x94 || c == 0x96) {
        d->power_mode = 0x00;
    } else {
        d->power_mode = 0x80;
    }
    ata_done(d);
}

static void ata_cmd_sleep(AtaDrive *d)
{
    ata_done(d);
    d->phase = ATA_SLEEP;
}

static void ata_cmd_read_buffer(AtaDrive *d)
{
    ata_send_block(d, ATA_SECTOR);
}

static void ata_cmd_write_buffer(AtaDrive *d)
{
    d->left = 0;
    d->dma = false;
    d->block = ATA_SECTOR;
    ide_buffer_set(&d->buf, ATA_SECTOR);
    ata_pio_out(d, false);
}

static void ata_cmd_done(AtaDrive *d)
{
    ata_done(d);
}

/* A packet device answers the disk's IDENTIFY and READ with its signature (volume 1, 6.17 and 6.35). */
static void ata_cmd_identify(AtaDrive *d)
{
    if (d->cfg.cdrom) {
        uint8_t device = d->device;
        ata_signature(d);
        d->device = device;
        ata_abort(d);
    } else {
        ata_identify(d);
    }
}

static void ata_cmd_packet(AtaDrive *d)
{
    uint32_t limit = d->lba_mid | (uint32_t)d->lba_high << 8;
    d->dma = d->features & 1;
    if (d->features & 2) {
        ata_abort(d); /* overlap is not offered */
        return;
    }
    limit = limit == 0xffff ? 0xfffe : limit;
    d->block = limit ? MAX(limit & ~1u, 2) : 0; /* 0: no room for data, which commands without data do not mind */
    d->left = 0;
    ide_buffer_set(&d->buf, sizeof(d->packet));
    d->phase = ATA_PACKET;
    d->block_end = sizeof(d->packet);
    d->count = 1; /* command, from the host */
}

void ata_execute(AtaDrive *d)
{
    const AtaCmd *c = &ata_cmds[d->command];
    if (d->command == 0x20 && d->cfg.cdrom) {
        ata_cmd_identify(d);
    } else if (c->fn && (c->flags & (d->cfg.cdrom ? CMD_CD : CMD_HD))) {
        d->lba48 = c->flags & CMD_EXT;
        c->fn(d);
    } else {
        ata_abort(d);
    }
}

static const AtaCmd ata_cmds[256] = {
    [0x06] = { ata_cmd_data_set, CMD_HD | CMD_DMA | CMD_EXT },
    [0x10 ... 0x1f] = { ata_cmd_done, CMD_HD }, /* RECALIBRATE */
    [0x20] = { ata_cmd_read, CMD_HD },
    [0x21] = { ata_cmd_read, CMD_HD },
    [0x24] = { ata_cmd_read, CMD_HD | CMD_EXT },
    [0x25] = { ata_cmd_read, CMD_HD | CMD_EXT | CMD_DMA },
    [0x27] = { ata_cmd_native_max, CMD_HD | CMD_EXT },
    [0x29] = { ata_cmd_read, CMD_HD | CMD_EXT | CMD_MULTIPLE },
    [0x30] = { ata_cmd_write, CMD_HD },
    [0x31] = { ata_cmd_write, CMD_HD },
    [0x34] = { ata_cmd_write, CMD_HD | CMD_EXT },
    [0x35] = { ata_cmd_write, CMD_HD | CMD_EXT | CMD_DMA },
    [0x37] = { ata_cmd_set_max, CMD_HD | CMD_EXT },
    [0x39] = { ata_cmd_write, CMD_HD | CMD_EXT | CMD_MULTIPLE },
    [0x3c] = { ata_cmd_write, CMD_HD | CMD_FUA }, /* WRITE VERIFY */
    [0x3d] = { ata_cmd_write, CMD_HD | CMD_EXT | CMD_DMA | CMD_FUA },
    [0x40] = { ata_cmd_read, CMD_HD | CMD_VERIFY },
    [0x41] = { ata_cmd_read, CMD_HD | CMD_VERIFY },
    [0x42] = { ata_cmd_read, CMD_HD | CMD_EXT | CMD_VERIFY },
    [0x70 ... 0x7f] = { ata_cmd_seek, CMD_HD },
    [0x91] = { ata_cmd_init_parameters, CMD_HD },
    [0x94] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0x95] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0x96] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0x97] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0x98] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0x99] = { ata_cmd_sleep, CMD_HD | CMD_CD },
    [0xa0] = { ata_cmd_packet, CMD_CD },
    [0xa1] = { ata_identify_packet, CMD_CD },
    [0xb0] = { ata_smart, CMD_HD },
    [0xc4] = { ata_cmd_read, CMD_HD | CMD_MULTIPLE },
    [0xc5] = { ata_cmd_write, CMD_HD | CMD_MULTIPLE },
    [0xc6] = { ata_cmd_set_multiple, CMD_HD },
    [0xc8] = { ata_cmd_read, CMD_HD | CMD_DMA },
    [0xc9] = { ata_cmd_read, CMD_HD | CMD_DMA },
    [0xca] = { ata_cmd_write, CMD_HD | CMD_DMA },
    [0xcb] = { ata_cmd_write, CMD_HD | CMD_DMA },
    [0xce] = { ata_cmd_write, CMD_HD | CMD_EXT | CMD_MULTIPLE | CMD_FUA },
    [0xe0] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0xe1] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0xe2] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0xe3] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0xe4] = { ata_cmd_read_buffer, CMD_HD },
    [0xe5] = { ata_cmd_power, CMD_HD | CMD_CD },
    [0xe6] = { ata_cmd_sleep, CMD_HD | CMD_CD },
    [0xe7] = { ata_cmd_flush, CMD_HD },
    [0xe8] = { ata_cmd_write_buffer, CMD_HD },
    [0xea] = { ata_cmd_flush, CMD_HD },
    [0xec] = { ata_cmd_identify, CMD_HD | CMD_CD },
    [0xef] = { ata_cmd_set_features, CMD_HD | CMD_CD },
    [0xf8] = { ata_cmd_native_max, CMD_HD },
    [0xf9] = { ata_cmd_set_max, CMD_HD },
};
