/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the board leaves in CMOS RAM for firmware: memory sizes, drives, boot order (Ralf Brown's CMOS map; the bytes
 * from 0x38 on are those that SeaBIOS reads).  Main thread, big lock, before the machine runs and at resets.
 */
#include "util/osdep.h"
#include "hw/i386/pc.h"
#include "block/blk.h"

enum {
    CMOS_FLOPPY = 0x10, CMOS_DISKS = 0x12, CMOS_EQUIPMENT = 0x14, CMOS_BASE_LO = 0x15, CMOS_EXT_LO = 0x17,
    CMOS_DISK_TYPE = 0x19, CMOS_DISK_INFO = 0x1b, CMOS_DISK_INFO_LEN = 9, CMOS_EXT2_LO = 0x30, CMOS_ABOVE16_LO = 0x34,
    CMOS_BOOT_THIRD = 0x38, CMOS_DISK_TRANSLATION = 0x39, CMOS_BOOT_FIRST = 0x3d, CMOS_ABOVE4G = 0x5b, CMOS_CPUS = 0x5f,
};
enum { EQUIPMENT_FPU = 0x02, EQUIPMENT_MOUSE = 0x04, EQUIPMENT_FLOPPY = 0x01, EQUIPMENT_TWO_FLOPPIES = 0x41 };
enum { FLOPPY_TYPE_1440 = 4, FLOPPY_TYPE_2880 = 5, DISK_TYPE_EXTENDED = 47 };
#define CMOS_BASE_KIB 640
#define FLOPPY_1440_SIZE (1440 * KiB)

static void pc_cmos_set16(PcBoard *b, unsigned at, uint16_t val)
{
    mc146818_set_cmos(b->rtc, at, (uint8_t)val);
    mc146818_set_cmos(b->rtc, at + 1, (uint8_t)(val >> 8));
}

static void pc_cmos_memory(PcBoard *b)
{
    uint64_t ext = b->below_4g > MiB ? (b->below_4g - MiB) / KiB : 0;
    uint64_t above16 = b->below_4g > 16 * MiB ? (b->below_4g - 16 * MiB) / (64 * KiB) : 0;
    uint64_t above4g = b->above_4g / (64 * KiB);
    pc_cmos_set16(b, CMOS_BASE_LO, CMOS_BASE_KIB);
    pc_cmos_set16(b, CMOS_EXT_LO, (uint16_t)MIN(ext, 65535u));
    pc_cmos_set16(b, CMOS_EXT2_LO, (uint16_t)MIN(ext, 65535u));
    pc_cmos_set16(b, CMOS_ABOVE16_LO, (uint16_t)MIN(above16, 65535u));
    for (unsigned i = 0; i < 3; i++) {
        mc146818_set_cmos(b->rtc, CMOS_ABOVE4G + i, (uint8_t)(above4g >> (8 * i)));
    }
    mc146818_set_cmos(b->rtc, CMOS_CPUS, (uint8_t)MIN(b->m->cfg.topo.cpus - 1, 255u));
}

static uint8_t pc_cmos_floppy_type(const MachineConfig *cfg, unsigned n)
{
    if (!cfg->has_floppy_drive[n]) {
        return 0;
    }
    bool big = cfg->floppy[n] && blk_has_medium(cfg->floppy[n]) && blk_size(cfg->floppy[n]) > FLOPPY_1440_SIZE;
    return big ? FLOPPY_TYPE_2880 : FLOPPY_TYPE_1440;
}

static void pc_cmos_floppies(PcBoard *b)
{
    uint8_t a = pc_cmos_floppy_type(&b->m->cfg, 0), second = pc_cmos_floppy_type(&b->m->cfg, 1);
    uint8_t equipment = EQUIPMENT_FPU | EQUIPMENT_MOUSE;
    if (a && second) {
        equipment |= EQUIPMENT_TWO_FLOPPIES;
    } else if (a || second) {
        equipment |= EQUIPMENT_FLOPPY;
    }
    mc146818_set_cmos(b->rtc, CMOS_FLOPPY, (uint8_t)(a << 4 | second));
    mc146818_set_cmos(b->rtc, CMOS_EQUIPMENT, equipment);
}

/* Geometry as the ATA disk reports it: 16 heads, 63 sectors.  Beyond 1024 cylinders BIOS calls translate (LBA assist). */
static void pc_cmos_disks(PcBoard *b)
{
    uint8_t types = 0, translation = 0;
    for (unsigned i = 0; i < MAX_IDE_DRIVES; i++) {
        struct Blk *blk = b->m->cfg.ide[i];
        if (!blk || b->m->cfg.ide_cdrom[i] || !blk_has_medium(blk)) {
            continue;
        }
        uint64_t cylinders = MIN(blk_size(blk) / 512 / (16 * 63), 16383u);
        cylinders = MAX(cylinders, 2u);
        translation |= (uint8_t)((cylinders > 1024) << (2 * i));
        if (i >= 2) {
            continue;
        }
        const uint8_t info[CMOS_DISK_INFO_LEN] = { (uint8_t)cylinders, (uint8_t)(cylinders >> 8), 16, 0xff, 0xff, 0xc8,
                                                   (uint8_t)cylinders, (uint8_t)(cylinders >> 8), 63 };
        types |= i == 0 ? 0xf0 : 0x0f;
        mc146818_set_cmos(b->rtc, CMOS_DISK_TYPE + i, DISK_TYPE_EXTENDED);
        for (unsigned j = 0; j < sizeof(info); j++) {
            mc146818_set_cmos(b->rtc, CMOS_DISK_INFO + CMOS_DISK_INFO_LEN * i + j, info[j]);
        }
    }
    mc146818_set_cmos(b->rtc, CMOS_DISKS, types);
    mc146818_set_cmos(b->rtc, CMOS_DISK_TRANSLATION, translation);
}

/* Boot devices by letter: what CMOS calls them; 0: firmware has none such. */
static uint8_t pc_boot_code(char letter)
{
    switch (letter) {
    case 'a':
    case 'b': return 1;
    case 'c': return 2;
    case 'd': return 3;
    case 'n': return 4;
    default: return 0;
    }
}

bool pc_check_boot_order(const char *order, Error **errp)
{
    if (strlen(order) > 3) {
        error_set(errp, "-boot order '%s' names more than three devices, which is what this PC's firmware takes", order);
        return false;
    }
    for (const char *p = order; *p; p++) {
        if (!pc_boot_code(*p)) {
            error_set(errp, "-boot order '%s': '%c' is no boot device; a, b (floppy), c (disk), d (CD), n (network) are", order,
                      *p);
            return false;
        }
        if (strchr(p + 1, *p)) {
            error_set(errp, "-boot order '%s' names '%c' twice", order, *p);
            return false;
        }
    }
    return true;
}

bool pc_cmos_set_boot_order(PcBoard *b, const char *order, Error **errp)
{
    uint8_t code[3] = { 0 };
    if (!pc_check_boot_order(order, errp)) {
        return false;
    }
    for (unsigned i = 0; i < 3 && order[i]; i++) {
        code[i] = pc_boot_code(order[i]);
    }
    mc146818_set_cmos(b->rtc, CMOS_BOOT_FIRST, (uint8_t)(code[1] << 4 | code[0]));
    mc146818_set_cmos(b->rtc, CMOS_BOOT_THIRD, (uint8_t)(code[2] << 4));
    return true;
}

void pc_cmos_init(PcBoard *b)
{
    const MachineConfig *cfg = &b->m->cfg;
    pc_cmos_memory(b);
    pc_cmos_floppies(b);
    pc_cmos_disks(b);
    pc_cmos_set_boot_order(b, cfg->boot_once ? cfg->boot_once : cfg->boot_order ? cfg->boot_order : "cad", NULL);
}
