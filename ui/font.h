/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's font of 8x16 pixels, code page 437, taken from a VGA BIOS image at start-up: it draws our terminals, and knows characters
 * again in a picture.  Without one, terminals draw boxes.  Main thread.
 */
#ifndef UI_FONT_H
#define UI_FONT_H

#include "util/osdep.h"

enum { FONT_WIDTH = 8, FONT_HEIGHT = 16 };

/* Looks for the font in an image of a VGA BIOS; false: there is none in it. */
bool font_load(const uint8_t *image, size_t len);
bool font_loaded(void);
/* Rows from the top, leftmost pixel in bit 7.  What the font lacks becomes its letter without accent, or a box. */
const uint8_t *font_glyph(uint32_t ch);
/* The character that looks exactly so; 0: none. */
uint32_t font_recognise(const uint8_t rows[FONT_HEIGHT]);

#endif
