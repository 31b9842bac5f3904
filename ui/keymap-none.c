/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of keymap-xkb.c where the build has no libxkbcommon: the US layout and nothing else.  Main thread. */
#include "util/osdep.h"
#include "ui/keymap.h"

#include <linux/input-event-codes.h>

bool keymap_set(const char *name, Error **errp)
{
    if (!strcmp(name, "en-us") || !strcmp(name, "us")) {
        return true;
    }
    error_set(errp, "this build of Rhea knows the keyboard layout 'us' only, not '%s'", name);
    error_add_hint(errp, "Install libxkbcommon-dev and configure again.");
    return false;
}

/* Characters of the keys, row by row: code of the first key, unshifted, shifted. */
static const struct {
    uint8_t first;
    const char *plain, *shifted;
} keymap_rows[] = {
    { KEY_1, "1234567890-=", "!@#$%^&*()_+" },
    { KEY_Q, "qwertyuiop[]", "QWERTYUIOP{}" },
    { KEY_A, "asdfghjkl;'`", "ASDFGHJKL:\"~" },
    { KEY_BACKSLASH, "\\zxcvbnm,./", "|ZXCVBNM<>?" },
    { KEY_SPACE, " ", " " },
};

static const struct {
    uint16_t keysym;
    uint8_t code;
} keymap_others[] = {
    { KEYSYM_BACKSPACE, KEY_BACKSPACE }, { KEYSYM_TAB, KEY_TAB },         { KEYSYM_RETURN, KEY_ENTER },
    { KEYSYM_ESCAPE, KEY_ESC },          { KEYSYM_HOME, KEY_HOME },       { KEYSYM_LEFT, KEY_LEFT },
    { KEYSYM_UP, KEY_UP },               { KEYSYM_RIGHT, KEY_RIGHT },     { KEYSYM_DOWN, KEY_DOWN },
    { KEYSYM_PAGE_UP, KEY_PAGEUP },      { KEYSYM_PAGE_DOWN, KEY_PAGEDOWN }, { KEYSYM_END, KEY_END },
    { KEYSYM_INSERT, KEY_INSERT },       { KEYSYM_KP_ENTER, KEY_KPENTER }, { KEYSYM_SHIFT_L, KEY_LEFTSHIFT },
    { KEYSYM_SHIFT_R, KEY_RIGHTSHIFT },  { KEYSYM_CTRL_L, KEY_LEFTCTRL }, { KEYSYM_CTRL_R, KEY_RIGHTCTRL },
    { KEYSYM_ALT_L, KEY_LEFTALT },       { KEYSYM_ALT_R, KEY_RIGHTALT },  { KEYSYM_DELETE, KEY_DELETE },
    { KEYSYM_ALTGR, KEY_RIGHTALT },      { 0xffe5, KEY_CAPSLOCK },        { 0xff7f, KEY_NUMLOCK },
    { 0xffc8, KEY_F11 },                 { 0xffc9, KEY_F12 },             { 0xffeb, KEY_LEFTMETA },
};

unsigned keymap_lookup(uint32_t keysym, const KeymapKey **keys)
{
    static KeymapKey key;

    *keys = &key;
    for (unsigned i = 0; keysym && keysym < 0x7f && i < G_N_ELEMENTS(keymap_rows); i++) {
        const char *plain = strchr(keymap_rows[i].plain, (int)keysym), *shifted = strchr(keymap_rows[i].shifted, (int)keysym);

        if (plain || shifted) {
            key.code = (uint8_t)(keymap_rows[i].first + (plain ? plain - keymap_rows[i].plain : shifted - keymap_rows[i].shifted));
            key.mods = plain ? 0 : KEYMAP_SHIFT;
            key.mask = plain && shifted ? 0 : KEYMAP_SHIFT;
            key.caps = g_ascii_isalpha((gchar)keysym);
            return 1;
        }
    }
    key = (KeymapKey){ 0 };
    for (unsigned i = 0; i < G_N_ELEMENTS(keymap_others); i++) {
        if (keymap_others[i].keysym == keysym) {
            key.code = keymap_others[i].code;
        }
    }
    if (keysym >= KEYSYM_F1 && keysym < KEYSYM_F1 + 10) {
        key.code = (uint8_t)(KEY_F1 + keysym - KEYSYM_F1);
    }
    return key.code ? 1 : 0;
}

void keymap_cleanup(void)
{
}

uint32_t keysym_from_unicode(uint32_t ch)
{
    if (ch == '\n' || ch == '\r') {
        return KEYSYM_RETURN;
    }
    if (ch == '\t' || ch == 8 || ch == 27) {
        return 0xff00 + ch;
    }
    return (ch >= 0x20 && ch < 0x7f) || (ch >= 0xa0 && ch <= 0xff) ? ch : ch >= 0x100 ? KEYSYM_UNICODE + ch : 0;
}

uint32_t keysym_to_unicode(uint32_t keysym)
{
    if (keysym >= KEYSYM_UNICODE && keysym <= KEYSYM_UNICODE + 0x10ffff) {
        return keysym - KEYSYM_UNICODE;
    }
    if (keysym == KEYSYM_RETURN || keysym == KEYSYM_TAB || keysym == KEYSYM_ESCAPE || keysym == KEYSYM_BACKSPACE) {
        return keysym & 0x7f;
    }
    return (keysym >= 0x20 && keysym < 0x7f) || (keysym >= 0xa0 && keysym <= 0xff) ? keysym : 0;
}
