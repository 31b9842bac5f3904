/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The window's events: keys, hot keys, pointer, size, closing.  Main thread, big lock. */
#include "util/osdep.h"
#include "ui/sdl-int.h"

#include "ui/input.h"
#include "ui/keymap.h"

/* ---- keys ---- */

static bool sdl_hot_modifiers(const SdlDisplay *d, unsigned mod)
{
    if (d->config.ctrl_grab) {
        return mod & KMOD_RCTRL;
    }
    return (mod & KMOD_CTRL) && (mod & KMOD_LALT) && (!d->config.alt_grab || (mod & KMOD_SHIFT));
}

/* What hot keys do; true: this was one. */
static bool sdl_hot_key(SdlDisplay *d, SDL_Scancode key)
{
    int ww, wh;

    if (key >= SDL_SCANCODE_1 && key <= SDL_SCANCODE_9) {
        Console *c = console_get((int)(key - SDL_SCANCODE_1));

        if (c && c != d->listener.console) {
            sdl_show(d, c);
        }
        return c != NULL;
    }
    sdl_lib.GetWindowSize(d->window, &ww, &wh);
    switch (key) {
    case SDL_SCANCODE_F: sdl_set_full_screen(d, !d->full_screen); return true;
    case SDL_SCANCODE_G: sdl_set_grab(d, !d->grabbed); return true;
    case SDL_SCANCODE_U:
        d->user_sized = false;
        sdl_natural_size(d, 1);
        return true;
    case SDL_SCANCODE_EQUALS:
    case SDL_SCANCODE_KP_PLUS:
        d->user_sized = true;
        sdl_lib.SetWindowSize(d->window, ww * 5 / 4, wh * 5 / 4);
        return true;
    case SDL_SCANCODE_MINUS:
    case SDL_SCANCODE_KP_MINUS:
        d->user_sized = true;
        sdl_lib.SetWindowSize(d->window, MAX(ww * 4 / 5, 64), MAX(wh * 4 / 5, 64));
        return true;
    default: return false;
    }
}

/* For terminals: keys that type no text; letters only with Ctrl, as others come as text. */
static uint32_t sdl_keysym(const SDL_Keysym *k)
{
    static const struct {
        SDL_Keycode key;
        uint32_t keysym;
    } keys[] = {
        { SDLK_BACKSPACE, KEYSYM_BACKSPACE }, { SDLK_TAB, KEYSYM_TAB },       { SDLK_RETURN, KEYSYM_RETURN },
        { SDLK_KP_ENTER, KEYSYM_KP_ENTER },   { SDLK_ESCAPE, KEYSYM_ESCAPE }, { SDLK_HOME, KEYSYM_HOME },
        { SDLK_LEFT, KEYSYM_LEFT },           { SDLK_UP, KEYSYM_UP },         { SDLK_RIGHT, KEYSYM_RIGHT },
        { SDLK_DOWN, KEYSYM_DOWN },           { SDLK_PAGEUP, KEYSYM_PAGE_UP }, { SDLK_PAGEDOWN, KEYSYM_PAGE_DOWN },
        { SDLK_END, KEYSYM_END },             { SDLK_INSERT, KEYSYM_INSERT }, { SDLK_DELETE, KEYSYM_DELETE },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (keys[i].key == k->sym) {
            return keys[i].keysym;
        }
    }
    if (k->sym >= SDLK_F1 && k->sym <= SDLK_F12) {
        return KEYSYM_F1 + (uint32_t)(k->sym - SDLK_F1);
    }
    return (k->mod & (KMOD_CTRL | KMOD_LALT)) && k->sym >= ' ' && k->sym < 0x7f ? (uint32_t)k->sym : 0;
}

static void sdl_on_key(SdlDisplay *d, const SDL_KeyboardEvent *e)
{
    bool down = e->type == SDL_KEYDOWN;
    SDL_Scancode key = e->keysym.scancode;
    Console *c = d->listener.console;

    if (down && sdl_hot_modifiers(d, e->keysym.mod) && sdl_hot_key(d, key)) {
        d->hot_key = true;
        display_release_keys(); /* the guest does not see the modifiers stay down */
        return;
    }
    if (d->hot_key && !down && !sdl_hot_modifiers(d, e->keysym.mod)) {
        d->hot_key = false;
    }
    bool text = c && console_kind(c) == CONSOLE_TEXT;

    if (text && down && (e->keysym.mod & KMOD_SHIFT) && (key == SDL_SCANCODE_PAGEUP || key == SDL_SCANCODE_PAGEDOWN)) {
        console_scroll(c, key == SDL_SCANCODE_PAGEUP ? -12 : 12);
        return;
    }
    display_key(c, key < SDL_NUM_SCANCODES ? sdl_key_codes[key] : 0, sdl_keysym(&e->keysym), down);
}

/* ---- pointer ---- */

static void sdl_pointer(SdlDisplay *d, int x, int y, int dx, int dy, int dz)
{
    Console *c = d->listener.console;

    if (c && console_kind(c) == CONSOLE_TEXT) {
        console_scroll(c, dz * 3);
        return;
    }
    if (!input_pointer_is_absolute()) {
        if (d->grabbed) {
            input_pointer_rel(dx, dy, dz, d->buttons);
        }
        return;
    }
    SdlPlace at = sdl_map_pointer(sdl_points(d), sdl_pixels(d), sdl_picture(d), x, y);

    input_pointer_abs(at.x, at.y, dz, d->buttons);
}

static unsigned sdl_button(uint8_t button)
{
    static const uint8_t buttons[] = { 0, INPUT_BTN_LEFT, INPUT_BTN_MIDDLE, INPUT_BTN_RIGHT, INPUT_BTN_SIDE, INPUT_BTN_EXTRA };

    return button < sizeof(buttons) ? buttons[button] : 0;
}

static void sdl_on_button(SdlDisplay *d, const SDL_MouseButtonEvent *e)
{
    bool down = e->type == SDL_MOUSEBUTTONDOWN, relative = !input_pointer_is_absolute();
    Console *c = d->listener.console;

    if (down && relative && !d->grabbed && c && console_kind(c) == CONSOLE_GRAPHIC) {
        sdl_set_grab(d, true); /* the click that takes the pointer is not the guest's */
        return;
    }
    d->buttons = down ? d->buttons | sdl_button(e->button) : d->buttons & ~sdl_button(e->button);
    console_hurry();
    sdl_pointer(d, e->x, e->y, 0, 0, 0);
}

/* ---- the window ---- */

static void sdl_on_close(SdlDisplay *d)
{
    switch (d->config.close) {
    case SDL_CLOSE_QUITS: display_quit(); break;
    case SDL_CLOSE_POWERS_DOWN: display_powerdown(); break;
    case SDL_CLOSE_IGNORED: break;
    }
}

static void sdl_on_window(SdlDisplay *d, const SDL_WindowEvent *e)
{
    Console *c = d->listener.console;

    switch (e->event) {
    case SDL_WINDOWEVENT_CLOSE: sdl_on_close(d); break;
    case SDL_WINDOWEVENT_FOCUS_LOST:
        display_release_keys();
        sdl_set_grab(d, false);
        break;
    case SDL_WINDOWEVENT_RESIZED: /* by the person, unless it is what we set */
        d->stale = true;
        if (d->full_screen || (e->data1 == d->set.w && e->data2 == d->set.h)) {
            break;
        }
        d->user_sized = true;
        if (c && console_takes_size(c)) {
            SdlSize pixels = sdl_pixels(d);

            console_hint_size(c, &(ConsoleSizeHint){ .width = pixels.w, .height = pixels.h });
        }
        break;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
    case SDL_WINDOWEVENT_EXPOSED: d->stale = true; break;
    case SDL_WINDOWEVENT_MINIMIZED:
    case SDL_WINDOWEVENT_HIDDEN: display_listener_want(&d->listener, false); break;
    case SDL_WINDOWEVENT_RESTORED:
    case SDL_WINDOWEVENT_SHOWN: display_listener_want(&d->listener, true); break;
    default: break;
    }
}

void sdl_handle(SdlDisplay *d, const SDL_Event *e)
{
    int x, y;

    switch (e->type) {
    case SDL_KEYDOWN:
    case SDL_KEYUP: sdl_on_key(d, &e->key); break;
    case SDL_TEXTINPUT:
        if (d->listener.console && !d->hot_key) {
            console_type(d->listener.console, e->text.text, strlen(e->text.text));
        }
        break;
    case SDL_MOUSEMOTION: sdl_pointer(d, e->motion.x, e->motion.y, e->motion.xrel, e->motion.yrel, 0); break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP: sdl_on_button(d, &e->button); break;
    case SDL_MOUSEWHEEL:
        sdl_lib.GetMouseState(&x, &y);
        sdl_pointer(d, x, y, 0, 0, -CLAMP(e->wheel.y, -20, 20));
        break;
    case SDL_WINDOWEVENT: sdl_on_window(d, &e->window); break;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET:
        sdl_show(d, d->listener.console); /* textures are lost */
        break;
    default: break;
    }
}
