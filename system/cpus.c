/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads.  Each loops: work queued for it, park while it shall stop, run guest code through the
 * accelerator, sleep while the guest halts.  A thread holds the big lock except inside accel->vcpu_run and
 * while it sleeps, so pausing (which waits without the lock) cannot deadlock with a vCPU that wants the lock.
 *
 * Sleeping is a futex on Vcpu.wakeups, sampled before the thread looks for something to do: a kick that comes
 * in between makes the wait return at once, needs no lock and may come from a signal handler.
 */
#include "util/osdep.h"
#include "system/cpus.h"

#include "accel/accel.h"
#include "system/cpus-int.h"
#include "util/mainloop.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#define MAX_VCPUS 1024

typedef struct VcpuWork {
    void (*fn)(Vcpu *v, void *opaque);
    void *opaque;
    bool wait; /* the caller waits for `done` and owns this; else freed after it ran */
    bool done; /* big lock */
} VcpuWork;

static struct {
    Vcpu *list[MAX_VCPUS]; /* entry i is constant once count > i */
    atomic_uint count;
    atomic_bool a20_off;
    atomic_bool ignne;
    IrqLine ferr; /* big lock */
    /* What those wait for who wait for vCPUs: any of them parked, ended or did work. */
    GMutex mutex;
    GCond changed;
    unsigned changes; /* guarded by mutex */
} cpus;

static _Thread_local Vcpu *cpus_current;

unsigned vcpu_count(void)
{
    return atomic_load_explicit(&cpus.count, memory_order_acquire);
}

Vcpu *vcpu_get(unsigned i)
{
    return i < vcpu_count() ? cpus.list[i] : NULL;
}

Vcpu *vcpu_current(void)
{
    return cpus_current;
}

/* Waiting for vCPUs. */

static void cpus_notify(void)
{
    g_mutex_lock(&cpus.mutex);
    cpus.changes++;
    g_cond_broadcast(&cpus.changed);
    g_mutex_unlock(&cpus.mutex);
}

static unsigned cpus_changes(void)
{
    g_mutex_lock(&cpus.mutex);
    unsigned n = cpus.changes;
    g_mutex_unlock(&cpus.mutex);
    return n;
}

/* Returns when something has changed since @seen was sampled.  Drops the big lock meanwhile. */
static void cpus_wait_change(unsigned seen)
{
    bql_unlock();
    g_mutex_lock(&cpus.mutex);
    while (cpus.changes == seen) {
        g_cond_wait(&cpus.changed, &cpus.mutex);
    }
    g_mutex_unlock(&cpus.mutex);
    bql_lock();
}

/* Events and kicks. */

static void vcpu_wake(Vcpu *v)
{
    atomic_fetch_add(&v->wakeups, 1);
    if (v != cpus_current) {
        const AccelClass *accel = accel_current();
        if (atomic_load(&v->in_run) && accel && accel->vcpu_kick) {
            accel->vcpu_kick(v);
        }
        /* Not asleep here means: its futex will look at the counter after this step of it. */
        if (atomic_load(&v->sleeping)) {
            syscall(SYS_futex, &v->wakeups, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
        }
    }
}

void vcpu_event_set(Vcpu *v, uint32_t bits)
{
    unsigned old = atomic_fetch_or(&v->events, bits);
    if (bits & ~old) {
        vcpu_wake(v);
    }
}

void vcpu_event_clear(Vcpu *v, uint32_t bits)
{
    atomic_fetch_and(&v->events, ~(bits & VCPU_EV_INTR ? bits | VCPU_EV_INTR_HELD : bits));
}

static void vcpu_intr_becomes(Vcpu *v, uint32_t from, uint32_t to)
{
    unsigned old = atomic_load(&v->events);

    while ((old & from) && !atomic_compare_exchange_weak(&v->events, &old, (old & ~from) | to)) {
    }
}

void vcpu_intr_hold(Vcpu *v)
{
    vcpu_intr_becomes(v, VCPU_EV_INTR, VCPU_EV_INTR_HELD);
}

void vcpu_intr_release(Vcpu *v)
{
    vcpu_intr_becomes(v, VCPU_EV_INTR_HELD, VCPU_EV_INTR);
}

void vcpu_kick(Vcpu *v)
{
    int saved = errno;
    atomic_fetch_or(&v->events, VCPU_EV_EXIT);
    vcpu_wake(v);
    errno = saved;
}

static void vcpu_intr_set(void *opaque, int n, int level)
{
    (void)n;
    if (level) {
        vcpu_event_set(opaque, VCPU_EV_INTR);
    } else {
        vcpu_event_clear(opaque, VCPU_EV_INTR);
    }
}

IrqLine vcpu_intr_line(Vcpu *v)
{
    return (IrqLine){ vcpu_intr_set, v, 0 };
}

/* The state's two homes: where an accelerator keeps it, it is in the struct while the vCPU is parked or works. */

static void vcpu_state_get(Vcpu *v)
{
    const AccelClass *accel = accel_current();
    if (!v->state_here && accel && accel->state_get) {
        accel->state_get(v);
    }
    v->state_here = true;
}

static void vcpu_state_put(Vcpu *v)
{
    const AccelClass *accel = accel_current();
    if (v->state_here && accel->state_put) {
        accel->state_put(v);
    }
    v->state_here = v->was_reset = false;
}

static void vcpu_nothing(Vcpu *v, void *opaque)
{
    (void)v;
    (void)opaque;
}

void vcpu_state_fetch(Vcpu *v)
{
    vcpu_run_on(v, vcpu_nothing, NULL);
}

/* Work queues. */

static void vcpu_run_work(Vcpu *v)
{
    VcpuWork *w;
    if (!g_queue_is_empty(&v->work)) {
        vcpu_state_get(v);
    }
    while ((w = g_queue_pop_head(&v->work))) {
        w->fn(v, w->opaque);
        if (w->wait) {
            w->done = true;
            cpus_notify();
        } else {
            g_free(w);
        }
    }
}

static void vcpu_queue_work(Vcpu *v, VcpuWork *w)
{
    g_queue_push_tail(&v->work, w);
    vcpu_kick(v);
    cpus_notify(); /* @v may itself be waiting for another vCPU */
}

void vcpu_run_on(Vcpu *v, void (*fn)(Vcpu *v, void *opaque), void *opaque)
{
    assert(bql_held());
    if (v == cpus_current || !v->thread) {
        vcpu_state_get(v);
        fn(v, opaque);
        return;
    }
    VcpuWork w = { .fn = fn, .opaque = opaque, .wait = true };
    vcpu_queue_work(v, &w);
    for (;;) {
        unsigned seen = cpus_changes();
        if (w.done) {
            return;
        }
        if (cpus_current) {
            vcpu_run_work(cpus_current); /* two vCPUs that wait for each other both get on */
        }
        cpus_wait_change(seen);
    }
}

void vcpu_run_on_async(Vcpu *v, void (*fn)(Vcpu *v, void *opaque), void *opaque)
{
    assert(bql_held());
    if (!v->thread) {
        fn(v, opaque);
        return;
    }
    VcpuWork *w = g_new0(VcpuWork, 1);
    w->fn = fn;
    w->opaque = opaque;
    vcpu_queue_work(v, w);
}

/* The threads. */

/* How often memory is looked at that ends a halt when another vCPU writes it: soon at first, then so that an idle guest stays cheap. */
#define WATCH_FIRST_NS 20000
#define WATCH_LAST_NS 10000000

static void vcpu_sleep(Vcpu *v, unsigned seen, const struct timespec *limit)
{
    atomic_store(&v->sleeping, true);
    syscall(SYS_futex, &v->wakeups, FUTEX_WAIT_PRIVATE, seen, limit, NULL, 0);
    atomic_store(&v->sleeping, false);
}

void vcpu_nap(Vcpu *v, long ns)
{
    const struct timespec limit = { .tv_nsec = ns };

    vcpu_sleep(v, atomic_load(&v->wakeups), &limit);
}

/* Sleeps until a kick or event that came after @seen was sampled.  Big lock held before and after. */
static void vcpu_wait(Vcpu *v, unsigned seen)
{
    bql_unlock();
    if (atomic_load(&v->watches)) {
        struct timespec limit = { .tv_nsec = WATCH_FIRST_NS };

        while (atomic_load(&v->wakeups) == seen && !target_ops.watch_over(v)) {
            vcpu_sleep(v, seen, &limit);
            limit.tv_nsec = MIN(limit.tv_nsec * 2, WATCH_LAST_NS);
        }
    } else {
        vcpu_sleep(v, seen, NULL);
    }
    bql_lock();
}

/* Guest code, until somebody wants something of this vCPU or it halts. */
static void vcpu_run_guest(Vcpu *v)
{
    vcpu_state_put(v);
    vcpu_event_clear(v, VCPU_EV_EXIT); /* whoever sets it for a stop or for work holds the big lock */
    atomic_store(&v->in_run, true);
    bql_unlock();
    accel_current()->vcpu_run(v);
    assert(!bql_held());
    /* Before the lock is waited for: its holder may be waiting for this vCPU to be out of guest code. */
    atomic_store(&v->in_run, false);
    bql_lock();
}

static void vcpu_park(Vcpu *v, unsigned seen)
{
    if (atomic_exchange(&v->watches, false)) { /* what is watched is no part of the state: it may wake up for nothing */
        atomic_store(&v->halted, false);
    }
    vcpu_state_get(v);
    if (!v->stopped) {
        v->stopped = true;
        cpus_notify();
    }
    vcpu_wait(v, seen);
}

static void *vcpu_thread(void *opaque)
{
    Vcpu *v = opaque;
    cpus_current = v;
    v->thread_id = (int)syscall(SYS_gettid);
    bql_lock();
    v->created = true;
    cpus_notify();
    for (;;) {
        unsigned seen = atomic_load(&v->wakeups);
        vcpu_run_work(v);
        if (v->unplug) {
            break;
        }
        if (v->stop) {
            vcpu_park(v, seen);
            continue;
        }
        v->stopped = false;
        bool halted = atomic_load(&v->halted);
        if (!halted || v->halts_inside || atomic_load(&v->events)) {
            vcpu_run_guest(v);
            halted = atomic_load(&v->halted);
        }
        if (halted && !v->halts_inside) {
            vcpu_wait(v, seen);
        }
    }
    v->stopped = true;
    cpus_notify();
    bql_unlock();
    return NULL;
}

/* Signals for the process are the main thread's. */
static void vcpu_start_thread(Vcpu *v)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    char name[16];
    g_snprintf(name, sizeof(name), "CPU %u/%s", v->index, accel_current()->name);
    v->thread = g_thread_new(name, vcpu_thread, v);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    while (!v->created) {
        unsigned seen = cpus_changes();
        if (!v->created) {
            cpus_wait_change(seen);
        }
    }
}

Vcpu *vcpu_create(const char *model, unsigned index, uint32_t apic_id, const CpuTopology *topo, AddressSpace *mem,
                  AddressSpace *smm, AddressSpace *io, Error **errp)
{
    assert(bql_held());
    unsigned n = vcpu_count();
    if (n == MAX_VCPUS) {
        error_set(errp, "no room for another vCPU: the limit is %u", MAX_VCPUS);
        return NULL;
    }
    Vcpu *v = target_ops.vcpu_new(model, index, apic_id, topo, errp);
    if (!v) {
        return NULL;
    }
    v->index = index;
    v->apic_id = apic_id;
    v->as_mem = mem;
    v->as_smm = smm;
    v->as_io = io;
    v->stop = v->stopped = v->state_here = v->was_reset = true;
    g_queue_init(&v->work);
    const AccelClass *accel = accel_current();
    if (accel->vcpu_init && !accel->vcpu_init(v, errp)) {
        target_ops.vcpu_free(v);
        return NULL;
    }
    cpus.list[n] = v;
    atomic_store_explicit(&cpus.count, n + 1, memory_order_release);
    if (accel->vcpu_run) {
        vcpu_start_thread(v);
    }
    return v;
}

void vcpus_pause(void)
{
    assert(bql_held() && !cpus_current);
    for (unsigned i = 0; i < vcpu_count(); i++) {
        cpus.list[i]->stop = true;
        vcpu_kick(cpus.list[i]);
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        for (;;) {
            unsigned seen = cpus_changes();
            if (cpus.list[i]->stopped) {
                break;
            }
            cpus_wait_change(seen);
        }
    }
}

void vcpus_resume(void)
{
    assert(bql_held());
    if (!accel_current() || !accel_runs_code()) {
        return;
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        Vcpu *v = cpus.list[i];
        if (v->hold) {
            continue;
        }
        v->stop = false;
        v->stopped = false;
        vcpu_kick(v);
    }
}

void vcpu_park_current(void)
{
    Vcpu *v = cpus_current;
    if (!v) {
        return;
    }
    bool held = bql_held();
    if (!held) {
        bql_lock();
    }
    v->stop = true;
    vcpu_kick(v);
    if (!held) {
        bql_unlock();
    }
}

void vcpus_shutdown(void)
{
    assert(bql_held());
    vcpus_pause();
    for (unsigned i = 0; i < vcpu_count(); i++) {
        Vcpu *v = cpus.list[i];
        v->unplug = true;
        vcpu_kick(v);
        if (v->thread) {
            bql_unlock();
            g_thread_join(v->thread);
            bql_lock();
            v->thread = NULL;
        }
        if (accel_current()->vcpu_destroy) {
            accel_current()->vcpu_destroy(v);
        }
    }
}

void vcpus_free(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        assert(!cpus.list[i]->thread);
        target_ops.vcpu_free(cpus.list[i]);
        cpus.list[i] = NULL;
    }
    atomic_store(&cpus.count, 0);
}

/* A20. */

void vcpus_set_a20(bool enabled)
{
    assert(bql_held());
    if (atomic_exchange(&cpus.a20_off, !enabled) == enabled) {
        for (unsigned i = 0; i < vcpu_count(); i++) {
            vcpu_event_set(cpus.list[i], VCPU_EV_TLB);
        }
    }
}

bool vcpus_a20(void)
{
    return !atomic_load_explicit(&cpus.a20_off, memory_order_relaxed);
}

/* Errors of the x87. */

void vcpus_connect_ferr(IrqLine line)
{
    assert(bql_held());
    cpus.ferr = line;
    atomic_store(&cpus.ignne, false);
}

void vcpus_set_ferr(bool error)
{
    assert(bql_held());
    irq_set(cpus.ferr, error);
}

bool vcpus_ignne(void)
{
    return atomic_load_explicit(&cpus.ignne, memory_order_relaxed);
}

void vcpus_set_ignne(bool ignore)
{
    assert(bql_held());
    atomic_store(&cpus.ignne, ignore);
}
