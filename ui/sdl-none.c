/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of sdl.c where the build has no SDL. */
#include "util/osdep.h"
#include "ui/sdl.h"

bool sdl_built(void)
{
    return false;
}

bool sdl_start(const SdlConfig *config, Error **errp)
{
    (void)config;
    error_set(errp, "this build of Rhea has no SDL display");
    error_add_hint(errp, "Install libsdl2-dev and configure again; -vnc :0, -curses and -nographic are there without it.");
    return false;
}

void sdl_stop(void)
{
}
