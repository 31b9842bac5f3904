/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82078 (datasheet 290475): registers (section 2), phases and result bytes (5, 6), data transfer by DMA and PIO.
 * AT mode; seeks and resets take no time, data take the time that the image takes.  Sectors have 512 bytes.
 * Called by the port dispatch, the DMA controller and completions of block requests; under the big lock.
 */
#include "util/osdep.h"
#include "hw/block/fdc-int.h"
#include "util/log.h"

enum { FDC_PORT = 0x3f0, FDC_PORT_DIR = 0x3f7, FDC_IRQ = 6, FDC_DMA = 2 };
enum { REG_SRA, REG_SRB, REG_DOR, REG_TDR, REG_MSR, REG_FIFO };
enum { DOR_RUN = 0x04, DOR_DMA = 0x08 };
enum { MSR_RQM = 0x80, MSR_TO_HOST = 0x40, MSR_NON_DMA = 0x20, MSR_BUSY = 0x10 };

/* ---- Interrupt, result ---------------------------------------------------------------------------------------- */

void fdc_set_irq(Fdc *f, bool on)
{
    f->irq_level = on;
    irq_set(f->irq, on && (f->dor & DOR_DMA));
}

static void fdc_dreq(Fdc *f, bool on)
{
    if (f->dma) {
        f->dma->ops->request(f->dma, FDC_DMA, on && (f->dor & DOR_DMA));
    }
}

void fdc_idle(Fdc *f)
{
    f->phase = FDC_COMMAND;
    f->kind = FDC_K_NONE;
    f->fifo_pos = f->fifo_len = 0;
}

void fdc_result(Fdc *f, const uint8_t *bytes, unsigned n, bool irq)
{
    f->phase = FDC_RESULT;
    f->kind = FDC_K_NONE;
    f->fifo_pos = 0;
    f->fifo_len = (uint8_t)MIN(n, FDC_FIFO);
    memcpy(f->fifo, bytes, f->fifo_len);
    if (irq) {
        fdc_set_irq(f, true);
    }
}

void fdc_end(Fdc *f, uint8_t st0, uint8_t st1, uint8_t st2)
{
    uint8_t r[7] = { (uint8_t)(st0 | f->head << 2 | f->unit), st1, st2, f->cyl, f->head, f->sector, 2 };
    fdc_dreq(f, false);
    fdc_result(f, r, sizeof(r), true);
}

/* ---- Sectors ---------------------------------------------------------------------------------------------------- */

static void fdc_sector_done(Fdc *f);
static void fdc_reset_now(Fdc *f);

/* The sector is in data (READ) or wanted from the host (WRITE): on to the host's side. */
static void fdc_offer(Fdc *f, FdcPhase phase, uint16_t len)
{
    f->phase = phase;
    f->pos = 0;
    f->len = len;
    if (fdc_dma_mode(f)) {
        fdc_dreq(f, true);
    } else {
        fdc_set_irq(f, true);
    }
}

static void fdc_io_complete(void *opaque, int ret)
{
    Fdc *f = opaque;
    f->req = NULL;
    if (f->phase == FDC_IN_RESET) {
        if (f->dor & DOR_RUN) {
            fdc_reset_now(f);
        }
        return;
    }
    if (f->phase != FDC_BUSY) {
        return;
    }
    Blk *blk = f->drives[f->unit % FDC_DRIVES].blk;
    BlkErrorAction action = ret < 0 && blk ? blk_error_action(blk, f->io_write, -ret) : BLK_ERR_IGNORE;
    if (action == BLK_ERR_STOP) {
        f->retry = true;
    } else if (action == BLK_ERR_REPORT) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_DATA, 0);
    } else if (f->kind == FDC_K_READ) {
        fdc_offer(f, FDC_READ, FDC_SECTOR);
    } else if (f->kind == FDC_K_SCAN) {
        memcpy(f->disk, f->data, FDC_SECTOR);
        f->scan_hit = true;
        f->st2 = FDC_ST2_SCAN_HIT;
        fdc_offer(f, FDC_WRITE, FDC_SECTOR);
    } else {
        fdc_sector_done(f);
    }
}

/* Reads or writes data at the present sector. */
static void fdc_io(Fdc *f, bool write)
{
    FdcDrive *d = fdc_drive(f, f->unit);
    uint64_t off;
    struct iovec iov = { f->data, FDC_SECTOR };
    if (!d || !fdc_drive_offset(d, f->cyl, f->head, f->sector, &off)) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_DATA, 0);
        return;
    }
    f->phase = FDC_BUSY;
    f->io_write = write;
    f->retry = false;
    if (!write && off >= blk_size(d->blk)) {
        memset(f->data, 0, FDC_SECTOR); /* the image is shorter than its disk */
        f->req = blk_readv(d->blk, 0, &iov, 0, fdc_io_complete, f);
        return;
    }
    f->req = write ? blk_writev(d->blk, off, &iov, 1, fdc_io_complete, f)
                   : blk_readv(d->blk, off, &iov, 1, fdc_io_complete, f);
}

static void fdc_on_runstate(RunstateNotifier *n, bool running, RunState state)
{
    Fdc *f = container_of(n, Fdc, notifier);
    (void)state;
    if (running && f->retry && f->phase == FDC_BUSY && !f->req) {
        fdc_io(f, f->io_write);
    }
}

static void fdc_begin_sector(Fdc *f)
{
    switch (f->kind) {
    case FDC_K_WRITE:
        fdc_offer(f, FDC_WRITE, FDC_SECTOR);
        break;
    case FDC_K_FORMAT:
        fdc_offer(f, FDC_WRITE, 4);
        break;
    default:
        fdc_io(f, false);
        break;
    }
}

/* Steps to the next sector as the result bytes count it; false: that was the last one of the track (cylinder). */
static bool fdc_advance(Fdc *f)
{
    if (f->sector != f->eot) {
        f->sector++;
        return true;
    }
    f->sector = 1;
    if (f->multi_track && !(f->head & 1)) {
        f->head = 1;
        return true;
    }
    f->cyl++;
    if (f->multi_track) {
        f->head = 0;
    }
    return false;
}

/* A sector went all the way: is that the end? */
static void fdc_sector_done(Fdc *f)
{
    bool last = f->terminal;
    if (f->kind == FDC_K_FORMAT || (f->kind == FDC_K_VERIFY && f->count)) {
        last |= --f->count == 0;
    }
    if (f->kind == FDC_K_FORMAT) {
        if (last) {
            fdc_end(f, 0, 0, 0);
        } else {
            fdc_begin_sector(f);
        }
        return;
    }
    if (f->kind == FDC_K_SCAN && f->scan_hit) {
        fdc_end(f, 0, 0, f->st2);
        return;
    }
    if (f->deleted && f->kind == FDC_K_READ && !f->skip) { /* not the mark that was looked for: ends behind it */
        f->st2 |= FDC_ST2_DELETED;
        last = true;
    }
    bool more = fdc_advance(f);
    if (last) {
        fdc_end(f, 0, 0, f->kind == FDC_K_SCAN ? FDC_ST2_SCAN_FAIL : f->st2);
    } else if (!more) {
        fdc_end(f, f->kind == FDC_K_SCAN ? 0 : FDC_ST0_ABNORMAL, f->kind == FDC_K_SCAN ? 0 : FDC_ST1_END,
                f->kind == FDC_K_SCAN ? FDC_ST2_SCAN_FAIL : f->st2);
    } else {
        fdc_begin_sector(f);
    }
}

/* Ways in which a transfer cannot begin. */
void fdc_start(Fdc *f)
{
    FdcDrive *d = fdc_drive(f, f->unit);
    bool writes = f->kind == FDC_K_WRITE || f->kind == FDC_K_FORMAT;
    f->terminal = false;
    f->st2 = 0;
    if (!d || !fdc_drive_ready(d) || !(d->geo->rates >> (f->dsr & 3) & 1) || f->head >= d->geo->heads) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_MARK, 0); /* no address mark within two turns */
    } else if (writes && fdc_drive_protected(d)) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_PROTECTED, 0);
    } else if (f->kind != FDC_K_FORMAT && f->cyl != d->track) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_DATA, FDC_ST2_WRONG_TRACK);
    } else if (f->kind != FDC_K_FORMAT && (f->sector < 1 || f->sector > d->geo->spt)) {
        fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_DATA, 0);
    } else {
        fdc_begin_sector(f);
    }
}

/* ---- The host's side of a transfer ---------------------------------------------------------------------------------- */

/* SCAN: equal, low or equal, high or equal; ffh of either side fits all. */
static void fdc_scan_byte(Fdc *f, uint8_t host, uint8_t disk)
{
    if (host == disk || host == 0xff || disk == 0xff) {
        return;
    }
    f->st2 &= (uint8_t)~FDC_ST2_SCAN_HIT;
    if (f->scan == 0 || (f->scan == 1 && disk > host) || (f->scan == 2 && disk < host)) {
        f->scan_hit = false;
    }
}

static void fdc_host_done(Fdc *f)
{
    fdc_dreq(f, false);
    if (!fdc_dma_mode(f)) {
        fdc_set_irq(f, false);
    }
    if (f->phase == FDC_READ) {
        fdc_sector_done(f);
        return;
    }
    switch (f->kind) {
    case FDC_K_FORMAT: /* the host named cylinder, head, sector and size */
        f->cyl = f->data[0];
        f->head = f->data[1];
        f->sector = f->data[2];
        if (f->data[3] != 2 || f->cyl != f->drives[f->unit % FDC_DRIVES].track) {
            fdc_end(f, FDC_ST0_ABNORMAL, FDC_ST1_NO_DATA, 0);
            return;
        }
        memset(f->data, f->filler, FDC_SECTOR);
        fdc_io(f, true);
        break;
    case FDC_K_SCAN:
        fdc_sector_done(f);
        break;
    default:
        fdc_io(f, true);
    }
}

uint32_t fdc_move(Fdc *f, uint8_t *buf, uint32_t len)
{
    bool in = f->phase == FDC_READ;
    if (f->phase != FDC_READ && f->phase != FDC_WRITE) {
        return 0;
    }
    if (f->len > FDC_SECTOR || f->pos >= f->len) {
        return 0;
    }
    len = MIN(len, (uint32_t)(f->len - f->pos));
    if (in) {
        memcpy(buf, f->data + f->pos, len);
    } else if (f->kind == FDC_K_SCAN) {
        for (uint32_t i = 0; i < len; i++) {
            fdc_scan_byte(f, buf[i], f->disk[f->pos + i]);
        }
    } else {
        memcpy(f->data + f->pos, buf, len);
    }
    f->pos = (uint16_t)(f->pos + len);
    if (f->pos == f->len) {
        fdc_host_done(f);
    }
    return len;
}

/* Terminal count in the middle of a sector: what is missing of a write is zeros. */
static void fdc_terminal_count(Fdc *f)
{
    static uint8_t zeros[FDC_SECTOR];
    f->terminal = true;
    if (f->phase == FDC_READ) {
        f->pos = f->len;
        fdc_host_done(f);
    } else if (f->phase == FDC_WRITE && f->kind == FDC_K_FORMAT) {
        fdc_end(f, 0, 0, 0);
    } else if (f->phase == FDC_WRITE && f->pos > 0) {
        fdc_move(f, zeros, FDC_SECTOR);
    } else if (f->phase == FDC_WRITE) {
        fdc_end(f, 0, 0, f->st2);
    }
}

/* The DMA controller is ready for us.  One sector at most, then the image has its turn. */
static uint32_t fdc_dma_transfer(void *opaque, unsigned channel, uint32_t pos, uint32_t size)
{
    Fdc *f = opaque;
    uint8_t buf[FDC_SECTOR];
    bool in = f->phase == FDC_READ;
    if ((!in && f->phase != FDC_WRITE) || f->pos >= f->len || pos >= size) {
        fdc_dreq(f, false);
        return pos;
    }
    uint32_t want = MIN((uint32_t)(f->len - f->pos), size - pos), n = want;
    if (in) {
        memcpy(buf, f->data + f->pos, want);
        if (!f->dma->ops->verify(f->dma, channel)) {
            n = f->dma->ops->write_memory(f->dma, channel, buf, pos, want);
        }
    } else {
        memset(buf, 0, want);
        n = f->dma->ops->read_memory(f->dma, channel, buf, pos, want);
    }
    n = MIN(n ? n : want, want); /* memory that is not there takes its time, too */
    bool terminal = pos + n == size;
    f->terminal |= terminal;
    fdc_move(f, buf, n);
    if (terminal && (f->phase == FDC_READ || f->phase == FDC_WRITE) && f->pos < f->len) {
        fdc_terminal_count(f);
    }
    return pos + n;
}

/* ---- Reset ------------------------------------------------------------------------------------------------------ */

static void fdc_reset_now(Fdc *f)
{
    fdc_idle(f);
    fdc_set_irq(f, false);
    f->seek_done = 0;
    if (!f->locked) {
        f->config = 0;
        f->precomp = 0;
    }
    f->resets_to_sense = 4;
    fdc_set_irq(f, true); /* polling finds the ready lines changed */
}

/* By DOR or DSR.  A request in flight keeps the chip in reset until it is back: its buffer is ours no earlier. */
void fdc_soft_reset(Fdc *f)
{
    fdc_dreq(f, false);
    if (f->req) {
        blk_cancel(f->req);
        f->phase = FDC_IN_RESET;
    } else {
        fdc_reset_now(f);
    }
}

/* ---- Registers ---------------------------------------------------------------------------------------------------- */

static void fdc_write_dor(Fdc *f, uint8_t val)
{
    uint8_t changed = f->dor ^ val;
    f->dor = val;
    if ((changed & DOR_RUN) && !(val & DOR_RUN)) {
        fdc_dreq(f, false);
        if (f->req) {
            blk_cancel(f->req);
        }
        f->phase = FDC_IN_RESET;
        fdc_set_irq(f, false);
    } else if ((changed & DOR_RUN) && (val & DOR_RUN) && !f->req) {
        fdc_reset_now(f);
    } else if (changed & DOR_DMA) {
        fdc_set_irq(f, f->irq_level);
    }
}

static uint8_t fdc_msr(const Fdc *f)
{
    switch (f->phase) {
    case FDC_COMMAND:
        return MSR_RQM | (f->fifo_pos ? MSR_BUSY : 0);
    case FDC_RESULT:
        return MSR_RQM | MSR_TO_HOST | MSR_BUSY;
    case FDC_READ:
        return fdc_dma_mode(f) ? MSR_BUSY : MSR_RQM | MSR_TO_HOST | MSR_NON_DMA | MSR_BUSY;
    case FDC_WRITE:
        return fdc_dma_mode(f) ? MSR_BUSY : MSR_RQM | MSR_NON_DMA | MSR_BUSY;
    case FDC_BUSY:
        return MSR_BUSY | (fdc_dma_mode(f) ? 0 : MSR_NON_DMA);
    default:
        return 0;
    }
}

static uint8_t fdc_read_fifo(Fdc *f)
{
    uint8_t v = 0;
    if (f->phase == FDC_RESULT) {
        fdc_set_irq(f, false);
        v = f->fifo_pos < f->fifo_len && f->fifo_pos < FDC_FIFO ? f->fifo[f->fifo_pos++] : 0;
        if (f->fifo_pos >= f->fifo_len) {
            fdc_idle(f);
        }
    } else if (f->phase == FDC_READ && !fdc_dma_mode(f)) {
        fdc_move(f, &v, 1);
    }
    return v;
}

static void fdc_write_fifo(Fdc *f, uint8_t val)
{
    if (f->phase == FDC_WRITE && !fdc_dma_mode(f)) {
        fdc_move(f, &val, 1);
        return;
    }
    if (f->phase != FDC_COMMAND || f->fifo_pos >= FDC_FIFO) {
        return; /* out of phase */
    }
    f->fifo[f->fifo_pos++] = val;
    if (f->fifo_pos == 1) {
        f->fifo_len = (uint8_t)MIN(fdc_command_length(val), FDC_FIFO);
    }
    if (f->fifo_pos >= f->fifo_len) {
        fdc_execute(f);
    }
}

static uint8_t fdc_dir(Fdc *f)
{
    FdcDrive *d = fdc_drive(f, f->dor & 3);
    bool motor = f->dor & (0x10 << (f->dor & 3));
    return d && motor && (d->changed || !fdc_drive_ready(d)) ? 0x80 : 0;
}

static uint64_t fdc_read(void *opaque, hwaddr off, unsigned size)
{
    Fdc *f = opaque;
    (void)size;
    switch (off) {
    case REG_SRA: return (uint8_t)((f->irq_level ? 0x80 : 0) | (f->drives[1].blk ? 0 : 0x40));
    case REG_SRB: return (uint8_t)(0xc0 | (f->dor & 1 ? 0x20 : 0) | (f->dor >> 4 & 3));
    case REG_DOR: return f->dor;
    case REG_TDR: return f->tdr;
    case REG_MSR: return fdc_msr(f);
    case REG_FIFO: return fdc_read_fifo(f);
    default: return 0xff;
    }
}

static void fdc_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Fdc *f = opaque;
    uint8_t v = (uint8_t)val;
    (void)size;
    switch (off) {
    case REG_DOR:
        fdc_write_dor(f, v);
        break;
    case REG_TDR:
        f->tdr = v & 3;
        break;
    case REG_MSR: /* DSR */
        f->dsr = v & 0x7f;
        if ((v & 0x80) && (f->dor & DOR_RUN)) {
            fdc_soft_reset(f);
        }
        break;
    case REG_FIFO:
        fdc_write_fifo(f, v);
        break;
    default:
        break;
    }
}

static uint64_t fdc_dir_read(void *opaque, hwaddr off, unsigned size)
{
    (void)off;
    (void)size;
    return fdc_dir(opaque);
}

/* CCR: the data rate. */
static void fdc_dir_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    Fdc *f = opaque;
    (void)off;
    (void)size;
    f->dsr = (uint8_t)((f->dsr & ~3) | (val & 3));
}

static const MemOps fdc_ops = { .read = fdc_read, .write = fdc_write, .max_size = 1 };
static const MemOps fdc_dir_ops = { .read = fdc_dir_read, .write = fdc_dir_write, .max_size = 1 };

/* ---- Life --------------------------------------------------------------------------------------------------------- */

static void fdc_reset(Device *dev)
{
    Fdc *f = container_of(dev, Fdc, isa.dev);
    f->phase = FDC_IN_RESET; /* what comes back is dropped */
    f->dor = 0;
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        if (f->drives[i].blk) {
            blk_drain(f->drives[i].blk);
        }
        f->drives[i].track = 0;
        f->drives[i].changed = true;
        f->drives[i].perpendicular = false;
    }
    f->req = NULL;
    f->retry = false;
    fdc_dreq(f, false);
    f->dor = DOR_RUN | DOR_DMA;
    f->tdr = 0;
    f->dsr = 2;
    f->resets_to_sense = f->seek_done = 0;
    memset(f->seek_st0, 0, sizeof(f->seek_st0));
    f->srt_hut = f->hlt_nd = f->config = f->precomp = f->perp = 0;
    f->locked = f->multi_track = f->deleted = f->skip = f->terminal = f->io_write = f->scan_hit = false;
    f->unit = f->cyl = f->head = f->sector = f->eot = f->st0 = f->st1 = f->st2 = f->filler = f->scan = 0;
    f->count = f->pos = f->len = 0;
    memset(f->fifo, 0, sizeof(f->fifo));
    memset(f->data, 0, sizeof(f->data));
    memset(f->disk, 0, sizeof(f->disk));
    fdc_idle(f);
    fdc_set_irq(f, false);
}

static bool fdc_realize(Device *dev, Error **errp)
{
    Fdc *f = container_of(dev, Fdc, isa.dev);
    f->irq = isa_irq(dev, FDC_IRQ);
    f->dma = isa_bus(dev)->dma;
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        f->drives[i].fdc = f;
        if (f->prop_drive[i] && !fdc_drive_attach(f, i, f->prop_drive[i], errp)) {
            fdc_drive_detach(f, 0);
            return false;
        }
    }
    bus_init(&f->bus, &fdc_bus_class, dev, "floppy-bus.0");
    mem_init_io(&f->io, &fdc_ops, f, "fdc", 6);
    mem_init_io(&f->dir_io, &fdc_dir_ops, f, "fdc-dir", 1);
    isa_add_io(dev, FDC_PORT, &f->io);
    isa_add_io(dev, FDC_PORT_DIR, &f->dir_io);
    if (f->dma) {
        f->dma->ops->set_handler(f->dma, FDC_DMA, fdc_dma_transfer, f);
    }
    f->notifier = (RunstateNotifier){ .changed = fdc_on_runstate };
    runstate_notifier_add(&f->notifier);
    return true;
}

static void fdc_unrealize(Device *dev)
{
    Fdc *f = container_of(dev, Fdc, isa.dev);
    runstate_notifier_remove(&f->notifier);
    f->phase = FDC_IN_RESET;
    f->dor = 0;
    bus_destroy(&f->bus);
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        fdc_drive_detach(f, i);
    }
    mem_destroy(&f->io);
    mem_destroy(&f->dir_io);
}

static bool fdc_post_load(void *opaque, int version, Error **errp)
{
    Fdc *f = opaque;
    (void)version;
    bool host = f->phase == FDC_READ || f->phase == FDC_WRITE;
    if (f->phase >= FDC_PHASES || f->kind >= FDC_K_COUNT || f->fifo_pos > FDC_FIFO || f->fifo_len > FDC_FIFO ||
        f->unit > 3 || f->len > FDC_SECTOR || f->pos > f->len || f->resets_to_sense > 4 || f->scan > 2 ||
        (host && (f->kind == FDC_K_NONE || f->pos == f->len)) || (f->phase == FDC_COMMAND && f->fifo_pos && f->fifo_pos >= f->fifo_len)) {
        error_set(errp, "the saved state of the floppy controller contradicts itself");
        return false;
    }
    f->req = NULL;
    f->retry = f->phase == FDC_BUSY; /* nothing is in flight in a saved state: the request is made again */
    if (f->retry && f->kind == FDC_K_NONE) {
        fdc_idle(f);
    }
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        fdc_drive_medium(&f->drives[i]);
    }
    irq_set(f->irq, f->irq_level && (f->dor & DOR_DMA));
    return true;
}

static const VMStateField fdc_drive_fields[] = {
    VMS_UINT(FdcDrive, track), VMS_UINT(FdcDrive, changed), VMS_UINT(FdcDrive, perpendicular), VMS_END,
};
static const VMState fdc_drive_state = { .name = "fdc/drive", .version = 1, .fields = fdc_drive_fields };

static const VMStateField fdc_fields[] = {
    VMS_STRUCT_ARRAY(Fdc, drives, fdc_drive_state), VMS_UINT(Fdc, dor), VMS_UINT(Fdc, tdr), VMS_UINT(Fdc, dsr),
    VMS_UINT(Fdc, irq_level), VMS_UINT(Fdc, resets_to_sense), VMS_UINT(Fdc, seek_done), VMS_UINT_ARRAY(Fdc, seek_st0),
    VMS_UINT(Fdc, srt_hut), VMS_UINT(Fdc, hlt_nd), VMS_UINT(Fdc, config), VMS_UINT(Fdc, precomp), VMS_UINT(Fdc, perp),
    VMS_UINT(Fdc, locked), VMS_UINT(Fdc, phase), VMS_BUFFER(Fdc, fifo), VMS_UINT(Fdc, fifo_pos), VMS_UINT(Fdc, fifo_len),
    VMS_UINT(Fdc, kind), VMS_UINT(Fdc, unit), VMS_UINT(Fdc, cyl), VMS_UINT(Fdc, head), VMS_UINT(Fdc, sector),
    VMS_UINT(Fdc, eot), VMS_UINT(Fdc, st0), VMS_UINT(Fdc, st1), VMS_UINT(Fdc, st2), VMS_UINT(Fdc, multi_track),
    VMS_UINT(Fdc, deleted), VMS_UINT(Fdc, skip), VMS_UINT(Fdc, terminal), VMS_UINT(Fdc, io_write),
    VMS_UINT(Fdc, scan_hit), VMS_UINT(Fdc, filler), VMS_UINT(Fdc, scan), VMS_UINT(Fdc, count), VMS_UINT(Fdc, pos),
    VMS_UINT(Fdc, len), VMS_BUFFER(Fdc, data), VMS_BUFFER(Fdc, disk), VMS_END,
};
static const VMState fdc_state = { .name = "fdc", .version = 1, .fields = fdc_fields, .post_load = fdc_post_load };

static const Prop fdc_props[] = {
    PROP(Fdc, prop_drive[0], "driveA", prop_drive, NULL, "ID of the -drive in drive A"),
    PROP(Fdc, prop_drive[1], "driveB", prop_drive, NULL, "ID of the -drive in drive B"),
    PROP_END,
};

static const DeviceClass fdc_class = {
    .name = "isa-fdc", .desc = "Intel 82078 floppy controller", .category = "Storage", .bus = BUS_ISA,
    .size = sizeof(Fdc), .user_creatable = true, .props = fdc_props, .state = &fdc_state, .realize = fdc_realize,
    .reset = fdc_reset, .unrealize = fdc_unrealize,
};
DEVICE_REGISTER(fdc_class);

Device *fdc_create(IsaBus *isa, Blk *const blk[FDC_DRIVES], const bool has_drive[FDC_DRIVES], Error **errp)
{
    Device *dev = device_create(&fdc_class, &isa->bus, errp);
    Fdc *f = dev ? container_of(dev, Fdc, isa.dev) : NULL;
    for (unsigned i = 0; f && i < FDC_DRIVES; i++) {
        if ((has_drive[i] || blk[i]) && !f->drives[i].blk && !fdc_drive_attach(f, i, blk[i], errp)) {
            device_free(dev);
            return NULL;
        }
    }
    return dev;
}
