/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: what the command line asked for (MachineConfig), what a board is (MachineClass), and the
 * address spaces that every board has.  Main thread, under the big lock.
 */
#ifndef SYSTEM_MACHINE_H
#define SYSTEM_MACHINE_H

#include "system/cpus.h"
#include "system/device.h"
#include "system/memory.h"

struct Chardev;
struct Blk;

#define MAX_SERIAL_PORTS 4
#define MAX_IDE_DRIVES 4
#define MAX_FLOPPIES 2

/* Handed to the board; strings and back ends are owned by whoever built the config and outlive the machine. */
typedef struct MachineConfig {
    uint64_t ram_size;
    const char *cpu_model; /* NULL: the class's default */
    CpuTopology topo;
    const char *kernel, *initrd, *append; /* NULL: none */
    const char *firmware;  /* -bios; NULL: the class's default */
    struct Chardev *serial[MAX_SERIAL_PORTS]; /* NULL: port not there */
    struct Blk *ide[MAX_IDE_DRIVES];          /* NULL: nothing on that connector */
    bool ide_cdrom[MAX_IDE_DRIVES];
    struct Blk *floppy[MAX_FLOPPIES];         /* NULL: drive without medium (a) or none (b) */
    bool has_floppy_drive[MAX_FLOPPIES];
    struct Chardev *debugcon;
    const char *boot_order; /* "cad" */
    const char *boot_once;
    bool boot_menu, boot_strict;
    int boot_menu_timeout_ms; /* -1: unset */
    int boot_reboot_timeout_ms;
    const char *vga;       /* "std", "cirrus", "none"; NULL: the class's default */
    bool default_devices;  /* false with -nodefaults */
    bool graphics;         /* false with -nographic */
    uint8_t uuid[16];
    bool uuid_set;
    const char *name;
    bool hpet, acpi, smm, usb, vmport;
    bool rtc_localtime;
    int64_t rtc_start_s;   /* with rtc_start_given: what the RTC shows at start, seconds since 1970; else the host's time */
    bool rtc_start_given;
    int rtc_clock;         /* ClockKind that drives the RTC */
    bool rtc_slew;
    const struct NumaConfig *numa; /* NULL: one node, of which nobody speaks */
    const struct RamSource *ram_source; /* -mem-path, -mem-prealloc; NULL: nothing said */
    const char *memory_backend; /* id of the memory back end that is all of RAM; NULL: none */
    GPtrArray *smbios_args, *acpitable_args, *fw_cfg_args; /* of char *; may be NULL */
} MachineConfig;

typedef struct Machine Machine;

typedef struct MachineClass {
    const char *name; /* "pc-i440fx-7.2" */
    const char *alias; /* "pc" or NULL */
    const char *desc;
    bool is_default;
    unsigned max_cpus;
    const char *default_cpu, *default_vga, *default_firmware, *default_ram_id;
    uint64_t default_ram;
    bool (*init)(Machine *m, Error **errp); /* creates and connects everything */
    void (*cleanup)(Machine *m); /* frees m->board when there is one, also after a failed init; the devices are gone */
} MachineClass;

struct Machine {
    const MachineClass *cls;
    MachineConfig cfg;
    MemRegion memory, io;  /* roots */
    MemRegion memory_smm;  /* root as CPUs in SMM see it; the board fills it */
    AddressSpace as_mem, as_io, as_smm;
    MemRegion ram;         /* all of it, from offset 0: memory of its own, or a container of memory back ends */
    MemRegion *low_ram;    /* the piece with its first MiB */
    Bus root;              /* BUS_SYSTEM */
    void *board;           /* the board's own */
};

void machine_class_register(const MachineClass *cls);
#define MACHINE_REGISTER(cls) \
    static void __attribute__((constructor)) machine_register_##cls(void) { machine_class_register(&(cls)); } \
    struct machine_register_semicolon_##cls
const MachineClass *machine_class_find(const char *name, Error **errp); /* NULL: the default; unknown: nearest named */
void machine_print_help(FILE *f);

/* Makes RAM, address spaces and the root bus, then calls the board. */
Machine *machine_new(const MachineClass *cls, const MachineConfig *cfg, Error **errp);
void machine_free(Machine *m);
/* RESET: all devices, then all vCPUs; vCPUs are parked. */
void machine_reset(Machine *m);
/* The machine being run, for the monitor, qtest and start-up; never for devices. */
Machine *machine_current(void);

/*
 * Finds a firmware or data file: -L folders, the build's pc-bios, installed data, the distribution's folders
 * (table in system/datafile.c).  Newly allocated path, or NULL with an error that names the package.
 */
char *datafile_find(const char *name, Error **errp);
void datafile_add_dir(const char *dir); /* -L, highest priority first */
/* The whole file as bytes; refuses more than @max bytes. */
GBytes *datafile_load(const char *path, uint64_t max, Error **errp);

#endif
