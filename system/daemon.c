/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -daemonize and -pidfile.  The parent's exit is the promise that the machine is ready: sockets listen, the pid file
 * is written, and nobody holds the caller's standard descriptors any more.  Start-up, main thread.
 */
#include "util/osdep.h"
#include "system/daemon.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int daemon_pipe = -1; /* to the parent */
static char *daemon_pidfile;

/* Returns in the child only. */
static void daemon_wait_for_child(int fd)
{
    char ok = 0;
    ssize_t n;
    do {
        n = read(fd, &ok, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 && ok ? 0 : 1); /* the child has printed why */
}

bool daemon_fork(Error **errp)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        error_set_errno(errp, errno, "-daemonize: cannot make a pipe");
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        error_set_errno(errp, errno, "-daemonize: cannot fork");
        return false;
    }
    if (pid > 0) {
        close(fds[1]);
        daemon_wait_for_child(fds[0]);
    }
    close(fds[0]);
    setsid();
    pid = fork(); /* no session leader: it cannot get a terminal again */
    if (pid != 0) {
        _exit(pid > 0 ? 0 : 1);
    }
    umask(027);
    daemon_pipe = fds[1];
    return true;
}

void daemon_ready(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (chdir("/") < 0 || null < 0) {
        error_report("-daemonize: cannot leave the terminal: %s", g_strerror(errno));
        _exit(1);
    }
    fflush(NULL);
    for (int fd = 0; fd < 3; fd++) {
        dup2(null, fd);
    }
    close(null);
    char ok = 1;
    ssize_t n = write(daemon_pipe, &ok, 1);
    (void)n; /* the parent was killed: nobody to tell */
    close(daemon_pipe);
    daemon_pipe = -1;
}

bool daemon_write_pidfile(const char *path, Error **errp)
{
    char text[16];
    int len = g_snprintf(text, sizeof(text), "%d\n", (int)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_set_errno(errp, errno, "cannot write the pid file '%s'", path);
        return false;
    }
    /* The lock is held as long as we live: it tells an old file from that of a running machine. */
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        error_set(errp, "the pid file '%s' belongs to a machine that is running", path);
        close(fd);
        return false;
    }
    if (ftruncate(fd, 0) < 0 || write(fd, text, (size_t)len) != len) {
        error_set_errno(errp, errno, "cannot write the pid file '%s'", path);
        close(fd);
        return false;
    }
    daemon_pidfile = g_canonicalize_filename(path, NULL);
    return true;
}

void daemon_remove_pidfile(void)
{
    if (daemon_pidfile) {
        unlink(daemon_pidfile);
        g_free(daemon_pidfile);
        daemon_pidfile = NULL;
    }
}
