/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger's break- and watchpoints and steps (KVM_SET_GUEST_DEBUG).  All points go into the processor's four debug registers as
 * long as there is room; more code breakpoints are INT3 in the guest's memory, put there while the vCPUs run and taken away
 * when they stop, so that nobody who reads memory sees them.  vCPU parked or in its own thread, big lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "system/runstate.h"
#include "util/mainloop.h"

#include <sys/ioctl.h>

enum { DEBUG_REGISTERS = 4, DR6_STEP = 1 << 14, INT3 = 0xcc };

typedef struct Patch {
    uint64_t addr; /* linear */
    uint8_t was;
    bool there;
} Patch;

static struct {
    RunstateNotifier notifier;
    GArray *patches; /* Patch: big lock; NULL: never any */
} dbg;

/* ---- debug registers ---- */

/* The hardware watches aligned pieces of 1, 2, 4 or 8 bytes; a range takes as many registers as it has such pieces. */
static unsigned debug_piece(uint64_t addr, uint64_t left)
{
    unsigned size = 8;
    while (size > left || (addr & (size - 1))) {
        size /= 2;
    }
    return size;
}

static bool debug_use_register(struct kvm_guest_debug *d, unsigned *used, unsigned kind, uint64_t addr, unsigned size)
{
    static const uint8_t length[9] = { [0] = 0, [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
    if (*used == DEBUG_REGISTERS) {
        return false;
    }
    unsigned n = (*used)++;
    d->arch.debugreg[n] = addr;
    d->arch.debugreg[7] |= (uint64_t)2 << (n * 2) | (uint64_t)(kind | (unsigned)length[size] << 2) << (16 + n * 4);
    return true;
}

static bool debug_use_range(struct kvm_guest_debug *d, unsigned *used, const DebugPoint *p)
{
    unsigned kind = p->kind == DEBUG_WRITE ? 1 : 3; /* the hardware cannot watch reads alone */
    for (uint64_t done = 0; done < p->len;) {
        unsigned size = debug_piece(p->addr + done, p->len - done);
        if (!debug_use_register(d, used, kind, p->addr + done, size)) {
            return false;
        }
        done += size;
    }
    return true;
}

/* Watchpoints first, they have no other place. */
static unsigned debug_fill_registers(const VcpuDebug *v, struct kvm_guest_debug *d, bool *in_register)
{
    unsigned used = 0;
    d->arch.debugreg[7] = 0x400;
    for (unsigned i = 0; i < v->count; i++) {
        if (v->points[i].kind >= DEBUG_WRITE) {
            in_register[i] = debug_use_range(d, &used, &v->points[i]);
        }
    }
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < v->count; i++) {
            if (v->points[i].kind == (pass ? DEBUG_CODE : DEBUG_CODE_HW)) {
                in_register[i] = debug_use_register(d, &used, 0, v->points[i].addr, 0);
            }
        }
    }
    return used;
}

/* ---- INT3 ---- */

static void debug_patch(Vcpu *v, Patch *p, bool on)
{
    uint8_t now = 0, int3 = INT3;
    if (p->there == on || !target_ops.read_virtual(v, p->addr, &now, 1)) {
        return;
    }
    if (on) {
        p->was = now;
        p->there = target_ops.write_virtual(v, p->addr, &int3, 1);
    } else {
        p->there = now == INT3 ? !target_ops.write_virtual(v, p->addr, &p->was, 1) : false;
    }
}

/* vCPUs are parked when the machine stops: then the patches go.  (They come with the first vCPU that runs.) */
static void debug_runstate(RunstateNotifier *n, bool running, RunState s)
{
    (void)n;
    (void)s;
    for (unsigned i = 0; !running && dbg.patches && i < dbg.patches->len; i++) {
        for (unsigned c = 0; c < vcpu_count(); c++) {
            debug_patch(vcpu_get(c), &g_array_index(dbg.patches, Patch, i), false);
        }
    }
}

static Patch *debug_find_patch(GArray *patches, uint64_t addr)
{
    for (unsigned i = 0; i < patches->len; i++) {
        Patch *p = &g_array_index(patches, Patch, i);
        if (p->addr == addr) {
            return p;
        }
    }
    return NULL;
}

/* What is in memory already stays known; what is not wanted any more goes. */
static void debug_list_patches(Vcpu *v, const bool *in_register)
{
    const VcpuDebug *d = &v->debug;
    GArray *list = g_array_new(FALSE, TRUE, sizeof(Patch));
    for (unsigned i = 0; i < d->count; i++) {
        if (!in_register[i] && d->points[i].kind <= DEBUG_CODE_HW && !debug_find_patch(list, d->points[i].addr)) {
            Patch p = { .addr = d->points[i].addr }, *old = debug_find_patch(dbg.patches, p.addr);
            p = old ? *old : p;
            g_array_append_val(list, p);
        }
    }
    for (unsigned i = 0; i < dbg.patches->len; i++) {
        Patch *p = &g_array_index(dbg.patches, Patch, i);
        if (!debug_find_patch(list, p->addr)) {
            debug_patch(v, p, false);
        }
    }
    g_array_unref(dbg.patches);
    dbg.patches = list;
}

/* ---- setting up and stopping ---- */

void kvm_debug_before_run(Vcpu *v)
{
    struct kvm_guest_debug d = { 0 };
    VcpuDebug *vd = &v->debug;
    KvmVcpu *k = kvm_vcpu(v);
    bool any = vd->count || vd->step || vd->pass;
    if (!any && !k->debugging) {
        return;
    }
    bool *in_register = g_new0(bool, vd->count + 1);
    unsigned used = debug_fill_registers(vd, &d, in_register);
    if (!dbg.patches) {
        dbg.patches = g_array_new(FALSE, TRUE, sizeof(Patch));
        dbg.notifier = (RunstateNotifier){ .changed = debug_runstate };
        runstate_notifier_add(&dbg.notifier);
    }
    debug_list_patches(v, in_register);
    g_free(in_register);
    memcpy(k->debugreg, d.arch.debugreg, sizeof(k->debugreg));
    if (any) {
        d.control = KVM_GUESTDBG_ENABLE | (used ? KVM_GUESTDBG_USE_HW_BP : 0u) | (dbg.patches->len ? KVM_GUESTDBG_USE_SW_BP : 0u);
    }
    if (vd->step || vd->pass) {
        d.control |= KVM_GUESTDBG_SINGLESTEP | (vd->step_interrupts ? 0u : (uint32_t)kvm.blockirq);
        d.control &= ~(vd->pass ? KVM_GUESTDBG_USE_HW_BP : 0u);
    }
    for (unsigned i = 0; any && i < dbg.patches->len; i++) {
        Patch *p = &g_array_index(dbg.patches, Patch, i);
        bool here = (vd->step || vd->pass) && target_ops.get_pc(v) == p->addr; /* a step goes over its own instruction */
        debug_patch(v, p, !here);
    }
    k->debugging = any;
    if (kvm_ioctl(k->fd, KVM_SET_GUEST_DEBUG, &d) < 0) {
        kvm_broken(v, "cannot set up debugging");
    }
}

void kvm_debug_changed(Vcpu *v)
{
    (void)v; /* kvm_debug_before_run() looks at all of it */
}

/* Which point do DR6 and the address tell of? */
static bool debug_find(Vcpu *v, const struct kvm_debug_exit_arch *a)
{
    VcpuDebug *d = &v->debug;
    for (unsigned i = 0; i < d->count; i++) {
        const DebugPoint *p = &d->points[i];
        if (p->kind <= DEBUG_CODE_HW && p->addr == a->pc) {
            d->hit = p->kind;
            d->hit_addr = p->addr;
            return true;
        }
    }
    for (unsigned n = 0; n < DEBUG_REGISTERS && a->exception == 1; n++) {
        if (!(a->dr6 >> n & 1)) {
            continue;
        }
        for (unsigned i = 0; i < d->count; i++) {
            const DebugPoint *p = &d->points[i];
            uint64_t at = kvm_vcpu(v)->debugreg[n];
            if (p->kind >= DEBUG_WRITE && at >= p->addr && at - p->addr < p->len) {
                d->hit = p->kind;
                d->hit_addr = at;
                return true;
            }
        }
    }
    return false;
}

/* Not the debugger's: the guest's own INT3 or debug exception goes on to the guest. */
static void debug_reinject(Vcpu *v, const struct kvm_debug_exit_arch *a)
{
    struct kvm_vcpu_events e;
    KvmVcpu *k = kvm_vcpu(v);
    if (kvm_ioctl(k->fd, KVM_GET_VCPU_EVENTS, &e) < 0) {
        return;
    }
    e.exception.injected = 1; /* INT3: RIP stays at it, the kernel adds the instruction's length */
    e.exception.nr = (uint8_t)a->exception;
    e.exception.has_error_code = 0;
    if (a->exception == 1) {
        struct kvm_debugregs d;
        if (kvm_ioctl(k->fd, KVM_GET_DEBUGREGS, &d) == 0) {
            d.dr6 = a->dr6;
            kvm_ioctl(k->fd, KVM_SET_DEBUGREGS, &d);
        }
    }
    kvm_ioctl(k->fd, KVM_SET_VCPU_EVENTS, &e);
}

bool kvm_debug_exit(Vcpu *v)
{
    const struct kvm_debug_exit_arch a = kvm_vcpu(v)->run->debug.arch;
    VcpuDebug *d = &v->debug;
    bool step = a.exception == 1 && (a.dr6 & DR6_STEP) && (d->step || d->pass);
    bql_lock();
    if (debug_find(v, &a) && !(d->pass && a.pc == d->hit_addr && !step)) {
        d->stop = DEBUG_AT_POINT;
    } else if (step && d->step) {
        d->stop = DEBUG_STEPPED;
    } else if (step) { /* past the breakpoint: now in earnest */
        d->pass = false;
        kvm_state_get(v);
        kvm_debug_before_run(v);
        bql_unlock();
        return false;
    } else {
        debug_reinject(v, &a);
        bql_unlock();
        return false;
    }
    vm_stop_request(RUN_DEBUG);
    bql_unlock();
    return true;
}
