/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pty: a pseudo terminal whose other side a terminal program opens (screen /dev/pts/N).  Linux tells the master that
 * nobody has the slave open by POLLHUP only, so while nobody does, a timer looks each second.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "chardev/char-int.h"

#include "util/timer.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>

typedef struct PtyChardev {
    Chardev chr;
    FdIo io;
    int master; /* -1: not open */
    char *name;
    Timer timer;
} PtyChardev;

static void pty_poll(void *opaque)
{
    PtyChardev *p = opaque;
    struct pollfd pfd = { .fd = p->master, .events = POLLOUT };
    if (poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP)) {
        p->io.eof = false;
        if (!p->chr.connected) {
            char_be_event(&p->chr, CHAR_EV_OPENED);
        }
        fdio_update(&p->io);
    } else {
        timer_mod(&p->timer, clock_ns(CLOCK_KIND_REALTIME) + NS_PER_SEC);
    }
}

static void pty_hangup(Chardev *c)
{
    PtyChardev *p = container_of(c, PtyChardev, chr);
    if (c->connected) {
        char_be_event(c, CHAR_EV_CLOSED);
    }
    timer_mod(&p->timer, clock_ns(CLOCK_KIND_REALTIME) + NS_PER_SEC);
}

static bool pty_open(Chardev *c, KeyVal *kv, Error **errp)
{
    PtyChardev *p = container_of(c, PtyChardev, chr);
    (void)kv;
    int slave;
    char name[64];
    p->master = -1;
    if (openpty(&p->master, &slave, name, NULL, NULL) < 0) {
        p->master = -1;
        error_set_errno(errp, errno, "character device '%s': cannot make a pseudo terminal", c->label);
        return false;
    }
    struct termios t;
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    tcsetattr(slave, TCSANOW, &t);
    close(slave);
    fcntl(p->master, F_SETFD, FD_CLOEXEC);
    fdio_set_nonblocking(p->master, true);
    p->name = g_strdup(name);
    fdio_start(&p->io, c, p->master, p->master, pty_hangup);
    p->io.eof = true; /* until somebody opens the slave */
    timer_init(&p->timer, CLOCK_KIND_REALTIME, pty_poll, p);
    timer_mod(&p->timer, clock_ns(CLOCK_KIND_REALTIME) + NS_PER_SEC / 10);
    printf("char device redirected to %s (label %s)\n", name, c->label);
    fflush(stdout);
    return true;
}

static void pty_close(Chardev *c)
{
    PtyChardev *p = container_of(c, PtyChardev, chr);
    timer_del(&p->timer);
    fdio_stop(&p->io);
    if (p->master >= 0) {
        close(p->master);
    }
    g_free(p->name);
}

static size_t pty_write(Chardev *c, const uint8_t *buf, size_t len)
{
    PtyChardev *p = container_of(c, PtyChardev, chr);
    if (!c->connected) {
        pty_poll(p); /* somebody may have come since the last look */
    }
    return c->connected ? fdio_write(&p->io, buf, len) : len;
}

static void pty_accept_input(Chardev *c)
{
    fdio_update(&container_of(c, PtyChardev, chr)->io);
}

static char *pty_describe(const Chardev *c)
{
    return g_strdup_printf("pty:%s", container_of(c, PtyChardev, chr)->name);
}

const ChardevClass chardev_pty = {
    .name = "pty",
    .help = "a pseudo terminal; its name is printed",
    .size = sizeof(PtyChardev),
    .open = pty_open,
    .close = pty_close,
    .write = pty_write,
    .accept_input = pty_accept_input,
    .describe = pty_describe,
};
