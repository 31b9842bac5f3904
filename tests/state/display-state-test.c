/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved state of the display cards that a plain board does not have: after random registers, save -> load -> save is byte-equal;
 * a damaged state loads or is refused, and what was taken can be drawn.
 */
#include "util/osdep.h"
#include "accel/accel.h"
#include "system/device.h"
#include "system/machine.h"
#include "tests/unit/test.h"
#include "ui/console.h"
#include "util/mainloop.h"
#include "util/timer.h"

enum { ROUNDS = 12, TRAFFIC = 4000, DAMAGE = 400 };

static uint64_t seed = 0x2545f4914f6cdd1d;
static Machine *m;

static uint32_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

static void add(const char *name)
{
    Error *err = NULL;
    Device *d = device_new(device_class_find(name));

    if (!device_realize(d, bus_find(&m->root, d->cls->bus, NULL), &err)) {
        TEST_FAIL("%s: %s", name, error_message(err));
    }
}

static void setup(const char *vga)
{
    static bool once;
    Error *err = NULL;
    MachineConfig cfg = { .ram_size = 32 * MiB, .topo = { 1, 1, 1, 1, 1, 1 }, .vga = vga, .boot_menu_timeout_ms = -1,
                          .boot_reboot_timeout_ms = -1 };

    if (!once) {
        once = true;
        mainloop_init();
        bql_lock();
        clock_virtual_manual();
        CHECK(accel_choose("qtest", NULL));
    }
    m = machine_new(machine_class_find("pc", NULL), &cfg, &err);
    if (!m) {
        TEST_FAIL("%s", error_message(err));
    }
    add("secondary-vga");
    add("bochs-display");
    add("ramfb");
    machine_reset(m);
}

static void traffic(unsigned rounds)
{
    while (rounds--) {
        static const uint16_t indexed[] = { 0x3c4, 0x3ce, 0x3d4 };
        uint64_t val;

        switch (rnd() % 4) {
        case 0: address_space_store(&m->as_io, indexed[rnd() % 3], 2, rnd()); break;
        case 1: address_space_store(&m->as_io, 0x1ce + rnd() % 2, 2, rnd() % 2048); break;
        case 2: address_space_load(&m->as_io, 0x3b0 + rnd() % 0x30, 1, &val); break;
        default: address_space_store(&m->as_io, 0x3b0 + rnd() % 0x30, 1, rnd()); break;
        }
    }
}

static GByteArray *save(Device *d)
{
    GByteArray *a = g_byte_array_new();

    vmstate_save(d->cls->state, d, a);
    return a;
}

static bool load(Device *d, const GByteArray *a)
{
    const uint8_t *p = a->data;
    size_t len = a->len;
    Error *err = NULL;
    bool ok = vmstate_load(d->cls->state, d, &p, &len, &err);

    if (!ok) {
        CHECK(err);
        error_free(err);
    }
    return ok;
}

static void check_same(Device *d, const GByteArray *a, const char *when)
{
    GByteArray *b;

    if (!load(d, a)) {
        TEST_FAIL("%s: %s: its own state does not load", d->cls->name, when);
    }
    b = save(d);
    if (a->len != b->len || memcmp(a->data, b->data, a->len)) {
        TEST_FAIL("%s: %s: saved state differs", d->cls->name, when);
    }
    g_byte_array_unref(b);
}

static void draw_all(void)
{
    for (int k = 0; k < console_count(); k++) {
        console_refresh(console_get(k));
    }
}

static bool is_display(const Device *d)
{
    return d->cls->category && !strcmp(d->cls->category, "Display");
}

static bool visit(void *opaque, Device *d, int depth)
{
    (void)depth;
    if (!is_display(d)) {
        return true;
    }
    ++*(unsigned *)opaque;
    GByteArray *a = save(d);
    check_same(d, a, "after traffic");
    device_reset(d);
    check_same(d, a, "after a reset");
    for (unsigned k = 0; k < DAMAGE; k++) {
        GByteArray *bad = g_byte_array_new();

        g_byte_array_append(bad, a->data, a->len);
        for (unsigned n = rnd() % 4 + 1; n; n--) {
            bad->data[rnd() % bad->len] = (uint8_t)rnd();
        }
        if (load(d, bad)) {
            GByteArray *taken = save(d);

            check_same(d, taken, "after damage that was taken");
            if (k % 64 == 0) {
                draw_all();
            }
            traffic(2);
            g_byte_array_unref(taken);
        } else {
            device_reset(d);
        }
        g_byte_array_unref(bad);
    }
    g_byte_array_unref(a);
    device_reset(d);
    return true;
}

static void round_trips(const char *vga)
{
    unsigned seen = 0;

    setup(vga);
    for (unsigned k = 0; k < ROUNDS; k++) {
        traffic(TRAFFIC);
        bus_each_device(&m->root, visit, &seen);
        draw_all();
    }
    CHECK_EQ(seen, ROUNDS * 4);
    machine_free(m);
}

TEST(std)
{
    round_trips("std");
}

TEST(cirrus)
{
    round_trips("cirrus");
}
