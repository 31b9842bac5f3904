/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libvncserver lacks of the RFB protocol (rfbproto, the community's edition): "QEMU Extended Key Event", which
 * tells the place of a key besides its meaning, "QEMU Pointer Motion Change" and "QEMU LED State".  Callbacks and the rest run
 * in the viewer's thread.
 */
#include "util/osdep.h"
#include "ui/vnc-int.h"

#include "util/bytes.h"

enum { VNC_ENC_POINTER_MOTION = -257, VNC_ENC_EXTENDED_KEY = -258, VNC_ENC_LED_STATE = -261 };
enum { VNC_MSG_QEMU = 255, VNC_QEMU_KEY = 0, VNC_QEMU_KEY_SIZE = 11 };

static VncViewer *vnc_ext_viewer(rfbClientPtr cl)
{
    return cl->screen->screenData;
}

static rfbBool vnc_ext_new_client(rfbClientPtr cl, void **data)
{
    VncViewer *v = vnc_ext_viewer(cl);

    *data = NULL;
    v->extended_keys = v->acked_keys = v->leds_wanted = v->relative_wanted = false;
    v->leds_told = v->relative_told = -1;
    return TRUE;
}

/* The replies go out from the loop: this runs in the middle of reading SetEncodings. */
static rfbBool vnc_ext_enable(rfbClientPtr cl, void **data, int encoding)
{
    VncViewer *v = vnc_ext_viewer(cl);

    (void)data;
    switch (encoding) {
    case VNC_ENC_POINTER_MOTION:
        v->relative_wanted = true;
        return TRUE;
    case VNC_ENC_EXTENDED_KEY:
        v->extended_keys = true;
        return TRUE;
    case VNC_ENC_LED_STATE:
        v->leds_wanted = true;
        return TRUE;
    default:
        return FALSE;
    }
}

static rfbBool vnc_ext_message(rfbClientPtr cl, void *data, const rfbClientToServerMsg *msg)
{
    char buf[VNC_QEMU_KEY_SIZE];
    const uint8_t *b = (const uint8_t *)buf;

    (void)data;
    if (msg->type != VNC_MSG_QEMU) {
        return FALSE;
    }
    if (rfbReadExact(cl, buf, sizeof(buf)) <= 0 || b[0] != VNC_QEMU_KEY) {
        rfbCloseClient(cl);
        return TRUE;
    }
    if (!cl->viewOnly) {
        vnc_send_event(vnc_ext_viewer(cl), &(VncEvent){ .kind = VNC_EVENT_KEY, .down = ld_be16(b + 1) != 0,
                                                        .keysym = ld_be32(b + 3), .code = ld_be32(b + 7) });
    }
    return TRUE;
}

/* A FramebufferUpdate of one pseudo rectangle. */
static bool vnc_ext_send(VncViewer *v, int encoding, unsigned x, unsigned width, unsigned height, int extra)
{
    uint8_t b[4 + 12 + 1] = { rfbFramebufferUpdate, 0, 0, 1 };

    st_be16(b + 4, (uint16_t)x);
    st_be16(b + 8, (uint16_t)width);
    st_be16(b + 10, (uint16_t)height);
    st_be32(b + 12, (uint32_t)encoding);
    b[16] = (uint8_t)extra;
    return rfbWriteExact(v->cl, (char *)b, extra < 0 ? 16 : 17) > 0;
}

bool vnc_ext_tell(VncViewer *v)
{
    VncServer *s = v->server;

    if (v->cl->state != RFB_NORMAL) {
        return true;
    }
    pthread_mutex_lock(&s->lock);
    int leds = s->leds, relative = s->relative;

    pthread_mutex_unlock(&s->lock);
    bool ok = true;

    if (v->extended_keys && !v->acked_keys) {
        v->acked_keys = true;
        ok = vnc_ext_send(v, VNC_ENC_EXTENDED_KEY, 0, (unsigned)v->width, (unsigned)v->height, -1);
    }
    if (ok && v->leds_wanted && v->leds_told != leds) {
        v->leds_told = leds;
        ok = vnc_ext_send(v, VNC_ENC_LED_STATE, 0, 0, 0, leds);
    }
    if (ok && v->relative_wanted && v->relative_told != relative) {
        v->relative_told = relative;
        ok = vnc_ext_send(v, VNC_ENC_POINTER_MOTION, relative ? 0 : 1, (unsigned)v->width, (unsigned)v->height, -1);
    }
    return ok;
}

void vnc_ext_register(void)
{
    static int encodings[] = { VNC_ENC_POINTER_MOTION, VNC_ENC_EXTENDED_KEY, VNC_ENC_LED_STATE, 0 };
    static rfbProtocolExtension extension = {
        .newClient = vnc_ext_new_client,
        .pseudoEncodings = encodings,
        .enablePseudoEncoding = vnc_ext_enable,
        .handleMessage = vnc_ext_message,
    };
    static bool registered;

    if (!registered) {
        registered = true;
        rfbRegisterProtocolExtension(&extension);
    }
}
