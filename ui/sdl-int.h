/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the SDL display. */
#ifndef UI_SDL_INT_H
#define UI_SDL_INT_H

#include "ui/console.h"
#include "ui/display.h"
#include "ui/sdl-geometry.h"
#include "ui/sdl.h"
#include "util/timer.h"

#include <SDL.h>

/* What is used of the library; sdl-load.c opens that when a window is wanted, so that whoever wants none pays for none of the fifty
 * libraries that it brings along. */
#define SDL_FUNCTIONS(X) \
    X(CreateColorCursor) X(CreateRGBSurfaceWithFormatFrom) X(CreateRenderer) X(CreateTexture) X(CreateWindow) X(DestroyRenderer) \
    X(DestroyTexture) X(DestroyWindow) X(FreeCursor) X(FreeSurface) X(GetDefaultCursor) X(GetError) X(GetMouseState) \
    X(GetRendererOutputSize) X(GetWindowSize) X(InitSubSystem) X(PollEvent) X(QuitSubSystem) X(RenderClear) X(RenderCopy) \
    X(RenderPresent) X(SetCursor) X(SetHint) X(SetRelativeMouseMode) X(SetRenderDrawColor) X(SetWindowFullscreen) X(SetWindowGrab) \
    X(SetWindowSize) X(SetWindowTitle) X(ShowCursor) X(StartTextInput) X(StopTextInput) X(UpdateTexture)
typedef struct SdlLib {
#define X(name) __typeof__(SDL_##name) *name;
    SDL_FUNCTIONS(X)
#undef X
} SdlLib;
extern SdlLib sdl_lib; /* constant after sdl_load() */
bool sdl_load(Error **errp); /* more than once does no harm */

typedef struct SdlDisplay {
    SdlConfig config;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;  /* the console's picture; NULL: none yet */
    SDL_Cursor *cursor;    /* the guest's; NULL: none */
    DisplayListener listener;
    DisplayNotifier titles;
    ConsoleNotifier consoles;
    Surface surface;       /* of the shown console */
    bool has_surface;
    Timer poll;            /* SDL's events have no descriptor to wait for */
    int64_t active_until_ns;
    bool grabbed, full_screen, stale /* the window must be drawn anew */, user_sized;
    bool hot_key;          /* the modifiers of hot keys went to a hot key */
    SdlSize set;           /* the window's size as we set it last, in points */
    unsigned buttons;      /* INPUT_BTN_* */
} SdlDisplay;

/* sdl.c */
void sdl_show(SdlDisplay *d, Console *c);
void sdl_set_grab(SdlDisplay *d, bool on);
void sdl_set_full_screen(SdlDisplay *d, bool on);
void sdl_natural_size(SdlDisplay *d, double scale);
SdlSize sdl_points(SdlDisplay *d), sdl_pixels(SdlDisplay *d); /* the window's size */
SdlPicture sdl_picture(SdlDisplay *d);
/* sdl-input.c */
void sdl_handle(SdlDisplay *d, const SDL_Event *e);
/* sdl-keys-table.c: Linux input codes by SDL's scan codes (USB HID usages); 0: none */
extern const uint8_t sdl_key_codes[SDL_NUM_SCANCODES];

#endif
