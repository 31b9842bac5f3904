/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's commands about screens, keyboards and pointers.  Main thread, big lock. */
#include "util/osdep.h"
#include "monitor/monitor-int.h"

#include "chardev/char.h"
#include "ui/display.h"
#include "ui/input.h"
#include "ui/screentext.h"
#include "ui/vnc.h"
#include "util/timer.h"

/* ---- pictures and text ---- */

static Console *screen_console(MonCall *call, Error **errp)
{
    const char *device = mon_text(call, "device");
    int64_t head = mon_int(call, "head", 0);
    Console *c = device ? console_find_device(device, (int)CLAMP(head, 0, INT_MAX)) : console_default();
    if (!c && device) {
        error_set(errp, "there is no display device '%s' with an output %" PRId64, device, head);
    } else if (!c) {
        error_set(errp, "There is no console to take a screendump from");
    }
    return c;
}

bool screen_dump(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    Console *c = screen_console(call, errp);
    return c && console_screendump(c, mon_text(call, "filename"), mon_flag(call, "f") ? mon_text(call, "format") : NULL, errp);
}

bool screen_text(MonCall *call, GString *out, Error **errp)
{
    Console *c = screen_console(call, errp);
    char *text = c ? screentext_read(c, errp) : NULL;
    if (text) {
        g_string_append(out, text);
        g_free(text);
    }
    return text != NULL;
}

bool screen_type(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    return display_type_text(mon_text(call, "text"), errp);
}

/* ---- wait-for ---- */

enum { SCREEN_WAIT_SECONDS = 60, SCREEN_WAIT_MAX = 86400, SCREEN_POLL_MS = 50, SCREEN_POLL_MAX_MS = 250 };

typedef struct ScreenWait {
    Monitor *session;
    char *text, *chardev; /* chardev NULL: the screen and all serial ports */
    int64_t end_ns, began_ns;
    int64_t pause_ms;
    Timer timer;
    bool found;
} ScreenWait;

static void screen_wait_free(ScreenWait *w)
{
    timer_del(&w->timer);
    g_free(w->text);
    g_free(w->chardev);
    g_free(w);
}

static void screen_wait_cancel(void *opaque)
{
    screen_wait_free(opaque);
}

static void screen_look_at_port(void *opaque, Chardev *c, bool frontend_open)
{
    ScreenWait *w = opaque;
    (void)frontend_open;
    bool wanted = w->chardev ? !strcmp(char_label(c), w->chardev) : g_str_has_prefix(char_label(c), "serial");
    if (wanted && !w->found) {
        w->found = char_expect(c, w->text);
    }
}

static bool screen_look(ScreenWait *w)
{
    Console *c = console_default();
    char *text = c && !w->chardev ? screentext_read(c, NULL) : NULL;
    w->found = text && strstr(text, w->text);
    g_free(text);
    char_each(screen_look_at_port, w);
    return w->found;
}

static void screen_wait_tick(void *opaque)
{
    ScreenWait *w = opaque;
    int64_t now = clock_ns(CLOCK_KIND_REALTIME);
    bool found = screen_look(w);
    if (!found && now < w->end_ns) {
        int64_t took_ms = (clock_ns(CLOCK_KIND_REALTIME) - now) / NS_PER_MS; /* reading a large picture takes a while */
        w->pause_ms = CLAMP(took_ms * 10, SCREEN_POLL_MS, SCREEN_POLL_MAX_MS);
        timer_mod(&w->timer, MIN(clock_ns(CLOCK_KIND_REALTIME) + w->pause_ms * NS_PER_MS, MAX(w->end_ns, now + NS_PER_MS)));
        return;
    }
    GString *answer = g_string_new(NULL);
    if (!found) {
        g_string_printf(answer, "Error: '%s' did not come within %d s\n", w->text,
                        (int)((w->end_ns - w->began_ns) / NS_PER_SEC));
    }
    Monitor *session = w->session;
    screen_wait_free(w);
    monitor_resume(session, answer);
}

bool screen_wait_for(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    int64_t seconds = mon_int(call, "seconds", SCREEN_WAIT_SECONDS);
    const char *chardev = mon_text(call, "chardev"), *text = mon_text(call, "text");
    if (!*text || seconds < 0 || seconds > SCREEN_WAIT_MAX) {
        error_set(errp, *text ? "the time must be 0 to %d seconds" : "there is no text to wait for", SCREEN_WAIT_MAX);
        return false;
    }
    if (chardev && !char_find(chardev)) {
        error_set(errp, "there is no character device '%s'", chardev);
        return false;
    }
    ScreenWait *w = g_new0(ScreenWait, 1);
    w->session = monitor_suspend(call, screen_wait_cancel, w, errp);
    if (!w->session) {
        g_free(w);
        return false;
    }
    w->text = g_strdup(text);
    w->chardev = g_strdup(chardev);
    w->began_ns = clock_ns(CLOCK_KIND_REALTIME);
    w->end_ns = w->began_ns + seconds * NS_PER_SEC;
    timer_init(&w->timer, CLOCK_KIND_REALTIME, screen_wait_tick, w);
    timer_mod(&w->timer, w->began_ns);
    return true;
}

/* ---- keys and pointers ---- */

bool screen_sendkey(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    return input_sendkey(mon_text(call, "keys"), (unsigned)CLAMP(mon_int(call, "hold_ms", 0), 0, 60000), errp);
}

static unsigned screen_buttons; /* as mouse_button left them */

/* Signed numbers: "-5" is no expression's end here. */
static bool screen_number(MonCall *call, const char *name, int *out, Error **errp)
{
    const char *text = mon_text(call, name);
    char *end;
    *out = 0;
    if (!text) {
        return true;
    }
    errno = 0;
    long v = strtol(text, &end, 0);
    if (errno || *end || end == text || v < -INPUT_ABS_MAX || v > INPUT_ABS_MAX) {
        error_set(errp, "'%s' is no number from %d to %d", text, -INPUT_ABS_MAX, INPUT_ABS_MAX);
        return false;
    }
    *out = (int)v;
    return true;
}

static int screen_x, screen_y; /* of an absolute pointer */

bool screen_mouse_move(MonCall *call, GString *out, Error **errp)
{
    int dx, dy, dz;
    (void)out;
    if (!screen_number(call, "dx", &dx, errp) || !screen_number(call, "dy", &dy, errp) || !screen_number(call, "dz", &dz, errp)) {
        return false;
    }
    if (input_pointer_is_absolute()) {
        screen_x = dx;
        screen_y = dy;
        input_pointer_abs(dx, dy, dz, screen_buttons);
    } else {
        input_pointer_rel(dx, dy, dz, screen_buttons);
    }
    return true;
}

bool screen_mouse_button(MonCall *call, GString *out, Error **errp)
{
    int64_t state = mon_int(call, "state", 0);
    (void)out;
    if (state < 0 || state > 7) {
        error_set(errp, "the state of the buttons is 0 to 7: 1 left, 2 middle, 4 right");
        return false;
    }
    screen_buttons = (state & 1 ? INPUT_BTN_LEFT : 0) | (state & 2 ? INPUT_BTN_MIDDLE : 0) | (state & 4 ? INPUT_BTN_RIGHT : 0);
    if (input_pointer_is_absolute()) {
        input_pointer_abs(screen_x, screen_y, 0, screen_buttons);
    } else {
        input_pointer_rel(0, 0, 0, screen_buttons);
    }
    return true;
}

bool screen_mouse_set(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    return input_mouse_set((int)CLAMP(mon_int(call, "index", 0), -1, INT_MAX), errp);
}

static void screen_print_mouse(void *opaque, const InputMouseInfo *m)
{
    g_string_append_printf(opaque, "%c Mouse #%d: %s%s\n", m->current ? '*' : ' ', m->index, m->name, m->absolute ? " (absolute)" : "");
}

bool screen_info_mice(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    gsize before = out->len;
    input_each_mouse(screen_print_mouse, out);
    if (out->len == before) {
        g_string_append(out, "No mouse devices connected\n");
    }
    return true;
}

/* ---- VNC ---- */

bool screen_info_vnc(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)errp;
    vnc_info(out);
    return true;
}

static bool screen_is_vnc(MonCall *call, Error **errp)
{
    const char *protocol = mon_text(call, "protocol");
    if (strcmp(protocol, "vnc")) {
        error_set(errp, "there is no display protocol '%s' with a password; vnc is", protocol);
        return false;
    }
    return true;
}

bool screen_set_password(MonCall *call, GString *out, Error **errp)
{
    const char *display = mon_text(call, "display"), *connected = mon_text(call, "connected");
    (void)out;
    if (!mon_flag(call, "d") && display) { /* the word after the password is the action */
        connected = display;
        display = NULL;
    }
    if (connected && strcmp(connected, "keep")) {
        error_set(errp, "the action '%s' is not there for VNC: viewers that are connected stay (keep)", connected);
        return false;
    }
    return screen_is_vnc(call, errp) && vnc_set_password(display, mon_text(call, "password"), errp);
}

bool screen_expire_password(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    return screen_is_vnc(call, errp) && vnc_expire_password(mon_text(call, "display"), mon_text(call, "time"), errp);
}

bool screen_change_vnc(MonCall *call, Error **errp)
{
    const char *what = mon_text(call, "filename"), *password = mon_text(call, "format");
    if (strcmp(what, "password") && strcmp(what, "passwd")) {
        error_set(errp, "a VNC server's address cannot be changed while it runs; `change vnc password PASSWORD` can");
        return false;
    }
    if (!password) {
        error_set(errp, "no password is given: change vnc password PASSWORD");
        return false;
    }
    return vnc_set_password(NULL, password, errp);
}
