/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See sdl-geometry.h. */
#include "util/osdep.h"
#include "ui/sdl-geometry.h"

#include "ui/input.h"

enum { SDL_WINDOW_MIN = 64 };

SdlPicture sdl_place_picture(SdlSize pixels, SdlSize picture)
{
    double scale = MIN((double)pixels.w / MAX(picture.w, 1), (double)pixels.h / MAX(picture.h, 1));
    int w = MAX((int)(picture.w * scale + 0.5), 1), h = MAX((int)(picture.h * scale + 0.5), 1);

    return (SdlPicture){ (pixels.w - w) / 2, (pixels.h - h) / 2, w, h };
}

SdlSize sdl_window_size(SdlSize points, SdlSize pixels, SdlSize picture, double scale)
{
    double across = scale * points.w / MAX(pixels.w, 1), down = scale * points.h / MAX(pixels.h, 1);

    return (SdlSize){ MAX((int)(picture.w * across + 0.5), SDL_WINDOW_MIN), MAX((int)(picture.h * down + 0.5), SDL_WINDOW_MIN) };
}

/* One axis: a point's middle, in pixels from the picture's edge. */
static int sdl_map_axis(int points, int pixels, int from, int size, int at)
{
    int64_t pixel = ((2 * (int64_t)at + 1) * pixels / MAX(points, 1)) / 2 - from;

    return (int)(CLAMP(pixel, 0, size - 1) * INPUT_ABS_MAX / MAX(size - 1, 1));
}

SdlPlace sdl_map_pointer(SdlSize points, SdlSize pixels, SdlPicture p, int x, int y)
{
    SdlPlace at = { sdl_map_axis(points.w, pixels.w, p.x, p.w, x), sdl_map_axis(points.h, pixels.h, p.y, p.h, y) };

    /* the last point of a dense screen has several pixels: it is the picture's last one, or the guest's edge is not reached */
    at.x = x >= points.w - 1 && p.x + p.w >= pixels.w ? INPUT_ABS_MAX : x <= 0 && p.x <= 0 ? 0 : at.x;
    at.y = y >= points.h - 1 && p.y + p.h >= pixels.h ? INPUT_ABS_MAX : y <= 0 && p.y <= 0 ? 0 : at.y;
    return at;
}
