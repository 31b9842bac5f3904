/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATAPI CD-ROM: the PACKET protocol's end of things, sense data, medium and tray, reading (INF-8090i / MMC-3 for the
 * commands, ATA/ATAPI-7 volume 2 for the protocol).  Called by ata.c; under the big lock.
 */
#include "util/osdep.h"
#include "hw/ide/ata-int.h"
#include "util/log.h"

enum { CD_SECTOR = 2048, CD_RAW = 2352 };

enum { ATAPI_NEEDS_MEDIUM = 1, ATAPI_NO_ATTENTION = 2 }; /* second: runs also while unit attention is pending */

typedef struct AtapiCmd {
    void (*fn)(AtaDrive *d);
    uint8_t flags;
} AtapiCmd;

bool atapi_ready(const AtaDrive *d)
{
    return !d->tray_open && blk_has_medium(d->cfg.blk);
}

uint32_t atapi_sectors(const AtaDrive *d)
{
    return atapi_ready(d) ? (uint32_t)MIN(blk_size(d->cfg.blk) / CD_SECTOR, UINT32_MAX) : 0;
}

/* ---- Ends ----------------------------------------------------------------------------------------------------- */

void atapi_done(AtaDrive *d)
{
    d->sense = (AtaSense){ 0, 0, 0 };
    d->count = 3; /* input, command: status */
    ata_done(d);
}

void atapi_check(AtaDrive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    d->sense = (AtaSense){ key, asc, ascq };
    d->count = 3;
    ata_fail(d, (uint8_t)(key << 4 | ATA_ER_ABRT));
}

static void atapi_invalid_field(AtaDrive *d)
{
    atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x24, 0);
}

static void atapi_send(AtaDrive *d)
{
    if (d->dma) {
        ata_dma_start(d, true);
    } else if (d->block) {
        ata_pio_in(d, true);
    } else {
        ata_abort(d); /* a byte count limit of 0 */
    }
}

void atapi_reply(AtaDrive *d, uint32_t len, uint32_t room)
{
    d->left = 0;
    ide_buffer_set(&d->buf, MIN(len, room));
    if (d->buf.end == 0) {
        atapi_done(d);
    } else {
        atapi_send(d);
    }
}

void atapi_io_failed(AtaDrive *d, int err)
{
    if (err == ENOMEDIUM) {
        atapi_check(d, SENSE_NOT_READY, 0x3a, 0);
    } else {
        atapi_check(d, SENSE_MEDIUM_ERROR, 0x11, 0); /* unrecovered read error */
    }
}

/* ---- Reading -------------------------------------------------------------------------------------------------- */

static void atapi_read_chunk(AtaDrive *d)
{
    uint32_t sectors = MIN(d->left, IDE_BUFFER_SIZE / d->sector_size);
    d->chunk = sectors * CD_SECTOR;
    ata_issue(d, ATA_IO_READ);
}

/* Mode 1 sectors as they lie on the disc: sync, header, data; error correction codes are left zero.  In place, last first. */
static void atapi_expand_raw(AtaDrive *d, uint32_t sectors)
{
    uint8_t sector[CD_RAW];
    for (uint32_t i = sectors; i-- > 0;) {
        uint32_t frame = (uint32_t)d->lba + i + 150;
        memset(sector, 0, sizeof(sector));
        memset(sector + 1, 0xff, 10);
        sector[12] = (uint8_t)(frame / 75 / 60 / 10 << 4 | frame / 75 / 60 % 10);
        sector[13] = (uint8_t)(frame / 75 % 60 / 10 << 4 | frame / 75 % 60 % 10);
        sector[14] = (uint8_t)(frame % 75 / 10 << 4 | frame % 75 % 10);
        sector[15] = 1;
        for (unsigned k = 0; k < CD_SECTOR; k++) {
            sector[16 + k] = ide_buffer_get8(&d->buf, i * CD_SECTOR + k);
        }
        ide_buffer_copy_in(&d->buf, i * CD_RAW, sector, sizeof(sector));
    }
}

void atapi_chunk_read(AtaDrive *d)
{
    uint32_t sectors = MIN(d->chunk / CD_SECTOR, d->left);
    if (d->sector_size == CD_RAW) {
        atapi_expand_raw(d, sectors);
    }
    d->lba += sectors;
    d->left -= sectors;
    ide_buffer_set(&d->buf, sectors * d->sector_size);
    atapi_send(d);
}

void atapi_chunk_moved(AtaDrive *d)
{
    if (d->phase == ATA_PIO_OUT || d->phase == ATA_DMA_OUT) {
        atapi_done(d); /* a parameter list, taken and not needed */
    } else if (d->left) {
        atapi_read_chunk(d);
    } else {
        atapi_done(d);
    }
}

static void atapi_start_read(AtaDrive *d, uint32_t lba, uint32_t count, uint16_t sector_size)
{
    uint32_t total = atapi_sectors(d);
    if (!count) {
        atapi_done(d);
    } else if (lba >= total || count > total - lba) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x21, 0); /* address out of range */
    } else {
        d->lba = lba;
        d->left = count;
        d->sector_size = sector_size;
        atapi_read_chunk(d);
    }
}

static void atapi_read_10(AtaDrive *d)
{
    bool read12 = d->packet[0] == 0xa8;
    atapi_start_read(d, ld_be32(d->packet + 2), read12 ? ld_be32(d->packet + 6) : ld_be16(d->packet + 7), CD_SECTOR);
}

static void atapi_read_cd(AtaDrive *d)
{
    uint32_t count = (uint32_t)d->packet[6] << 16 | ld_be16(d->packet + 7);
    uint8_t type = d->packet[1] >> 2 & 7;
    if (d->packet[10] & 7 || (type != 0 && type != 2)) {
        atapi_invalid_field(d); /* subchannels, or sectors that are not mode 1 */
        return;
    }
    switch (d->packet[9] & 0xf8) {
    case 0x00:
        atapi_done(d);
        break;
    case 0x10:
        atapi_start_read(d, ld_be32(d->packet + 2), count, CD_SECTOR);
        break;
    case 0xf8:
        atapi_start_read(d, ld_be32(d->packet + 2), count, CD_RAW);
        break;
    default:
        atapi_invalid_field(d);
    }
}

static void atapi_read_capacity(AtaDrive *d)
{
    ide_buffer_clear(&d->buf, 8);
    ide_buffer_set_be32(&d->buf, 0, MAX(atapi_sectors(d), 1) - 1);
    ide_buffer_set_be32(&d->buf, 4, CD_SECTOR);
    atapi_reply(d, 8, 8);
}

static void atapi_seek(AtaDrive *d)
{
    if (ld_be32(d->packet + 2) >= atapi_sectors(d)) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x21, 0);
    } else {
        atapi_done(d);
    }
}

/* ---- Medium, tray, sense -------------------------------------------------------------------------------------- */

static void atapi_test_unit_ready(AtaDrive *d)
{
    atapi_done(d);
}

static void atapi_request_sense(AtaDrive *d)
{
    AtaSense s = d->sense;
    if (s.key == 0 && d->unit_attention) {
        s = (AtaSense){ SENSE_UNIT_ATTENTION, 0x28, 0 };
        d->unit_attention = false;
    }
    ide_buffer_clear(&d->buf, 18);
    ide_buffer_set8(&d->buf, 0, 0x70);
    ide_buffer_set8(&d->buf, 2, s.key);
    ide_buffer_set8(&d->buf, 7, 10);
    ide_buffer_set8(&d->buf, 12, s.asc);
    ide_buffer_set8(&d->buf, 13, s.ascq);
    atapi_reply(d, 18, d->packet[4]);
}

static void atapi_start_stop(AtaDrive *d)
{
    bool start = d->packet[4] & 1, eject = d->packet[4] & 2;
    if (d->packet[4] >> 4) {
        atapi_done(d); /* power conditions: nothing spins */
        return;
    }
    if (eject) {
        if (!start && !d->tray_open && d->locked) {
            atapi_check(d, atapi_ready(d) ? SENSE_ILLEGAL_REQUEST : SENSE_NOT_READY, 0x53, 2); /* removal prevented */
            return;
        }
        if (d->tray_open == start) {
            d->tray_open = !start;
            blk_eject(d->cfg.blk, d->tray_open);
            d->new_media = d->unit_attention = start && blk_has_medium(d->cfg.blk);
            d->media_gone = !start;
        }
    }
    atapi_done(d);
}

static void atapi_prevent_removal(AtaDrive *d)
{
    d->locked = d->packet[4] & 1;
    blk_lock_medium(d->cfg.blk, d->locked);
    atapi_done(d);
}

void atapi_medium_changed(AtaDrive *d, bool loaded)
{
    d->tray_open = !loaded;
    d->new_media = loaded;
    d->media_gone = !loaded;
    d->unit_attention = true;
    d->eject_asked = false;
    blk_eject(d->cfg.blk, d->tray_open);
}

void atapi_eject_request(AtaDrive *d)
{
    d->eject_asked = true;
}

void atapi_reset(AtaDrive *d)
{
    memset(d->packet, 0, sizeof(d->packet));
    d->sense = (AtaSense){ 0, 0, 0 };
    d->unit_attention = d->new_media = d->media_gone = d->eject_asked = false;
    d->tray_open = d->locked = false;
    d->sector_size = CD_SECTOR;
    if (d->cfg.cdrom) {
        blk_eject(d->cfg.blk, false);
        blk_lock_medium(d->cfg.blk, false);
    }
}

/* ---- Small commands --------------------------------------------------------------------------------------------- */

static void atapi_mode_select(AtaDrive *d)
{
    uint32_t len = d->packet[0] == 0x15 ? d->packet[4] : ld_be16(d->packet + 7);
    ide_buffer_clear(&d->buf, len);
    if (!len) {
        atapi_done(d);
    } else if (d->dma) {
        ata_dma_start(d, false);
    } else {
        d->count = 0; /* output, data */
        d->lba_mid = (uint8_t)len;
        d->lba_high = (uint8_t)(len >> 8);
        ata_pio_out(d, true);
    }
}

static void atapi_nothing(AtaDrive *d)
{
    atapi_done(d);
}

/* Audio is not on these discs. */
static void atapi_play_audio(AtaDrive *d)
{
    atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x64, 0); /* illegal mode for this track */
}

static const AtapiCmd atapi_cmds[256] = {
    [0x00] = { atapi_test_unit_ready, ATAPI_NEEDS_MEDIUM },
    [0x03] = { atapi_request_sense, ATAPI_NO_ATTENTION },
    [0x12] = { atapi_inquiry, ATAPI_NO_ATTENTION },
    [0x15] = { atapi_mode_select, 0 },
    [0x1a] = { atapi_mode_sense, 0 },
    [0x1b] = { atapi_start_stop, 0 },
    [0x1e] = { atapi_prevent_removal, 0 },
    [0x25] = { atapi_read_capacity, ATAPI_NEEDS_MEDIUM },
    [0x28] = { atapi_read_10, ATAPI_NEEDS_MEDIUM },
    [0x2b] = { atapi_seek, ATAPI_NEEDS_MEDIUM },
    [0x42] = { atapi_read_subchannel, ATAPI_NEEDS_MEDIUM },
    [0x43] = { atapi_read_toc, ATAPI_NEEDS_MEDIUM },
    [0x45] = { atapi_play_audio, ATAPI_NEEDS_MEDIUM },
    [0x46] = { atapi_get_configuration, ATAPI_NO_ATTENTION },
    [0x47] = { atapi_play_audio, ATAPI_NEEDS_MEDIUM },
    [0x4a] = { atapi_get_event_status, ATAPI_NO_ATTENTION },
    [0x4b] = { atapi_play_audio, ATAPI_NEEDS_MEDIUM },
    [0x4e] = { atapi_nothing, 0 }, /* STOP PLAY/SCAN */
    [0x51] = { atapi_read_disc_information, ATAPI_NEEDS_MEDIUM },
    [0x52] = { atapi_read_track_information, ATAPI_NEEDS_MEDIUM },
    [0x55] = { atapi_mode_select, 0 },
    [0x5a] = { atapi_mode_sense, 0 },
    [0xa8] = { atapi_read_10, ATAPI_NEEDS_MEDIUM },
    [0xad] = { atapi_read_dvd_structure, 0 },
    [0xbb] = { atapi_nothing, 0 }, /* SET CD SPEED */
    [0xbd] = { atapi_mechanism_status, 0 },
    [0xbe] = { atapi_read_cd, ATAPI_NEEDS_MEDIUM },
};

void atapi_execute(AtaDrive *d)
{
    const AtapiCmd *c = &atapi_cmds[d->packet[0]];
    d->phase = ATA_BUSY; /* until the command says otherwise */
    d->io = ATA_IO_NONE;
    if (!c->fn) {
        log_guest(LOG_GUEST_ERROR, "atapi: command %02x is not known\n", d->packet[0]);
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x20, 0);
    } else if (d->unit_attention && !(c->flags & ATAPI_NO_ATTENTION)) {
        d->unit_attention = false;
        atapi_check(d, SENSE_UNIT_ATTENTION, 0x28, 0); /* medium may have changed */
    } else if ((c->flags & ATAPI_NEEDS_MEDIUM) && !atapi_ready(d)) {
        atapi_check(d, SENSE_NOT_READY, 0x3a, d->tray_open ? 2 : 1); /* not present, tray open or closed */
    } else {
        c->fn(d);
    }
}
