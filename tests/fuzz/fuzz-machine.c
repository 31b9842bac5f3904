/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See fuzz-machine.h. */
#include "util/osdep.h"
#include "tests/fuzz/fuzz-machine.h"
#include "accel/accel.h"
#include "block/drive.h"
#include "util/bytes.h"
#include "util/keyval.h"
#include "util/mainloop.h"
#include "util/timer.h"
#include <fcntl.h>

#define FUZZ_RAM (16 * MiB)

void fuzz_seed(FuzzRng *r, uint64_t seed)
{
    r->state = seed * 0x9e3779b97f4a7c15u + 0x1234567;
}

uint64_t fuzz_next(FuzzRng *r) /* splitmix64 */
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t fuzz_below(FuzzRng *r, uint64_t n)
{
    return fuzz_next(r) % n;
}

uint64_t fuzz_value(FuzzRng *r)
{
    switch (fuzz_below(r, 8)) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return (uint64_t)1 << fuzz_below(r, 64);
    case 3: return fuzz_below(r, 16);
    case 4: return 0x1000 * (1 + fuzz_below(r, 15));
    case 5: return fuzz_below(r, FUZZ_RAM);
    default: return fuzz_next(r);
    }
}

uint64_t fuzz_env(const char *name, uint64_t def)
{
    const char *text = getenv(name);

    return text ? g_ascii_strtoull(text, NULL, 0) : def;
}

/* A drive on an unlinked temporary file. */
static Blk *fuzz_drive(const char *interface, unsigned index, bool cdrom, uint64_t size)
{
    char path[] = "/tmp/rhea-fuzz-XXXXXX";
    int fd = mkstemp(path);
    Error *err = NULL;

    if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
        g_error("cannot make a scratch image in /tmp");
    }
    char *spec = g_strdup_printf("file=%s,format=raw,if=%s,index=%u%s", path, interface, index, cdrom ? ",media=cdrom" : "");
    KeyVal *kv = keyval_parse(spec, NULL, &err);
    Drive *d = kv ? drive_open(kv, false, &err) : NULL;

    if (!d) {
        g_error("cannot open a scratch image: %s", error_message(err));
    }
    keyval_free(kv);
    g_free(spec);
    close(fd);
    unlink(path);
    return d->blk;
}

Machine *fuzz_machine_new_vga(bool drives, const char *vga)
{
    static bool once;
    Error *err = NULL;
    MachineConfig cfg = {
        .ram_size = FUZZ_RAM,
        .topo = { .sockets = 2, .dies = 1, .cores = 1, .threads = 1, .cpus = 2, .max_cpus = 2 },
        .boot_order = "cad", .boot_menu_timeout_ms = -1, .boot_reboot_timeout_ms = -1,
        .default_devices = true, .graphics = true, .hpet = true, .acpi = true, .smm = true, .vga = vga,
        .rtc_clock = CLOCK_KIND_VIRTUAL, .name = "fuzz",
        .has_floppy_drive = { true, true },
    };

    if (!once) {
        once = true;
        mainloop_init();
        bql_lock();
        clock_virtual_manual();
        if (!accel_choose("qtest", &err)) {
            g_error("%s", error_message(err));
        }
    }
    for (unsigned i = 0; drives && i < MAX_IDE_DRIVES; i++) {
        cfg.ide_cdrom[i] = i >= 2;
        cfg.ide[i] = fuzz_drive("ide", i, i >= 2, (4 + i) * MiB);
    }
    for (unsigned i = 0; drives && i < MAX_FLOPPIES; i++) {
        cfg.floppy[i] = fuzz_drive("floppy", i, false, 1440 * KiB);
    }
    const MachineClass *cls = machine_class_find("pc", &err);
    Machine *m = cls ? machine_new(cls, &cfg, &err) : NULL;

    if (!m) {
        g_error("cannot make a pc: %s (%s)", error_message(err), error_hint(err) ? error_hint(err) : "");
    }
    machine_reset(m);
    return m;
}

Machine *fuzz_machine_new(bool drives)
{
    return fuzz_machine_new_vga(drives, "std");
}

void fuzz_machine_free(Machine *m)
{
    blk_drain_all();
    machine_free(m);
    vcpus_free();
    drive_close_all();
}

typedef struct Gather {
    GArray *ranges;
    AddressSpace *as;
} Gather;

static void gather_range(void *opaque, const FlatRangeInfo *r)
{
    Gather *g = opaque;

    if (r->region->kind == MEM_IO || r->region->kind == MEM_ROM_DEVICE) {
        FuzzRange f = { .as = g->as, .addr = r->addr, .size = r->size };

        g_strlcpy(f.name, r->region->name, sizeof(f.name));
        g_array_append_val(g->ranges, f);
    }
}

GArray *fuzz_ranges(Machine *m)
{
    Gather g = { .ranges = g_array_new(FALSE, FALSE, sizeof(FuzzRange)), .as = &m->as_io };

    address_space_each_range(&m->as_io, gather_range, &g);
    g.as = &m->as_mem;
    address_space_each_range(&m->as_mem, gather_range, &g);
    return g.ranges;
}

void fuzz_run_for(int64_t ns)
{
    int64_t end = clock_ns(CLOCK_KIND_VIRTUAL) + ns;

    for (unsigned turns = 0; turns < 64; turns++) {
        int64_t next = timers_next_expiry(CLOCK_KIND_VIRTUAL);

        clock_virtual_set(next >= 0 && next < end ? MAX(next, clock_ns(CLOCK_KIND_VIRTUAL)) : end);
        mainloop_iterate(true);
        if (next < 0 || next >= end) {
            break;
        }
    }
}

void fuzz_access(FuzzRng *rng, const FuzzRange *r)
{
    unsigned size = 1u << fuzz_below(rng, r->as->root->size > 0x10000 ? 4 : 3);
    uint64_t off = fuzz_below(rng, 4) ? fuzz_below(rng, MIN(r->size, 64)) : fuzz_below(rng, r->size), val;

    if (fuzz_below(rng, 3) == 0) {
        address_space_load(r->as, r->addr + off, size, &val);
    } else {
        address_space_store(r->as, r->addr + off, size, fuzz_value(rng));
    }
}

void fuzz_pci_config(FuzzRng *rng, Machine *m)
{
    uint32_t devfn = (uint32_t)(fuzz_below(rng, 3) << 3 | fuzz_below(rng, 4));
    uint32_t reg = (uint32_t)fuzz_below(rng, 64) * 4;

    /* mostly what firmware does: enable decoding, place BARs */
    if (fuzz_below(rng, 2)) {
        reg = fuzz_below(rng, 2) ? 4 : 0x10 + 4 * (uint32_t)fuzz_below(rng, 6);
    }
    address_space_store(&m->as_io, 0xcf8, 4, 0x80000000u | devfn << 8 | reg);
    address_space_store(&m->as_io, 0xcfc, 4, reg == 4 && fuzz_below(rng, 4) ? 7 : fuzz_value(rng));
}

void fuzz_ram(FuzzRng *rng, Machine *m)
{
    uint8_t *ram = mem_ram_ptr(&m->ram);

    for (unsigned k = 0; k < 256; k++) {
        st_le64(ram + 0x1000 + fuzz_below(rng, 0xf000), fuzz_value(rng));
    }
}
