/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SDL is opened when a window is wanted, not when the program starts.  Main thread. */
#include "util/osdep.h"
#include "ui/sdl-int.h"

#include <dlfcn.h>

#define SDL_LIBRARY "libSDL2-2.0.so.0" /* the name of SDL 2's interface on every Linux, whatever its version */

SdlLib sdl_lib;

static const struct {
    const char *name;
    size_t offset;
} sdl_functions[] = {
#define X(name) { "SDL_" #name, offsetof(SdlLib, name) },
    SDL_FUNCTIONS(X)
#undef X
};

bool sdl_load(Error **errp)
{
    SdlLib found;
    void *library = dlopen(SDL_LIBRARY, RTLD_NOW | RTLD_LOCAL); /* stays: it cannot be unloaded safely */
    bool ok = library != NULL;
    for (unsigned i = 0; ok && i < G_N_ELEMENTS(sdl_functions); i++) {
        void *function = dlsym(library, sdl_functions[i].name);
        memcpy((char *)&found + sdl_functions[i].offset, &function, sizeof(function));
        ok = function != NULL;
    }
    if (!ok) {
        error_set(errp, "SDL is not there: %s", dlerror());
        error_add_hint(errp, "Install libsdl2-2.0-0; -vnc :0, -curses and -nographic are there without it.");
        return false;
    }
    sdl_lib = found;
    return true;
}
