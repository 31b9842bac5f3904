/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a drive says of itself: IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ATA/ATAPI-7 volume 1, 6.17 and 6.18) and
 * a healthy disk's SMART data (6.54).  Called by the command table; under the big lock.
 */
#include "util/osdep.h"
#include "hw/ide/ata-int.h"

static void ata_word(AtaDrive *d, unsigned word, uint16_t v)
{
    ide_buffer_set_le16(&d->buf, word * 2, v);
}

/* ATA strings: padded with blanks, the first letter in the high byte. */
static void ata_string(AtaDrive *d, unsigned word, unsigned words, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    for (unsigned i = 0; i < words * 2; i++) {
        ide_buffer_set8(&d->buf, word * 2 + (i ^ 1), i < len ? (uint8_t)text[i] : ' ');
    }
}

static void ata_send_identify(AtaDrive *d)
{
    uint8_t sum = 0xa5; /* word 255: signature, and a checksum that makes all bytes add up to 0 */
    ide_buffer_set8(&d->buf, 510, 0xa5);
    for (unsigned i = 0; i < 510; i++) {
        sum = (uint8_t)(sum + ide_buffer_get8(&d->buf, i));
    }
    ide_buffer_set8(&d->buf, 511, (uint8_t)-sum);
    ata_send_block(d, ATA_SECTOR);
}

/* Words that both kinds have: names and transfer modes. */
static void ata_identify_common(AtaDrive *d)
{
    bool udma = d->xfer_mode >> 3 == 8, mwdma = d->xfer_mode >> 3 == 4;
    uint16_t selected = (uint16_t)(1u << (8 + (d->xfer_mode & 7)));
    ide_buffer_clear(&d->buf, ATA_SECTOR);
    ata_string(d, 10, 10, d->cfg.serial);
    ata_string(d, 23, 4, d->cfg.version);
    ata_string(d, 27, 20, d->cfg.model);
    ata_word(d, 53, 7); /* words 54-58, 64-70 and 88 are valid */
    ata_word(d, 63, (uint16_t)(7 | (mwdma ? selected : 0)));
    ata_word(d, 64, 3); /* PIO 3 and 4 */
    for (unsigned w = 65; w <= 68; w++) {
        ata_word(d, w, 120); /* ns a cycle */
    }
    ata_word(d, 80, 0xf0); /* ATA/ATAPI-4 to 7 */
    ata_word(d, 81, 0x16);
    ata_word(d, 88, (uint16_t)(0x3f | (udma ? selected : 0)));
    ata_word(d, 93, (uint16_t)(d->cfg.slave ? 0x6b00 : 0x600b)); /* 80-wire cable, passed diagnostics */
}

static void ata_identify_geometry(AtaDrive *d, uint64_t sectors)
{
    uint16_t cylinders;
    uint8_t heads, spt;
    uint32_t current = (uint32_t)d->cylinders * d->heads * d->spt;
    uint32_t lba28 = (uint32_t)MIN(sectors, 0x0fffffff);
    ata_default_geometry(sectors, &cylinders, &heads, &spt);
    ata_word(d, 1, cylinders);
    ata_word(d, 3, heads);
    ata_word(d, 4, (uint16_t)(ATA_SECTOR * spt));
    ata_word(d, 5, ATA_SECTOR);
    ata_word(d, 6, spt);
    ata_word(d, 54, d->cylinders);
    ata_word(d, 55, d->heads);
    ata_word(d, 56, d->spt);
    ata_word(d, 57, (uint16_t)current);
    ata_word(d, 58, (uint16_t)(current >> 16));
    ata_word(d, 60, (uint16_t)lba28);
    ata_word(d, 61, (uint16_t)(lba28 >> 16));
    for (unsigned i = 0; i < 4; i++) {
        ata_word(d, 100 + i, (uint16_t)(sectors >> (16 * i)));
    }
}

void ata_identify(AtaDrive *d)
{
    bool cache = blk_writeback(d->cfg.blk);
    uint16_t wwn = d->cfg.wwn ? 0x100 : 0;
    ata_identify_common(d);
    ata_identify_geometry(d, MIN(d->max_lba, ata_sectors(d)));
    ata_word(d, 0, 0x0040); /* fixed disk */
    ata_word(d, 20, 3);     /* dual-ported buffer with read cache */
    ata_word(d, 21, 512);
    ata_word(d, 22, 4);
    ata_word(d, 47, 0x8010); /* READ MULTIPLE of up to 16 sectors */
    ata_word(d, 48, 1);      /* 32-bit access to the data register */
    ata_word(d, 49, 0x2f00); /* DMA, LBA, IORDY, standby timers */
    ata_word(d, 50, 0x4000);
    ata_word(d, 51, 0x0200);
    ata_word(d, 52, 0x0200);
    ata_word(d, 59, (uint16_t)(d->multiple ? 0x100 | d->multiple : 0));
    ata_word(d, 69, 0);
    ata_word(d, 82, 0x7469); /* NOP excepted: buffers, HPA, look-ahead, write cache, power, SMART */
    ata_word(d, 83, 0x7400); /* FLUSH CACHE (EXT), 48-bit */
    ata_word(d, 84, (uint16_t)(0x4040 | wwn)); /* WRITE FUA EXT */
    ata_word(d, 85, (uint16_t)(0x3408 | (d->lookahead ? 0x40 : 0) | (cache ? 0x20 : 0) | (d->smart ? 1 : 0)));
    ata_word(d, 86, 0x3400);
    ata_word(d, 87, (uint16_t)(0x4040 | wwn));
    ata_word(d, 105, 8);      /* blocks of one TRIM */
    ata_word(d, 106, (uint16_t)(d->cfg.physical_sectors_log2 ? 0x6000 | d->cfg.physical_sectors_log2 : 0x4000));
    for (unsigned i = 0; wwn && i < 4; i++) {
        ata_word(d, 108 + i, (uint16_t)(d->cfg.wwn >> (48 - 16 * i)));
    }
    ata_word(d, 169, 1); /* TRIM */
    ata_word(d, 217, d->cfg.rotation_rate);
    ata_send_identify(d);
}

void ata_identify_packet(AtaDrive *d)
{
    ata_identify_common(d);
    ata_word(d, 0, 0x85c0); /* removable CD-ROM, packets of 12 bytes, DRQ within 50 us */
    ata_word(d, 20, 3);
    ata_word(d, 21, 512);
    ata_word(d, 22, 4);
    ata_word(d, 48, 1);
    ata_word(d, 49, 0x0f00); /* DMA, LBA, IORDY */
    ata_word(d, 71, 30);
    ata_word(d, 72, 30);
    ata_word(d, 80, 0x1e);
    ata_word(d, 82, 0x0210); /* DEVICE RESET, PACKET */
    ata_word(d, 83, 0x4000);
    ata_word(d, 84, 0x4000);
    ata_word(d, 85, 0x0210);
    ata_word(d, 87, 0x4000);
    ata_send_identify(d);
}

/* ---- SMART ---------------------------------------------------------------------------------------------------- */

typedef struct AtaSmartAttr {
    uint8_t id, flags, value, worst, threshold;
    uint8_t raw[6];
} AtaSmartAttr;

static const AtaSmartAttr ata_smart_attrs[] = {
    { 1, 0x03, 100, 100, 6, { 0 } },    /* raw read error rate */
    { 3, 0x03, 100, 100, 0, { 16 } },   /* spin-up time */
    { 4, 0x02, 100, 100, 20, { 100 } }, /* start/stop count */
    { 5, 0x03, 100, 100, 36, { 0 } },   /* reallocated sectors */
    { 9, 0x03, 100, 100, 0, { 1 } },    /* power-on hours */
    { 12, 0x03, 100, 100, 0, { 0 } },   /* power cycles */
    { 190, 0x03, 69, 69, 50, { 31, 0, 31, 31 } }, /* airflow temperature */
};

static void ata_smart_checksum_send(AtaDrive *d)
{
    uint8_t sum = 0;
    for (unsigned i = 0; i < 511; i++) {
        sum = (uint8_t)(sum + ide_buffer_get8(&d->buf, i));
    }
    ide_buffer_set8(&d->buf, 511, (uint8_t)-sum);
    ata_send_block(d, ATA_SECTOR);
}

static void ata_smart_data(AtaDrive *d, bool thresholds)
{
    ide_buffer_clear(&d->buf, ATA_SECTOR);
    ide_buffer_set8(&d->buf, 0, 1); /* structure revision */
    for (unsigned i = 0; i < G_N_ELEMENTS(ata_smart_attrs); i++) {
        const AtaSmartAttr *a = &ata_smart_attrs[i];
        uint32_t at = 2 + 12 * i;
        ide_buffer_set8(&d->buf, at, a->id);
        if (thresholds) {
            ide_buffer_set8(&d->buf, at + 1, a->threshold);
        } else {
            ide_buffer_set8(&d->buf, at + 1, a->flags);
            ide_buffer_set8(&d->buf, at + 3, a->value);
            ide_buffer_set8(&d->buf, at + 4, a->worst);
            ide_buffer_copy_in(&d->buf, at + 5, a->raw, sizeof(a->raw));
        }
    }
    if (!thresholds) {
        ide_buffer_set8(&d->buf, 362, (uint8_t)(d->smart_autosave ? 0x82 : 0x02)); /* off-line collection done */
        ide_buffer_set8(&d->buf, 366, 32);   /* seconds for it */
        ide_buffer_set8(&d->buf, 367, 0x19); /* what it can do */
        ide_buffer_set_le16(&d->buf, 368, 3);
        ide_buffer_set8(&d->buf, 370, 1);    /* error log */
        ide_buffer_set8(&d->buf, 372, 2);    /* minutes of the short and the extended self-test */
        ide_buffer_set8(&d->buf, 373, 54);
    }
    ata_smart_checksum_send(d);
}

static void ata_smart_log(AtaDrive *d)
{
    ide_buffer_clear(&d->buf, ATA_SECTOR);
    switch (d->lba_low) {
    case 0: /* directory */
        ide_buffer_set_le16(&d->buf, 0, 1);
        ide_buffer_set8(&d->buf, 2, 1);
        ide_buffer_set8(&d->buf, 12, 1);
        ata_send_block(d, ATA_SECTOR);
        break;
    case 1: /* errors: none */
        ide_buffer_set8(&d->buf, 0, 1);
        ata_smart_checksum_send(d);
        break;
    case 6: /* self-tests: none yet */
        ide_buffer_set_le16(&d->buf, 0, 1);
        ata_smart_checksum_send(d);
        break;
    default:
        ata_abort(d);
    }
}

void ata_smart(AtaDrive *d)
{
    if (d->lba_mid != 0x4f || d->lba_high != 0xc2 || (!d->smart && d->features != 0xd8)) {
        ata_abort(d);
        return;
    }
    switch (d->features) {
    case 0xd0: ata_smart_data(d, false); return;
    case 0xd1: ata_smart_data(d, true); return;
    case 0xd2: d->smart_autosave = d->count != 0; break;
    case 0xd4: case 0xdb: break; /* self-test: passes at once; automatic off-line */
    case 0xd5: ata_smart_log(d); return;
    case 0xd8: d->smart = true; break;
    case 0xd9: d->smart = false; break;
    case 0xda: break; /* status: mid and high as they came mean healthy */
    default: ata_abort(d); return;
    }
    ata_done(d);
}
