/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The KVM accelerator: start-up, options, the life of a vCPU.  Its parts: probe.c (is there one?), slots.c (memory), run.c
 * (the loop around KVM_RUN), state.c, msrs.c and xsave.c (the state's way there and back), cpuid.c, irqchip.c, events.c
 * (ioeventfd, coalesced I/O), clock.c, debug.c.  Main thread and vCPU threads, big lock.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"
#include "system/rammap.h"
#include "system/runstate.h"
#include "util/keyval.h"
#include "util/log.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* Three pages for the task state segment that VT-x needs in real mode, one for its page tables; the board's ROM is above. */
#define KVM_TSS_ADDR 0xfeffd000u
#define KVM_IDENTITY_ADDR 0xfeffc000u

KvmState kvm = { .fd = -1, .vm = -1 };

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
    int rc;
    do {
        rc = ioctl(fd, request, arg);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

int kvm_check(int cap)
{
    int rc = kvm.vm >= 0 ? ioctl(kvm.vm, KVM_CHECK_EXTENSION, cap) : -1;
    return rc >= 0 ? rc : MAX(ioctl(kvm.fd, KVM_CHECK_EXTENSION, cap), 0);
}

bool kvm_enable(int cap, uint64_t arg)
{
    struct kvm_enable_cap e = { .cap = (uint32_t)cap, .args = { arg } };
    return kvm_ioctl(kvm.vm, KVM_ENABLE_CAP, &e) == 0;
}

void kvm_broken(Vcpu *v, const char *what)
{
    int err = errno;
    static _Thread_local const char *last;
    if (last != what) {
        last = what;
        error_report("kvm: CPU %u: %s: %s", v->index, what, g_strerror(err));
    }
    vm_stop_request(RUN_INTERNAL_ERROR);
}

/* ---- options ---- */

static bool kvm_parse_options(KeyVal *options, KvmIrqchip *irqchip, Error **errp)
{
    static const char *const known[] = { "kernel-irqchip", "dirty-ring-size", "verify", NULL };
    const char *chip = keyval_get(options, "kernel-irqchip");
    uint64_t ring = 0;
    *irqchip = KVM_IRQCHIP_ON;
    if (chip && !strcmp(chip, "split")) {
        *irqchip = KVM_IRQCHIP_SPLIT;
    } else if (chip) {
        bool on;
        if (!parse_bool("kernel-irqchip", chip, &on, NULL)) {
            error_set(errp, "kernel-irqchip=%s must be on, off or split", chip);
            return false;
        }
        *irqchip = on ? KVM_IRQCHIP_ON : KVM_IRQCHIP_OFF;
    }
    if (!keyval_get_bool(options, "verify", &kvm.verify, errp) ||
        !keyval_get_uint(options, "dirty-ring-size", 0, 65536, &ring, errp) || !keyval_finish(options, "-accel kvm", known, errp)) {
        return false;
    }
    if (ring && !is_pow2(ring)) {
        error_set(errp, "dirty-ring-size=%" PRIu64 " must be a power of 2 up to 65536 (entries a vCPU), or 0", ring);
        return false;
    }
    kvm.dirty_ring = (unsigned)ring;
    return true;
}

/* ---- the machine ---- */

static void kvm_find_capabilities(void)
{
    kvm.max_slots = MAX((unsigned)kvm_check(KVM_CAP_NR_MEMSLOTS), 32);
    kvm.max_vcpus = (unsigned)kvm_check(KVM_CAP_MAX_VCPUS);
    kvm.coalesced_page = (unsigned)kvm_check(KVM_CAP_COALESCED_MMIO);
    kvm.has_coalesced_pio = kvm_check(KVM_CAP_COALESCED_PIO);
    kvm.has_readonly = kvm_check(KVM_CAP_READONLY_MEM);
    kvm.has_two_spaces = kvm_check(KVM_CAP_MULTI_ADDRESS_SPACE) >= 2;
    kvm.has_smm = kvm_check(KVM_CAP_X86_SMM) && kvm.has_two_spaces;
    kvm.has_debug = kvm_check(KVM_CAP_SET_GUEST_DEBUG);
    kvm.blockirq = (unsigned)kvm_check(KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ;
    kvm.has_ioeventfd = kvm_check(KVM_CAP_IOEVENTFD);
    kvm.has_any_length = kvm_check(KVM_CAP_IOEVENTFD_ANY_LENGTH);
    kvm.has_irqfd = kvm_check(KVM_CAP_IRQFD);
    kvm.has_clock = kvm_check(KVM_CAP_ADJUST_CLOCK);
    kvm.has_clock_ctrl = kvm_check(KVM_CAP_KVMCLOCK_CTRL);
    kvm.xsave_size = (size_t)MAX(kvm_check(KVM_CAP_XSAVE2), (int)sizeof(struct kvm_xsave));
    kvm.nested_size = (size_t)kvm_check(KVM_CAP_NESTED_STATE);
    kvm.has_triple_fault = kvm_check(KVM_CAP_X86_TRIPLE_FAULT_EVENT) && kvm_enable(KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1);
}

static bool kvm_give_idle(Error **errp)
{
    int all = kvm_check(KVM_CAP_X86_DISABLE_EXITS);
    if (accel_cpu_pm() && (!(all & KVM_X86_DISABLE_EXITS_HLT) || !kvm_enable(KVM_CAP_X86_DISABLE_EXITS, (uint64_t)all))) {
        error_set(errp, "-overcommit cpu-pm=on: this kernel does not leave idle instructions to the guest");
        return false;
    }
    return true;
}

static bool kvm_set_up_machine(Error **errp)
{
    uint64_t identity = KVM_IDENTITY_ADDR;
    if (kvm_ioctl(kvm.vm, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
        ioctl(kvm.vm, KVM_SET_TSS_ADDR, (unsigned long)KVM_TSS_ADDR) < 0) {
        error_set_errno(errp, errno, "kvm: the kernel takes no address for its pages in the guest");
        return false;
    }
    if (kvm.dirty_ring) {
        uint64_t bytes = kvm.dirty_ring * sizeof(struct kvm_dirty_gfn);
        int most = kvm_check(KVM_CAP_DIRTY_LOG_RING);
        if (!kvm_enable(KVM_CAP_DIRTY_LOG_RING, bytes)) {
            error_set(errp, "dirty-ring-size=%u: this kernel does not take that; 1024 to %zu entries are right", kvm.dirty_ring,
                      (size_t)MAX(most, 0) / sizeof(struct kvm_dirty_gfn));
            return false;
        }
    }
    return true;
}

static bool kvm_init(KeyVal *options, Error **errp)
{
    KvmIrqchip irqchip;
    if (!kvm_parse_options(options, &irqchip, errp)) {
        return false;
    }
    if (!kvm_probe_take(&kvm.fd, &kvm.vm)) {
        kvm.fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        kvm.vm = kvm.fd < 0 ? -1 : kvm_ioctl(kvm.fd, KVM_CREATE_VM, NULL);
    }
    int size = kvm.vm < 0 ? -1 : ioctl(kvm.fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < 0) {
        error_set_errno(errp, errno, "kvm: cannot make a virtual machine");
        return false;
    }
    kvm.run_size = (size_t)size;
    kvm_find_capabilities();
    rammap_prefer_anonymous();
    if (!kvm_set_up_machine(errp) || !kvm_give_idle(errp) || !kvm_irqchip_init(irqchip, errp) || !kvm_cpuid_init(errp)) {
        return false;
    }
    kvm_xsave_init();
    kvm_clock_init();
    kvm_run_init();
    return true;
}

/* ---- vCPUs ---- */

static bool kvm_vcpu_open(Vcpu *v, KvmVcpu *k, Error **errp)
{
    if (v->index >= kvm.max_vcpus) {
        error_set(errp, "kvm: this kernel takes at most %u vCPUs a machine", kvm.max_vcpus);
        return false;
    }
    k->fd = ioctl(kvm.vm, KVM_CREATE_VCPU, (unsigned long)v->apic_id);
    if (k->fd < 0) {
        error_set_errno(errp, errno, "kvm: cannot make vCPU %u", v->index);
        return false;
    }
    k->run = mmap(NULL, kvm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
    if (k->run == MAP_FAILED) {
        k->run = NULL;
        error_set_errno(errp, errno, "kvm: cannot map the run area of vCPU %u", v->index);
        return false;
    }
    if (kvm.dirty_ring) {
        size_t bytes = kvm.dirty_ring * sizeof(struct kvm_dirty_gfn);
        k->ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, KVM_DIRTY_LOG_PAGE_OFFSET * 4096);
        if (k->ring == MAP_FAILED) {
            k->ring = NULL;
            error_set_errno(errp, errno, "kvm: cannot map the dirty ring of vCPU %u", v->index);
            return false;
        }
    }
    k->xsave = aligned_alloc(4096, align_up(kvm.xsave_size, 4096));
    memset(k->xsave, 0, kvm.xsave_size);
    return true;
}

static void kvm_vcpu_destroy(Vcpu *v)
{
    KvmVcpu *k = kvm_vcpu(v);
    if (!k) {
        return;
    }
    if (k->ring) {
        munmap(k->ring, kvm.dirty_ring * sizeof(struct kvm_dirty_gfn));
    }
    if (k->run) {
        munmap(k->run, kvm.run_size);
    }
    if (k->fd >= 0) {
        close(k->fd);
    }
    free(k->xsave);
    g_free(k->nested);
    kvm_verify_free(k);
    g_free(k->msrs);
    g_free(k);
    v->accel = NULL;
    if (v->index == 0) {
        kvm_slots_free();
        kvm_events_free();
    }
}

static bool kvm_mce_init(KvmVcpu *k)
{
    uint64_t cap = 0;
    int banks = kvm_check(KVM_CAP_MCE);
    if (banks <= 0 || kvm_ioctl(kvm.fd, KVM_X86_GET_MCE_CAP_SUPPORTED, &cap) < 0) {
        return true;
    }
    kvm.mcg_cap = (cap & (1u << 8 | 1u << 24)) | (unsigned)MIN(banks, 10);
    cap = kvm.mcg_cap;
    return kvm_ioctl(k->fd, KVM_X86_SETUP_MCE, &cap) == 0;
}

static bool kvm_vcpu_init(Vcpu *v, Error **errp)
{
    KvmVcpu *k = g_new0(KvmVcpu, 1);
    v->accel = k;
    v->halts_inside = kvm.irqchip != KVM_IRQCHIP_OFF;
    bool ok = kvm_vcpu_open(v, k, errp);
    if (ok && v->index == 0) {
        kvm_slots_init(v->as_mem, v->as_smm);
        kvm_events_init(v->as_mem, v->as_io);
    }
    ok = ok && kvm_tsc_init(v, errp);
    if (ok && !kvm_mce_init(k)) {
        error_set_errno(errp, errno, "kvm: vCPU %u takes no machine check banks", v->index);
        ok = false;
    }
    ok = ok && kvm_cpuid_set(v, errp) && kvm_msrs_init(v, errp);
    if (!ok) {
        kvm_vcpu_destroy(v);
    }
    return ok;
}

static bool kvm_has_smm(void)
{
    return kvm.has_smm;
}

static const AccelClass kvm_class = {
    .name = "kvm",
    .desc = "the host's processor, by Linux's KVM",
    .probe = kvm_probe,
    .init = kvm_init,
    .vcpu_init = kvm_vcpu_init,
    .vcpu_destroy = kvm_vcpu_destroy,
    .vcpu_run = kvm_run_vcpu,
    .vcpu_kick = kvm_kick,
    .state_get = kvm_state_get,
    .state_put = kvm_state_put,
    .registers_get = kvm_registers_get,
    .registers_put = kvm_registers_put,
    .debug_changed = kvm_debug_changed,
    .has_smm = kvm_has_smm,
};
ACCEL_REGISTER(kvm_class);
