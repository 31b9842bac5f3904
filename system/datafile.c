/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds firmware and other data files.  Order for a bare name: -L folders, the build's pc-bios beside the program,
 * installed data, the distribution's folders by the table below, the current folder.  A name with a slash is a path.
 * Start-up and device realize; main thread.
 */
#include "util/osdep.h"
#include "system/machine.h"

#include "build/config.h"

#include <fcntl.h>
#include <sys/stat.h>

/* What Debian's packages bring: files whose names begin and end so, in these folders. */
static const struct {
    const char *prefix, *suffix;
    const char *package;
    const char *dirs[3];
} datafile_table[] = {
    { "bios", ".bin", "seabios", { "/usr/share/seabios", "/usr/share/qemu" } },
    { "vgabios", ".bin", "seabios", { "/usr/share/seabios", "/usr/share/qemu", "/usr/share/vgabios" } },
    { "acpi-dsdt", ".aml", "seabios", { "/usr/share/seabios" } },
    { "OVMF", ".fd", "ovmf", { "/usr/share/OVMF", "/usr/share/ovmf", "/usr/share/qemu" } },
    { "efi-", ".rom", "ipxe-qemu", { "/usr/lib/ipxe/qemu", "/usr/share/qemu" } },
    { "pxe-", ".rom", "ipxe-qemu", { "/usr/lib/ipxe/qemu", "/usr/share/qemu" } },
};

static GPtrArray *datafile_dirs; /* char *, -L in order */

void datafile_add_dir(const char *dir)
{
    if (!datafile_dirs) {
        datafile_dirs = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(datafile_dirs, g_strdup(dir));
}

/* The path when it can be read as a regular file, else NULL. */
static char *datafile_try(const char *dir, const char *name)
{
    char *path = dir ? g_build_filename(dir, name, NULL) : g_strdup(name);
    struct stat st;
    if (!stat(path, &st) && S_ISREG(st.st_mode) && !access(path, R_OK)) {
        return path;
    }
    g_free(path);
    return NULL;
}

/*
 * Beside the program: build/pc-bios when it runs from the build (tests are one or two folders deeper), share/rhea of the prefix
 * when it was installed and then moved.
 */
static char *datafile_try_beside(const char *name)
{
    static const char *const places[] = { "pc-bios", "share/rhea" };
    char *exe = g_file_read_link("/proc/self/exe", NULL);
    char *dir = exe ? g_path_get_dirname(exe) : NULL;
    char *found = NULL;
    for (int up = 0; dir && up < 3 && !found; up++) {
        for (size_t i = 0; i < G_N_ELEMENTS(places) && !found; i++) {
            char *data = g_build_filename(dir, places[i], NULL);
            found = datafile_try(data, name);
            g_free(data);
        }
        char *above = g_path_get_dirname(dir);
        g_free(dir);
        dir = above;
    }
    g_free(dir);
    g_free(exe);
    return found;
}

static char *datafile_try_distribution(const char *name, const char **package)
{
    *package = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(datafile_table); i++) {
        if (!g_str_has_prefix(name, datafile_table[i].prefix) || !g_str_has_suffix(name, datafile_table[i].suffix)) {
            continue;
        }
        *package = datafile_table[i].package;
        for (size_t j = 0; j < G_N_ELEMENTS(datafile_table[i].dirs) && datafile_table[i].dirs[j]; j++) {
            char *found = datafile_try(datafile_table[i].dirs[j], name);
            if (found) {
                return found;
            }
        }
    }
    return NULL;
}

static void datafile_not_found(const char *name, const char *package, Error **errp)
{
    if (access(name, F_OK) == 0) {
        struct stat st;
        int err = stat(name, &st) == 0 && S_ISDIR(st.st_mode) ? EISDIR : EACCES;
        error_set_errno(errp, err, "cannot read '%s'", name);
        return;
    }
    error_set(errp, "cannot find the file '%s'", name);
    if (package) {
        error_add_hint(errp, "It comes with the package '%s': apt install %s.", package, package);
    }
    error_add_hint(errp, "-L DIR names a folder to look in.");
}

char *datafile_find(const char *name, Error **errp)
{
    bool bare = !strchr(name, '/');
    char *found = NULL;
    const char *package = NULL;
    for (unsigned i = 0; bare && datafile_dirs && i < datafile_dirs->len && !found; i++) {
        found = datafile_try(datafile_dirs->pdata[i], name);
    }
    if (bare && !found) {
        found = datafile_try_beside(name);
    }
    if (bare && !found) {
        found = datafile_try(RHEA_DATADIR, name);
    }
    if (bare && !found) {
        found = datafile_try_distribution(name, &package);
    }
    if (!found) {
        found = datafile_try(NULL, name);
    }
    if (!found) {
        datafile_not_found(name, package, errp);
    }
    return found;
}

static bool datafile_read(int fd, uint8_t *buf, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = read(fd, buf + done, len - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? EIO : errno; /* it became shorter while we read */
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

GBytes *datafile_load(const char *path, uint64_t max, Error **errp)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        error_set_errno(errp, errno, "cannot open '%s'", path);
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(errp, "'%s' is not a regular file", path);
        close(fd);
        return NULL;
    }
    if ((uint64_t)st.st_size > max) {
        error_set(errp, "'%s' has %" PRIu64 " bytes, but at most %" PRIu64 " fit here", path, (uint64_t)st.st_size,
                  max);
        close(fd);
        return NULL;
    }
    uint8_t *buf = g_malloc((size_t)st.st_size + 1);
    bool ok = datafile_read(fd, buf, (size_t)st.st_size);
    if (!ok) {
        error_set_errno(errp, errno, "cannot read '%s'", path);
    }
    close(fd);
    if (!ok) {
        g_free(buf);
        return NULL;
    }
    return g_bytes_new_take(buf, (gsize)st.st_size);
}
