/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of keys, as sendkey knows them; for ui/input.c. */
#ifndef UI_INPUT_INT_H
#define UI_INPUT_INT_H

#include "util/osdep.h"

typedef struct InputKeyName {
    const char *name;
    uint8_t code;   /* Linux input code */
    uint8_t number; /* scan code of set 1, plus 0x80 for an extended key: what 0x.. means to sendkey; 0: none */
} InputKeyName;

extern const InputKeyName input_key_names[]; /* ends with a NULL name; of several names of a key the best comes first */

#endif
