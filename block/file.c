/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regular files and block devices of the host: the bottom of every chain.  See block-int.h for threads.
 *
 * With O_DIRECT, requests whose offset or length the device cannot take go through a second, buffered descriptor of
 * the same file (Linux keeps both views coherent), one at a time; those whose memory alone is misaligned are bounced.
 */
#include "util/osdep.h"
#include "block/block-int.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

typedef struct BlockFile {
    int fd;
    int buffered_fd;  /* -1: fd is buffered itself */
    uint32_t align;   /* of offset, length and memory; 1 without O_DIRECT */
    bool device;
    pthread_rwlock_t lock; /* direct requests share it, buffered ones beside them take it alone */
    pthread_rwlock_t grow; /* writes beyond the end share it, what sets the length takes it alone */
    atomic_bool no_zero_range, no_punch, no_nowait;
} BlockFile;

/* ---- Data ------------------------------------------------------------------------------------------------ */

/* Moves all of it; what lies beyond the end of the file reads as zeros. */
static int block_file_move(int fd, bool write, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    struct iovec part[64];
    for (size_t done = 0; done < len;) {
        int n;
        if (done == 0 && niov <= 64) {
            memcpy(part, iov, (size_t)niov * sizeof(*iov));
            n = niov;
        } else {
            /* at most 64 pieces a call */
            size_t skip = done, first = 0;
            while (skip >= iov[first].iov_len) {
                skip -= iov[first++].iov_len;
            }
            n = MIN(64, niov - (int)first);
            memcpy(part, iov + first, (size_t)n * sizeof(*iov));
            part[0].iov_base = (uint8_t *)part[0].iov_base + skip;
            part[0].iov_len -= skip;
        }
        ssize_t got = write ? pwritev(fd, part, n, (off_t)(off + done)) : preadv(fd, part, n, (off_t)(off + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0 && write) {
            return -ENOSPC;
        }
        if (got == 0) {
            for (int i = 0; i < niov; i++) {
                size_t skip = MIN(done, iov[i].iov_len);
                memset((uint8_t *)iov[i].iov_base + skip, 0, iov[i].iov_len - skip);
                done -= skip;
            }
            return 0;
        }
        done += (size_t)got;
    }
    return 0;
}

static bool block_file_memory_aligned(const BlockFile *f, const struct iovec *iov, int niov)
{
    for (int i = 0; i < niov; i++) {
        if (((uintptr_t)iov[i].iov_base | iov[i].iov_len) & (f->align - 1)) {
            return false;
        }
    }
    return true;
}

/* Offset and length fit the device, the memory does not. */
static int block_file_bounce(BlockFile *f, bool write, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    void *bounce;
    if (posix_memalign(&bounce, MAX(f->align, sizeof(void *)), len)) {
        return -ENOMEM;
    }
    uint8_t *p = bounce;
    for (int i = 0; write && i < niov; p += iov[i++].iov_len) {
        memcpy(p, iov[i].iov_base, iov[i].iov_len);
    }
    struct iovec one = { bounce, len };
    int ret = block_file_move(f->fd, write, off, &one, 1, len);
    p = bounce;
    for (int i = 0; !write && ret == 0 && i < niov; p += iov[i++].iov_len) {
        memcpy(iov[i].iov_base, p, iov[i].iov_len);
    }
    free(bounce);
    return ret;
}

static int block_file_rw(BlockFile *f, bool write, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    if (f->buffered_fd < 0) {
        return block_file_move(f->fd, write, off, iov, niov, len);
    }
    int ret;
    if ((off | len) & (f->align - 1)) {
        pthread_rwlock_wrlock(&f->lock);
        ret = block_file_move(f->buffered_fd, write, off, iov, niov, len);
    } else {
        pthread_rwlock_rdlock(&f->lock);
        ret = block_file_memory_aligned(f, iov, niov) ? block_file_move(f->fd, write, off, iov, niov, len)
                                                      : block_file_bounce(f, write, off, iov, niov, len);
    }
    pthread_rwlock_unlock(&f->lock);
    return ret;
}

static int block_file_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    return block_file_rw(n->opaque, false, off, iov, niov, len);
}

static int block_file_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockFile *f = n->opaque;
    bool grows = off + len > n->size;
    if (!grows) {
        return block_file_rw(f, true, off, iov, niov, len);
    }
    pthread_rwlock_rdlock(&f->grow);
    int ret = block_file_rw(f, true, off, iov, niov, len);
    if (ret == 0) {
        block_node_grown(n, off + len);
    }
    pthread_rwlock_unlock(&f->grow);
    return ret;
}

/* Not what would have to go through the second descriptor or would grow the file. */
static bool block_file_submit(BlockNode *n, BlockRequest *r)
{
    BlockFile *f = n->opaque;
    if (n->how.aio == BLOCK_AIO_THREADS || f->align > BLK_SECTOR || r->off + r->len > n->size || r->niov < 1 || r->niov > 64) {
        return false;
    }
    if (f->buffered_fd >= 0 && (((r->off | r->len) & (f->align - 1)) || !block_file_memory_aligned(f, r->iov, r->niov))) {
        return false;
    }
    return block_uring_submit(f->fd, r, r->off);
}

static int block_file_try_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockFile *f = n->opaque;
    if (f->buffered_fd >= 0 || f->device || atomic_load_explicit(&f->no_nowait, memory_order_relaxed) || niov > 64) {
        return -EAGAIN;
    }
    ssize_t got = preadv2(f->fd, iov, niov, (off_t)off, RWF_NOWAIT);
    if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        atomic_store(&f->no_nowait, true);
    }
    return got == (ssize_t)len ? 0 : -EAGAIN;
}

static int block_file_fallocate(BlockFile *f, int mode, uint64_t off, uint64_t len, atomic_bool *unsupported)
{
    if (atomic_load(unsupported)) {
        return -ENOTSUP;
    }
    int ret;
    do {
        ret = fallocate(f->fd, mode, (off_t)off, (off_t)len);
    } while (ret < 0 && errno == EINTR);
    if (ret == 0) {
        return 0;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV || errno == EINVAL) {
        if (errno != EINVAL) {
            atomic_store(unsupported, true);
        }
        return -ENOTSUP;
    }
    return -errno;
}

/* The part beyond the end of the file is a hole once the file is longer. */
static int block_file_zero_tail(BlockNode *n, uint64_t end)
{
    BlockFile *f = n->opaque;
    int ret = 0;
    pthread_rwlock_wrlock(&f->grow);
    if (n->size < end) {
        ret = ftruncate(f->fd, (off_t)end) < 0 ? -errno : 0;
        if (ret == 0) {
            n->size = end;
        }
    }
    pthread_rwlock_unlock(&f->grow);
    return ret;
}

static int block_file_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    BlockFile *f = n->opaque;
    int ret = -ENOTSUP;
    uint64_t size = n->size;
    if (f->device && off + len > size) {
        return -EIO;
    }
    if (off + len > size && (flags & BLOCK_ZERO_MAY_UNMAP)) {
        ret = block_file_zero_tail(n, off + len);
        if (ret < 0 || off >= size) {
            return ret;
        }
        len = size - off;
        ret = -ENOTSUP;
    }
    if (flags & BLOCK_ZERO_MAY_UNMAP) {
        ret = block_file_fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len, &f->no_punch);
    }
    if (ret == -ENOTSUP) {
        pthread_rwlock_rdlock(&f->grow);
        ret = block_file_fallocate(f, FALLOC_FL_ZERO_RANGE, off, len, &f->no_zero_range);
        if (ret == 0) {
            block_node_grown(n, off + len);
        }
        pthread_rwlock_unlock(&f->grow);
    }
    return ret;
}

static int block_file_pdiscard(BlockNode *n, uint64_t off, uint64_t len)
{
    BlockFile *f = n->opaque;
    if (f->device) {
        uint64_t range[2] = { off, len };
        return ioctl(f->fd, BLKDISCARD, range) < 0 ? -ENOTSUP : 0;
    }
    return block_file_fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len, &f->no_punch);
}

static int block_file_flush(BlockNode *n)
{
    BlockFile *f = n->opaque;
    while (fdatasync(f->fd) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static int block_file_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    BlockFile *f = n->opaque;
    *out = (BlockStatus){ .flags = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET, .len = len, .offset = off,
                          .file = n };
    off_t data = f->device ? (off_t)off : lseek(f->fd, (off_t)off, SEEK_DATA);
    if (data < 0 && errno != ENXIO) {
        return 0; /* a file system that does not say: all data */
    }
    if (data == (off_t)off) {
        off_t hole = f->device ? -1 : lseek(f->fd, (off_t)off, SEEK_HOLE);
        out->len = hole > (off_t)off ? MIN(len, (uint64_t)hole - off) : len;
        return 0;
    }
    out->flags = BLOCK_STATUS_ZERO | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET;
    out->len = data < 0 ? len : MIN(len, (uint64_t)data - off);
    return 0;
}

static uint64_t block_file_allocated(BlockNode *n)
{
    BlockFile *f = n->opaque;
    struct stat st;
    return fstat(f->fd, &st) < 0 ? n->size : f->device ? 0 : (uint64_t)st.st_blocks * 512;
}

static void block_file_close(BlockNode *n)
{
    BlockFile *f = n->opaque;
    if (f->fd >= 0) {
        close(f->fd);
    }
    if (f->buffered_fd >= 0) {
        close(f->buffered_fd);
    }
    pthread_rwlock_destroy(&f->lock);
    pthread_rwlock_destroy(&f->grow);
}

/* ---- Length ---------------------------------------------------------------------------------------------------- */

static int block_file_fill_zeros(BlockFile *f, uint64_t from, uint64_t to)
{
    enum { CHUNK = 1024 * 1024 };
    void *zeros;
    int ret = 0;
    if (posix_memalign(&zeros, 4096, CHUNK)) {
        return -ENOMEM;
    }
    memset(zeros, 0, CHUNK);
    while (from < to && ret == 0) {
        struct iovec iov = { zeros, MIN(to - from, CHUNK) };
        ret = block_file_move(f->buffered_fd >= 0 ? f->buffered_fd : f->fd, true, from, &iov, 1, iov.iov_len);
        from += iov.iov_len;
    }
    free(zeros);
    return ret;
}

static int block_file_set_length(BlockFile *f, uint64_t old, uint64_t size, BlockPrealloc prealloc)
{
    int ret = 0;
    if (size <= old || prealloc == BLOCK_PREALLOC_OFF) {
        return ftruncate(f->fd, (off_t)size) < 0 ? -errno : 0;
    }
    if (prealloc == BLOCK_PREALLOC_FALLOC) {
        ret = -posix_fallocate(f->fd, (off_t)old, (off_t)(size - old));
    } else {
        ret = block_file_fill_zeros(f, old, size);
        ret = ret == 0 && fdatasync(f->fd) < 0 ? -errno : ret;
    }
    if (ret < 0 && ftruncate(f->fd, (off_t)old) < 0) {
        return ret; /* longer than it was, but what was there is untouched */
    }
    return ret;
}

static bool block_file_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    BlockFile *f = n->opaque;
    uint64_t old = n->size;
    if (f->device && size > old) {
        error_set(errp, "device '%s' has %" PRIu64 " bytes and cannot become larger", n->filename, old);
        return false;
    }
    if (prealloc == BLOCK_PREALLOC_METADATA) {
        error_set(errp, "a plain file has no metadata: preallocation=metadata is not possible for '%s'", n->filename);
        error_add_hint(errp, "Use preallocation=off, falloc or full.");
        return false;
    }
    pthread_rwlock_wrlock(&f->grow);
    int ret = f->device ? 0 : block_file_set_length(f, old, size, prealloc);
    if (ret == 0 && !f->device) {
        n->size = size;
    }
    pthread_rwlock_unlock(&f->grow);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot make '%s' %" PRIu64 " bytes long", n->filename, size);
        if (ret == -ENOSPC) {
            error_add_hint(errp, "Its file system is full: free some space, or use another folder.");
        } else if (ret == -EFBIG) {
            error_add_hint(errp, "Its file system does not allow files of this size.");
        }
    }
    return ret == 0;
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

static int block_file_open_fd(const char *filename, BlockOpen *how, int flags)
{
    int fd = open(filename, (how->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | flags);
    if (fd < 0 && !how->readonly && how->auto_readonly && (errno == EACCES || errno == EPERM || errno == EROFS)) {
        how->readonly = true;
        fd = open(filename, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    }
    return fd;
}

static void block_file_open_error(const char *filename, const BlockOpen *how, int err, Error **errp)
{
    error_set_errno(errp, err, "cannot open image '%s'", filename);
    if (err == ENOENT) {
        error_add_hint(errp, "Check the name; `rhea-img create -f raw %s SIZE` or `truncate -s SIZE %s` makes an empty disk.",
                       filename, filename);
    } else if ((err == EACCES || err == EPERM) && !how->readonly && access(filename, R_OK) == 0) {
        error_add_hint(errp, "It may only be read: add readonly=on (or snapshot=on) to its -drive, or allow writing.");
    } else if (err == EROFS) {
        error_add_hint(errp, "Its file system is read-only: add readonly=on or snapshot=on to its -drive.");
    } else if (err == EACCES) {
        error_add_hint(errp, "Give this user the right to read it (chmod, chown, or the disk group for a device).");
    } else if (err == EINVAL && how->direct) {
        error_add_hint(errp, "Its file system does not support O_DIRECT: use cache=writeback.");
    } else if (err == ENOMEDIUM) {
        error_add_hint(errp, "Put a medium into the host's drive.");
    }
}

/* The smallest unit that O_DIRECT takes: found by trying, as file systems differ from what they say. */
static uint32_t block_file_probe_align(int fd)
{
    void *buf;
    uint32_t align = 4096;
    if (posix_memalign(&buf, 8192, 8192)) {
        return align;
    }
    for (uint32_t a = 512; a <= 4096; a *= 2) {
        if (pread(fd, (uint8_t *)buf + a, a, 0) >= 0) {
            align = a;
            break;
        }
    }
    free(buf);
    return align;
}

static bool block_file_size(int fd, const struct stat *st, const char *filename, uint64_t *size, Error **errp)
{
    if (S_ISREG(st->st_mode)) {
        *size = (uint64_t)st->st_size;
    } else if (ioctl(fd, BLKGETSIZE64, size) < 0) {
        error_set_errno(errp, errno, "cannot find out the size of device '%s'", filename);
        return false;
    }
    if (*size > BLK_MAX_SIZE) {
        error_set(errp, "image '%s' is too large: %" PRIu64 " bytes", filename, *size);
        return false;
    }
    return true;
}

static bool block_file_kind(const struct stat *st, const char *filename, Error **errp)
{
    if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode)) {
        return true;
    }
    error_set(errp, "'%s' is %s, not a file or block device", filename,
              S_ISDIR(st->st_mode) ? "a folder" : S_ISCHR(st->st_mode) ? "a character device" : "a pipe or socket");
    if (S_ISDIR(st->st_mode)) {
        error_add_hint(errp, "A folder as a disk (fat:) comes later; make an image of it with `genisoimage` or `mke2fs -d`.");
    }
    return false;
}

static const BlockOpt block_file_options[] = {
    { "filename", BLOCK_OPT_STRING, NULL, NULL, "path of the file" },
    { "locking", BLOCK_OPT_ENUM, "auto", "auto|on|off", "image locks: where they can be had, always, never" },
    { "aio", BLOCK_OPT_ENUM, "threads", "threads|native|io_uring", "how requests reach the kernel" },
    { NULL },
};

static void block_file_init(BlockFile *f)
{
    f->fd = f->buffered_fd = -1;
    f->align = 1;
    pthread_rwlock_init(&f->lock, NULL);
    pthread_rwlock_init(&f->grow, NULL);
}

/* Opens the descriptors of @how into @f; @filename is known to be of the right kind. */
static bool block_file_open_fds(BlockFile *f, const char *filename, BlockOpen *how, uint64_t *size, Error **errp)
{
    struct stat st;
    f->fd = block_file_open_fd(filename, how, how->direct ? O_DIRECT : 0);
    if (f->fd < 0 || fstat(f->fd, &st) < 0) {
        block_file_open_error(filename, how, errno, errp);
        return false;
    }
    f->device = !S_ISREG(st.st_mode);
    if (!block_file_kind(&st, filename, errp) || !block_file_size(f->fd, &st, filename, size, errp)) {
        return false;
    }
    if (how->direct) {
        f->align = block_file_probe_align(f->fd);
        f->buffered_fd = block_file_open_fd(filename, how, 0);
        if (f->buffered_fd < 0) {
            block_file_open_error(filename, how, errno, errp);
            return false;
        }
    }
    return true;
}

static bool block_file_open(BlockNode *n, BlockOpts *o, Error **errp)
{
    BlockFile *f = n->opaque;
    const char *filename = block_opt_str(o, "filename");
    struct stat st;
    uint64_t size = 0;
    block_file_init(f);
    if (!filename || !*filename) {
        error_set(errp, "driver '%s' has no filename", n->drv->name);
        error_add_hint(errp, "Add filename=PATH.");
        block_file_close(n);
        return false;
    }
    if (block_opt_given(o, "locking")) {
        n->how.locking = block_opt_enum(o, "locking") != 2;
    }
    if (block_opt_given(o, "aio")) {
        n->how.aio = block_opt_enum(o, "aio");
    }
    if (n->how.aio == BLOCK_AIO_NATIVE && !n->how.direct) {
        error_set(errp, "aio=native needs cache.direct=on");
        error_add_hint(errp, "Add cache=none, or use aio=threads.");
        block_file_close(n);
        return false;
    }
    if (n->how.aio != BLOCK_AIO_THREADS && !block_uring_usable(errp)) {
        error_prepend(errp, "'%s': aio=%s: ", filename, n->how.aio == BLOCK_AIO_NATIVE ? "native" : "io_uring");
        block_file_close(n);
        return false;
    }
    if (n->how.aio == BLOCK_AIO_NATIVE) {
        info_report("'%s': aio=native is carried out by io_uring, which does on Linux what libaio did", filename);
    }
    /* O_NONBLOCK later on, so that a pipe does not hang the start; here, that a folder is called one. */
    bool ok = (stat(filename, &st) < 0 || block_file_kind(&st, filename, errp)) &&
              block_file_open_fds(f, filename, &n->how, &size, errp) &&
              (!n->how.locking || n->how.force_share || f->device || block_file_lock(f->fd, filename, !n->how.readonly, errp));
    n->size = size;
    if (!ok) {
        block_file_close(n);
    }
    return ok;
}

/* New descriptors first; the old ones' locks would be in the way of the new ones' tests. */
static bool block_file_reopen(BlockNode *n, const BlockOpen *how, Error **errp)
{
    BlockFile *f = n->opaque, fresh = { .fd = -1, .buffered_fd = -1, .align = 1 };
    BlockOpen open = *how;
    uint64_t size;
    bool lock = n->how.locking && !how->force_share && !f->device;
    open.auto_readonly = false;
    bool ok = block_file_open_fds(&fresh, n->filename, &open, &size, errp);
    if (ok && lock) {
        block_file_unlock(f->fd);
        ok = block_file_lock(fresh.fd, n->filename, !how->readonly, errp);
        if (!ok) {
            block_file_lock(f->fd, n->filename, !n->how.readonly, NULL);
        }
    }
    int fd = ok ? f->fd : fresh.fd, buffered = ok ? f->buffered_fd : fresh.buffered_fd;
    if (ok) {
        f->fd = fresh.fd;
        f->buffered_fd = fresh.buffered_fd;
        f->align = fresh.align;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (buffered >= 0) {
        close(buffered);
    }
    return ok;
}

static const BlockOpt block_file_create_options[] = {
    { "size", BLOCK_OPT_SIZE, NULL, NULL, "Virtual disk size" },
    { "nocow", BLOCK_OPT_BOOL, NULL, NULL, "Turn off copy-on-write (valid only on btrfs)" },
    { "preallocation", BLOCK_OPT_ENUM, NULL, "off|falloc|full", "Preallocation mode (allowed values: off, falloc, full)" },
    { "extent_size_hint", BLOCK_OPT_SIZE, NULL, NULL, "Extent size hint for the image file, 0 to disable" },
    { NULL },
};

/* Images are made in files by other drivers; only the options are here. */
static const BlockFormatOps block_file_format = { .create_opts = block_file_create_options };

#define BLOCK_FILE_CALLS                                                                                \
    .opaque_size = sizeof(BlockFile), .protocol = true, .grows = true, .options = block_file_options,   \
    .format = &block_file_format,                                                                       \
    .open = block_file_open, .close = block_file_close, .reopen = block_file_reopen,                    \
    .preadv = block_file_preadv, .pwritev = block_file_pwritev,                                         \
    .pwrite_zeroes = block_file_pwrite_zeroes, .pdiscard = block_file_pdiscard,                         \
    .flush = block_file_flush, .status = block_file_status, .truncate = block_file_truncate,            \
    .allocated = block_file_allocated, .try_preadv = block_file_try_preadv, .submit = block_file_submit

const BlockDriver block_file = { .name = "file", BLOCK_FILE_CALLS };
const BlockDriver block_host_device = { .name = "host_device", BLOCK_FILE_CALLS };
BLOCK_DRIVER_REGISTER(block_file)
BLOCK_DRIVER_REGISTER(block_host_device)

/* The file under @n and the place of [off, +len) in it, all of it there as it is; not through a filter, which would not see it. */
static BlockNode *block_file_place(BlockNode *n, uint64_t off, uint64_t len, uint64_t *at)
{
    BlockStatus st;
    if (!n->file || n->file->drv != &block_file || block_node_status(n, off, len, &st) < 0 || !(st.flags & BLOCK_STATUS_OFFSET) ||
        st.file != n->file || (st.len < len && n->drv != &block_raw)) {
        return NULL;
    }
    const BlockFile *f = n->file->opaque;
    *at = st.offset;
    return f->align == 1 ? n->file : NULL;
}

bool block_node_copy_range(BlockNode *src, uint64_t src_off, BlockNode *dst, uint64_t dst_off, uint64_t len)
{
    uint64_t from = 0, to = 0;
    BlockNode *in = block_file_place(src, src_off, len, &from);
    BlockNode *out = in && dst->drv == &block_raw ? block_file_place(dst, dst_off, len, &to) : NULL;
    if (!out || to + len > out->size) {
        return false;
    }
    const BlockFile *r = in->opaque, *w = out->opaque;
    loff_t a = (loff_t)from, b = (loff_t)to;
    while (len > 0) {
        ssize_t n = copy_file_range(r->fd, &a, w->fd, &b, len, 0);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return false;
        }
        len -= (uint64_t)MAX(n, 0);
    }
    return true;
}

void block_file_hints(BlockNode *file, bool nocow, uint64_t extent_size)
{
    const BlockFile *f = file->opaque;
    int flags;
    struct fsxattr attr;
    if (nocow && ioctl(f->fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_NOCOW_FL)) {
        flags |= FS_NOCOW_FL;
        if (ioctl(f->fd, FS_IOC_SETFLAGS, &flags) < 0) {
            warn_report("'%s': its file system cannot turn copy-on-write off", file->filename);
        }
    }
    if (extent_size && ioctl(f->fd, FS_IOC_FSGETXATTR, &attr) == 0) {
        attr.fsx_xflags |= FS_XFLAG_EXTSIZE;
        attr.fsx_extsize = (uint32_t)MIN(extent_size, UINT32_MAX);
        if (ioctl(f->fd, FS_IOC_FSSETXATTR, &attr) < 0) {
            warn_report("'%s': its file system takes no extent size hint", file->filename);
        }
    }
}

bool block_file_create(const char *filename, bool *made, Error **errp)
{
    int fd = open(filename, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    *made = fd >= 0;
    if (fd < 0 && errno != EEXIST) {
        error_set_errno(errp, errno, "cannot make the file '%s'", filename);
        if (errno == ENOENT) {
            error_add_hint(errp, "Its folder does not exist: make it first.");
        } else if (errno == EACCES || errno == EROFS) {
            error_add_hint(errp, "Use a folder that may be written.");
        }
        return false;
    }
    if (fd >= 0) {
        close(fd);
    }
    return true;
}

BlockNode *block_file_temporary(uint64_t size, Error **errp)
{
    const char *dir = g_getenv("TMPDIR");
    char *path = g_build_filename(dir && *dir ? dir : "/var/tmp", "rhea-snapshot-XXXXXX", NULL);
    int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_set_errno(errp, errno, "cannot make the temporary file '%s' for -snapshot", path);
        error_add_hint(errp, "Set TMPDIR to a folder that may be written.");
        g_free(path);
        return NULL;
    }
    unlink(path);
    if (ftruncate(fd, (off_t)size) < 0) {
        error_set_errno(errp, errno, "cannot make a temporary file of %" PRIu64 " bytes for -snapshot in '%s'", size, path);
        error_add_hint(errp, "Set TMPDIR to a folder on a file system that allows files of this size.");
        close(fd);
        g_free(path);
        return NULL;
    }
    BlockOpen how = { .no_flush = true, .discard = true };
    BlockNode *n = block_node_new(&block_file, path, &how);
    BlockFile *f = n->opaque;
    block_file_init(f);
    f->fd = fd;
    n->size = size;
    g_free(path);
    return n;
}
