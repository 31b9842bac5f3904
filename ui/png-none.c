/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of png.c where the build has no libpng. */
#include "util/osdep.h"
#include "ui/png.h"

bool png_write(FILE *f, const Surface *s, Error **errp)
{
    (void)f;
    (void)s;
    error_set(errp, "this build of Rhea cannot write PNG pictures");
    error_add_hint(errp, "Install libpng-dev and configure again, or use the format ppm.");
    return false;
}
