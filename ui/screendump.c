/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A picture of a console as a file: PPM (P6) or PNG.  Main thread, under the big lock. */
#include "util/osdep.h"
#include "ui/console.h"
#include "ui/png.h"
#include <fcntl.h>
#include <sys/stat.h>

static bool screendump_ppm(FILE *f, const Surface *s, Error **errp)
{
    uint8_t *row = g_malloc((size_t)s->width * 3);
    bool ok = fprintf(f, "P6\n%d %d\n255\n", s->width, s->height) > 0;

    for (int y = 0; ok && y < s->height; y++) {
        const uint8_t *p = s->data + (size_t)y * (size_t)s->stride;

        for (int x = 0; x < s->width; x++) {
            row[x * 3] = p[x * 4 + 2];
            row[x * 3 + 1] = p[x * 4 + 1];
            row[x * 3 + 2] = p[x * 4];
        }
        ok = fwrite(row, 3, (size_t)s->width, f) == (size_t)s->width;
    }
    g_free(row);
    if (!ok) {
        error_set_errno(errp, errno, "writing the picture failed");
    }
    return ok;
}

/* What cannot be renamed over (a pipe, a device, /dev/fdset) is written in place. */
static bool screendump_in_place(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static bool screendump_choose(const char *path, const char *format, bool *png, Error **errp)
{
    if (!format) {
        *png = g_str_has_suffix(path, ".png");
    } else if (!strcmp(format, "png") || !strcmp(format, "ppm")) {
        *png = !strcmp(format, "png");
    } else {
        error_set(errp, "unknown picture format '%s'", format);
        error_add_hint(errp, "Formats are ppm and png.");
        return false;
    }
    return true;
}

bool console_screendump(Console *c, const char *path, const char *format, Error **errp)
{
    bool png, in_place = screendump_in_place(path);

    if (!screendump_choose(path, format, &png, errp)) {
        return false;
    }
    console_refresh(c);
    const Surface *s = console_surface(c);

    if (!s) {
        error_set(errp, "this console has shown no picture yet");
        return false;
    }
    char *tmp = in_place ? g_strdup(path) : g_strdup_printf("%s.%d.tmp", path, (int)getpid());
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;

    if (!f) {
        error_set_errno(errp, errno, "cannot create '%s'", path);
        g_free(tmp);
        return false;
    }
    bool ok = png ? png_write(f, s, errp) : screendump_ppm(f, s, errp);

    if (fclose(f) != 0 && ok) {
        error_set_errno(errp, errno, "cannot write '%s'", path);
        ok = false;
    } else if (!ok) {
        error_prepend(errp, "'%s': ", path);
    }
    if (ok && !in_place && rename(tmp, path) < 0) {
        error_set_errno(errp, errno, "cannot name the picture '%s'", path);
        ok = false;
    }
    if (!ok && !in_place) {
        unlink(tmp);
    }
    g_free(tmp);
    return ok;
}
