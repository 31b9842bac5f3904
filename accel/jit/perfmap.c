/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -accel jit,perfmap=on: /tmp/perf-PID.map, with which `perf` names generated code (one line a piece: start, size, name).  vCPU threads. */
#include "util/osdep.h"
#include "accel/jit/jit.h"
#include <fcntl.h>

static FILE *perfmap; /* set once at start-up; stdio locks it */

bool jit_perfmap_open(Error **errp)
{
    char path[64];

    g_snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644); /* no link of somebody else */

    perfmap = fd < 0 ? NULL : fdopen(fd, "w");
    if (!perfmap) {
        error_set_errno(errp, errno, "cannot write '%s', which perfmap=on wants", path);
        return false;
    }
    setvbuf(perfmap, NULL, _IOLBF, 65536);
    return true;
}

void jit_perfmap_note(const uint8_t *code, size_t size, const char *what, uint64_t lin)
{
    if (perfmap) {
        fprintf(perfmap, "%" PRIxPTR " %zx %s_%" PRIx64 "\n", (uintptr_t)code, size, what, lin);
    }
}
