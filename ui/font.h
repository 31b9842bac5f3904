/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's font of 8x16 pixels, code page 437, taken from a VGA BIOS image at start-up: it draws our terminals, and knows characters
 * again in a picture.  Without one, terminals draw boxes.  A guest that draws letters itself does it with a font of its own (the
 * Linux kernel's has another 0, M, f...), which it has in its memory: font_learn() looks for it there.  Main thread.
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
/* Memory that the guest uses: calls @look for each piece of it until that returns false. */
typedef bool FontLook(void *opaque, const uint8_t *data, size_t len);
typedef void FontMemory(FontLook *look, void *opaque);
void font_set_memory(FontMemory *memory); /* NULL: there is none */
/*
 * Looks for fonts of 8x16 pixels in which A to H are the PC's, and keeps a few of them.  True: there is one that was not known.
 * Takes as long as reading the memory does.
 */
bool font_learn(void);
/* The character that looks exactly so in the PC's font, or else in one that was learnt; 0: none. */
uint32_t font_recognise(const uint8_t rows[FONT_HEIGHT]);

#endif
