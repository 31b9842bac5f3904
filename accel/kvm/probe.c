/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is there a KVM that can run ordinary guests, and if not: what is missing and what would help?  Opens /dev/kvm and makes a virtual
 * machine: where the processor's own virtualization is behind it, the one that kvm.c goes on with; else one of a few pages, to
 * see what it can run.  Main thread, any time.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"

#include <cpuid.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define DEVICE "/dev/kvm"
enum { MSR_FEATURE_CONTROL = 0x3a, MSR_VM_CR = 0xc0010114 };

typedef struct HostCpu {
    bool vmx, svm;
} HostCpu;

static HostCpu probe_cpu(void)
{
    HostCpu h = { false, false };
    char *text = NULL;
    if (g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL)) {
        char *flags = strstr(text, "\nflags");
        char *end = flags ? strchr(flags + 1, '\n') : NULL;
        if (end) {
            *end = 0;
            char **words = g_strsplit(flags, " ", -1);
            h.vmx = g_strv_contains((const char *const *)words, "vmx");
            h.svm = g_strv_contains((const char *const *)words, "svm");
            g_strfreev(words);
        }
    }
    g_free(text);
    return h;
}

static bool probe_read_msr(uint32_t msr, uint64_t *val)
{
    int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = pread(fd, val, sizeof(*val), msr) == sizeof(*val);
    close(fd);
    return ok;
}

/* The firmware's switch, where we may look at it (root, with the msr module). */
static bool probe_firmware_disabled(HostCpu h)
{
    uint64_t val;
    if (h.vmx && probe_read_msr(MSR_FEATURE_CONTROL, &val)) {
        return (val & 1) && !(val & 4); /* locked without VMX outside SMX */
    }
    return h.svm && probe_read_msr(MSR_VM_CR, &val) && (val & 1u << 4); /* SVMDIS */
}

/* There is no device node, or nothing behind it. */
static char *probe_no_device(void)
{
    HostCpu h = probe_cpu();
    if (!h.vmx && !h.svm) {
        return g_strdup("there is no " DEVICE ", and /proc/cpuinfo shows neither VT-x nor AMD-V (no vmx or svm among its flags); "
                        "switch virtualization on in the firmware's setup, or, where this host is itself a virtual machine, nested "
                        "virtualization in its hypervisor");
    }
    if (probe_firmware_disabled(h)) {
        return g_strdup_printf("there is no " DEVICE ", because the firmware switched %s off; switch it on in the firmware's setup "
                               "and power the machine off and on", h.vmx ? "VT-x" : "AMD-V (SVM)");
    }
    return g_strdup_printf("there is no " DEVICE ", although the processor has %s; load the module: modprobe %s (if that says "
                           "`Operation not supported', the firmware's setup has it switched off)", h.vmx ? "VT-x" : "AMD-V",
                           h.vmx ? "kvm-intel" : "kvm-amd");
}

static char *probe_no_permission(void)
{
    struct stat st;
    struct group *g = stat(DEVICE, &st) == 0 ? getgrgid(st.st_gid) : NULL;
    struct passwd *u = getpwuid(geteuid());
    const char *user = u ? u->pw_name : "this user";
    if (!g || !(st.st_mode & S_IWGRP) || !(st.st_mode & S_IRGRP) || st.st_gid == 0) {
        return g_strdup_printf("%s may not open " DEVICE "; let its group do so: chgrp kvm " DEVICE " && chmod 660 " DEVICE, user);
    }
    return g_strdup_printf("%s may not open " DEVICE "; it belongs to the group '%s': usermod -aG %s %s, then log in again", user,
                           g->gr_name, g->gr_name, user);
}

static char *probe_open_error(int err)
{
    switch (err) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return probe_no_device();
    case EACCES:
    case EPERM:
        return probe_no_permission();
    case EBUSY:
        return g_strdup(DEVICE " is busy: another hypervisor (VirtualBox, VMware, Xen) holds the processor's virtualization; end it");
    default:
        return g_strdup_printf("cannot open " DEVICE ": %s", g_strerror(err));
    }
}

static char *probe_vm_error(int err)
{
    switch (err) {
    case EBUSY:
        return g_strdup("the kernel makes no virtual machine: another hypervisor (VirtualBox, VMware, Xen) holds the processor's "
                        "virtualization; end it");
    case ENOMEM:
        return g_strdup("the kernel has no memory for a virtual machine");
    default:
        return g_strdup_printf("the kernel makes no virtual machine: %s; its log (dmesg) may say why", g_strerror(err));
    }
}

static const struct {
    int cap;
    const char *name;
} probe_needed[] = {
    { KVM_CAP_USER_MEMORY, "USER_MEMORY" }, { KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "DESTROY_MEMORY_REGION_WORKS" },
    { KVM_CAP_EXT_CPUID, "EXT_CPUID" }, { KVM_CAP_MP_STATE, "MP_STATE" }, { KVM_CAP_VCPU_EVENTS, "VCPU_EVENTS" },
    { KVM_CAP_XSAVE, "XSAVE" }, { KVM_CAP_DEBUGREGS, "DEBUGREGS" },
    { KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" }, { KVM_CAP_SET_TSS_ADDR, "SET_TSS_ADDR" },
    { KVM_CAP_SET_IDENTITY_MAP_ADDR, "SET_IDENTITY_MAP_ADDR" },
};

static char *probe_missing(int fd)
{
    int version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION) {
        return g_strdup_printf(DEVICE " speaks version %d of its interface, not %d; use a kernel of 4.11 or later", version,
                               KVM_API_VERSION);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(probe_needed); i++) {
        if (ioctl(fd, KVM_CHECK_EXTENSION, probe_needed[i].cap) <= 0) {
            return g_strdup_printf("this kernel's KVM lacks KVM_CAP_%s; use a kernel of 4.11 or later", probe_needed[i].name);
        }
    }
    return NULL;
}

/*
 * A few instructions of 64-bit code and a loop of 8,000: what a KVM made for firmware or for one kind of guest only (one
 * without hardware support) either stumbles over or interprets, at a microsecond or two an instruction, so that an ordinary
 * guest would need hours to start.  Linear 0x400000 is mapped to 0.
 */
enum { TRIAL_SIZE = 0x5000, TRIAL_CODE = 0x1000, TRIAL_TABLES = 0x2000 };
enum { TRIAL_RUNS = 3, TRIAL_LIMIT_US = 3000 }; /* the best of these; hardware needs some 10 us, one in software in a nest some 100 */
static const uint8_t trial_code[] = {
    0xb9, 0xa0, 0x0f, 0x00, 0x00,             /* mov $4000, %ecx */
    0xff, 0xc9,                               /* 1: dec %ecx */
    0x75, 0xfc,                               /* jnz 1b */
    0xb9, 0x80, 0x00, 0x00, 0xc0,             /* mov $0xc0000080, %ecx */
    0x0f, 0x32,                               /* rdmsr */
    0x0f, 0x20, 0xc0,                         /* mov %cr0, %rax */
    0x48, 0x0d, 0x00, 0x00, 0x01, 0x00,       /* or $0x10000, %rax */
    0x0f, 0x22, 0xc0,                         /* mov %rax, %cr0 */
    0x8a, 0x04, 0x25, 0x00, 0x10, 0x40, 0x00, /* mov 0x401000, %al: the first byte of this code */
    0x66, 0xba, 0xf4, 0x00,                   /* mov $0xf4, %dx */
    0xee,                                     /* out %al, %dx */
};

static void trial_registers(struct kvm_sregs *s, struct kvm_regs *r)
{
    struct kvm_segment code = { .limit = UINT32_MAX, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1 };
    struct kvm_segment data = { .limit = UINT32_MAX, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1 };
    s->cs = code;
    s->ds = s->es = s->fs = s->gs = s->ss = data;
    s->cr3 = TRIAL_TABLES;
    s->cr4 = CR4_PAE;
    s->cr0 = CR0_PG | CR0_PE | CR0_ET;
    s->efer = EFER_LME | EFER_LMA;
    *r = (struct kvm_regs){ .rip = TRIAL_CODE, .rflags = 2, .rsp = TRIAL_CODE };
}

static void trial_memory(uint8_t *mem)
{
    memcpy(mem + TRIAL_CODE, trial_code, sizeof(trial_code));
    st_le64(mem + TRIAL_TABLES, (TRIAL_TABLES + 0x1000) | 3);
    st_le64(mem + TRIAL_TABLES + 0x1000, (TRIAL_TABLES + 0x2000) | 3);
    st_le64(mem + TRIAL_TABLES + 0x2000, 0x83);      /* 2 MiB at 0 */
    st_le64(mem + TRIAL_TABLES + 0x2000 + 16, 0x83); /* and again at 4 MiB */
}

static int64_t trial_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* From the beginning to the port access; *us: CPU time of it. */
static bool trial_run(int vcpu, struct kvm_run *run, int64_t *us)
{
    struct kvm_sregs s;
    struct kvm_regs r;
    if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0) {
        return false;
    }
    trial_registers(&s, &r);
    if (ioctl(vcpu, KVM_SET_SREGS, &s) < 0 || ioctl(vcpu, KVM_SET_REGS, &r) < 0) {
        return false;
    }
    int64_t before = trial_cpu_us();
    int rc;
    do {
        rc = ioctl(vcpu, KVM_RUN, 0);
    } while (rc < 0 && errno == EINTR);
    *us = trial_cpu_us() - before;
    return rc == 0 && run->exit_reason == KVM_EXIT_IO && run->io.port == 0xf4 &&
           *((uint8_t *)run + run->io.data_offset) == trial_code[0];
}

/* *slow: it works, but is interpreted. */
static bool trial(int fd, int vm, bool *slow)
{
    int size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    uint8_t *mem = mmap(NULL, TRIAL_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool ok = false;
    if (mem == MAP_FAILED || size <= 0) {
        return true; /* says nothing about KVM */
    }
    trial_memory(mem);
    struct kvm_userspace_memory_region slot = { .memory_size = TRIAL_SIZE, .userspace_addr = (uintptr_t)mem };
    int vcpu = ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
    if (vcpu >= 0) {
        struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
        if (run != MAP_FAILED) {
            int64_t best = INT64_MAX, us = 0;
            ok = true;
            for (unsigned n = 0; ok && n < TRIAL_RUNS && best > TRIAL_LIMIT_US; n++) {
                ok = trial_run(vcpu, run, &us);
                best = MIN(best, us);
            }
            *slow = best > TRIAL_LIMIT_US;
            munmap(run, (size_t)size);
        }
        close(vcpu);
    }
    munmap(mem, TRIAL_SIZE);
    return ok;
}

static char *probe_special(bool slow)
{
    bool pvm = g_file_test("/sys/module/kvm_pvm", G_FILE_TEST_IS_DIR);
    return g_strdup_printf(DEVICE "%s cannot run ordinary guests: in a trial %s; use -accel tcg, or a host whose processor shows vmx "
                           "or svm in /proc/cpuinfo", pvm ? " is that of PVM, which works without VT-x and AMD-V, and" : "",
                           slow ? "it interpreted every instruction" : "it failed at a few instructions in 64-bit mode");
}

/* Said by the environment, for tests: an interpreting KVM is good enough for firmware. */
static bool probe_firmware_will_do(void)
{
    return g_strcmp0(g_getenv("RHEA_KVM_FIRMWARE"), "1") == 0;
}

/* The end of a virtual machine waits for grace periods of the kernel's: some 10 ms in which we can go on. */
static gpointer probe_close(gpointer vm)
{
    close(GPOINTER_TO_INT(vm));
    return NULL;
}

/* Kept for kvm_probe_take(); -1: none. */
static int probe_fd = -1, probe_vm = -1;

/* VT-x or AMD-V with the module that uses it: nothing to try. */
static bool probe_is_hardware(void)
{
    unsigned a, b, c = 0, d;
    if (g_file_test("/sys/module/kvm_pvm", G_FILE_TEST_IS_DIR)) {
        return false;
    }
    if (__get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 5) && g_file_test("/sys/module/kvm_intel", G_FILE_TEST_IS_DIR)) {
        return true;
    }
    return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & 1u << 2) && g_file_test("/sys/module/kvm_amd", G_FILE_TEST_IS_DIR);
}

bool kvm_probe_take(int *fd, int *vm)
{
    *fd = probe_fd;
    *vm = probe_vm;
    probe_fd = probe_vm = -1;
    return *vm >= 0;
}

bool kvm_probe(char **why)
{
    *why = NULL;
    if (probe_vm >= 0) {
        return true;
    }
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        *why = probe_open_error(errno);
        return false;
    }
    *why = probe_missing(fd);
    int vm = *why ? -1 : kvm_ioctl(fd, KVM_CREATE_VM, NULL);
    if (!*why && vm < 0) {
        *why = probe_vm_error(errno);
    }
    if (!*why && probe_is_hardware()) {
        probe_fd = fd;
        probe_vm = vm;
        return true;
    }
    bool slow = false;
    if (!*why && (!trial(fd, vm, &slow) || (slow && !probe_firmware_will_do()))) {
        *why = probe_special(slow);
    }
    if (vm >= 0) {
        g_thread_unref(g_thread_new("kvm-probe", probe_close, GINT_TO_POINTER(vm)));
    }
    close(fd);
    return *why == NULL;
}
