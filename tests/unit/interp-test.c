/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interpreter's engine: blocks, chaining, code that changes under it, code at page borders, modes.  BENCH=1 prints speed. */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/exc.h"
#include "target/i386/mmu-int.h"
#include <time.h>

#define RUN(cpu, ...) guest_run(cpu, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

TEST(real_mode_runs)
{
    X86Cpu *cpu = guest_new();
    guest_real(cpu);
    /* mov ax,1234; mov cx,5; l: add ax,cx; loop l */
    CHECK_EQ(RUN(cpu, 0xb8, 0x34, 0x12, 0xb9, 5, 0, 0x01, 0xc8, 0xe2, 0xfc), -1);
    CHECK_EQ(cpu->regs[R_RAX], 0x1234 + 15);
    CHECK_EQ(cpu->regs[R_RIP], 0x7c0b);
}

TEST(protected_mode_runs)
{
    X86Cpu *cpu = guest_new();
    guest_flat32(cpu);
    /* mov eax,400000; mov dword [eax],-1; push 7; pop ebx; inc dword [eax] */
    CHECK_EQ(RUN(cpu, 0xb8, 0, 0, 0x40, 0, 0xc7, 0, 0xff, 0xff, 0xff, 0xff, 0x6a, 7, 0x5b, 0xff, 0), -1);
    CHECK_EQ(ld_le32(guest_ram() + GUEST_DATA), 0);
    CHECK_EQ(cpu->regs[R_RBX], 7);
}

TEST(long_mode_runs)
{
    for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
        X86Cpu *cpu = guest_new();
        guest_long(cpu, cpl);
        /* call +1; nop(skipped: hlt) ; l: pop rax; lea rbx,[rip-7] */
        CHECK_EQ(RUN(cpu, 0xe8, 1, 0, 0, 0, 0xf4, 0x58, 0x48, 0x8d, 0x1d, 0xf2, 0xff, 0xff, 0xff), -1);
        CHECK_EQ(cpu->regs[R_RAX], GUEST_CODE + 5);
        CHECK_EQ(cpu->regs[R_RBX], GUEST_CODE);
    }
}

TEST(exceptions_are_delivered)
{
    X86Cpu *cpu = guest_new();
    guest_long(cpu, 3);
    CHECK_EQ(RUN(cpu, 0x90, 0xf4), EXC_GP); /* hlt at CPL 3 */
    CHECK_EQ(mem_load_sys(cpu, cpu->regs[R_RSP] + 8, 8), GUEST_CODE + 1);
    cpu = guest_new();
    guest_long(cpu, 0);
    CHECK_EQ(RUN(cpu, 0x31, 0xc9, 0xf7, 0xf1), EXC_DE); /* xor ecx,ecx; div ecx */
    cpu = guest_new();
    guest_long(cpu, 0);
    CHECK_EQ(RUN(cpu, 0x0f, 0x0b), EXC_UD);
    cpu = guest_new();
    guest_long(cpu, 0);
    CHECK_EQ(RUN(cpu, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90), EXC_GP);
}

TEST(page_fault_reports)
{
    X86Cpu *cpu = guest_new();
    guest_long(cpu, 0);
    st_le64(guest_pte(GUEST_DATA + 0x1000), 0);
    tlb_flush_all(cpu);
    /* mov rbx,400ffe; mov dword [rbx],1: crosses into the missing page; nothing may be written */
    CHECK_EQ(RUN(cpu, 0x48, 0xc7, 0xc3, 0xfe, 0x0f, 0x40, 0, 0xc7, 3, 1, 0, 0, 0), EXC_PF);
    CHECK_EQ(cpu->cr2, GUEST_DATA + 0x1000);
    CHECK_EQ(mem_load_sys(cpu, cpu->regs[R_RSP], 8), 2);
    CHECK_EQ(mem_load_sys(cpu, cpu->regs[R_RSP] + 8, 8), GUEST_CODE + 7);
    CHECK_EQ(ld_le16(guest_ram() + GUEST_DATA + 0xffe), 0);
}

TEST(code_that_writes_itself)
{
    X86Cpu *cpu = guest_new();
    guest_long(cpu, 0);
    /* mov byte [rip+8],42 -> the immediate of the next-but-one; nop; mov eax,0; (patched to mov eax,42) */
    CHECK_EQ(RUN(cpu, 0xc6, 0x05, 2, 0, 0, 0, 42, 0x90, 0xb8, 0, 0, 0, 0), -1);
    CHECK_EQ(cpu->regs[R_RAX], 42);
    cpu->regs[R_RIP] = GUEST_CODE;
    guest_ram()[GUEST_CODE + 6] = 43; /* by a device this time */
    ram_written(address_space_lookup(cpu->vcpu.as_mem, 0).ram, GUEST_CODE + 6, 1);
    CHECK_EQ(guest_go(cpu), -1);
    CHECK_EQ(cpu->regs[R_RAX], 43);
}

/* A loop that rewrites an instruction each time round, often enough for the page to lose and win back its mark. */
TEST(code_rewritten_in_a_loop)
{
    X86Cpu *cpu = guest_new();
    guest_long(cpu, 0);
    /* xor ebx,ebx; mov ecx,1000; l: mov [rip+1],cl; mov al,0; movzx eax,al; add ebx,eax; loop l */
    CHECK_EQ(RUN(cpu, 0x31, 0xdb, 0xb9, 0xe8, 3, 0, 0, 0x88, 0x0d, 1, 0, 0, 0, 0xb0, 0, 0x0f, 0xb6, 0xc0, 1, 0xc3, 0xe2, 0xf1), -1);
    uint32_t sum = 0;
    for (unsigned k = 1; k <= 1000; k++) {
        sum += (uint8_t)k;
    }
    CHECK_EQ(cpu->regs[R_RBX], sum);
}

TEST(instruction_across_pages)
{
    X86Cpu *cpu = guest_new();
    guest_long(cpu, 0);
    cpu->regs[R_RIP] = GUEST_CODE + 0xffd;
    CHECK_EQ(RUN(cpu, 0xb8, 1, 2, 3, 4, 0xff, 0xc0), -1); /* mov eax,4030201; inc eax */
    CHECK_EQ(cpu->regs[R_RAX], 0x4030202);
    /* now the second page goes: the fault's address is where it starts */
    st_le64(guest_pte(GUEST_CODE + 0x1000), 0);
    tlb_flush_all(cpu);
    cpu->regs[R_RIP] = GUEST_CODE + 0xffd;
    CHECK_EQ(guest_go(cpu), EXC_PF);
    CHECK_EQ(cpu->cr2, GUEST_CODE + 0x1000);
}

TEST(segment_limit_of_code)
{
    X86Cpu *cpu = guest_new();
    guest_flat32(cpu);
    cpu->seg[SEG_CS].limit = GUEST_CODE + 1; /* nop; nop; then beyond */
    x86_update_mode(cpu);
    CHECK_EQ(RUN(cpu, 0x90, 0x90, 0x90), EXC_GP);
    CHECK_EQ(mem_load_sys(cpu, cpu->regs[R_RSP] + 4, 4), GUEST_CODE + 2);
}

TEST(rep_strings_restart)
{
    X86Cpu *cpu = guest_new();
    guest_long(cpu, 0);
    st_le64(guest_pte(GUEST_DATA + 0x3000), 0);
    tlb_flush_all(cpu);
    memset(guest_ram() + 0x500000, 0x5a, 0x4000);
    cpu->regs[R_RSI] = 0x500000;
    cpu->regs[R_RDI] = GUEST_DATA + 3;
    cpu->regs[R_RCX] = 0x1000;
    CHECK_EQ(RUN(cpu, 0xf3, 0x48, 0xa5), EXC_PF); /* rep movsq: stops at the missing page */
    CHECK_EQ(cpu->regs[R_RDI], GUEST_DATA + 3 + 0x5ff * 8);
    CHECK_EQ(cpu->regs[R_RCX], 0x1000 - 0x5ff);
    CHECK_EQ(guest_ram()[GUEST_DATA + 0x2ffa], 0x5a);
    CHECK_EQ(guest_ram()[GUEST_DATA + 0x2ffb], 0);
}

/* Of this process: other work on the machine does not count. */
static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(speed)
{
    X86Cpu *cpu = guest_new();
    uint64_t n = getenv("BENCH") ? 50000000 : 100000;
    static const struct {
        const char *name;
        unsigned insns, len;
        uint8_t code[64];
    } loops[] = {
        { "add, dec, jnz", 3, 8, { 0x48, 0x01, 0xc8, 0x48, 0xff, 0xc9, 0x75, 0xf8 } },
        { "8 ALU, jnz", 9, 26, { 0x48, 0x01, 0xc8, 0x48, 0x31, 0xc3, 0x48, 0xc1, 0xe3, 3, 0x48, 0x29, 0xd8, 0x48, 0x8d, 0x04, 0x43,
                                 0x48, 0x85, 0xc0, 0x48, 0xff, 0xc9, 0x90, 0x75, 0xe6 } },
        { "load, store, cmp", 6, 18,
          { 0x48, 0x8b, 0x06, 0x48, 0x01, 0xc8, 0x48, 0x89, 0x06, 0x48, 0x83, 0xe9, 1, 0x85, 0xc9, 0x90, 0x75, 0xee } },
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(loops); k++) {
        guest_new();
        guest_long(cpu, 0);
        cpu->regs[R_RCX] = n;
        cpu->regs[R_RSI] = GUEST_DATA;
        double start = cpu_seconds();
        CHECK_EQ(guest_run(cpu, loops[k].code, loops[k].len), -1);
        double s = cpu_seconds() - start;
        CHECK_EQ(cpu->regs[R_RCX], 0);
        fprintf(stderr, "%-20s %.0f million instructions a second\n", loops[k].name, (double)n * loops[k].insns / s / 1e6);
    }
}

/* A display that watches memory sees each write that follows its look, and in between writers go at full speed. */
TEST(writes_to_watched_memory)
{
    static const uint8_t code[] = { 0xff, 0x05, 0x00, 0x00, 0x40, 0x00,   /* inc dword [0x400000] */
                                    0xa3, 0x08, 0x10, 0x40, 0x00,         /* mov [0x401008], eax */
                                    0xf0, 0xff, 0x05, 0x00, 0x00, 0x40, 0x00 }; /* lock inc dword [0x400000] */
    X86Cpu *cpu = guest_new();

    guest_flat32(cpu);
    MemRegion watched = { .ram = address_space_lookup(cpu->vcpu.as_mem, GUEST_DATA).ram };
    uint64_t bits = 0;

    mem_set_dirty_tracking(&watched, DIRTY_DISPLAY, true);
    CHECK(mem_take_dirty(&watched, DIRTY_DISPLAY, GUEST_DATA, 0x4000, &bits));
    CHECK_EQ(bits, 0xf);
    for (unsigned round = 0; round < 3; round++) {
        cpu->regs[R_RIP] = GUEST_CODE;
        CHECK_EQ(guest_run(cpu, code, sizeof(code)), -1);
        CHECK_EQ(ld_le32(guest_ram() + GUEST_DATA), 2 * (round + 1));
        const TlbEntry *e = tlb_entry(cpu, GUEST_DATA);
        CHECK_EQ(e->write, (uint64_t)GUEST_DATA); /* fast from the second write on */
        CHECK(mem_take_dirty(&watched, DIRTY_DISPLAY, GUEST_DATA, 0x4000, &bits));
        CHECK_EQ(bits, 0x3);
        CHECK(!mem_take_dirty(&watched, DIRTY_DISPLAY, GUEST_DATA, 0x4000, &bits));
        vcpu_event_set(&cpu->vcpu, VCPU_EV_TLB); /* the test's CPU is not in the list of those that the hook asks */
    }
    mem_set_dirty_tracking(&watched, DIRTY_DISPLAY, false);
}
