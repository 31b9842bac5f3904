/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host memory for guest RAM: see rammap.h.  mbind() by system call: libnuma would bring nothing else that is used here. */
#include "util/osdep.h"
#include "system/rammap.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

enum { RAMMAP_PAGE = 4096, RAMMAP_HUGETLBFS = 0x958458f6, RAMMAP_THREADS_MAX = 16, RAMMAP_NODES = 64 };
enum { RAMMAP_POPULATE_WRITE = 23, RAMMAP_HUGE_SHIFT = 26 }; /* MADV_POPULATE_WRITE, MFD_HUGE_SHIFT */
#define RAMMAP_HUGE (2 * MiB)

static bool rammap_anonymous;

void rammap_prefer_anonymous(void)
{
    rammap_anonymous = true;
}

/* A hole in our address space of @size bytes at a border of @align. */
static uint8_t *rammap_reserve(uint64_t size, uint64_t align)
{
    if (size > SIZE_MAX - align) {
        errno = ENOMEM;
        return NULL;
    }
    uint8_t *hole = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (hole == MAP_FAILED) {
        return NULL;
    }
    uint8_t *start = (uint8_t *)align_up((uintptr_t)hole, align);
    if (start > hole) {
        munmap(hole, (size_t)(start - hole));
    }
    munmap(start + size, (size_t)(hole + align - start));
    return start;
}

static uint64_t rammap_default_hugetlb(void)
{
    char *text = NULL;
    uint64_t kib = 2048;
    if (g_file_get_contents("/proc/meminfo", &text, NULL, NULL)) {
        const char *line = strstr(text, "Hugepagesize:");
        if (line) {
            kib = g_ascii_strtoull(line + strlen("Hugepagesize:"), NULL, 10);
        }
    }
    g_free(text);
    return kib * KiB;
}

/* ---- files ---- */

/* Directly below /dev. */
static bool rammap_is_device_name(const char *path)
{
    char *folder = g_path_get_dirname(path);
    bool is = !strcmp(folder, "/dev");
    g_free(folder);
    return is;
}

static int rammap_open_file(const RamSource *src, bool *created, Error **errp)
{
    struct stat st;
    *created = false;
    if (stat(src->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        char *name = g_build_filename(src->path, "rhea-ram.XXXXXX", NULL);
        int fd = mkstemp(name);
        if (fd >= 0) {
            unlink(name);
            *created = true;
        } else {
            error_set_errno(errp, errno, "cannot make a file for guest memory in '%s'", src->path);
        }
        g_free(name);
        return fd;
    }
    int fd = open(src->path, (src->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && rammap_is_device_name(src->path)) { /* a file made there would be no huge pages */
        error_set(errp, "there is no '%s' for guest memory", src->path);
        error_add_hint(errp, "For huge pages: mkdir -p %s && mount -t hugetlbfs hugetlbfs %s", src->path, src->path);
        return -1;
    }
    if (fd < 0 && errno == ENOENT && !src->readonly) {
        fd = open(src->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        *created = fd >= 0;
    }
    if (fd < 0) {
        error_set_errno(errp, errno, "cannot open '%s' for guest memory", src->path);
    }
    return fd;
}

/* A new file grows to @size; one that was there must be large enough, for its contents matter to somebody. */
static bool rammap_size_file(int fd, const RamSource *src, uint64_t size, bool created, Error **errp)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        error_set_errno(errp, errno, "cannot look at '%s'", src->path);
        return false;
    }
    if (!created && st.st_size > 0 && (uint64_t)st.st_size < size && S_ISREG(st.st_mode)) {
        error_set(errp, "'%s' has %" PRIu64 " bytes, fewer than the %" PRIu64 " of this memory", src->path, (uint64_t)st.st_size, size);
        return false;
    }
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < size && ftruncate(fd, (off_t)size) < 0) {
        error_set_errno(errp, errno, "cannot make '%s' %" PRIu64 " MiB large", src->path, size / MiB);
        return false;
    }
    return true;
}

static uint64_t rammap_file_page(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == RAMMAP_HUGETLBFS ? (uint64_t)fs.f_bsize : RAMMAP_PAGE;
}

/* ---- mapping ---- */

static void rammap_hint(int err, uint64_t page, Error **errp)
{
    if (page > RAMMAP_PAGE) {
        error_add_hint(errp, "Reserve huge pages: echo N > /sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages", page / KiB);
    } else if (err == ENOMEM) {
        error_add_hint(errp, "A smaller -m may help.");
    }
}

/* Opens what is to be mapped: *fd stays -1 for anonymous memory.  *page: its page size. */
static bool rammap_open(const char *name, uint64_t size, const RamSource *src, int *fd, uint64_t *page, Error **errp)
{
    bool created = true;
    *fd = -1;
    *page = RAMMAP_PAGE;
    if (src->kind == RAM_FILE) {
        *fd = rammap_open_file(src, &created, errp);
        if (*fd < 0) {
            return false;
        }
        *page = rammap_file_page(*fd);
        if (*page == RAMMAP_PAGE && strstr(src->path, "huge") && g_file_test(src->path, G_FILE_TEST_IS_DIR)) {
            warn_report("'%s' is no hugetlbfs: memory '%s' has ordinary pages; mount -t hugetlbfs hugetlbfs %s makes it one", src->path,
                        name, src->path);
        }
        if (rammap_size_file(*fd, src, align_up(size, *page), created, errp)) {
            return true;
        }
        close(*fd);
        return false;
    }
    bool memfd = src->kind == RAM_MEMFD || src->hugetlb || src->share || (src->kind == RAM_AUTO && !rammap_anonymous);
    unsigned flags = MFD_CLOEXEC;
    if (src->hugetlb) {
        *page = src->hugetlb_size ? src->hugetlb_size : rammap_default_hugetlb();
        flags |= MFD_HUGETLB | (src->hugetlb_size ? (unsigned)__builtin_ctzll(*page) << RAMMAP_HUGE_SHIFT : 0u);
    }
    *fd = memfd ? memfd_create(name, flags) : -1;
    if (*fd >= 0 && ftruncate(*fd, (off_t)align_up(size, *page)) < 0) {
        close(*fd);
        *fd = -1;
    }
    if (*fd < 0 && memfd && src->kind != RAM_AUTO) {
        error_set_errno(errp, errno, "cannot make memory '%s'%s", name, src->hugetlb ? " in huge pages" : "");
        rammap_hint(errno, *page, errp);
        return false;
    }
    return true;
}

static bool rammap_bind(const RamMapping *m, const char *name, const RamSource *src, Error **errp)
{
    static const int modes[] = { [RAM_POLICY_DEFAULT] = MPOL_DEFAULT, [RAM_POLICY_PREFERRED] = MPOL_PREFERRED,
                                 [RAM_POLICY_BIND] = MPOL_BIND, [RAM_POLICY_INTERLEAVE] = MPOL_INTERLEAVE };
    unsigned long nodes = src->host_nodes;
    if (src->policy == RAM_POLICY_DEFAULT) {
        return true;
    }
    if (syscall(SYS_mbind, m->host, m->size, modes[src->policy], &nodes, RAMMAP_NODES + 1, MPOL_MF_STRICT | MPOL_MF_MOVE) < 0) {
        error_set_errno(errp, errno, "memory '%s' cannot be bound to host nodes 0x%" PRIx64, name, src->host_nodes);
        error_add_hint(errp, "/sys/devices/system/node/online lists this host's nodes.");
        return false;
    }
    return true;
}

/* ---- all pages now ---- */

typedef struct RamPart {
    uint8_t *start;
    uint64_t len, page;
} RamPart;

/* Touching would end the process with SIGBUS where there is no page: only the kernel's own way tells. */
static void *rammap_populate(void *opaque)
{
    const RamPart *p = opaque;
    return GINT_TO_POINTER(madvise(p->start, p->len, RAMMAP_POPULATE_WRITE) < 0 ? errno : 0);
}

/* A line of /proc/meminfo, in bytes. */
static uint64_t rammap_meminfo(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    return line ? g_ascii_strtoull(line + strlen(name), NULL, 10) * KiB : 0;
}

/* More than the host has would not fail: the kernel would end this process, or another. */
static bool rammap_host_has(uint64_t size, const char *name, Error **errp)
{
    char *text = NULL;
    uint64_t have = UINT64_MAX;
    if (g_file_get_contents("/proc/meminfo", &text, NULL, NULL)) {
        have = rammap_meminfo(text, "MemAvailable:") + rammap_meminfo(text, "SwapFree:");
    }
    g_free(text);
    if (size > have) {
        error_set(errp, "memory '%s': all of its %" PRIu64 " MiB are wanted at once, and this host has %" PRIu64 " MiB left", name,
                  size / MiB, have / MiB);
        error_add_hint(errp, "A smaller -m helps, or no prealloc.");
    }
    return size <= have;
}

static bool rammap_prealloc(const RamMapping *m, uint64_t page, const char *name, const RamSource *src, Error **errp)
{
    if (page == RAMMAP_PAGE && src->kind != RAM_FILE && !rammap_host_has(m->size, name, errp)) {
        return false;
    }
    unsigned threads = src->prealloc_threads ? src->prealloc_threads : MIN(g_get_num_processors(), (unsigned)RAMMAP_THREADS_MAX);
    uint64_t pages = m->size / page, each = MAX((pages + threads - 1) / threads, 1);
    RamPart *parts = g_new0(RamPart, threads);
    GThread **running = g_new0(GThread *, threads);
    int err = 0;
    for (unsigned i = 0; i < threads && i * each < pages; i++) {
        parts[i] = (RamPart){ m->host + i * each * page, MIN(each, pages - i * each) * page, page };
        running[i] = g_thread_new("prealloc", rammap_populate, &parts[i]);
    }
    for (unsigned i = 0; i < threads; i++) {
        int one = running[i] ? GPOINTER_TO_INT(g_thread_join(running[i])) : 0;
        err = one ? one : err;
    }
    g_free(parts);
    g_free(running);
    if (err) {
        error_set_errno(errp, err == EFAULT ? ENOMEM : err, "memory '%s': not all of its %" PRIu64 " MiB can be had at once", name,
                        m->size / MiB);
        rammap_hint(ENOMEM, page, errp);
    }
    return !err;
}

static void rammap_advise(const RamMapping *m, uint64_t page, const RamSource *src)
{
    /* Wishes: the kernel may have none of these. */
    if (page == RAMMAP_PAGE) {
        madvise(m->host, m->size, MADV_HUGEPAGE);
        madvise(m->host, m->size, src->no_merge ? MADV_UNMERGEABLE : MADV_MERGEABLE);
    }
    if (src->no_dump) {
        madvise(m->host, m->size, MADV_DONTDUMP);
    }
}

bool rammap_map(RamMapping *m, const char *name, uint64_t size, const RamSource *src, Error **errp)
{
    static const RamSource plain = { .kind = RAM_AUTO };
    uint64_t page;
    src = src ? src : &plain;
    if (!rammap_open(name, size, src, &m->fd, &page, errp)) {
        return false;
    }
    m->size = align_up(size, page);
    uint64_t align = MAX(MAX(src->align, page), m->size >= RAMMAP_HUGE ? RAMMAP_HUGE : RAMMAP_PAGE);
    m->host = rammap_reserve(m->size, align);
    /* A file that is not shared is read, and what is written stays here; a memfd has no one else who could see it. */
    bool shared = m->fd >= 0 && (src->share || src->kind != RAM_FILE);
    int flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE) | (m->fd < 0 ? MAP_ANONYMOUS : 0);
    if (!m->host || mmap(m->host, m->size, PROT_READ | PROT_WRITE, flags, m->fd, 0) == MAP_FAILED) {
        error_set_errno(errp, errno, "cannot allocate %" PRIu64 " MiB of memory for '%s'", align_up(m->size, MiB) / MiB, name);
        rammap_hint(errno, page, errp);
        rammap_unmap(m);
        return false;
    }
    rammap_advise(m, page, src);
    if (!rammap_bind(m, name, src, errp) || (src->prealloc && !rammap_prealloc(m, page, name, src, errp))) {
        rammap_unmap(m);
        return false;
    }
    return true;
}

void rammap_unmap(RamMapping *m)
{
    if (m->host) {
        munmap(m->host, m->size);
        m->host = NULL;
    }
    if (m->fd >= 0) {
        close(m->fd);
        m->fd = -1;
    }
}
