/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input hub: events from displays and the monitor go to the handler that was activated last among those that take
 * their sort.  Also the monitor's `sendkey`: combinations wait in a queue, each is held and then released, by a timer
 * on the guest's clock: while the guest stands still, it sees no key pressed or released.  Under the big lock.
 */
#include "util/osdep.h"
#include "ui/input.h"

#include "ui/input-int.h"
#include "util/timer.h"

enum {
    INPUT_COMBO_MAX = 16,    /* keys pressed together */
    INPUT_QUEUE_MAX = 4096,  /* combinations that wait: some pages of typed text */
    INPUT_HOLD_DEFAULT = 100, /* ms */
    INPUT_HOLD_MAX = 60000,
    INPUT_KEYS_MAX = 1024,   /* paced keys that wait */
    INPUT_KEYS_UP = 256,     /* of these places for releases only, so that no key stays down */
    INPUT_KEYS_MS = 2,       /* how often the keyboard is asked whether it takes more */
};

struct InputHandler {
    const InputHandlerOps *ops;
    void *opaque;
    InputHandler *next;
    int index; /* of a pointer, for mouse_set */
};

typedef struct InputCombo {
    unsigned codes[INPUT_COMBO_MAX];
    unsigned count, hold_ms;
} InputCombo;

static InputHandler *input_first; /* activated last comes first */
static unsigned input_lamps;
static int input_indices;         /* pointers numbered so far */
static GPtrArray *input_notifiers; /* InputNotifier * */

static GQueue input_combos = G_QUEUE_INIT; /* InputCombo *; the head is the one at work */
static bool input_combo_down;              /* the head's keys are pressed */
static Timer input_combo_timer;

/* ---- handlers ---- */

void input_notifier_add(InputNotifier *n)
{
    if (!input_notifiers) {
        input_notifiers = g_ptr_array_new();
    }
    g_ptr_array_add(input_notifiers, n);
}

void input_notifier_remove(InputNotifier *n)
{
    if (input_notifiers) {
        g_ptr_array_remove(input_notifiers, n);
    }
}

/* Perhaps another pointer comes first now. */
static void input_tell_pointer(void)
{
    for (guint i = 0; input_notifiers && i < input_notifiers->len; i++) {
        InputNotifier *n = input_notifiers->pdata[i];

        if (n->pointer) {
            n->pointer(n);
        }
    }
}

static void input_unlink(InputHandler *h)
{
    for (InputHandler **p = &input_first; *p; p = &(*p)->next) {
        if (*p == h) {
            *p = h->next;
            return;
        }
    }
}

InputHandler *input_handler_add(const InputHandlerOps *ops, void *opaque)
{
    InputHandler *h = g_new0(InputHandler, 1), **p = &input_first;
    h->ops = ops;
    h->opaque = opaque;
    h->index = ops->rel || ops->abs ? input_indices++ : -1;
    while (*p) { /* last, until the guest uses it */
        p = &(*p)->next;
    }
    *p = h;
    input_tell_pointer();
    return h;
}

void input_handler_remove(InputHandler *h)
{
    if (h) {
        input_unlink(h);
        g_free(h);
        input_tell_pointer();
    }
}

void input_handler_activate(InputHandler *h)
{
    if (h != input_first) {
        input_unlink(h);
        h->next = input_first;
        input_first = h;
        input_tell_pointer();
    }
}

static InputHandler *input_pointer(void)
{
    for (InputHandler *h = input_first; h; h = h->next) {
        if (h->ops->rel || h->ops->abs) {
            return h;
        }
    }
    return NULL;
}

void input_each_mouse(void (*fn)(void *opaque, const InputMouseInfo *info), void *opaque)
{
    InputHandler *current = input_pointer();

    for (int i = 0; i < input_indices; i++) { /* in the order of their numbers */
        for (InputHandler *h = input_first; h; h = h->next) {
            if (h->index == i) {
                fn(opaque, &(InputMouseInfo){ i, h->ops->name, h->ops->absolute, h == current });
            }
        }
    }
}

bool input_mouse_set(int index, Error **errp)
{
    for (InputHandler *h = input_first; h; h = h->next) {
        if (h->index == index && index >= 0) {
            input_handler_activate(h);
            return true;
        }
    }
    error_set(errp, "there is no mouse %d", index);
    error_add_hint(errp, "`info mice` lists them.");
    return false;
}

void input_key(unsigned code, bool down)
{
    for (InputHandler *h = input_first; h; h = h->next) {
        if (h->ops->key) {
            h->ops->key(h->opaque, code, down);
            return;
        }
    }
}

static struct {
    uint16_t code;
    bool down;
} input_keys[INPUT_KEYS_MAX];
static unsigned input_keys_head, input_keys_count;
static Timer input_keys_timer;

static bool input_key_busy(void)
{
    for (InputHandler *h = input_first; h; h = h->next) {
        if (h->ops->key) {
            return h->ops->busy && h->ops->busy(h->opaque);
        }
    }
    return false;
}

/* On the guest's clock: while it stands still, keys wait. */
static void input_keys_tick(void *opaque)
{
    (void)opaque;
    while (input_keys_count && !input_key_busy()) {
        unsigned code = input_keys[input_keys_head].code;
        bool down = input_keys[input_keys_head].down;
        input_keys_head = (input_keys_head + 1) % INPUT_KEYS_MAX;
        input_keys_count--;
        input_key(code, down);
    }
    if (input_keys_count) {
        timer_mod(&input_keys_timer, clock_ns(CLOCK_KIND_VIRTUAL) + INPUT_KEYS_MS * NS_PER_MS);
    }
}

void input_key_paced(unsigned code, bool down)
{
    if (!input_keys_count && !input_key_busy()) {
        input_key(code, down);
        return;
    }
    if (input_keys_count >= (down ? INPUT_KEYS_MAX - INPUT_KEYS_UP : INPUT_KEYS_MAX)) {
        return;
    }
    unsigned at = (input_keys_head + input_keys_count++) % INPUT_KEYS_MAX;
    input_keys[at].code = (uint16_t)code;
    input_keys[at].down = down;
    if (!input_keys_timer.fn) {
        timer_init(&input_keys_timer, CLOCK_KIND_VIRTUAL, input_keys_tick, NULL);
    }
    if (!timer_pending(&input_keys_timer)) {
        timer_mod(&input_keys_timer, clock_ns(CLOCK_KIND_VIRTUAL) + INPUT_KEYS_MS * NS_PER_MS);
    }
}

void input_pointer_rel(int dx, int dy, int dz, unsigned buttons)
{
    for (InputHandler *h = input_first; h; h = h->next) {
        if (h->ops->rel) {
            h->ops->rel(h->opaque, dx, dy, dz, buttons);
            return;
        }
    }
}

void input_pointer_abs(int x, int y, int dz, unsigned buttons)
{
    for (InputHandler *h = input_first; h; h = h->next) {
        if (h->ops->abs) {
            h->ops->abs(h->opaque, CLAMP(x, 0, INPUT_ABS_MAX), CLAMP(y, 0, INPUT_ABS_MAX), dz, buttons);
            return;
        }
    }
}

bool input_pointer_is_absolute(void)
{
    InputHandler *h = input_pointer();

    return h && h->ops->absolute && h->ops->abs;
}

void input_set_leds(unsigned leds)
{
    leds &= INPUT_LED_SCROLL | INPUT_LED_NUM | INPUT_LED_CAPS;
    if (leds == input_lamps) {
        return;
    }
    input_lamps = leds;
    for (guint i = 0; input_notifiers && i < input_notifiers->len; i++) {
        InputNotifier *n = input_notifiers->pdata[i];

        if (n->leds) {
            n->leds(n);
        }
    }
}

unsigned input_leds(void)
{
    return input_lamps;
}

/* ---- key names ---- */

unsigned input_key_by_number(unsigned number)
{
    for (const InputKeyName *k = input_key_names; k->name; k++) {
        if (k->number == number && number) {
            return k->code;
        }
    }
    return 0;
}

unsigned input_key_number(unsigned code)
{
    for (const InputKeyName *k = input_key_names; k->name; k++) {
        if (k->code == code && k->number) {
            return k->number;
        }
    }
    return 0;
}

static unsigned input_find_number(const char *text)
{
    char *end;
    errno = 0;
    guint64 v = g_ascii_strtoull(text + 2, &end, 16);
    return errno || *end || end == text + 2 || v > 0xff ? 0 : input_key_by_number((unsigned)v);
}

unsigned input_key_by_name(const char *name)
{
    if (g_str_has_prefix(name, "0x")) {
        return input_find_number(name);
    }
    for (const InputKeyName *k = input_key_names; k->name; k++) {
        if (!strcmp(k->name, name)) {
            return k->code;
        }
    }
    return 0;
}

static void input_unknown_key(const char *name, Error **errp)
{
    GPtrArray *names = g_ptr_array_new();
    for (const InputKeyName *k = input_key_names; k->name; k++) {
        g_ptr_array_add(names, (gpointer)k->name);
    }
    g_ptr_array_add(names, NULL);
    const char *near = suggest_nearest(name, (const char *const *)names->pdata);
    if (g_str_has_prefix(name, "0x")) {
        error_set(errp, "no key has the number '%s'; a scan code of set 1 is wanted, plus 0x80 for an extended key", name);
    } else {
        error_set(errp, "there is no key '%s'", name);
        if (near) {
            error_add_hint(errp, "Did you mean '%s'?", near);
        }
    }
    g_ptr_array_free(names, TRUE);
}

/* ---- sendkey ---- */

static void input_combo_start(void);

/* Between two combinations there is a pause as long as the first was held. */
static void input_combo_tick(void *opaque)
{
    InputCombo *c = g_queue_peek_head(&input_combos);
    (void)opaque;
    if (!c) {
        return;
    }
    if (input_combo_down) {
        input_combo_down = false;
        for (unsigned i = c->count; i-- > 0;) {
            input_key_paced(c->codes[i], false);
        }
        timer_mod(&input_combo_timer, clock_ns(CLOCK_KIND_VIRTUAL) + c->hold_ms * NS_PER_MS);
    } else {
        g_free(g_queue_pop_head(&input_combos));
        input_combo_start();
    }
}

static void input_combo_start(void)
{
    InputCombo *c = g_queue_peek_head(&input_combos);
    if (!c) {
        return;
    }
    input_combo_down = true;
    for (unsigned i = 0; i < c->count; i++) {
        input_key_paced(c->codes[i], true);
    }
    timer_mod(&input_combo_timer, clock_ns(CLOCK_KIND_VIRTUAL) + c->hold_ms * NS_PER_MS);
}

static bool input_combo_parse(InputCombo *c, const char *keys, Error **errp)
{
    char **names = g_strsplit(keys, "-", -1);
    bool ok = true;
    for (unsigned i = 0; ok && names[i]; i++) {
        unsigned code = input_key_by_name(names[i]);
        if (!code) {
            input_unknown_key(names[i], errp);
            ok = false;
        } else if (c->count == INPUT_COMBO_MAX) {
            error_set(errp, "'%s' has more than %d keys", keys, INPUT_COMBO_MAX);
            ok = false;
        } else {
            c->codes[c->count++] = code;
        }
    }
    g_strfreev(names);
    if (ok && !c->count) {
        error_set(errp, "no key is named; keys joined by '-' are wanted, such as ctrl-alt-delete");
        ok = false;
    }
    return ok;
}

unsigned input_combos_room(void)
{
    return INPUT_QUEUE_MAX - g_queue_get_length(&input_combos);
}

static bool input_combo_queue(InputCombo *c, Error **errp)
{
    if (!input_combos_room()) {
        error_set(errp, "%d key combinations wait to be sent already", INPUT_QUEUE_MAX);
        g_free(c);
        return false;
    }
    if (!input_combo_timer.fn) {
        timer_init(&input_combo_timer, CLOCK_KIND_VIRTUAL, input_combo_tick, NULL);
    }
    g_queue_push_tail(&input_combos, c);
    if (g_queue_get_length(&input_combos) == 1) {
        input_combo_start();
    }
    return true;
}

bool input_send_combo(const unsigned *codes, unsigned count, unsigned hold_ms, Error **errp)
{
    InputCombo *c = g_new0(InputCombo, 1);
    c->hold_ms = hold_ms ? hold_ms : INPUT_HOLD_DEFAULT;
    c->count = MIN(count, INPUT_COMBO_MAX);
    memcpy(c->codes, codes, c->count * sizeof(codes[0]));
    return input_combo_queue(c, errp);
}

bool input_sendkey(const char *keys, unsigned hold_ms, Error **errp)
{
    InputCombo *c = g_new0(InputCombo, 1);
    c->hold_ms = hold_ms ? hold_ms : INPUT_HOLD_DEFAULT;
    if (!input_combo_parse(c, keys, errp)) {
        g_free(c);
        return false;
    }
    if (c->hold_ms > INPUT_HOLD_MAX) {
        error_set(errp, "a key cannot be held for %u ms; 1 to %d is the range", hold_ms, INPUT_HOLD_MAX);
        g_free(c);
        return false;
    }
    return input_combo_queue(c, errp);
}
