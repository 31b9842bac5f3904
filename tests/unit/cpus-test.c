/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPU threads and run states, with an accelerator that runs no guest code but does what guest code would do. */
#include "util/osdep.h"
#include "accel/accel.h"

#include "system/machine.h"
#include "system/runstate.h"
#include "tests/unit/wait.h"

/* What the dummy does until it shall leave. */
typedef enum Mode { SPIN, HALT, WANT_LOCK, ASK_SHUTDOWN, ASK_RESET } Mode;

static _Atomic Mode mode;
static atomic_uint runs, taken, kicks, locks;
static atomic_bool kicked[8];

static void dummy_run(Vcpu *v)
{
    atomic_fetch_add(&runs, 1);
    while (!(atomic_load(&v->events) & VCPU_EV_EXIT)) {
        if (atomic_load(&v->events) & VCPU_EV_INTR) {
            vcpu_event_clear(v, VCPU_EV_INTR);
            atomic_store(&v->halted, false);
            atomic_fetch_add(&taken, 1);
        }
        switch (atomic_load(&mode)) {
        case HALT:
            atomic_store(&v->halted, true);
            return;
        case WANT_LOCK:
            bql_lock();
            atomic_fetch_add(&locks, 1);
            bql_unlock();
            break;
        case ASK_SHUTDOWN:
            request_shutdown_code(SHUTDOWN_GUEST_SHUTDOWN, 7);
            break;
        case ASK_RESET:
            atomic_store(&mode, SPIN);
            request_reset(SHUTDOWN_GUEST_RESET);
            break;
        default: break;
        }
        if (atomic_exchange(&kicked[v->index], false)) {
            atomic_fetch_add(&kicks, 1);
        }
    }
}

static void dummy_kick(Vcpu *v)
{
    atomic_store(&kicked[v->index], true);
}

static const AccelClass dummy = { .name = "dummy", .desc = "for this test", .vcpu_run = dummy_run,
                                  .vcpu_kick = dummy_kick };
ACCEL_REGISTER(dummy);

/* A machine without chips, and vCPUs in its empty memory. */
static bool test_machine_init(Machine *m, Error **errp)
{
    for (unsigned i = 0; i < m->cfg.topo.cpus; i++) {
        if (!vcpu_create("qemu64", i, i, &m->cfg.topo, &m->as_mem, &m->as_smm, &m->as_io, errp)) {
            return false;
        }
    }
    return true;
}

static const MachineClass test_machine = { .name = "test", .max_cpus = 8, .init = test_machine_init };

static void start(unsigned cpus, Mode m)
{
    static bool ready;
    Error *err = NULL;
    if (!ready) {
        mainloop_init();
        bql_lock();
        CHECK(accel_choose("dummy", &err));
        ready = true;
    }
    MachineConfig cfg = { .topo = { 1, 1, cpus, 1, cpus, cpus } };
    atomic_store(&mode, m);
    atomic_store(&runs, 0);
    atomic_store(&taken, 0);
    atomic_store(&locks, 0);
    if (!machine_new(&test_machine, &cfg, &err)) {
        TEST_FAIL("%s", error_message(err));
    }
    for (unsigned i = 0; i < cpus; i++) { /* those that wait for SIPI run as well here */
        atomic_store(&vcpu_get(i)->halted, false);
    }
}

static void end(void)
{
    vm_stop(RUN_SHUTDOWN);
    vcpus_shutdown();
    machine_free(machine_current());
    vcpus_free();
    runstate_set_actions(&(RunstateActions){ 0 });
}

TEST(start_stop_start)
{
    start(2, SPIN);
    CHECK_EQ(vcpu_count(), 2);
    CHECK(vcpu_get(1)->stopped && vcpu_get(1)->thread_id > 0 && vcpu_get(1)->thread_id != vcpu_get(0)->thread_id);
    for (int i = 0; i < 50; i++) {
        vm_start();
        CHECK(runstate_running());
        vm_stop(RUN_PAUSED);
        CHECK_EQ(runstate_get(), RUN_PAUSED);
        CHECK(vcpu_get(0)->stopped && vcpu_get(1)->stopped);
        CHECK(!atomic_load(&vcpu_get(0)->in_run) && !atomic_load(&vcpu_get(1)->in_run));
    }
    vm_start();
    unsigned before = atomic_load(&runs);
    WAIT_FOR(atomic_load(&runs) > before || before >= 2);
    end();
}

/* A vCPU that wants the big lock again and again must not keep the main thread from pausing it. */
TEST(pause_while_vcpus_fight_for_the_lock)
{
    start(4, WANT_LOCK);
    for (int i = 0; i < 20; i++) {
        vm_start();
        unsigned before = atomic_load(&locks);
        WAIT_FOR(atomic_load(&locks) > before);
        vm_stop(RUN_PAUSED);
        for (unsigned c = 0; c < 4; c++) {
            CHECK(vcpu_get(c)->stopped);
        }
    }
    end();
}

/* Who holds the big lock may wait for a vCPU to be out of guest code: the vCPU is out before it wants the lock. */
TEST(out_of_guest_code_before_the_lock_is_wanted)
{
    start(1, SPIN);
    vm_start();
    Vcpu *v = vcpu_get(0);
    WAIT_FOR(atomic_load(&v->in_run));
    int64_t limit = clock_ns(CLOCK_KIND_REALTIME) + 5 * NS_PER_SEC;
    vcpu_kick(v); /* and the lock stays here */
    while (atomic_load(&v->in_run)) {
        CHECK(clock_ns(CLOCK_KIND_REALTIME) < limit);
    }
    end();
}

/* Each event that comes while a vCPU halts is taken, however close to its going to sleep. */
TEST(no_wakeup_is_lost)
{
    start(1, HALT);
    vm_start();
    Vcpu *v = vcpu_get(0);
    for (unsigned i = 1; i <= 3000; i++) {
        bql_unlock();
        vcpu_event_set(v, VCPU_EV_INTR);
        bql_lock();
        WAIT_FOR(atomic_load(&taken) == i);
    }
    WAIT_FOR(atomic_load(&v->halted));
    end();
}

/* A halted vCPU with an event that it does not take (interrupts off) must sleep, not spin. */
TEST(a_halted_vcpu_sleeps)
{
    start(1, HALT);
    vm_start();
    WAIT_FOR(atomic_load(&vcpu_get(0)->halted));
    vcpu_event_set(vcpu_get(0), VCPU_EV_SMI); /* the dummy takes INTR only */
    bql_unlock();
    g_usleep(20000);
    unsigned before = atomic_load(&runs);
    g_usleep(50000);
    unsigned after = atomic_load(&runs);
    bql_lock();
    CHECK_EQ(after, before);
    end();
}

TEST(kick_reaches_running_code)
{
    start(1, SPIN);
    vm_start();
    WAIT_FOR(atomic_load(&vcpu_get(0)->in_run));
    atomic_store(&kicks, 0);
    vcpu_event_set(vcpu_get(0), VCPU_EV_NMI);
    WAIT_FOR(atomic_load(&kicks) > 0);
    atomic_store(&kicks, 0);
    vcpu_event_set(vcpu_get(0), VCPU_EV_NMI); /* set already: no kick */
    bql_unlock();
    g_usleep(10000);
    bql_lock();
    CHECK_EQ(atomic_load(&kicks), 0);
    end();
}

static void note_thread(Vcpu *v, void *opaque)
{
    *(bool *)opaque = vcpu_current() == v && bql_held();
}

static void run_on_other(Vcpu *v, void *opaque)
{
    vcpu_run_on(vcpu_get(!v->index), note_thread, opaque);
}

TEST(work_runs_in_the_vcpus_own_thread)
{
    start(2, SPIN);
    bool there = false;
    vcpu_run_on(vcpu_get(1), note_thread, &there); /* parked */
    CHECK(there);
    vm_start();
    there = false;
    vcpu_run_on(vcpu_get(0), note_thread, &there); /* running */
    CHECK(there);
    there = false;
    vcpu_run_on_async(vcpu_get(0), note_thread, &there);
    WAIT_FOR(there);
    /* Two that wait for each other. */
    bool a = false, b = false;
    vcpu_run_on_async(vcpu_get(0), run_on_other, &a);
    vcpu_run_on_async(vcpu_get(1), run_on_other, &b);
    WAIT_FOR(a && b);
    end();
}

/* run_on while all of them are being paused. */
static void pause_in_between(Vcpu *v, void *opaque)
{
    (void)v;
    ++*(unsigned *)opaque;
}

TEST(work_and_pause)
{
    start(3, WANT_LOCK);
    unsigned done = 0;
    for (unsigned i = 0; i < 100; i++) {
        vm_start();
        vcpu_run_on_async(vcpu_get(i % 3), pause_in_between, &done);
        vm_stop(RUN_PAUSED);
        vcpu_run_on(vcpu_get(i % 3), pause_in_between, &done);
    }
    CHECK_EQ(done, 200);
    end();
}

/* Run states. */

typedef struct Log {
    RunstateNotifier n;
    GString *text;
} Log;

static void log_changed(RunstateNotifier *n, bool running, RunState s)
{
    g_string_append_printf(container_of(n, Log, n)->text, "%s%s ", running ? "+" : "-", runstate_name(s));
}

static void log_powerdown(RunstateNotifier *n)
{
    g_string_append(container_of(n, Log, n)->text, "power ");
    request_shutdown_code(SHUTDOWN_GUEST_SHUTDOWN, 3);
}

static void log_reset(RunstateNotifier *n)
{
    g_string_append(container_of(n, Log, n)->text, "reset ");
    if (strstr(container_of(n, Log, n)->text->str, "reset reset")) {
        request_shutdown(SHUTDOWN_HOST_SIGNAL);
    }
}

TEST(guest_shutdown_ends_the_loop_with_its_code)
{
    start(2, ASK_SHUTDOWN);
    Log l = { { .changed = log_changed }, g_string_new(NULL) };
    runstate_notifier_add(&l.n);
    vm_start();
    CHECK_EQ(runstate_main_loop(), 7);
    CHECK_STR(l.text->str, "+running -shutdown ");
    runstate_notifier_remove(&l.n);
    g_string_free(l.text, TRUE);
    end();
}

TEST(powerdown_and_exit_code)
{
    start(1, SPIN);
    Log l = { { .changed = log_changed, .powerdown = log_powerdown }, g_string_new(NULL) };
    runstate_notifier_add(&l.n);
    vm_start();
    request_powerdown();
    CHECK_EQ(runstate_main_loop(), 3);
    CHECK_STR(l.text->str, "+running power -shutdown ");
    runstate_notifier_remove(&l.n);
    g_string_free(l.text, TRUE);
    end();
}

/* With -no-shutdown the guest's end is a stop; a signal ends the process all the same. */
static Timer later;
static void send_signal(void *opaque)
{
    RunState *seen = opaque;
    *seen = runstate_get();
    request_shutdown(SHUTDOWN_HOST_SIGNAL);
}

TEST(no_shutdown_keeps_the_process_until_a_signal)
{
    start(1, ASK_SHUTDOWN);
    RunState seen = RUN_PRELAUNCH;
    runstate_set_actions(&(RunstateActions){ .shutdown_is_pause = true });
    timer_init(&later, CLOCK_KIND_REALTIME, send_signal, &seen);
    timer_mod(&later, clock_ns(CLOCK_KIND_REALTIME) + 50 * NS_PER_MS);
    vm_start();
    CHECK_EQ(runstate_main_loop(), 0);
    CHECK_EQ(seen, RUN_SHUTDOWN);
    end();
}

TEST(no_reboot_ends_the_loop)
{
    start(1, ASK_RESET);
    runstate_set_actions(&(RunstateActions){ .reboot_is_shutdown = true });
    vm_start();
    CHECK_EQ(runstate_main_loop(), 0);
    end();
}

TEST(reset_goes_on_running)
{
    start(1, ASK_RESET);
    Log l = { { .reset = log_reset }, g_string_new(NULL) };
    RunState seen = RUN_PRELAUNCH;
    runstate_notifier_add(&l.n);
    timer_init(&later, CLOCK_KIND_REALTIME, send_signal, &seen);
    timer_mod(&later, clock_ns(CLOCK_KIND_REALTIME) + 50 * NS_PER_MS);
    vm_start();
    CHECK_EQ(runstate_main_loop(), 0);
    CHECK_STR(l.text->str, "reset ");
    CHECK_EQ(seen, RUN_RUNNING);
    runstate_notifier_remove(&l.n);
    g_string_free(l.text, TRUE);
    end();
}

TEST(virtual_clock_stops_with_the_machine)
{
    start(1, HALT);
    vm_start();
    int64_t a = clock_ns(CLOCK_KIND_VIRTUAL);
    g_usleep(2000);
    CHECK(clock_ns(CLOCK_KIND_VIRTUAL) > a);
    vm_stop(RUN_PAUSED);
    a = clock_ns(CLOCK_KIND_VIRTUAL);
    g_usleep(2000);
    CHECK_EQ(clock_ns(CLOCK_KIND_VIRTUAL), a);
    end();
}

TEST(names)
{
    for (int s = 0; s < RUN_STATE_COUNT; s++) {
        CHECK(runstate_name((RunState)s));
    }
    CHECK_STR(runstate_name(RUN_IO_ERROR), "io-error");
    CHECK_STR(shutdown_cause_name(SHUTDOWN_HOST_SIGNAL), "host-signal");
    CHECK_STR(runstate_name((RunState)99), "unknown");
}

/* The choice of an engine. */
TEST(accelerator_names)
{
    Error *err = NULL;
    CHECK(!accel_choose("dummmy", &err));
    CHECK(strstr(error_hint(err), "'dummy'"));
    error_free(err);
    err = NULL;
    CHECK(!accel_choose("hvf", &err));
    CHECK(strstr(error_message(err), "macOS"));
    error_free(err);
    err = NULL;
    CHECK(!accel_choose("dummy,bogus=1", &err));
    CHECK(strstr(error_message(err), "bogus"));
    error_free(err);
    err = NULL;
    CHECK(!accel_choose("", &err));
    error_free(err);
    CHECK(accel_choose("whpx:dummy", NULL)); /* falls through, with a line on stderr */
    CHECK_STR(accel_current()->name, "dummy");
}
