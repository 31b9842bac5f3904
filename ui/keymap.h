/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyboard layouts: which keys type a character.  For viewers that tell keysyms only, and for text that is typed by
 * the monitor.  keymap-xkb.c knows every layout of libxkbcommon; keymap-none.c stands in without it and knows the US layout.
 * Main thread.
 */
#ifndef UI_KEYMAP_H
#define UI_KEYMAP_H

#include "util/error.h"

/* X11 keysyms that we name ourselves. */
enum {
    KEYSYM_BACKSPACE = 0xff08, KEYSYM_TAB = 0xff09, KEYSYM_RETURN = 0xff0d, KEYSYM_ESCAPE = 0xff1b, KEYSYM_HOME = 0xff50,
    KEYSYM_LEFT = 0xff51, KEYSYM_UP = 0xff52, KEYSYM_RIGHT = 0xff53, KEYSYM_DOWN = 0xff54, KEYSYM_PAGE_UP = 0xff55,
    KEYSYM_PAGE_DOWN = 0xff56, KEYSYM_END = 0xff57, KEYSYM_INSERT = 0xff63, KEYSYM_KP_ENTER = 0xff8d, KEYSYM_KP_0 = 0xffb0,
    KEYSYM_F1 = 0xffbe, KEYSYM_SHIFT_L = 0xffe1, KEYSYM_SHIFT_R = 0xffe2, KEYSYM_CTRL_L = 0xffe3, KEYSYM_CTRL_R = 0xffe4,
    KEYSYM_ALT_L = 0xffe9, KEYSYM_ALT_R = 0xffea, KEYSYM_DELETE = 0xffff, KEYSYM_ALTGR = 0xfe03,
    KEYSYM_UNICODE = 0x01000000, /* plus the character */
};

enum { KEYMAP_SHIFT = 1, KEYMAP_ALTGR = 2, KEYMAP_NUMLOCK = 4 };

/* One way to type a keysym. */
typedef struct KeymapKey {
    uint8_t code; /* Linux input code */
    uint8_t mods; /* KEYMAP_*: must be active, of those in @mask; the others must not */
    uint8_t mask; /* KEYMAP_*: matter */
    bool caps;    /* Caps Lock acts on this key as Shift does */
} KeymapKey;

/* -k NAME: a name of xkb ("de", "fr(bepo)") or one that QEMU uses ("en-us", "ja", "de-ch").  Before it: "us". */
bool keymap_set(const char *name, Error **errp);
/* The ways to type @keysym, best first; returns how many (0: none).  Valid until the next keymap_set(). */
unsigned keymap_lookup(uint32_t keysym, const KeymapKey **keys);
void keymap_cleanup(void);

uint32_t keysym_from_unicode(uint32_t ch);   /* 0: none */
uint32_t keysym_to_unicode(uint32_t keysym); /* 0: types nothing */

#endif
