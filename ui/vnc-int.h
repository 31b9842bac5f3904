/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the VNC server.
 *
 * Every viewer has a thread of its own, and in it a libvncserver screen of its own with a private copy of the pixels: libvncserver
 * reads and writes sockets by waiting for them, so a viewer that stands still, or sends half a message, holds up nobody
 * but its own thread; and encoders never see pixels change under them.  The thread copies what is dirty (comparing, so that
 * only what differs is sent) when its viewer has asked for a frame, and never before: a slow link gets fewer frames, not a queue.
 *
 * The main thread accepts, tells viewers of dirty rectangles, and takes their input from one bounded queue.
 */
#ifndef UI_VNC_INT_H
#define UI_VNC_INT_H

#include "ui/console.h"
#include "ui/display.h"
#include "ui/input.h"
#include "ui/vnc.h"
#include "util/mainloop.h"
#include "util/timer.h"
#include "util/tls.h"

#include <pthread.h>
#include <rfb/rfb.h>
#include <rfb/rfbregion.h>

enum {
    VNC_PASSWORD_MAX = 8,      /* what the protocol's authentication looks at */
    VNC_VIEWERS_MAX = 64,      /* of one server; a further one pushes out the oldest that has not logged in */
    VNC_EVENTS_MAX = 512,      /* input that waits for the main thread; then the viewers' threads wait */
    VNC_SOCKETS_MAX = 16,      /* listening, of one server */
    VNC_WAIT_MS = 60000,       /* a viewer that takes or completes nothing for so long is disconnected */
    VNC_LOGIN_S = 300,         /* a person may need time to type a password */
    VNC_WRONG_PASSWORD_MS = 1000,
    VNC_BLANK_WIDTH = 640,     /* of the picture where no console is */
    VNC_BLANK_HEIGHT = 480,
};

typedef enum VncShare { VNC_SHARE_ALLOW_EXCLUSIVE, VNC_SHARE_FORCE_SHARED, VNC_SHARE_IGNORE } VncShare;

typedef struct VncConfig {
    char *id;
    char *host, *port; /* @port as getaddrinfo() wants it; NULL host: any address */
    char *unix_path;   /* instead of host and port */
    bool reverse;      /* connect to there instead of listening */
    int display;       /* host:N, for messages */
    int to;            /* try ports up to that of display @to */
    bool ipv4, ipv6;   /* which may be used */
    char *ws_host, *ws_port; /* NULL port: no web socket */
    bool password, power_control;
    char *secret;      /* id of the -object secret that holds the password; NULL: it is set later */
    char *tls_creds;   /* id of the -object that holds certificates; NULL: nothing is encrypted */
    VncShare share;
    char *device;      /* of the console; NULL: the default one */
    int head;
} VncConfig;
bool vnc_config_parse(VncConfig *c, const char *spec, Error **errp); /* vnc-opts.c */
void vnc_config_clear(VncConfig *c);

typedef struct VncSocket {
    int fd;
    bool websocket;
    char *address, *service; /* "127.0.0.1", "5900"; a path and NULL */
    int family;
    struct VncServer *server;
} VncSocket;

/* vnc-listen.c.  All addresses of the config; the web socket's too. */
bool vnc_listen(struct VncServer *s, Error **errp);
int vnc_connect_out(const VncConfig *c, Error **errp); /* reverse=on: a connected socket, or -1 */
void vnc_peer_name(int fd, char **address, char **service);

typedef enum VncEventKind { VNC_EVENT_KEY, VNC_EVENT_KEYSYM, VNC_EVENT_POINTER, VNC_EVENT_SIZE, VNC_EVENT_POWER,
                            VNC_EVENT_EXCLUSIVE } VncEventKind;
typedef struct VncEvent {
    VncEventKind kind;
    bool down, relative; /* relative: the position is a movement */
    unsigned code, buttons; /* set-1 number of a key (KEY); buttons; XVP's code (POWER) */
    uint32_t keysym;
    int x, y, width, height; /* POINTER: position in a screen of this size; or wished size */
    struct VncViewer *viewer;
} VncEvent;

typedef struct VncViewer {
    struct VncServer *server;
    pthread_t thread;
    int fd, wake; /* wake: eventfd */
    bool websocket, reverse;
    char *address, *service; /* the peer */
    int64_t since_ns;
    TlsSession *tls;         /* the thread's; NULL: not encrypted */
    int plain;               /* the thread's: what it talks through, @fd or the plain end of @tls; -1: libvncserver has it */

    /* guarded by server->lock */
    pixman_region32_t dirty; /* what differs from the private copy, perhaps */
    bool hungry;             /* has asked for a frame and has nothing to send */
    bool one_more;           /* what it was told of last was little: the next frame is drawn though it has not asked yet */
    bool ready;              /* has logged in */
    bool shared;             /* told so when it logged in */
    bool quit;               /* shall end */
    bool done;               /* has ended; the main thread joins */
    bool cursor_changed;
    char *dname;             /* who the viewer is by its certificate; NULL: it showed none */

    /* the thread's */
    rfbScreenInfoPtr screen;
    rfbClientPtr cl;
    uint8_t *fb;
    char rfb_minor;          /* of the RFB version that an encrypted viewer speaks: '7' or '8' */
    int width, height;       /* of fb */
    rfbCursorPtr cursor;
    bool gone;               /* libvncserver has freed cl */
    bool extended_keys, leds_wanted, relative_wanted, acked_keys;
    int leds_told;           /* -1: nothing yet */
    int relative_told;

    /* the main thread's */
    unsigned buttons;
    int x, y;           /* of the pointer: pixels, or as input_pointer_abs() takes it */
    bool has_position, typed;
} VncViewer;

typedef struct VncServer {
    VncConfig config;
    VncSocket sockets[VNC_SOCKETS_MAX];
    unsigned socket_count;
    DisplayListener listener;
    DisplayNotifier titles;
    ConsoleNotifier consoles;
    InputNotifier inputs;
    bool ctrl, alt;     /* held by a viewer, for Ctrl-Alt-N */
    char *password;     /* NULL: nobody may log in while config.password; guarded by lock */
    int64_t expires_s;  /* wall clock; INT64_MAX: never; guarded by lock */
    TlsCreds *tls_creds;
    char *title;
    BottomHalf *work;

    pthread_mutex_t lock;
    pthread_cond_t room;  /* the queue has room again; a viewer was told to quit */
    GPtrArray *viewers;   /* VncViewer *; changed in the main thread with the lock */
    VncEvent events[VNC_EVENTS_MAX];
    unsigned event_head, event_count;
    bool closing;
    bool wanting;         /* frames are being drawn for us */
    int width, height;    /* of the shown console; without one a blank screen */
    char *refusal;        /* whom TLS kept out last, and why; NULL: nobody */
    int leds;             /* INPUT_LED_* */
    bool relative;        /* the guest's pointer takes movements only */
    ConsoleCursor *cursor; /* a copy of the guest's; NULL: none */
    int cursor_x, cursor_y;
    bool cursor_visible;

    /* guarded by the pixel lock, which is never taken with the lock above held */
    Surface surface;
    bool has_surface;
} VncServer;

/* vnc.c, any thread. */
void vnc_send_event(VncViewer *v, const VncEvent *e);
void vnc_wake(VncViewer *v);
void vnc_viewer_end(VncViewer *v); /* with the lock: its thread ends soon, whatever it waits for */
void vnc_show(VncServer *s, Console *c); /* main thread; NULL: a blank screen */
/* vnc-events.c, main thread. */
void vnc_handle_event(VncServer *s, const VncEvent *e);
void vnc_forget_viewer(VncServer *s, VncViewer *v);

/* vnc-viewer.c */
void vnc_on_client_gone(rfbClientPtr cl);
void *vnc_viewer_run(void *viewer);
/* vnc-screen.c, the viewer's thread. */
bool vnc_screen_new(VncViewer *v);
void vnc_screen_free(VncViewer *v);
void vnc_screen_sync(VncViewer *v);  /* size, cursor, lamps */
void vnc_screen_pull(VncViewer *v);  /* dirty pixels, if the viewer waits for some */
/* vnc-ext.c */
void vnc_ext_register(void);
bool vnc_ext_tell(VncViewer *v);     /* pending pseudo rectangles; false: the connection is broken */
/* vnc-tls.c, the viewer's thread; all are no-ops where nothing is encrypted. */
bool vnc_tls_begin(VncViewer *v);      /* what comes before RFB's greeting, or up to VeNCrypt's end; false: the peer is to go */
bool vnc_tls_new_client(VncViewer *v); /* after VeNCrypt: v->cl */
void vnc_tls_end(VncViewer *v);
/* vnc-http.c: a web socket's handshake, taken out of the socket (to be freed); NULL: the request was answered, or was none. */
char *vnc_http_serve(int fd);
void vnc_http_refuse(int fd, const char *why);
bool vnc_http_send(int fd, const void *data, size_t len); /* waits, but not for ever; false: the peer takes nothing */

#endif
