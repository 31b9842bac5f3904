/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serial: a real line of the host (/dev/ttyS0, /dev/ttyUSB0).  Main thread, big lock. */
#include "util/osdep.h"
#include "chardev/char-int.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

typedef struct TtyChardev {
    Chardev chr;
    FdIo io;
    int fd; /* -1: not open */
    struct termios saved;
} TtyChardev;

static void tty_hangup(Chardev *c)
{
    char_be_event(c, CHAR_EV_CLOSED); /* an adapter was pulled out */
}

static bool tty_open(Chardev *c, KeyVal *kv, Error **errp)
{
    TtyChardev *t = container_of(c, TtyChardev, chr);
    const char *path = keyval_get(kv, "path");
    t->fd = -1;
    if (!path || !*path) {
        error_set(errp, "character device '%s': a serial line needs path=DEVICE", c->label);
        return false;
    }
    t->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (t->fd < 0) {
        int err = errno;
        error_set_errno(errp, err, "character device '%s': cannot open '%s'", c->label, path);
        if (err == EACCES) {
            error_add_hint(errp, "Serial lines belong to group dialout: adduser $USER dialout.");
        }
        return false;
    }
    if (tcgetattr(t->fd, &t->saved) < 0) {
        error_set(errp, "character device '%s': '%s' is no serial line or terminal", c->label, path);
        close(t->fd);
        t->fd = -1;
        return false;
    }
    struct termios raw = t->saved;
    cfmakeraw(&raw);
    raw.c_cflag |= CLOCAL | CREAD;
    tcsetattr(t->fd, TCSANOW, &raw);
    fdio_start(&t->io, c, t->fd, t->fd, tty_hangup);
    char_be_event(c, CHAR_EV_OPENED);
    return true;
}

static void tty_close(Chardev *c)
{
    TtyChardev *t = container_of(c, TtyChardev, chr);
    fdio_stop(&t->io);
    if (t->fd >= 0) {
        tcsetattr(t->fd, TCSANOW, &t->saved);
        close(t->fd);
    }
}

static size_t tty_write(Chardev *c, const uint8_t *buf, size_t len)
{
    return fdio_write(&container_of(c, TtyChardev, chr)->io, buf, len);
}

static void tty_accept_input(Chardev *c)
{
    fdio_update(&container_of(c, TtyChardev, chr)->io);
}

/* The nearest speed that the host's interface has. */
static speed_t tty_speed(int baud)
{
    static const struct { int baud; speed_t code; } table[] = {
        { 50, B50 }, { 75, B75 }, { 110, B110 }, { 134, B134 }, { 150, B150 }, { 200, B200 }, { 300, B300 },
        { 600, B600 }, { 1200, B1200 }, { 1800, B1800 }, { 2400, B2400 }, { 4800, B4800 }, { 9600, B9600 },
        { 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 }, { 115200, B115200 }, { 230400, B230400 },
    };
    unsigned i = 0;
    while (i + 1 < G_N_ELEMENTS(table) && baud * 100L > table[i].baud * 105L) {
        i++;
    }
    return table[i].code;
}

static void tty_set_serial(Chardev *c, const CharSerialParams *p)
{
    static const tcflag_t size[] = { CS5, CS6, CS7, CS8 };
    TtyChardev *t = container_of(c, TtyChardev, chr);
    struct termios tio;
    if (tcgetattr(t->fd, &tio) < 0) {
        return;
    }
    cfsetspeed(&tio, tty_speed(p->speed));
    tio.c_cflag &= ~(tcflag_t)(CSIZE | CSTOPB | PARENB | PARODD);
    tio.c_cflag |= size[CLAMP(p->data_bits, 5, 8) - 5];
    tio.c_cflag |= p->stop_bits == 2 ? CSTOPB : 0;
    tio.c_cflag |= p->parity == 'E' ? PARENB : p->parity == 'O' ? PARENB | PARODD : 0;
    tcsetattr(t->fd, TCSANOW, &tio);
}

static void tty_set_break(Chardev *c, bool on)
{
    ioctl(container_of(c, TtyChardev, chr)->fd, on ? TIOCSBRK : TIOCCBRK);
}

static const struct { int ours, theirs; } tty_modem_bits[] = {
    { CHAR_MODEM_CTS, TIOCM_CTS }, { CHAR_MODEM_DSR, TIOCM_DSR }, { CHAR_MODEM_RI, TIOCM_RI },
    { CHAR_MODEM_DCD, TIOCM_CAR }, { CHAR_MODEM_RTS, TIOCM_RTS }, { CHAR_MODEM_DTR, TIOCM_DTR },
};

static int tty_get_modem(Chardev *c)
{
    int theirs = 0, ours = 0;
    if (ioctl(container_of(c, TtyChardev, chr)->fd, TIOCMGET, &theirs) < 0) {
        return -1;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(tty_modem_bits); i++) {
        ours |= theirs & tty_modem_bits[i].theirs ? tty_modem_bits[i].ours : 0;
    }
    return ours;
}

static void tty_set_modem(Chardev *c, int wanted)
{
    int fd = container_of(c, TtyChardev, chr)->fd, theirs = 0;
    if (ioctl(fd, TIOCMGET, &theirs) < 0) {
        return;
    }
    theirs &= ~(TIOCM_RTS | TIOCM_DTR);
    theirs |= wanted & CHAR_MODEM_RTS ? TIOCM_RTS : 0;
    theirs |= wanted & CHAR_MODEM_DTR ? TIOCM_DTR : 0;
    ioctl(fd, TIOCMSET, &theirs);
}

static const char *const tty_keys[] = { "path", NULL };
const ChardevClass chardev_tty = {
    .name = "serial",
    .alias = "tty",
    .help = "a serial line of the host",
    .keys = tty_keys,
    .size = sizeof(TtyChardev),
    .open = tty_open,
    .close = tty_close,
    .write = tty_write,
    .accept_input = tty_accept_input,
    .set_serial = tty_set_serial,
    .set_break = tty_set_break,
    .get_modem = tty_get_modem,
    .set_modem = tty_set_modem,
};
