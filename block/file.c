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
    atomic_bool no_zero_range, no_punch;
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
    return block_file_rw(n->opaque, true, off, iov, niov, len);
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

/* A file that is shorter than its last sector would not get zeros behind its end from a hole: that end reads as zeros. */
static int block_file_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    BlockFile *f = n->opaque;
    int ret = -ENOTSUP;
    if (flags & BLOCK_ZERO_MAY_UNMAP) {
        ret = block_file_fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len, &f->no_punch);
    }
    if (ret == -ENOTSUP) {
        ret = block_file_fallocate(f, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, off, len, &f->no_zero_range);
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

static uint64_t block_file_allocated(BlockNode *n)
{
    BlockFile *f = n->opaque;
    struct stat st;
    return !f->device && fstat(f->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : n->size;
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
}

#define BLOCK_FILE_CALLS                                                                          \
    .opaque_size = sizeof(BlockFile), .protocol = true, .close = block_file_close,                \
    .preadv = block_file_preadv, .pwritev = block_file_pwritev,                                   \
    .pwrite_zeroes = block_file_pwrite_zeroes, .pdiscard = block_file_pdiscard,                   \
    .flush = block_file_flush, .allocated = block_file_allocated

const BlockDriver block_file = { .name = "file", BLOCK_FILE_CALLS };
const BlockDriver block_host_device = { .name = "host_device", BLOCK_FILE_CALLS };

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
        error_add_hint(errp, "Check the name; `qemu-img create -f raw %s SIZE` or `truncate -s SIZE %s` makes an empty disk.",
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
    *size = align_up(*size, BLK_SECTOR);
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

static BlockNode *block_file_node(const BlockDriver *drv, const char *filename, const BlockOpen *how, int fd)
{
    BlockNode *n = block_node_new(drv, filename, NULL, how);
    BlockFile *f = n->opaque;
    f->fd = fd;
    f->buffered_fd = -1;
    f->align = 1;
    pthread_rwlock_init(&f->lock, NULL);
    return n;
}

BlockNode *block_file_open(const char *filename, const BlockOpen *asked, Error **errp)
{
    BlockOpen how = *asked;
    struct stat st;
    /* O_NONBLOCK, so that a pipe does not hang the start; a directory opens read-only at most. */
    if (stat(filename, &st) == 0 && !block_file_kind(&st, filename, errp)) {
        return NULL;
    }
    int fd = block_file_open_fd(filename, &how, how.direct ? O_DIRECT : 0);
    if (fd < 0 || fstat(fd, &st) < 0) {
        block_file_open_error(filename, &how, errno, errp);
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    BlockNode *n = block_file_node(S_ISREG(st.st_mode) ? &block_file : &block_host_device, filename, &how, fd);
    BlockFile *f = n->opaque;
    f->device = !S_ISREG(st.st_mode);
    if (!block_file_kind(&st, filename, errp) || !block_file_size(fd, &st, filename, &n->size, errp)) {
        goto fail;
    }
    if (how.locking && !f->device && !block_file_lock(fd, filename, !how.readonly, errp)) {
        goto fail;
    }
    if (how.direct) {
        f->align = block_file_probe_align(fd);
        f->buffered_fd = block_file_open_fd(filename, &how, 0);
        if (f->buffered_fd < 0) {
            block_file_open_error(filename, &how, errno, errp);
            goto fail;
        }
    }
    return n;
fail:
    block_node_free(n);
    return NULL;
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
    BlockNode *n = block_file_node(&block_file, path, &how, fd);
    n->size = size;
    g_free(path);
    return n;
}
