/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -kernel: images that firmware's boot ROMs put into memory.  Start-up, main thread, big lock. */
#ifndef HW_I386_LINUX_LOADER_H
#define HW_I386_LINUX_LOADER_H

#include "hw/i386/pc.h"

/* The machine's -kernel, -initrd and -append: Linux (boot protocol 2.00 and later) or multiboot. */
bool linux_loader_load(PcBoard *b, Error **errp);

/* linux-loader.c, for tests: fills in the setup header of @setup for a machine with @ram_end bytes below 4 GiB. */
typedef struct LinuxPlan {
    uint32_t setup_addr, cmdline_addr, kernel_addr, initrd_addr;
    size_t setup_len; /* of the file; the kernel is the rest */
} LinuxPlan;
/* @file is how messages call the image. */
bool linux_plan(uint8_t *setup, size_t file_len, const char *file, const char *append, uint64_t initrd_len,
                uint64_t ram_end, LinuxPlan *plan, Error **errp);

/* multiboot-loader.c.  Is there a multiboot header within the first 8 KiB?  Its offset, or -1. */
int multiboot_find(const uint8_t *p, size_t len);
bool multiboot_load(PcBoard *b, GBytes *image, Error **errp);

/* Adds a boot ROM of our own from pc-bios; firmware starts it before anything else. */
bool linux_loader_add_rom(PcBoard *b, const char *file, Error **errp);

/* kernel-kind.c: what a file that is no kernel looks like, and what to do with it; never NULL. */
typedef struct KernelKind {
    const char *what, *cure;
} KernelKind;
KernelKind kernel_kind(const uint8_t *p, size_t len);

#endif
