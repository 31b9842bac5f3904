/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text that a console shows, for people and scripts.  Main thread, big lock. */
#ifndef UI_SCREENTEXT_H
#define UI_SCREENTEXT_H

#include "ui/console.h"

/*
 * Lines of UTF-8 with a newline each, blanks at the right cut off, empty lines at the end too.  Text modes give their characters;
 * a picture is read in cells of 8x16 pixels with the PC's font, or the guest's own where that is found in its memory (so a Linux
 * console on a frame buffer can be read).  NULL: the picture is not made of such text.
 */
char *screentext_read(Console *c, Error **errp);

#endif
