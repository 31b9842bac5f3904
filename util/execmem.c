/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See execmem.h. */
#include "util/osdep.h"
#include "util/execmem.h"
#include <sys/mman.h>

bool execmem_init(ExecMem *m, size_t size, Error **errp)
{
    int fd = memfd_create("rhea-code", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
        error_set_errno(errp, errno, "cannot make %zu bytes of memory for generated code", size);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    void *rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    int err = errno;

    close(fd);
    if (rw == MAP_FAILED || rx == MAP_FAILED) {
        error_set_errno(errp, err, "cannot map %zu bytes of memory for generated code", size);
        error_add_hint(errp, "A security policy of the host may forbid executable mappings of memfd files.");
        if (rw != MAP_FAILED) {
            munmap(rw, size);
        }
        if (rx != MAP_FAILED) {
            munmap(rx, size);
        }
        return false;
    }
    *m = (ExecMem){ .rw = rw, .rx = rx, .size = size };
    return true;
}

void execmem_destroy(ExecMem *m)
{
    if (m->rw) {
        munmap(m->rw, m->size);
        munmap((void *)(uintptr_t)m->rx, m->size);
    }
    *m = (ExecMem){ 0 };
}
