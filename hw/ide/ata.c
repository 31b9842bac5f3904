/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATA drive: registers, protocol phases and the way of data (ATA/ATAPI-7, volume 2: register descriptions in section
 * 5 of volume 1, protocols PIO data-in/out, DMA, PACKET, reset and diagnostic in section 11 of volume 2).
 * Called by the channel (ide-bus.c) and by completions of block requests; all under the big lock.
 */
#include "util/osdep.h"
#include "hw/ide/ata-int.h"
#include "util/log.h"

/* ---- Interrupt and status -------------------------------------------------------------------------------- */

static void ata_set_irq(AtaDrive *d, bool on)
{
    if (d->intrq != on) {
        d->intrq = on;
        d->host.irq_changed(d->host.opaque);
    }
}

void ata_raise(AtaDrive *d)
{
    ata_set_irq(d, true);
}

void ata_clear_irq(AtaDrive *d)
{
    ata_set_irq(d, false);
}

uint8_t ata_status(const AtaDrive *d)
{
    switch (d->phase) {
    case ATA_BUSY:
    case ATA_RESET:
        return ATA_ST_BSY | (d->status & (ATA_ST_DRDY | ATA_ST_DSC));
    case ATA_PIO_IN:
    case ATA_PIO_OUT:
    case ATA_DMA_IN:
    case ATA_DMA_OUT:
    case ATA_PACKET:
        return d->status | ATA_ST_DRQ;
    default:
        return d->status;
    }
}

static void ata_end(AtaDrive *d, uint8_t status, uint8_t error)
{
    bool was_dma = d->phase == ATA_DMA_IN || d->phase == ATA_DMA_OUT || (d->phase == ATA_BUSY && d->dma);
    d->phase = ATA_IDLE;
    d->io = ATA_IO_NONE;
    d->status = status;
    d->error = error;
    ide_buffer_set(&d->buf, 0);
    if (was_dma) {
        d->host.dma_end(d->host.opaque, false);
    }
    d->dma = false;
    ata_raise(d);
}

void ata_done(AtaDrive *d)
{
    ata_end(d, ATA_ST_DRDY | ATA_ST_DSC, 0);
}

void ata_fail(AtaDrive *d, uint8_t error)
{
    ata_end(d, ATA_ST_DRDY | ATA_ST_DSC | ATA_ST_ERR, error);
}

void ata_abort(AtaDrive *d)
{
    log_guest(LOG_GUEST_ERROR, "ata: command %02x aborted (features %02x)\n", d->command, d->features);
    ata_fail(d, ATA_ER_ABRT);
}

/* ---- Block requests ------------------------------------------------------------------------------------------- */

static void ata_reset_registers(AtaDrive *d);

static void ata_io_complete(void *opaque, int ret)
{
    AtaDrive *d = opaque;
    d->req = NULL;
    if (d->phase == ATA_RESET) {
        if (!d->srst) {
            ata_reset_registers(d);
        }
        return;
    }
    if (d->phase != ATA_BUSY) {
        return; /* abandoned */
    }
    AtaIo io = d->io;
    if (ret < 0) {
        bool write = io != ATA_IO_READ;
        switch (blk_error_action(d->cfg.blk, write, -ret)) {
        case BLK_ERR_STOP:
            d->retry = true;
            return;
        case BLK_ERR_REPORT:
            (d->cfg.cdrom ? atapi_io_failed : ata_io_failed)(d, -ret);
            return;
        case BLK_ERR_IGNORE:
            break;
        }
    }
    if (io == ATA_IO_READ) {
        (d->cfg.cdrom ? atapi_chunk_read : ata_chunk_read)(d);
    } else {
        ata_io_done(d);
    }
}

void ata_issue(AtaDrive *d, AtaIo io)
{
    Blk *b = d->cfg.blk;
    uint32_t unit = d->cfg.cdrom ? 2048 : ATA_SECTOR;
    struct iovec iov = { d->buf.data, MIN(d->chunk, IDE_BUFFER_SIZE) };
    d->phase = ATA_BUSY;
    d->io = io;
    d->retry = false;
    switch (io) {
    case ATA_IO_READ:
        d->req = blk_readv(b, d->lba * unit, &iov, 1, ata_io_complete, d);
        break;
    case ATA_IO_WRITE:
        d->req = blk_writev(b, d->lba * unit, &iov, 1, ata_io_complete, d);
        break;
    case ATA_IO_DISCARD:
        d->req = blk_discard(b, d->lba * unit, (uint64_t)d->chunk * unit, ata_io_complete, d);
        break;
    default:
        d->req = blk_flush(b, ata_io_complete, d);
        break;
    }
}

void ata_resume(AtaDrive *d)
{
    if (d->phase == ATA_BUSY && d->retry && !d->req) {
        ata_issue(d, d->io);
    }
}

/* Gives up the present transfer, for a new command or a reset; a request in flight still comes back. */
void ata_cancel(AtaDrive *d)
{
    bool was_dma = d->dma && d->phase != ATA_IDLE;
    if (d->req) {
        blk_cancel(d->req);
    }
    d->phase = ATA_IDLE;
    d->io = ATA_IO_NONE;
    d->retry = false;
    d->dma = false;
    ide_buffer_set(&d->buf, 0);
    if (was_dma) {
        d->host.dma_end(d->host.opaque, true);
    }
}

/* ---- PIO ---------------------------------------------------------------------------------------------------- */

static void ata_next_block(AtaDrive *d)
{
    d->block_end = MIN(d->buf.pos + MAX(d->block, 2), d->buf.end);
    if (d->cfg.cdrom && d->phase == ATA_PIO_IN) {
        uint32_t n = d->block_end - d->buf.pos;
        d->lba_mid = (uint8_t)n;
        d->lba_high = (uint8_t)(n >> 8);
        d->count = 2; /* input, data */
    }
}

void ata_pio_in(AtaDrive *d, bool raise)
{
    d->phase = ATA_PIO_IN;
    d->status = ATA_ST_DRDY | ATA_ST_DSC;
    ata_next_block(d);
    if (raise) {
        ata_raise(d);
    }
}

void ata_pio_out(AtaDrive *d, bool raise)
{
    d->phase = ATA_PIO_OUT;
    d->status = ATA_ST_DRDY | ATA_ST_DSC;
    ata_next_block(d);
    if (raise) {
        ata_raise(d);
    }
}

void ata_send_block(AtaDrive *d, uint32_t len)
{
    ide_buffer_set(&d->buf, len);
    d->left = 0;
    d->block = len;
    d->dma = false;
    ata_pio_in(d, true);
}

static void ata_moved(AtaDrive *d)
{
    (d->cfg.cdrom ? atapi_chunk_moved : ata_chunk_moved)(d);
}

/* A DRQ block is through: the next one of the buffer, or on with the command. */
static void ata_block_moved(AtaDrive *d)
{
    if (d->phase == ATA_PACKET) {
        memcpy(d->packet, d->buf.data, sizeof(d->packet));
        atapi_execute(d);
    } else if (d->buf.pos < d->buf.end) {
        ata_next_block(d);
        ata_raise(d);
    } else {
        ata_moved(d);
    }
}

uint32_t ata_data_read(AtaDrive *d, unsigned size)
{
    if (d->phase != ATA_PIO_IN) {
        return 0;
    }
    uint32_t v = ide_buffer_get(&d->buf, size);
    if (d->buf.pos >= d->block_end) {
        ata_block_moved(d);
    }
    return v;
}

void ata_data_write(AtaDrive *d, uint32_t val, unsigned size)
{
    if (d->phase != ATA_PIO_OUT && d->phase != ATA_PACKET) {
        return;
    }
    ide_buffer_put(&d->buf, val, size);
    if (d->buf.pos >= d->block_end) {
        ata_block_moved(d);
    }
}

/* ---- DMA ---------------------------------------------------------------------------------------------------- */

/* Lets the bus master have what it can take.  Not re-entered: memory moves reach RAM only. */
void ata_dma_resume(AtaDrive *d)
{
    if (d->phase != ATA_DMA_IN && d->phase != ATA_DMA_OUT) {
        return;
    }
    uint32_t moved = 0;
    AtaDmaResult r = d->host.dma_move(d->host.opaque, d->buf.data + d->buf.pos, ide_buffer_left(&d->buf),
                                      d->phase == ATA_DMA_IN, &moved);
    d->buf.pos += MIN(moved, ide_buffer_left(&d->buf));
    if (r == ATA_DMA_ERROR) {
        d->host.dma_end(d->host.opaque, true);
        if (d->cfg.cdrom) {
            atapi_check(d, SENSE_HARDWARE_ERROR, 0x47, 0); /* parity error: the nearest to a failed bus */
        } else {
            ata_abort(d);
        }
    } else if (d->buf.pos == d->buf.end) {
        ata_moved(d);
    }
}

void ata_dma_start(AtaDrive *d, bool in)
{
    d->phase = in ? ATA_DMA_IN : ATA_DMA_OUT;
    d->status = ATA_ST_DRDY | ATA_ST_DSC;
    ata_dma_resume(d);
}

/* ---- Registers ---------------------------------------------------------------------------------------------- */

void ata_write(AtaDrive *d, unsigned reg, uint8_t val)
{
    uint8_t *now, *before = NULL;
    switch (reg) {
    case ATA_REG_ERROR:
        now = &d->features;
        before = &d->hob_features;
        break;
    case ATA_REG_COUNT:
        now = &d->count;
        before = &d->hob_count;
        break;
    case ATA_REG_LBA_LOW:
        now = &d->lba_low;
        before = &d->hob_lba_low;
        break;
    case ATA_REG_LBA_MID:
        now = &d->lba_mid;
        before = &d->hob_lba_mid;
        break;
    case ATA_REG_LBA_HIGH:
        now = &d->lba_high;
        before = &d->hob_lba_high;
        break;
    case ATA_REG_DEVICE:
        now = &d->device;
        break;
    default:
        return;
    }
    if (d->phase == ATA_BUSY || d->phase == ATA_RESET) {
        if (reg != ATA_REG_DEVICE) {
            return; /* section 5: written while BSY, no effect */
        }
    }
    if (before) {
        *before = *now;
    }
    *now = val;
}

uint8_t ata_read(AtaDrive *d, unsigned reg, bool hob)
{
    switch (reg) {
    case ATA_REG_ERROR: return hob ? d->hob_features : d->error;
    case ATA_REG_COUNT: return hob ? d->hob_count : d->count;
    case ATA_REG_LBA_LOW: return hob ? d->hob_lba_low : d->lba_low;
    case ATA_REG_LBA_MID: return hob ? d->hob_lba_mid : d->lba_mid;
    case ATA_REG_LBA_HIGH: return hob ? d->hob_lba_high : d->lba_high;
    case ATA_REG_DEVICE: return d->device | 0xa0;
    default: return 0xff;
    }
}

void ata_command(AtaDrive *d, uint8_t command)
{
    ata_clear_irq(d);
    if (d->phase == ATA_RESET || (d->phase == ATA_SLEEP && !(d->cfg.cdrom && command == 0x08))) {
        return; /* asleep: only a reset wakes it */
    }
    if (d->cfg.cdrom && command == 0x08) { /* DEVICE RESET: allowed at any time */
        ata_srst(d, true);
        ata_srst(d, false);
        return;
    }
    if (d->phase == ATA_BUSY || d->req) {
        log_guest(LOG_GUEST_ERROR, "ata: command %02x written while busy with %02x\n", command, d->command);
        return;
    }
    if (d->phase != ATA_IDLE) {
        ata_cancel(d);
    }
    d->command = command;
    d->error = 0;
    d->status = ATA_ST_DRDY | ATA_ST_DSC;
    ata_execute(d);
}

/* ---- Reset ---------------------------------------------------------------------------------------------------- */

void ata_signature(AtaDrive *d)
{
    d->count = 1;
    d->lba_low = 1;
    d->lba_mid = d->cfg.cdrom ? 0x14 : 0;
    d->lba_high = d->cfg.cdrom ? 0xeb : 0;
    d->hob_count = d->hob_lba_low = d->hob_lba_mid = d->hob_lba_high = d->hob_features = 0;
    d->device &= ATA_DEV_SLAVE;
    d->error = 1; /* passed */
}

/* What both kinds of reset and the diagnostic leave behind. */
static void ata_reset_registers(AtaDrive *d)
{
    d->phase = ATA_IDLE;
    d->features = 0;
    d->status = d->cfg.cdrom ? 0 : ATA_ST_DRDY | ATA_ST_DSC;
    d->power_mode = 0xff;
    ata_signature(d);
    d->device = 0;
    ata_clear_irq(d);
}

void ata_srst(AtaDrive *d, bool held)
{
    d->srst = held;
    if (held) {
        ata_cancel(d);
        d->phase = ATA_RESET;
        ata_clear_irq(d);
    } else if (!d->req) {
        ata_reset_registers(d);
    } /* else when the request has come back: its buffer is not ours yet */
}

void ata_diagnostic(AtaDrive *d, bool raise)
{
    if (d->phase == ATA_BUSY || d->phase == ATA_RESET || d->req) {
        return;
    }
    ata_cancel(d);
    ata_reset_registers(d);
    if (raise) {
        ata_raise(d);
    }
}

void ata_reset(AtaDrive *d)
{
    if (d->cfg.blk) {
        d->phase = ATA_RESET; /* what comes back is dropped */
        d->srst = true;
        blk_drain(d->cfg.blk);
    }
    d->req = NULL;
    d->retry = false;
    d->srst = false;
    d->dma = d->fua = d->lba48 = false;
    d->io = ATA_IO_NONE;
    d->command = 0;
    d->lba = d->left = d->chunk = d->block = d->block_end = 0;
    d->trim_blocks = 0;
    d->trim_entry = 0;
    d->multiple = 16;
    d->xfer_mode = 0x22; /* multiword DMA 2 */
    d->smart = true;
    d->smart_autosave = true;
    d->lookahead = true;
    d->max_lba = ata_sectors(d);
    ata_default_geometry(d->max_lba, &d->cylinders, &d->heads, &d->spt);
    ide_buffer_clear(&d->buf, 0);
    ata_reset_registers(d);
    atapi_reset(d);
}

void ata_init(AtaDrive *d, const AtaConfig *cfg, const AtaHost *host)
{
    d->cfg = *cfg;
    d->host = *host;
}

void ata_destroy(AtaDrive *d)
{
    if (d->cfg.blk) {
        d->phase = ATA_RESET;
        d->srst = true;
        blk_drain(d->cfg.blk);
    }
}

/* ---- State ---------------------------------------------------------------------------------------------------- */

/* A loaded state is believed no more than a guest is. */
static bool ata_post_load(void *opaque, int version, Error **errp)
{
    AtaDrive *d = opaque;
    (void)version;
    uint64_t sectors = ata_sectors(d);
    bool bad = d->phase >= ATA_PHASES || d->io >= ATA_IO_KINDS || d->buf.end > IDE_BUFFER_SIZE ||
               d->buf.pos > d->buf.end || d->block_end > d->buf.end || d->chunk > (1u << 24) || !d->heads || !d->spt ||
               d->heads > 16 || (d->sector_size != 2048 && d->sector_size != 2352) || d->max_lba > sectors ||
               (d->multiple & (d->multiple - 1)) || d->multiple > 128;
    bool moving = d->phase == ATA_PIO_IN || d->phase == ATA_PIO_OUT || d->phase == ATA_PACKET;
    bad |= (moving && d->buf.pos >= d->block_end) || (d->phase == ATA_BUSY && d->io == ATA_IO_NONE) ||
           (d->phase == ATA_PACKET && (!d->cfg.cdrom || d->buf.end != sizeof(d->packet)));
    if (bad) {
        error_set(errp, "the saved state of IDE drive '%s' contradicts itself", blk_name(d->cfg.blk));
        return false;
    }
    d->req = NULL;
    d->retry = d->phase == ATA_BUSY; /* nothing is in flight in a saved state: the request is made again */
    if (d->phase == ATA_RESET && !d->srst) {
        ata_reset_registers(d);
    }
    if (d->cfg.cdrom) {
        blk_eject(d->cfg.blk, d->tray_open);
        blk_lock_medium(d->cfg.blk, d->locked);
    }
    return true;
}

static const VMStateField ata_buffer_fields[] = {
    VMS_UINT(IdeBuffer, pos), VMS_UINT(IdeBuffer, end), VMS_BUFFER(IdeBuffer, data), VMS_END,
};
static const VMState ata_buffer_state = { .name = "ata/buffer", .version = 1, .fields = ata_buffer_fields };

static const VMStateField ata_sense_fields[] = {
    VMS_UINT(AtaSense, key), VMS_UINT(AtaSense, asc), VMS_UINT(AtaSense, ascq), VMS_END,
};
static const VMState ata_sense_state = { .name = "ata/sense", .version = 1, .fields = ata_sense_fields };

static const VMStateField ata_fields[] = {
    VMS_UINT(AtaDrive, features), VMS_UINT(AtaDrive, count), VMS_UINT(AtaDrive, lba_low), VMS_UINT(AtaDrive, lba_mid),
    VMS_UINT(AtaDrive, lba_high), VMS_UINT(AtaDrive, hob_features), VMS_UINT(AtaDrive, hob_count),
    VMS_UINT(AtaDrive, hob_lba_low), VMS_UINT(AtaDrive, hob_lba_mid), VMS_UINT(AtaDrive, hob_lba_high),
    VMS_UINT(AtaDrive, device), VMS_UINT(AtaDrive, error), VMS_UINT(AtaDrive, status), VMS_UINT(AtaDrive, intrq),
    VMS_UINT(AtaDrive, phase), VMS_UINT(AtaDrive, command), VMS_UINT(AtaDrive, io), VMS_UINT(AtaDrive, srst),
    VMS_UINT(AtaDrive, retry), VMS_UINT(AtaDrive, lba), VMS_UINT(AtaDrive, left), VMS_UINT(AtaDrive, chunk),
    VMS_UINT(AtaDrive, block), VMS_UINT(AtaDrive, block_end), VMS_UINT(AtaDrive, dma), VMS_UINT(AtaDrive, fua),
    VMS_UINT(AtaDrive, lba48), VMS_UINT(AtaDrive, multiple), VMS_UINT(AtaDrive, xfer_mode), VMS_UINT(AtaDrive, heads),
    VMS_UINT(AtaDrive, spt), VMS_UINT(AtaDrive, cylinders), VMS_UINT(AtaDrive, smart),
    VMS_UINT(AtaDrive, smart_autosave), VMS_UINT(AtaDrive, lookahead), VMS_UINT(AtaDrive, power_mode),
    VMS_UINT(AtaDrive, max_lba), VMS_UINT(AtaDrive, trim_blocks), VMS_UINT(AtaDrive, trim_entry),
    VMS_BUFFER(AtaDrive, packet), VMS_STRUCT(AtaDrive, sense, ata_sense_state), VMS_UINT(AtaDrive, unit_attention),
    VMS_UINT(AtaDrive, tray_open), VMS_UINT(AtaDrive, locked), VMS_UINT(AtaDrive, new_media),
    VMS_UINT(AtaDrive, media_gone), VMS_UINT(AtaDrive, eject_asked), VMS_UINT(AtaDrive, sector_size),
    VMS_STRUCT(AtaDrive, buf, ata_buffer_state), VMS_END,
};
const VMState ata_state = { .name = "ata", .version = 1, .fields = ata_fields, .post_load = ata_post_load };
