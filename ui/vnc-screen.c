/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One viewer's libvncserver screen: its private pixels, size, cursor.  All in the viewer's thread.
 */
#include "util/osdep.h"
#include "ui/vnc-int.h"

enum { VNC_TILE = 64, VNC_BAND = 16 }; /* pixels wide, lines high: what is compared and sent as one */

/* ---- pixels ---- */

/* Compares and copies one tile; true: it differed. */
static bool vnc_copy_tile(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride, size_t bytes, int lines)
{
    bool differs = false;

    for (int y = 0; y < lines; y++) {
        if (differs || memcmp(to, from, bytes)) {
            memcpy(to, from, bytes);
            differs = true;
        }
        to += to_stride;
        from += from_stride;
    }
    return differs;
}

static void vnc_region_add(sraRegionPtr region, int x1, int y1, int x2, int y2)
{
    sraRegionPtr part = sraRgnCreateRect(x1, y1, x2, y2);

    sraRgnOr(region, part);
    sraRgnDestroy(part);
}

/* One band of a dirty rectangle; runs of tiles that differ are added to @changed. */
static void vnc_copy_band(VncViewer *v, const Surface *from, int x1, int x2, int y1, int y2, sraRegionPtr changed)
{
    size_t stride = (size_t)v->width * 4;
    int run = -1;

    for (int x = x1; x < x2; x += VNC_TILE) {
        int end = MIN(x + VNC_TILE, x2);
        bool differs = vnc_copy_tile(v->fb + (size_t)y1 * stride + (size_t)x * 4, stride,
                                     from->data + (size_t)y1 * (size_t)from->stride + (size_t)x * 4, (size_t)from->stride,
                                     (size_t)(end - x) * 4, y2 - y1);

        if (differs && run < 0) {
            run = x;
        } else if (!differs && run >= 0) {
            vnc_region_add(changed, run, y1, x, y2);
            run = -1;
        }
    }
    if (run >= 0) {
        vnc_region_add(changed, run, y1, x2, y2);
    }
}

/* With the pixel lock: the surface may be smaller than what is dirty, or have gone. */
static void vnc_copy_dirty(VncViewer *v, pixman_region32_t *dirty, sraRegionPtr changed)
{
    VncServer *s = v->server;
    int count, width = MIN(v->width, s->surface.width), height = MIN(v->height, s->surface.height);
    pixman_box32_t *box = pixman_region32_rectangles(dirty, &count);

    for (int i = 0; s->has_surface && i < count; i++, box++) {
        int x1 = box->x1 / VNC_TILE * VNC_TILE, x2 = MIN(box->x2, width), y2 = MIN(box->y2, height);

        for (int y = box->y1; y < y2; y += VNC_BAND) {
            vnc_copy_band(v, &s->surface, x1, x2, y, MIN(y + VNC_BAND, y2), changed);
        }
    }
}

static bool vnc_wants_frame(const VncViewer *v)
{
    return v->cl && v->cl->state == RFB_NORMAL && !sraRgnEmpty(v->cl->requestedRegion);
}

void vnc_screen_pull(VncViewer *v)
{
    VncServer *s = v->server;
    pixman_region32_t dirty;

    if (!vnc_wants_frame(v)) {
        return;
    }
    pixman_region32_init(&dirty);
    pthread_mutex_lock(&s->lock);
    pixman_region32_copy(&dirty, &v->dirty);
    pixman_region32_clear(&v->dirty);
    bool tell = !s->wanting;

    v->hungry = true; /* the next frame may be drawn while this one is encoded */
    pthread_mutex_unlock(&s->lock);
    if (tell) {
        bh_schedule(s->work);
    }
    sraRegionPtr changed = sraRgnCreate();

    if (pixman_region32_not_empty(&dirty)) {
        console_pixels_lock();
        vnc_copy_dirty(v, &dirty, changed);
        console_pixels_unlock();
    }
    pixman_region32_fini(&dirty);
    if (!sraRgnEmpty(changed)) {
        rfbMarkRegionAsModified(v->screen, changed);
    }
    sraRgnDestroy(changed);
}

/* ---- size ---- */

/* A viewer that cannot change its size keeps the one it was told first, and sees what fits. */
static void vnc_sync_size(VncViewer *v)
{
    VncServer *s = v->server;

    pthread_mutex_lock(&s->lock);
    int width = s->width, height = s->height;

    pthread_mutex_unlock(&s->lock);
    if ((width == v->width && height == v->height) || !v->cl || v->cl->state != RFB_NORMAL ||
        !(v->cl->useNewFBSize || v->cl->useExtDesktopSize)) {
        return;
    }
    uint8_t *old = v->fb;

    v->fb = g_malloc0((size_t)width * (size_t)height * 4);
    v->width = width;
    v->height = height;
    rfbNewFramebuffer(v->screen, (char *)v->fb, width, height, 8, 3, 4);
    v->screen->serverFormat.redShift = 16;
    v->screen->serverFormat.greenShift = 8;
    v->screen->serverFormat.blueShift = 0;
    rfbSetTranslateFunction(v->cl);
    g_free(old);
    pthread_mutex_lock(&s->lock);
    pixman_region32_union_rect(&v->dirty, &v->dirty, 0, 0, (unsigned)width, (unsigned)height);
    pthread_mutex_unlock(&s->lock);
}

/* ---- cursor ---- */

static void vnc_free_cursor(VncViewer *v)
{
    if (v->screen) {
        rfbSetCursor(v->screen, NULL);
    }
    if (v->cursor) {
        g_free(v->cursor->mask);
        g_free(v->cursor->richSource);
        g_free(v->cursor->source);
        g_free(v->cursor);
        v->cursor = NULL;
    }
}

/* Opaque is what is at least half so: the protocol's old cursor has one bit a pixel. */
static rfbCursorPtr vnc_make_cursor(const ConsoleCursor *c)
{
    rfbCursorPtr r = g_new0(struct rfbCursor, 1);
    int row = (c->width + 7) / 8;

    r->width = (unsigned short)c->width;
    r->height = (unsigned short)c->height;
    r->xhot = (unsigned short)c->hot_x;
    r->yhot = (unsigned short)c->hot_y;
    r->mask = g_malloc0((size_t)row * (size_t)c->height);
    r->richSource = g_malloc((size_t)c->width * (size_t)c->height * 4);
    memcpy(r->richSource, c->pixels, (size_t)c->width * (size_t)c->height * 4);
    for (int y = 0; y < c->height; y++) {
        for (int x = 0; x < c->width; x++) {
            if (c->pixels[y * c->width + x] >> 31) {
                r->mask[y * row + x / 8] |= (unsigned char)(0x80 >> x % 8);
            }
        }
    }
    return r;
}

static void vnc_sync_cursor(VncViewer *v)
{
    VncServer *s = v->server;
    rfbCursorPtr made = NULL;

    pthread_mutex_lock(&s->lock);
    bool changed = v->cursor_changed;

    v->cursor_changed = false;
    if (changed && s->cursor && s->cursor_visible) {
        made = vnc_make_cursor(s->cursor);
    }
    int x = s->cursor_x + (s->cursor ? s->cursor->hot_x : 0), y = s->cursor_y + (s->cursor ? s->cursor->hot_y : 0);

    pthread_mutex_unlock(&s->lock);
    if (changed) {
        vnc_free_cursor(v);
        v->cursor = made;
        rfbSetCursor(v->screen, made);
    }
    if (v->cursor && (v->screen->cursorX != x || v->screen->cursorY != y) && v->cl && v->cl->state == RFB_NORMAL) {
        v->screen->cursorX = x;
        v->screen->cursorY = y;
        v->cl->cursorWasMoved = TRUE;
    }
}

void vnc_screen_sync(VncViewer *v)
{
    vnc_sync_size(v);
    vnc_sync_cursor(v);
}

/* ---- birth and death ---- */

bool vnc_screen_new(VncViewer *v)
{
    static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER; /* it sets up globals in there */
    VncServer *s = v->server;

    pthread_mutex_lock(&s->lock);
    v->width = s->width;
    v->height = s->height;
    v->cursor_changed = true;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&library);
    v->screen = rfbGetScreen(NULL, NULL, v->width, v->height, 8, 3, 4);
    pthread_mutex_unlock(&library);
    if (!v->screen) {
        return false;
    }
    v->fb = g_malloc0((size_t)v->width * (size_t)v->height * 4);
    v->screen->frameBuffer = (char *)v->fb;
    v->screen->screenData = v;
    v->screen->serverFormat.redShift = 16;
    v->screen->serverFormat.greenShift = 8;
    v->screen->serverFormat.blueShift = 0;
    v->screen->cursor = NULL;
    v->screen->deferUpdateTime = 0;
    v->screen->deferPtrUpdateTime = 0;
    v->screen->alwaysShared = TRUE; /* one viewer a screen: sharing is the server's matter */
    v->screen->maxClientWait = VNC_WAIT_MS;
    v->screen->permitFileTransfer = FALSE;
    v->screen->fdQuota = 1.0f;
    return true;
}

void vnc_screen_free(VncViewer *v)
{
    if (v->screen) {
        vnc_free_cursor(v);
        v->screen->frameBuffer = NULL;
        rfbScreenCleanup(v->screen);
    }
    g_free(v->fb);
}
