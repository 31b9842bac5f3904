/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debug log (-d, -D, monitor `log`).  Any thread; one mutex guards the file and the rate limit. */
#include "util/osdep.h"
#include "util/log.h"

#include <stdarg.h>
#include <time.h>

enum { LOG_GUEST_LINES_PER_S = 100 };

atomic_uint log_mask;

static const struct {
    const char *name;
    LogItem item;
    const char *help;
} log_items[] = {
    { "guest_errors", LOG_GUEST_ERROR, "what the guest did and a device or the CPU rejected" },
    { "unimp", LOG_UNIMP, "what the guest used and is not there yet" },
    { "int", LOG_INT, "interrupts and exceptions" },
    { "in_asm", LOG_IN_ASM, "guest code as it is decoded" },
    { "out_asm", LOG_OUT_ASM, "host code as the translator makes it, behind the guest's" },
    { "exec", LOG_EXEC, "every block of guest code as it runs (a lot)" },
    { "cpu", LOG_CPU, "CPU registers before every block (a lot)" },
    { "mmu", LOG_MMU, "page walks and TLB flushes" },
    { "cpu_reset", LOG_CPU_RESET, "CPU state at reset" },
    { "ioport", LOG_IOPORT, "accesses to ports and addresses that no device claims" },
    { "pci", LOG_PCI, "PCI configuration space" },
    { "block", LOG_BLOCK, "requests to disk images" },
    { "jit-stats", LOG_JIT_STATS, "figures of the translator, at the end" },
};

static GMutex log_lock;
/* guarded by log_lock */
static FILE *log_file; /* NULL: stderr */
static int64_t log_second;
static unsigned log_lines, log_suppressed;

static void log_vwrite(const char *fmt, va_list ap)
{
    FILE *f = log_file ? log_file : stderr;
    vfprintf(f, fmt, ap);
    fflush(f);
}

void log_printf(LogItem item, const char *fmt, ...)
{
    if (!log_on(item)) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    g_mutex_lock(&log_lock);
    log_vwrite(fmt, ap);
    g_mutex_unlock(&log_lock);
    va_end(ap);
}

/* Accounts for one line of a guest's doing; false: too many in this second.  Under log_lock. */
static bool log_guest_admits(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    if (ts.tv_sec != log_second || !log_lines) {
        if (log_suppressed) {
            fprintf(log_file ? log_file : stderr, "(%u more lines like these were suppressed)\n", log_suppressed);
        }
        log_second = ts.tv_sec;
        log_lines = 0;
        log_suppressed = 0;
    }
    if (log_lines >= LOG_GUEST_LINES_PER_S) {
        log_suppressed++;
        return false;
    }
    log_lines++;
    return true;
}

void log_guest(LogItem item, const char *fmt, ...)
{
    if (!log_on(item)) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    g_mutex_lock(&log_lock);
    if (log_guest_admits()) {
        log_vwrite(fmt, ap);
    }
    g_mutex_unlock(&log_lock);
    va_end(ap);
}

static bool log_find_item(const char *name, unsigned *mask, Error **errp)
{
    const char *names[G_N_ELEMENTS(log_items) + 3] = { NULL };
    size_t n = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(log_items); i++) {
        if (!strcmp(name, log_items[i].name)) {
            *mask |= log_items[i].item;
            return true;
        }
        names[n++] = log_items[i].name;
    }
    if (!strcmp(name, "all")) {
        *mask = ~0u;
        return true;
    }
    if (!strcmp(name, "none")) {
        *mask = 0;
        return true;
    }
    names[n++] = "all";
    names[n++] = "none";
    const char *nearest = suggest_nearest(name, names);
    error_set(errp, "unknown log item '%s'", name);
    if (nearest) {
        error_add_hint(errp, "Did you mean '%s'?", nearest);
    }
    error_add_hint(errp, "-d help lists the items.");
    return false;
}

bool log_parse_items(const char *text, unsigned *mask, Error **errp)
{
    unsigned m = 0;
    bool ok = true;
    char **words = g_strsplit(text, ",", -1);
    for (char **w = words; *w && ok; w++) {
        ok = log_find_item(*w, &m, errp);
    }
    g_strfreev(words);
    if (ok) {
        *mask = m;
    }
    return ok;
}

void log_set_mask(unsigned mask)
{
    atomic_store_explicit(&log_mask, mask, memory_order_relaxed);
}

/* The one "%d" of @path replaced by the process id. */
static char *log_file_name(const char *path)
{
    const char *d = strstr(path, "%d");
    return d ? g_strdup_printf("%.*s%d%s", (int)(d - path), path, (int)getpid(), d + 2) : g_strdup(path);
}

bool log_set_file(const char *path, Error **errp)
{
    FILE *f = NULL;
    if (path) {
        char *name = log_file_name(path);
        f = fopen(name, "we");
        if (!f) {
            error_set_errno(errp, errno, "cannot open log file '%s' for writing", name);
        }
        g_free(name);
        if (!f) {
            return false;
        }
    }
    g_mutex_lock(&log_lock);
    if (log_file) {
        fclose(log_file);
    }
    log_file = f;
    g_mutex_unlock(&log_lock);
    return true;
}

void log_print_items(FILE *f)
{
    fprintf(f, "Log items (comma separated):\n");
    for (size_t i = 0; i < G_N_ELEMENTS(log_items); i++) {
        fprintf(f, "%-15s %s\n", log_items[i].name, log_items[i].help);
    }
    fprintf(f, "%-15s %s\n%-15s %s\n", "all", "every item", "none", "no item");
}
