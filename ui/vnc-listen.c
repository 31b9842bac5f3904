/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets of a VNC server.  Main thread, big lock. */
#include "util/osdep.h"
#include "ui/vnc-int.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Numbers of an address.  A Unix socket's are its path and NULL. */
static void vnc_describe_address(const struct sockaddr *sa, socklen_t len, char **address, char **service)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (sa->sa_family == AF_UNIX || getnameinfo(sa, len, host, sizeof(host), port, sizeof(port),
                                                NI_NUMERICHOST | NI_NUMERICSERV)) {
        *address = g_strdup("unix");
        *service = g_strdup("");
        return;
    }
    *address = g_strdup(host);
    *service = g_strdup(port);
}

void vnc_peer_name(int fd, char **address, char **service)
{
    struct sockaddr_storage peer = { 0 };
    socklen_t len = sizeof(peer);

    peer.ss_family = AF_UNIX;
    getpeername(fd, (struct sockaddr *)&peer, &len);
    vnc_describe_address((struct sockaddr *)&peer, len, address, service);
}

static void vnc_socket_add(VncServer *s, int fd, bool websocket)
{
    VncSocket *k = &s->sockets[s->socket_count++];
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof(own);

    getsockname(fd, (struct sockaddr *)&own, &len);
    *k = (VncSocket){ .fd = fd, .websocket = websocket, .family = own.ss_family, .server = s };
    vnc_describe_address((struct sockaddr *)&own, len, &k->address, &k->service);
    if (own.ss_family == AF_UNIX) {
        g_free(k->address);
        k->address = g_strdup(s->config.unix_path);
    }
}

static int vnc_bind(const struct addrinfo *a)
{
    int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (a->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 16) < 0) {
        int err = errno;

        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static struct addrinfo *vnc_resolve(const VncConfig *c, const char *host, const char *port, bool passive, Error **errp)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 }, *list = NULL;

    hints.ai_family = c->ipv4 && c->ipv6 ? AF_UNSPEC : c->ipv4 ? AF_INET : AF_INET6;
    int err = getaddrinfo(host && *host ? host : NULL, port, &hints, &list);

    if (err) {
        error_set(errp, "cannot resolve '%s': %s", host ? host : "", gai_strerror(err));
        return NULL;
    }
    return list;
}

/* All addresses of a name; one that the host does not have (IPv6 switched off) is no error while another works. */
static bool vnc_listen_tcp(VncServer *s, const char *host, const char *port, bool websocket, int *err, Error **errp)
{
    struct addrinfo *list = vnc_resolve(&s->config, host, port, true, errp);
    unsigned before = s->socket_count;

    *err = 0;
    for (struct addrinfo *a = list; a && s->socket_count < VNC_SOCKETS_MAX; a = a->ai_next) {
        int fd = vnc_bind(a);

        if (fd >= 0) {
            vnc_socket_add(s, fd, websocket);
        } else if (errno != EAFNOSUPPORT && (errno != EADDRNOTAVAIL || !*err)) {
            *err = errno;
        }
    }
    if (!list) {
        return false;
    }
    freeaddrinfo(list);
    if (*err == EADDRINUSE) { /* half a display is none: the other half is another's */
        while (s->socket_count > before) {
            VncSocket *k = &s->sockets[--s->socket_count];

            close(k->fd);
            g_free(k->address);
            g_free(k->service);
        }
    }
    if (s->socket_count == before) {
        error_set_errno(errp, *err ? *err : EAFNOSUPPORT, "cannot listen on '%s' port %s", host ? host : "", port);
        if (*err == EADDRINUSE) {
            error_add_hint(errp, "Another program serves that port; take another number, or a range with to=N.");
        }
        return false;
    }
    return true;
}

static bool vnc_listen_unix(VncServer *s, Error **errp)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    const char *path = s->config.unix_path;
    struct stat st;

    if (strlen(path) >= sizeof(sa.sun_path)) {
        error_set(errp, "'%s' is too long for a socket's name (%zu bytes at most)", path, sizeof(sa.sun_path) - 1);
        return false;
    }
    strcpy(sa.sun_path, path);
    if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(path); /* of an earlier run */
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 16) < 0) {
        error_set_errno(errp, errno, "cannot listen on '%s'", path);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    vnc_socket_add(s, fd, false);
    return true;
}

bool vnc_listen(VncServer *s, Error **errp)
{
    VncConfig *c = &s->config;
    bool ok = false;

    if (c->unix_path) {
        ok = vnc_listen_unix(s, errp);
    } else {
        int base = atoi(c->port) - c->display;

        for (int n = c->display; !ok && n <= MAX(c->to, c->display); n++) {
            Error *err = NULL;
            int os_error = 0;
            char *port = g_strdup_printf("%d", base + n);

            ok = vnc_listen_tcp(s, c->host, port, false, &os_error, &err);
            g_free(port);
            if (!ok && (os_error != EADDRINUSE || n >= c->to)) {
                error_propagate(errp, err);
                return false;
            }
            error_free(err);
        }
    }
    int ignored;

    return ok && (!c->ws_port || vnc_listen_tcp(s, c->ws_host, c->ws_port, true, &ignored, errp));
}

static int vnc_connect_unix(const char *path, Error **errp)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(sa.sun_path, path, sizeof(sa.sun_path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
        error_set_errno(errp, errno, "cannot connect to '%s'", path);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

int vnc_connect_out(const VncConfig *c, Error **errp)
{
    if (c->unix_path) {
        return vnc_connect_unix(c->unix_path, errp);
    }
    struct addrinfo *list = vnc_resolve(c, c->host, c->port, false, errp);
    int fd = -1, err = 0;

    if (!list) {
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
            err = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        error_set_errno(errp, err, "cannot connect to the viewer that shall listen on '%s' port %s", c->host ? c->host : "",
                        c->port);
    }
    return fd;
}
