/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The window: one console at a time, its picture as a texture scaled into the window with its shape kept.  Events are asked for
 * by a timer, often while something happens and seldom otherwise.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "ui/sdl-int.h"

#include "ui/input.h"

enum { SDL_POLL_BUSY_NS = 8 * NS_PER_MS, SDL_POLL_IDLE_NS = 40 * NS_PER_MS, SDL_BUSY_NS = 2 * NS_PER_SEC };

static SdlDisplay *sdl_display; /* the only one; NULL: none */

bool sdl_built(void)
{
    return true;
}

/* ---- geometry and drawing ---- */

SdlSize sdl_points(SdlDisplay *d)
{
    SdlSize s = { 1, 1 };

    sdl_lib.GetWindowSize(d->window, &s.w, &s.h);
    return s;
}

SdlSize sdl_pixels(SdlDisplay *d)
{
    SdlSize s = { 1, 1 };

    sdl_lib.GetRendererOutputSize(d->renderer, &s.w, &s.h);
    return s;
}

SdlPicture sdl_picture(SdlDisplay *d)
{
    SdlSize pixels = sdl_pixels(d);

    return d->has_surface ? sdl_place_picture(pixels, (SdlSize){ d->surface.width, d->surface.height })
                          : (SdlPicture){ 0, 0, pixels.w, pixels.h };
}

static void sdl_draw(SdlDisplay *d)
{
    SdlPicture p = sdl_picture(d);
    SDL_Rect to = { p.x, p.y, p.w, p.h };

    d->stale = false;
    sdl_lib.SetRenderDrawColor(d->renderer, 0, 0, 0, 255);
    sdl_lib.RenderClear(d->renderer);
    if (d->texture) {
        sdl_lib.RenderCopy(d->renderer, d->texture, NULL, &to);
    }
    sdl_lib.RenderPresent(d->renderer);
}

static void sdl_retitle(SdlDisplay *d)
{
    Console *c = d->listener.console;
    const char *keys = d->config.alt_grab ? "Ctrl-Alt-Shift-G" : d->config.ctrl_grab ? "Right-Ctrl-G" : "Ctrl-Alt-G";
    bool named = c && c != console_default();
    char *grab = d->grabbed ? g_strdup_printf(" - %s releases the pointer", keys) : g_strdup("");
    char *title = g_strconcat(display_title(), named ? " - " : "", named ? console_name(c) : "", grab, NULL);

    sdl_lib.SetWindowTitle(d->window, title);
    g_free(title);
    g_free(grab);
}

void sdl_natural_size(SdlDisplay *d, double scale)
{
    if (d->has_surface && !d->full_screen) {
        d->set = sdl_window_size(sdl_points(d), sdl_pixels(d), (SdlSize){ d->surface.width, d->surface.height }, scale);
        sdl_lib.SetWindowSize(d->window, d->set.w, d->set.h);
    }
}

void sdl_set_grab(SdlDisplay *d, bool on)
{
    bool relative = on && !input_pointer_is_absolute();

    d->grabbed = on;
    sdl_lib.SetWindowGrab(d->window, on);
    sdl_lib.SetRelativeMouseMode(relative);
    sdl_retitle(d);
}

void sdl_set_full_screen(SdlDisplay *d, bool on)
{
    d->full_screen = on;
    sdl_lib.SetWindowFullscreen(d->window, on ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
    d->stale = true;
}

/* ---- what the console tells ---- */

static void sdl_on_resized(DisplayListener *l, Surface *s)
{
    SdlDisplay *d = container_of(l, SdlDisplay, listener);

    d->surface = *s;
    d->has_surface = true;
    if (d->texture) {
        sdl_lib.DestroyTexture(d->texture);
    }
    d->texture = sdl_lib.CreateTexture(d->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING, s->width, s->height);
    if (!d->user_sized) {
        sdl_natural_size(d, 1);
    }
    d->stale = true;
}

static void sdl_on_updated(DisplayListener *l, int x, int y, int w, int h)
{
    SdlDisplay *d = container_of(l, SdlDisplay, listener);
    SDL_Rect r = { x, y, w, h };

    if (d->texture) {
        sdl_lib.UpdateTexture(d->texture, &r, d->surface.data + (size_t)y * (size_t)d->surface.stride + (size_t)x * 4,
                          d->surface.stride);
        d->stale = true;
    }
}

static void sdl_on_frame(DisplayListener *l)
{
    sdl_draw(container_of(l, SdlDisplay, listener));
}

static void sdl_on_cursor(DisplayListener *l, const ConsoleCursor *c)
{
    SdlDisplay *d = container_of(l, SdlDisplay, listener);
    SDL_Surface *s = c ? sdl_lib.CreateRGBSurfaceWithFormatFrom((void *)(uintptr_t)c->pixels, c->width, c->height, 32, c->width * 4,
                                                            SDL_PIXELFORMAT_ARGB8888)
                       : NULL;
    SDL_Cursor *old = d->cursor;

    d->cursor = s ? sdl_lib.CreateColorCursor(s, c->hot_x, c->hot_y) : NULL;
    sdl_lib.FreeSurface(s);
    sdl_lib.SetCursor(d->cursor ? d->cursor : sdl_lib.GetDefaultCursor());
    sdl_lib.ShowCursor(d->cursor || d->config.show_cursor || !input_pointer_is_absolute() ? SDL_ENABLE : SDL_DISABLE);
    if (old) {
        sdl_lib.FreeCursor(old);
    }
}

static void sdl_on_gone(DisplayListener *l)
{
    SdlDisplay *d = container_of(l, SdlDisplay, listener);

    d->has_surface = false;
    sdl_show(d, console_default());
}

static const DisplayListenerOps sdl_listener_ops = {
    .resized = sdl_on_resized,
    .updated = sdl_on_updated,
    .frame = sdl_on_frame,
    .cursor_defined = sdl_on_cursor,
    .gone = sdl_on_gone,
};

void sdl_show(SdlDisplay *d, Console *c)
{
    display_listener_remove(&d->listener);
    d->has_surface = false;
    if (d->texture) {
        sdl_lib.DestroyTexture(d->texture);
        d->texture = NULL;
    }
    if (c) {
        display_listener_add(&d->listener, c);
        if (console_kind(c) == CONSOLE_TEXT) {
            sdl_lib.StartTextInput();
            sdl_set_grab(d, false);
        } else {
            sdl_lib.StopTextInput();
        }
    }
    d->stale = true;
    sdl_retitle(d);
}

static void sdl_on_consoles(ConsoleNotifier *n)
{
    SdlDisplay *d = container_of(n, SdlDisplay, consoles);

    if (!d->listener.console && console_default()) {
        sdl_show(d, console_default());
    }
}

static void sdl_on_title(DisplayNotifier *n)
{
    sdl_retitle(container_of(n, SdlDisplay, titles));
}

/* ---- events ---- */

static void sdl_poll(void *opaque)
{
    SdlDisplay *d = opaque;
    int64_t now = clock_ns(CLOCK_KIND_REALTIME);
    SDL_Event e;

    for (int i = 0; i < 200 && sdl_lib.PollEvent(&e); i++) { /* the rest comes next time */
        d->active_until_ns = now + SDL_BUSY_NS;
        sdl_handle(d, &e);
    }
    if (d->stale) {
        sdl_draw(d);
    }
    timer_mod(&d->poll, now + (now < d->active_until_ns ? SDL_POLL_BUSY_NS : SDL_POLL_IDLE_NS));
}

static bool sdl_open_window(SdlDisplay *d, Error **errp)
{
    uint32_t flags = SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI;

    d->window = sdl_lib.CreateWindow(display_title(), SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, 640, 480, flags);
    d->renderer = d->window ? sdl_lib.CreateRenderer(d->window, -1, 0) : NULL;
    if (!d->renderer) {
        error_set(errp, "SDL cannot open a window: %s", sdl_lib.GetError());
        return false;
    }
    return true;
}

bool sdl_start(const SdlConfig *config, Error **errp)
{
    if (!sdl_load(errp)) {
        return false;
    }
    sdl_lib.SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    sdl_lib.SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    sdl_lib.SetHint(SDL_HINT_WINDOWS_NO_CLOSE_ON_ALT_F4, "1"); /* Alt-F4 is the guest's */
    sdl_lib.SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    sdl_lib.SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    if (sdl_lib.InitSubSystem(SDL_INIT_VIDEO) < 0) {
        error_set(errp, "no window system can be reached: %s", sdl_lib.GetError());
        error_add_hint(errp, "-vnc :0 serves the screen to VNC viewers, -curses shows text modes here, -nographic a serial console.");
        return false;
    }
    SdlDisplay *d = g_new0(SdlDisplay, 1);

    sdl_display = d;
    d->config = *config;
    d->listener.ops = &sdl_listener_ops;
    if (!sdl_open_window(d, errp)) {
        sdl_stop();
        return false;
    }
    d->titles.title = sdl_on_title;
    d->consoles.changed = sdl_on_consoles;
    display_notifier_add(&d->titles);
    console_notifier_add(&d->consoles);
    timer_init(&d->poll, CLOCK_KIND_REALTIME, sdl_poll, d);
    timer_mod(&d->poll, clock_ns(CLOCK_KIND_REALTIME));
    sdl_lib.StopTextInput();
    sdl_show(d, console_default());
    if (config->full_screen) {
        sdl_set_full_screen(d, true);
    }
    return true;
}

void sdl_stop(void)
{
    SdlDisplay *d = sdl_display;

    if (!d) {
        return;
    }
    sdl_display = NULL;
    timer_del(&d->poll);
    console_notifier_remove(&d->consoles);
    display_notifier_remove(&d->titles);
    display_listener_remove(&d->listener);
    if (d->texture) {
        sdl_lib.DestroyTexture(d->texture);
    }
    if (d->cursor) {
        sdl_lib.FreeCursor(d->cursor);
    }
    if (d->renderer) {
        sdl_lib.DestroyRenderer(d->renderer);
    }
    if (d->window) {
        sdl_lib.DestroyWindow(d->window);
    }
    sdl_lib.QuitSubSystem(SDL_INIT_VIDEO);
    g_free(d);
}
