/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hub of the character back ends: their list, and the way between front ends and back ends. */
#include "util/osdep.h"
#include "chardev/char.h"

#include "chardev/char-int.h"
#include "util/mainloop.h"

#include <fcntl.h>

#define CHAR_BACKLOG_MAX (1024 * 1024)
#define CHAR_RECENT_MAX 8192u

static const ChardevClass *const char_classes[] = {
    &chardev_stdio, &chardev_file, &chardev_pipe, &chardev_pty, &chardev_socket, &chardev_null,
    &chardev_vc, &chardev_mux, &chardev_ringbuf, &chardev_tty,
};

static GPtrArray *char_list; /* Chardev *, in order of creation */

/* Front end to back end. */

bool char_fe_attach(CharFe *fe, Chardev *chr, Error **errp)
{
    *fe = (CharFe){ .chr = chr };
    if (!chr) {
        return true;
    }
    if (char_is_mux(chr)) {
        return mux_attach(chr, fe, errp);
    }
    if (chr->fe) {
        fe->chr = NULL;
        error_set(errp, "character device '%s' is in use already", chr->label);
        error_add_hint(errp, "Give it mux=on to share it.");
        return false;
    }
    chr->fe = fe;
    return true;
}

void char_fe_detach(CharFe *fe)
{
    Chardev *c = fe->chr;
    if (!c) {
        return;
    }
    if (char_is_mux(c)) {
        mux_detach(fe);
    } else {
        c->fe = NULL;
        if (c->cls->accept_input) {
            c->cls->accept_input(c); /* nobody takes input now */
        }
    }
    *fe = (CharFe){ .chr = NULL };
}

void char_fe_set_handlers(CharFe *fe, const CharFeOps *ops, void *opaque)
{
    fe->ops = ops;
    fe->opaque = opaque;
    Chardev *c = fe->chr;
    if (!c) {
        return;
    }
    if (char_is_mux(c)) {
        mux_handlers_changed(fe);
    } else if (ops && ops->event && c->connected) {
        ops->event(opaque, CHAR_EV_OPENED);
    }
    char_fe_accept_input(fe);
}

static void char_log(Chardev *c, const uint8_t *buf, size_t len)
{
    while (c->log_fd >= 0 && len) {
        ssize_t n = write(c->log_fd, buf, len);
        if (n <= 0) {
            break; /* a full disk must not stop the guest */
        }
        buf += n;
        len -= (size_t)n;
    }
}

/* Keeps the last of it. */
static void char_remember(Chardev *c, const uint8_t *buf, size_t len)
{
    if (len > CHAR_RECENT_MAX) {
        buf += len - CHAR_RECENT_MAX;
        len = CHAR_RECENT_MAX;
    }
    if (c->recent->len + len > 2 * CHAR_RECENT_MAX) {
        g_byte_array_remove_range(c->recent, 0, c->recent->len - (guint)(CHAR_RECENT_MAX - len));
    }
    g_byte_array_append(c->recent, buf, (guint)len);
}

/* Skips ESC [ ... letter, and ESC with one character. */
static guint char_skip_escape(const GByteArray *a, guint i)
{
    if (++i < a->len && a->data[i] == '[') {
        for (i++; i < a->len && !g_ascii_isalpha((gchar)a->data[i]); i++) {
        }
    }
    return i;
}

bool char_expect(Chardev *c, const char *text)
{
    GString *plain = g_string_new(NULL);
    GArray *ends = g_array_new(FALSE, FALSE, sizeof(guint)); /* where each plain character ends in what was written */

    for (guint i = 0; i < c->recent->len; i++) {
        uint8_t b = c->recent->data[i];
        guint end;

        if (b == 27) {
            i = char_skip_escape(c->recent, i);
        } else if (b && b != '\r') {
            end = i + 1;
            g_string_append_c(plain, (gchar)b);
            g_array_append_val(ends, end);
        }
    }
    const char *at = *text ? strstr(plain->str, text) : NULL;

    if (at) {
        guint last = g_array_index(ends, guint, (guint)(at - plain->str) + (guint)strlen(text) - 1);

        g_byte_array_remove_range(c->recent, 0, last);
    }
    g_array_unref(ends);
    g_string_free(plain, TRUE);
    return at != NULL;
}

static size_t char_write(Chardev *c, const uint8_t *buf, size_t len)
{
    size_t n = c->backlog->len ? 0 : c->cls->write(c, buf, len);
    char_log(c, buf, n);
    char_remember(c, buf, n);
    return n;
}

size_t char_fe_write(CharFe *fe, const void *buf, size_t len)
{
    return fe->chr && len ? char_write(fe->chr, buf, len) : len;
}

void char_fe_write_all(CharFe *fe, const void *buf, size_t len)
{
    Chardev *c = fe->chr;
    if (!c) {
        return;
    }
    size_t done = char_write(c, buf, len);
    size_t room = CHAR_BACKLOG_MAX - c->backlog->len;
    g_byte_array_append(c->backlog, (const uint8_t *)buf + done, (guint)MIN(len - done, room));
}

void char_fe_printf(CharFe *fe, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    char_fe_write_all(fe, text, strlen(text));
    g_free(text);
}

void char_fe_accept_input(CharFe *fe)
{
    if (fe->chr && fe->chr->cls->accept_input) {
        fe->chr->cls->accept_input(fe->chr);
    }
}

bool char_fe_connected(const CharFe *fe)
{
    return fe->chr && fe->chr->connected;
}

void char_fe_set_serial(CharFe *fe, const CharSerialParams *p)
{
    if (fe->chr && fe->chr->cls->set_serial) {
        fe->chr->cls->set_serial(fe->chr, p);
    }
}

void char_fe_set_break(CharFe *fe, bool on)
{
    if (fe->chr && fe->chr->cls->set_break) {
        fe->chr->cls->set_break(fe->chr, on);
    }
}

int char_fe_get_modem(CharFe *fe)
{
    return fe->chr && fe->chr->cls->get_modem ? fe->chr->cls->get_modem(fe->chr) : -1;
}

void char_fe_set_modem(CharFe *fe, int bits)
{
    if (fe->chr && fe->chr->cls->set_modem) {
        fe->chr->cls->set_modem(fe->chr, bits);
    }
}

/* Back end to front end. */

size_t char_be_can_receive(Chardev *c)
{
    CharFe *fe = c->fe;
    return fe && fe->ops && fe->ops->can_receive && fe->ops->receive ? fe->ops->can_receive(fe->opaque) : 0;
}

void char_be_receive(Chardev *c, const uint8_t *buf, size_t len)
{
    if (len && c->fe && c->fe->ops && c->fe->ops->receive) {
        c->fe->ops->receive(c->fe->opaque, buf, len);
    }
}

void char_be_event(Chardev *c, CharEvent ev)
{
    if (ev == CHAR_EV_OPENED || ev == CHAR_EV_CLOSED) {
        c->connected = ev == CHAR_EV_OPENED;
        g_byte_array_set_size(c->backlog, 0); /* was for the peer before */
    }
    if (c->fe && c->fe->ops && c->fe->ops->event) {
        c->fe->ops->event(c->fe->opaque, ev);
    }
}

void char_be_writable(Chardev *c)
{
    if (c->backlog->len) {
        size_t n = c->cls->write(c, c->backlog->data, c->backlog->len);
        char_log(c, c->backlog->data, n);
        char_remember(c, c->backlog->data, n);
        g_byte_array_remove_range(c->backlog, 0, (guint)n);
    }
    if (!c->backlog->len && c->fe && c->fe->ops && c->fe->ops->can_write) {
        c->fe->ops->can_write(c->fe->opaque);
    }
}

/* Creation. */

static const ChardevClass *char_class_find(const char *name, Error **errp)
{
    const char *names[2 * G_N_ELEMENTS(char_classes) + 1];
    unsigned n = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(char_classes); i++) {
        const ChardevClass *cls = char_classes[i];
        if (!strcmp(cls->name, name) || !g_strcmp0(cls->alias, name)) {
            return cls;
        }
        names[n++] = cls->name;
        if (cls->alias) {
            names[n++] = cls->alias;
        }
    }
    names[n] = NULL;
    error_set(errp, "there is no character back end '%s'", name);
    const char *near = suggest_nearest(name, names);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    }
    error_add_hint(errp, "`-chardev help` lists them.");
    return NULL;
}

static bool char_open_log(Chardev *c, KeyVal *kv, Error **errp)
{
    const char *path = keyval_get(kv, "logfile");
    bool append = false;
    if (!keyval_get_bool(kv, "logappend", &append, errp)) {
        return false;
    }
    if (!path) {
        return true;
    }
    c->log_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
    if (c->log_fd < 0) {
        error_set_errno(errp, errno, "character device '%s': cannot write the log file '%s'", c->label, path);
        return false;
    }
    return true;
}

static bool char_finish_options(const ChardevClass *cls, KeyVal *kv, Error **errp)
{
    static const char *const common[] = { "id", "backend", "mux", "logfile", "logappend" };
    GPtrArray *known = g_ptr_array_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(common); i++) {
        g_ptr_array_add(known, (char *)common[i]);
    }
    for (const char *const *k = cls->keys; k && *k; k++) {
        g_ptr_array_add(known, (char *)*k);
    }
    g_ptr_array_add(known, NULL);
    char *what = g_strdup_printf("character back end '%s'", cls->name);
    bool ok = keyval_finish(kv, what, (const char *const *)known->pdata, errp);
    g_free(what);
    g_ptr_array_unref(known);
    return ok;
}

Chardev *char_alloc(const ChardevClass *cls, const char *label)
{
    Chardev *c = g_malloc0(cls->size);
    c->cls = cls;
    c->label = g_strdup(label);
    c->backlog = g_byte_array_new();
    c->log_fd = -1;
    c->recent = g_byte_array_new();
    return c;
}

void char_list_add(Chardev *c)
{
    if (!char_list) {
        char_list = g_ptr_array_new();
    }
    g_ptr_array_add(char_list, c);
}

/* The last words (a monitor's answer before `quit`) get a second to reach a slow reader; one that never reads loses them. */
#define CHAR_LAST_WORDS_MS 1000
static void char_drain(Chardev *c)
{
    for (unsigned ms = 0; ms < CHAR_LAST_WORDS_MS && c->backlog && c->backlog->len && c->connected; ms++) {
        size_t n = c->cls->write(c, c->backlog->data, c->backlog->len);
        char_log(c, c->backlog->data, n);
        char_remember(c, c->backlog->data, n);
        g_byte_array_remove_range(c->backlog, 0, (guint)n);
        if (!n) {
            g_usleep(1000);
        }
    }
}

void char_close(Chardev *c)
{
    char_drain(c);
    if (c->fe) {
        *c->fe = (CharFe){ .chr = NULL };
        c->fe = NULL;
    }
    c->cls->close(c);
    if (char_list) {
        g_ptr_array_remove(char_list, c);
    }
    if (c->log_fd >= 0) {
        close(c->log_fd);
    }
    g_byte_array_unref(c->backlog);
    g_byte_array_unref(c->recent);
    g_free(c->label);
    g_free(c);
}

Chardev *char_open(KeyVal *kv, const char *label, Error **errp)
{
    const char *backend = keyval_get(kv, "backend");
    const ChardevClass *cls = backend ? char_class_find(backend, errp) : NULL;
    if (!cls) {
        if (!backend) {
            error_set(errp, "no character back end is named");
            error_add_hint(errp, "`-chardev help` lists them.");
        }
        return NULL;
    }
    if (char_find(label)) {
        error_set(errp, "there is a character device '%s' already; each needs an id of its own", label);
        return NULL;
    }
    bool mux = false;
    char *base_label = NULL;
    if (!keyval_get_bool(kv, "mux", &mux, errp)) {
        return NULL;
    }
    base_label = mux ? g_strdup_printf("%s-base", label) : g_strdup(label);
    keyval_get(kv, "id");
    Chardev *c = char_alloc(cls, base_label);
    g_free(base_label);
    if (!char_open_log(c, kv, errp) || !cls->open(c, kv, errp) || !char_finish_options(cls, kv, errp)) {
        char_close(c);
        return NULL;
    }
    char_list_add(c);
    return mux ? mux_new(label, c, errp) : c;
}

Chardev *char_new(const char *options, Error **errp)
{
    KeyVal *kv = keyval_parse(options, "backend", errp);
    if (!kv) {
        return NULL;
    }
    const char *id = keyval_get(kv, "id");
    Chardev *c = NULL;
    if (id && *id) {
        c = char_open(kv, id, errp);
    } else {
        error_set(errp, "-chardev %s has no id=", options);
        error_add_hint(errp, "Add id=NAME, so that -serial chardev:NAME and others can refer to it.");
    }
    keyval_free(kv);
    return c;
}

/* The list. */

const char *char_label(const Chardev *chr)
{
    return chr->label;
}

char *char_describe(const Chardev *chr)
{
    return chr->cls->describe ? chr->cls->describe(chr) : g_strdup(chr->cls->name);
}

Chardev *char_find(const char *id)
{
    for (unsigned i = 0; char_list && i < char_list->len; i++) {
        Chardev *c = char_list->pdata[i];
        if (!strcmp(c->label, id)) {
            return c;
        }
    }
    return NULL;
}

bool char_is_mux(const Chardev *chr)
{
    return chr->cls == &chardev_mux;
}

void char_each(void (*fn)(void *opaque, Chardev *chr, bool frontend_open), void *opaque)
{
    for (unsigned i = 0; char_list && i < char_list->len; i++) {
        Chardev *c = char_list->pdata[i];
        fn(opaque, c, c->fe != NULL || char_is_mux(c));
    }
}

bool char_remove(const char *id, Error **errp)
{
    Chardev *c = char_find(id);
    if (!c) {
        error_set(errp, "there is no character device '%s'", id);
        return false;
    }
    if (c->fe || char_is_mux(c)) {
        error_set(errp, "character device '%s' is in use", id);
        return false;
    }
    char_close(c);
    return true;
}

void char_cleanup_all(void)
{
    /* Last made, first closed: a mux goes before what it sits on. */
    while (char_list && char_list->len) {
        char_close(char_list->pdata[char_list->len - 1]);
    }
}

void char_restore_terminal(void)
{
    stdio_restore_terminal();
}

void char_print_backends(FILE *f)
{
    fprintf(f, "Character back ends (-chardev NAME,id=ID[,mux=on][,logfile=FILE][,logappend=on][,...]):\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(char_classes); i++) {
        const ChardevClass *cls = char_classes[i];
        fprintf(f, "  %-8s %s\n", cls->name, cls->help);
        if (cls->keys && cls->keys[0]) {
            char *keys = g_strjoinv(", ", (char **)cls->keys);
            fprintf(f, "  %-8s   options: %s\n", "", keys);
            g_free(keys);
        }
    }
}
