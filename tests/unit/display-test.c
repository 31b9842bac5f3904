/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What travels from a card to a display: after a change the smallest rectangle around it, after none nothing at all.  A whole pc in
 * this process, without a CPU; memory is written as a CPU would.
 */
#include "util/osdep.h"
#include "accel/accel.h"
#include "hw/pci/pci.h"
#include "system/device.h"
#include "system/machine.h"
#include "tests/unit/test.h"
#include "ui/console.h"
#include "util/bytes.h"
#include "util/mainloop.h"
#include "util/timer.h"

enum { MEMORY = 0xe0000000u, REGISTERS = 0xe8000000u };

typedef struct Seen {
    DisplayListener l;
    unsigned count;
    int x, y, w, h; /* the last rectangle */
} Seen;

static Machine *m;
static Seen seen;

static void updated(DisplayListener *l, int x, int y, int w, int h)
{
    (void)l;
    seen.count++;
    seen.x = x;
    seen.y = y;
    seen.w = w;
    seen.h = h;
}

static const DisplayListenerOps ops = { .updated = updated };

static void out(uint16_t port, unsigned size, uint32_t val)
{
    address_space_store(&m->as_io, port, size, val);
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
    machine_reset(m);
    out(0xcf8, 4, 0x80001010);
    out(0xcfc, 4, MEMORY);
    out(0xcf8, 4, 0x80001014 + (strcmp(vga, "cirrus") ? 4 : 0));
    out(0xcfc, 4, REGISTERS);
    out(0xcf8, 4, 0x80001004);
    out(0xcfc, 4, 3);
    out(0x3c2, 1, 0xe3);
    address_space_load(&m->as_io, 0x3da, 1, &(uint64_t){ 0 });
    out(0x3c0, 1, 0x20);
    memset(&seen, 0, sizeof(seen));
    seen.l.ops = &ops;
    display_listener_add(&seen.l, console_default());
}

static void done(void)
{
    display_listener_remove(&seen.l);
    machine_free(m);
    m = NULL;
}

static unsigned refresh(void)
{
    seen.count = 0;
    console_refresh(console_default());
    return seen.count;
}

static void check_rect(int x, int y, int w, int h)
{
    if (refresh() != 1 || seen.x != x || seen.y != y || seen.w != w || seen.h != h) {
        TEST_FAIL("%u rectangles, the last %d x %d at %d, %d; not one of %d x %d at %d, %d", seen.count, seen.w, seen.h, seen.x, seen.y, w,
                  h, x, y);
    }
}

static void poke(uint64_t at, uint32_t val)
{
    address_space_store(&m->as_mem, at, 4, val);
}

static void vbe(uint16_t index, uint16_t val)
{
    out(0x1ce, 2, index);
    out(0x1cf, 2, val);
}

static void vbe_mode(uint16_t width, uint16_t height, uint16_t bits)
{
    vbe(4, 0);
    vbe(1, width);
    vbe(2, height);
    vbe(3, bits);
    vbe(4, 0x41);
}

TEST(linear_modes)
{
    setup("std");
    vbe_mode(1024, 768, 32);
    CHECK(refresh() > 0);
    CHECK_EQ(refresh(), 0);
    poke(MEMORY + (100 * 1024 + 200) * 4, 0xffffff);
    check_rect(200, 100, 1, 1);
    CHECK_EQ(refresh(), 0);
    poke(MEMORY + (100 * 1024 + 200) * 4, 0xffffff); /* written, but the same */
    CHECK_EQ(refresh(), 0);
    for (int y = 5; y < 15; y++) {
        poke(MEMORY + ((unsigned)y * 1024 + 10 + (unsigned)y) * 4, 0x123456);
    }
    check_rect(15, 5, 10, 10);
    poke(MEMORY, 1); /* far apart: two */
    poke(MEMORY + 1024 * 768 * 4 - 4, 1);
    CHECK_EQ(refresh(), 2);
    CHECK_EQ(seen.x * 1000 + seen.y, 1023 * 1000 + 767);
    vbe(9, 1); /* panning moves everything */
    CHECK(refresh() > 0);
    vbe_mode(640, 480, 8);
    refresh();
    poke(MEMORY + 640 * 479 + 4, 0x00000001);
    CHECK_EQ(refresh(), 0); /* all colours are black yet */
    out(0x3c8, 1, 1); /* a colour that one pixel has */
    out(0x3c9, 1, 63);
    out(0x3c9, 1, 0);
    out(0x3c9, 1, 0);
    check_rect(4, 479, 1, 1);
    CHECK_EQ(refresh(), 0);
    done();
}

static void planes(bool text)
{
    static const uint8_t crtc[25] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x20, 0x0e, 0x00,
                                      0x00, 0x00, 0x00, 0x9c, 0x0e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };

    out(0x3c4, 2, 0x0101);
    out(0x3c4, 2, text ? 0x0302 : 0x0f02);
    out(0x3c4, 2, text ? 0x0204 : 0x0604);
    out(0x3ce, 2, text ? 0x1005 : 0x0005);
    out(0x3ce, 2, text ? 0x0e06 : 0x0506);
    out(0x3ce, 2, 0xff08);
    out(0x3d4, 2, 0x0011);
    for (unsigned k = 0; k < 25; k++) {
        uint8_t val = text ? crtc[k] : k == 9 ? 0x40 : k == 0x17 ? 0xe3 : crtc[k];

        out(0x3d4, 2, k | (uint32_t)val << 8);
    }
    address_space_load(&m->as_io, 0x3da, 1, &(uint64_t){ 0 });
    for (unsigned k = 0; k < 20; k++) {
        out(0x3c0, 1, k);
        out(0x3c0, 1, k == 16 ? 0x04 : k == 18 ? 15 : k == 19 ? 0 : k);
    }
    out(0x3c0, 1, 0x20);
    out(0x3c8, 1, 0);
    for (unsigned k = 0; k < 48; k++) {
        out(0x3c9, 1, k);
    }
}

TEST(text)
{
    setup("std");
    planes(true);
    CHECK(refresh() > 0);
    CHECK_EQ(refresh(), 0);
    address_space_store(&m->as_mem, 0xb8000 + (3 * 80 + 7) * 2 + 1, 1, 0x50); /* a character's background */
    check_rect(56, 48, 8, 16);
    CHECK_EQ(refresh(), 0);
    out(0x3d4, 2, 0x0e0a); /* the cursor: lines 14 and 15 of the first character, whose colours are one: nothing */
    out(0x3d4, 2, 0x0f0b);
    CHECK_EQ(refresh(), 0);
    address_space_store(&m->as_mem, 0xb8001, 1, 0x07);
    check_rect(0, 14, 8, 2);
    done();
}

TEST(planar_graphics)
{
    setup("std");
    planes(false);
    CHECK(refresh() > 0);
    CHECK_EQ(refresh(), 0);
    address_space_store(&m->as_mem, 0xa0000 + 80 * 10 + 2, 1, 0x18);
    check_rect(19, 10, 2, 1);
    CHECK_EQ(refresh(), 0);
    done();
}

/* A BLT dirties what it writes; a cursor's move is two rectangles at most, and nothing but that. */
TEST(cirrus)
{
    setup("cirrus");
    planes(false);
    out(0x3d4, 2, 0x5013);
    out(0x3c4, 2, 0x0107);
    CHECK(refresh() > 0);
    CHECK_EQ(refresh(), 0);
    uint64_t r = REGISTERS + 0x100;
    poke(r + 0x04, 0x05);                    /* foreground */
    poke(r + 0x08, 29 | 9 << 16);            /* 30 x 10 */
    poke(r + 0x0c, 640);
    poke(r + 0x10, 640 * 20 + 50);
    poke(r + 0x18, 0x040d00c0);              /* solid fill, source */
    address_space_store(&m->as_mem, r + 0x40, 1, 2);
    check_rect(50, 20, 30, 10);
    CHECK_EQ(refresh(), 0);
    for (unsigned k = 0; k < 256; k += 4) {
        poke(MEMORY + 0x3fc000 + k, 0xffffffff);
    }
    out(0x3c4, 2, 0x0112);
    out(0x3c4, 2, 0x0a10); /* at 80, 0 */
    check_rect(80, 0, 32, 32);
    for (unsigned k = 0; k < 128; k += 4) {
        poke(MEMORY + 0x3fc080 + k, 0); /* second plane: every dot inverts */
    }
    check_rect(80, 0, 32, 32);
    CHECK_EQ(refresh(), 0);
    out(0x3c4, 2, 0x0b10); /* 8 to the right */
    check_rect(80, 0, 40, 32);
    CHECK_EQ(refresh(), 0);
    done();
}
