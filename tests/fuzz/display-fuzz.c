/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Display cards under random registers, video memory and BLTs, with a display that looks at every pixel it is told of.  Runs under
 * ASan and UBSan.  The traffic is plausible enough that modes come on and BLTs run: whole modes are set, then damaged.
 */
#include "util/osdep.h"
#include "tests/fuzz/fuzz-machine.h"
#include "tests/unit/test.h"
#include "hw/pci/pci.h"
#include "system/device.h"
#include "ui/console.h"

enum { BAR_MEM = 0xe0000000u, BAR_STEP = 0x4000000u, MAX_CARDS = 4 };

typedef struct Watcher {
    DisplayListener l;
    Surface *surface;
    uint32_t sum;
    bool bad;
} Watcher;

static void watcher_resized(DisplayListener *l, Surface *s)
{
    container_of(l, Watcher, l)->surface = s;
}

static void watcher_updated(DisplayListener *l, int x, int y, int w, int h)
{
    Watcher *v = container_of(l, Watcher, l);

    if (!v->surface || x < 0 || y < 0 || w < 1 || h < 1 || x + w > v->surface->width || y + h > v->surface->height) {
        v->bad = true;
        return;
    }
    for (int r = y; r < y + h; r++) {
        const uint32_t *line = (const uint32_t *)(const void *)(v->surface->data + (size_t)r * (size_t)v->surface->stride);

        for (int c = x; c < x + w; c++) {
            v->sum = v->sum * 31 + line[c];
        }
    }
}

static const DisplayListenerOps watcher_ops = { .resized = watcher_resized, .updated = watcher_updated };

typedef struct Bench {
    FuzzRng rng;
    Machine *m;
    uint64_t bars[MAX_CARDS * 2]; /* addresses of memory and of registers, a pair a card */
    unsigned cards;
    Watcher watchers[MAX_CARDS];
} Bench;

static void poke(Bench *b, AddressSpace *as, uint64_t at, unsigned size, uint64_t val)
{
    (void)b;
    address_space_store(as, at, size, val);
}

static void out(Bench *b, uint16_t port, unsigned size, uint32_t val)
{
    poke(b, &b->m->as_io, port, size, val);
}

static void config(Bench *b, unsigned devfn, unsigned at, uint32_t val)
{
    out(b, 0xcf8, 4, 0x80000000u | devfn << 8 | at);
    out(b, 0xcfc, 4, val);
}

/* BARs to known places, again, for the traffic moves them. */
static void map_cards(Bench *b)
{
    for (unsigned k = 0; k < b->cards; k++) {
        unsigned devfn = PCI_DEVFN(2 + k + (k ? 2 : 0), 0);

        b->bars[k * 2] = BAR_MEM + k * 2 * BAR_STEP;
        b->bars[k * 2 + 1] = b->bars[k * 2] + BAR_STEP;
        config(b, devfn, 0x10, (uint32_t)b->bars[k * 2]);
        config(b, devfn, 0x14, (uint32_t)b->bars[k * 2 + 1]);
        config(b, devfn, 0x18, (uint32_t)b->bars[k * 2 + 1]);
        config(b, devfn, 0x04, 7);
    }
}

static void add_card(Bench *b, const char *name, unsigned slot)
{
    Error *err = NULL;
    Device *d = device_new(device_class_find(name));
    char addr[8];

    snprintf(addr, sizeof(addr), "%x.0", slot);
    bool ok = d->cls->bus != BUS_PCI || (device_set_prop(d, "addr", addr, &err) && device_set_prop(d, "romfile", "", &err));

    if (!ok || !device_realize(d, bus_find(&b->m->root, d->cls->bus, NULL), &err)) {
        TEST_FAIL("%s: %s", name, error_message(err));
    }
}

static uint8_t byte(Bench *b)
{
    return (uint8_t)fuzz_value(&b->rng);
}

static void random_index(Bench *b, uint16_t port, unsigned count)
{
    out(b, port, 2, (uint32_t)(fuzz_below(&b->rng, count) | fuzz_next(&b->rng) << 8));
}

static void random_vga(Bench *b)
{
    switch (fuzz_below(&b->rng, 8)) {
    case 0: random_index(b, 0x3c4, 0x20); break;
    case 1: random_index(b, 0x3ce, 0x40); break;
    case 2: random_index(b, fuzz_below(&b->rng, 2) ? 0x3d4 : 0x3b4, 0x40); break;
    case 3: out(b, 0x3c0, 1, byte(b)); break;
    case 4: out(b, 0x1ce, 2, (uint32_t)fuzz_below(&b->rng, 12)); out(b, 0x1cf, 2, (uint32_t)fuzz_value(&b->rng)); break;
    default: out(b, (uint16_t)(0x3b0 + fuzz_below(&b->rng, 0x30)), 1, byte(b)); break;
    }
}

/* A linear mode of a Cirrus or by VBE, of a size that is quick to draw, and lit. */
static void random_mode(Bench *b)
{
    static const uint8_t depths[] = { 4, 8, 15, 16, 24, 32 };
    uint8_t modes[] = { 0x00, 0x01, 0x07, 0x05, 0x09, 0x03 };
    const struct { uint16_t index, val; } vbe[] = {
        { 4, 0 }, { 1, (uint16_t)fuzz_below(&b->rng, 1100) }, { 2, (uint16_t)fuzz_below(&b->rng, 800) },
        { 3, depths[fuzz_below(&b->rng, 6)] }, { 4, fuzz_below(&b->rng, 3) ? 0x41 : 0 },
        { 6, (uint16_t)fuzz_value(&b->rng) }, { 9, (uint16_t)fuzz_value(&b->rng) },
    };

    for (size_t k = 0; k < G_N_ELEMENTS(vbe); k++) {
        out(b, 0x1ce, 2, vbe[k].index);
        out(b, 0x1cf, 2, vbe[k].val);
        for (unsigned card = 0; card < b->cards; card++) {
            poke(b, &b->m->as_mem, b->bars[card * 2 + 1] + 0x500 + vbe[k].index * 2u, 2, vbe[k].val);
        }
    }
    out(b, 0x3c2, 1, 0xe3);
    out(b, 0x3c4, 2, (uint32_t)modes[fuzz_below(&b->rng, sizeof(modes))] << 8 | 0x07);
    out(b, 0x3ce, 2, (uint32_t)(fuzz_below(&b->rng, 16) << 8 | 0x06));
    out(b, 0x3d4, 2, 0x0011);
    for (unsigned k = 0; k < 0x1e; k++) {
        out(b, 0x3d4, 2, k | (k == 1 ? (uint32_t)fuzz_below(&b->rng, 100) : k == 0x11 ? 0 : byte(b)) << 8);
    }
    address_space_load(&b->m->as_io, 0x3da, 1, &(uint64_t){ 0 });
    out(b, 0x3c0, 1, 0x20);
}

/* A BLT by ports: all registers, plausible or not; then data for it. */
static void random_blt(Bench *b)
{
    uint64_t memory = b->bars[0];

    for (unsigned k = 0x20; k < 0x36; k++) {
        bool size = k == 0x21 || k == 0x23;

        out(b, 0x3ce, 2, k | (uint32_t)(size && fuzz_below(&b->rng, 4) ? fuzz_below(&b->rng, 2) : byte(b)) << 8);
    }
    out(b, 0x3ce, 2, 0x0031 | (uint32_t)(fuzz_below(&b->rng, 8) ? 0x02 : byte(b)) << 8);
    for (uint64_t n = fuzz_below(&b->rng, 200); n; n--) {
        static const uint32_t places[] = { 0, 0x1000000, 0x3fff00 };
        unsigned size = 1u << fuzz_below(&b->rng, 4);
        uint64_t at = memory + places[fuzz_below(&b->rng, 3)] + fuzz_below(&b->rng, 64) * size;

        if (fuzz_below(&b->rng, 4)) {
            poke(b, &b->m->as_mem, at, size, fuzz_next(&b->rng));
        } else {
            address_space_load(&b->m->as_mem, at, size, &(uint64_t){ 0 });
        }
    }
    if (fuzz_below(&b->rng, 2)) {
        out(b, 0x3ce, 2, 0x0431);
        out(b, 0x3ce, 2, 0x0031);
    }
}

static void random_memory(Bench *b)
{
    uint64_t base = b->bars[fuzz_below(&b->rng, b->cards * 2)], val;
    unsigned size = 1u << fuzz_below(&b->rng, 4);
    uint64_t at = fuzz_below(&b->rng, 3) ? base + fuzz_below(&b->rng, BAR_STEP) / (1u << fuzz_below(&b->rng, 20))
                                        : 0xa0000 + fuzz_below(&b->rng, 0x20000);

    if (fuzz_below(&b->rng, 2)) {
        poke(b, &b->m->as_mem, at & ~(uint64_t)(size - 1), size, fuzz_value(&b->rng));
    } else {
        address_space_load(&b->m->as_mem, at & ~(uint64_t)(size - 1), size, &val);
    }
}

/* "etc/ramfb" by fw_cfg's DMA, with a descriptor and contents in low RAM; its key is looked for among the first files. */
static void random_ramfb(Bench *b)
{
    uint8_t file[28], desc[16] = { 0 };
    static const char *const formats[] = { "XR24", "RG24", "RG16", "AB24", "XXXX" };

    for (size_t k = 0; k < sizeof(file); k++) {
        file[k] = fuzz_below(&b->rng, 4) ? 0 : byte(b);
    }
    file[4] = file[5] = file[6] = 0;
    for (int k = 0; k < 4; k++) {
        file[8 + k] = (uint8_t)formats[fuzz_below(&b->rng, 5)][3 - k];
    }
    file[16] = file[17] = file[20] = file[21] = 0;
    file[18] = (uint8_t)fuzz_below(&b->rng, 4);
    file[22] = (uint8_t)fuzz_below(&b->rng, 3);
    address_space_write(&b->m->as_mem, 0x8000, file, sizeof(file));
    desc[1] = (uint8_t)(0x20 + fuzz_below(&b->rng, 16));
    desc[3] = 0x18; /* select, write */
    desc[7] = sizeof(file);
    desc[14] = 0x80;
    address_space_write(&b->m->as_mem, 0x9000, desc, sizeof(desc));
    out(b, 0x514, 4, 0);
    out(b, 0x518, 4, __builtin_bswap32(0x9000));
}

static void episode(Bench *b, bool cirrus)
{
    map_cards(b);
    random_mode(b);
    for (int k = 0; k < 60; k++) {
        switch (fuzz_below(&b->rng, 16)) {
        case 0: random_mode(b); break;
        case 1: fuzz_run_for((int64_t)fuzz_below(&b->rng, 300 * NS_PER_MS)); break;
        case 2: random_ramfb(b); break;
        case 3: case 4:
            if (cirrus) {
                random_blt(b);
                break;
            } /* fall through */
        case 5: case 6: case 7: random_vga(b); break;
        default: random_memory(b); break;
        }
    }
    for (int k = 0; k < console_count(); k++) {
        ConsoleText text = { 0 };

        console_refresh(console_get(k));
        console_text(console_get(k), &text);
        console_text_clear(&text);
    }
    if (fuzz_below(&b->rng, 16) == 0) {
        machine_reset(b->m);
    }
}

static void run(const char *vga, const char *const *more, unsigned rounds)
{
    Bench *b = g_new0(Bench, 1);

    fuzz_seed(&b->rng, fuzz_env("FUZZ_SEED", 1));
    b->m = fuzz_machine_new_vga(false, vga);
    b->cards = 1;
    for (; *more; more++) {
        add_card(b, *more, 4 + b->cards - 1);
        b->cards += strcmp(*more, "ramfb") != 0;
    }
    for (int k = 0; k < console_count(); k++) {
        b->watchers[k].l.ops = &watcher_ops;
        display_listener_add(&b->watchers[k].l, console_get(k));
    }
    for (uint64_t r = fuzz_env("FUZZ_ROUNDS", rounds); r; r--) {
        episode(b, !strcmp(vga, "cirrus"));
    }
    for (int k = 0; k < console_count(); k++) {
        CHECK(!b->watchers[k].bad);
        display_listener_remove(&b->watchers[k].l);
    }
    fuzz_machine_free(b->m);
    g_free(b);
}

TEST(std_and_its_kin)
{
    run("std", (const char *const[]){ "secondary-vga", "bochs-display", "ramfb", NULL }, 150);
}

TEST(cirrus)
{
    run("cirrus", (const char *const[]){ NULL }, 400);
}
