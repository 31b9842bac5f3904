/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The web page on a web socket's port: Debian's noVNC (package novnc), read from its folder.  One request a connection; only
 * GET and HEAD; a request has 8 KiB and ten seconds.  In the viewer's thread.
 */
#include "util/osdep.h"
#include "ui/vnc-int.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define VNC_HTTP_FOLDER "/usr/share/novnc"
enum { VNC_HTTP_REQUEST_MAX = 8192, VNC_HTTP_WAIT_MS = 10000, VNC_HTTP_FILE_MAX = 8 << 20, VNC_HTTP_FIRST_MS = 1000 };

static bool vnc_http_available(void)
{
    return g_file_test(VNC_HTTP_FOLDER "/vnc.html", G_FILE_TEST_EXISTS);
}

static const char *vnc_http_type(const char *path)
{
    static const char *const types[][2] = {
        { ".html", "text/html; charset=utf-8" }, { ".js", "text/javascript" },   { ".css", "text/css" },
        { ".svg", "image/svg+xml" },             { ".png", "image/png" },        { ".json", "application/json" },
        { ".ico", "image/x-icon" },              { ".ttf", "font/ttf" },         { ".woff", "font/woff" },
        { ".oga", "audio/ogg" },                 { ".mp3", "audio/mpeg" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_has_suffix(path, types[i][0])) {
            return types[i][1];
        }
    }
    return "application/octet-stream";
}

bool vnc_http_send(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        struct pollfd w = { .fd = fd, .events = POLLOUT };

        if (poll(&w, 1, VNC_HTTP_WAIT_MS) <= 0) {
            return false;
        }
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        p += MAX(n, 0);
        len -= (size_t)MAX(n, 0);
    }
    return true;
}

static void vnc_http_answer(int fd, const char *status, const char *headers, const char *body, size_t len, bool head)
{
    char *text = g_strdup_printf("HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\nX-Content-Type-Options: nosniff\r\n"
                                 "%s\r\n", status, len, headers);

    if (vnc_http_send(fd, text, strlen(text)) && !head) {
        vnc_http_send(fd, body, len);
    }
    g_free(text);
}

static void vnc_http_error(int fd, const char *status, const char *why, bool head)
{
    vnc_http_answer(fd, status, "Content-Type: text/plain; charset=utf-8\r\n", why, strlen(why), head);
}

/* Letters, digits and a few signs only; no part begins with a dot. */
static bool vnc_http_path_is_plain(const char *path)
{
    for (const char *p = path; *p; p++) {
        if ((!g_ascii_isalnum(*p) && !strchr("/._-+@", *p)) || (p[0] == '/' && p[1] == '.')) {
            return false;
        }
    }
    return path[0] == '/';
}

/* A regular file beneath the folder; Debian's package links to folders beside it, which are part of it. */
static void vnc_http_file(int fd, const char *path, bool head)
{
    char *name = g_strconcat(VNC_HTTP_FOLDER, path, NULL), *data = NULL;
    struct stat st;
    gsize len = 0;

    if (!vnc_http_path_is_plain(path) || stat(name, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > VNC_HTTP_FILE_MAX ||
        !g_file_get_contents(name, &data, &len, NULL)) {
        if (vnc_http_available()) {
            vnc_http_error(fd, "404 Not Found", "There is no such file.\n", head);
        } else {
            vnc_http_error(fd, "404 Not Found", "noVNC is not installed on the host of this machine (package novnc).\n", head);
        }
    } else {
        char *type = g_strdup_printf("Content-Type: %s\r\n", vnc_http_type(path));

        vnc_http_answer(fd, "200 OK", type, data, len, head);
        g_free(type);
    }
    g_free(data);
    g_free(name);
}

static void vnc_http_request(int fd, char *request)
{
    char *end = strstr(request, "\r\n"), **words;
    bool head = g_str_has_prefix(request, "HEAD ");

    *end = 0;
    words = g_strsplit(request, " ", 4);
    if (!head && strcmp(words[0], "GET")) {
        vnc_http_error(fd, "405 Method Not Allowed", "Only GET and HEAD are answered here.\n", false);
    } else if (!words[1] || !words[2] || !g_str_has_prefix(words[2], "HTTP/1.")) {
        vnc_http_error(fd, "400 Bad Request", "This is no request of HTTP.\n", head);
    } else if (!strcmp(words[1], "/")) { /* noVNC finds the web socket on the port it came from */
        vnc_http_answer(fd, "302 Found", "Location: /vnc.html?autoconnect=true&resize=scale&path=\r\n", "", 0, head);
    } else {
        char *query = strchr(words[1], '?');

        if (query) {
            *query = 0;
        }
        vnc_http_file(fd, words[1], head);
    }
    g_strfreev(words);
}

/* The headers, left in the socket; their length, or 0 when they do not come, are too long or are none. */
static size_t vnc_http_peek(int fd, char *buf, size_t size)
{
    int64_t end = clock_ns(CLOCK_KIND_REALTIME) + VNC_HTTP_WAIT_MS * NS_PER_MS;
    size_t seen = 0;

    while (clock_ns(CLOCK_KIND_REALTIME) < end) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        if (poll(&p, 1, seen ? 20 : VNC_HTTP_FIRST_MS) < 0 || (p.revents & (POLLERR | POLLNVAL))) {
            return 0;
        }
        ssize_t n = recv(fd, buf, size - 1, MSG_PEEK | MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return 0;
        }
        buf[MAX(n, 0)] = 0;
        char *stop = strstr(buf, "\r\n\r\n");

        if (stop) {
            return (size_t)(stop - buf) + 4;
        }
        if (n == (ssize_t)size - 1 || (n >= 4 && strncmp(buf, "GET ", 4) && strncmp(buf, "HEAD", 4))) {
            return 0;
        }
        if ((size_t)MAX(n, 0) == seen) {
            g_usleep(20000); /* half a request: poll() would return at once */
        }
        seen = (size_t)MAX(n, 0);
    }
    return 0;
}

/* Is a header there with this word in its value? */
static bool vnc_http_has(const char *request, const char *header, const char *word)
{
    char **lines = g_strsplit(request, "\r\n", -1);
    size_t len = strlen(header);
    bool found = false;

    for (unsigned i = 1; lines[0] && lines[i] && !found; i++) {
        if (!g_ascii_strncasecmp(lines[i], header, len) && lines[i][len] == ':') {
            char *value = g_ascii_strdown(lines[i] + len + 1, -1);

            found = strstr(value, word) != NULL;
            g_free(value);
        }
    }
    g_strfreev(lines);
    return found;
}

void vnc_http_refuse(int fd, const char *why)
{
    vnc_http_error(fd, "400 Bad Request", why, false);
}

char *vnc_http_serve(int fd)
{
    char *buf = g_malloc(VNC_HTTP_REQUEST_MAX + 1);
    size_t len = vnc_http_peek(fd, buf, VNC_HTTP_REQUEST_MAX + 1);
    ssize_t n = len ? recv(fd, buf, len, MSG_DONTWAIT) : 0;

    buf[MAX(n, 0)] = 0;
    if (n > 0 && vnc_http_has(buf, "Upgrade", "websocket")) {
        return buf;
    }
    if (n > 0 && strstr(buf, "\r\n")) {
        vnc_http_request(fd, buf);
    } else {
        vnc_http_refuse(fd, "A web socket or a request of HTTP is served here.\n");
    }
    shutdown(fd, SHUT_WR);
    g_free(buf);
    return NULL;
}
