/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of the 82078 as a table (datasheet 290475, section 5).  Called by fdc.c when all bytes of a command
 * have come; under the big lock.
 */
#include "util/osdep.h"
#include "hw/block/fdc-int.h"
#include "util/log.h"

typedef struct FdcCmd {
    uint8_t value, mask;
    uint8_t length; /* with the command byte */
    uint8_t arg;
    void (*fn)(Fdc *f, uint8_t arg);
} FdcCmd;

static void fdc_invalid(Fdc *f)
{
    static const uint8_t st0 = FDC_ST0_INVALID;
    fdc_result(f, &st0, 1, false);
}

static FdcDrive *fdc_cmd_drive(Fdc *f)
{
    f->unit = f->fifo[1] & 3;
    f->head = f->fifo[1] >> 2 & 1;
    return fdc_drive(f, f->unit);
}

/* ---- Data ------------------------------------------------------------------------------------------------------- */

enum { ARG_DELETED = 0x10, ARG_TRACK = 0x20, ARG_SCAN_LOW = 0x40, ARG_SCAN_HIGH = 0x80 };

static void fdc_cmd_transfer(Fdc *f, uint8_t arg)
{
    FdcDrive *d = fdc_cmd_drive(f);
    f->kind = (FdcKind)(arg & 15);
    f->multi_track = f->fifo[0] & 0x80 && !(arg & ARG_TRACK);
    f->skip = f->fifo[0] & 0x20;
    f->deleted = arg & ARG_DELETED;
    f->scan = arg & ARG_SCAN_LOW ? 1 : arg & ARG_SCAN_HIGH ? 2 : 0;
    f->cyl = f->fifo[2];
    f->sector = arg & ARG_TRACK ? 1 : f->fifo[4];
    f->eot = f->fifo[6];
    f->count = f->kind == FDC_K_VERIFY && (f->fifo[1] & 0x80) ? f->fifo[8] : 0;
    if (d && (f->config & 0x40)) { /* implied seek */
        fdc_drive_seek(d, f->cyl);
    }
    if (f->fifo[5] != 2 || f->fifo[3] != f->head || f->eot < f->sector) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_DATA, 0); /* no such sector: all here have 512 bytes */
    } else if (f->deleted && f->skip && f->kind == FDC_K_READ) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_DATA, 0); /* all are normal ones, so all are skipped */
    } else {
        f->scan_hit = false;
        fdc_start(f);
    }
}

static void fdc_cmd_format(Fdc *f, uint8_t arg)
{
    (void)arg;
    fdc_cmd_drive(f);
    f->kind = FDC_K_FORMAT;
    f->multi_track = f->deleted = f->skip = false;
    f->count = f->fifo[3];
    f->filler = f->fifo[5];
    f->cyl = fdc_drive(f, f->unit) ? fdc_drive(f, f->unit)->track : 0;
    f->sector = 1;
    f->eot = f->fifo[3];
    if (f->fifo[2] != 2 || !f->count) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_DATA, 0);
    } else {
        fdc_start(f);
    }
}

/* The next address mark that comes by: the first sector's. */
static void fdc_cmd_read_id(Fdc *f, uint8_t arg)
{
    FdcDrive *d = fdc_cmd_drive(f);
    (void)arg;
    f->cyl = d ? d->track : 0;
    f->sector = 1;
    if (!d || !fdc_drive_ready(d) || !(d->geo->rates >> (f->dsr & 3) & 1) || f->head >= d->geo->heads ||
        f->cyl >= d->geo->tracks) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_MARK, 0);
    } else {
        fdc_end(f, 0, 0, 0);
    }
}

/* ---- Heads ------------------------------------------------------------------------------------------------------ */

static void fdc_seek_end(Fdc *f, uint8_t st0)
{
    f->seek_st0[f->unit & 3] = st0 | f->unit;
    f->seek_done |= (uint8_t)(1 << (f->unit & 3));
    fdc_idle(f);
    fdc_set_irq(f, true);
}

static void fdc_cmd_recalibrate(Fdc *f, uint8_t arg)
{
    FdcDrive *d = fdc_cmd_drive(f);
    (void)arg;
    f->head = 0;
    if (d) {
        fdc_drive_seek(d, 0);
        fdc_seek_end(f, FDC_ST0_SEEK_END);
    } else { /* track 0 never comes */
        fdc_seek_end(f, FDC_ST0_SEEK_END | FDC_ST0_ABNORMAL | FDC_ST0_EQUIPMENT);
    }
}

static void fdc_cmd_seek(Fdc *f, uint8_t arg)
{
    FdcDrive *d = fdc_cmd_drive(f);
    (void)arg;
    if (d) {
        fdc_drive_seek(d, f->fifo[2]);
    }
    fdc_seek_end(f, (uint8_t)(FDC_ST0_SEEK_END | f->head << 2));
}

static void fdc_cmd_relative_seek(Fdc *f, uint8_t arg)
{
    FdcDrive *d = fdc_cmd_drive(f);
    (void)arg;
    if (d) {
        bool inward = f->fifo[0] & 0x40;
        unsigned by = f->fifo[2];
        fdc_drive_seek(d, inward ? d->track + by : d->track - MIN(by, d->track));
    }
    fdc_seek_end(f, (uint8_t)(FDC_ST0_SEEK_END | f->head << 2));
}

static void fdc_cmd_sense_interrupt(Fdc *f, uint8_t arg)
{
    uint8_t r[2] = { 0, 0 };
    (void)arg;
    fdc_set_irq(f, false);
    if (f->resets_to_sense) {
        unsigned unit = 4u - f->resets_to_sense--;
        r[0] = (uint8_t)(FDC_ST0_POLLING | unit);
        r[1] = fdc_drive(f, unit) ? f->drives[unit].track : 0;
        fdc_result(f, r, 2, false);
        return;
    }
    for (unsigned unit = 0; unit < 4; unit++) {
        if (f->seek_done >> unit & 1) {
            f->seek_done &= (uint8_t)~(1 << unit);
            r[0] = f->seek_st0[unit];
            r[1] = fdc_drive(f, unit) ? f->drives[unit].track : 0;
            fdc_result(f, r, 2, false);
            return;
        }
    }
    fdc_invalid(f);
}

static void fdc_cmd_sense_drive(Fdc *f, uint8_t arg)
{
    FdcDrive *d = fdc_cmd_drive(f);
    uint8_t st3 = (uint8_t)(0x28 | f->head << 2 | f->unit); /* ready, two-sided */
    (void)arg;
    if (!d || d->track == 0) {
        st3 |= d ? 0x10 : 0;
    }
    if (d && fdc_drive_protected(d)) {
        st3 |= 0x40;
    }
    fdc_result(f, &st3, 1, false);
}

/* ---- Settings --------------------------------------------------------------------------------------------------- */

static void fdc_cmd_specify(Fdc *f, uint8_t arg)
{
    (void)arg;
    f->srt_hut = f->fifo[1];
    f->hlt_nd = f->fifo[2];
    fdc_idle(f);
}

static void fdc_cmd_configure(Fdc *f, uint8_t arg)
{
    (void)arg;
    f->config = f->fifo[2];
    f->precomp = f->fifo[3];
    fdc_idle(f);
}

static void fdc_cmd_perpendicular(Fdc *f, uint8_t arg)
{
    (void)arg;
    if (f->fifo[1] & 0x80) { /* overwrite: the drive bits count */
        f->perp = f->fifo[1] & 0x7f;
    } else {
        f->perp = (uint8_t)((f->perp & ~3) | (f->fifo[1] & 3));
    }
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        f->drives[i].perpendicular = f->perp >> (2 + i) & 1;
    }
    fdc_idle(f);
}

static void fdc_cmd_lock(Fdc *f, uint8_t arg)
{
    uint8_t r;
    (void)arg;
    f->locked = f->fifo[0] & 0x80;
    r = (uint8_t)(f->locked ? 0x10 : 0);
    fdc_result(f, &r, 1, false);
}

static void fdc_cmd_dump(Fdc *f, uint8_t arg)
{
    uint8_t r[10] = { f->drives[0].track, f->drives[1].track, 0, 0, f->srt_hut, f->hlt_nd, f->eot,
                      (uint8_t)((f->locked ? 0x80 : 0) | (f->perp & 0x3f)), f->config, f->precomp };
    (void)arg;
    fdc_result(f, r, sizeof(r), false);
}

/* VERSION: 90h, an enhanced controller; PART ID: 82078. */
static void fdc_cmd_constant(Fdc *f, uint8_t arg)
{
    fdc_result(f, &arg, 1, false);
}

static void fdc_cmd_accept(Fdc *f, uint8_t arg)
{
    (void)arg;
    fdc_idle(f);
}

static void fdc_cmd_drive_specification(Fdc *f, uint8_t arg)
{
    (void)arg;
    if (f->fifo[f->fifo_len ? f->fifo_len - 1 : 0] & 0x40) {
        fdc_idle(f); /* done, no result */
    } else {
        uint8_t r[2] = { 0, 0 };
        fdc_result(f, r, sizeof(r), false);
    }
}

static void fdc_cmd_save(Fdc *f, uint8_t arg)
{
    uint8_t r[16] = { [6] = f->drives[0].track, [7] = f->drives[1].track, [8] = f->srt_hut, [9] = f->hlt_nd,
                      [10] = f->eot, [11] = (uint8_t)((f->locked ? 0x80 : 0) | (f->perp & 0x3f)), [12] = f->config,
                      [13] = f->precomp };
    (void)arg;
    fdc_result(f, r, sizeof(r), false);
}

static void fdc_cmd_restore(Fdc *f, uint8_t arg)
{
    (void)arg;
    f->drives[0].track = MIN(f->fifo[7], 84);
    f->drives[1].track = MIN(f->fifo[8], 84);
    f->srt_hut = f->fifo[9];
    f->hlt_nd = f->fifo[10];
    f->eot = f->fifo[11];
    f->locked = f->fifo[12] & 0x80;
    f->perp = f->fifo[12] & 0x3f;
    f->config = f->fifo[13];
    f->precomp = f->fifo[14];
    fdc_idle(f);
}

static void fdc_cmd_power_down(Fdc *f, uint8_t arg)
{
    (void)arg;
    fdc_result(f, &f->fifo[1], 1, false);
}

/* ---- The table -------------------------------------------------------------------------------------------------- */

static const FdcCmd fdc_cmds[] = {
    { 0x06, 0x1f, 9, FDC_K_READ, fdc_cmd_transfer },
    { 0x05, 0x3f, 9, FDC_K_WRITE, fdc_cmd_transfer },
    { 0x0c, 0x1f, 9, FDC_K_READ | ARG_DELETED, fdc_cmd_transfer },
    { 0x09, 0x3f, 9, FDC_K_WRITE | ARG_DELETED, fdc_cmd_transfer },
    { 0x02, 0x9f, 9, FDC_K_READ | ARG_TRACK, fdc_cmd_transfer },
    { 0x16, 0x1f, 9, FDC_K_VERIFY, fdc_cmd_transfer },
    { 0x11, 0x1f, 9, FDC_K_SCAN, fdc_cmd_transfer },
    { 0x19, 0x1f, 9, FDC_K_SCAN | ARG_SCAN_LOW, fdc_cmd_transfer },
    { 0x1d, 0x1f, 9, FDC_K_SCAN | ARG_SCAN_HIGH, fdc_cmd_transfer },
    { 0x0d, 0xbf, 6, 0, fdc_cmd_format },
    { 0x0a, 0xbf, 2, 0, fdc_cmd_read_id },
    { 0x07, 0xff, 2, 0, fdc_cmd_recalibrate },
    { 0x08, 0xff, 1, 0, fdc_cmd_sense_interrupt },
    { 0x03, 0xff, 3, 0, fdc_cmd_specify },
    { 0x04, 0xff, 2, 0, fdc_cmd_sense_drive },
    { 0x8f, 0xbf, 3, 0, fdc_cmd_relative_seek },
    { 0x0f, 0xff, 3, 0, fdc_cmd_seek },
    { 0x13, 0xff, 4, 0, fdc_cmd_configure },
    { 0x12, 0xff, 2, 0, fdc_cmd_perpendicular },
    { 0x14, 0x7f, 1, 0, fdc_cmd_lock },
    { 0x0e, 0xff, 1, 0, fdc_cmd_dump },
    { 0x10, 0xff, 1, 0x90, fdc_cmd_constant },
    { 0x18, 0xff, 1, 0x41, fdc_cmd_constant },
    { 0x17, 0xff, 2, 0, fdc_cmd_power_down },
    { 0x33, 0xff, 2, 0, fdc_cmd_accept }, /* OPTION */
    { 0x2e, 0xff, 1, 0, fdc_cmd_save },
    { 0x4e, 0xff, 17, 0, fdc_cmd_restore },
    { 0x8e, 0xff, 6, 0, fdc_cmd_drive_specification },
};

static const FdcCmd *fdc_find(uint8_t command)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fdc_cmds); i++) {
        if ((command & fdc_cmds[i].mask) == fdc_cmds[i].value) {
            return &fdc_cmds[i];
        }
    }
    return NULL;
}

unsigned fdc_command_length(uint8_t command)
{
    const FdcCmd *c = fdc_find(command);
    return c ? c->length : 1;
}

void fdc_execute(Fdc *f)
{
    const FdcCmd *c = fdc_find(f->fifo[0]);
    if (f->fifo[0] != 0x08) {
        f->resets_to_sense = 0; /* whoever does not ask does not want to know */
    }
    f->phase = FDC_BUSY; /* until the command says otherwise */
    if (c) {
        c->fn(f, c->arg);
    } else {
        log_guest(LOG_GUEST_ERROR, "fdc: command %02x is not known\n", f->fifo[0]);
        fdc_invalid(f);
    }
}
