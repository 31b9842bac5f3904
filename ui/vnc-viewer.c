/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread of one viewer: libvncserver's callbacks and the loop around them.  See vnc-int.h. */
#include "util/osdep.h"
#include "ui/vnc-int.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

static VncViewer *vnc_of(rfbClientPtr cl)
{
    return cl->screen->screenData;
}

/* ---- callbacks of libvncserver ---- */

static void vnc_on_key(rfbBool down, rfbKeySym keysym, rfbClientPtr cl)
{
    vnc_send_event(vnc_of(cl), &(VncEvent){ .kind = VNC_EVENT_KEYSYM, .down = down, .keysym = keysym });
}

static void vnc_on_pointer(int buttons, int x, int y, rfbClientPtr cl)
{
    VncViewer *v = vnc_of(cl);

    vnc_send_event(v, &(VncEvent){ .kind = VNC_EVENT_POINTER, .buttons = (unsigned)buttons, .x = x, .y = y, .width = v->width,
                                   .height = v->height, .relative = v->relative_told == 1 });
}

/* There is nobody in the guest to take it. */
static void vnc_on_cut_text(char *text, int len, rfbClientPtr cl)
{
    (void)text;
    (void)len;
    (void)cl;
}

static int vnc_on_size(int width, int height, int count, struct rfbExtDesktopScreen *screens, rfbClientPtr cl)
{
    (void)screens;
    if (count != 1 || width < 64 || height < 64 || width > SURFACE_MAX_WIDTH || height > SURFACE_MAX_HEIGHT) {
        return rfbExtDesktopSize_InvalidScreenLayout;
    }
    vnc_send_event(vnc_of(cl), &(VncEvent){ .kind = VNC_EVENT_SIZE, .width = width, .height = height });
    return rfbExtDesktopSize_Success; /* the guest decides; the viewer is told of every size it takes */
}

static rfbBool vnc_on_xvp(rfbClientPtr cl, uint8_t version, uint8_t code)
{
    VncViewer *v = vnc_of(cl);

    if (version != 1 || !v->server->config.power_control || code < rfbXvp_Shutdown || code > rfbXvp_Reset) {
        return FALSE;
    }
    vnc_send_event(v, &(VncEvent){ .kind = VNC_EVENT_POWER, .buttons = code });
    return TRUE;
}

/* libvncserver 0.9.14 frees the client after this, but not what hangs on it here. */
void vnc_on_client_gone(rfbClientPtr cl)
{
    VncViewer *v = vnc_of(cl);

    free(cl->wsctx);
    cl->wsctx = NULL;
    while (cl->extensions) {
        rfbExtensionData *e = cl->extensions;

        cl->extensions = e->next;
        free(e);
    }
    v->gone = true;
    v->cl = NULL;
}

/* Guessing passwords takes a second each. */
static void vnc_punish(VncViewer *v)
{
    struct pollfd p = { .fd = v->fd, .events = 0 };

    poll(&p, 1, VNC_WRONG_PASSWORD_MS);
}

static rfbBool vnc_on_password(rfbClientPtr cl, const char *response, int len)
{
    static pthread_mutex_t cipher = PTHREAD_MUTEX_INITIALIZER;
    VncViewer *v = vnc_of(cl);
    VncServer *s = v->server;
    uint8_t expected[CHALLENGESIZE];
    char password[VNC_PASSWORD_MAX + 1] = "";

    pthread_mutex_lock(&s->lock);
    bool set = s->password && clock_ns(CLOCK_KIND_HOST) / NS_PER_SEC < s->expires_s;

    if (set) {
        g_strlcpy(password, s->password, sizeof(password));
    }
    pthread_mutex_unlock(&s->lock);
    memcpy(expected, cl->authChallenge, sizeof(expected));
    pthread_mutex_lock(&cipher);
    rfbEncryptBytes(expected, password);
    pthread_mutex_unlock(&cipher);
    uint8_t differs = len != CHALLENGESIZE || !set;

    for (int i = 0; i < CHALLENGESIZE && len == CHALLENGESIZE; i++) {
        differs |= expected[i] ^ (uint8_t)response[i];
    }
    if (differs) {
        vnc_punish(v);
    }
    return !differs;
}

static void vnc_set_callbacks(VncViewer *v)
{
    rfbScreenInfoPtr r = v->screen;

    r->kbdAddEvent = vnc_on_key;
    r->ptrAddEvent = vnc_on_pointer;
    r->setXCutText = vnc_on_cut_text;
    r->setXCutTextUTF8 = vnc_on_cut_text;
    r->setDesktopSizeHook = vnc_on_size;
    r->xvpHook = vnc_on_xvp;
    if (v->server->config.password) {
        r->passwordCheck = vnc_on_password;
        r->authPasswdData = v; /* what it is does not matter, as long as it is not NULL */
    }
}

/* ---- the shared flag, which libvncserver reads and keeps to itself ---- */

/* Looks at ClientInit before it is read.  In a web socket it is the byte of a masked frame. */
static bool vnc_peek_shared(VncViewer *v)
{
    uint8_t b[7];
    ssize_t n = recv(v->cl->sock, b, sizeof(b), MSG_PEEK | MSG_DONTWAIT);

    if (!v->websocket) {
        return n < 1 || b[0];
    }
    return n < 7 || (b[1] & 0x7f) != 1 || (b[6] ^ b[2]);
}

static void vnc_note_login(VncViewer *v, bool shared)
{
    VncServer *s = v->server;

    pthread_mutex_lock(&s->lock);
    v->ready = true;
    v->shared = shared;
    pthread_mutex_unlock(&s->lock);
    if (!shared && s->config.share == VNC_SHARE_ALLOW_EXCLUSIVE) {
        vnc_send_event(v, &(VncEvent){ .kind = VNC_EVENT_EXCLUSIVE });
    }
}

/* share=force-shared: who wants to be alone is turned away. */
static bool vnc_may_enter(const VncViewer *v, bool shared)
{
    return shared || v->server->config.share != VNC_SHARE_FORCE_SHARED;
}

/* ---- the loop ---- */

static int vnc_timeout_ms(VncViewer *v)
{
    if (v->cl->state == RFB_NORMAL) {
        return -1;
    }
    int64_t left = v->since_ns + VNC_LOGIN_S * NS_PER_SEC - clock_ns(CLOCK_KIND_REALTIME);

    return (int)CLAMP(left / NS_PER_MS, 0, VNC_LOGIN_S * 1000);
}

/* False: the end. */
static bool vnc_wait(VncViewer *v)
{
    struct pollfd p[2] = { { .fd = v->cl->sock, .events = POLLIN }, { .fd = v->wake, .events = POLLIN } };
    uint64_t count;
    bool pending = v->websocket && webSocketsHasDataInBuffer(v->cl);
    int n = poll(p, 2, pending ? 0 : vnc_timeout_ms(v));

    if (p[1].revents) {
        ssize_t got = read(v->wake, &count, sizeof(count));
        (void)got;
    }
    pthread_mutex_lock(&v->server->lock);
    bool quit = v->quit;

    pthread_mutex_unlock(&v->server->lock);
    return !quit && (n != 0 || pending);
}

/* One message, if there is one; false: the viewer has gone. */
static bool vnc_process(VncViewer *v)
{
    bool was_init = v->cl->state == RFB_INITIALISATION, shared = true;

    if (was_init) {
        shared = vnc_peek_shared(v);
        if (!vnc_may_enter(v, shared)) {
            return false;
        }
    }
    rfbCheckFds(v->screen, 0);
    if (v->gone || v->cl->sock < 0) {
        return false;
    }
    if (was_init && v->cl->state == RFB_NORMAL) {
        vnc_note_login(v, shared);
    }
    return true;
}

static void vnc_loop(VncViewer *v)
{
    while (vnc_wait(v)) {
        vnc_screen_sync(v);
        if (!vnc_process(v) || !vnc_ext_tell(v)) {
            break;
        }
        vnc_screen_pull(v);
        rfbUpdateClient(v->cl);
        if (v->cl->sock < 0) {
            break;
        }
    }
}

/*
 * libvncserver loses 45 KiB when a web socket's peer goes away between its handshake and RFB's greeting.  So it does both with
 * a socket pair that nobody closes; then what it said goes to the peer, and the peer's socket takes the place of the pair's.
 */
static void vnc_new_web_client(VncViewer *v, const char *request)
{
    char answer[4096];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return;
    }
    if (pair[0] < FD_SETSIZE && send(pair[1], request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request)) {
        v->cl = rfbNewClient(v->screen, pair[0]);
    } else {
        close(pair[0]);
    }
    ssize_t n = recv(pair[1], answer, sizeof(answer), MSG_DONTWAIT);

    if (n > 0) {
        vnc_http_send(v->plain, answer, (size_t)n);
    }
    if (v->cl) {
        fcntl(v->plain, F_SETFL, fcntl(v->plain, F_GETFL) | O_NONBLOCK);
        dup3(v->plain, v->cl->sock, O_CLOEXEC);
    }
    close(pair[1]);
}

static void vnc_new_client(VncViewer *v)
{
    int fd = fcntl(v->fd, F_DUPFD_CLOEXEC, 3); /* libvncserver closes its own; ours can be shut down by the main thread */

    if (fd >= 0 && fd < FD_SETSIZE) {
        v->cl = rfbNewClient(v->screen, fd);
    } else if (fd >= 0) {
        close(fd);
    }
}

static void vnc_serve(VncViewer *v)
{
    VncServer *s = v->server;
    char *request = v->websocket ? vnc_http_serve(v->plain) : NULL;

    if ((v->websocket && !request) || !vnc_screen_new(v)) {
        g_free(request);
        return;
    }
    vnc_set_callbacks(v);
    pthread_mutex_lock(&s->lock);
    char *title = g_strdup(s->title);

    pthread_mutex_unlock(&s->lock);
    v->screen->desktopName = title;
    if (request) {
        vnc_new_web_client(v, request);
    } else if (v->tls) {
        vnc_tls_new_client(v);
    } else {
        vnc_new_client(v);
    }
    if (v->cl) {
        v->cl->clientGoneHook = vnc_on_client_gone;
        v->cl->reverseConnection = v->reverse;
        vnc_loop(v);
    }
    if (v->cl && !v->gone) {
        rfbCloseClient(v->cl);
        rfbClientConnectionGone(v->cl);
    }
    vnc_screen_free(v);
    g_free(title);
    g_free(request);
}

void *vnc_viewer_run(void *viewer)
{
    VncViewer *v = viewer;

    if (vnc_tls_begin(v)) {
        vnc_serve(v);
    }
    vnc_tls_end(v);
    shutdown(v->fd, SHUT_RDWR);
    pthread_mutex_lock(&v->server->lock);
    v->hungry = false;
    v->done = true;
    bh_schedule(v->server->work);
    pthread_mutex_unlock(&v->server->lock);
    return NULL;
}
