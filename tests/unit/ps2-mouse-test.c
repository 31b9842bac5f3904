/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PS/2 mouse: reports of movement, buttons and wheel, far and fast, scaled, remote. */
#include "util/osdep.h"
#include "hw/input/ps2.h"

#include "tests/unit/test.h"

static Ps2Mouse mouse;
static unsigned told;

static void ready(void *opaque)
{
    (void)opaque;
    told++;
}

static void command(uint8_t c)
{
    ps2_mouse_write(&mouse, c);
    CHECK_EQ(ps2_mouse_pop(&mouse), 0xfa);
}

static void setup(unsigned id)
{
    static const uint8_t knock[] = { 200, 100, 80, 200, 200, 80 };
    if (!mouse.handler) {
        ps2_mouse_init(&mouse, ready, NULL);
    }
    ps2_mouse_reset(&mouse);
    for (unsigned i = 0; i < (id == 4 ? 6u : id == 3 ? 3u : 0u); i++) {
        command(0xf3);
        command(knock[i]);
    }
    CHECK_EQ(mouse.id, id);
    command(0xf4);
}

static void expect(const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        CHECK(ps2_pending(&mouse.q));
        CHECK_EQ(ps2_mouse_pop(&mouse), bytes[i]);
    }
}
#define EXPECT(...) expect((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

TEST(standard)
{
    setup(0);
    input_pointer_rel(5, 3, 0, 0);
    EXPECT(0x28, 5, 0xfd); /* up is positive on the wire */
    input_pointer_rel(-1, -1, 0, INPUT_BTN_LEFT | INPUT_BTN_MIDDLE);
    EXPECT(0x1d, 0xff, 1);
    input_pointer_rel(0, 0, 0, 0);
    EXPECT(0x08, 0, 0);
    input_pointer_rel(0, 0, 0, 0); /* nothing new */
    CHECK(!ps2_pending(&mouse.q));
    CHECK(told > 0);
}

TEST(wheel_and_five_buttons)
{
    setup(3);
    input_pointer_rel(0, 0, 1, 0);
    EXPECT(0x08, 0, 0, 1);
    input_pointer_rel(0, 0, -2, 0);
    EXPECT(0x08, 0, 0, 0xfe);
    setup(4);
    input_pointer_rel(0, 0, -1, INPUT_BTN_SIDE | INPUT_BTN_RIGHT);
    EXPECT(0x0a, 0, 0, 0x1f);
    input_pointer_rel(0, 0, 10, INPUT_BTN_EXTRA); /* seven, then the rest */
    EXPECT(0x08, 0, 0, 0x27, 0x08, 0, 0, 0x23);
}

TEST(far)
{
    setup(0);
    input_pointer_rel(300, -600, 0, 0);
    EXPECT(0x08, 255, 255, 0x08, 45, 255, 0x08, 0, 90);
    CHECK(!ps2_pending(&mouse.q));
}

/* More than the queue holds: gathered, and sent as there is room. */
TEST(fast)
{
    setup(0);
    int dx = 0;
    for (int i = 0; i < 1000; i++) {
        input_pointer_rel(1, 0, 0, 0);
    }
    while (ps2_pending(&mouse.q)) {
        CHECK_EQ(ps2_mouse_pop(&mouse), 0x08);
        dx += ps2_mouse_pop(&mouse);
        ps2_mouse_pop(&mouse);
    }
    CHECK_EQ(dx, 1000);
    input_pointer_rel(INT_MAX, INT_MIN, INT_MAX, UINT_MAX); /* clamped, nothing overflows */
    input_pointer_rel(INT_MAX, INT_MIN, INT_MAX, 0);
    CHECK(mouse.dx <= 32767 && mouse.dy <= 32767);
}

TEST(scaled_and_remote)
{
    setup(0);
    command(0xe7);
    input_pointer_rel(4, 10, 0, 0);
    EXPECT(0x28, 6, 0xec);
    command(0xf0);
    input_pointer_rel(4, 0, 0, 0);
    CHECK(!ps2_pending(&mouse.q));
    command(0xeb);
    EXPECT(0x08, 4, 0); /* unscaled on request */
    command(0xea);
    command(0xf5);
    input_pointer_rel(4, 0, 0, 0);
    CHECK(!ps2_pending(&mouse.q));
}
