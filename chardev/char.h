/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character back ends as devices and the monitor see them.  A back end (Chardev) has at most one
 * front end (CharFe), or several through a mux.  Everything under the big lock; callbacks run in the main
 * thread with it held.
 */
#ifndef CHARDEV_CHAR_H
#define CHARDEV_CHAR_H

#include "util/error.h"

typedef struct Chardev Chardev;

typedef enum CharEvent {
    CHAR_EV_OPENED, CHAR_EV_CLOSED, CHAR_EV_BREAK,
    CHAR_EV_MUX_IN, CHAR_EV_MUX_OUT, /* this front end gets, loses the input of a mux */
} CharEvent;

typedef struct CharFeOps {
    size_t (*can_receive)(void *opaque);                            /* bytes it takes now */
    void (*receive)(void *opaque, const uint8_t *buf, size_t len);  /* len <= can_receive() */
    void (*event)(void *opaque, CharEvent ev);                      /* may be NULL */
    void (*can_write)(void *opaque);                                /* after a short char_fe_write(); may be NULL */
} CharFeOps;

/* Embedded in the device.  Zeroed: not connected; writes then vanish. */
typedef struct CharFe {
    Chardev *chr;
    const CharFeOps *ops;
    void *opaque;
    int mux_index;
} CharFe;

bool char_fe_attach(CharFe *fe, Chardev *chr, Error **errp); /* chr NULL: stays unconnected */
void char_fe_detach(CharFe *fe);
void char_fe_set_handlers(CharFe *fe, const CharFeOps *ops, void *opaque); /* NULL: none */
/* Bytes accepted; less than @len when the back end is slow: ops->can_write follows.  Never blocks. */
size_t char_fe_write(CharFe *fe, const void *buf, size_t len);
/* As above for text that must not be lost (monitor): what is not accepted is queued, up to 1 MiB. */
void char_fe_write_all(CharFe *fe, const void *buf, size_t len);
void char_fe_printf(CharFe *fe, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void char_fe_accept_input(CharFe *fe); /* can_receive() may have grown */
bool char_fe_connected(const CharFe *fe); /* a peer is there */

typedef struct CharSerialParams {
    int speed;     /* baud */
    int data_bits; /* 5..8 */
    int stop_bits; /* 1..2 */
    char parity;   /* 'N' 'E' 'O' */
} CharSerialParams;
void char_fe_set_serial(CharFe *fe, const CharSerialParams *p);
void char_fe_set_break(CharFe *fe, bool on);
enum { CHAR_MODEM_CTS = 1, CHAR_MODEM_DSR = 2, CHAR_MODEM_RI = 4, CHAR_MODEM_DCD = 8, CHAR_MODEM_RTS = 16, CHAR_MODEM_DTR = 32 };
int char_fe_get_modem(CharFe *fe);            /* CHAR_MODEM_* inputs; -1: not a real line */
void char_fe_set_modem(CharFe *fe, int bits); /* RTS, DTR */

/* For start-up and the monitor. */
const char *char_label(const Chardev *chr);
char *char_describe(const Chardev *chr); /* "unix:/path,server=on", "pty:/dev/pts/3": query-chardev's filename */
Chardev *char_find(const char *id);
/* "-chardev socket,id=x,path=..." */
Chardev *char_new(const char *options, Error **errp);
/* "-serial SPEC": stdio, mon:stdio, vc, null, none (gives NULL without error), pty, file:PATH, pipe:PATH,
 * unix:PATH[,server=on][,wait=off], tcp:HOST:PORT[,...], telnet:..., chardev:ID, /dev/tty..., ringbuf */
bool char_from_legacy(const char *label, const char *spec, bool with_monitor, Chardev **out, Error **errp);
bool char_is_mux(const Chardev *chr);
void char_set_escape(int ch); /* -echr: 1..26 is Ctrl-A..Ctrl-Z; Ctrl-A at first */
void char_set_quit_hook(void (*quit)(void)); /* escape x */
/* Set by whoever owns the monitor: attaches one to a mux for "mon:" and -nographic. */
void char_set_monitor_hook(bool (*attach)(Chardev *mux, Error **errp));
/* What "vc" is made of, by whoever owns displays: a terminal that shows what is written, and calls char_vc_typed(). */
typedef struct CharVcHooks {
    void *(*open)(Chardev *chr, int cols, int rows); /* 0: as it likes */
    void (*write)(void *terminal, const uint8_t *buf, size_t len);
    void (*close)(void *terminal);
} CharVcHooks;
void char_set_vc_hooks(const CharVcHooks *hooks);
void char_vc_typed(Chardev *chr, const char *bytes, size_t len);
void char_each(void (*fn)(void *opaque, Chardev *chr, bool frontend_open), void *opaque);
/*
 * Was this text written to @chr since the last time that it was found here?  Of what was written the last 8 KiB are
 * remembered; terminals' escape sequences and carriage returns are overlooked.
 */
bool char_expect(Chardev *chr, const char *text);
bool char_remove(const char *id, Error **errp);
void char_cleanup_all(void); /* process exit: terminals restored, sockets unlinked */
void char_restore_terminal(void); /* only that; async-signal-safe, for fatal signals */
void char_print_backends(FILE *f); /* -chardev help */

/* Ring buffer contents, for ringbuf_read. */
bool char_ringbuf_read(Chardev *chr, size_t max, GString *out, Error **errp);
bool char_ringbuf_write(Chardev *chr, const void *buf, size_t len, Error **errp);

#endif
