/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line said, before anything is made of it.  Start-up, main thread. */
#ifndef SYSTEM_OPTIONS_H
#define SYSTEM_OPTIONS_H

#include "system/machine.h"
#include "system/numa.h"
#include "system/rammap.h"
#include "system/runstate.h"
#include "util/keyval.h"
#include "util/opts.h"

/* -mon, and the monitors that -monitor and the defaults ask for. */
typedef struct MonitorOption {
    char *chardev; /* id, or NULL: @spec */
    char *spec;    /* a short form: "stdio" */
} MonitorOption;

typedef struct Options {
    MachineConfig cfg;
    RunstateActions actions;
    char *machine;        /* NULL: the default one */
    char *memory_backend; /* NULL: none named */
    char *irqchip;        /* -machine kernel-irqchip=; NULL: not said */
    GString *accels;      /* "kvm:tcg"; empty: not said */
    uint64_t max_cpus;
    /* Arguments as they came, in order; of char * unless said otherwise. */
    GPtrArray *chardevs, *serials, *monitors /* MonitorOption * */, *devices, *drives /* KeyVal * */, *blockdevs, *objects, *vncs;
    GPtrArray *numas;     /* char *, -numa */
    NumaConfig *numa;     /* what they say; NULL: nothing */
    RamSource ram_source; /* -mem-path, -mem-prealloc */
    char *mem_path;
    bool cpu_pm;
    bool smm_on;          /* -machine smm=on, not auto */
    bool monitor_none, serial_none, serial_given;
    bool nographic, display_none, default_devices, snapshot, start_paused;
    bool daemonize, mem_lock, list_options;
    char *keymap; /* -k; NULL: us */
    char *display; /* "sdl", "curses"; NULL: not said */
    struct SdlConfig *sdl; /* never NULL */
    char *pidfile, *debugcon, *qtest, *qtest_log, *log_items, *log_file, *gdb;
    /* Something to print instead of running.  @topic belongs to it. */
    void (*print)(struct Options *o, const char *topic);
    char *topic;
} Options;

void options_init(Options *o);
void options_free(Options *o);
bool options_parse(Options *o, int argc, char **argv, Error **errp);
void options_print_version(FILE *f);

/* Parsers of the bigger arguments (optargs.c); those with @opaque (the Options) stand in the table. */
bool optargs_memory(void *opaque, const char *value, Error **errp);
bool optargs_smp(void *opaque, const char *value, Error **errp);
bool optargs_machine(Options *o, const char *value, Error **errp);
bool optargs_boot(void *opaque, const char *value, Error **errp);
bool optargs_rtc(void *opaque, const char *value, Error **errp);
bool optargs_name(void *opaque, const char *value, Error **errp);
bool optargs_action(void *opaque, const char *value, Error **errp);
bool optargs_uuid(void *opaque, const char *value, Error **errp);
bool optargs_blockdev(void *opaque, const char *value, Error **errp);
bool optargs_object(void *opaque, const char *value, Error **errp);
bool optargs_drive(Options *o, const char *text, Error **errp);
bool optargs_drive_file(Options *o, const char *interface, int index, bool cdrom, const char *file, Error **errp);
bool optdisplay_vnc(void *opaque, const char *value, Error **errp); /* optdisplay.c */
bool optdisplay_sdl(void *opaque, const char *value, Error **errp);
bool optdisplay_curses(void *opaque, const char *value, Error **errp);
bool optdisplay_full_screen(void *opaque, const char *value, Error **errp);
bool optdisplay_alt_grab(void *opaque, const char *value, Error **errp);
bool optdisplay_ctrl_grab(void *opaque, const char *value, Error **errp);
void optdisplay_help(Options *o, const char *topic);
bool optdisplay_keymap(void *opaque, const char *value, Error **errp);
bool optdisplay_display(Options *o, const char *value, Error **errp);
/* About memory (optmem.c). */
bool optmem_path(void *opaque, const char *value, Error **errp);
bool optmem_prealloc(void *opaque, const char *value, Error **errp);
bool optmem_overcommit(void *opaque, const char *value, Error **errp);
bool optmem_numa(void *opaque, const char *value, Error **errp);
bool optmem_build_numa(Options *o, uint64_t ram_size, Error **errp); /* when -smp, -m and -object are known */
void optmem_free(Options *o);
void optargs_add_accel(Options *o, const char *spec);

/* What is printed instead of running (opthelp.c): Options.print. */
void opthelp_version(Options *o, const char *topic);
void opthelp_machines(Options *o, const char *topic);
void opthelp_machine_keys(Options *o, const char *topic);
void opthelp_cpus(Options *o, const char *topic);
void opthelp_accels(Options *o, const char *topic);
void opthelp_log_items(Options *o, const char *topic);
void opthelp_text(Options *o, const char *topic);
void opthelp_devices(Options *o, const char *topic);
void opthelp_device(Options *o, const char *topic);

/* -device help (devhelp.c): all devices, or the properties of one. */
void devhelp_print_all(FILE *f);
void devhelp_print_device(FILE *f, const DeviceClass *cls);

#endif
