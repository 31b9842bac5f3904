/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The window's picture and pointer, on screens of one, one and a half, two and three pixels a point. */
#include "util/osdep.h"
#include "tests/unit/test.h"

#include "ui/input.h"
#include "ui/sdl-geometry.h"

static const SdlSize window = { 800, 600 };
static const double densities[] = { 1, 1.5, 2, 3 };

static SdlSize dense(SdlSize points, double density)
{
    return (SdlSize){ (int)(points.w * density), (int)(points.h * density) };
}

TEST(picture_keeps_its_shape)
{
    SdlPicture p = sdl_place_picture((SdlSize){ 1600, 1200 }, (SdlSize){ 640, 480 });

    CHECK(p.x == 0 && p.y == 0 && p.w == 1600 && p.h == 1200);
    p = sdl_place_picture((SdlSize){ 1000, 1200 }, (SdlSize){ 640, 480 });
    CHECK(p.x == 0 && p.y == 225 && p.w == 1000 && p.h == 750);
    p = sdl_place_picture((SdlSize){ 1600, 400 }, (SdlSize){ 720, 400 });
    CHECK(p.x == 440 && p.y == 0 && p.w == 720 && p.h == 400);
    p = sdl_place_picture((SdlSize){ 1, 1 }, (SdlSize){ 16384, 1 });
    CHECK(p.w == 1 && p.h == 1);
}

/* A pixel of the guest's is a pixel of the screen, however dense that is. */
TEST(natural_size_is_in_points)
{
    for (size_t i = 0; i < G_N_ELEMENTS(densities); i++) {
        SdlSize s = sdl_window_size(window, dense(window, densities[i]), (SdlSize){ 1440, 900 }, 1);

        CHECK_EQ(s.w, (int)(1440 / densities[i]));
        CHECK_EQ(s.h, (int)(900 / densities[i]));
        s = sdl_window_size(window, dense(window, densities[i]), (SdlSize){ 8, 8 }, 1);
        CHECK(s.w == 64 && s.h == 64);
    }
}

static int off_by(int at, int points, int i)
{
    int want = (int)((double)at * INPUT_ABS_MAX / (points - 1) + 0.5);

    return i > want ? i - want : want - i;
}

/* The picture fills the window: each point is its share of the guest's screen, and all four edges are reached. */
TEST(pointer_is_where_it_is)
{
    for (size_t i = 0; i < G_N_ELEMENTS(densities); i++) {
        SdlSize pixels = dense(window, densities[i]);
        SdlPicture p = sdl_place_picture(pixels, (SdlSize){ 1024, 768 });
        int before = -1;

        for (int x = 0; x < window.w; x++) {
            SdlPlace at = sdl_map_pointer(window, pixels, p, x, x * 600 / 800);

            CHECK(off_by(x, window.w, at.x) <= INPUT_ABS_MAX / window.w);
            CHECK(off_by(x * 600 / 800, window.h, at.y) <= INPUT_ABS_MAX / window.h);
            CHECK(at.x > before);
            before = at.x;
        }
        SdlPlace first = sdl_map_pointer(window, pixels, p, 0, 0), last = sdl_map_pointer(window, pixels, p, 799, 599);

        CHECK(first.x == 0 && first.y == 0 && last.x == INPUT_ABS_MAX && last.y == INPUT_ABS_MAX);
        first = sdl_map_pointer(window, pixels, p, -500, INT_MIN / 4);
        last = sdl_map_pointer(window, pixels, p, 5000, INT_MAX / 4);
        CHECK(first.x == 0 && first.y == 0 && last.x == INPUT_ABS_MAX && last.y == INPUT_ABS_MAX);
    }
}

/* Bars beside the picture are its edge; the middle is the middle. */
TEST(bars_are_the_edge)
{
    for (size_t i = 0; i < G_N_ELEMENTS(densities); i++) {
        SdlSize wide = { 1000, 300 }, pixels = dense(wide, densities[i]);
        SdlPicture p = sdl_place_picture(pixels, (SdlSize){ 640, 480 }); /* 400 x 300 points in the middle */

        CHECK_EQ(sdl_map_pointer(wide, pixels, p, 299, 0).x, 0);
        CHECK_EQ(sdl_map_pointer(wide, pixels, p, 0, 0).x, 0);
        CHECK_EQ(sdl_map_pointer(wide, pixels, p, 700, 0).x, INPUT_ABS_MAX);
        CHECK_EQ(sdl_map_pointer(wide, pixels, p, 999, 0).x, INPUT_ABS_MAX);
        CHECK(off_by(1, 3, sdl_map_pointer(wide, pixels, p, 500, 150).x) <= INPUT_ABS_MAX / 300);
        CHECK(off_by(1, 3, sdl_map_pointer(wide, pixels, p, 500, 150).y) <= INPUT_ABS_MAX / 200);
    }
}
