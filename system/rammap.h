/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where guest memory comes from: anonymous memory, a memfd, or a file; in small or huge pages; on which of the host's NUMA nodes.
 * Start-up, main thread.
 */
#ifndef SYSTEM_RAMMAP_H
#define SYSTEM_RAMMAP_H

#include "util/error.h"

typedef enum RamKind {
    RAM_AUTO,      /* what the accelerator likes: anonymous, or a memfd */
    RAM_ANONYMOUS,
    RAM_MEMFD,
    RAM_FILE,      /* @path: a file, or a folder (also of hugetlbfs) in which one without a name is made */
} RamKind;

typedef enum RamPolicy { RAM_POLICY_DEFAULT, RAM_POLICY_PREFERRED, RAM_POLICY_BIND, RAM_POLICY_INTERLEAVE } RamPolicy;

typedef struct RamSource RamSource;
struct RamSource {
    RamKind kind;
    const char *path;
    bool share;             /* with who maps the same file; anonymous memory becomes a memfd then */
    bool hugetlb;           /* reserved huge pages */
    uint64_t hugetlb_size;  /* 0: the kernel's default size */
    bool prealloc;          /* every page is there before the guest starts */
    unsigned prealloc_threads; /* 0: one a host CPU, 16 at most */
    bool no_merge, no_dump; /* no KSM; not in core dumps */
    bool readonly;          /* a file that is only read (private copies of what is written) */
    uint64_t align;         /* of the host address; 0: huge pages' */
    uint64_t host_nodes;    /* bit n: host NUMA node n */
    RamPolicy policy;
};

/* The accelerator's wish for RAM_AUTO; before any memory is made. */
void rammap_prefer_anonymous(void);

typedef struct RamMapping {
    uint8_t *host;
    uint64_t size; /* at least as asked for, whole pages of its kind */
    int fd;        /* -1: none */
} RamMapping;

/* @src NULL: RAM_AUTO without wishes. */
bool rammap_map(RamMapping *m, const char *name, uint64_t size, const RamSource *src, Error **errp);
void rammap_unmap(RamMapping *m);

#endif
