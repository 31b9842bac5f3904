/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where displays and the rest of the emulator meet: which of them are made, what they are told of the machine, and what
 * they may ask of it.  Start-up, main thread, under the big lock.
 */
#include "util/osdep.h"
#include "system/displays.h"

#include "chardev/char.h"
#include "ui/curses.h"
#include "ui/display.h"
#include "ui/font.h"
#include "ui/keymap.h"
#include "ui/sdl.h"
#include "ui/term.h"
#include "ui/vnc.h"
#include "util/tls.h"

static void displays_quit(void)
{
    request_shutdown(SHUTDOWN_HOST_UI);
}

static void displays_reset(void)
{
    request_reset(SHUTDOWN_HOST_UI);
}

static void displays_on_runstate(RunstateNotifier *n, bool running, RunState s)
{
    (void)n;
    display_set_state(running ? NULL : runstate_name(s));
}

/* Terminals for "vc". */

static void displays_typed(void *opaque, const char *bytes, size_t len)
{
    char_vc_typed(opaque, bytes, len);
}

static void *displays_open_vc(Chardev *chr, int cols, int rows)
{
    return term_new(char_label(chr), cols, rows, displays_typed, chr);
}

static void displays_write_vc(void *terminal, const uint8_t *buf, size_t len)
{
    term_write(terminal, buf, len);
}

static void displays_close_vc(void *terminal)
{
    term_free(terminal);
}

static const CharVcHooks displays_vc_hooks = { displays_open_vc, displays_write_vc, displays_close_vc };

static RunstateNotifier displays_notifier = { .changed = displays_on_runstate };

/* The PC's font is in the VGA BIOS; whoever has none of those has no text to draw either. */
static void displays_load_font(void)
{
    char *path = datafile_find("vgabios-stdvga.bin", NULL);
    GBytes *image = path ? datafile_load(path, MiB, NULL) : NULL;

    if (image) {
        gsize len;
        const uint8_t *data = g_bytes_get_data(image, &len);

        font_load(data, len);
        g_bytes_unref(image);
    }
    g_free(path);
}

bool displays_prepare(Options *o, Error **errp)
{
    displays_load_font();
    char_set_vc_hooks(&displays_vc_hooks);
    if (o->keymap && !keymap_set(o->keymap, errp)) {
        error_prepend(errp, "-k %s: ", o->keymap);
        return false;
    }
    return true;
}

/*
 * -display, -sdl, -curses; or, when nothing is said, a window if there is a window system.  What was asked for and cannot be
 * had is an error; what was not, a word on what else there is.
 */
static bool displays_create_main(Options *o, Error **errp)
{
    bool windows = g_getenv("DISPLAY") || g_getenv("WAYLAND_DISPLAY");

    if (o->nographic || o->display_none) {
        return true;
    }
    if (o->display && !strcmp(o->display, "curses")) {
        return curses_start(errp);
    }
    if (o->display) {
        return sdl_start(o->sdl, errp);
    }
    if (o->vncs->len || o->daemonize || !o->default_devices || o->qtest) {
        return true;
    }
    Error *err = NULL;

    if (windows && sdl_built() && sdl_start(o->sdl, &err)) {
        return true;
    }
    if (isatty(2)) {
        info_report("the machine runs unseen: %s", err ? error_message(err) : windows ? "this build has no SDL display"
                    : "there is no window system here (DISPLAY is not set)");
        info_report("-vnc :0 serves the screen, -curses shows text modes here, -nographic the serial console");
    }
    error_free(err);
    return true;
}

bool displays_create(Options *o, Error **errp)
{
    display_set_hooks(&(DisplayHooks){ displays_quit, request_powerdown, displays_reset });
    display_set_name(o->cfg.name);
    display_set_state(runstate_running() ? NULL : runstate_name(runstate_get()));
    runstate_notifier_add(&displays_notifier);
    for (unsigned i = 0; i < o->vncs->len; i++) {
        if (!vnc_add(o->vncs->pdata[i], errp)) {
            error_prepend(errp, "-vnc %s: ", (char *)o->vncs->pdata[i]);
            return false;
        }
    }
    return displays_create_main(o, errp);
}

void displays_destroy(void)
{
    runstate_notifier_remove(&displays_notifier);
    curses_stop();
    sdl_stop();
    vnc_cleanup();
    tls_creds_clear();
    keymap_cleanup();
}
