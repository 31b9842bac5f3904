/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VNC servers.  vnc.c and its kin need libvncserver; vnc-none.c stands in without it.  Main thread, big lock. */
#ifndef UI_VNC_H
#define UI_VNC_H

#include "util/error.h"

/* "-vnc SPEC": opens the sockets and begins to serve; "none" is fine and opens nothing. */
bool vnc_add(const char *spec, Error **errp);
/* Words for start-up: "VNC server running on 127.0.0.1:5900" for ports that nobody chose; NULL: nothing to say. */
char *vnc_describe(void);
void vnc_cleanup(void); /* waits until the viewers' threads have ended */

/* @display: the id of one server, or NULL: the first. */
bool vnc_set_password(const char *display, const char *password, Error **errp); /* NULL: nobody may log in */
/* "now", "never", "+SECONDS", or seconds since 1970. */
bool vnc_expire_password(const char *display, const char *when, Error **errp);
void vnc_info(GString *out);

#endif
