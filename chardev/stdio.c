/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stdio: the terminal (or whatever stands there) that Rhea was started on.  Raw while it is in use, so that Ctrl-A and
 * the like reach the mux and the guest; given back as it was at every kind of exit.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "chardev/char-int.h"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>

typedef struct StdioChardev {
    Chardev chr;
    FdIo io;
} StdioChardev;

static struct {
    atomic_bool saved; /* the rest is valid: to be given back */
    bool tty;
    struct termios term;
    int flags_in, flags_out;
    bool in_use;
    bool keep_signals; /* Ctrl-C stays a signal */
} stdio;

void stdio_restore_terminal(void)
{
    if (atomic_exchange(&stdio.saved, false)) {
        if (stdio.tty) {
            tcsetattr(0, TCSANOW, &stdio.term);
        }
        fcntl(0, F_SETFL, stdio.flags_in);
        fcntl(1, F_SETFL, stdio.flags_out);
    }
}

static void stdio_set_raw(void)
{
    struct termios t = stdio.term;
    t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t.c_oflag |= OPOST;
    t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | (stdio.keep_signals ? 0 : ISIG));
    t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    tcsetattr(0, TCSANOW, &t);
}

/* Back from a stop (Ctrl-Z and fg): the shell has set its own mode. */
static void stdio_continued(int sig)
{
    (void)sig;
    if (atomic_load(&stdio.saved) && stdio.tty) {
        int saved = errno;
        stdio_set_raw();
        errno = saved;
    }
}

static void stdio_eof(Chardev *c)
{
    char_be_event(c, CHAR_EV_CLOSED);
}

static bool stdio_open(Chardev *c, KeyVal *kv, Error **errp)
{
    StdioChardev *s = container_of(c, StdioChardev, chr);
    bool signals = true;
    if (!keyval_get_bool(kv, "signal", &signals, errp)) {
        return false;
    }
    if (stdio.in_use) {
        error_set(errp, "character device '%s': stdio is used by another one already", c->label);
        error_add_hint(errp, "Share it: -serial mon:stdio, or -chardev stdio,id=ID,mux=on.");
        return false;
    }
    stdio.in_use = true;
    stdio.keep_signals = signals;
    stdio.flags_in = fcntl(0, F_GETFL);
    stdio.flags_out = fcntl(1, F_GETFL);
    stdio.tty = tcgetattr(0, &stdio.term) == 0;
    atomic_store(&stdio.saved, true);
    fdio_set_nonblocking(0, true);
    fdio_set_nonblocking(1, true);
    if (stdio.tty) {
        struct sigaction sa = { .sa_handler = stdio_continued, .sa_flags = SA_RESTART };
        sigaction(SIGCONT, &sa, NULL);
        stdio_set_raw();
    }
    fdio_start(&s->io, c, 0, 1, stdio_eof);
    char_be_event(c, CHAR_EV_OPENED);
    return true;
}

static void stdio_close(Chardev *c)
{
    StdioChardev *s = container_of(c, StdioChardev, chr);
    if (s->io.chr) {
        fdio_stop(&s->io);
        stdio_restore_terminal();
        stdio.in_use = false;
    }
}

static size_t stdio_write(Chardev *c, const uint8_t *buf, size_t len)
{
    return fdio_write(&container_of(c, StdioChardev, chr)->io, buf, len);
}

static void stdio_accept_input(Chardev *c)
{
    fdio_update(&container_of(c, StdioChardev, chr)->io);
}

static const char *const stdio_keys[] = { "signal", NULL };
const ChardevClass chardev_stdio = {
    .name = "stdio",
    .help = "the terminal Rhea was started on (signal=off: Ctrl-C goes to the guest)",
    .keys = stdio_keys,
    .size = sizeof(StdioChardev),
    .open = stdio_open,
    .close = stdio_close,
    .write = stdio_write,
    .accept_input = stdio_accept_input,
};
