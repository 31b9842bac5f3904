/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PNG by libpng.  See png.h. */
#include "util/osdep.h"
#include "ui/png.h"
#include <png.h>

bool png_write(FILE *f, const Surface *s, Error **errp)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info) {
        png_destroy_write_struct(&png, NULL);
        error_set(errp, "out of memory in libpng");
        return false;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        error_set_errno(errp, errno, "libpng cannot write the picture");
        return false;
    }
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)s->width, (png_uint_32)s->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    png_set_bgr(png); /* x8r8g8b8 in memory: blue, green, red, unused */
    png_set_filler(png, 0, PNG_FILLER_AFTER);
    for (int y = 0; y < s->height; y++) {
        png_write_row(png, s->data + (size_t)y * (size_t)s->stride);
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return true;
}
