/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A window by SDL 2.  sdl.c needs libsdl2; sdl-none.c stands in without it.  Main thread, big lock. */
#ifndef UI_SDL_H
#define UI_SDL_H

#include "util/error.h"

typedef enum SdlClose { SDL_CLOSE_QUITS, SDL_CLOSE_IGNORED, SDL_CLOSE_POWERS_DOWN } SdlClose;

typedef struct SdlConfig {
    bool full_screen;
    bool alt_grab;    /* hot keys with Ctrl-Alt-Shift instead of Ctrl-Alt */
    bool ctrl_grab;   /* hot keys with the right Ctrl */
    bool show_cursor; /* the host's pointer over the guest's picture, too */
    SdlClose close;   /* what closing the window does */
} SdlConfig;

bool sdl_built(void);
bool sdl_start(const SdlConfig *config, Error **errp); /* opens the window */
void sdl_stop(void);

#endif
