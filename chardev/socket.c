/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * socket: a Unix or TCP stream, as server (one client at a time, the next one after it) or as client (with
 * reconnect=SECONDS, for ever).  fd=N takes one that the parent made: connected, or listening with server=on.
 * telnet=on adds that protocol's commands.  Names are resolved once, at start-up.  Main thread, big lock.
 */
#include "util/osdep.h"
#include "chardev/char-int.h"

#include "util/mainloop.h"
#include "util/timer.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct SocketChardev {
    Chardev chr;
    int listener, fd;  /* -1: none */
    bool connecting;   /* fd waits for its connection */
    bool want_write;
    bool iac_half;     /* telnet: one of two 255 has gone out */
    bool server, wait, telnet, nodelay;
    int64_t reconnect_ns; /* 0: never */
    Timer reconnect;
    Telnet telnet_state;
    char *path;        /* Unix; NULL: TCP or fd= */
    bool unlink_path;
    char *name;        /* "tcp:127.0.0.1:4444" */
    struct sockaddr_storage addr;
    socklen_t addr_len;
} SocketChardev;

static void socket_update(SocketChardev *s);

static SocketChardev *socket_of(Chardev *c)
{
    return container_of(c, SocketChardev, chr);
}

/* The peer came or went. */

static void socket_prepare(SocketChardev *s)
{
    fcntl(s->fd, F_SETFD, FD_CLOEXEC);
    fdio_set_nonblocking(s->fd, true);
    if (s->nodelay) {
        int one = 1;
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
}

static void socket_connected(SocketChardev *s)
{
    s->connecting = false;
    s->want_write = s->iac_half = false;
    s->telnet_state = (Telnet){ 0 };
    if (s->telnet) {
        ssize_t n = send(s->fd, telnet_greeting, telnet_greeting_len, MSG_NOSIGNAL);
        (void)n; /* a fresh socket has room; if not, the client stays in line mode */
    }
    char_be_event(&s->chr, CHAR_EV_OPENED);
    socket_update(s);
}

static void socket_disconnect(SocketChardev *s)
{
    bool was_connected = s->chr.connected;
    fd_watch(s->fd, NULL, NULL, NULL);
    close(s->fd);
    s->fd = -1;
    s->connecting = false;
    if (s->reconnect_ns && !s->server) {
        timer_mod(&s->reconnect, clock_ns(CLOCK_KIND_REALTIME) + s->reconnect_ns);
    }
    if (was_connected) {
        char_be_event(&s->chr, CHAR_EV_CLOSED);
    }
    socket_update(s);
}

/* Traffic. */

static void socket_can_read(void *opaque)
{
    SocketChardev *s = opaque;
    uint8_t buf[4096];
    size_t room = MIN(char_be_can_receive(&s->chr), sizeof(buf));
    if (!room) {
        socket_update(s);
        return;
    }
    ssize_t n = recv(s->fd, buf, room, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        socket_disconnect(s);
        return;
    }
    if (n > 0) {
        bool brk = false;
        size_t len = s->telnet ? telnet_filter(&s->telnet_state, buf, (size_t)n, &brk) : (size_t)n;
        if (brk) {
            char_be_event(&s->chr, CHAR_EV_BREAK);
        }
        char_be_receive(&s->chr, buf, len);
    }
    socket_update(s);
}

static void socket_can_write(void *opaque)
{
    SocketChardev *s = opaque;
    if (s->connecting) {
        int err = 0;
        socklen_t len = sizeof(err);
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
        if (err) {
            socket_disconnect(s);
        } else {
            socket_connected(s);
        }
        return;
    }
    s->want_write = false;
    char_be_writable(&s->chr);
    socket_update(s);
}

static void socket_can_accept(void *opaque)
{
    SocketChardev *s = opaque;
    s->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (s->fd >= 0) {
        socket_prepare(s);
        socket_connected(s);
    }
    socket_update(s);
}

static void socket_update(SocketChardev *s)
{
    if (s->listener >= 0) {
        fd_watch(s->listener, s->fd < 0 ? socket_can_accept : NULL, NULL, s);
    }
    if (s->fd >= 0) {
        bool read_on = !s->connecting && char_be_can_receive(&s->chr) > 0;
        fd_watch(s->fd, read_on ? socket_can_read : NULL, s->connecting || s->want_write ? socket_can_write : NULL, s);
    }
}

static size_t socket_send(SocketChardev *s, const uint8_t *buf, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = send(s->fd, buf + done, len - done, MSG_NOSIGNAL);
        if (n > 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) {
            s->want_write = true;
            socket_update(s);
            return done;
        } else if (errno != EINTR) {
            return len; /* the peer is gone; reading finds that out */
        }
    }
    return done;
}

/* In telnet's data a byte of 255 is doubled.  Counts bytes of @buf, a doubled one as one. */
static size_t socket_send_telnet(SocketChardev *s, const uint8_t *buf, size_t len)
{
    static const uint8_t iac_iac[2] = { 255, 255 };
    size_t done = 0;
    if (s->iac_half && !socket_send(s, iac_iac, 1)) {
        return 0;
    }
    s->iac_half = false;
    while (done < len) {
        const uint8_t *iac = memchr(buf + done, 255, len - done);
        size_t plain = iac ? (size_t)(iac - buf) - done : len - done;
        size_t n = plain ? socket_send(s, buf + done, plain) : 0;
        done += n;
        if (n < plain) {
            break;
        }
        if (iac) {
            size_t both = socket_send(s, iac_iac, 2);
            if (both == 0) {
                break;
            }
            s->iac_half = both == 1;
            done++;
            if (s->iac_half) {
                break;
            }
        }
    }
    return done;
}

static size_t socket_write(Chardev *c, const uint8_t *buf, size_t len)
{
    SocketChardev *s = socket_of(c);
    if (s->fd < 0 || s->connecting) {
        return len; /* nobody reads */
    }
    return s->telnet ? socket_send_telnet(s, buf, len) : socket_send(s, buf, len);
}

static void socket_accept_input(Chardev *c)
{
    socket_update(socket_of(c));
}

/* Start. */

static bool socket_connect(SocketChardev *s, Error **errp)
{
    s->fd = socket(s->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        error_set_errno(errp, errno, "cannot make a socket");
        return false;
    }
    if (s->reconnect_ns) {
        socket_prepare(s); /* does not block, and may fail later */
    }
    if (connect(s->fd, (struct sockaddr *)&s->addr, s->addr_len) == 0) {
        socket_prepare(s);
        socket_connected(s);
        return true;
    }
    int err = errno;
    if (s->reconnect_ns) {
        s->connecting = true;
        if (err == EINPROGRESS) {
            socket_update(s);
        } else {
            socket_disconnect(s);
        }
        return true;
    }
    error_set_errno(errp, err, "character device '%s': cannot connect to %s", s->chr.label, s->name);
    error_add_hint(errp, "With reconnect=SECONDS Rhea starts without it and goes on trying.");
    return false;
}

static void socket_reconnect(void *opaque)
{
    socket_connect(opaque, NULL);
}

static bool socket_wait_client(SocketChardev *s, Error **errp)
{
    struct pollfd p = { .fd = s->listener, .events = POLLIN };
    info_report("waiting for connection on: disconnected:%s,server=on", s->name);
    if (poll(&p, 1, -1) < 0) { /* a signal that shall end us is caught, so it comes out here */
        error_set_errno(errp, errno, "character device '%s': waiting for a client", s->chr.label);
        return false;
    }
    socket_can_accept(s);
    return true;
}

static bool socket_listen(SocketChardev *s, Error **errp)
{
    s->listener = socket(s->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (s->path) {
        struct sockaddr_un *un = (struct sockaddr_un *)&s->addr;
        unlink(un->sun_path); /* left over by a process that died */
    } else if (s->listener >= 0) {
        setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&s->addr, s->addr_len) < 0 ||
        listen(s->listener, 1) < 0) {
        error_set_errno(errp, errno, "character device '%s': cannot listen on %s", s->chr.label, s->name);
        return false;
    }
    s->unlink_path = s->path != NULL;
    return true;
}

static bool socket_take_fd(SocketChardev *s, int fd, Error **errp)
{
    int value = 0;
    socklen_t len = sizeof(value);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) < 0 || value != SOCK_STREAM) {
        error_set(errp, "character device '%s': fd=%d is no stream socket", s->chr.label, fd);
        return false;
    }
    s->name = g_strdup_printf("fd:%d", fd);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && !value == s->server) {
        error_set(errp, "character device '%s': fd=%d is %s, so server=%s is wrong", s->chr.label, fd,
                  value ? "listening" : "not listening", s->server ? "on" : "off");
        return false;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (s->server) {
        s->listener = fd;
    } else {
        s->fd = fd;
        socket_prepare(s);
        socket_connected(s);
    }
    return true;
}

static bool socket_set_unix(SocketChardev *s, const char *path, bool abstract, Error **errp)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&s->addr;
    size_t len = strlen(path);
    if (len + abstract >= sizeof(un->sun_path)) {
        error_set(errp, "character device '%s': the socket's path is %zu bytes long; %zu are possible: %s", s->chr.label,
                  len, sizeof(un->sun_path) - 1, path);
        return false;
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + abstract, path, len);
    s->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    s->path = abstract ? NULL : g_strdup(path);
    s->name = g_strdup_printf("unix:%s%s", path, abstract ? ",abstract=on" : "");
    return true;
}

static bool socket_set_tcp(SocketChardev *s, const char *host, const char *port, KeyVal *kv, Error **errp)
{
    bool ipv4 = true, ipv6 = true;
    if (!keyval_get_bool(kv, "ipv4", &ipv4, errp) || !keyval_get_bool(kv, "ipv6", &ipv6, errp)) {
        return false;
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = s->server ? AI_PASSIVE : 0 };
    hints.ai_family = ipv4 && ipv6 ? AF_UNSPEC : ipv4 ? AF_INET : AF_INET6;
    struct addrinfo *list = NULL;
    int err = getaddrinfo(host && *host ? host : NULL, port, &hints, &list);
    if (err) {
        error_set(errp, "character device '%s': no address for %s:%s: %s", s->chr.label, host ? host : "", port,
                  gai_strerror(err));
        return false;
    }
    memcpy(&s->addr, list->ai_addr, list->ai_addrlen);
    s->addr_len = list->ai_addrlen;
    freeaddrinfo(list);
    s->name = g_strdup_printf("%s:%s:%s", s->telnet ? "telnet" : "tcp", host ? host : "", port);
    return true;
}

static bool socket_read_flags(SocketChardev *s, KeyVal *kv, Error **errp)
{
    bool delay = true;
    uint64_t reconnect = 0;
    s->wait = true;
    if (!keyval_get_bool(kv, "server", &s->server, errp) || !keyval_get_bool(kv, "wait", &s->wait, errp) ||
        !keyval_get_bool(kv, "telnet", &s->telnet, errp) || !keyval_get_bool(kv, "nodelay", &s->nodelay, errp) ||
        !keyval_get_bool(kv, "delay", &delay, errp) ||
        !keyval_get_uint(kv, "reconnect", 0, 86400, &reconnect, errp)) {
        return false;
    }
    keyval_get(kv, "nowait");
    s->nodelay |= !delay;
    s->reconnect_ns = (int64_t)reconnect * NS_PER_SEC;
    if (s->server && reconnect) {
        error_set(errp, "character device '%s': reconnect= is for clients; a server takes the next client anyway",
                  s->chr.label);
        return false;
    }
    return true;
}

static bool socket_open(Chardev *c, KeyVal *kv, Error **errp)
{
    SocketChardev *s = socket_of(c);
    s->listener = s->fd = -1;
    timer_init(&s->reconnect, CLOCK_KIND_REALTIME, socket_reconnect, s);
    const char *path = keyval_get(kv, "path"), *host = keyval_get(kv, "host"), *port = keyval_get(kv, "port");
    uint64_t fd = 0;
    bool abstract = false, ok;
    if (!socket_read_flags(s, kv, errp) || !keyval_get_uint(kv, "fd", 0, INT_MAX, &fd, errp) ||
        !keyval_get_bool(kv, "abstract", &abstract, errp)) {
        return false;
    }
    if (keyval_has(kv, "fd")) {
        return socket_take_fd(s, (int)fd, errp) && (!s->server || !s->wait || socket_wait_client(s, errp));
    }
    if (path) {
        s->nodelay = false;
        ok = socket_set_unix(s, path, abstract, errp);
    } else if (port) {
        ok = socket_set_tcp(s, host, port, kv, errp);
    } else {
        error_set(errp, "character device '%s': a socket needs path=FILE, or host= and port=, or fd=NUMBER", c->label);
        ok = false;
    }
    if (!ok) {
        return false;
    }
    if (!s->server) {
        return socket_connect(s, errp);
    }
    return socket_listen(s, errp) && (!s->wait || socket_wait_client(s, errp));
}

static void socket_close(Chardev *c)
{
    SocketChardev *s = socket_of(c);
    timer_del(&s->reconnect);
    if (s->fd >= 0) {
        fd_watch(s->fd, NULL, NULL, NULL);
        close(s->fd);
    }
    if (s->listener >= 0) {
        fd_watch(s->listener, NULL, NULL, NULL);
        close(s->listener);
    }
    if (s->unlink_path) {
        unlink(s->path);
    }
    g_free(s->path);
    g_free(s->name);
}

static char *socket_describe(const Chardev *c)
{
    const SocketChardev *s = container_of(c, SocketChardev, chr);
    return g_strdup_printf("%s%s%s", c->connected ? "" : "disconnected:", s->name ? s->name : "socket",
                           s->server ? ",server=on" : "");
}

static const char *const socket_keys[] = { "path", "abstract", "host", "port", "ipv4", "ipv6", "fd", "server", "wait",
                                           "reconnect", "telnet", "nodelay", "delay", "nowait", NULL };
const ChardevClass chardev_socket = {
    .name = "socket",
    .help = "a Unix (path=) or TCP (host=, port=) socket, or an open one (fd=)",
    .keys = socket_keys,
    .size = sizeof(SocketChardev),
    .open = socket_open,
    .close = socket_close,
    .write = socket_write,
    .accept_input = socket_accept_input,
    .describe = socket_describe,
};
