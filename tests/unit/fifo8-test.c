/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The byte queue against a plain model. */
#include "util/osdep.h"
#include "util/fifo8.h"

#include "tests/unit/test.h"

TEST(order_and_limits)
{
    Fifo8 f = { 0 };
    uint8_t b = 0x55;
    fifo8_destroy(&f);
    fifo8_init(&f, 3);
    CHECK(fifo8_empty(&f) && !fifo8_pop(&f, &b) && !fifo8_peek(&f, &b));
    CHECK_EQ(b, 0x55);
    CHECK(fifo8_push(&f, 1) && fifo8_push(&f, 2) && fifo8_push(&f, 3));
    CHECK(fifo8_full(&f) && !fifo8_push(&f, 4));
    CHECK(fifo8_peek(&f, &b) && b == 1);
    CHECK(fifo8_pop(&f, &b) && b == 1);
    CHECK_EQ(fifo8_free(&f), 1);
    CHECK_EQ(fifo8_push_buf(&f, "\7\7\7", 3), 1);
    uint8_t out[4];
    CHECK_EQ(fifo8_pop_buf(&f, out, 4), 3);
    CHECK_MEM(out, "\2\3\7", 3);
    fifo8_push(&f, 9);
    fifo8_reset(&f);
    CHECK(fifo8_empty(&f));
    fifo8_destroy(&f);
}

TEST(random_against_a_model)
{
    Fifo8 f;
    fifo8_init(&f, 17);
    uint8_t model[17], buf[32];
    uint32_t held = 0, seed = 1;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t len = seed >> 16 & 31;
        if (seed >> 31) {
            for (uint32_t j = 0; j < len; j++) {
                buf[j] = (uint8_t)(seed >> (j & 15));
            }
            uint32_t n = fifo8_push_buf(&f, buf, len);
            CHECK_EQ(n, MIN(len, 17 - held));
            memcpy(model + held, buf, n);
            held += n;
        } else {
            uint32_t n = fifo8_pop_buf(&f, buf, len);
            CHECK_EQ(n, MIN(len, held));
            CHECK_MEM(buf, model, n);
            memmove(model, model + n, held - n);
            held -= n;
        }
        CHECK_EQ(f.num, held);
    }
    fifo8_destroy(&f);
}
