/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all displays share: the guest's name and state for titles, what a person may ask for, the keyboard's layout.
 * Main thread, big lock. */
#ifndef UI_DISPLAY_H
#define UI_DISPLAY_H

#include "ui/console.h"

/* What displays ask of the rest of the emulator; set once at start-up.  NULL entries: cannot be done. */
typedef struct DisplayHooks {
    void (*quit)(void);
    void (*powerdown)(void); /* the power button */
    void (*reset)(void);
} DisplayHooks;
void display_set_hooks(const DisplayHooks *hooks);
void display_quit(void);
void display_powerdown(void);
void display_reset(void);

void display_set_name(const char *name);   /* of the guest; NULL: none */
void display_set_state(const char *state); /* "paused"; NULL: it runs */
/* "Rhea (NAME)", with the state behind.  Valid until the next of these calls. */
const char *display_title(void);

/* Told of a new title. */
typedef struct DisplayNotifier {
    void (*title)(struct DisplayNotifier *n);
} DisplayNotifier;
void display_notifier_add(DisplayNotifier *n);
void display_notifier_remove(DisplayNotifier *n);

/*
 * A key for whatever console is shown: the guest gets @code (Linux input code; 0: unknown) through the input hub, a terminal of
 * ours gets what @keysym types (0: unknown).  Keys that a guest saw pressed are released in the guest.
 */
void display_key(Console *shown, unsigned code, uint32_t keysym, bool down);

/*
 * A key of which only the keysym is known, as old VNC viewers send them: turned into keys of the layout -k (see keymap.h), with
 * shift and AltGr pressed or released around it as far as the viewer's own state differs.
 */
void display_keysym(Console *shown, uint32_t keysym, bool down);

/* Types UTF-8 text into the guest on the layout -k, some milliseconds a key; false: nothing was typed, because something of it is on
 * no key, or too much waits already. */
bool display_type_text(const char *text, Error **errp);

/* All keys that displays pressed are released: the window lost the focus, the viewer left. */
void display_release_keys(void);

#endif
