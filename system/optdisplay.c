/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of displays: they note what was said, system/displays.c acts on it.  Start-up, main thread. */
#include "util/osdep.h"
#include "system/options.h"

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

/* none, vnc=ADDRESS; others are kept as they are */
bool optdisplay_display(Options *o, const char *value, Error **errp)
{
    if (g_str_has_prefix(value, "vnc=")) {
        return optdisplay_vnc(o, value + 4, errp);
    }
    if (!strcmp(value, "none")) {
        o->display_none = true;
        return true;
    }
    static const char *const later[] = { "sdl", "curses", "gtk", "egl-headless", "spice-app", "dbus" };
    size_t len = strcspn(value, ",=");

    for (unsigned i = 0; i < G_N_ELEMENTS(later); i++) {
        if (strlen(later[i]) == len && !strncmp(value, later[i], len)) {
            error_set(errp, "this display comes with a later version");
            error_add_hint(errp, "Use -vnc :0, -nographic for a serial console here, or -display none.");
            return false;
        }
    }
    error_set(errp, "there is no such display; `-display help` lists them");
    return false;
}
