/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image locks: open-file-description locks on single bytes, in the layout that the tools of this field share, so
 * that Rhea, qemu and qemu-img respect each other.  Byte 100+p is read-locked by who uses permission p, byte 200+p by
 * who does not let others use it; p is 0 consistent read, 1 write, 3 resize.  Main thread.
 */
#include "util/osdep.h"
#include "block/block-int.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { IMG_USED = 100, IMG_DENIED = 200, IMG_READ = 0, IMG_WRITE = 1, IMG_RESIZE = 3 };

static int block_file_lock_byte(int fd, int byte)
{
    struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    return fcntl(fd, F_OFD_SETLK, &l) < 0 ? -errno : 0;
}

static bool block_file_byte_free(int fd, int byte)
{
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    return fcntl(fd, F_OFD_GETLK, &l) < 0 || l.l_type == F_UNLCK;
}

/* "Process 123 (qemu-system-x86) ...": who else has the file open; NULL when /proc does not say. */
static char *block_file_other_user(int fd)
{
    struct stat mine, st;
    GDir *proc = g_dir_open("/proc", 0, NULL);
    char *found = NULL;
    if (!proc || fstat(fd, &mine) < 0) {
        return NULL;
    }
    for (const char *pid; !found && (pid = g_dir_read_name(proc));) {
        char *fds = g_ascii_isdigit(*pid) && atoi(pid) != getpid() ? g_strdup_printf("/proc/%s/fd", pid) : NULL;
        GDir *dir = fds ? g_dir_open(fds, 0, NULL) : NULL;
        for (const char *name; dir && !found && (name = g_dir_read_name(dir));) {
            char *link = g_build_filename(fds, name, NULL), *comm_file = g_strdup_printf("/proc/%s/comm", pid), *comm = NULL;
            if (stat(link, &st) == 0 && st.st_dev == mine.st_dev && st.st_ino == mine.st_ino) {
                g_file_get_contents(comm_file, &comm, NULL, NULL);
                found = g_strdup_printf("process %s (%s)", pid, comm ? g_strchomp(comm) : "?");
                g_free(comm);
            }
            g_free(comm_file);
            g_free(link);
        }
        if (dir) {
            g_dir_close(dir);
        }
        g_free(fds);
    }
    g_dir_close(proc);
    return found;
}

static void block_file_lock_error(int fd, const char *filename, bool writer, Error **errp)
{
    char *who = block_file_other_user(fd);
    error_set(errp, "image '%s' is in use by %s: cannot get the %s lock", filename, who ? who : "another process or drive",
              writer ? "write" : "shared read");
    error_add_hint(errp, "End that user first, or open the image on both sides with readonly=on; snapshot=on needs no "
                         "write lock.");
    g_free(who);
}

bool block_file_lock(int fd, const char *filename, bool writer, Error **errp)
{
    int used = writer ? IMG_WRITE : IMG_READ;
    int ret = block_file_lock_byte(fd, IMG_USED + IMG_READ);
    if (ret == 0 && writer) {
        ret = block_file_lock_byte(fd, IMG_USED + used);
    }
    if (ret == 0) {
        ret = block_file_lock_byte(fd, IMG_DENIED + IMG_WRITE);
    }
    if (ret == 0) {
        ret = block_file_lock_byte(fd, IMG_DENIED + IMG_RESIZE);
    }
    if (ret == -EINVAL || ret == -ENOLCK || ret == -EOPNOTSUPP || ret == -ENOSYS) {
        return true; /* a file system without locks */
    }
    /* Does anybody deny what we use, or use what we deny?  Our own locks do not count. */
    if (ret < 0 || !block_file_byte_free(fd, IMG_DENIED + used) || !block_file_byte_free(fd, IMG_USED + IMG_WRITE) ||
        !block_file_byte_free(fd, IMG_DENIED + IMG_READ)) {
        block_file_lock_error(fd, filename, writer, errp);
        return false;
    }
    return true;
}

void block_file_unlock(int fd)
{
    struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = IMG_USED, .l_len = 200 };
    fcntl(fd, F_OFD_SETLK, &l);
}
