/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of vnc.c and its kin where the build has no libvncserver. */
#include "util/osdep.h"
#include "ui/vnc.h"

static bool vnc_is_missing(Error **errp)
{
    error_set(errp, "this build of Rhea has no VNC server");
    error_add_hint(errp, "Install libvncserver-dev and configure again.");
    return false;
}

bool vnc_add(const char *spec, Error **errp)
{
    return !strcmp(spec, "none") || vnc_is_missing(errp);
}

char *vnc_describe(void)
{
    return NULL;
}

void vnc_cleanup(void)
{
}

bool vnc_set_password(const char *display, const char *password, Error **errp)
{
    (void)display;
    (void)password;
    return vnc_is_missing(errp);
}

bool vnc_expire_password(const char *display, const char *when, Error **errp)
{
    (void)display;
    (void)when;
    return vnc_is_missing(errp);
}

void vnc_info(GString *out)
{
    g_string_append(out, "Server: disabled\n");
}
