/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start-up and end of the emulator, as named steps.  The only place that turns an error into an exit.
 */
#include "util/osdep.h"

#include "accel/accel.h"
#include "block/blk.h"
#include "chardev/char.h"
#include "gdb/gdbserver.h"
#include "monitor/monitor.h"
#include "system/backends.h"
#include "system/daemon.h"
#include "system/membackend.h"
#include "system/displays.h"
#include "system/options.h"
#include "util/log.h"
#include "util/mainloop.h"
#include "util/timer.h"

#include <signal.h>
#include <sys/mman.h>

/* Signals. */

static atomic_int main_signal;     /* the one that ends us */
static atomic_int main_signal_pid; /* who sent it */

/* The terminal goes back, then the signal does what it does. */
static void main_on_fatal(int sig)
{
    char_restore_terminal();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void main_on_end(int sig, siginfo_t *info, void *context)
{
    (void)context;
    atomic_store(&main_signal_pid, info->si_pid);
    atomic_store(&main_signal, sig);
    request_shutdown(SHUTDOWN_HOST_SIGNAL);
}

static const int main_end_signals[] = { SIGINT, SIGTERM, SIGHUP };

static void main_set_fatal_signals(void)
{
    static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    struct sigaction sa = { .sa_handler = main_on_fatal, .sa_flags = SA_NODEFER };
    for (unsigned i = 0; i < G_N_ELEMENTS(fatal); i++) {
        sigaction(fatal[i], &sa, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* Before the first back end exists: a signal during start-up is a request that the main loop finds when it begins. */
static void main_set_signals(void)
{
    struct sigaction sa = { .sa_sigaction = main_on_end, .sa_flags = SA_SIGINFO | SA_RESTART };
    for (unsigned i = 0; i < G_N_ELEMENTS(main_end_signals); i++) {
        sigaction(main_end_signals[i], &sa, NULL);
    }
}

static void main_report_signal(void)
{
    int sig = atomic_load(&main_signal);
    if (sig) {
        info_report("terminating on signal %d from pid %d", sig, atomic_load(&main_signal_pid));
    }
}

/* Steps. */

/* False: something was printed and that is all. */
static bool main_print(Options *o)
{
    if (o->print) {
        o->print(o, o->topic);
        return false;
    }
    return true;
}

static bool main_check_options(Options *o, Error **errp)
{
    if (o->daemonize && o->nographic && o->default_devices && (!o->serial_given || !o->monitor_none)) {
        error_set(errp, "-nographic puts the console on this terminal, which -daemonize leaves");
        error_add_hint(errp, "Use -display none with -daemonize.");
        return false;
    }
    return true;
}

static bool main_start_log(Options *o, Error **errp)
{
    unsigned mask = 0;
    if (o->log_file && !log_set_file(o->log_file, errp)) {
        return false;
    }
    if (o->log_items && !log_parse_items(o->log_items, &mask, errp)) {
        return false;
    }
    log_set_mask(mask);
    return true;
}

static bool main_lock_memory(Options *o, Error **errp)
{
    if (o->mem_lock && mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
        error_set_errno(errp, errno, "-overcommit mem-lock=on: cannot lock memory");
        error_add_hint(errp, "Raise the limit: ulimit -l unlimited.");
        return false;
    }
    return true;
}

/* smm=auto: where it cannot be, firmware is told not to wait for it. */
static bool main_check_smm(Options *o, Error **errp)
{
    const AccelClass *accel = accel_current();
    if (accel->has_smm && !accel->has_smm() && o->cfg.smm) {
        if (o->smm_on) {
            error_set(errp, "-machine smm=on: the accelerator '%s' of this host has no system management mode", accel->name);
            error_add_hint(errp, "smm=auto goes without.");
            return false;
        }
        o->cfg.smm = false;
    }
    return true;
}

static bool main_create_machine(Options *o, Error **errp)
{
    const MachineClass *cls = machine_class_find(o->machine, errp);
    if (!cls) {
        return false;
    }
    MachineConfig *cfg = &o->cfg;
    const char *backend = o->memory_backend && (g_strcmp0(o->memory_backend, cls->default_ram_id) || membackend_find(o->memory_backend)) ?
                          o->memory_backend : NULL;
    const MemBackend *b = backend ? membackend_find(backend) : NULL;
    cfg->ram_size = cfg->ram_size ? cfg->ram_size : b ? membackend_size(b) : cls->default_ram;
    cfg->memory_backend = backend;
    cfg->ram_source = &o->ram_source;
    if (!optmem_build_numa(o, cfg->ram_size, errp)) {
        return false;
    }
    cfg->boot_order = cfg->boot_order ? cfg->boot_order : g_strdup("cad");
    return machine_new(cls, cfg, errp) != NULL;
}

static bool main_find_machine(Options *o, Error **errp)
{
    return machine_class_find(o->machine, errp) != NULL;
}

/* Images of a stopped machine can be copied.  After an I/O error there is nothing to gain: `cont` tries again. */
static void main_on_runstate(RunstateNotifier *n, bool running, RunState s)
{
    (void)n;
    if (!running) {
        blk_drain_all();
    }
    if (!running && s != RUN_IO_ERROR) {
        blk_flush_all();
    }
}

/* werror=stop, rerror=stop and a full host disk: the guest waits, `info status` says why, `cont` tries again. */
static void main_on_disk_error(void *opaque, Blk *b, bool write, int err, BlkErrorAction action)
{
    (void)opaque;
    if (action == BLK_ERR_STOP) {
        error_report("drive '%s': %s failed: %s; the guest is paused, and `cont` tries again", blk_name(b),
                     write ? "writing" : "reading", g_strerror(err));
        vm_stop_request(RUN_IO_ERROR);
    }
}

/* Everything up to a machine that could run. */
static bool main_start(Options *o, Error **errp)
{
    static RunstateNotifier notifier = { .changed = main_on_runstate };
    mainloop_init();
    bql_lock();
    runstate_set_actions(&o->actions);
    runstate_notifier_add(&notifier);
    blk_set_error_hook(main_on_disk_error, NULL);
    accel_set_irqchip(o->irqchip);
    accel_set_cpu_pm(o->cpu_pm);
    if (!main_lock_memory(o, errp) || !main_find_machine(o, errp) ||
        !accel_choose(o->accels->len ? o->accels->str : NULL, errp) || !displays_prepare(o, errp) ||
        !main_check_smm(o, errp) || !backends_create(o, errp) || !main_create_machine(o, errp) || !backends_add_devices(o, errp) ||
        !displays_create(o, errp)) {
        return false;
    }
    machine_reset(machine_current());
    if (o->gdb && !gdbserver_start(o->gdb, errp)) {
        error_prepend(errp, "-gdb %s: ", o->gdb);
        return false;
    }
    return true;
}

static int main_run(Options *o)
{
    if (!o->start_paused) {
        vm_start();
    }
    int status = runstate_main_loop();
    main_report_signal();
    return status;
}

static void main_end(Options *o, int status)
{
    gdbserver_end(status);
    vcpus_shutdown();
    displays_destroy();
    monitor_cleanup(); /* before the devices let go of the muxes, which would give monitors the input */
    machine_free(machine_current());
    vcpus_free();
    backends_destroy();
    daemon_remove_pidfile();
    bql_unlock();
    options_free(o);
}

int main(int argc, char **argv)
{
    static Options o;
    Error *err = NULL;
    options_init(&o);
    if (!options_parse(&o, argc, argv, &err)) {
        error_report_free(err);
        return 1;
    }
    if (!main_print(&o)) {
        return 0;
    }
    main_set_fatal_signals();
    main_set_signals();
    if (!main_check_options(&o, &err) || (o.daemonize && !daemon_fork(&err)) || !main_start_log(&o, &err) ||
        !main_start(&o, &err) || (o.pidfile && !daemon_write_pidfile(o.pidfile, &err))) {
        error_report_free(err);
        if (bql_held()) {
            char_cleanup_all(); /* terminals and sockets; the rest goes with the process */
        }
        return 1;
    }
    if (o.daemonize) {
        daemon_ready();
    }
    int status = main_run(&o);
    main_end(&o, status);
    return status;
}
