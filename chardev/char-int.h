/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kind of character back end implements, and what it may call.  For chardev/ only.  Main thread, big lock.
 */
#ifndef CHARDEV_CHAR_INT_H
#define CHARDEV_CHAR_INT_H

#include "chardev/char.h"
#include "util/keyval.h"

typedef struct ChardevClass {
    const char *name;              /* as -chardev names it */
    const char *alias;             /* second name or NULL */
    const char *help;
    const char *const *keys;       /* options beside the common ones; ends with NULL */
    size_t size;                   /* of the struct that embeds Chardev first */
    bool (*open)(Chardev *c, KeyVal *kv, Error **errp);
    void (*close)(Chardev *c);     /* also after a failed open */
    /* Bytes taken; fewer than @len: char_be_writable() follows.  What nobody will ever read counts as taken. */
    size_t (*write)(Chardev *c, const uint8_t *buf, size_t len);
    void (*accept_input)(Chardev *c); /* char_be_can_receive() may have grown; may be NULL */
    void (*set_serial)(Chardev *c, const CharSerialParams *p);
    void (*set_break)(Chardev *c, bool on);
    int (*get_modem)(Chardev *c);
    void (*set_modem)(Chardev *c, int bits);
    char *(*describe)(const Chardev *c); /* NULL: the name */
} ChardevClass;

struct Chardev {
    const ChardevClass *cls;
    char *label;
    CharFe *fe;          /* NULL: nobody; never used for a mux */
    bool connected;      /* a peer is there */
    GByteArray *backlog; /* of char_fe_write_all(); goes first */
    int log_fd;          /* logfile=; -1: none */
    GByteArray *recent;  /* what was written last, for char_expect() */
};

/* The kinds; table in char.c. */
extern const ChardevClass chardev_stdio, chardev_file, chardev_pipe, chardev_pty, chardev_socket, chardev_null,
    chardev_vc, chardev_mux, chardev_ringbuf, chardev_tty;

/* Back end to front end. */
size_t char_be_can_receive(Chardev *c);
void char_be_receive(Chardev *c, const uint8_t *buf, size_t len); /* len <= char_be_can_receive() */
void char_be_event(Chardev *c, CharEvent ev); /* OPENED and CLOSED also set `connected` */
void char_be_writable(Chardev *c);            /* room again after a short write */

/* Opens the back end that the pairs describe (backend, id and the kind's own options). */
Chardev *char_open(KeyVal *kv, const char *label, Error **errp);
void char_close(Chardev *c);
Chardev *char_alloc(const ChardevClass *cls, const char *label); /* not opened, not in the list */
void char_list_add(Chardev *c);

/* Many front ends on one back end (mux.c). */
bool mux_attach(Chardev *mux, CharFe *fe, Error **errp);
void mux_detach(CharFe *fe);
void mux_handlers_changed(CharFe *fe);
Chardev *mux_new(const char *label, Chardev *base, Error **errp);
bool mux_add_monitor(Chardev *mux, Error **errp); /* "mon:" */

/*
 * Reading and writing descriptors without blocking (fdio.c), embedded by stdio, file, pipe, pty and tty.  Reads only
 * as much as the front end takes, and nothing while it takes nothing.
 */
typedef struct FdIo {
    Chardev *chr;
    int in, out;             /* -1: none; may be the same */
    bool want_write;
    bool eof;                /* nothing more will come in */
    void (*hangup)(Chardev *c); /* end of file or an error while reading */
} FdIo;
void fdio_start(FdIo *io, Chardev *c, int in, int out, void (*hangup)(Chardev *c));
void fdio_stop(FdIo *io); /* does not close */
void fdio_update(FdIo *io);
size_t fdio_write(FdIo *io, const uint8_t *buf, size_t len);
bool fdio_set_nonblocking(int fd, bool on); /* returns what it was */

/* Telnet's in-band commands (telnet.c). */
typedef struct Telnet {
    int state;
} Telnet;
extern const uint8_t telnet_greeting[];
extern const size_t telnet_greeting_len;
/* Takes commands out of @buf in place; returns how many bytes of data remain.  *brk: a break was asked for. */
size_t telnet_filter(Telnet *t, uint8_t *buf, size_t len, bool *brk);

/* stdio.c: the terminal as it was; async-signal-safe. */
void stdio_restore_terminal(void);

#endif
