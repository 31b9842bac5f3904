/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the floppy controller: what fdc.c (registers, transfers), fdc-cmd.c (commands) and fdc-drive.c share. */
#ifndef HW_BLOCK_FDC_INT_H
#define HW_BLOCK_FDC_INT_H

#include "hw/block/fdc.h"
#include "system/runstate.h"

enum { FDC_SECTOR = 512, FDC_FIFO = 20 };

enum { FDC_ST0_ABNORMAL = 0x40, FDC_ST0_INVALID = 0x80, FDC_ST0_POLLING = 0xc0, FDC_ST0_SEEK_END = 0x20,
       FDC_ST0_EQUIPMENT = 0x10 };
enum { FDC_ST1_END = 0x80, FDC_ST1_DATA = 0x20, FDC_ST1_OVERRUN = 0x10, FDC_ST1_NO_DATA = 0x04, FDC_ST1_PROTECTED = 0x02,
       FDC_ST1_NO_MARK = 0x01 };
enum { FDC_ST2_DELETED = 0x40, FDC_ST2_WRONG_TRACK = 0x10, FDC_ST2_SCAN_HIT = 0x08, FDC_ST2_SCAN_FAIL = 0x04 };

typedef enum FdcPhase {
    FDC_COMMAND,  /* the host writes command bytes */
    FDC_READ,     /* execution: sector to host */
    FDC_WRITE,    /* execution: host to sector */
    FDC_BUSY,     /* execution: the image is being read or written */
    FDC_RESULT,   /* the host reads result bytes */
    FDC_IN_RESET, /* held in reset, or a request must come back first */
    FDC_PHASES
} FdcPhase;

typedef enum FdcKind { FDC_K_NONE, FDC_K_READ, FDC_K_WRITE, FDC_K_VERIFY, FDC_K_SCAN, FDC_K_FORMAT, FDC_K_COUNT } FdcKind;

typedef struct FdcGeometry {
    uint16_t sectors;
    uint8_t tracks, heads, spt;
    uint8_t rates; /* bit per value of the data rate select that reads it */
} FdcGeometry;

typedef struct Fdc Fdc;

typedef struct FdcDrive {
    Fdc *fdc;
    Blk *blk;         /* NULL: no drive on this connector */
    Blk *own_blk;
    const FdcGeometry *geo; /* of the medium; NULL: none */
    uint8_t track;    /* where the heads are */
    bool changed;     /* disk change line */
    bool perpendicular;
} FdcDrive;

struct Fdc {
    IsaDevice isa;
    RunstateNotifier notifier;
    bool retry; /* phase BUSY with nothing in flight: the machine was stopped by an error; again when it runs */
    MemRegion io, dir_io;
    Bus bus;
    IrqLine irq;
    IsaDma *dma;
    FdcDrive drives[FDC_DRIVES];
    Blk *prop_drive[FDC_DRIVES];
    BlkReq *req;

    /* registers */
    uint8_t dor, tdr, dsr;  /* dsr: data rate in bits 0-1 */
    bool irq_level;
    uint8_t resets_to_sense; /* drives that SENSE INTERRUPT has still to report after a reset */
    uint8_t seek_done;       /* bit per drive */
    uint8_t seek_st0[4];
    uint8_t srt_hut, hlt_nd; /* SPECIFY */
    uint8_t config, precomp, perp;
    bool locked;

    FdcPhase phase;
    uint8_t fifo[FDC_FIFO];  /* command, then result */
    uint8_t fifo_pos, fifo_len;

    /* transfer */
    FdcKind kind;
    uint8_t unit, cyl, head, sector, eot;
    uint8_t st0, st1, st2;
    bool multi_track, deleted, skip, terminal, io_write, scan_hit;
    uint8_t filler, scan;
    uint16_t count;          /* FORMAT, VERIFY: sectors still to do; 0: no limit (VERIFY) */
    uint16_t pos, len;       /* in the host's direction */
    uint8_t data[FDC_SECTOR];
    uint8_t disk[FDC_SECTOR]; /* SCAN: what the disk has */
};

/* fdc.c */
void fdc_set_irq(Fdc *f, bool on);
void fdc_result(Fdc *f, const uint8_t *bytes, unsigned n, bool irq);
void fdc_idle(Fdc *f); /* command over, no result */
void fdc_start(Fdc *f);  /* the transfer that is described by kind, unit, ... */
void fdc_end(Fdc *f, uint8_t st0, uint8_t st1, uint8_t st2); /* of a transfer: the seven result bytes */
void fdc_soft_reset(Fdc *f);
/* Moves bytes between @buf and the transfer; *moved at most @len.  PIO and DMA. */
uint32_t fdc_move(Fdc *f, uint8_t *buf, uint32_t len);

/* fdc-cmd.c */
unsigned fdc_command_length(uint8_t command); /* bytes, the command included; 1 for unknown ones */
void fdc_execute(Fdc *f);

/* fdc-drive.c */
void fdc_drive_medium(FdcDrive *d);  /* a (new) medium: geometry */
bool fdc_drive_ready(const FdcDrive *d);
bool fdc_drive_protected(const FdcDrive *d);
void fdc_drive_seek(FdcDrive *d, unsigned track);
/* Byte offset of a sector; false: not on this medium. */
bool fdc_drive_offset(const FdcDrive *d, unsigned cyl, unsigned head, unsigned sector, uint64_t *off);
bool fdc_drive_attach(Fdc *f, unsigned unit, Blk *blk, Error **errp); /* @blk NULL: an empty one */
void fdc_drive_detach(Fdc *f, unsigned unit);
extern const BusClass fdc_bus_class;

static inline FdcDrive *fdc_drive(Fdc *f, unsigned unit)
{
    return unit < FDC_DRIVES && f->drives[unit].blk ? &f->drives[unit] : NULL;
}

static inline bool fdc_dma_mode(const Fdc *f)
{
    return !(f->hlt_nd & 1) && f->dma;
}

#endif
