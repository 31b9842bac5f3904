/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file: output to a file, input from another one (input-path=).  pipe: a pair of named pipes PATH.in and PATH.out, or
 * one at PATH for both ways.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "chardev/char-int.h"

#include <fcntl.h>

typedef struct FileChardev {
    Chardev chr;
    FdIo io;
    int in, out;
} FileChardev;

static void file_eof(Chardev *c)
{
    (void)c; /* the end of the input; output goes on */
}

static bool file_start(FileChardev *f)
{
    fdio_start(&f->io, &f->chr, f->in, f->out, file_eof);
    char_be_event(&f->chr, CHAR_EV_OPENED);
    return true;
}

static bool file_open(Chardev *c, KeyVal *kv, Error **errp)
{
    FileChardev *f = container_of(c, FileChardev, chr);
    f->in = f->out = -1;
    const char *path = keyval_get(kv, "path"), *input = keyval_get(kv, "input-path");
    bool append = false;
    if (!keyval_get_bool(kv, "append", &append, errp)) {
        return false;
    }
    if (!path || !*path) {
        error_set(errp, "character device '%s': a file needs path=FILE", c->label);
        return false;
    }
    f->out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | (append ? O_APPEND : O_TRUNC), 0666);
    if (f->out < 0) {
        error_set_errno(errp, errno, "character device '%s': cannot write '%s'", c->label, path);
        return false;
    }
    f->in = input ? open(input, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (input && f->in < 0) {
        error_set_errno(errp, errno, "character device '%s': cannot read '%s'", c->label, input);
        return false;
    }
    return file_start(f);
}

static bool pipe_open(Chardev *c, KeyVal *kv, Error **errp)
{
    FileChardev *f = container_of(c, FileChardev, chr);
    f->in = f->out = -1;
    const char *path = keyval_get(kv, "path");
    if (!path || !*path) {
        error_set(errp, "character device '%s': a pipe needs path=PATH", c->label);
        return false;
    }
    /* Opened for both ways, so that neither end has to be there first. */
    char *in = g_strconcat(path, ".in", NULL), *out = g_strconcat(path, ".out", NULL);
    f->in = open(in, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    f->out = open(out, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    g_free(in);
    g_free(out);
    if (f->in < 0 || f->out < 0) {
        if (f->in >= 0) {
            close(f->in);
        }
        if (f->out >= 0) {
            close(f->out);
        }
        f->in = f->out = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    }
    if (f->in < 0) {
        error_set_errno(errp, errno, "character device '%s': cannot open the pipe '%s'", c->label, path);
        error_add_hint(errp, "Make it first: mkfifo %s.in %s.out.", path, path);
        return false;
    }
    return file_start(f);
}

static void file_close(Chardev *c)
{
    FileChardev *f = container_of(c, FileChardev, chr);
    fdio_stop(&f->io);
    if (f->in > 0 && f->in != f->out) {
        close(f->in);
    }
    if (f->out > 0) {
        close(f->out);
    }
}

static size_t file_write(Chardev *c, const uint8_t *buf, size_t len)
{
    return fdio_write(&container_of(c, FileChardev, chr)->io, buf, len);
}

static void file_accept_input(Chardev *c)
{
    fdio_update(&container_of(c, FileChardev, chr)->io);
}

static const char *const file_keys[] = { "path", "append", "input-path", NULL };
const ChardevClass chardev_file = {
    .name = "file",
    .help = "output to a file",
    .keys = file_keys,
    .size = sizeof(FileChardev),
    .open = file_open,
    .close = file_close,
    .write = file_write,
    .accept_input = file_accept_input,
};

static const char *const pipe_keys[] = { "path", NULL };
const ChardevClass chardev_pipe = {
    .name = "pipe",
    .help = "named pipes PATH.in and PATH.out, or PATH for both",
    .keys = pipe_keys,
    .size = sizeof(FileChardev),
    .open = pipe_open,
    .close = file_close,
    .write = file_write,
    .accept_input = file_accept_input,
};
