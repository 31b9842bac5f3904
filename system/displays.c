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

#include <sys/mman.h>

enum { DISPLAYS_PAGE = 4096, DISPLAYS_CHUNK = 16 << 20 };
#define DISPLAYS_LOOK_MAX (2 * GiB)

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

/*
 * RAM that the guest has touched, in runs of pages; the rest is left untouched, so that looking for something costs no memory.  A
 * budget keeps it short where the guest is large.
 */
typedef struct DisplaysLook {
    FontLook *look;
    void *opaque;
    uint64_t budget;
} DisplaysLook;

static void displays_look_at_chunk(DisplaysLook *k, const uint8_t *host, size_t len)
{
    static uint8_t there[DISPLAYS_CHUNK / DISPLAYS_PAGE];
    size_t pages = len / DISPLAYS_PAGE;

    if (!pages || mincore((void *)(uintptr_t)host, pages * DISPLAYS_PAGE, there) < 0) {
        return;
    }
    for (size_t from = 0, to; from < pages && k->budget; from = to + 1) {
        for (to = from; to < pages && (there[to] & 1); to++) {
        }
        uint64_t bytes = MIN((to - from) * DISPLAYS_PAGE, k->budget);

        k->budget = bytes && !k->look(k->opaque, host + from * DISPLAYS_PAGE, bytes) ? 0 : k->budget - bytes;
    }
}

static void displays_look_at_range(void *opaque, const FlatRangeInfo *r)
{
    DisplaysLook *k = opaque;
    MemLookup l = address_space_lookup(&machine_current()->as_mem, r->addr);

    if (!l.writable || (uintptr_t)l.host % DISPLAYS_PAGE) {
        return;
    }
    for (uint64_t at = 0; at < MIN(r->size, l.avail) && k->budget; at += DISPLAYS_CHUNK) {
        displays_look_at_chunk(k, l.host + at, MIN(DISPLAYS_CHUNK, MIN(r->size, l.avail) - at));
    }
}

static void displays_guest_memory(FontLook *look, void *opaque)
{
    DisplaysLook k = { look, opaque, DISPLAYS_LOOK_MAX };

    address_space_each_range(&machine_current()->as_mem, displays_look_at_range, &k);
}

bool displays_prepare(Options *o, Error **errp)
{
    displays_load_font();
    font_set_memory(displays_guest_memory);
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
