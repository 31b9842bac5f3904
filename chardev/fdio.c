/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors as character back ends: never blocks, reads only what the front end takes.  Main thread, big lock. */
#include "util/osdep.h"
#include "chardev/char-int.h"

#include "util/mainloop.h"

#include <fcntl.h>

bool fdio_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    bool was = flags >= 0 && (flags & O_NONBLOCK);
    if (flags >= 0 && was != on) {
        fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
    }
    return was;
}

static void fdio_can_read(void *opaque)
{
    FdIo *io = opaque;
    uint8_t buf[4096];
    size_t room = MIN(char_be_can_receive(io->chr), sizeof(buf));
    if (room) {
        ssize_t n = read(io->in, buf, room);
        if (n > 0) {
            char_be_receive(io->chr, buf, (size_t)n);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            io->eof = true;
            fdio_update(io);
            io->hangup(io->chr);
            return;
        }
    }
    fdio_update(io);
}

static void fdio_can_write(void *opaque)
{
    FdIo *io = opaque;
    io->want_write = false;
    char_be_writable(io->chr);
    fdio_update(io);
}

void fdio_update(FdIo *io)
{
    bool read_on = io->in >= 0 && !io->eof && char_be_can_receive(io->chr) > 0;
    bool write_on = io->out >= 0 && io->want_write;
    if (io->in == io->out) {
        if (io->in >= 0) {
            fd_watch(io->in, read_on ? fdio_can_read : NULL, write_on ? fdio_can_write : NULL, io);
        }
        return;
    }
    if (io->in >= 0) {
        fd_watch(io->in, read_on ? fdio_can_read : NULL, NULL, io);
    }
    if (io->out >= 0) {
        fd_watch(io->out, NULL, write_on ? fdio_can_write : NULL, io);
    }
}

void fdio_start(FdIo *io, Chardev *c, int in, int out, void (*hangup)(Chardev *c))
{
    *io = (FdIo){ .chr = c, .in = in, .out = out, .hangup = hangup };
}

void fdio_stop(FdIo *io)
{
    if (io->chr) {
        io->eof = true;
        io->want_write = false;
        fdio_update(io);
        io->in = io->out = -1;
    }
}

size_t fdio_write(FdIo *io, const uint8_t *buf, size_t len)
{
    size_t done = 0;
    if (io->out < 0) {
        return len;
    }
    while (done < len) {
        ssize_t n = write(io->out, buf + done, len - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN) {
            io->want_write = true;
            fdio_update(io);
            break;
        } else {
            return len; /* nobody will ever read it */
        }
    }
    return done;
}
