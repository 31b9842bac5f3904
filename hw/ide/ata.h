/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ATA disk or ATAPI CD-ROM without a bus: registers, protocol phases, commands (ATA/ATAPI-7 volumes 1 and 2).
 * The channel (ide-bus.c) owns the cable: it forwards register accesses, collects the interrupt and lends the bus
 * master.  Everything under the big lock; disk I/O is asynchronous, the drive shows BSY meanwhile.
 */
#ifndef HW_IDE_ATA_H
#define HW_IDE_ATA_H

#include "block/blk.h"
#include "hw/ide/ide-buffer.h"
#include "migration/vmstate.h"

typedef struct AtaDrive AtaDrive;

/* Registers of the command block by their address (device 1f0h + n). */
enum { ATA_REG_DATA, ATA_REG_ERROR, ATA_REG_COUNT, ATA_REG_LBA_LOW, ATA_REG_LBA_MID, ATA_REG_LBA_HIGH, ATA_REG_DEVICE,
       ATA_REG_STATUS };

typedef enum AtaPhase {
    ATA_IDLE,
    ATA_BUSY,    /* a block request runs, or waits to be tried again */
    ATA_PIO_IN,  /* the host reads the buffer */
    ATA_PIO_OUT, /* the host fills it */
    ATA_DMA_IN,  /* the bus master shall fetch the buffer */
    ATA_DMA_OUT, /* the bus master shall fill it */
    ATA_PACKET,  /* the host writes the 12 bytes of a packet command */
    ATA_SLEEP,
    ATA_RESET,   /* SRST is held, or a request must come back first */
    ATA_PHASES
} AtaPhase;

/* What a block request was for; after an error that stopped the machine it is issued again. */
typedef enum AtaIo { ATA_IO_NONE, ATA_IO_READ, ATA_IO_WRITE, ATA_IO_FLUSH, ATA_IO_DISCARD, ATA_IO_KINDS } AtaIo;

typedef enum AtaDmaResult {
    ATA_DMA_OK,
    ATA_DMA_WAIT,  /* not started, or its table ended: the drive waits */
    ATA_DMA_ERROR, /* memory did not answer */
} AtaDmaResult;

/* What the cable gives a drive. */
typedef struct AtaHost {
    void (*irq_changed)(void *opaque); /* AtaDrive.intrq changed */
    /* Moves up to @len bytes; *moved says how many. */
    AtaDmaResult (*dma_move)(void *opaque, void *buf, uint32_t len, bool to_memory, uint32_t *moved);
    void (*dma_end)(void *opaque, bool error); /* the drive is done with this command's DMA */
    void *opaque;
} AtaHost;

/* Identity, from the device's properties; strings live as long as the drive. */
typedef struct AtaConfig {
    Blk *blk;
    bool cdrom;
    const char *model, *serial, *version;
    uint64_t wwn;
    uint16_t rotation_rate;
    uint8_t physical_sectors_log2; /* logical sectors in a physical one */
    bool slave;
} AtaConfig;

typedef struct AtaSense {
    uint8_t key, asc, ascq;
} AtaSense;

struct AtaDrive {
    AtaConfig cfg;
    AtaHost host;
    BlkReq *req;       /* in flight */
    bool retry;        /* phase BUSY with nothing in flight: issue d->io when the machine runs again */

    /* taskfile; hob: the value written before */
    uint8_t features, count, lba_low, lba_mid, lba_high;
    uint8_t hob_features, hob_count, hob_lba_low, hob_lba_mid, hob_lba_high;
    uint8_t device, error, status; /* status: DRDY, DF, DSC, ERR; BSY and DRQ follow from the phase */
    bool intrq;

    AtaPhase phase;
    uint8_t command;
    AtaIo io;
    bool srst;          /* held by the host */

    /* the transfer */
    uint64_t lba;       /* of the next sector to request from the image (or of the chunk in flight) */
    uint32_t left;      /* sectors (ATAPI: bytes) that are still to be requested */
    uint32_t chunk;     /* bytes in flight */
    uint32_t block;     /* bytes of one DRQ block (PIO) */
    uint32_t block_end; /* buffer position where the present DRQ block ends */
    bool dma, fua, lba48;

    /* settings of the guest */
    uint8_t multiple;   /* sectors; 0: off */
    uint8_t xfer_mode;  /* SET FEATURES 03h */
    uint8_t heads, spt; /* translation by INITIALIZE DEVICE PARAMETERS */
    uint16_t cylinders;
    bool smart, smart_autosave, lookahead;
    uint8_t power_mode; /* as CHECK POWER MODE says it */
    uint64_t max_lba;   /* sectors shown (SET MAX ADDRESS) */
    uint8_t trim_blocks;
    uint32_t trim_entry;

    /* ATAPI */
    uint8_t packet[12];
    AtaSense sense;
    bool unit_attention, tray_open, locked, new_media, media_gone, eject_asked;
    uint16_t sector_size; /* of the READ in progress: 2048, or 2352 for READ CD */

    IdeBuffer buf;
};

extern const VMState ata_state;

void ata_init(AtaDrive *d, const AtaConfig *cfg, const AtaHost *host);
void ata_destroy(AtaDrive *d); /* waits for requests in flight */
void ata_reset(AtaDrive *d);   /* power-on */
void ata_srst(AtaDrive *d, bool held);

void ata_write(AtaDrive *d, unsigned reg, uint8_t val); /* registers 1..6, also when the other drive is selected */
void ata_command(AtaDrive *d, uint8_t command);
uint8_t ata_read(AtaDrive *d, unsigned reg, bool hob); /* registers 1..6 */
uint8_t ata_status(const AtaDrive *d);
void ata_clear_irq(AtaDrive *d);
uint32_t ata_data_read(AtaDrive *d, unsigned size);
void ata_data_write(AtaDrive *d, uint32_t val, unsigned size);
void ata_diagnostic(AtaDrive *d, bool raise); /* EXECUTE DEVICE DIAGNOSTIC goes to both drives */

void ata_dma_resume(AtaDrive *d); /* the bus master was started */
void ata_resume(AtaDrive *d);     /* the machine runs again */

/* Default translation of a disk of @sectors sectors. */
void ata_default_geometry(uint64_t sectors, uint16_t *cylinders, uint8_t *heads, uint8_t *spt);

/* Medium, from the user. */
void atapi_medium_changed(AtaDrive *d, bool loaded);
void atapi_eject_request(AtaDrive *d);

#endif
