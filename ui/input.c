/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input hub: events from displays and the monitor go to the handler that comes first of its sort; `sendkey` plays
 * its keys one chord after the other.  Called by displays, the monitor and devices.  Under the big lock.
 */
#include "util/osdep.h"
#include "ui/input.h"
#include "util/timer.h"

#include <linux/input-event-codes.h>

enum { INPUT_MAX_KEYS = 16, INPUT_MAX_QUEUED = 1024 };

struct InputHandler {
    const InputHandlerOps *ops;
    void *opaque;
};

/* A step of sendkey: a key, or (code 0) a pause. */
typedef struct InputStep {
    unsigned code;
    bool down;
    unsigned pause_ms;
} InputStep;

static struct {
    GPtrArray *handlers; /* InputHandler *, the preferred one first */
    unsigned leds;
    GQueue steps; /* InputStep * */
    Timer timer;
} input;

static const struct {
    const char *name;
    unsigned code;
} input_names[] = {
    { "shift", KEY_LEFTSHIFT }, { "shift_r", KEY_RIGHTSHIFT }, { "alt", KEY_LEFTALT }, { "alt_r", KEY_RIGHTALT },
    { "ctrl", KEY_LEFTCTRL }, { "ctrl_r", KEY_RIGHTCTRL }, { "menu", KEY_COMPOSE }, { "esc", KEY_ESC },
    { "1", KEY_1 }, { "2", KEY_2 }, { "3", KEY_3 }, { "4", KEY_4 }, { "5", KEY_5 }, { "6", KEY_6 }, { "7", KEY_7 },
    { "8", KEY_8 }, { "9", KEY_9 }, { "0", KEY_0 }, { "minus", KEY_MINUS }, { "equal", KEY_EQUAL },
    { "backspace", KEY_BACKSPACE }, { "tab", KEY_TAB }, { "q", KEY_Q }, { "w", KEY_W }, { "e", KEY_E }, { "r", KEY_R },
    { "t", KEY_T }, { "y", KEY_Y }, { "u", KEY_U }, { "i", KEY_I }, { "o", KEY_O }, { "p", KEY_P },
    { "bracket_left", KEY_LEFTBRACE }, { "bracket_right", KEY_RIGHTBRACE }, { "ret", KEY_ENTER }, { "a", KEY_A },
    { "s", KEY_S }, { "d", KEY_D }, { "f", KEY_F }, { "g", KEY_G }, { "h", KEY_H }, { "j", KEY_J }, { "k", KEY_K },
    { "l", KEY_L }, { "semicolon", KEY_SEMICOLON }, { "apostrophe", KEY_APOSTROPHE }, { "grave_accent", KEY_GRAVE },
    { "backslash", KEY_BACKSLASH }, { "z", KEY_Z }, { "x", KEY_X }, { "c", KEY_C }, { "v", KEY_V }, { "b", KEY_B },
    { "n", KEY_N }, { "m", KEY_M }, { "comma", KEY_COMMA }, { "dot", KEY_DOT }, { "slash", KEY_SLASH },
    { "asterisk", KEY_KPASTERISK }, { "spc", KEY_SPACE }, { "caps_lock", KEY_CAPSLOCK }, { "f1", KEY_F1 },
    { "f2", KEY_F2 }, { "f3", KEY_F3 }, { "f4", KEY_F4 }, { "f5", KEY_F5 }, { "f6", KEY_F6 }, { "f7", KEY_F7 },
    { "f8", KEY_F8 }, { "f9", KEY_F9 }, { "f10", KEY_F10 }, { "num_lock", KEY_NUMLOCK },
    { "scroll_lock", KEY_SCROLLLOCK }, { "kp_divide", KEY_KPSLASH }, { "kp_multiply", KEY_KPASTERISK },
    { "kp_subtract", KEY_KPMINUS }, { "kp_add", KEY_KPPLUS }, { "kp_enter", KEY_KPENTER }, { "kp_decimal", KEY_KPDOT },
    { "sysrq", KEY_SYSRQ }, { "kp_0", KEY_KP0 }, { "kp_1", KEY_KP1 }, { "kp_2", KEY_KP2 }, { "kp_3", KEY_KP3 },
    { "kp_4", KEY_KP4 }, { "kp_5", KEY_KP5 }, { "kp_6", KEY_KP6 }, { "kp_7", KEY_KP7 }, { "kp_8", KEY_KP8 },
    { "kp_9", KEY_KP9 }, { "less", KEY_102ND }, { "f11", KEY_F11 }, { "f12", KEY_F12 }, { "print", KEY_SYSRQ },
    { "home", KEY_HOME }, { "pgup", KEY_PAGEUP }, { "pgdn", KEY_PAGEDOWN }, { "end", KEY_END }, { "left", KEY_LEFT },
    { "up", KEY_UP }, { "down", KEY_DOWN }, { "right", KEY_RIGHT }, { "insert", KEY_INSERT }, { "delete", KEY_DELETE },
    { "stop", KEY_STOP }, { "again", KEY_AGAIN }, { "props", KEY_PROPS }, { "undo", KEY_UNDO }, { "front", KEY_FRONT },
    { "copy", KEY_COPY }, { "open", KEY_OPEN }, { "paste", KEY_PASTE }, { "find", KEY_FIND }, { "cut", KEY_CUT },
    { "lf", KEY_LINEFEED }, { "help", KEY_HELP }, { "meta_l", KEY_LEFTMETA }, { "meta_r", KEY_RIGHTMETA },
    { "compose", KEY_COMPOSE }, { "pause", KEY_PAUSE }, { "ro", KEY_RO }, { "hiragana", KEY_HIRAGANA },
    { "henkan", KEY_HENKAN }, { "yen", KEY_YEN }, { "muhenkan", KEY_MUHENKAN },
    { "katakanahiragana", KEY_KATAKANAHIRAGANA }, { "kp_comma", KEY_KPCOMMA }, { "kp_equals", KEY_KPEQUAL },
    { "power", KEY_POWER }, { "sleep", KEY_SLEEP }, { "wake", KEY_WAKEUP }, { "audionext", KEY_NEXTSONG },
    { "audioprev", KEY_PREVIOUSSONG }, { "audiostop", KEY_STOPCD }, { "audioplay", KEY_PLAYPAUSE },
    { "audiomute", KEY_MUTE }, { "volumeup", KEY_VOLUMEUP }, { "volumedown", KEY_VOLUMEDOWN },
    { "mediaselect", KEY_MEDIA }, { "mail", KEY_MAIL }, { "calculator", KEY_CALC }, { "computer", KEY_COMPUTER },
    { "ac_home", KEY_HOMEPAGE }, { "ac_back", KEY_BACK }, { "ac_forward", KEY_FORWARD }, { "ac_refresh", KEY_REFRESH },
    { "ac_bookmarks", KEY_BOOKMARKS }, { "lang1", KEY_HANGEUL }, { "lang2", KEY_HANJA }, { "f13", KEY_F13 },
    { "f14", KEY_F14 }, { "f15", KEY_F15 }, { "f16", KEY_F16 }, { "f17", KEY_F17 }, { "f18", KEY_F18 },
    { "f19", KEY_F19 }, { "f20", KEY_F20 }, { "f21", KEY_F21 }, { "f22", KEY_F22 }, { "f23", KEY_F23 },
    { "f24", KEY_F24 },
};

/* Raw codes of sendkey: a PC scan code of set 1, with bit 7 for those behind E0. */
static const struct {
    uint8_t raw;
    uint8_t code;
} input_extended[] = {
    { 0x9c, KEY_KPENTER }, { 0x9d, KEY_RIGHTCTRL }, { 0xb5, KEY_KPSLASH }, { 0xb7, KEY_SYSRQ }, { 0xb8, KEY_RIGHTALT },
    { 0xc6, KEY_PAUSE }, { 0xc7, KEY_HOME }, { 0xc8, KEY_UP }, { 0xc9, KEY_PAGEUP }, { 0xcb, KEY_LEFT },
    { 0xcd, KEY_RIGHT }, { 0xcf, KEY_END }, { 0xd0, KEY_DOWN }, { 0xd1, KEY_PAGEDOWN }, { 0xd2, KEY_INSERT },
    { 0xd3, KEY_DELETE }, { 0xdb, KEY_LEFTMETA }, { 0xdc, KEY_RIGHTMETA }, { 0xdd, KEY_COMPOSE }, { 0xde, KEY_POWER },
    { 0xdf, KEY_SLEEP }, { 0xe3, KEY_WAKEUP },
};

/* Handlers. */
InputHandler *input_handler_add(const InputHandlerOps *ops, void *opaque)
{
    InputHandler *h = g_new0(InputHandler, 1);
    h->ops = ops;
    h->opaque = opaque;
    if (!input.handlers) {
        input.handlers = g_ptr_array_new();
    }
    g_ptr_array_add(input.handlers, h);
    return h;
}

void input_handler_remove(InputHandler *h)
{
    if (h) {
        g_ptr_array_remove(input.handlers, h);
        g_free(h);
    }
}

void input_handler_activate(InputHandler *h)
{
    if (input.handlers->pdata[0] != h) {
        g_ptr_array_remove(input.handlers, h);
        g_ptr_array_insert(input.handlers, 0, h);
    }
}

static InputHandler *input_first(bool (*wanted)(const InputHandlerOps *ops))
{
    for (guint i = 0; input.handlers && i < input.handlers->len; i++) {
        InputHandler *h = g_ptr_array_index(input.handlers, i);
        if (wanted(h->ops)) {
            return h;
        }
    }
    return NULL;
}

static bool input_is_keyboard(const InputHandlerOps *ops)
{
    return ops->key;
}

static bool input_is_relative(const InputHandlerOps *ops)
{
    return ops->rel;
}

static bool input_is_absolute(const InputHandlerOps *ops)
{
    return ops->absolute && ops->abs;
}

static bool input_is_pointer(const InputHandlerOps *ops)
{
    return input_is_relative(ops) || input_is_absolute(ops);
}

void input_key(unsigned code, bool down)
{
    InputHandler *h = input_first(input_is_keyboard);
    if (h && code) {
        h->ops->key(h->opaque, code, down);
    }
}

void input_pointer_rel(int dx, int dy, int dz, unsigned buttons)
{
    InputHandler *h = input_first(input_is_relative);
    if (h) {
        h->ops->rel(h->opaque, dx, dy, dz, buttons);
    }
}

void input_pointer_abs(int x, int y, int dz, unsigned buttons)
{
    InputHandler *h = input_first(input_is_absolute);
    if (h) {
        h->ops->abs(h->opaque, CLAMP(x, 0, INPUT_ABS_MAX), CLAMP(y, 0, INPUT_ABS_MAX), dz, buttons);
    }
}

bool input_pointer_is_absolute(void)
{
    InputHandler *h = input_first(input_is_pointer);
    return h && input_is_absolute(h->ops);
}

void input_set_leds(unsigned leds)
{
    input.leds = leds;
}

unsigned input_leds(void)
{
    return input.leds;
}

/* sendkey. */
unsigned input_key_by_name(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(input_names); i++) {
        if (!strcmp(name, input_names[i].name)) {
            return input_names[i].code;
        }
    }
    return 0;
}

static unsigned input_key_by_raw(const char *text)
{
    char *end;
    unsigned long raw = strtoul(text, &end, 16);
    if (*end || end == text + 2) {
        return 0;
    }
    if (raw < 0x59) {
        return raw == 0x54 ? KEY_SYSRQ : raw; /* codes of the first PC keyboards are Linux's */
    }
    for (size_t i = 0; i < G_N_ELEMENTS(input_extended); i++) {
        if (raw == input_extended[i].raw) {
            return input_extended[i].code;
        }
    }
    return 0;
}

static void input_queue(unsigned code, bool down, unsigned pause_ms)
{
    InputStep *step = g_new(InputStep, 1);
    *step = (InputStep){ code, down, pause_ms };
    g_queue_push_tail(&input.steps, step);
}

static void input_play(void *opaque)
{
    InputStep *step;
    (void)opaque;
    while ((step = g_queue_pop_head(&input.steps))) {
        unsigned pause_ms = step->pause_ms;
        input_key(step->code, step->down);
        g_free(step);
        if (pause_ms) {
            timer_mod(&input.timer, clock_ns(CLOCK_KIND_VIRTUAL) + pause_ms * NS_PER_MS);
            return;
        }
    }
}

static bool input_parse_chord(const char *keys, unsigned codes[INPUT_MAX_KEYS], unsigned *count, Error **errp)
{
    char **parts = g_strsplit(keys, "-", 0);
    bool good = *keys;
    *count = 0;
    if (!good) {
        error_set(errp, "sendkey needs keys, for example ctrl-alt-delete");
    }
    for (unsigned i = 0; good && parts[i]; i++) {
        const char *name = !strcmp(parts[i], "<") ? "less" : parts[i];
        unsigned code = g_str_has_prefix(name, "0x") ? input_key_by_raw(name) : input_key_by_name(name);
        if (!code) {
            const char *names[G_N_ELEMENTS(input_names) + 1] = { NULL };
            for (size_t n = 0; n < G_N_ELEMENTS(input_names); n++) {
                names[n] = input_names[n].name;
            }
            const char *near = suggest_nearest(name, names);
            error_set(errp, "unknown key: '%s'", name);
            if (near) {
                error_add_hint(errp, "Did you mean '%s'?", near);
            }
            good = false;
        } else if (*count == INPUT_MAX_KEYS) {
            error_set(errp, "too many keys; at most %d can be held together", INPUT_MAX_KEYS);
            good = false;
        } else {
            codes[(*count)++] = code;
        }
    }
    g_strfreev(parts);
    return good;
}

bool input_sendkey(const char *keys, unsigned hold_ms, Error **errp)
{
    unsigned codes[INPUT_MAX_KEYS], n;
    if (!input_parse_chord(keys, codes, &n, errp)) {
        return false;
    }
    if (g_queue_get_length(&input.steps) + 2 * n > INPUT_MAX_QUEUED) {
        error_set(errp, "too many keys are waiting already; the guest's clock may be stopped");
        return false;
    }
    hold_ms = hold_ms ? hold_ms : 100;
    if (!input.timer.fn) {
        timer_init(&input.timer, CLOCK_KIND_VIRTUAL, input_play, NULL);
    }
    for (unsigned i = 0; i < n; i++) {
        input_queue(codes[i], true, i == n - 1 ? hold_ms : 0);
    }
    for (unsigned i = n; i-- > 0;) {
        input_queue(codes[i], false, i == 0 ? hold_ms : 0);
    }
    if (!timer_pending(&input.timer)) {
        input_play(NULL);
    }
    return true;
}
