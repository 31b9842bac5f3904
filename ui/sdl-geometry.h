/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the picture is in a window, and which place of the guest's screen a place of the window is.  A window's size and the
 * pointer's place are in the window system's points, of which a dense screen (HiDPI) has fewer than pixels; the picture is drawn in
 * pixels.  Pure functions; without SDL, so that they can be tested where it is not.
 */
#ifndef UI_SDL_GEOMETRY_H
#define UI_SDL_GEOMETRY_H

typedef struct SdlSize {
    int w, h;
} SdlSize;

typedef struct SdlPicture {
    int x, y, w, h; /* pixels; w and h at least 1 */
} SdlPicture;

typedef struct SdlPlace {
    int x, y; /* 0..INPUT_ABS_MAX */
} SdlPlace;

/* As large as fits into @pixels with its shape kept, in the middle. */
SdlPicture sdl_place_picture(SdlSize pixels, SdlSize picture);
/* The window's size in points at which a pixel of the picture is @scale pixels of the screen; at least 64 x 64. */
SdlSize sdl_window_size(SdlSize points, SdlSize pixels, SdlSize picture, double scale);
/* The first pixel of the guest's screen is 0, the last INPUT_ABS_MAX; @x and @y, in points, may be outside. */
SdlPlace sdl_map_pointer(SdlSize points, SdlSize pixels, SdlPicture p, int x, int y);

#endif
