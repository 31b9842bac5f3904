/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input hub, sendkey, and what PS/2 keyboard and mouse say to their controller. */
#include "util/osdep.h"
#include "hw/input/ps2.h"

#include "hw/input/i8042.h"
#include "hw/input/ps2-int.h"
#include "tests/unit/test.h"
#include "ui/input-int.h"
#include "util/mainloop.h"

#include <linux/input-event-codes.h>

/* ---- the hub ---- */

static GString *heard;

static void heard_key(void *opaque, unsigned code, bool down)
{
    g_string_append_printf(heard, "%s%c%u ", (char *)opaque, down ? '+' : '-', code);
}

static void heard_rel(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
    g_string_append_printf(heard, "%s(%d,%d,%d,%u) ", (char *)opaque, dx, dy, dz, buttons);
}

static void heard_abs(void *opaque, int x, int y, int dz, unsigned buttons)
{
    g_string_append_printf(heard, "%s[%d,%d,%d,%u] ", (char *)opaque, x, y, dz, buttons);
}

static const InputHandlerOps keyboard_ops = { .name = "k", .key = heard_key };
static const InputHandlerOps mouse_ops = { .name = "m", .rel = heard_rel };
static const InputHandlerOps tablet_ops = { .name = "t", .absolute = true, .abs = heard_abs };

static void begin(void)
{
    if (!heard) {
        heard = g_string_new(NULL);
        bql_lock();
        clock_virtual_manual();
    }
    g_string_truncate(heard, 0);
}

static void check_heard(const char *want)
{
    CHECK_STR(heard->str, want);
    g_string_truncate(heard, 0);
}

TEST(nobody_listens)
{
    begin();
    input_key(KEY_A, true);
    input_pointer_rel(1, 1, 0, 0);
    input_pointer_abs(1, 1, 0, 0);
    CHECK(!input_pointer_is_absolute());
    input_handler_remove(NULL);
}

TEST(last_activated_comes_first_of_its_sort)
{
    begin();
    InputHandler *k1 = input_handler_add(&keyboard_ops, (char *)"k1"), *k2 = input_handler_add(&keyboard_ops, (char *)"k2");
    InputHandler *m = input_handler_add(&mouse_ops, (char *)"m"), *t = input_handler_add(&tablet_ops, (char *)"t");
    input_key(KEY_A, true);
    check_heard("k1+30 ");
    input_handler_activate(k2);
    input_key(KEY_A, false);
    check_heard("k2-30 ");
    CHECK(!input_pointer_is_absolute());
    input_pointer_rel(1, -2, 3, INPUT_BTN_LEFT);
    check_heard("m(1,-2,3,1) ");
    input_handler_activate(t);
    CHECK(input_pointer_is_absolute());
    input_pointer_abs(-5, 100000, 0, 0);
    check_heard("t[0,32767,0,0] ");
    input_key(KEY_A, true);
    check_heard("k2+30 "); /* other sorts stay as they were */
    input_handler_activate(m);
    CHECK(!input_pointer_is_absolute());
    input_handler_remove(k2);
    input_key(KEY_B, true);
    check_heard("k1+48 ");
    input_handler_remove(k1);
    input_handler_remove(m);
    CHECK(input_pointer_is_absolute());
    input_handler_remove(t);
    input_key(KEY_B, true);
    check_heard("");
}

TEST(lamps)
{
    begin();
    input_set_leds(INPUT_LED_CAPS | 0xf0);
    CHECK_EQ(input_leds(), INPUT_LED_CAPS);
    input_set_leds(0);
}

TEST(names_of_keys)
{
    begin();
    static const struct {
        const char *name;
        unsigned code;
    } some[] = { { "a", KEY_A }, { "ret", KEY_ENTER }, { "spc", KEY_SPACE }, { "altgr", KEY_RIGHTALT }, { "less", KEY_102ND },
                 { "<", KEY_102ND }, { "print", KEY_SYSRQ }, { "sysrq", KEY_SYSRQ }, { "kp_0", KEY_KP0 }, { "f24", KEY_F24 },
                 { "0x1c", KEY_ENTER }, { "0x9c", KEY_KPENTER }, { "0xd3", KEY_DELETE }, { "0x01", KEY_ESC },
                 { "0xc6", KEY_PAUSE }, { "asterisk", KEY_KPASTERISK }, { "meta_l", KEY_LEFTMETA }, { "0x53", KEY_KPDOT },
                 { "0", KEY_0 }, { "0x", 0 }, { "0x1ff", 0 }, { "0xzz", 0 }, { "0x00", 0 }, { "", 0 }, { "A", 0 } };
    for (unsigned i = 0; i < G_N_ELEMENTS(some); i++) {
        CHECK_EQ(input_key_by_name(some[i].name), some[i].code);
    }
    for (const InputKeyName *k = input_key_names; k->name; k++) { /* no name stands there twice */
        CHECK_EQ(input_key_by_name(k->name), k->code);
    }
}

static void run_until(int64_t ms)
{
    clock_virtual_set(ms * NS_PER_MS);
    timers_run();
}

TEST(sendkey_holds_and_queues)
{
    begin();
    InputHandler *k = input_handler_add(&keyboard_ops, (char *)"");
    clock_virtual_set(0);
    CHECK(input_sendkey("ctrl-alt-delete", 0, NULL));
    check_heard("+29 +56 +111 ");
    CHECK(input_sendkey("a", 10, NULL));
    run_until(99);
    check_heard("");
    run_until(100);
    check_heard("-111 -56 -29 ");
    run_until(199);
    check_heard("");
    run_until(200);
    check_heard("+30 ");
    run_until(210);
    check_heard("-30 ");
    run_until(220);
    CHECK(input_sendkey("0x9d-b", 5, NULL)); /* the queue is empty again */
    check_heard("+97 +48 ");
    run_until(225);
    check_heard("-48 -97 ");
    run_until(1000);
    input_handler_remove(k);
}

static void check_refused(const char *keys, unsigned hold, const char *message, const char *hint)
{
    Error *err = NULL;
    CHECK(!input_sendkey(keys, hold, &err));
    CHECK_STR(error_message(err), message);
    CHECK_STR(error_hint(err), hint);
    error_free(err);
    CHECK_EQ(heard->len, 0);
}

TEST(sendkey_refuses)
{
    begin();
    InputHandler *k = input_handler_add(&keyboard_ops, (char *)"");
    check_refused("ctrl-backspce", 0, "there is no key 'backspce'", "Did you mean 'backspace'?");
    check_refused("a-", 0, "there is no key ''", NULL);
    check_refused("", 0, "no key is named; keys joined by '-' are wanted, such as ctrl-alt-delete", NULL);
    check_refused("0xff", 0,
                  "no key has the number '0xff'; a scan code of set 1 is wanted, plus 0x80 for an extended key", NULL);
    check_refused("a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q", 0, "'a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q' has more than 16 keys", NULL);
    check_refused("a", 60001, "a key cannot be held for 60001 ms; 1 to 60000 is the range", NULL);
    unsigned n = 0;
    while (input_sendkey("a", 1, NULL)) {
        CHECK(++n <= 10000);
    }
    CHECK_EQ(n, 4096);
    for (int i = 0; i < 9000; i++) {
        run_until(2000 + i);
    }
    CHECK_EQ(heard->len, 4096 * 8);
    CHECK(input_sendkey("a", 1, NULL));
    run_until(11500);
    run_until(12000);
    input_handler_remove(k);
}

/* ---- a controller with its devices ---- */

typedef struct Board {
    MemRegion mem, io;
    AddressSpace as;
    IsaBus isa;
    Device *kbc;
    int kbd_irq, mouse_irq, a20;
} Board;

static Board board;

static void board_line(void *opaque, int n, int level)
{
    (void)n;
    *(int *)opaque = level;
}

static void out(uint16_t port, uint8_t val)
{
    address_space_store(&board.as, port, 1, val);
}

static uint8_t in(uint16_t port)
{
    uint64_t val = 0;
    address_space_load(&board.as, port, 1, &val);
    return (uint8_t)val;
}

static Device *board_kbc(void)
{
    IrqLine kbd = { board_line, &board.kbd_irq, 0 }, mouse = { board_line, &board.mouse_irq, 0 };
    return i8042_create(&board.isa, kbd, mouse, (IrqLine){ board_line, &board.a20, 0 }, NULL);
}

static void board_start(void)
{
    begin();
    if (!board.kbc) {
        mem_init_container(&board.mem, "mem", 1 << 24);
        mem_init_container(&board.io, "io", 1 << 16);
        address_space_init(&board.as, &board.io, "io");
        isa_bus_init(&board.isa, NULL, "isa.0", &board.mem, &board.io);
        board.kbc = board_kbc();
        CHECK(board.kbc);
    }
    device_reset(board.kbc);
}

/* All bytes that wait, in hexadecimal; those of the mouse with a star. */
static const char *said(void)
{
    g_string_truncate(heard, 0);
    for (int i = 0; i < 300 && in(0x64) & 1; i++) {
        bool mouse = in(0x64) & 0x20;
        CHECK_EQ(mouse ? board.kbd_irq : board.mouse_irq, 0);
        g_string_append_printf(heard, "%s%02x%s", heard->len ? " " : "", in(0x60), mouse ? "*" : "");
    }
    CHECK(!board.kbd_irq && !board.mouse_irq);
    return heard->str;
}

static void set_mode(uint8_t mode)
{
    out(0x64, 0x60);
    out(0x60, mode);
}

static void kbd(uint8_t a, uint8_t b)
{
    out(0x60, a);
    CHECK_STR(said(), "fa");
    out(0x60, b);
    CHECK_STR(said(), "fa");
}

static void press(unsigned key)
{
    input_key(key, true);
    input_key(key, false);
}

TEST(translated_set_2_is_set_1)
{
    board_start();
    unsigned keys = 0;
    for (unsigned key = 0; key < PS2_KEYS; key++) {
        device_reset(board.kbc);
        set_mode(0x40);
        press(key);
        char *translated = g_strdup(said());
        device_reset(board.kbc);
        set_mode(0);
        kbd(0xf0, 1);
        press(key);
        CHECK_STR(said(), translated);
        keys += *translated != 0;
        g_free(translated);
    }
    CHECK(keys > 130);
}

/* The guest's clock goes on, timer by timer; what is said meanwhile is not read. */
static void hold(int64_t ms)
{
    int64_t end = clock_ns(CLOCK_KIND_VIRTUAL) + ms * NS_PER_MS, next;

    while ((next = timers_next_expiry(CLOCK_KIND_VIRTUAL)) >= 0 && next <= end) {
        clock_virtual_set(next);
        timers_run();
    }
    clock_virtual_set(end);
}

/* What a key says when it goes down, while it is held by a host that repeats it, and when it goes up; a comma after each. */
static const char *held(unsigned key, unsigned ms)
{
    static char text[1024];
    GString *all = g_string_new(NULL);

    input_key(key, true);
    g_string_append_printf(all, "%s,", said());
    for (unsigned k = 0; k < ms; k += 10) {
        hold(10);
        input_key(key, true);
        const char *more = said();

        g_string_append_printf(all, *more ? "%s," : "", more);
    }
    input_key(key, false);
    g_string_append(all, said());
    g_strlcpy(text, all->str, sizeof(text));
    g_string_free(all, TRUE);
    return text;
}

static unsigned repeats(uint8_t rate, unsigned ms)
{
    kbd(0xf3, rate);
    const char *text = held(KEY_A, ms);
    unsigned n = 0;

    for (; *text; text++) {
        n += *text == ',';
    }
    return n - 1;
}

TEST(held_keys_repeat)
{
    board_start();
    set_mode(0);
    CHECK_STR(held(KEY_A, 490), "1c,f0 1c");
    CHECK_STR(held(KEY_A, 510), "1c,1c,f0 1c");
    CHECK_STR(held(KEY_LEFT, 690), "e0 6b,e0 6b,e0 6b,e0 6b,e0 f0 6b");
    CHECK_EQ(repeats(0x00, 1240), 30);  /* 250 ms, 30 a second */
    CHECK_EQ(repeats(0x7f, 1990), 2);   /* 1 s, 2 a second */
    CHECK_EQ(repeats(0x2b, 1490), 11);  /* 500 ms, 10.9 a second */
    input_key(KEY_A, true);
    hold(3000);                         /* nobody reads: the first press only */
    input_key(KEY_A, false);
    CHECK_STR(said(), "1c 1c f0 1c");   /* the first byte is with the controller already */
}

/* Another key takes over; the first, still down, does not come back. */
TEST(last_key_repeats)
{
    board_start();
    set_mode(0);
    input_key(KEY_A, true);
    hold(510);
    CHECK_STR(said(), "1c 1c");
    input_key(KEY_S, true);
    CHECK_STR(said(), "1b");
    hold(490);
    CHECK_STR(said(), "");
    input_key(KEY_A, false);
    CHECK_STR(said(), "f0 1c");
    hold(20);
    CHECK_STR(said(), "1b");
    input_key(KEY_D, true);
    input_key(KEY_D, false);
    CHECK_STR(said(), "23 f0 23");
    hold(5000);
    CHECK_STR(said(), "");
    CHECK_EQ(timers_next_expiry(CLOCK_KIND_VIRTUAL), -1);
    input_key(KEY_S, false);
    said();
    input_key(KEY_A, true);
    out(0x60, 0xf5); /* disabled, and enabled again: the host's next repeat is a press */
    said();
    hold(2000);
    input_key(KEY_A, true);
    CHECK_STR(said(), "");
    out(0x60, 0xf4);
    said();
    input_key(KEY_A, true);
    CHECK_STR(said(), "1c");
    hold(510);
    CHECK_STR(said(), "1c");
    device_reset(board.kbc);
    hold(2000);
    CHECK_STR(said(), "");
}

TEST(keys_with_their_own_sequences)
{
    board_start();
    set_mode(0);
    input_key(KEY_PAUSE, true);
    CHECK_STR(said(), "e1 14 77 e1 f0 14 f0 77");
    hold(2000); /* does not repeat */
    input_key(KEY_PAUSE, false);
    CHECK_STR(said(), "");
    input_key(KEY_LEFTCTRL, true);
    press(KEY_PAUSE);
    CHECK_STR(said(), "14 e0 7e e0 f0 7e");
    press(KEY_SYSRQ);
    CHECK_STR(said(), "e0 7c e0 f0 7c");
    input_key(KEY_LEFTCTRL, false);
    said();
    input_key(KEY_SYSRQ, true);
    CHECK_STR(said(), "e0 12 e0 7c");
    hold(510);
    CHECK_STR(said(), "e0 7c");
    input_key(KEY_SYSRQ, false);
    CHECK_STR(said(), "e0 f0 7c e0 f0 12");
    input_key(KEY_LEFTALT, true);
    input_key(KEY_SYSRQ, true);
    input_key(KEY_LEFTALT, false);
    input_key(KEY_SYSRQ, false); /* goes up as what it went down as */
    CHECK_STR(said(), "11 84 f0 11 f0 84");
    press(KEY_HANGEUL);
    CHECK_STR(said(), "f2");
    press(255);
    input_key(256, true);
    input_key(UINT_MAX, true);
    CHECK_STR(said(), "");
}

TEST(set_3_has_types)
{
    board_start();
    set_mode(0);
    kbd(0xf0, 3);
    out(0x60, 0xf0);
    CHECK_STR(said(), "fa");
    out(0x60, 0);
    CHECK_STR(said(), "fa 03");
    CHECK_STR(held(KEY_A, 510), "1c,1c,"); /* repeats, has no break */
    CHECK_STR(held(KEY_LEFTSHIFT, 510), "12,f0 12");
    CHECK_STR(held(KEY_F1, 510), "07,");
    kbd(0xfc, 0x1c); /* make and break, and one more key, until a command comes */
    out(0x60, 0x1b);
    CHECK_STR(said(), "fa");
    out(0x60, 0xf4);
    CHECK_STR(said(), "fa");
    press(KEY_A);
    press(KEY_S);
    press(KEY_D);
    CHECK_STR(said(), "1c f0 1c 1b f0 1b 23");
    out(0x60, 0xfa);
    said();
    CHECK_STR(held(KEY_F1, 510), "07,07,f0 07");
    out(0x60, 0xf6);
    said();
    press(KEY_A); /* defaults: set 2 */
    CHECK_STR(said(), "1c f0 1c");
}

TEST(answers_overtake_keys)
{
    board_start();
    set_mode(0);
    press(KEY_A);
    out(0x60, 0xf2); /* 1c is in the buffer already */
    CHECK_STR(said(), "1c fa ab 83 f0 1c");
    out(0x60, 0xfe);
    CHECK_STR(said(), "1c"); /* sent last */
    out(0x60, 0xed);
    out(0x60, 0xff); /* a command instead of the argument */
    CHECK_STR(said(), "fa fa aa");
    kbd(0xed, 5);
    CHECK_EQ(input_leds(), INPUT_LED_CAPS | INPUT_LED_SCROLL);
    out(0x60, 0xff);
    CHECK_STR(said(), "fa aa");
    CHECK_EQ(input_leds(), 0);
    out(0x60, 0xf5);
    said();
    press(KEY_A);
    CHECK_STR(said(), "");
}

TEST(overrun_is_told_once)
{
    for (int set = 1; set <= 3; set++) {
        board_start();
        set_mode(0);
        kbd(0xf0, (uint8_t)set);
        for (int i = 0; i < 100; i++) {
            input_key(KEY_LEFTSHIFT, true); /* set 3: down only once */
            input_key(KEY_LEFTSHIFT, false);
        }
        const char *text = said();
        CHECK(strlen(text) / 3 <= 18);
        CHECK_STR(text + strlen(text) - 2, set == 1 ? "ff" : "00");
        press(KEY_LEFTSHIFT);
        CHECK_STR(said(), set == 1 ? "2a aa" : "12 f0 12");
    }
}

/* ---- mouse ---- */

static void mouse(uint8_t c)
{
    out(0x64, 0xd4);
    out(0x60, c);
    CHECK_STR(said(), "fa*");
}

static void mouse_start(unsigned id)
{
    static const uint8_t knock[] = { 200, 100, 80, 200, 200, 80 };
    board_start();
    set_mode(3);
    for (unsigned i = 0; i < (id == 4 ? 6u : id == 3 ? 3u : 0u); i++) {
        mouse(0xf3);
        mouse(knock[i]);
    }
    out(0x64, 0xd4);
    out(0x60, 0xf2);
    CHECK_STR(said(), id == 4 ? "fa* 04*" : id == 3 ? "fa* 03*" : "fa* 00*");
    input_pointer_rel(1, 1, 1, 0);
    CHECK_STR(said(), ""); /* not enabled */
    mouse(0xf4);
}

TEST(mouse_standard)
{
    mouse_start(0);
    input_pointer_rel(5, 3, 1, 0);
    CHECK(board.mouse_irq && !board.kbd_irq);
    CHECK_STR(said(), "28* 05* fd*"); /* up is positive on the wire */
    input_pointer_rel(-1, -1, 0, INPUT_BTN_LEFT | INPUT_BTN_MIDDLE);
    CHECK_STR(said(), "1d* ff* 01*");
    input_pointer_rel(0, 0, 0, INPUT_BTN_SIDE); /* which it does not have */
    CHECK_STR(said(), "08* 00* 00*");
    input_pointer_rel(0, 0, 0, 0);
    CHECK_STR(said(), "");
    input_pointer_rel(0, 0, 0, INPUT_BTN_RIGHT); /* a click is never lost, nor a double click */
    input_pointer_rel(0, 0, 0, 0);
    input_pointer_rel(0, 0, 0, INPUT_BTN_RIGHT);
    input_pointer_rel(0, 0, 0, 0);
    CHECK_STR(said(), "0a* 00* 00* 08* 00* 00* 0a* 00* 00* 08* 00* 00*");
}

TEST(mouse_wheel_and_five_buttons)
{
    mouse_start(3);
    input_pointer_rel(0, 0, 1, 0);
    CHECK_STR(said(), "08* 00* 00* 01*");
    input_pointer_rel(0, 0, -2, 0);
    CHECK_STR(said(), "08* 00* 00* fe*");
    mouse_start(4);
    input_pointer_rel(0, 0, -1, INPUT_BTN_SIDE | INPUT_BTN_RIGHT);
    CHECK_STR(said(), "0a* 00* 00* 1f*");
    input_pointer_rel(0, 0, 10, INPUT_BTN_EXTRA); /* seven, then the rest */
    CHECK_STR(said(), "08* 00* 00* 27* 08* 00* 00* 23*");
}

TEST(mouse_far_and_fast)
{
    mouse_start(0);
    input_pointer_rel(300, -600, 0, 0);
    CHECK_STR(said(), "08* ff* ff* 08* 2d* ff* 08* 00* 5a*");
    int dx = 0;
    for (int i = 0; i < 1000; i++) {
        input_pointer_rel(1, 0, 0, 0);
    }
    while (in(0x64) & 1) {
        CHECK_EQ(in(0x60), 0x08);
        dx += in(0x60);
        CHECK_EQ(in(0x60), 0);
    }
    CHECK_EQ(dx, 1000);
    input_pointer_rel(INT_MAX, INT_MIN, INT_MAX, UINT_MAX);
    input_pointer_rel(INT_MAX, INT_MIN, INT_MAX, 0);
    CHECK_EQ(in(0x60) & 0xc0, 0xc0); /* that was too far: overflow */
}

TEST(mouse_scaled_remote_wrapped)
{
    mouse_start(0);
    mouse(0xe7);
    input_pointer_rel(4, 10, 0, 0);
    CHECK_STR(said(), "28* 06* ec*");
    input_pointer_rel(-255, 0, 0, 0);
    CHECK_STR(said(), "18* 02* 00* 18* 02* 00* 18* ff* 00*");
    mouse(0xf0);
    input_pointer_rel(4, 0, 0, 0);
    CHECK_STR(said(), "");
    out(0x64, 0xd4);
    out(0x60, 0xeb);
    CHECK_STR(said(), "fa* 08* 04* 00*"); /* unscaled on request */
    out(0x64, 0xd4);
    out(0x60, 0xe9);
    CHECK_STR(said(), "fa* 70* 02* 64*");
    mouse(0xea);
    mouse(0xee);
    out(0x64, 0xd4);
    out(0x60, 0xf5);
    CHECK_STR(said(), "f5*");
    mouse(0xec);
    mouse(0xe8);
    out(0x64, 0xd4);
    out(0x60, 4);
    CHECK_STR(said(), "fe*");
    mouse(3); /* it waited on */
    mouse(0xf6);
    input_pointer_rel(4, 0, 0, 0);
    CHECK_STR(said(), "");
}

/* ---- controller and state ---- */

TEST(lines_follow_the_buffer)
{
    board_start();
    CHECK_EQ(board.a20, 1);
    out(0x64, 0xdd);
    CHECK_EQ(board.a20, 0);
    out(0x64, 0xd1);
    out(0x60, 0xdf);
    CHECK_EQ(board.a20, 1);
    set_mode(0);
    press(KEY_A);
    CHECK_EQ(board.kbd_irq, 0);
    set_mode(1);
    CHECK_EQ(board.kbd_irq, 1);
    set_mode(0x11); /* the port is off, the byte is there */
    CHECK_EQ(in(0x64) & 0x21, 0x01);
    CHECK_STR(said(), "1c");
    set_mode(1);
    CHECK_STR(said(), "f0 1c");
    out(0x64, 0xc1);
    CHECK_EQ(in(0x64) & 0xf0, 0x00);
    out(0x64, 0xc2);
    CHECK_EQ(in(0x64) & 0xf0, 0x80);
    out(0x64, 0x20);
    CHECK_EQ(in(0x64) & 0xf0, 0x10);
    CHECK_STR(said(), "01");
}

static bool load(Device *d, const GByteArray *state)
{
    const uint8_t *p = state->data;
    size_t len = state->len;
    return device_load(d, &p, &len, NULL) && len == 0;
}

TEST(state_in_the_middle_of_everything)
{
    GByteArray *first = g_byte_array_new(), *second = g_byte_array_new();
    mouse_start(4);
    input_key(KEY_LEFTALT, true);
    input_key(KEY_SYSRQ, true);
    input_pointer_rel(1000, 5, 20, INPUT_BTN_EXTRA);
    out(0x60, 0xed);
    out(0x64, 0xd4);
    device_save(board.kbc, first);
    char *want = g_strdup(said());
    device_reset(board.kbc);
    CHECK(load(board.kbc, first));
    CHECK(board.kbd_irq);
    device_save(board.kbc, second);
    CHECK_EQ(first->len, second->len);
    CHECK_MEM(first->data, second->data, first->len);
    CHECK_STR(said(), want);
    g_free(want);
    g_byte_array_free(first, TRUE);
    g_byte_array_free(second, TRUE);
}

/* Each byte of the state damaged in turn: refused, or a state that the guest can work with. */
TEST(damaged_states)
{
    GByteArray *state = g_byte_array_new();
    mouse_start(4);
    press(KEY_A);
    device_save(board.kbc, state);
    unsigned refused = 0;
    for (guint i = 0; i < state->len; i++) {
        uint8_t was = state->data[i];
        state->data[i] = 0xff;
        if (!load(board.kbc, state)) { /* the machine would not run */
            device_reset(board.kbc);
            refused++;
        }
        out(0x60, 0xf2);
        input_key(KEY_B, true);
        input_pointer_rel(9, 9, 9, 9);
        for (int n = 0; n < 400; n++) {
            in(0x60);
        }
        CHECK_EQ(in(0x64) & 1, 0);
        state->data[i] = was;
    }
    CHECK(refused > 30);
    CHECK(load(board.kbc, state));
    g_byte_array_free(state, TRUE);
}

TEST(random_traffic)
{
    board_start();
    GRand *r = g_rand_new_with_seed(42);
    for (int i = 0; i < 300000; i++) {
        uint8_t val = (uint8_t)g_rand_int(r);
        switch (g_rand_int_range(r, 0, 6)) {
        case 0:
            out(0x60, val | 1); /* the reset line stays alone */
            break;
        case 1:
            out(0x64, val >= 0xf0 ? val | 1 : val);
            break;
        case 2:
            input_key(val, g_rand_boolean(r));
            break;
        case 3:
            input_pointer_rel((int)g_rand_int(r) >> (val & 31), (int)g_rand_int(r) >> (val & 31), val & 3, val);
            break;
        default:
            in(val & 1 ? 0x60 : 0x64);
        }
    }
    g_rand_free(r);
    device_reset(board.kbc);
    CHECK_STR(said(), "");
    out(0x64, 0xaa);
    CHECK_STR(said(), "55");
}

TEST(unplugged)
{
    board_start();
    device_unrealize(board.kbc);
    device_free(board.kbc);
    board.kbc = NULL;
    input_key(KEY_A, true);
    input_pointer_rel(1, 1, 1, 1);
    CHECK_EQ(in(0x64), 0xff);
    board.kbc = board_kbc();
    CHECK_EQ(in(0x64), 0x18);
}
