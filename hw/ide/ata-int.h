/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the drive: what ata.c (phases), ata-cmd.c, ata-identify.c and atapi*.c share.  Under the big lock. */
#ifndef HW_IDE_ATA_INT_H
#define HW_IDE_ATA_INT_H

#include "hw/ide/ata.h"

enum { ATA_ST_ERR = 0x01, ATA_ST_DRQ = 0x08, ATA_ST_DSC = 0x10, ATA_ST_DF = 0x20, ATA_ST_DRDY = 0x40, ATA_ST_BSY = 0x80 };
enum { ATA_ER_ABRT = 0x04, ATA_ER_IDNF = 0x10, ATA_ER_UNC = 0x40 };
enum { ATA_DEV_SLAVE = 0x10, ATA_DEV_LBA = 0x40 };
enum { ATA_SECTOR = 512 };

/* ata.c: ends and phases. */
void ata_raise(AtaDrive *d);
void ata_done(AtaDrive *d);                 /* command over, without error */
void ata_fail(AtaDrive *d, uint8_t error);  /* over, with this in the error register */
void ata_abort(AtaDrive *d);
void ata_signature(AtaDrive *d);
void ata_issue(AtaDrive *d, AtaIo io);      /* a block request for lba, chunk, buffer; phase BUSY */
void ata_pio_in(AtaDrive *d, bool raise);   /* buffer to the host in DRQ blocks of d->block */
void ata_pio_out(AtaDrive *d, bool raise);
void ata_dma_start(AtaDrive *d, bool in);
void ata_send_block(AtaDrive *d, uint32_t len); /* one DRQ block that is all the data */
void ata_cancel(AtaDrive *d);

/* ata-cmd.c: called by the phases. */
void ata_execute(AtaDrive *d);      /* d->command */
void ata_chunk_read(AtaDrive *d);   /* a read request came back well */
void ata_chunk_moved(AtaDrive *d);  /* host or bus master emptied (filled) the buffer */
void ata_io_done(AtaDrive *d);      /* write, flush or discard came back well */
void ata_io_failed(AtaDrive *d, int err);
uint64_t ata_sectors(const AtaDrive *d); /* of the medium */

/* ata-identify.c */
void ata_identify(AtaDrive *d);
void ata_identify_packet(AtaDrive *d);
void ata_smart(AtaDrive *d);

/* atapi.c */
void atapi_reset(AtaDrive *d);
void atapi_execute(AtaDrive *d);     /* the packet has arrived */
void atapi_chunk_read(AtaDrive *d);
void atapi_chunk_moved(AtaDrive *d);
void atapi_io_failed(AtaDrive *d, int err);
void atapi_done(AtaDrive *d);
void atapi_check(AtaDrive *d, uint8_t key, uint8_t asc, uint8_t ascq);
/* Data of @len bytes in the buffer, cut to what the command allowed (@room), to the host. */
void atapi_reply(AtaDrive *d, uint32_t len, uint32_t room);
uint32_t atapi_sectors(const AtaDrive *d); /* of 2048 bytes; 0: no medium */
bool atapi_ready(const AtaDrive *d);

enum { SENSE_NOT_READY = 2, SENSE_MEDIUM_ERROR = 3, SENSE_HARDWARE_ERROR = 4, SENSE_ILLEGAL_REQUEST = 5,
       SENSE_UNIT_ATTENTION = 6, SENSE_DATA_PROTECT = 7 };

/* atapi-mmc.c: information commands; each ends the command. */
void atapi_inquiry(AtaDrive *d);
void atapi_mode_sense(AtaDrive *d);
void atapi_read_toc(AtaDrive *d);
void atapi_get_configuration(AtaDrive *d);
void atapi_get_event_status(AtaDrive *d);
void atapi_read_disc_information(AtaDrive *d);
void atapi_read_track_information(AtaDrive *d);
void atapi_read_subchannel(AtaDrive *d);
void atapi_read_dvd_structure(AtaDrive *d);
void atapi_mechanism_status(AtaDrive *d);

#endif
