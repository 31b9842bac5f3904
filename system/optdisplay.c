/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of displays: they note what was said, system/displays.c acts on it.  Start-up, main thread. */
#include "util/osdep.h"
#include "system/options.h"

#include "ui/curses.h"
#include "ui/sdl.h"

bool optdisplay_vnc(void *opaque, const char *value, Error **errp)
{
    (void)errp;
    g_ptr_array_add(((Options *)opaque)->vncs, g_strdup(value));
    return true;
}

bool optdisplay_keymap(void *opaque, const char *value, Error **errp)
{
    Options *o = opaque;

    (void)errp;
    g_free(o->keymap);
    o->keymap = g_strdup(value);
    return true;
}

static void optdisplay_choose(Options *o, const char *name)
{
    g_free(o->display);
    o->display = g_strdup(name);
    o->display_none = !strcmp(name, "none");
}

bool optdisplay_sdl(void *opaque, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    optdisplay_choose(opaque, "sdl");
    return true;
}

bool optdisplay_curses(void *opaque, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    optdisplay_choose(opaque, "curses");
    return true;
}

bool optdisplay_full_screen(void *opaque, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)opaque)->sdl->full_screen = true;
    return true;
}

bool optdisplay_alt_grab(void *opaque, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)opaque)->sdl->alt_grab = true;
    return true;
}

bool optdisplay_ctrl_grab(void *opaque, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)opaque)->sdl->ctrl_grab = true;
    return true;
}

void optdisplay_help(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    puts("Displays:");
    puts("none                 none; the machine runs unseen");
    if (sdl_built()) {
        puts("sdl                  a window [,full-screen=on][,window-close=on|off|powerdown][,show-cursor=on]");
        puts("                     [,grab-mod=lctrl-lalt|lshift-lctrl-lalt|rctrl]");
    }
    if (curses_built()) {
        puts("curses               the characters of text modes, in this terminal");
    }
    puts("vnc=ADDRESS          a VNC server, as -vnc ADDRESS");
}

static bool optdisplay_window_close(SdlConfig *c, const char *value, Error **errp)
{
    if (!strcmp(value, "powerdown")) {
        c->close = SDL_CLOSE_POWERS_DOWN;
        return true;
    }
    bool on = true;
    bool ok = parse_bool("window-close", value, &on, errp);

    if (ok) {
        c->close = on ? SDL_CLOSE_QUITS : SDL_CLOSE_IGNORED;
    }
    return ok;
}

static bool optdisplay_grab_mod(SdlConfig *c, const char *value, Error **errp)
{
    static const char *const names[] = { "lctrl-lalt", "lshift-lctrl-lalt", "rctrl" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(value, names[i])) {
            c->alt_grab = i == 1;
            c->ctrl_grab = i == 2;
            return true;
        }
    }
    error_set(errp, "grab-mod=%s must be lctrl-lalt, lshift-lctrl-lalt or rctrl", value);
    return false;
}

static bool optdisplay_sdl_keys(SdlConfig *c, KeyVal *kv, Error **errp)
{
    static const char *const known[] = { "display", "full-screen", "window-close", "window_close", "show-cursor", "alt_grab",
                                         "ctrl_grab", "grab-mod", "gl", NULL };
    const char *close = keyval_get(kv, "window-close"), *old = keyval_get(kv, "window_close"), *mod = keyval_get(kv, "grab-mod");
    const char *gl = keyval_get(kv, "gl");

    if (gl && strcmp(gl, "off")) {
        error_set(errp, "gl=%s cannot be had: the guest's 3D is not there; gl=off is", gl);
        return false;
    }
    return keyval_get_bool(kv, "full-screen", &c->full_screen, errp) && keyval_get_bool(kv, "show-cursor", &c->show_cursor, errp) &&
           keyval_get_bool(kv, "alt_grab", &c->alt_grab, errp) && keyval_get_bool(kv, "ctrl_grab", &c->ctrl_grab, errp) &&
           (!mod || optdisplay_grab_mod(c, mod, errp)) && (!old || optdisplay_window_close(c, old, errp)) &&
           (!close || optdisplay_window_close(c, close, errp)) && keyval_finish(kv, "-display sdl", known, errp);
}

static bool optdisplay_unknown(const char *name, Error **errp)
{
    static const char *const there[] = { "none", "sdl", "curses", "vnc", NULL };
    static const char *const others[] = { "gtk", "egl-headless", "spice-app", "dbus", "cocoa", NULL };
    const char *near = suggest_nearest(name, there);

    if (g_strv_contains(others, name)) {
        error_set(errp, "the display '%s' is not there; sdl, curses, vnc and none are", name);
    } else {
        error_set(errp, "there is no display '%s'", name);
    }
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    }
    error_add_hint(errp, "`-display help` lists them.");
    return false;
}

bool optdisplay_display(Options *o, const char *value, Error **errp)
{
    if (g_str_has_prefix(value, "vnc=")) {
        return optdisplay_vnc(o, value + 4, errp);
    }
    KeyVal *kv = keyval_parse(value, "display", errp);
    const char *name = kv ? keyval_get(kv, "display") : NULL;
    bool ok = false;

    if (name && !strcmp(name, "sdl")) {
        ok = optdisplay_sdl_keys(o->sdl, kv, errp);
    } else if (name && (!strcmp(name, "none") || !strcmp(name, "curses"))) {
        static const char *const known[] = { "display", "charset", NULL };

        keyval_get(kv, "charset"); /* characters come as Unicode whatever it says */
        ok = keyval_finish(kv, "-display", known, errp);
    } else if (kv) {
        ok = optdisplay_unknown(name ? name : value, errp);
    }
    if (ok) {
        optdisplay_choose(o, name);
    }
    if (kv) {
        keyval_free(kv);
    }
    return ok;
}
