/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsers of the bigger option arguments: names, values and defaults are those of qemu-kvm.  Start-up, main thread. */
#include "util/osdep.h"
#include "system/options.h"
#include "ui/sdl.h"

#include "util/timer.h"

#include <time.h>

#define MIN_RAM MiB
#define MAX_RAM (4 * TiB)

static bool optargs_copy(KeyVal *kv, const char *key, const char **out)
{
    const char *v = keyval_get(kv, key);
    if (v) {
        *out = g_strdup(v);
    }
    return v != NULL;
}

/* -m [size=]N[,slots=...,maxmem=...] */
bool optargs_memory(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;
    static const char *const known[] = { "size", "slots", "maxmem", NULL };
    KeyVal *kv = keyval_parse(value, "size", errp);
    if (!kv) {
        return false;
    }
    const char *size = keyval_get(kv, "size");
    uint64_t bytes = 0, slots = 0;
    bool ok = false;
    if (!size) {
        error_set(errp, "no size is given; a plain number is in MiB, with k, M, G or T it means that");
    } else {
        ok = parse_size("memory size", size, MiB, &bytes, errp) && keyval_get_uint(kv, "slots", 0, 256, &slots, errp);
    }
    if (ok && (slots || keyval_get(kv, "maxmem"))) {
        error_set(errp, "memory hot plug (slots=, maxmem=) is not there yet; give the whole size at start");
        ok = false;
    }
    if (ok && (bytes < MIN_RAM || bytes > MAX_RAM)) {
        error_set(errp, "a memory size of %s is outside 1M..4T (a plain number is in MiB)", size);
        ok = false;
    }
    ok = ok && keyval_finish(kv, "-m", known, errp);
    if (ok) {
        o->cfg.ram_size = align_up(bytes, 8192);
    }
    keyval_free(kv);
    return ok;
}

/* What was not said follows from the rest, cores before sockets. */
static bool optargs_complete_topology(CpuTopology *t, uint64_t cpus, uint64_t max, Error **errp)
{
    uint64_t sockets = t->sockets, dies = MAX(t->dies, 1), cores = t->cores, threads = t->threads;
    uint64_t known = MAX(sockets, 1) * dies * MAX(cores, 1) * MAX(threads, 1);
    uint64_t wanted = max ? max : cpus ? cpus : known;
    if (!cores) {
        sockets = MAX(sockets, 1);
        threads = MAX(threads, 1);
        cores = wanted / (sockets * dies * threads);
    } else if (!sockets) {
        threads = MAX(threads, 1);
        sockets = wanted / (dies * cores * threads);
    } else if (!threads) {
        threads = wanted / (sockets * dies * cores);
    }
    max = max ? max : MAX(sockets * dies * cores * threads, cpus);
    cpus = cpus ? cpus : max;
    if (sockets * dies * cores * threads != max) {
        error_set(errp, "sockets (%" PRIu64 ") * dies (%" PRIu64 ") * cores (%" PRIu64 ") * threads (%" PRIu64
                  ") must be maxcpus (%" PRIu64 ")", sockets, dies, cores, threads, max);
        return false;
    }
    if (cpus > max) {
        error_set(errp, "cpus=%" PRIu64 " is more than maxcpus=%" PRIu64, cpus, max);
        return false;
    }
    *t = (CpuTopology){ .sockets = (unsigned)sockets, .dies = (unsigned)dies, .cores = (unsigned)cores,
                        .threads = (unsigned)threads, .cpus = (unsigned)cpus, .max_cpus = (unsigned)max };
    return true;
}

/* -smp [cpus=]N[,maxcpus=][,sockets=][,dies=][,cores=][,threads=] */
bool optargs_smp(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;
    static const char *const known[] = { "cpus", "maxcpus", "sockets", "dies", "cores", "threads", NULL };
    KeyVal *kv = keyval_parse(value, "cpus", errp);
    if (!kv) {
        return false;
    }
    uint64_t v[6] = { 0 };
    bool ok = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(v) && ok; i++) {
        ok = keyval_get_uint(kv, known[i], 1, 1024, &v[i], errp);
    }
    ok = ok && keyval_finish(kv, "-smp", known, errp);
    keyval_free(kv);
    CpuTopology t = { .sockets = (unsigned)v[2], .dies = (unsigned)v[3], .cores = (unsigned)v[4],
                      .threads = (unsigned)v[5] };
    if (!ok || !optargs_complete_topology(&t, v[0], v[1], errp)) {
        return false;
    }
    o->cfg.topo = t;
    return true;
}

void optargs_add_accel(Options *o, const char *spec)
{
    g_string_append_printf(o->accels, "%s%s", o->accels->len ? ":" : "", spec);
}

/* Keys of -machine that name something this machine has in one way only: the value must be that one. */
static bool optargs_machine_fixed(KeyVal *kv, Error **errp)
{
    static const struct { const char *key, *value, *why; } fixed[] = {
        { "nvdimm", "off", "NVDIMMs are not there yet" },
        { "hmat", "off", "the HMAT table is not there yet" },
        { "igd-passthru", "off", "graphics pass-through is not there" },
        { "sata", "on", "this machine has its storage controller" },
        { "pit", "on", "this machine has its timer" },
        { "i8042", "on", "this machine has its keyboard controller" },
        { "pic", "on auto", "this machine has its interrupt controller" },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(fixed); i++) {
        const char *v = keyval_get(kv, fixed[i].key);
        char **allowed = g_strsplit(fixed[i].value, " ", -1);
        bool ok = !v || g_strv_contains((const char *const *)allowed, v);
        g_strfreev(allowed);
        if (!ok) {
            error_set(errp, "%s=%s cannot be had: %s", fixed[i].key, v, fixed[i].why);
            return false;
        }
    }
    return true;
}

/* Keys that are hints to other hosts or accelerators: checked, then without effect. */
static bool optargs_machine_hints(Options *o, KeyVal *kv, Error **errp)
{
    static const char *const flags[] = { "suppress-vmdesc", "smbus" };
    const char *irqchip = keyval_get(kv, "kernel-irqchip"), *old = keyval_get(kv, "kernel_irqchip");
    irqchip = irqchip ? irqchip : old;
    if (irqchip && strcmp(irqchip, "on") && strcmp(irqchip, "off") && strcmp(irqchip, "split")) {
        error_set(errp, "kernel-irqchip=%s must be on, off or split", irqchip);
        return false;
    }
    if (irqchip) {
        g_free(o->irqchip);
        o->irqchip = g_strdup(irqchip);
    }
    bool merge = !o->ram_source.no_merge, dump = !o->ram_source.no_dump;
    if (!keyval_get_bool(kv, "mem-merge", &merge, errp) || !keyval_get_bool(kv, "dump-guest-core", &dump, errp)) {
        return false;
    }
    o->ram_source.no_merge = !merge;
    o->ram_source.no_dump = !dump;
    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        bool ignored;
        if (!keyval_get_bool(kv, flags[i], &ignored, errp)) {
            return false;
        }
    }
    return true;
}

/* on, off or auto, which is on */
static bool optargs_auto(KeyVal *kv, const char *key, bool *out, Error **errp)
{
    const char *v = keyval_get(kv, key);
    if (v && !strcmp(v, "auto")) {
        *out = true;
        return true;
    }
    return !v || parse_bool(key, v, out, errp);
}

/* -machine [type=]NAME[,key=value] */
bool optargs_machine(Options *o, const char *value, Error **errp)
{
    static const char *const known[] = { "type", "accel", "usb", "dump-guest-core", "mem-merge", "memory-backend",
                                         "hpet", "acpi", "smm", "vmport", "kernel-irqchip", "kernel_irqchip", "graphics",
                                         "nvdimm", "hmat", "igd-passthru", "sata", "pit", "pic", "i8042", "smbus",
                                         "suppress-vmdesc", "kernel", "initrd", "append", "firmware", NULL };
    KeyVal *kv = keyval_parse(value, "type", errp);
    if (!kv) {
        return false;
    }
    MachineConfig *c = &o->cfg;
    const char *type = keyval_get(kv, "type"), *accel = keyval_get(kv, "accel");
    const char *backend = keyval_get(kv, "memory-backend");
    const char *smm = keyval_get(kv, "smm");
    bool ok = keyval_get_bool(kv, "usb", &c->usb, errp) && keyval_get_bool(kv, "hpet", &c->hpet, errp) &&
              keyval_get_bool(kv, "acpi", &c->acpi, errp) && keyval_get_bool(kv, "graphics", &c->graphics, errp) &&
              optargs_auto(kv, "smm", &c->smm, errp) && optargs_auto(kv, "vmport", &c->vmport, errp) &&
              optargs_machine_fixed(kv, errp) && optargs_machine_hints(o, kv, errp);
    o->smm_on = ok && smm && strcmp(smm, "auto") && c->smm;
    optargs_copy(kv, "kernel", &c->kernel);
    optargs_copy(kv, "initrd", &c->initrd);
    optargs_copy(kv, "append", &c->append);
    optargs_copy(kv, "firmware", &c->firmware);
    ok = ok && keyval_finish(kv, "-machine", known, errp);
    if (ok && type) {
        g_free(o->machine);
        o->machine = g_strdup(type);
    }
    if (ok && backend) {
        g_free(o->memory_backend);
        o->memory_backend = g_strdup(backend);
    }
    if (ok && accel) {
        g_string_assign(o->accels, accel);
    }
    keyval_free(kv);
    return ok;
}

static bool optargs_boot_order(const char *what, const char *order, Error **errp)
{
    unsigned seen = 0;
    for (const char *p = order; *p; p++) {
        if (*p < 'a' || *p > 'p') {
            error_set(errp, "%s=%s: '%c' is no boot device; a, b: floppy, c: disk, d: CD-ROM, n: network", what, order, *p);
            return false;
        }
        if (seen & 1u << (*p - 'a')) {
            error_set(errp, "%s=%s names '%c' twice", what, order, *p);
            return false;
        }
        seen |= 1u << (*p - 'a');
    }
    return true;
}

/* -boot [order=]cad[,once=d][,menu=on][,strict=on][,splash-time=ms][,reboot-timeout=ms] */
bool optargs_boot(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;
    static const char *const known[] = { "order", "once", "menu", "strict", "splash", "splash-time", "reboot-timeout",
                                         NULL };
    KeyVal *kv = keyval_parse(value, "order", errp);
    if (!kv) {
        return false;
    }
    MachineConfig *c = &o->cfg;
    uint64_t splash_ms = 0, reboot_ms = 0;
    const char *order = keyval_get(kv, "order"), *once = keyval_get(kv, "once");
    const char *reboot = keyval_get(kv, "reboot-timeout");
    bool never = reboot && !strcmp(reboot, "-1");
    bool ok = (!order || optargs_boot_order("order", order, errp)) && (!once || optargs_boot_order("once", once, errp)) &&
              keyval_get_bool(kv, "menu", &c->boot_menu, errp) && keyval_get_bool(kv, "strict", &c->boot_strict, errp) &&
              keyval_get_uint(kv, "splash-time", 0, 65535, &splash_ms, errp) &&
              (never || keyval_get_uint(kv, "reboot-timeout", 0, 65535, &reboot_ms, errp));
    if (ok && keyval_get(kv, "splash")) {
        error_set(errp, "splash=FILE is not there yet; leave it out");
        ok = false;
    }
    ok = ok && keyval_finish(kv, "-boot", known, errp);
    if (ok) {
        optargs_copy(kv, "order", &c->boot_order);
        optargs_copy(kv, "once", &c->boot_once);
        c->boot_menu_timeout_ms = keyval_has(kv, "splash-time") ? (int)splash_ms : c->boot_menu_timeout_ms;
        c->boot_reboot_timeout_ms = reboot ? (never ? -1 : (int)reboot_ms) : c->boot_reboot_timeout_ms;
    }
    keyval_free(kv);
    return ok;
}

/* "2006-06-17T16:01:21" or "2006-06-17", in UTC. */
static bool optargs_rtc_date(const char *text, int64_t *start_s, Error **errp)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, strchr(text, 'T') ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);
    if (!end || *end) {
        error_set(errp, "base=%s must be utc, localtime or a date like 2006-06-17T16:01:21 or 2006-06-17", text);
        return false;
    }
    *start_s = (int64_t)timegm(&tm);
    return true;
}

/* -rtc [base=utc|localtime|DATE][,clock=host|rt|vm][,driftfix=none|slew] */
bool optargs_rtc(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;
    static const char *const known[] = { "base", "clock", "driftfix", NULL };
    static const char *const clocks[] = { "vm", "rt", "host", NULL }; /* in the order of ClockKind */
    KeyVal *kv = keyval_parse(value, "base", errp);
    if (!kv) {
        return false;
    }
    MachineConfig *c = &o->cfg;
    const char *base = keyval_get(kv, "base"), *clock = keyval_get(kv, "clock"), *drift = keyval_get(kv, "driftfix");
    bool ok = true;
    if (base) {
        c->rtc_localtime = !strcmp(base, "localtime");
        c->rtc_start_given = !c->rtc_localtime && strcmp(base, "utc");
        ok = !c->rtc_start_given || optargs_rtc_date(base, &c->rtc_start_s, errp);
    }
    if (ok && clock) {
        ok = g_strv_contains(clocks, clock);
        for (int i = 0; clocks[i]; i++) {
            c->rtc_clock = !strcmp(clocks[i], clock) ? i : c->rtc_clock;
        }
        if (!ok) {
            error_set(errp, "clock=%s must be host, rt or vm", clock);
        }
    }
    if (ok && drift) {
        c->rtc_slew = !strcmp(drift, "slew");
        ok = c->rtc_slew || !strcmp(drift, "none");
        if (!ok) {
            error_set(errp, "driftfix=%s must be none or slew", drift);
        }
    }
    ok = ok && keyval_finish(kv, "-rtc", known, errp);
    keyval_free(kv);
    return ok;
}

/* -name [guest=]NAME[,process=NAME][,debug-threads=on|off] */
bool optargs_name(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;
    static const char *const known[] = { "guest", "process", "debug-threads", NULL };
    KeyVal *kv = keyval_parse(value, "guest", errp);
    if (!kv) {
        return false;
    }
    bool debug_threads; /* threads have names anyway */
    bool ok = keyval_get_bool(kv, "debug-threads", &debug_threads, errp);
    optargs_copy(kv, "guest", &o->cfg.name);
    const char *process = keyval_get(kv, "process");
    if (process) {
        g_set_prgname(process);
    }
    ok = ok && keyval_finish(kv, "-name", known, errp);
    keyval_free(kv);
    return ok;
}

static bool optargs_choice(KeyVal *kv, const char *key, const char *const *choices, int *out, Error **errp)
{
    const char *v = keyval_get(kv, key);
    for (int i = 0; v && choices[i]; i++) {
        if (!strcmp(choices[i], v)) {
            *out = i;
            return true;
        }
    }
    if (v) {
        char *all = g_strjoinv(", ", (char **)choices);
        error_set(errp, "%s=%s must be one of %s", key, v, all);
        g_free(all);
    }
    return !v;
}

/* -action [reboot=reset|shutdown][,shutdown=poweroff|pause][,panic=...][,watchdog=...] */
bool optargs_action(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;
    static const char *const known[] = { "reboot", "shutdown", "panic", "watchdog", NULL };
    static const char *const reboots[] = { "reset", "shutdown", NULL };
    static const char *const shutdowns[] = { "poweroff", "pause", NULL };
    static const char *const panics[] = { "shutdown", "pause", "none", "exit-failure", NULL };
    static const char *const watchdogs[] = { "reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi",
                                             NULL };
    KeyVal *kv = keyval_parse(value, NULL, errp);
    if (!kv) {
        return false;
    }
    RunstateActions *a = &o->actions;
    int reboot = a->reboot_is_shutdown, shutdown = a->shutdown_is_pause, watchdog = 0;
    int panic = a->panic_is_pause ? 1 : a->panic_is_none ? 2 : 0;
    bool ok = optargs_choice(kv, "reboot", reboots, &reboot, errp) &&
              optargs_choice(kv, "shutdown", shutdowns, &shutdown, errp) &&
              optargs_choice(kv, "panic", panics, &panic, errp) &&
              optargs_choice(kv, "watchdog", watchdogs, &watchdog, errp) && keyval_finish(kv, "-action", known, errp);
    if (ok) {
        *a = (RunstateActions){ .reboot_is_shutdown = reboot == 1, .shutdown_is_pause = shutdown == 1,
                                .panic_is_pause = panic == 1, .panic_is_none = panic == 2 };
    }
    keyval_free(kv);
    return ok;
}

bool optargs_uuid(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;
    uint8_t uuid[16];
    const char *p = value;
    for (unsigned n = 0; n < 16; n++, p += 2) {
        if ((n == 4 || n == 6 || n == 8 || n == 10) && *p++ != '-') {
            break;
        }
        if (!g_ascii_isxdigit(p[0]) || !g_ascii_isxdigit(p[1])) {
            break;
        }
        uuid[n] = (uint8_t)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
    }
    if (p != value + 36 || *p) {
        error_set(errp, "a UUID looks like 550e8400-e29b-41d4-a716-446655440000");
        return false;
    }
    memcpy(o->cfg.uuid, uuid, sizeof(uuid));
    o->cfg.uuid_set = true;
    return true;
}

bool optargs_blockdev(void *opaque, const char *value, Error **errp)
{
    (void)errp;
    Options *o = opaque;
    g_ptr_array_add(o->blockdevs, g_strdup(value));
    return true;
}

bool optargs_object(void *opaque, const char *value, Error **errp)
{
    (void)errp;
    Options *o = opaque;
    g_ptr_array_add(o->objects, g_strdup(value));
    return true;
}

bool optargs_drive(Options *o, const char *text, Error **errp)
{
    KeyVal *kv = keyval_parse(text, NULL, errp);
    if (kv) {
        g_ptr_array_add(o->drives, kv);
    }
    return kv != NULL;
}

bool optargs_drive_file(Options *o, const char *interface, int index, bool cdrom, const char *file, Error **errp)
{
    (void)errp;
    char number[12];
    g_snprintf(number, sizeof(number), "%d", index);
    KeyVal *kv = keyval_new();
    keyval_set(kv, "file", file);
    keyval_set(kv, "if", interface);
    keyval_set(kv, "index", number);
    keyval_set(kv, "media", cdrom ? "cdrom" : "disk");
    g_ptr_array_add(o->drives, kv);
    return true;
}

/* Life of the Options. */

static void options_free_monitor(void *p)
{
    MonitorOption *m = p;
    g_free(m->chardev);
    g_free(m->spec);
    g_free(m);
}

static void options_free_keyval(void *p)
{
    keyval_free(p);
}

void options_init(Options *o)
{
    *o = (Options){ .default_devices = true };
    o->cfg = (MachineConfig){ .topo = { 1, 1, 1, 1, 1, 1 }, .boot_menu_timeout_ms = -1, .boot_reboot_timeout_ms = -1,
                              .default_devices = true, .graphics = true, .hpet = true, .acpi = true, .smm = true, .vmport = true,
                              .rtc_clock = CLOCK_KIND_HOST };
    o->accels = g_string_new(NULL);
    o->chardevs = g_ptr_array_new_with_free_func(g_free);
    o->serials = g_ptr_array_new_with_free_func(g_free);
    o->devices = g_ptr_array_new_with_free_func(g_free);
    o->monitors = g_ptr_array_new_with_free_func(options_free_monitor);
    o->drives = g_ptr_array_new_with_free_func(options_free_keyval);
    o->blockdevs = g_ptr_array_new_with_free_func(g_free);
    o->objects = g_ptr_array_new_with_free_func(g_free);
    o->numas = g_ptr_array_new_with_free_func(g_free);
    o->vncs = g_ptr_array_new_with_free_func(g_free);
    o->sdl = g_new0(SdlConfig, 1);
}

void options_free(Options *o)
{
    const char *const *strings[] = { &o->cfg.cpu_model, &o->cfg.kernel, &o->cfg.initrd, &o->cfg.append,
                                     &o->cfg.firmware, &o->cfg.vga, &o->cfg.name, &o->cfg.boot_order,
                                     &o->cfg.boot_once };
    for (unsigned i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_free((char *)*strings[i]);
    }
    char *const own[] = { o->machine, o->keymap, o->display, (char *)o->sdl, o->memory_backend, o->irqchip, o->pidfile, o->debugcon,
                          o->qtest, o->qtest_log, o->log_items,
                          o->log_file, o->topic };
    for (unsigned i = 0; i < G_N_ELEMENTS(own); i++) {
        g_free(own[i]);
    }
    GPtrArray *const lists[] = { o->chardevs, o->serials, o->devices, o->monitors, o->drives, o->blockdevs, o->objects, o->vncs,
                                 o->cfg.smbios_args,
                                 o->cfg.acpitable_args, o->cfg.fw_cfg_args };
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (lists[i]) {
            g_ptr_array_unref(lists[i]);
        }
    }
    g_string_free(o->accels, TRUE);
    optmem_free(o);
}
