/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registry of accelerators and the choice among them.  Start-up, main thread, under the big lock. */
#include "util/osdep.h"
#include "accel/accel.h"

#include "util/keyval.h"

#define MAX_ACCELS 8

static struct {
    const AccelClass *list[MAX_ACCELS]; /* filled by constructors */
    unsigned count;
    const AccelClass *current;
    const char *irqchip;
    bool cpu_pm;
} accel;

/* Engines that people ask for by name and that this program may lack. */
static const char *const accel_absent[][2] = {
    { "kvm", "KVM is for Linux hosts with x86-64 processors" },
    { "hvf", "hvf is for macOS hosts" },
    { "whpx", "whpx is for Windows hosts" },
    { "hax", "hax was for Windows and macOS hosts" },
    { "nvmm", "nvmm is for NetBSD hosts" },
    { "xen", "Rhea cannot run under a Xen hypervisor" },
};

void accel_class_register(const AccelClass *cls)
{
    assert(accel.count < MAX_ACCELS);
    accel.list[accel.count++] = cls;
}

void accel_set_irqchip(const char *value)
{
    accel.irqchip = value;
}

void accel_set_cpu_pm(bool on)
{
    accel.cpu_pm = on;
}

bool accel_cpu_pm(void)
{
    return accel.cpu_pm;
}

const AccelClass *accel_current(void)
{
    return accel.current;
}

static const AccelClass *accel_find(const char *name)
{
    for (unsigned i = 0; i < accel.count; i++) {
        if (!strcmp(accel.list[i]->name, name)) {
            return accel.list[i];
        }
    }
    return NULL;
}

/* "tcg" is the name that tools know for software execution: the fastest such engine of this build. */
static const AccelClass *accel_software(void)
{
    const AccelClass *cls = accel_find("jit");
    char *why = NULL;
    bool usable = cls && cls->probe(&why);
    g_free(why);
    return usable ? cls : accel_find("interp");
}

static const char *accel_why_absent(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(accel_absent); i++) {
        if (!strcmp(accel_absent[i][0], name)) {
            return accel_absent[i][1];
        }
    }
    return NULL;
}

static void accel_unknown(const char *name, Error **errp)
{
    const char *names[MAX_ACCELS + 3] = { "tcg", "kvm" };
    for (unsigned i = 0; i < accel.count; i++) {
        names[2 + i] = accel.list[i]->name;
    }
    error_set(errp, "there is no accelerator '%s'", name);
    const char *near = suggest_nearest(name, names);
    if (near) {
        error_add_hint(errp, "Did you mean '%s'?", near);
    }
    error_add_hint(errp, "`-accel help` lists them.");
}

/* The class for @name, usable here; else NULL.  *unknown tells a wrong name from a missing engine. */
static const AccelClass *accel_usable(const char *name, bool *unknown, Error **errp)
{
    bool tcg = !strcmp(name, "tcg");
    const AccelClass *cls = tcg ? accel_software() : accel_find(name);
    *unknown = false;
    if (!cls) {
        const char *why = tcg ? "no software engine is built into this Rhea" : accel_why_absent(name);
        *unknown = !why;
        if (why) {
            error_set(errp, "accelerator '%s' cannot be used: %s", name, why);
        } else {
            accel_unknown(name, errp);
        }
        return NULL;
    }
    char *why = NULL;
    if (cls->probe && !cls->probe(&why)) {
        error_set(errp, "accelerator '%s' cannot be used: %s", name, why ? why : "not supported here");
        g_free(why);
        return NULL;
    }
    return cls;
}

/* Options that scripts give to QEMU's tcg and that have no meaning here. */
static void accel_ignore_tcg_options(KeyVal *kv)
{
    static const char *const ignored[] = { "thread", "split-wx", "tb-size" };
    for (unsigned i = 0; i < G_N_ELEMENTS(ignored); i++) {
        keyval_get(kv, ignored[i]);
    }
}

/* One "name,key=value" part.  *fatal: the next part must not be tried. */
static bool accel_try(const char *part, bool *fatal, Error **errp)
{
    KeyVal *kv = keyval_parse(part, "accel", errp);
    bool ok = false;
    *fatal = true;
    if (!kv) {
        return false;
    }
    const char *name = keyval_get(kv, "accel");
    const AccelClass *cls = NULL;
    if (!name || !*name) {
        error_set(errp, "-accel needs the name of an accelerator");
        error_add_hint(errp, "`-accel help` lists them.");
    } else {
        cls = accel_usable(name, fatal, errp);
    }
    if (cls) {
        static const char *const none[] = { NULL };
        if (!strcmp(name, "tcg")) {
            accel_ignore_tcg_options(kv);
        } else if (!strcmp(cls->name, "kvm") && accel.irqchip && !keyval_has(kv, "kernel-irqchip")) {
            keyval_set(kv, "kernel-irqchip", accel.irqchip);
        }
        ok = cls->init ? cls->init(kv, errp) : keyval_finish(kv, "accelerator", none, errp);
        *fatal = true; /* wrong options are no reason to take another engine */
    }
    if (ok) {
        accel.current = cls;
    }
    keyval_free(kv);
    return ok;
}

bool accel_choose(const char *spec, Error **errp)
{
    char **parts = g_strsplit(spec ? spec : "tcg", ":", -1);
    Error *first = NULL;
    bool ok = false, fatal = false;
    for (unsigned i = 0; parts[i] && !ok && !fatal; i++) {
        Error *err = NULL;
        ok = accel_try(parts[i], &fatal, &err);
        if (ok && first) {
            info_report("%s; running with '%s'", error_message(first), accel.current->name);
        } else if (!ok && (fatal || !first)) {
            error_free(first);
            first = err;
            err = NULL;
        }
        error_free(err);
    }
    if (!ok && !first) {
        error_set(&first, "-accel needs the name of an accelerator");
    }
    if (ok && accel.cpu_pm && strcmp(accel.current->name, "kvm")) {
        error_set(&first, "-overcommit cpu-pm=on needs -accel kvm; this machine runs with '%s'", accel.current->name);
        ok = false;
    }
    if (ok) {
        error_free(first);
    } else {
        error_propagate(errp, first);
    }
    g_strfreev(parts);
    return ok;
}

static void accel_print_one(FILE *f, const AccelClass *cls)
{
    char *why = NULL;
    bool usable = !cls->probe || cls->probe(&why);
    fprintf(f, "%-8s %s%s%s%s\n", cls->name, cls->desc, usable ? "" : " [not usable here: ",
            usable ? "" : why ? why : "not supported", usable ? "" : "]");
    g_free(why);
}

void accel_print_help(FILE *f)
{
    fprintf(f, "Accelerators:\n");
    for (unsigned i = 0; i < accel.count; i++) {
        accel_print_one(f, accel.list[i]);
    }
    const AccelClass *software = accel_software();
    if (software) {
        fprintf(f, "%-8s the best software engine: %s\n", "tcg", software->name);
    }
    for (unsigned i = 0; i < 1; i++) {
        if (!accel_find(accel_absent[i][0])) {
            fprintf(f, "%-8s [%s]\n", accel_absent[i][0], accel_absent[i][1]);
        }
    }
}
