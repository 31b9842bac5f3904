/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a picture as PNG.  png.c needs libpng; png-none.c stands in where the build has none. */
#ifndef UI_PNG_H
#define UI_PNG_H

#include "ui/console.h"

/* To an open file; false and *errp on failure. */
bool png_write(FILE *f, const Surface *s, Error **errp);

#endif
