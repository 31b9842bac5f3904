/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See native-run.h.  One thread; the signal handler only copies registers out and jumps back. */
#include "util/osdep.h"
#include "tests/unit/native-run.h"
#include "accel/accel.h"
#include "accel/jit/jit.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "target/i386/exc.h"
#include "target/i386/flags.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"
#include "target/i386/native.h"
#include "target/i386/seg.h"
#include "util/mainloop.h"
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#define GUEST_RAM (512 * MiB)
#define GUEST_TABLES 0x100000u

/* Seen by the assembler below. */
typedef struct NativeFrame {
    uint64_t regs[16];
    uint64_t flags;
    uint64_t host_rsp;
    uint64_t entry;
    uint64_t taken; /* which exit: 0 fell through, 1 jumped */
    const uint8_t *xstate_in; /* XSAVE images, or NULL: x87 and vector registers are left alone */
    uint8_t *xstate_out;
} NativeFrame;
extern NativeFrame native_frame;
NativeFrame native_frame;
void native_enter(void);
void native_exit0(void);
void native_exit1(void);

extern const uint32_t native_mxcsr;
const uint32_t native_mxcsr = MXCSR_DEFAULT;

/* regs[] in the machine's numbering: rax rcx rdx rbx rsp rbp rsi rdi r8..r15. */
__asm__(".text\n"
        ".globl native_enter, native_exit0, native_exit1\n"
        "native_enter:\n"
        "  push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "  mov %rsp, native_frame+136(%rip)\n"
        "  mov native_frame+160(%rip), %rcx\n  jrcxz 1f\n"
        "  mov $7, %eax\n  xor %edx, %edx\n  xrstor64 (%rcx)\n"
        "1:\n"
        "  pushq native_frame+128(%rip)\n  popfq\n"
        "  mov native_frame+0(%rip), %rax\n  mov native_frame+8(%rip), %rcx\n  mov native_frame+16(%rip), %rdx\n"
        "  mov native_frame+24(%rip), %rbx\n mov native_frame+40(%rip), %rbp\n mov native_frame+48(%rip), %rsi\n"
        "  mov native_frame+56(%rip), %rdi\n mov native_frame+64(%rip), %r8\n  mov native_frame+72(%rip), %r9\n"
        "  mov native_frame+80(%rip), %r10\n mov native_frame+88(%rip), %r11\n mov native_frame+96(%rip), %r12\n"
        "  mov native_frame+104(%rip), %r13\n mov native_frame+112(%rip), %r14\n mov native_frame+120(%rip), %r15\n"
        "  mov native_frame+32(%rip), %rsp\n"
        "  jmp *native_frame+144(%rip)\n"
        "native_exit1:\n"
        "  movb $1, native_frame+152(%rip)\n"
        "native_exit0:\n"
        "  mov %rsp, native_frame+32(%rip)\n mov native_frame+136(%rip), %rsp\n"
        "  mov %rax, native_frame+0(%rip)\n  mov %rcx, native_frame+8(%rip)\n  mov %rdx, native_frame+16(%rip)\n"
        "  mov %rbx, native_frame+24(%rip)\n mov %rbp, native_frame+40(%rip)\n mov %rsi, native_frame+48(%rip)\n"
        "  mov %rdi, native_frame+56(%rip)\n mov %r8, native_frame+64(%rip)\n  mov %r9, native_frame+72(%rip)\n"
        "  mov %r10, native_frame+80(%rip)\n mov %r11, native_frame+88(%rip)\n mov %r12, native_frame+96(%rip)\n"
        "  mov %r13, native_frame+104(%rip)\n mov %r14, native_frame+112(%rip)\n mov %r15, native_frame+120(%rip)\n"
        "  pushfq\n  popq native_frame+128(%rip)\n  cld\n"
        "  mov native_frame+168(%rip), %rcx\n  jrcxz 1f\n"
        "  mov $7, %eax\n  xor %edx, %edx\n  xsave64 (%rcx)\n"
        "  fninit\n  vzeroall\n  ldmxcsr native_mxcsr(%rip)\n"
        "1:\n"
        "  pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "  ret\n");

#define FLAGS_COMPARED ((uint64_t)FL_ARITH | FL_DF)

static uint8_t *host_code, *host_data, *guest_code, *guest_data;
static X86Cpu *guest;
static RamBlock *guest_ram_block;
static sigjmp_buf native_back;
static NativeState *volatile native_out;
static uint8_t xstate_host[NATIVE_XSTATE_SIZE] __attribute__((aligned(64)));
static uint8_t xstate_guest[NATIVE_XSTATE_SIZE] __attribute__((aligned(64)));

static void native_signal(int sig, siginfo_t *info, void *context)
{
    static const int order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t rip = (uint64_t)g[REG_RIP];

    (void)info;
    if (!native_out) {
        signal(sig, SIG_DFL); /* ours: die of it */
        return;
    }
    for (unsigned r = 0; r < 16; r++) {
        native_out->regs[r] = (uint64_t)g[order[r]];
    }
    native_out->flags = (uint64_t)g[REG_EFL] & FLAGS_COMPARED;
    native_out->rip = rip;
    native_out->vector = (int)g[REG_TRAPNO];
    native_out->error = (uint64_t)g[REG_ERR];
    native_out->cr2 = (uint64_t)g[REG_CR2];
    if (native_frame.xstate_in) {
        memcpy(xstate_host, ((ucontext_t *)context)->uc_mcontext.fpregs, sizeof(xstate_host));
    }
    siglongjmp(native_back, 1);
}

static bool setup_host(void)
{
    static uint8_t stack[65536];
    stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
    struct sigaction sa = { .sa_sigaction = native_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

    host_code = mmap((void *)(uintptr_t)NATIVE_CODE, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
    host_data = mmap((void *)(uintptr_t)NATIVE_DATA, NATIVE_DATA_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (host_code == MAP_FAILED || host_data == MAP_FAILED) {
        return false;
    }
    /* 64-bit processes have null selectors here, which 32-bit code cannot use; 0x2b is Linux' flat data segment */
    __asm__ volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(0x2b));
    sigaltstack(&alt, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGILL, &sa, NULL);
    sigaction(SIGFPE, &sa, NULL);
    return true;
}

/* Identity-mapped first gigabyte for user code; only the code and data pages are there, as on the host. */
static void setup_tables(uint8_t *ram)
{
    uint64_t t = GUEST_TABLES;

    st_le64(ram + t, (t + 0x1000) | 7);
    st_le64(ram + t + 0x1000, (t + 0x2000) | 7);
    for (unsigned k = 0; k < 2; k++) { /* page directory entries of code and data: their own tables */
        uint64_t at = k ? NATIVE_DATA : NATIVE_CODE, table = t + 0x3000 + k * 0x1000;
        st_le64(ram + t + 0x2000 + (at >> 21) * 8, table | 7);
        for (unsigned p = 0; p < (k ? NATIVE_DATA_SIZE >> 12 : 1); p++) {
            st_le64(ram + table + p * 8, (at + p * 0x1000) | 7);
        }
    }
}

static bool translated; /* by the translator, not the instruction's C function */

static bool setup_engine(Vcpu *v, Error **errp)
{
    const char *engine = getenv("ENGINE");

    translated = engine && !strcmp(engine, "jit");
    return accel_choose(translated ? "jit" : "interp", errp) && accel_current()->vcpu_init(v, errp);
}

static bool setup_guest(void)
{
    static MemRegion root, ram, io;
    static AddressSpace as, as_io;
    static const CpuTopology topo = { 1, 1, 1, 1, 1, 1 };
    Error *err = NULL;

    bql_lock();
    decode_init();
    mem_init_container(&root, "test", MEM_SIZE_MAX);
    mem_init_container(&io, "test-io", 0x10000);
    if (!mem_init_ram(&ram, "test-ram", GUEST_RAM, &err)) {
        return false;
    }
    mem_add(&root, 0, &ram);
    address_space_init(&as, &root, "test");
    address_space_init(&as_io, &io, "test-io");
    Vcpu *v = target_ops.vcpu_new("max", 0, 0, &topo, &err);
    if (!v) {
        return false;
    }
    v->as_mem = v->as_smm = &as;
    v->as_io = &as_io;
    guest = x86_cpu(v);
    if (!(native_host_cpuid(7, 0, 2) >> (CPUID_GFNI & 31) & 1)) { /* C functions do it on any host: nothing to compare with (gfni-test) */
        guest->feat[FEAT_7_ECX] &= ~(1u << (CPUID_GFNI & 31));
    }
    if (!setup_engine(v, &err)) {
        return false;
    }
    guest_ram_block = address_space_lookup(&as, 0).ram;
    guest_code = mem_ram_ptr(&ram) + NATIVE_CODE;
    guest_data = mem_ram_ptr(&ram) + NATIVE_DATA;
    setup_tables(mem_ram_ptr(&ram));
    bql_unlock();
    return true;
}

/* 64-bit or 32-bit code at privilege level 3. */
static void setup_mode(bool compat)
{
    static const uint32_t data = SEG_A | SEG_W | SEG_S | SEG_P | SEG_DB | SEG_G | 3u << SEG_DPL_SHIFT;

    guest->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    guest->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    guest->efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
    guest->xcr0 = 7;
    guest->cr3 = GUEST_TABLES;
    guest->cpl = 3;
    guest->seg[SEG_TR].limit = 0; /* no I/O permission bitmap */
    guest->eflags = 2 | FL_IF;
    for (unsigned s = 0; s <= SEG_GS; s++) {
        guest->seg[s] = (X86Seg){ .sel = s < SEG_FS ? 0x2b : 0, .attr = data, .limit = UINT32_MAX };
    }
    guest->seg[SEG_CS] = (X86Seg){ .sel = compat ? 0x23 : 0x33, .limit = UINT32_MAX,
                                   .attr = (compat ? data : (data & ~(uint32_t)SEG_DB) | SEG_L) | SEG_CODE };
    x86_update_mode(guest);
}

void native_set_mode(bool compat)
{
    if (compat == !(guest->mode & MODE_CODE32)) {
        setup_mode(compat);
    }
}

bool native_setup(void)
{
    static int state = -1;

    if (state < 0) {
        state = sizeof(void *) == 8 && setup_host() && setup_guest();
        if (state) {
            setup_mode(false);
            tlb_flush_all(guest);
        }
    }
    return state;
}

X86Cpu *native_cpu(void)
{
    return guest;
}

uint8_t *native_data(void)
{
    return host_data;
}

/* The instruction, then two exits: at its end, and 32 bytes further on, for branches. */
#define EXITS64 (NATIVE_CODE + 0x200) /* from 32-bit code: two jumps to the exits, 16 bytes each */
#define ENTRY32 (NATIVE_CODE + 0x300)
#define HOST_CS32 0x23 /* Linux' segments */
#define HOST_CS64 0x33

static void put_jump(uint8_t *at, uint64_t to)
{
    memcpy(at, (const uint8_t[]){ 0xff, 0x25, 0, 0, 0, 0 }, 6); /* jmp [rip] */
    st_le64(at + 6, to);
}

static void put_host_code32(const uint8_t *code, unsigned len)
{
    uint8_t *entry = host_code + (ENTRY32 - NATIVE_CODE);

    memset(host_code, 0x90, 64);
    memcpy(host_code, code, len);
    for (unsigned k = 0; k < 2; k++) {
        uint8_t *at = host_code + len + k * 32;
        at[0] = 0xea; /* far jump */
        st_le32(at + 1, EXITS64 + k * 16);
        st_le16(at + 5, HOST_CS64);
        put_jump(host_code + (EXITS64 - NATIVE_CODE) + k * 16, (uint64_t)(uintptr_t)(k ? native_exit1 : native_exit0));
    }
    memcpy(entry, (const uint8_t[]){ 0xff, 0x2d, 0, 0, 0, 0 }, 6); /* far jmp [rip] */
    st_le32(entry + 6, NATIVE_CODE);
    st_le16(entry + 10, HOST_CS32);
}

static void put_host_code(const uint8_t *code, unsigned len)
{
    uint8_t *p = host_code;

    memset(p, 0x90, 64);
    memcpy(p, code, len);
    for (unsigned k = 0; k < 2; k++) {
        put_jump(p + len + k * 32, (uint64_t)(uintptr_t)(k ? native_exit1 : native_exit0));
    }
}

static void run_host(const uint8_t *code, unsigned len, const NativeState *in, NativeState *out)
{
    if (in->compat) {
        put_host_code32(code, len);
    } else {
        put_host_code(code, len);
    }
    memcpy(native_frame.regs, in->regs, sizeof(in->regs));
    native_frame.flags = in->flags | 0x202;
    native_frame.entry = in->compat ? ENTRY32 : NATIVE_CODE;
    native_frame.taken = 0;
    native_frame.xstate_in = in->xstate;
    native_frame.xstate_out = in->xstate ? xstate_host : NULL;
    out->vector = -1;
    out->error = 0;
    native_out = out;
    if (sigsetjmp(native_back, 0) == 0) {
        native_enter();
        memcpy(out->regs, native_frame.regs, sizeof(out->regs));
        out->flags = native_frame.flags & FLAGS_COMPARED;
        out->rip = NATIVE_CODE + len + native_frame.taken * 32;
    } else {
        __asm__ volatile("cld");
    }
    native_out = NULL;
}

/* The guest's x87 and vector registers from and to an XSAVE image with 64-bit instruction pointers. */
static void load_xstate(const uint8_t *x)
{
    guest->x87.fcw = ld_le16(x);
    guest->x87.fsw = ld_le16(x + 2);
    guest->x87.ftw = x[4];
    guest->fop = ld_le16(x + 6);
    guest->fip = ld_le64(x + 8);
    guest->fdp = ld_le64(x + 16);
    guest->fcs = guest->fds = 0;
    guest->mxcsr = ld_le32(x + 24);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(guest->x87.st[k], x + 32 + k * 16, 10);
    }
    for (unsigned k = 0; k < 16; k++) {
        memcpy(guest->vec[k].b, x + 160 + k * 16, 16);
        memcpy(guest->vec[k].b + 16, x + 576 + k * 16, 16);
    }
}

static void save_xstate(uint8_t *x)
{
    memset(x, 0, NATIVE_XSTATE_SIZE);
    st_le16(x, guest->x87.fcw);
    st_le16(x + 2, guest->x87.fsw);
    x[4] = guest->x87.ftw;
    st_le16(x + 6, guest->fop);
    st_le64(x + 8, guest->fip);
    st_le64(x + 16, guest->fdp);
    st_le32(x + 24, guest->mxcsr);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(x + 32 + k * 16, guest->x87.st[k], 10);
    }
    for (unsigned k = 0; k < 16; k++) {
        memcpy(x + 160 + k * 16, guest->vec[k].b, 16);
        memcpy(x + 576 + k * 16, guest->vec[k].b + 16, 16);
    }
}

static void run_guest_insn(const Insn *i)
{
    uint64_t start = guest->regs[R_RIP];

    do {
        guest->insn = i;
        guest->insn_end = i + 1;
        i->fn(guest, i);
        guest->insn = NULL;
        guest->smc = false;
    } while ((i->flags & INSN_BRANCH) && guest->regs[R_RIP] == start);
    if (!(i->flags & INSN_BRANCH)) {
        guest->regs[R_RIP] = insn_next_rip(guest, i);
    }
}

/* The instruction, and at both exits a jump to itself, which leaves generated code because an event waits. */
static void run_guest_blocks(const uint8_t *code, unsigned len)
{
    uint8_t bytes[64];

    memset(bytes, 0x90, sizeof(bytes));
    memcpy(bytes, code, len);
    memcpy(bytes + len, "\xeb\xfe", 2);
    memcpy(bytes + len + 32, "\xeb\xfe", 2);
    if (memcmp(guest_code, bytes, sizeof(bytes))) {
        memcpy(guest_code, bytes, sizeof(bytes));
        ram_written(guest_ram_block, NATIVE_CODE, sizeof(bytes));
        jit_cache_written(guest->vcpu.accel);
    }
    vcpu_event_set(&guest->vcpu, VCPU_EV_EXIT);
    do {
        jit_blocks(guest, guest->vcpu.accel);
    } while (guest->regs[R_RIP] == NATIVE_CODE);
}

static void run_guest(const uint8_t *code, unsigned len, const NativeState *in, NativeState *out)
{
    static Insn insn;
    uint8_t bytes[NATIVE_MAX_INSN] = { 0 };

    memcpy(bytes, code, len);
    native_set_mode(in->compat);
    memcpy(guest->regs, in->regs, sizeof(in->regs));
    guest->regs[R_RIP] = NATIVE_CODE;
    guest->eflags = (guest->eflags & ~(uint32_t)FL_DF) | ((uint32_t)in->flags & FL_DF);
    flags_set(guest, (uint32_t)in->flags);
    if (in->xstate) {
        load_xstate(in->xstate);
    }
    guest->insn = NULL;
    guest->exc_vector = -1;
    out->vector = -1;
    out->error = 0;
    guest->jmp_valid = true;
    if (sigsetjmp(guest->exit_jmp, 0) == 0) {
        if (translated) {
            run_guest_blocks(code, len);
        } else {
            decode_insn(guest, bytes, 15, 0, &insn);
            run_guest_insn(&insn);
        }
    } else {
        guest->insn = NULL;
        out->vector = guest->exc_vector;
        out->error = guest->exc_error;
        out->cr2 = guest->exc_cr2;
        mmu_drop_bus_lock(guest);
    }
    guest->jmp_valid = false;
    memcpy(out->regs, guest->regs, sizeof(out->regs));
    out->flags = x86_get_rflags(guest) & FLAGS_COMPARED;
    out->rip = guest->regs[R_RIP];
    if (in->xstate) {
        save_xstate(xstate_guest);
    }
}

const uint8_t *native_xstate(bool host)
{
    return host ? xstate_host : xstate_guest;
}

uint8_t *native_guest_data(void)
{
    return guest_data;
}

void native_both(const uint8_t *code, unsigned len, const NativeState *in, NativeState *host, NativeState *guest_out)
{
    memcpy(guest_data, host_data, NATIVE_DATA_SIZE);
    run_host(code, len, in, host);
    run_guest(code, len, in, guest_out);
}

bool native_same(const NativeState *host, const NativeState *emu, uint64_t undefined, char *why, size_t size)
{
    bool same = false;
    uint64_t mask = FLAGS_COMPARED & ~undefined;

    if (host->vector != emu->vector) {
        g_snprintf(why, size, "exception: host %d, emulator %d", host->vector, emu->vector);
    } else if (host->rip != emu->rip) {
        g_snprintf(why, size, "rip: host %" PRIx64 ", emulator %" PRIx64, host->rip, emu->rip);
    } else if (host->vector < 0 && (host->flags & mask) != (emu->flags & mask)) {
        g_snprintf(why, size, "flags: host %" PRIx64 ", emulator %" PRIx64 ", compared %" PRIx64, host->flags, emu->flags, mask);
    } else if (memcmp(host_data, guest_data, NATIVE_DATA_SIZE)) {
        unsigned k = 0;
        while (host_data[k] == guest_data[k]) {
            k++;
        }
        g_snprintf(why, size, "memory at +%x: host %016" PRIx64 ", emulator %016" PRIx64, k, ld_le64(host_data + k),
                   ld_le64(guest_data + k));
    } else {
        same = true;
        for (unsigned r = 0; r < 16 && same; r++) {
            if (host->regs[r] != emu->regs[r]) {
                g_snprintf(why, size, "register %u: host %016" PRIx64 ", emulator %016" PRIx64, r, host->regs[r], emu->regs[r]);
                same = false;
            }
        }
    }
    return same;
}

uint64_t native_random(void)
{
    static uint64_t s = 0x9e3779b97f4a7c15u; /* xorshift64* */

    s ^= s >> 12;
    s ^= s << 25;
    s ^= s >> 27;
    return s * 0x2545f4914f6cdd1du;
}

uint64_t native_value(void)
{
    static const uint64_t edges[] = { 0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7fff, 0x8000,
                                      0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX,
                                      (uint64_t)INT64_MIN, UINT64_MAX, UINT64_MAX - 1, 0xaaaaaaaaaaaaaaaa, 0x99, 0x9a };
    uint64_t r = native_random(), v = native_random();

    switch (r & 7) {
    case 0:
    case 1:
    case 2: return edges[(r >> 8) % G_N_ELEMENTS(edges)];
    case 3: return -edges[(r >> 8) % G_N_ELEMENTS(edges)];
    case 4: return v >> (r >> 8 & 63);
    default: return v;
    }
}
