/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What displays share: see display.h.  Main thread, big lock. */
#include "util/osdep.h"
#include "ui/display.h"

static DisplayHooks display_hooks;
static char *display_name, *display_state, *display_text;
static GPtrArray *display_notifiers; /* DisplayNotifier * */

void display_set_hooks(const DisplayHooks *hooks)
{
    display_hooks = *hooks;
}

void display_quit(void)
{
    if (display_hooks.quit) {
        display_hooks.quit();
    }
}

void display_powerdown(void)
{
    if (display_hooks.powerdown) {
        display_hooks.powerdown();
    }
}

void display_reset(void)
{
    if (display_hooks.reset) {
        display_hooks.reset();
    }
}

/* ---- title ---- */

static void display_retitle(void)
{
    for (guint i = 0; display_notifiers && i < display_notifiers->len; i++) {
        DisplayNotifier *n = display_notifiers->pdata[i];

        n->title(n);
    }
}

void display_set_name(const char *name)
{
    g_free(display_name);
    display_name = g_strdup(name);
    display_retitle();
}

void display_set_state(const char *state)
{
    g_free(display_state);
    display_state = g_strdup(state);
    display_retitle();
}

const char *display_title(void)
{
    g_free(display_text);
    display_text = g_strconcat("Rhea", display_name ? " (" : "", display_name ? display_name : "", display_name ? ")" : "",
                               display_state ? " [" : "", display_state ? display_state : "", display_state ? "]" : "", NULL);
    return display_text;
}

void display_notifier_add(DisplayNotifier *n)
{
    if (!display_notifiers) {
        display_notifiers = g_ptr_array_new();
    }
    g_ptr_array_add(display_notifiers, n);
}

void display_notifier_remove(DisplayNotifier *n)
{
    if (display_notifiers) {
        g_ptr_array_remove(display_notifiers, n);
    }
}
