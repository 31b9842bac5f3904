/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State tables: bytes written, round trips, and what does not load. */
#include "util/osdep.h"
#include "migration/vmstate.h"
#include "util/mainloop.h"

#include "tests/unit/test.h"

typedef struct Inner {
    uint16_t word;
    bool flag;
} Inner;

typedef enum Mode { MODE_A, MODE_B, MODE_C } Mode;

typedef struct Chip {
    uint8_t reg;
    int32_t neg;
    uint64_t wide;
    bool on;
    bool bits[3];
    Mode mode;
    atomic_uint level;
    uint16_t table[2];
    uint8_t fifo[4];
    Inner inner;
    Inner many[2];
    Timer timer;
    int derived;
} Chip;

static const VMState inner_state = {
    .name = "inner",
    .version = 1,
    .fields = (const VMStateField[]){ VMS_UINT(Inner, word), VMS_UINT(Inner, flag), VMS_END },
};

static void chip_pre_save(void *opaque)
{
    ((Chip *)opaque)->derived++;
}

static bool chip_post_load(void *opaque, int version, Error **errp)
{
    Chip *c = opaque;
    c->derived = 1000 + version;
    if (c->mode > MODE_C) {
        error_set(errp, "mode %d does not exist", (int)c->mode);
        return false;
    }
    return true;
}

static const VMState chip_state = {
    .name = "chip",
    .version = 3,
    .min_version = 2,
    .fields = (const VMStateField[]){ VMS_UINT(Chip, reg), VMS_UINT(Chip, neg), VMS_UINT(Chip, wide), VMS_UINT(Chip, on),
                                      VMS_UINT_ARRAY(Chip, bits), VMS_UINT(Chip, mode), VMS_UINT(Chip, level),
                                      VMS_UINT_ARRAY(Chip, table), VMS_BUFFER(Chip, fifo),
                                      VMS_STRUCT(Chip, inner, inner_state), VMS_STRUCT_ARRAY(Chip, many, inner_state),
                                      VMS_TIMER(Chip, timer), VMS_END },
    .pre_save = chip_pre_save,
    .post_load = chip_post_load,
};

static int fired;

static void chip_fire(void *opaque)
{
    (void)opaque;
    fired++;
}

static Chip sample(void)
{
    if (!bql_held()) {
        bql_lock();
        clock_virtual_manual();
    }
    return (Chip){ .reg = 0xab, .neg = -2, .wide = 0x1122334455667788, .on = true, .bits = { true, false, true },
                   .mode = MODE_C, .level = 7, .table = { 0x0102, 0x0304 }, .fifo = { 9, 8, 7, 6 },
                   .inner = { 0xbeef, true }, .many = { { 1, false }, { 2, true } } };
}

static const uint8_t expected[] = {
    0, 0, 0, 3,                                     /* version */
    0xab, 0xff, 0xff, 0xff, 0xfe,                   /* reg, neg */
    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, /* wide */
    1, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 7,             /* on, bits, mode, level */
    1, 2, 3, 4, 9, 8, 7, 6,                         /* table, fifo */
    0, 0, 0, 1, 0xbe, 0xef, 1,                      /* inner */
    0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 2, 1,       /* many */
    0, 0, 0, 0, 0, 0, 0x12, 0x34,                   /* timer */
};

static GByteArray *saved(Chip *c)
{
    GByteArray *out = g_byte_array_new();
    vmstate_save(&chip_state, c, out);
    return out;
}

TEST(bytes_and_round_trip)
{
    Chip a = sample(), b = { 0 };
    timer_init(&a.timer, CLOCK_KIND_VIRTUAL, chip_fire, NULL);
    timer_init(&b.timer, CLOCK_KIND_VIRTUAL, chip_fire, NULL);
    timer_mod(&a.timer, 0x1234);
    GByteArray *one = saved(&a);
    CHECK_EQ(one->len, sizeof(expected));
    CHECK_MEM(one->data, expected, sizeof(expected));
    CHECK_EQ(a.derived, 1);

    const uint8_t *p = one->data;
    size_t len = one->len;
    Error *err = NULL;
    CHECK(vmstate_load(&chip_state, &b, &p, &len, &err));
    CHECK(!err && len == 0 && p == one->data + one->len);
    CHECK(b.neg == -2 && b.mode == MODE_C && b.bits[2] && !b.bits[1] && b.inner.flag && b.many[1].word == 2);
    CHECK_EQ(b.derived, 1003);
    CHECK_EQ(b.timer.expires, 0x1234);
    GByteArray *two = saved(&b);
    CHECK_EQ(two->len, one->len);
    CHECK_MEM(two->data, one->data, one->len);
    clock_virtual_set(0x2000);
    fired = 0;
    timers_run();
    CHECK_EQ(fired, 2); /* a's and the loaded one */
    g_byte_array_unref(one);
    g_byte_array_unref(two);
}

TEST(a_timer_not_pending_stays_so)
{
    Chip a = sample(), b = { 0 };
    timer_init(&b.timer, CLOCK_KIND_VIRTUAL, chip_fire, NULL);
    timer_mod(&b.timer, INT64_MAX);
    GByteArray *s = saved(&a); /* with a zeroed timer */
    const uint8_t *p = s->data;
    size_t len = s->len;
    CHECK(vmstate_load(&chip_state, &b, &p, &len, NULL));
    CHECK(!timer_pending(&b.timer));
    g_byte_array_unref(s);
}

/* Loads @expected with byte @at changed to @value and @len bytes long; returns the message. */
static char *refused(size_t at, uint8_t value, size_t len)
{
    Chip b = { 0 };
    Error *err = NULL;
    uint8_t *bytes = g_memdup2(expected, sizeof(expected));
    bytes[at] = value;
    uint8_t *cut = g_memdup2(bytes, len); /* exactly as long, so that a read beyond is caught */
    const uint8_t *p = cut;
    timer_init(&b.timer, CLOCK_KIND_VIRTUAL, chip_fire, NULL);
    timer_mod(&b.timer, INT64_MAX);
    CHECK(!vmstate_load(&chip_state, &b, &p, &len, &err));
    CHECK_EQ(b.timer.expires, INT64_MAX); /* timers are armed only when all is well */
    timer_del(&b.timer);
    char *text = g_strdup(error_message(err));
    error_free(err);
    g_free(bytes);
    g_free(cut);
    return text;
}

TEST(bad_states_are_refused_by_name)
{
    sample();
    char *text = refused(3, 4, sizeof(expected));
    CHECK_STR(text, "state of 'chip' has version 4, but this program loads 2 to 3");
    g_free(text);
    text = refused(3, 1, sizeof(expected));
    CHECK(strstr(text, "version 1"));
    g_free(text);
    text = refused(17, 2, sizeof(expected)); /* a bool that is 2 */
    CHECK_STR(text, "state of 'chip': field 'on' is 2, but must be 0 or 1");
    g_free(text);
    text = refused(24, 9, sizeof(expected));
    CHECK_STR(text, "state of 'chip' refused: mode 9 does not exist");
    g_free(text);
    text = refused(43, 7, sizeof(expected));
    CHECK(strstr(text, "state of 'chip', field 'inner': state of 'inner': field 'flag' is 7"));
    g_free(text);
    text = refused(58, 0x80, sizeof(expected));
    CHECK(strstr(text, "timer 'timer'"));
    g_free(text);
}

TEST(every_short_state_is_refused)
{
    sample();
    for (size_t len = 0; len < sizeof(expected); len++) {
        char *text = refused(0, 0, len);
        CHECK(strstr(text, "ends"));
        g_free(text);
    }
}

TEST(an_older_version_loads)
{
    Chip b = { 0 };
    sample();
    timer_init(&b.timer, CLOCK_KIND_VIRTUAL, chip_fire, NULL);
    uint8_t *bytes = g_memdup2(expected, sizeof(expected));
    bytes[3] = 2;
    const uint8_t *p = bytes;
    size_t len = sizeof(expected);
    CHECK(vmstate_load(&chip_state, &b, &p, &len, NULL));
    CHECK_EQ(b.derived, 1002);
    timer_del(&b.timer);
    g_free(bytes);
}
