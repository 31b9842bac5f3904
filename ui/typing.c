/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys from displays on their way to the guest or to a terminal of ours, and characters on their way to keys.  Main thread,
 * big lock.  See display.h and keymap.h.
 */
#include "util/osdep.h"
#include "ui/display.h"
#include "ui/input.h"
#include "ui/keymap.h"

#include <linux/input-event-codes.h>

enum { TYPING_CODES = 256, TYPING_TEXT_MS = 12 /* a typed key is held, and then not, so long */ };

static bool typing_down[TYPING_CODES]; /* keys that displays hold down in the guest */
static GHashTable *typing_held;        /* keysym -> code that it pressed */
static bool typing_ctrl, typing_alt;   /* for terminals */

/* ---- terminals of ours ---- */

/* What a terminal (xterm) sends for keys that type no character. */
static const struct {
    uint16_t keysym;
    const char *bytes;
} typing_sequences[] = {
    { KEYSYM_BACKSPACE, "\177" },   { KEYSYM_RETURN, "\r" },      { KEYSYM_KP_ENTER, "\r" },    { KEYSYM_TAB, "\t" },
    { KEYSYM_ESCAPE, "\033" },      { KEYSYM_UP, "\033[A" },      { KEYSYM_DOWN, "\033[B" },    { KEYSYM_RIGHT, "\033[C" },
    { KEYSYM_LEFT, "\033[D" },      { KEYSYM_HOME, "\033[H" },    { KEYSYM_END, "\033[F" },     { KEYSYM_INSERT, "\033[2~" },
    { KEYSYM_DELETE, "\033[3~" },   { KEYSYM_PAGE_UP, "\033[5~" }, { KEYSYM_PAGE_DOWN, "\033[6~" }, { 0xffbe, "\033OP" },
    { 0xffbf, "\033OQ" },           { 0xffc0, "\033OR" },         { 0xffc1, "\033OS" },         { 0xffc2, "\033[15~" },
    { 0xffc3, "\033[17~" },         { 0xffc4, "\033[18~" },       { 0xffc5, "\033[19~" },       { 0xffc6, "\033[20~" },
    { 0xffc7, "\033[21~" },         { 0xffc8, "\033[23~" },       { 0xffc9, "\033[24~" },
};

static void typing_to_terminal(Console *shown, uint32_t keysym)
{
    char bytes[8];
    int len;

    for (unsigned i = 0; i < G_N_ELEMENTS(typing_sequences); i++) {
        if (typing_sequences[i].keysym == keysym) {
            console_type(shown, typing_sequences[i].bytes, strlen(typing_sequences[i].bytes));
            return;
        }
    }
    uint32_t ch = keysym_to_unicode(keysym);

    if (!ch || !g_unichar_validate(ch)) {
        return;
    }
    if (typing_ctrl && ch >= '@' && ch < 0x7f) {
        bytes[0] = ch & 0x1f;
        len = 1;
    } else {
        len = g_unichar_to_utf8(ch, bytes);
    }
    if (typing_alt) {
        console_type(shown, "\033", 1);
    }
    console_type(shown, bytes, (size_t)len);
}

static void typing_note_modifiers(unsigned code, uint32_t keysym, bool down)
{
    if (code == KEY_LEFTCTRL || code == KEY_RIGHTCTRL || keysym == KEYSYM_CTRL_L || keysym == KEYSYM_CTRL_R) {
        typing_ctrl = down;
    }
    if (code == KEY_LEFTALT || keysym == KEYSYM_ALT_L) {
        typing_alt = down;
    }
}

/* ---- the guest ---- */

static void typing_key(unsigned code, bool down)
{
    if (code && code < TYPING_CODES) {
        typing_down[code] = down;
        input_key_paced(code, down);
    }
}

void display_key(Console *shown, unsigned code, uint32_t keysym, bool down)
{
    typing_note_modifiers(code, keysym, down);
    if (shown && console_kind(shown) == CONSOLE_TEXT) {
        if (down) {
            typing_to_terminal(shown, keysym);
        }
        if (!down && code < TYPING_CODES && typing_down[code]) {
            typing_key(code, false); /* pressed before the terminal was shown */
        }
        return;
    }
    console_hurry();
    typing_key(code, down);
}

void display_release_keys(void)
{
    for (unsigned code = 0; code < TYPING_CODES; code++) {
        if (typing_down[code]) {
            typing_key(code, false);
        }
    }
    typing_ctrl = typing_alt = false;
    if (typing_held) {
        g_hash_table_remove_all(typing_held);
    }
}

/* ---- from keysyms ---- */

/* KEYMAP_* that the guest must see pressed for @k, of those that matter; Caps Lock counted in. */
static unsigned typing_needs(const KeymapKey *k)
{
    unsigned mods = k->mods & k->mask;

    if (k->caps && (k->mask & KEYMAP_SHIFT) && (input_leds() & INPUT_LED_CAPS)) {
        mods ^= KEYMAP_SHIFT;
    }
    return mods;
}

static unsigned typing_has(void)
{
    return (typing_down[KEY_LEFTSHIFT] || typing_down[KEY_RIGHTSHIFT] ? KEYMAP_SHIFT : 0) |
           (typing_down[KEY_RIGHTALT] ? KEYMAP_ALTGR : 0) | (input_leds() & INPUT_LED_NUM ? KEYMAP_NUMLOCK : 0);
}

/* Of the ways to type @keysym the one that fits best to the modifiers @has; NULL: there is none. */
static const KeymapKey *typing_choose(uint32_t keysym, unsigned has)
{
    const KeymapKey *keys, *best = NULL;
    int best_cost = INT_MAX;
    unsigned count = keymap_lookup(keysym, &keys);

    for (unsigned i = 0; i < count; i++) {
        int cost = __builtin_popcount((typing_needs(&keys[i]) ^ has) & keys[i].mask) * 4 + __builtin_popcount(keys[i].mods) +
                   (keys[i].mods & KEYMAP_ALTGR ? keys[i].mods & KEYMAP_SHIFT ? 100 : 16 : 0);

        if (cost < best_cost) {
            best_cost = cost;
            best = &keys[i];
        }
    }
    return best;
}

/* Presses what @need has and @has lacks, and releases what it has too much; with @back the other way round. */
static void typing_adjust(unsigned need, unsigned has, unsigned mask, bool back)
{
    static const struct {
        unsigned mod, codes[2];
    } mods[] = { { KEYMAP_SHIFT, { KEY_LEFTSHIFT, KEY_RIGHTSHIFT } }, { KEYMAP_ALTGR, { KEY_RIGHTALT, 0 } } };

    for (unsigned i = 0; i < G_N_ELEMENTS(mods); i++) {
        if (!((need ^ has) & mask & mods[i].mod)) {
            continue;
        }
        if (need & mods[i].mod) {
            input_key_paced(mods[i].codes[0], !back);
            continue;
        }
        for (unsigned n = 0; n < 2; n++) { /* typing_down keeps what the viewer holds */
            if (mods[i].codes[n] && typing_down[mods[i].codes[n]]) {
                input_key_paced(mods[i].codes[n], back);
            }
        }
    }
}

static void typing_press(const KeymapKey *k)
{
    unsigned has = typing_has(), need = typing_needs(k);
    bool modifier = k->code == KEY_LEFTSHIFT || k->code == KEY_RIGHTSHIFT || k->code == KEY_RIGHTALT;

    if ((need ^ has) & k->mask & KEYMAP_NUMLOCK) {
        input_key_paced(KEY_NUMLOCK, true);
        input_key_paced(KEY_NUMLOCK, false);
    }
    if (!modifier) {
        typing_adjust(need, has, k->mask, false);
    }
    typing_key(k->code, true);
    if (!modifier) {
        typing_adjust(need, has, k->mask, true);
    }
}

/* Only characters are typed with other modifiers than the viewer's: Shift and a cursor key is meant so. */
static bool typing_is_character(uint32_t keysym)
{
    return keysym_to_unicode(keysym) >= 0x20 || (keysym >= 0xfe50 && keysym <= 0xfe8f); /* dead keys */
}

static uint32_t typing_dead(uint32_t combining)
{
    static const struct {
        uint16_t combining, keysym;
    } dead[] = {
        { 0x300, 0xfe50 }, { 0x301, 0xfe51 }, { 0x302, 0xfe52 }, { 0x303, 0xfe53 }, { 0x304, 0xfe54 }, { 0x306, 0xfe55 },
        { 0x307, 0xfe56 }, { 0x308, 0xfe57 }, { 0x30a, 0xfe58 }, { 0x30b, 0xfe59 }, { 0x30c, 0xfe5a }, { 0x327, 0xfe5b },
        { 0x328, 0xfe5c }, { 0x323, 0xfe60 }, { 0x309, 0xfe61 }, { 0x31b, 0xfe62 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(dead); i++) {
        if (dead[i].combining == combining) {
            return dead[i].keysym;
        }
    }
    return 0;
}

/* "e" and its accent's dead key, for a letter that has no key of its own; an accent by itself is a dead key and the space bar. */
static bool typing_decompose(uint32_t keysym, uint32_t *dead, uint32_t *base)
{
    uint32_t ch = keysym_to_unicode(keysym);
    gunichar first, second;

    if (ch == '^' || ch == '`' || ch == '~') { /* with others guests differ */
        *dead = ch == '^' ? 0xfe52 : ch == '`' ? 0xfe50 : 0xfe53;
        *base = ' ';
        return true;
    }
    if (ch < 0x80 || !g_unichar_decompose(ch, &first, &second) || !second) {
        return false;
    }
    *dead = typing_dead(second);
    *base = keysym_from_unicode(first);
    return *dead && *base;
}

static void typing_tap(uint32_t keysym)
{
    const KeymapKey *k = typing_choose(keysym, typing_has());

    if (k) {
        typing_press(k);
        typing_key(k->code, false);
    }
}

static void typing_keysym_down(uint32_t keysym)
{
    const KeymapKey *k = typing_choose(keysym, typing_has());
    uint32_t dead, base;

    if (!k) {
        if (typing_decompose(keysym, &dead, &base) && typing_choose(dead, 0) && typing_choose(base, 0)) {
            typing_tap(dead);
            typing_tap(base);
        }
        return;
    }
    if (typing_is_character(keysym) || (k->mask & KEYMAP_NUMLOCK)) {
        typing_press(k);
    } else {
        typing_key(k->code, true);
    }
    if (!typing_held) {
        typing_held = g_hash_table_new(NULL, NULL);
    }
    if (g_hash_table_size(typing_held) < TYPING_CODES) {
        g_hash_table_insert(typing_held, GUINT_TO_POINTER(keysym), GUINT_TO_POINTER(k->code));
    }
}

/* The key that this keysym pressed; a viewer whose Shift went up in between releases another keysym of the same key. */
static void typing_keysym_up(uint32_t keysym)
{
    unsigned code = typing_held ? GPOINTER_TO_UINT(g_hash_table_lookup(typing_held, GUINT_TO_POINTER(keysym))) : 0;
    const KeymapKey *keys;

    if (code) {
        g_hash_table_remove(typing_held, GUINT_TO_POINTER(keysym));
    }
    for (unsigned i = 0, count = code ? 0 : keymap_lookup(keysym, &keys); i < count && !code; i++) {
        code = typing_down[keys[i].code] ? keys[i].code : 0;
    }
    typing_key(code, false);
}

void display_keysym(Console *shown, uint32_t keysym, bool down)
{
    const KeymapKey *keys;

    if (shown && console_kind(shown) == CONSOLE_TEXT) {
        display_key(shown, keymap_lookup(keysym, &keys) ? keys[0].code : 0, keysym, down);
        return;
    }
    typing_note_modifiers(0, keysym, down);
    console_hurry();
    if (down) {
        typing_keysym_down(keysym);
    } else {
        typing_keysym_up(keysym);
    }
}

/* ---- text ---- */

static unsigned typing_combo(uint32_t keysym, unsigned *codes)
{
    const KeymapKey *k = typing_choose(keysym, 0);
    unsigned count = 0, need = k ? typing_needs(k) : 0;

    if (!k) {
        return 0;
    }
    if (need & KEYMAP_SHIFT) {
        codes[count++] = KEY_LEFTSHIFT;
    }
    if (need & KEYMAP_ALTGR) {
        codes[count++] = KEY_RIGHTALT;
    }
    codes[count++] = k->code;
    return count;
}

/* The keysyms that type @ch: one, or a dead key and a letter; 0: cannot be typed. */
static unsigned typing_plan(uint32_t ch, uint32_t out[2])
{
    uint32_t keysym = ch == '\n' ? KEYSYM_RETURN : ch == 8 || ch == 127 ? KEYSYM_BACKSPACE : keysym_from_unicode(ch);

    out[0] = keysym;
    if (keysym && typing_choose(keysym, 0)) {
        return 1;
    }
    if (keysym && typing_decompose(keysym, &out[0], &out[1]) && typing_choose(out[0], 0) && typing_choose(out[1], 0)) {
        return 2;
    }
    return 0;
}

bool display_type_text(const char *text, Error **errp)
{
    unsigned wanted = 0;
    uint32_t keysyms[2];

    if (!g_utf8_validate(text, -1, NULL)) {
        error_set(errp, "the text is not valid UTF-8");
        return false;
    }
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        unsigned n = typing_plan(g_utf8_get_char(p), keysyms);

        if (!n) {
            char bytes[8] = "";

            g_unichar_to_utf8(g_utf8_get_char(p), bytes);
            error_set(errp, "'%s' is on no key of the keyboard layout", bytes);
            error_add_hint(errp, "-k LAYOUT sets the layout that the guest uses.");
            return false;
        }
        wanted += n;
    }
    if (wanted > input_combos_room()) {
        error_set(errp, "the text needs %u key presses, and %u more can wait", wanted, input_combos_room());
        return false;
    }
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        unsigned n = typing_plan(g_utf8_get_char(p), keysyms), codes[4];

        for (unsigned i = 0; i < n; i++) {
            unsigned count = typing_combo(keysyms[i], codes);

            if (!input_send_combo(codes, count, TYPING_TEXT_MS, errp)) {
                return false;
            }
        }
    }
    return true;
}
