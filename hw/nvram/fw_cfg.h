/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware configuration device (QEMU's docs/specs/fw_cfg): numbered items and named files that
 * firmware and guests read through ports 0x510/0x511 or the DMA interface at 0x514.  Under the big lock.
 */
#ifndef HW_NVRAM_FW_CFG_H
#define HW_NVRAM_FW_CFG_H

#include "system/device.h"
#include "system/memory.h"

#define FW_CFG_FILE_NAME_MAX 56
#define FW_CFG_FILE_SLOTS 0x40

enum {
    FW_CFG_SIGNATURE = 0x00, FW_CFG_ID = 0x01, FW_CFG_UUID = 0x02, FW_CFG_RAM_SIZE = 0x03, FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05, FW_CFG_KERNEL_ADDR = 0x07, FW_CFG_KERNEL_SIZE = 0x08, FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b, FW_CFG_NUMA = 0x0d, FW_CFG_BOOT_MENU = 0x0e, FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10, FW_CFG_KERNEL_DATA = 0x11, FW_CFG_INITRD_DATA = 0x12, FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14, FW_CFG_CMDLINE_DATA = 0x15, FW_CFG_SETUP_ADDR = 0x16, FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18, FW_CFG_FILE_DIR = 0x19, FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_IRQ0_OVERRIDE = 0x8002, FW_CFG_HPET = 0x8004,
};

typedef struct FwCfg FwCfg;

/* @dma_as: guest memory that the DMA interface fills. */
FwCfg *fw_cfg_create(Bus *root, MemRegion *io, AddressSpace *dma_as, Error **errp);

/* Items; @data is copied.  Keys below 0x20 or from 0x8000; a second call replaces the first. */
void fw_cfg_add(FwCfg *s, uint16_t key, const void *data, size_t len);
void fw_cfg_add_u16(FwCfg *s, uint16_t key, uint16_t val); /* little-endian */
void fw_cfg_add_u32(FwCfg *s, uint16_t key, uint32_t val);
void fw_cfg_add_u64(FwCfg *s, uint16_t key, uint64_t val);
void fw_cfg_add_string(FwCfg *s, uint16_t key, const char *text); /* with its final NUL */
void fw_cfg_add_bytes(FwCfg *s, uint16_t key, GBytes *data); /* takes a reference instead of copying */

/* Files.  false and *errp when the name is taken or too long, or the directory is full. */
bool fw_cfg_add_file(FwCfg *s, const char *name, GBytes *data, Error **errp);
bool fw_cfg_add_file_copy(FwCfg *s, const char *name, const void *data, size_t len, Error **errp);
/*
 * As fw_cfg_add_file; @select is called whenever the guest selects the file, and may call fw_cfg_replace_file() with
 * data of the same length.
 */
bool fw_cfg_add_file_callback(FwCfg *s, const char *name, GBytes *data, void (*select)(void *opaque), void *opaque,
                              Error **errp);
/*
 * A file of fixed length that the guest may write by DMA; @written sees its whole contents after each write.  It must not
 * touch the file.  The owner calls fw_cfg_remove_callbacks() with its @opaque before it goes; the file stays, read-only.
 */
bool fw_cfg_add_writable(FwCfg *s, const char *name, GBytes *data,
                         void (*written)(void *opaque, const uint8_t *data, size_t len), void *opaque, Error **errp);
void fw_cfg_remove_callbacks(FwCfg *s, void *opaque);
/* For devices that the user adds to the machine's root bus: the board's fw_cfg, NULL when it has none; what its DMA reaches. */
FwCfg *fw_cfg_on_bus(Bus *root);
AddressSpace *fw_cfg_dma_as(FwCfg *s);
void fw_cfg_replace_file(FwCfg *s, const char *name, GBytes *data);
GBytes *fw_cfg_find_file(FwCfg *s, const char *name); /* NULL: none; not a new reference */

/* One -fw_cfg argument: [name=]NAME,file=FILE or string=TEXT. */
bool fw_cfg_add_user(FwCfg *s, const char *arg, Error **errp);

#endif
