/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux: several front ends (a serial port, a monitor) on one back end.  One of them has the input; the escape character
 * (Ctrl-A, -echr) and a letter switch between them.  Output of all is mixed.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "chardev/char-int.h"

#include "util/fifo8.h"
#include "util/mainloop.h"

#define MUX_MAX_FE 8
#define MUX_FIFO 64

typedef struct MuxChardev {
    Chardev chr;
    CharFe base;
    CharFe *fe[MUX_MAX_FE]; /* by mux_index; NULL: free */
    Fifo8 in[MUX_MAX_FE];   /* what a front end had no room for */
    int focus;              /* -1: nobody */
    int told;               /* who knows that it has the focus; -1: nobody */
    uint32_t started;       /* bit per front end: has had handlers */
    BottomHalf *announce;
    bool escaped;           /* the escape character was the last one */
} MuxChardev;

static int mux_escape = 1; /* Ctrl-A */
static void (*mux_quit)(void);
static bool (*mux_attach_monitor)(Chardev *mux, Error **errp);

void char_set_escape(int ch)
{
    mux_escape = ch;
}

void char_set_quit_hook(void (*quit)(void))
{
    mux_quit = quit;
}

void char_set_monitor_hook(bool (*attach)(Chardev *mux, Error **errp))
{
    mux_attach_monitor = attach;
}

static MuxChardev *mux_of(Chardev *c)
{
    return container_of(c, MuxChardev, chr);
}

static void mux_tell(MuxChardev *m, int i, CharEvent ev)
{
    CharFe *fe = i >= 0 ? m->fe[i] : NULL;
    if (fe && fe->ops && fe->ops->event) {
        fe->ops->event(fe->opaque, ev);
    }
}

static size_t mux_room(const CharFe *fe)
{
    return fe && fe->ops && fe->ops->can_receive && fe->ops->receive ? fe->ops->can_receive(fe->opaque) : 0;
}

/* What waited for front end @i. */
static void mux_flush(MuxChardev *m, int i)
{
    uint8_t byte;
    while (i >= 0 && m->fe[i] && mux_room(m->fe[i]) && fifo8_pop(&m->in[i], &byte)) {
        m->fe[i]->ops->receive(m->fe[i]->opaque, &byte, 1);
    }
}

static void mux_announce(void *opaque)
{
    MuxChardev *m = opaque;
    if (m->told != m->focus) {
        int old = m->told;
        m->told = m->focus;
        mux_tell(m, old, CHAR_EV_MUX_OUT);
        mux_tell(m, m->focus, CHAR_EV_MUX_IN);
        mux_flush(m, m->focus);
    }
}

static void mux_set_focus(MuxChardev *m, int i)
{
    if (i >= 0 && m->fe[i]) {
        m->focus = i;
        mux_announce(m);
    }
}

static void mux_next(MuxChardev *m)
{
    for (int step = 1; step <= MUX_MAX_FE; step++) {
        int i = (MAX(m->focus, 0) + step) % MUX_MAX_FE;
        if (m->fe[i]) {
            mux_set_focus(m, i);
            return;
        }
    }
}

static void mux_print_help(MuxChardev *m)
{
    char name[8] = "C-a";
    if (mux_escape >= 1 && mux_escape <= 26) {
        name[2] = (char)('a' + mux_escape - 1);
    } else {
        g_snprintf(name, sizeof(name), "0x%02x", mux_escape & 0xff);
    }
    char_fe_printf(&m->base, "\n\r%s h    this help\n\r"
                             "%s x    end the emulator\n\r"
                             "%s s    write changes of -snapshot drives back to their files\n\r"
                             "%s b    send a break (magic SysRq)\n\r"
                             "%s c    switch between the console and the monitor\n\r"
                             "%s %s  send %s itself\n\r", name, name, name, name, name, name, name, name);
}

/* The letter after the escape character.  True: it is input for the front end. */
static bool mux_command(MuxChardev *m, uint8_t ch)
{
    if (ch == mux_escape) {
        return true;
    }
    switch (ch) {
    case 'h':
    case '?':
        mux_print_help(m);
        break;
    case 'x':
        char_fe_printf(&m->base, "\n\rRhea: ended\n\r");
        if (mux_quit) {
            mux_quit();
        }
        break;
    case 's':
        char_fe_printf(&m->base, "\n\rRhea: writing changes back is not there yet\n\r");
        break;
    case 'b':
        mux_tell(m, m->focus, CHAR_EV_BREAK);
        break;
    case 'c':
        mux_next(m);
        break;
    default:
        break;
    }
    return false;
}

static void mux_input(MuxChardev *m, uint8_t ch)
{
    mux_announce(m);
    if (m->escaped) {
        m->escaped = false;
        if (!mux_command(m, ch)) {
            return;
        }
    } else if (ch == mux_escape) {
        m->escaped = true;
        return;
    }
    CharFe *fe = m->focus >= 0 ? m->fe[m->focus] : NULL;
    if (fe && fifo8_empty(&m->in[m->focus]) && mux_room(fe)) {
        fe->ops->receive(fe->opaque, &ch, 1);
    } else if (fe) {
        fifo8_push(&m->in[m->focus], ch);
    }
}

/* The base's front end is the mux. */

static size_t mux_can_receive(void *opaque)
{
    /* Always a little, since an escape must get through even to a front end that takes nothing. */
    MuxChardev *m = opaque;
    return m->focus < 0 ? MUX_FIFO : fifo8_free(&m->in[m->focus]) ? fifo8_free(&m->in[m->focus]) : 0;
}

static void mux_receive(void *opaque, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        mux_input(opaque, buf[i]);
    }
}

static void mux_event(void *opaque, CharEvent ev)
{
    MuxChardev *m = opaque;
    if (ev == CHAR_EV_BREAK) {
        mux_tell(m, m->focus, ev);
        return;
    }
    if (ev == CHAR_EV_OPENED || ev == CHAR_EV_CLOSED) {
        m->chr.connected = ev == CHAR_EV_OPENED;
        for (int i = 0; i < MUX_MAX_FE; i++) {
            mux_tell(m, i, ev);
        }
    }
}

static void mux_can_write(void *opaque)
{
    MuxChardev *m = opaque;
    char_be_writable(&m->chr); /* the backlog of the mux itself */
    for (int i = 0; i < MUX_MAX_FE; i++) {
        if (m->fe[i] && m->fe[i]->ops && m->fe[i]->ops->can_write) {
            m->fe[i]->ops->can_write(m->fe[i]->opaque);
        }
    }
}

/* As a back end. */

static size_t mux_write(Chardev *c, const uint8_t *buf, size_t len)
{
    return char_fe_write(&mux_of(c)->base, buf, len);
}

static void mux_accept_input(Chardev *c)
{
    MuxChardev *m = mux_of(c);
    mux_flush(m, m->focus);
    char_fe_accept_input(&m->base);
}

static void mux_set_serial(Chardev *c, const CharSerialParams *p)
{
    char_fe_set_serial(&mux_of(c)->base, p);
}

static void mux_set_break(Chardev *c, bool on)
{
    char_fe_set_break(&mux_of(c)->base, on);
}

static int mux_get_modem(Chardev *c)
{
    return char_fe_get_modem(&mux_of(c)->base);
}

static void mux_set_modem(Chardev *c, int bits)
{
    char_fe_set_modem(&mux_of(c)->base, bits);
}

static void mux_close(Chardev *c)
{
    MuxChardev *m = mux_of(c);
    char_fe_detach(&m->base);
    bh_free(m->announce);
    for (int i = 0; i < MUX_MAX_FE; i++) {
        if (m->fe[i]) {
            *m->fe[i] = (CharFe){ .chr = NULL };
        }
        fifo8_destroy(&m->in[i]);
    }
}

static bool mux_start(MuxChardev *m, Chardev *base, Error **errp)
{
    static const CharFeOps ops = { mux_can_receive, mux_receive, mux_event, mux_can_write };
    m->focus = m->told = -1;
    m->announce = bh_new(mux_announce, m);
    for (int i = 0; i < MUX_MAX_FE; i++) {
        fifo8_init(&m->in[i], MUX_FIFO);
    }
    if (!char_fe_attach(&m->base, base, errp)) {
        return false;
    }
    char_fe_set_handlers(&m->base, &ops, m);
    return true;
}

static bool mux_open(Chardev *c, KeyVal *kv, Error **errp)
{
    const char *id = keyval_get(kv, "chardev");
    Chardev *base = id ? char_find(id) : NULL;
    if (!base) {
        error_set(errp, "character device '%s': a mux needs chardev=ID of an existing one%s%s", c->label,
                  id ? ", not " : "", id ? id : "");
        return false;
    }
    return mux_start(mux_of(c), base, errp);
}

Chardev *mux_new(const char *label, Chardev *base, Error **errp)
{
    Chardev *c = char_alloc(&chardev_mux, label);
    if (!mux_start(mux_of(c), base, errp)) {
        char_close(c);
        return NULL;
    }
    char_list_add(c);
    return c;
}

bool mux_attach(Chardev *mux, CharFe *fe, Error **errp)
{
    MuxChardev *m = mux_of(mux);
    for (int i = 0; i < MUX_MAX_FE; i++) {
        if (!m->fe[i]) {
            m->fe[i] = fe;
            fe->mux_index = i;
            return true;
        }
    }
    fe->chr = NULL;
    error_set(errp, "character device '%s' is shared by %d users already; that is the limit", mux->label, MUX_MAX_FE);
    return false;
}

void mux_detach(CharFe *fe)
{
    MuxChardev *m = mux_of(fe->chr);
    m->fe[fe->mux_index] = NULL;
    m->started &= ~(1u << fe->mux_index);
    if (m->told == fe->mux_index) {
        m->told = -1;
    }
    fifo8_reset(&m->in[fe->mux_index]);
    if (m->focus == fe->mux_index) {
        m->focus = -1;
        mux_next(m);
    }
}

/*
 * The last front end that came has the input at first: with "mon:stdio" the serial port, which the board connects after
 * the monitor.  It is told in the next turn of the main loop, so that one that loses it at once says nothing.
 */
void mux_handlers_changed(CharFe *fe)
{
    MuxChardev *m = mux_of(fe->chr);
    uint32_t bit = 1u << fe->mux_index;
    if (!fe->ops || (m->started & bit)) {
        return;
    }
    m->started |= bit;
    if (m->chr.connected) {
        mux_tell(m, fe->mux_index, CHAR_EV_OPENED);
    }
    m->focus = fe->mux_index;
    bh_schedule(m->announce);
}

static const char *const mux_keys[] = { "chardev", NULL };
const ChardevClass chardev_mux = {
    .name = "mux",
    .help = "shares chardev=ID among several users (mux=on on that device is the short form)",
    .keys = mux_keys,
    .size = sizeof(MuxChardev),
    .open = mux_open,
    .close = mux_close,
    .write = mux_write,
    .accept_input = mux_accept_input,
    .set_serial = mux_set_serial,
    .set_break = mux_set_break,
    .get_modem = mux_get_modem,
    .set_modem = mux_set_modem,
};

/* "mon:": a monitor joins the device on the mux. */
bool mux_add_monitor(Chardev *mux, Error **errp)
{
    if (!mux_attach_monitor) {
        error_set(errp, "no monitor can be attached to '%s'", mux->label);
        return false;
    }
    return mux_attach_monitor(mux, errp);
}
