/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See execmem.h. */
#include "util/osdep.h"
#include "util/execmem.h"
#include <sys/mman.h>

bool execmem_init(ExecMem *m, size_t size, Error **errp)
{
    void *rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (rw == MAP_FAILED) {
        error_set_errno(errp, errno, "cannot make %zu bytes of memory for generated code", size);
        return false;
    }
    /* An old size of 0 maps shared pages once more (mremap(2)). */
    void *rx = mremap(rw, 0, size, MREMAP_MAYMOVE);

    if (rx == MAP_FAILED || mprotect(rx, size, PROT_READ | PROT_EXEC) < 0) {
        error_set_errno(errp, errno, "cannot map %zu bytes of memory for generated code", size);
        error_add_hint(errp, "A security policy of the host may forbid executable mappings.");
        if (rx != MAP_FAILED) {
            munmap(rx, size);
        }
        munmap(rw, size);
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
