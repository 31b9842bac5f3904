/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For host-kvm.py, preloaded: a host whose /dev/kvm is as the environment says.
 *   FAKE_OPEN    errno of opening /dev/kvm; 0: it opens, and its answers are those below
 *   FAKE_VM      errno of making a virtual machine; 0: there is one, whose vCPU runs nothing
 *   FAKE_LACKS   a capability (its number) that this kernel has not
 *   FAKE_VERSION the version of the interface [12]
 *   FAKE_NODE    a file whose owner, group and mode /dev/kvm has
 *   FAKE_CPUINFO, FAKE_MSR  files instead of /proc/cpuinfo and /dev/cpu/0/msr
 */
#include "util/osdep.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int stat64(const char *restrict path, struct stat64 *restrict st);
int open64(const char *path, int flags, ...);
int ioctl(int fd, unsigned long request, ...);

static int number(const char *name, int otherwise)
{
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

/* The file to open instead; NULL: errno is set. */
static const char *instead(const char *path)
{
    if (!strcmp(path, "/dev/kvm") && getenv("FAKE_OPEN")) {
        errno = number("FAKE_OPEN", 0);
        return errno ? NULL : "/dev/zero";
    }
    if (!strcmp(path, "/proc/cpuinfo") && getenv("FAKE_CPUINFO")) {
        return getenv("FAKE_CPUINFO");
    }
    if (!strcmp(path, "/dev/cpu/0/msr") && getenv("FAKE_MSR")) {
        return getenv("FAKE_MSR");
    }
    return path;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    path = instead(path);
    return path ? (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode) : -1;
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return open(path, flags, mode);
}

int stat(const char *restrict path, struct stat *restrict st)
{
    const char *node = getenv("FAKE_NODE");
    return fstatat(AT_FDCWD, node && !strcmp(path, "/dev/kvm") ? node : path, st, 0);
}

int stat64(const char *restrict path, struct stat64 *restrict st)
{
    return stat(path, (struct stat *)st);
}

static int answer(unsigned long request, unsigned long arg)
{
    switch (request) {
    case KVM_GET_API_VERSION:
        return number("FAKE_VERSION", KVM_API_VERSION);
    case KVM_CHECK_EXTENSION:
        return (int)arg != number("FAKE_LACKS", -1);
    case KVM_GET_VCPU_MMAP_SIZE:
        return 4096;
    case KVM_CREATE_VM:
        errno = number("FAKE_VM", 0);
        return errno ? -1 : open("/dev/zero", O_RDWR);
    case KVM_CREATE_VCPU:
        return open("/dev/zero", O_RDWR);
    default:
        return 0; /* KVM_RUN too, with an exit for no reason */
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    unsigned long arg = va_arg(more, unsigned long);
    va_end(more);
    if (getenv("FAKE_OPEN") && (request >> 8 & 0xff) == KVMIO) {
        return answer(request, arg);
    }
    return (int)syscall(SYS_ioctl, fd, request, arg);
}
