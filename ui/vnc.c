/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VNC servers: accepting viewers, telling them what is dirty, taking their input.  See vnc-int.h.  Main thread, big lock. */
#include "util/osdep.h"
#include "ui/vnc-int.h"

#include "util/secret.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static GPtrArray *vnc_servers; /* VncServer * */
static unsigned vnc_ids;

/* ---- for the viewers' threads ---- */

void vnc_wake(VncViewer *v)
{
    uint64_t one = 1;
    ssize_t n = write(v->wake, &one, sizeof(one));
    (void)n; /* a counter that is full wakes as well */
}

/* Waits while the queue is full: then the viewer's socket fills up, and the viewer waits. */
void vnc_send_event(VncViewer *v, const VncEvent *e)
{
    VncServer *s = v->server;

    pthread_mutex_lock(&s->lock);
    while (s->event_count == VNC_EVENTS_MAX && !v->quit) {
        pthread_cond_wait(&s->room, &s->lock);
    }
    if (!v->quit) {
        VncEvent *slot = &s->events[(s->event_head + s->event_count++) % VNC_EVENTS_MAX];

        *slot = *e;
        slot->viewer = v;
        bh_schedule(s->work);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- what the console tells ---- */

/* Under the lock: does anybody wait for a frame? */
static bool vnc_is_hungry(VncServer *s)
{
    for (guint i = 0; i < s->viewers->len; i++) {
        VncViewer *v = s->viewers->pdata[i];

        if ((v->hungry && !pixman_region32_not_empty(&v->dirty)) || v->one_more) {
            return true;
        }
    }
    return false;
}

static void vnc_update_want(VncServer *s)
{
    pthread_mutex_lock(&s->lock);
    bool hungry = s->wanting = vnc_is_hungry(s);

    pthread_mutex_unlock(&s->lock);
    display_listener_want(&s->listener, hungry);
}

static void vnc_on_updated(DisplayListener *l, int x, int y, int w, int h)
{
    VncServer *s = container_of(l, VncServer, listener);

    pthread_mutex_lock(&s->lock);
    for (guint i = 0; i < s->viewers->len; i++) {
        VncViewer *v = s->viewers->pdata[i];

        pixman_region32_union_rect(&v->dirty, &v->dirty, x, y, (unsigned)w, (unsigned)h);
        if (pixman_region32_n_rects(&v->dirty) > 128) { /* comparing is cheaper than keeping many */
            pixman_box32_t box = *pixman_region32_extents(&v->dirty);

            pixman_region32_fini(&v->dirty);
            pixman_region32_init_rect(&v->dirty, box.x1, box.y1, (unsigned)(box.x2 - box.x1), (unsigned)(box.y2 - box.y1));
        }
    }
    pthread_mutex_unlock(&s->lock);
}

/* So that a blinking cursor costs this thread one wake-up a time, not another for "more, please". */
static bool vnc_is_little(const VncServer *s, pixman_region32_t *dirty)
{
    const pixman_box32_t *box = pixman_region32_extents(dirty);

    return (int64_t)(box->x2 - box->x1) * (box->y2 - box->y1) * 16 < (int64_t)s->width * s->height;
}

static void vnc_on_frame(DisplayListener *l)
{
    VncServer *s = container_of(l, VncServer, listener);

    pthread_mutex_lock(&s->lock);
    for (guint i = 0; i < s->viewers->len; i++) {
        VncViewer *v = s->viewers->pdata[i];

        bool feed = v->hungry && pixman_region32_not_empty(&v->dirty);

        v->one_more = feed && vnc_is_little(s, &v->dirty);
        if (feed) {
            v->hungry = false;
            vnc_wake(v);
        }
    }
    bool hungry = s->wanting = vnc_is_hungry(s);

    pthread_mutex_unlock(&s->lock);
    display_listener_want(l, hungry);
}

static void vnc_set_size(VncServer *s, int width, int height)
{
    pthread_mutex_lock(&s->lock);
    s->width = width;
    s->height = height;
    for (guint i = 0; i < s->viewers->len; i++) {
        VncViewer *v = s->viewers->pdata[i];

        pixman_region32_fini(&v->dirty);
        pixman_region32_init_rect(&v->dirty, 0, 0, (unsigned)width, (unsigned)height);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Runs with the pixel lock. */
static void vnc_on_resized(DisplayListener *l, Surface *surface)
{
    VncServer *s = container_of(l, VncServer, listener);

    s->surface = *surface;
    s->has_surface = true;
    vnc_set_size(s, surface->width, surface->height);
}

/* All viewers look again at cursor (@cursor) and states. */
static void vnc_wake_all(VncServer *s, bool cursor)
{
    for (guint i = 0; i < s->viewers->len; i++) {
        VncViewer *v = s->viewers->pdata[i];

        v->cursor_changed |= cursor;
        vnc_wake(v);
    }
}

static void vnc_on_cursor_defined(DisplayListener *l, const ConsoleCursor *cursor)
{
    VncServer *s = container_of(l, VncServer, listener);
    ConsoleCursor *copy = NULL;

    if (cursor) {
        size_t size = (size_t)cursor->width * (size_t)cursor->height * 4;

        copy = g_malloc(sizeof(*copy) + size);
        *copy = *cursor;
        copy->pixels = memcpy(copy + 1, cursor->pixels, size);
    }
    pthread_mutex_lock(&s->lock);
    g_free(s->cursor);
    s->cursor = copy;
    vnc_wake_all(s, true);
    pthread_mutex_unlock(&s->lock);
}

static void vnc_on_cursor_moved(DisplayListener *l, int x, int y, bool visible)
{
    VncServer *s = container_of(l, VncServer, listener);

    pthread_mutex_lock(&s->lock);
    bool shown = s->cursor_visible != visible;

    s->cursor_x = x;
    s->cursor_y = y;
    s->cursor_visible = visible;
    vnc_wake_all(s, shown);
    pthread_mutex_unlock(&s->lock);
}

void vnc_show(VncServer *s, Console *c)
{
    display_listener_remove(&s->listener);
    console_pixels_lock();
    s->has_surface = false;
    console_pixels_unlock();
    if (c) {
        display_listener_add(&s->listener, c);
        vnc_update_want(s);
    }
    if (!c || !console_surface(c)) {
        vnc_set_size(s, VNC_BLANK_WIDTH, VNC_BLANK_HEIGHT);
    }
    pthread_mutex_lock(&s->lock);
    vnc_wake_all(s, true);
    pthread_mutex_unlock(&s->lock);
}

/* The console that was asked for, or the first; it may come later, and go. */
static void vnc_choose_console(VncServer *s)
{
    vnc_show(s, s->config.device ? console_find_device(s->config.device, s->config.head) : console_default());
}

static void vnc_on_gone(DisplayListener *l)
{
    VncServer *s = container_of(l, VncServer, listener);

    if (!s->closing) {
        vnc_choose_console(s);
    }
}

static const DisplayListenerOps vnc_listener_ops = {
    .resized = vnc_on_resized,
    .updated = vnc_on_updated,
    .frame = vnc_on_frame,
    .cursor_defined = vnc_on_cursor_defined,
    .cursor_moved = vnc_on_cursor_moved,
    .gone = vnc_on_gone,
};

static void vnc_on_consoles(ConsoleNotifier *n)
{
    VncServer *s = container_of(n, VncServer, consoles);

    if (!s->listener.console) {
        vnc_choose_console(s);
    }
}

static void vnc_on_title(DisplayNotifier *n)
{
    VncServer *s = container_of(n, VncServer, titles);

    pthread_mutex_lock(&s->lock);
    g_free(s->title);
    s->title = g_strdup(display_title());
    pthread_mutex_unlock(&s->lock);
}

static void vnc_on_input(InputNotifier *n)
{
    VncServer *s = container_of(n, VncServer, inputs);

    pthread_mutex_lock(&s->lock);
    s->leds = (int)input_leds();
    s->relative = !input_pointer_is_absolute();
    vnc_wake_all(s, false);
    pthread_mutex_unlock(&s->lock);
}

/* ---- viewers ---- */

static void vnc_viewer_free(VncViewer *v)
{
    pthread_join(v->thread, NULL);
    vnc_forget_viewer(v->server, v);
    pixman_region32_fini(&v->dirty);
    close(v->fd);
    close(v->wake);
    g_free(v->address);
    g_free(v->service);
    g_free(v->dname);
    g_free(v);
}

void vnc_viewer_end(VncViewer *v)
{
    v->quit = true;
    shutdown(v->fd, SHUT_RDWR);
    vnc_wake(v);
    pthread_cond_broadcast(&v->server->room);
}

static void vnc_reap(VncServer *s)
{
    for (guint i = 0; i < s->viewers->len;) {
        VncViewer *v = s->viewers->pdata[i];

        pthread_mutex_lock(&s->lock);
        bool done = v->done && !s->event_count; /* none of them is its */

        if (done) {
            g_ptr_array_remove_index(s->viewers, i);
        } else {
            i++;
        }
        pthread_mutex_unlock(&s->lock);
        if (done) {
            vnc_viewer_free(v);
        }
    }
}

/* The threads' requests: input, frames, their own burial. */
static void vnc_work(void *opaque)
{
    VncServer *s = opaque;

    for (;;) {
        pthread_mutex_lock(&s->lock);
        bool any = s->event_count > 0;
        VncEvent e = s->events[s->event_head];

        if (any) {
            s->event_head = (s->event_head + 1) % VNC_EVENTS_MAX;
            s->event_count--;
            pthread_cond_broadcast(&s->room);
        }
        pthread_mutex_unlock(&s->lock);
        if (!any) {
            break;
        }
        vnc_handle_event(s, &e);
    }
    vnc_reap(s);
    vnc_update_want(s);
}

/* True when there is room for one more; the oldest that has not logged in makes some. */
static bool vnc_make_room(VncServer *s)
{
    bool room = s->viewers->len < VNC_VIEWERS_MAX;

    pthread_mutex_lock(&s->lock);
    for (guint i = 0; !room && i < s->viewers->len; i++) {
        VncViewer *v = s->viewers->pdata[i];

        if (!v->ready && !v->quit) {
            vnc_viewer_end(v);
            room = s->viewers->len < VNC_VIEWERS_MAX + VNC_VIEWERS_MAX / 4; /* those that end count a little longer */
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

static void vnc_viewer_new(VncServer *s, int fd, bool websocket, bool reverse)
{
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (wake < 0 || MAX(fd, wake) >= FD_SETSIZE || !vnc_make_room(s)) { /* libvncserver uses select() */
        close(fd);
        if (wake >= 0) {
            close(wake);
        }
        return;
    }
    VncViewer *v = g_new0(VncViewer, 1);

    if (!s->viewers->len && s->listener.console) {
        console_refresh(s->listener.console); /* nobody looked: the size it has now is what the viewer is told */
    }
    v->server = s;
    v->fd = fd;
    v->wake = wake;
    v->websocket = websocket;
    v->reverse = reverse;
    v->since_ns = clock_ns(CLOCK_KIND_REALTIME);
    vnc_peer_name(fd, &v->address, &v->service);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    pixman_region32_init_rect(&v->dirty, 0, 0, (unsigned)s->width, (unsigned)s->height);

    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 1 << 20);
    pthread_mutex_lock(&s->lock);
    bool ok = pthread_create(&v->thread, &attr, vnc_viewer_run, v) == 0;

    if (ok) {
        g_ptr_array_add(s->viewers, v);
    }
    pthread_mutex_unlock(&s->lock);
    pthread_attr_destroy(&attr);
    if (!ok) {
        pixman_region32_fini(&v->dirty);
        close(fd);
        close(wake);
        g_free(v->address);
        g_free(v->service);
        g_free(v);
    }
}

static void vnc_accept(void *opaque)
{
    VncSocket *k = opaque;
    int fd = accept4(k->fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0) {
        vnc_viewer_new(k->server, fd, k->websocket, false);
    }
}

/* ---- servers ---- */

static void vnc_server_free(VncServer *s)
{
    s->closing = true;
    console_notifier_remove(&s->consoles);
    display_notifier_remove(&s->titles);
    input_notifier_remove(&s->inputs);
    display_listener_remove(&s->listener);
    pthread_mutex_lock(&s->lock);
    for (guint i = 0; i < s->viewers->len; i++) {
        vnc_viewer_end(s->viewers->pdata[i]);
    }
    pthread_mutex_unlock(&s->lock);
    for (guint i = 0; i < s->viewers->len; i++) {
        vnc_viewer_free(s->viewers->pdata[i]);
    }
    for (unsigned i = 0; i < s->socket_count; i++) {
        fd_watch(s->sockets[i].fd, NULL, NULL, NULL);
        close(s->sockets[i].fd);
        g_free(s->sockets[i].address);
        g_free(s->sockets[i].service);
    }
    if (s->config.unix_path && s->socket_count) {
        unlink(s->config.unix_path);
    }
    bh_free(s->work);
    g_ptr_array_unref(s->viewers);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->room);
    g_free(s->password);
    g_free(s->title);
    g_free(s->cursor);
    g_free(s->refusal);
    vnc_config_clear(&s->config);
    g_free(s);
}

static VncServer *vnc_find(const char *id)
{
    for (guint i = 0; vnc_servers && i < vnc_servers->len; i++) {
        VncServer *s = vnc_servers->pdata[i];

        if (!id || !strcmp(s->config.id, id)) {
            return s;
        }
    }
    return NULL;
}

static VncServer *vnc_server_new(const VncConfig *c)
{
    VncServer *s = g_new0(VncServer, 1);

    s->config = *c;
    if (!s->config.id) {
        s->config.id = vnc_ids++ ? g_strdup_printf("vnc%u", vnc_ids) : g_strdup("default");
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->room, NULL);
    s->viewers = g_ptr_array_new();
    s->work = bh_new(vnc_work, s);
    s->listener.ops = &vnc_listener_ops;
    s->titles.title = vnc_on_title;
    s->consoles.changed = vnc_on_consoles;
    s->expires_s = INT64_MAX;
    s->title = g_strdup(display_title());
    s->leds = (int)input_leds();
    s->relative = !input_pointer_is_absolute();
    s->inputs.leds = s->inputs.pointer = vnc_on_input;
    input_notifier_add(&s->inputs);
    display_notifier_add(&s->titles);
    console_notifier_add(&s->consoles);
    vnc_choose_console(s);
    return s;
}

/* password-secret=ID */
static bool vnc_read_secret(VncServer *s, Error **errp)
{
    const uint8_t *data;
    size_t len;

    if (!s->config.secret) {
        return true;
    }
    if (!secret_get(s->config.secret, &data, &len, errp)) {
        return false;
    }
    if (len > VNC_PASSWORD_MAX || !len || memchr(data, 0, len)) {
        error_set(errp, "secret '%s' has %zu characters; a VNC password has 1 to %d", s->config.secret, len, VNC_PASSWORD_MAX);
        return false;
    }
    s->password = g_strndup((const char *)data, len);
    return true;
}

static bool vnc_server_open(VncServer *s, Error **errp)
{
    if (!vnc_read_secret(s, errp) ||
        (s->config.tls_creds && !(s->tls_creds = tls_creds_get(s->config.tls_creds, errp)))) {
        return false;
    }
    if (s->config.reverse) {
        int fd = vnc_connect_out(&s->config, errp);

        if (fd >= 0) {
            vnc_viewer_new(s, fd, false, true);
        }
        return fd >= 0;
    }
    if (!vnc_listen(s, errp)) {
        return false;
    }
    for (unsigned i = 0; i < s->socket_count; i++) {
        fd_watch(s->sockets[i].fd, vnc_accept, NULL, &s->sockets[i]);
    }
    return true;
}

static void vnc_be_quiet(const char *format, ...)
{
    (void)format; /* what peers provoke does not fill the terminal */
}

bool vnc_add(const char *spec, Error **errp)
{
    VncConfig c = { 0 };

    if (!strcmp(spec, "none")) {
        return true;
    }
    if (!vnc_config_parse(&c, spec, errp)) {
        vnc_config_clear(&c);
        return false;
    }
    if (c.id && vnc_find(c.id)) {
        error_set(errp, "there is a display '%s' already", c.id);
        vnc_config_clear(&c);
        return false;
    }
    if (!vnc_servers) {
        vnc_servers = g_ptr_array_new();
        rfbLog = rfbErr = vnc_be_quiet;
        vnc_ext_register();
    }
    VncServer *s = vnc_server_new(&c);

    if (!vnc_server_open(s, errp)) {
        vnc_server_free(s);
        return false;
    }
    g_ptr_array_add(vnc_servers, s);
    return true;
}

char *vnc_describe(void)
{
    VncServer *s = vnc_find(NULL);

    if (!s || !s->socket_count) {
        return NULL;
    }
    const VncSocket *k = &s->sockets[0];

    return g_strdup_printf("VNC server running on %s%s%s", k->address, k->family == AF_UNIX ? "" : ":", k->service);
}

void vnc_cleanup(void)
{
    for (guint i = 0; vnc_servers && i < vnc_servers->len; i++) {
        vnc_server_free(vnc_servers->pdata[i]);
    }
    if (vnc_servers) {
        g_ptr_array_unref(vnc_servers);
        vnc_servers = NULL;
        vnc_ids = 0;
    }
}

/* ---- passwords and information ---- */

static VncServer *vnc_find_for(const char *display, Error **errp)
{
    VncServer *s = vnc_find(display);

    if (!s) {
        error_set(errp, display ? "there is no VNC display '%s'" : "there is no VNC display", display);
        error_add_hint(errp, "`info vnc` lists them; -vnc makes one.");
    }
    return s;
}

bool vnc_set_password(const char *display, const char *password, Error **errp)
{
    VncServer *s = vnc_find_for(display, errp);

    if (!s) {
        return false;
    }
    if (!s->config.password) {
        error_set(errp, "VNC display '%s' asks for no password", s->config.id);
        error_add_hint(errp, "Start it with -vnc ADDRESS,password=on.");
        return false;
    }
    if (password && strlen(password) > VNC_PASSWORD_MAX) {
        error_set(errp, "a VNC password has at most %d characters, this one has %zu; the protocol would ignore the rest",
                  VNC_PASSWORD_MAX, strlen(password));
        return false;
    }
    pthread_mutex_lock(&s->lock);
    g_free(s->password);
    s->password = password && *password ? g_strdup(password) : NULL;
    pthread_mutex_unlock(&s->lock);
    return true;
}

bool vnc_expire_password(const char *display, const char *when, Error **errp)
{
    VncServer *s = vnc_find_for(display, errp);
    int64_t now = clock_ns(CLOCK_KIND_HOST) / NS_PER_SEC, at;
    char *end;

    if (!s) {
        return false;
    }
    if (!strcmp(when, "now")) {
        at = 0;
    } else if (!strcmp(when, "never")) {
        at = INT64_MAX;
    } else {
        errno = 0;
        at = g_ascii_strtoll(when + (*when == '+'), &end, 10);
        if (errno || *end || !g_ascii_isdigit(when[*when == '+']) || (*when == '+' && at > INT64_MAX - now)) {
            error_set(errp, "'%s' is no time; now, never, +SECONDS or seconds since 1970 are", when);
            return false;
        }
        at += *when == '+' ? now : 0;
    }
    pthread_mutex_lock(&s->lock);
    s->expires_s = at;
    pthread_mutex_unlock(&s->lock);
    return true;
}

static void vnc_info_one(VncServer *s, GString *out)
{
    const char *login = s->config.password ? "vnc" : "none";
    const char *kind = s->tls_creds && tls_creds_have_certificate(s->tls_creds) ? "x509" : "tls";

    g_string_append_printf(out, "%s:\n", s->config.id);
    for (unsigned i = 0; i < s->socket_count; i++) {
        const VncSocket *k = &s->sockets[i];

        g_string_append_printf(out, "  Server: %s%s%s (%s%s)\n", k->address, k->family == AF_UNIX ? "" : ":", k->service,
                               k->family == AF_INET ? "ipv4" : k->family == AF_INET6 ? "ipv6" : "unix",
                               k->websocket ? " (Websocket)" : "");
        if (s->tls_creds && !k->websocket) {
            g_string_append_printf(out, "    Auth: vencrypt (Sub: %s-%s)\n", kind, login);
        } else {
            g_string_append_printf(out, "    Auth: %s (Sub: none)%s\n", login, s->tls_creds ? " through TLS" : "");
        }
    }
    pthread_mutex_lock(&s->lock);
    for (guint i = 0; i < s->viewers->len; i++) {
        VncViewer *v = s->viewers->pdata[i];

        if (v->ready && !v->done) {
            g_string_append_printf(out, "  Client: %s%s%s%s\n    x509_dname: %s\n    sasl_username: none\n", v->address,
                                   *v->service ? ":" : "", v->service, v->websocket ? " (Websocket)" : "",
                                   v->dname ? v->dname : "none");
        }
    }
    if (s->refusal) {
        g_string_append_printf(out, "  Kept out last: %s\n", s->refusal);
    }
    pthread_mutex_unlock(&s->lock);
}

void vnc_info(GString *out)
{
    for (guint i = 0; vnc_servers && i < vnc_servers->len; i++) {
        vnc_info_one(vnc_servers->pdata[i], out);
    }
    if (!vnc_find(NULL)) {
        g_string_append(out, "Server: disabled\n");
    }
}
