/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Human monitors: sessions on character devices.  Main thread, big lock. */
#include "util/osdep.h"
#include "monitor/monitor.h"

#include "build/config.h"
#include "chardev/char.h"
#include "monitor/monitor-int.h"
#include "system/runstate.h"

struct Monitor {
    CharFe fe;
    Editor *editor;
    unsigned cpu;  /* for x, info registers, ... */
    bool focused;  /* has the input; on a mux not always */
    bool greeted;
    bool waiting;  /* a command answers later */
    void (*cancel)(void *opaque);
    void *cancel_opaque;
    GByteArray *held; /* input that came while it waits */
};

static GPtrArray *monitors;
static bool monitor_quitting; /* no more prompts */

/* Text with plain newlines. */
static void monitor_write(void *opaque, const char *text)
{
    Monitor *m = opaque;
    GString *s = g_string_sized_new(strlen(text) + 64);
    for (; *text; text++) {
        if (*text == '\n') {
            g_string_append_c(s, '\r');
        }
        g_string_append_c(s, *text);
    }
    char_fe_write_all(&m->fe, s->str, s->len);
    g_string_free(s, TRUE);
}

static void monitor_line(void *opaque, const char *line)
{
    Monitor *m = opaque;
    GString *out = g_string_new(NULL);
    hmp_run_line(line, &m->cpu, editor_history(m->editor), m, out);
    monitor_write(m, out->str);
    g_string_free(out, TRUE);
    if (!monitor_quitting && !m->waiting) {
        editor_prompt(m->editor);
    }
}

static void monitor_complete(void *opaque, const char *line, GPtrArray *matches)
{
    (void)opaque;
    hmp_complete(line, matches);
}

static void monitor_greet(Monitor *m)
{
    if (!m->greeted) {
        monitor_write(m, "Rhea " RHEA_VERSION " monitor - type 'help' for more information\n");
        m->greeted = true;
    }
    editor_prompt(m->editor);
}

static size_t monitor_can_receive(void *opaque)
{
    Monitor *m = opaque;
    return m->focused && !m->waiting ? 1024 : 0;
}

static void monitor_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Monitor *m = opaque;
    for (size_t i = 0; i < len; i++) {
        if (m->waiting) { /* the rest comes after the answer */
            g_byte_array_append(m->held, buf + i, (guint)(len - i));
            return;
        }
        editor_input(m->editor, buf[i]);
    }
}

Monitor *monitor_suspend(MonCall *call, void (*cancel)(void *opaque), void *opaque, Error **errp)
{
    Monitor *m = call->session;
    if (!m || m->waiting) {
        error_set(errp, "%s: only a monitor's own session can wait", call->cmd->name);
        return NULL;
    }
    m->waiting = true;
    m->cancel = cancel;
    m->cancel_opaque = opaque;
    return m;
}

void monitor_resume(Monitor *m, GString *text)
{
    GByteArray *held = m->held;
    m->waiting = false;
    monitor_write(m, text->str);
    g_string_free(text, TRUE);
    if (!monitor_quitting) {
        editor_prompt(m->editor);
    }
    m->held = g_byte_array_new();
    monitor_receive(m, held->data, held->len);
    g_byte_array_unref(held);
    char_fe_accept_input(&m->fe);
}

static void monitor_event(void *opaque, CharEvent ev)
{
    Monitor *m = opaque;
    switch (ev) {
    case CHAR_EV_OPENED:
        m->greeted = false;
        editor_clear(m->editor);
        if (m->focused) {
            monitor_greet(m);
        }
        break;
    case CHAR_EV_MUX_IN:
        m->focused = true;
        if (m->greeted) {
            monitor_write(m, "\n");
        }
        monitor_greet(m);
        break;
    case CHAR_EV_MUX_OUT:
        m->focused = false;
        break;
    default:
        break;
    }
}

static void monitor_free(void *p)
{
    Monitor *m = p;
    if (m->waiting) {
        m->cancel(m->cancel_opaque);
    }
    char_fe_detach(&m->fe);
    editor_free(m->editor);
    g_byte_array_unref(m->held);
    g_free(m);
}

bool monitor_new(Chardev *chr, Error **errp)
{
    static const CharFeOps char_ops = { monitor_can_receive, monitor_receive, monitor_event, NULL };
    static const EditorOps editor_ops = { monitor_write, monitor_line, monitor_complete };
    Monitor *m = g_new0(Monitor, 1);
    if (!char_fe_attach(&m->fe, chr, errp)) {
        g_free(m);
        return false;
    }
    m->focused = !char_is_mux(chr);
    m->held = g_byte_array_new();
    m->editor = editor_new(&editor_ops, m, "(qemu) ");
    if (!monitors) {
        monitors = g_ptr_array_new_with_free_func(monitor_free);
    }
    g_ptr_array_add(monitors, m);
    char_fe_set_handlers(&m->fe, &char_ops, m);
    return true;
}

void monitor_run_line(const char *line, unsigned cpu, GString *out)
{
    hmp_run_line(line, &cpu, NULL, NULL, out);
}

void monitor_quit(void)
{
    monitor_quitting = true;
    request_shutdown(SHUTDOWN_HOST_QMP_QUIT);
}

void monitor_cleanup(void)
{
    if (monitors) {
        g_ptr_array_unref(monitors);
        monitors = NULL;
    }
    monitor_quitting = false;
}
