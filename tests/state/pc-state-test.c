/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved state of every device of a running board `pc`.  For each device: after random port and configuration traffic,
 * save -> load -> save is byte-equal; after random damage to the saved bytes a load fails or gives a state that is
 * again saved and loaded byte-equal.  Nothing may crash, whatever the bytes are.
 */
#include "util/osdep.h"
#include "accel/accel.h"
#include "hw/i386/pc.h"
#include "util/mainloop.h"
#include "util/timer.h"

#include "tests/unit/test.h"

enum { ROUNDS_TRAFFIC = 100000, ROUNDS_DAMAGE = 3000 };

static Machine *m;
static uint64_t seed;

static uint32_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

static void setup(void)
{
    static bool once;
    seed = 0x123456789abcdef1ull;
    if (!once) {
        once = true;
        mainloop_init();
        bql_lock();
        CHECK(accel_choose("qtest", NULL));
    }
    if (!m) {
        Error *err = NULL;
        MachineConfig cfg = { .ram_size = 32 * MiB, .topo = { 1, 1, 1, 1, 1, 1 }, .vga = "std", .hpet = true, .acpi = true,
                              .smm = true, .boot_menu_timeout_ms = -1, .boot_reboot_timeout_ms = -1, .rtc_clock = CLOCK_KIND_HOST,
                              .has_floppy_drive = { true, false } };
        m = machine_new(machine_class_find("pc", NULL), &cfg, &err);
        if (!m) {
            TEST_FAIL("%s", error_message(err));
        }
        Device *counter = device_new(device_class_find("pci-testdev"));
        if (!device_realize(counter, bus_find(&m->root, BUS_PCI, NULL), &err)) {
            TEST_FAIL("%s", error_message(err));
        }
    }
    machine_reset(m);
}

/* Ports at which chips listen; the reset ports and the debug ports stay out. */
static uint16_t random_port(void)
{
    static const uint16_t ranges[][2] = {
        { 0x00, 0x0f }, { 0x20, 0x21 }, { 0x40, 0x43 }, { 0x60, 0x61 }, { 0x70, 0x73 }, { 0x80, 0x8f }, { 0xa0, 0xa1 },
        { 0xb2, 0xb3 }, { 0xc0, 0xdf }, { 0x170, 0x177 }, { 0x1f0, 0x1f7 }, { 0x376, 0x376 }, { 0x3b0, 0x3df }, { 0x3f0, 0x3f7 },
        { 0x4d0, 0x4d1 }, { 0x510, 0x511 }, { 0x600, 0x60f }, { 0xafe0, 0xafe3 }, { 0xb100, 0xb107 },
    };
    const uint16_t *r = ranges[rnd() % G_N_ELEMENTS(ranges)];
    return (uint16_t)(r[0] + rnd() % (r[1] - r[0] + 1u));
}

static void traffic(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t val;
        unsigned size = 1u << (rnd() % 3);
        switch (rnd() % 8) {
        case 0:
            address_space_store(&m->as_io, 0xcf8, 4, 0x80000000u | (rnd() & 0x1ffc));
            address_space_store(&m->as_io, 0xcfc + rnd() % 4, 1, rnd());
            break;
        case 1:
            address_space_store(&m->as_mem, 0xfec00000 + (rnd() & 0x10), 4, rnd());
            break;
        case 2:
            address_space_store(&m->as_mem, 0xfed00000 + (rnd() & 0x1fc), 4, rnd());
            break;
        case 3:
            address_space_load(&m->as_io, random_port(), size, &val);
            break;
        default:
            address_space_store(&m->as_io, random_port(), size, rnd());
            break;
        }
    }
}

static GByteArray *save(Device *d)
{
    GByteArray *a = g_byte_array_new();
    vmstate_save(d->cls->state, d, a);
    return a;
}

static bool load(Device *d, const GByteArray *a, Error **errp)
{
    const uint8_t *p = a->data;
    size_t len = a->len;
    return vmstate_load(d->cls->state, d, &p, &len, errp);
}

static void expect_same(Device *d, const GByteArray *a, const GByteArray *b, const char *when)
{
    if (a->len != b->len || memcmp(a->data, b->data, a->len)) {
        guint i = 0;
        while (i < MIN(a->len, b->len) && a->data[i] == b->data[i]) {
            i++;
        }
        TEST_FAIL("%s: %s: saved state differs at byte %u of %u", d->cls->name, when, i, a->len);
    }
}

static void load_and_compare(Device *d, const GByteArray *saved, const char *when)
{
    Error *err = NULL;
    if (!load(d, saved, &err)) {
        TEST_FAIL("%s: %s: its own state does not load: %s", d->cls->name, when, error_message(err));
    }
    GByteArray *again = save(d);
    expect_same(d, saved, again, when);
    g_byte_array_unref(again);
}

static unsigned devices;

static bool visit_round_trip(void *opaque, Device *d, int depth)
{
    (void)opaque;
    (void)depth;
    if (d->cls->state) {
        devices++;
        GByteArray *saved = save(d);
        load_and_compare(d, saved, "as it is");
        device_reset(d);
        load_and_compare(d, saved, "after a reset");
        g_byte_array_unref(saved);
    }
    return true;
}

TEST(after_reset)
{
    setup();
    devices = 0;
    bus_each_device(&m->root, visit_round_trip, NULL);
    CHECK(devices >= 12);
}

TEST(after_random_traffic)
{
    for (unsigned round = 0; round < 8; round++) {
        setup();
        seed += round * 7919;
        traffic(ROUNDS_TRAFFIC);
        bus_each_device(&m->root, visit_round_trip, NULL);
    }
}

static bool visit_damage(void *opaque, Device *d, int depth)
{
    (void)opaque;
    (void)depth;
    if (!d->cls->state) {
        return true;
    }
    GByteArray *good = save(d);
    for (unsigned i = 0; i < ROUNDS_DAMAGE; i++) {
        GByteArray *bad = g_byte_array_new();
        g_byte_array_append(bad, good->data, good->len);
        unsigned many = i % 4 == 3 ? bad->len / 4 + 1 : 1 + rnd() % 4;
        for (unsigned j = 0; j < many && bad->len; j++) {
            bad->data[rnd() % bad->len] = (uint8_t)rnd();
        }
        if (i % 16 == 15) {
            g_byte_array_set_size(bad, bad->len ? rnd() % bad->len : 0);
        }
        Error *err = NULL;
        if (load(d, bad, &err)) {
            GByteArray *taken = save(d);
            load_and_compare(d, taken, "after damage that was taken");
            g_byte_array_unref(taken);
        } else {
            CHECK(err);
            error_free(err);
            device_reset(d); /* what refuses a state need not be usable before its reset */
        }
        traffic(4);
        g_byte_array_unref(bad);
    }
    device_reset(d);
    load_and_compare(d, good, "after damage");
    g_byte_array_unref(good);
    return true;
}

TEST(damaged)
{
    setup();
    bus_each_device(&m->root, visit_damage, NULL);
}

TEST(whole_tree)
{
    setup();
    traffic(ROUNDS_TRAFFIC);
    for (guint i = 0; i < m->root.devices->len; i++) {
        GByteArray *a = g_byte_array_new(), *b = g_byte_array_new();
        const uint8_t *p;
        size_t len;
        Error *err = NULL;
        device_save(m->root.devices->pdata[i], a);
        p = a->data;
        len = a->len;
        if (!device_load(m->root.devices->pdata[i], &p, &len, &err)) {
            TEST_FAIL("%s", error_message(err));
        }
        CHECK_EQ(len, 0);
        device_save(m->root.devices->pdata[i], b);
        expect_same(m->root.devices->pdata[i], a, b, "with all below it");
        g_byte_array_unref(a);
        g_byte_array_unref(b);
    }
}

TEST(the_machine_ends)
{
    setup();
    machine_free(m);
    m = NULL;
    setup(); /* and can be built again */
    CHECK(m);
}
