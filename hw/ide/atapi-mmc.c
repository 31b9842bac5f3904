/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATAPI commands that tell about the drive and the disc (MMC-3 sections 6.x, SPC-2 for INQUIRY and MODE SENSE): one
 * data track from sector 0, or a DVD-ROM when the image is larger than a CD.  Called by atapi.c's table; under the big lock.
 */
#include "util/osdep.h"
#include "hw/ide/ata-int.h"

enum { CD_MAX_SECTORS = 449849, TRACK_LEAD_OUT = 0xaa }; /* beyond 99:59:74 no CD goes */

static bool mmc_is_dvd(const AtaDrive *d)
{
    return atapi_sectors(d) > CD_MAX_SECTORS;
}

static void mmc_invalid_field(AtaDrive *d)
{
    atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x24, 0);
}

static void mmc_pad_string(AtaDrive *d, uint32_t at, uint32_t len, const char *text)
{
    for (uint32_t i = 0; i < len; i++) {
        ide_buffer_set8(&d->buf, at + i, *text ? (uint8_t)*text++ : ' ');
    }
}

/* ---- Drive ---------------------------------------------------------------------------------------------------- */

static void mmc_inquiry_page(AtaDrive *d)
{
    uint32_t len = 4;
    ide_buffer_clear(&d->buf, 256);
    ide_buffer_set8(&d->buf, 0, 5);
    ide_buffer_set8(&d->buf, 1, d->packet[2]);
    switch (d->packet[2]) {
    case 0x00:
        ide_buffer_set8(&d->buf, 4, 0x00);
        ide_buffer_set8(&d->buf, 5, 0x83);
        len += 2;
        break;
    case 0x83: /* identification: the serial number, as vendor-specific ASCII */
        ide_buffer_set8(&d->buf, 4, 2);
        ide_buffer_set8(&d->buf, 7, 20);
        mmc_pad_string(d, 8, 20, d->cfg.serial ? d->cfg.serial : "");
        len += 24;
        break;
    default:
        mmc_invalid_field(d);
        return;
    }
    ide_buffer_set8(&d->buf, 3, (uint8_t)(len - 4));
    atapi_reply(d, len, ld_be16(d->packet + 3));
}

void atapi_inquiry(AtaDrive *d)
{
    if (d->packet[1] & 1) {
        mmc_inquiry_page(d);
        return;
    }
    if (d->packet[2]) {
        mmc_invalid_field(d);
        return;
    }
    ide_buffer_clear(&d->buf, 36);
    ide_buffer_set8(&d->buf, 0, 5);    /* CD-ROM */
    ide_buffer_set8(&d->buf, 1, 0x80); /* removable */
    ide_buffer_set8(&d->buf, 3, 0x21); /* ATAPI response */
    ide_buffer_set8(&d->buf, 4, 31);
    mmc_pad_string(d, 8, 8, "RHEA");
    mmc_pad_string(d, 16, 16, d->cfg.model ? d->cfg.model : "");
    mmc_pad_string(d, 32, 4, d->cfg.version ? d->cfg.version : "");
    atapi_reply(d, 36, ld_be16(d->packet + 3));
}

/* Pages of MODE SENSE, at @at; returns their length, 0: not known. */
static uint32_t mmc_mode_page(AtaDrive *d, uint8_t page, uint32_t at)
{
    switch (page) {
    case 0x01: /* error recovery */
        ide_buffer_set8(&d->buf, at, 0x01);
        ide_buffer_set8(&d->buf, at + 1, 6);
        ide_buffer_set8(&d->buf, at + 3, 5); /* retries */
        return 8;
    case 0x0e: /* CD audio control */
        ide_buffer_set8(&d->buf, at, 0x0e);
        ide_buffer_set8(&d->buf, at + 1, 14);
        ide_buffer_set8(&d->buf, at + 2, 4);
        ide_buffer_set8(&d->buf, at + 7, 75);
        return 16;
    case 0x2a: /* capabilities */
        ide_buffer_set8(&d->buf, at, 0x2a);
        ide_buffer_set8(&d->buf, at + 1, 18);
        ide_buffer_set8(&d->buf, at + 2, 0x3b); /* reads CD-R, CD-RW, DVD-ROM, DVD-R */
        ide_buffer_set8(&d->buf, at + 4, 0x70); /* mode 2 forms 1 and 2, multisession */
        ide_buffer_set8(&d->buf, at + 5, 0x03); /* CD-DA commands */
        ide_buffer_set8(&d->buf, at + 6, (uint8_t)(0x29 | (d->locked ? 2 : 0))); /* tray, eject, lock */
        ide_buffer_set_be16(&d->buf, at + 8, 706);  /* kB/s: 4 times */
        ide_buffer_set_be16(&d->buf, at + 10, 2);   /* volume levels */
        ide_buffer_set_be16(&d->buf, at + 12, 512); /* buffer, KiB */
        ide_buffer_set_be16(&d->buf, at + 14, 706);
        return 20;
    default:
        return 0;
    }
}

void atapi_mode_sense(AtaDrive *d)
{
    static const uint8_t all[] = { 0x01, 0x0e, 0x2a };
    bool six = d->packet[0] == 0x1a;
    uint8_t page = d->packet[2] & 0x3f, control = d->packet[2] >> 6;
    uint32_t header = six ? 4 : 8, len = header;
    if (control == 3) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x39, 0); /* saving is not supported */
        return;
    }
    ide_buffer_clear(&d->buf, 256);
    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        if (page == 0x3f || page == all[i]) {
            len += mmc_mode_page(d, all[i], len);
        }
    }
    if (len == header) {
        mmc_invalid_field(d);
        return;
    }
    uint8_t medium = d->tray_open ? 0x71 : !atapi_ready(d) ? 0x70 : 0x01;
    if (control == 1) { /* changeable values: none */
        for (uint32_t at = header; at < len; at += 2 + ide_buffer_get8(&d->buf, at + 1)) {
            for (uint32_t k = 2; k < 2u + ide_buffer_get8(&d->buf, at + 1); k++) {
                ide_buffer_set8(&d->buf, at + k, 0);
            }
        }
    }
    if (six) {
        ide_buffer_set8(&d->buf, 0, (uint8_t)(len - 1));
        ide_buffer_set8(&d->buf, 1, medium);
        atapi_reply(d, len, d->packet[4]);
    } else {
        ide_buffer_set_be16(&d->buf, 0, (uint16_t)(len - 2));
        ide_buffer_set8(&d->buf, 2, medium);
        atapi_reply(d, len, ld_be16(d->packet + 7));
    }
}

static uint32_t mmc_feature(AtaDrive *d, uint32_t at, uint16_t code, uint8_t flags, const uint8_t *data, uint8_t len)
{
    ide_buffer_set_be16(&d->buf, at, code);
    ide_buffer_set8(&d->buf, at + 2, flags);
    ide_buffer_set8(&d->buf, at + 3, len);
    ide_buffer_copy_in(&d->buf, at + 4, data, len);
    return at + 4 + len;
}

void atapi_get_configuration(AtaDrive *d)
{
    bool ready = atapi_ready(d), dvd = mmc_is_dvd(d);
    uint8_t cd_now = ready && !dvd, dvd_now = ready && dvd;
    uint8_t profiles[8] = { 0x00, 0x10, dvd_now, 0, 0x00, 0x08, cd_now, 0 };
    static const uint8_t core[8] = { 0, 0, 0, 2, 1, 0, 0, 0 }; /* interface: ATAPI; DBE */
    static const uint8_t morphing[4] = { 2, 0, 0, 0 };
    static const uint8_t removable[4] = { 0x29, 0, 0, 0 };    /* tray, eject, lock */
    static const uint8_t random_read[8] = { 0, 0, 8, 0, 0, 1, 0, 0 };
    static const uint8_t cd_read[4] = { 0, 0, 0, 0 };
    if (d->packet[1] & 2 && (d->packet[1] & 1)) {
        mmc_invalid_field(d);
        return;
    }
    const struct {
        uint16_t code;
        uint8_t flags, len;
        bool now;
        const uint8_t *data;
    } features[] = {
        { 0x0000, 0x03, sizeof(profiles), true, profiles },
        { 0x0001, 0x0b, sizeof(core), true, core },
        { 0x0002, 0x07, sizeof(morphing), true, morphing },
        { 0x0003, 0x03, sizeof(removable), true, removable },
        { 0x0010, ready, sizeof(random_read), ready, random_read },
        { 0x001e, (uint8_t)(0x08 | cd_now), sizeof(cd_read), cd_now, cd_read },
        { 0x001f, dvd_now, 0, dvd_now, NULL },
    };
    uint16_t first = ld_be16(d->packet + 2);
    uint8_t kind = d->packet[1] & 3; /* 0: all, 1: current ones, 2: the named one */
    uint32_t len = 8;
    ide_buffer_clear(&d->buf, 256);
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        bool wanted = kind == 2 ? features[i].code == first : features[i].code >= first;
        if (wanted && (kind != 1 || features[i].now)) {
            len = mmc_feature(d, len, features[i].code, features[i].flags, features[i].data ? features[i].data : core,
                              features[i].len);
        }
    }
    ide_buffer_set_be32(&d->buf, 0, len - 4);
    ide_buffer_set_be16(&d->buf, 6, dvd_now ? 0x10 : cd_now ? 0x08 : 0);
    atapi_reply(d, len, ld_be16(d->packet + 7));
}

void atapi_get_event_status(AtaDrive *d)
{
    if (!(d->packet[1] & 1)) { /* asynchronous operation is not offered */
        mmc_invalid_field(d);
        return;
    }
    ide_buffer_clear(&d->buf, 8);
    ide_buffer_set8(&d->buf, 3, 0x10); /* media events only */
    if (!(d->packet[4] & 0x10)) {
        ide_buffer_set_be16(&d->buf, 0, 2);
        ide_buffer_set8(&d->buf, 2, 0x80); /* none of the asked classes */
        atapi_reply(d, 4, ld_be16(d->packet + 7));
        return;
    }
    uint8_t event = 0;
    if (d->eject_asked) {
        event = 1;
        d->eject_asked = false;
    } else if (d->new_media) {
        event = 2;
        d->new_media = false;
    } else if (d->media_gone) {
        event = 3;
        d->media_gone = false;
    }
    ide_buffer_set_be16(&d->buf, 0, 6);
    ide_buffer_set8(&d->buf, 2, 4);
    ide_buffer_set8(&d->buf, 4, event);
    ide_buffer_set8(&d->buf, 5, (uint8_t)((d->tray_open ? 1 : 0) | (blk_has_medium(d->cfg.blk) ? 2 : 0)));
    atapi_reply(d, 8, ld_be16(d->packet + 7));
}

void atapi_mechanism_status(AtaDrive *d)
{
    ide_buffer_clear(&d->buf, 8);
    ide_buffer_set8(&d->buf, 1, (uint8_t)(d->tray_open ? 0x10 : 0));
    ide_buffer_set8(&d->buf, 5, 1); /* one slot */
    atapi_reply(d, 8, ld_be16(d->packet + 8));
}

/* ---- Disc ----------------------------------------------------------------------------------------------------- */

static void mmc_put_address(AtaDrive *d, uint32_t at, uint32_t lba, bool msf)
{
    if (msf) {
        uint32_t frame = lba + 150;
        ide_buffer_set8(&d->buf, at, 0);
        ide_buffer_set8(&d->buf, at + 1, (uint8_t)MIN(frame / 75 / 60, 255));
        ide_buffer_set8(&d->buf, at + 2, (uint8_t)(frame / 75 % 60));
        ide_buffer_set8(&d->buf, at + 3, (uint8_t)(frame % 75));
    } else {
        ide_buffer_set_be32(&d->buf, at, lba);
    }
}

static uint32_t mmc_toc_entry(AtaDrive *d, uint32_t at, uint8_t track, uint32_t lba, bool msf)
{
    ide_buffer_set8(&d->buf, at + 1, 0x14); /* position, data track */
    ide_buffer_set8(&d->buf, at + 2, track);
    mmc_put_address(d, at + 4, lba, msf);
    return at + 8;
}

/* Raw TOC entries: first and last track, lead-out, track 1. */
static uint32_t mmc_full_toc(AtaDrive *d, uint32_t at, uint32_t total)
{
    static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 1 };
    for (unsigned i = 0; i < G_N_ELEMENTS(points); i++, at += 11) {
        ide_buffer_set8(&d->buf, at, 1); /* session */
        ide_buffer_set8(&d->buf, at + 1, 0x14);
        ide_buffer_set8(&d->buf, at + 3, points[i]);
        if (points[i] == 0xa0 || points[i] == 0xa1) {
            ide_buffer_set8(&d->buf, at + 8, 1);
        } else {
            mmc_put_address(d, at + 7, points[i] == 0xa2 ? total : 0, true);
        }
    }
    return at;
}

void atapi_read_toc(AtaDrive *d)
{
    bool msf = d->packet[1] & 2;
    uint8_t format = d->packet[2] & 15, start = d->packet[6];
    uint32_t total = atapi_sectors(d), len = 4;
    format = format ? format : d->packet[9] >> 6; /* where older commands have it */
    ide_buffer_clear(&d->buf, 64);
    ide_buffer_set8(&d->buf, 2, 1);
    ide_buffer_set8(&d->buf, 3, 1);
    switch (format) {
    case 0:
        if (start > 1 && start != TRACK_LEAD_OUT) {
            mmc_invalid_field(d);
            return;
        }
        if (start <= 1) {
            len = mmc_toc_entry(d, len, 1, 0, msf);
        }
        len = mmc_toc_entry(d, len, TRACK_LEAD_OUT, total, msf);
        break;
    case 1: /* sessions: one */
        len = mmc_toc_entry(d, len, 1, 0, msf);
        break;
    case 2:
        len = mmc_full_toc(d, len, total);
        break;
    default:
        mmc_invalid_field(d);
        return;
    }
    ide_buffer_set_be16(&d->buf, 0, (uint16_t)(len - 2));
    atapi_reply(d, len, ld_be16(d->packet + 7));
}

void atapi_read_disc_information(AtaDrive *d)
{
    if (d->packet[1] & 7) {
        mmc_invalid_field(d);
        return;
    }
    ide_buffer_clear(&d->buf, 34);
    ide_buffer_set_be16(&d->buf, 0, 32);
    ide_buffer_set8(&d->buf, 2, 0x0e); /* complete disc, last session complete */
    for (unsigned i = 3; i <= 6; i++) {
        ide_buffer_set8(&d->buf, i, 1); /* first track, sessions, first and last track of the last session */
    }
    ide_buffer_set8(&d->buf, 7, 0x20); /* unrestricted use */
    ide_buffer_set_be32(&d->buf, 16, 0xffffffff);
    ide_buffer_set_be32(&d->buf, 20, 0xffffffff);
    atapi_reply(d, 34, ld_be16(d->packet + 7));
}

void atapi_read_track_information(AtaDrive *d)
{
    uint32_t where = ld_be32(d->packet + 2), total = atapi_sectors(d);
    uint8_t kind = d->packet[1] & 3;
    bool there = kind == 0 ? where < total : where == 1;
    if (!there || kind == 3) {
        mmc_invalid_field(d);
        return;
    }
    ide_buffer_clear(&d->buf, 36);
    ide_buffer_set_be16(&d->buf, 0, 34);
    ide_buffer_set8(&d->buf, 2, 1);
    ide_buffer_set8(&d->buf, 3, 1);
    ide_buffer_set8(&d->buf, 5, 4); /* data */
    ide_buffer_set8(&d->buf, 6, 1);
    ide_buffer_set_be32(&d->buf, 24, total);
    atapi_reply(d, 36, ld_be16(d->packet + 7));
}

void atapi_read_subchannel(AtaDrive *d)
{
    bool msf = d->packet[1] & 2;
    uint32_t len = 4;
    ide_buffer_clear(&d->buf, 48);
    ide_buffer_set8(&d->buf, 1, 0x15); /* no audio status */
    if (d->packet[2] & 0x40) {
        ide_buffer_set8(&d->buf, 4, d->packet[3]);
        switch (d->packet[3]) {
        case 1: /* position */
            ide_buffer_set8(&d->buf, 5, 0x14);
            ide_buffer_set8(&d->buf, 6, 1);
            ide_buffer_set8(&d->buf, 7, 1);
            mmc_put_address(d, 8, 0, msf);
            mmc_put_address(d, 12, 0, msf);
            len = 16;
            break;
        case 2: /* catalogue number: none */
        case 3: /* ISRC: none */
            len = 24;
            break;
        default:
            mmc_invalid_field(d);
            return;
        }
    }
    ide_buffer_set_be16(&d->buf, 2, (uint16_t)(len - 4));
    atapi_reply(d, len, ld_be16(d->packet + 7));
}

void atapi_read_dvd_structure(AtaDrive *d)
{
    uint32_t total = atapi_sectors(d), len;
    uint8_t format = d->packet[7];
    if (!atapi_ready(d)) {
        atapi_check(d, SENSE_NOT_READY, 0x3a, 0);
        return;
    }
    if (!mmc_is_dvd(d) || d->packet[6]) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x30, 2); /* incompatible medium; layer 0 is all there is */
        return;
    }
    ide_buffer_clear(&d->buf, 4 + 2048);
    switch (format) {
    case 0x00: /* physical format */
        ide_buffer_set8(&d->buf, 4, 0x01); /* DVD-ROM, part version 1 */
        ide_buffer_set8(&d->buf, 5, 0x0f); /* 120 mm, rate not specified */
        ide_buffer_set8(&d->buf, 6, 0x01); /* one layer, embossed */
        ide_buffer_set_be32(&d->buf, 8, 0x30000);
        ide_buffer_set_be32(&d->buf, 12, 0x30000 + total - 1);
        len = 4 + 2048;
        break;
    case 0x01: /* copyright: none */
        len = 4 + 4;
        break;
    case 0x04: /* manufacturing */
        len = 4 + 2048;
        break;
    case 0xff: /* which structures can be read */
        ide_buffer_set8(&d->buf, 4, 0x00);
        ide_buffer_set8(&d->buf, 5, 0x40);
        ide_buffer_set_be16(&d->buf, 6, 2052);
        ide_buffer_set8(&d->buf, 8, 0x01);
        ide_buffer_set8(&d->buf, 9, 0x40);
        ide_buffer_set_be16(&d->buf, 10, 8);
        ide_buffer_set8(&d->buf, 12, 0x04);
        ide_buffer_set8(&d->buf, 13, 0x40);
        ide_buffer_set_be16(&d->buf, 14, 2052);
        len = 16;
        break;
    default:
        mmc_invalid_field(d);
        return;
    }
    ide_buffer_set_be16(&d->buf, 0, (uint16_t)(len - 2));
    atapi_reply(d, len, ld_be16(d->packet + 8));
}
