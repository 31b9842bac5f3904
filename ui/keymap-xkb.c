/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyboard layouts of libxkbcommon (package xkb-data), turned around: from a keysym to the keys that give it.  Main thread.
 */
#include "util/osdep.h"
#include "ui/keymap.h"

#include "ui/input.h"

#include <xkbcommon/xkbcommon.h>

enum { KEYMAP_EVDEV = 8 /* xkb's code of a key is this much more than Linux's */, KEYMAP_CODES = 256, KEYMAP_WAYS = 8 };

typedef struct KeymapWays {
    unsigned count;
    KeymapKey keys[KEYMAP_WAYS];
} KeymapWays;

static GHashTable *keymap_ways; /* keysym -> KeymapWays *; NULL: no layout yet */

/* QEMU's names of layouts, in xkb's words. */
static const struct {
    const char *name, *layout, *variant;
} keymap_names[] = {
    { "en-us", "us", NULL },  { "en-gb", "gb", NULL },   { "ja", "jp", NULL },       { "da", "dk", NULL },
    { "sv", "se", NULL },     { "et", "ee", NULL },      { "sl", "si", NULL },       { "cz", "cz", NULL },
    { "ar", "ara", NULL },    { "pt-br", "br", NULL },   { "fr-be", "be", NULL },    { "nl-be", "be", NULL },
    { "fr-ca", "ca", NULL },  { "fr-ch", "ch", "fr" },   { "de-ch", "ch", NULL },    { "bepo", "fr", "bepo" },
};

/* ---- building ---- */

static uint8_t keymap_mods(struct xkb_keymap *map, xkb_mod_mask_t mask)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } mods[] = { { XKB_MOD_NAME_SHIFT, KEYMAP_SHIFT }, { "Mod5", KEYMAP_ALTGR }, { "LevelThree", KEYMAP_ALTGR },
                 { XKB_MOD_NAME_NUM, KEYMAP_NUMLOCK } };
    uint8_t out = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(mods); i++) {
        xkb_mod_index_t index = xkb_keymap_mod_get_index(map, mods[i].name);

        if (index != XKB_MOD_INVALID && index < 32 && (mask & 1u << index)) {
            out |= mods[i].bit;
            mask &= ~(1u << index);
        }
    }
    return mask ? 0xff : out; /* 0xff: others are needed too (Caps Lock, Control), which nobody wants to press */
}

static void keymap_add(uint32_t keysym, unsigned code, uint8_t mods, uint8_t mask, bool caps)
{
    KeymapWays *w = g_hash_table_lookup(keymap_ways, GUINT_TO_POINTER(keysym));

    if (!w) {
        w = g_new0(KeymapWays, 1);
        g_hash_table_insert(keymap_ways, GUINT_TO_POINTER(keysym), w);
    }
    for (unsigned i = 0; i < w->count; i++) {
        if (w->keys[i].code != code) {
            continue;
        }
        if (!((w->keys[i].mods | mods) & KEYMAP_ALTGR)) { /* with and without Shift: it does not matter */
            w->keys[i].mask &= (uint8_t)~(w->keys[i].mods ^ mods);
        }
        return; /* guests know fewer levels than xkb: the first is the surest */
    }
    if (w->count < KEYMAP_WAYS) {
        w->keys[w->count++] = (KeymapKey){ .code = (uint8_t)code, .mods = mods, .mask = mask, .caps = caps };
    }
}

/* Does Caps Lock turn the first level into the second? */
static bool keymap_is_alphabetic(struct xkb_keymap *map, xkb_keycode_t key)
{
    const xkb_keysym_t *low, *high;

    return xkb_keymap_num_levels_for_key(map, key, 0) >= 2 && xkb_keymap_key_get_syms_by_level(map, key, 0, 0, &low) == 1 &&
           xkb_keymap_key_get_syms_by_level(map, key, 0, 1, &high) == 1 && *low != *high &&
           xkb_keysym_to_upper(*low) == *high;
}

/* Keys that Num Lock changes. */
static bool keymap_is_keypad(xkb_keysym_t sym)
{
    return (sym >= XKB_KEY_KP_Home && sym <= XKB_KEY_KP_Delete) || (sym >= XKB_KEY_KP_Decimal && sym <= XKB_KEY_KP_9 &&
                                                                    sym != XKB_KEY_KP_Divide);
}

static void keymap_add_key(struct xkb_keymap *map, xkb_keycode_t key)
{
    xkb_level_index_t levels = xkb_keymap_num_levels_for_key(map, key, 0);
    bool caps = keymap_is_alphabetic(map, key);

    for (xkb_level_index_t level = 0; level < levels; level++) {
        const xkb_keysym_t *syms;
        xkb_mod_mask_t masks[16];
        size_t count = xkb_keymap_key_get_mods_for_level(map, key, 0, level, masks, G_N_ELEMENTS(masks));

        if (xkb_keymap_key_get_syms_by_level(map, key, 0, level, &syms) != 1) {
            continue;
        }
        uint8_t best = 0xff;

        for (size_t i = 0; i < count; i++) {
            uint8_t mods = keymap_mods(map, masks[i]);

            if (mods != 0xff && (best == 0xff || mods == KEYMAP_NUMLOCK || __builtin_popcount(mods) < __builtin_popcount(best))) {
                best = mods;
            }
        }
        if (best != 0xff) {
            uint8_t mask = keymap_is_keypad(*syms) ? KEYMAP_NUMLOCK : KEYMAP_SHIFT | KEYMAP_ALTGR;

            keymap_add(*syms, key - KEYMAP_EVDEV, best & mask, levels == 1 ? 0 : mask, caps);
        }
    }
}

static struct xkb_keymap *keymap_compile(const char *layout, const char *variant)
{
    struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
    struct xkb_rule_names names = { .rules = "evdev", .model = !strcmp(layout, "jp") ? "jp106" : "pc105", .layout = layout,
                                    .variant = variant };
    struct xkb_keymap *map = NULL;

    if (context) {
        xkb_context_set_log_level(context, XKB_LOG_LEVEL_CRITICAL);
        map = xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
        xkb_context_unref(context);
    }
    return map;
}

/* "fr(bepo)" or "fr" */
static void keymap_split(const char *name, char **layout, char **variant)
{
    const char *open = strchr(name, '(');

    for (unsigned i = 0; i < G_N_ELEMENTS(keymap_names); i++) {
        if (!strcmp(name, keymap_names[i].name)) {
            *layout = g_strdup(keymap_names[i].layout);
            *variant = g_strdup(keymap_names[i].variant);
            return;
        }
    }
    *layout = open ? g_strndup(name, (size_t)(open - name)) : g_strdup(name);
    *variant = open ? g_strndup(open + 1, strcspn(open + 1, ")")) : NULL;
}

bool keymap_set(const char *name, Error **errp)
{
    char *layout, *variant;

    keymap_split(name, &layout, &variant);
    struct xkb_keymap *map = *layout && !strpbrk(name, "/.,") ? keymap_compile(layout, variant) : NULL;

    g_free(layout);
    g_free(variant);
    if (!map) {
        error_set(errp, "there is no keyboard layout '%s'", name);
        error_add_hint(errp, "Names are those of xkb, such as us, de, fr(bepo), jp (package xkb-data; man xkeyboard-config).");
        return false;
    }
    keymap_cleanup();
    keymap_ways = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (xkb_keycode_t key = KEYMAP_EVDEV + 1; key < KEYMAP_EVDEV + KEYMAP_CODES; key++) {
        if (input_key_number(key - KEYMAP_EVDEV)) { /* xkb also has keys of phones and the like */
            keymap_add_key(map, key);
        }
    }
    xkb_keymap_unref(map);
    return true;
}

unsigned keymap_lookup(uint32_t keysym, const KeymapKey **keys)
{
    if (!keymap_ways && !keymap_set("us", NULL)) {
        return 0;
    }
    KeymapWays *w = g_hash_table_lookup(keymap_ways, GUINT_TO_POINTER(keysym));

    if (!w) { /* the same character by another name: U+00E9 as 0x10000e9 */
        uint32_t ch = xkb_keysym_to_utf32(keysym), other = ch ? xkb_utf32_to_keysym(ch) : 0;

        w = other && other != keysym ? g_hash_table_lookup(keymap_ways, GUINT_TO_POINTER(other)) : NULL;
    }
    *keys = w ? w->keys : NULL;
    return w ? w->count : 0;
}

void keymap_cleanup(void)
{
    if (keymap_ways) {
        g_hash_table_unref(keymap_ways);
        keymap_ways = NULL;
    }
}

uint32_t keysym_from_unicode(uint32_t ch)
{
    return xkb_utf32_to_keysym(ch);
}

uint32_t keysym_to_unicode(uint32_t keysym)
{
    return xkb_keysym_to_utf32(keysym);
}
