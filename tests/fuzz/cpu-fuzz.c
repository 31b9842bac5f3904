/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random bytes as code, in every mode (real, virtual-8086, 16- and 32-bit protected, PAE, compatibility, 64-bit at both ends of
 * privilege, SMM), with random registers, page tables, descriptors, gates and task state: whatever they do must end in the
 * architecture's own exceptions, a halt, a shutdown, or go on until the clock stops them.  Under ASan and UBSan.  ROUNDS=n changes how
 * many (default 2500); SEED=n where they begin; ENGINE=name the engine.  A crash names the round to begin with.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-cpu.h"
#include <signal.h>
#include <sys/time.h>

static X86Cpu *cpu;
static volatile unsigned current_round;

static void on_alarm(int sig)
{
    (void)sig;
    vcpu_kick(&cpu->vcpu);
}

static void on_crash(int sig)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "crash in round %u: run with SEED=%u\n", current_round, current_round);

    signal(sig, SIG_DFL);
    if (write(2, text, (size_t)n) < 0) {
        _exit(1);
    }
    raise(sig);
}

static uint64_t state;

static uint64_t rnd(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du;
}

/* Opcodes that go somewhere more often than plain noise does. */
static void random_code(uint8_t *p, unsigned len)
{
    static const uint8_t prefixes[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x64, 0x65, 0x48, 0x4f, 0x0f, 0x0f, 0x0f };

    for (unsigned k = 0; k < len; k++) {
        uint64_t r = rnd();
        p[k] = r & 7 ? (uint8_t)(r >> 8) : prefixes[(r >> 8) % G_N_ELEMENTS(prefixes)];
    }
}

enum { IDT = 0x4000, GDT = 0x6000, TSS = 0x6800, PAE_TABLES = 0x118000, GDT_ENTRIES = 16 };

/* An entry that looks like one: bits in their places, an address that is often there. */
static uint64_t random_entry(void)
{
    uint64_t r = rnd(), addr = r & 1 ? rnd() & 0xfff000 : r & 2 ? GUEST_PML4 + (rnd() & 0x7000) : rnd() & 0xffffffffff000;

    return addr | (r >> 8 & 0x1ff) | (r >> 20 & 3 ? 1 : 0) | (r >> 24 & 15 ? 0 : (uint64_t)1 << 63) | (r >> 28 & 31 ? 0 : rnd() << 40);
}

static void random_tables(void)
{
    uint8_t *ram = guest_ram();

    for (unsigned k = 0; k < 24; k++) {
        uint64_t r = rnd();
        uint64_t level = r >> 8 & 3, at = level == 3 ? 0x3000 + (r >> 16 & 0x7ff) * 8 : level * 0x1000 + (r >> 16 & (r & 4 ? 7 : 511)) * 8;

        st_le64(ram + GUEST_PML4 + at, random_entry());
        if (r & 1) {
            st_le64(ram + PAE_TABLES + (r >> 40 & 0xff8), random_entry());
        }
    }
}

/* Segments, gates, task state segments, local tables, of any type and size. */
static void random_descriptors(void)
{
    uint8_t *ram = guest_ram();

    for (unsigned k = 0; k < 12; k++) {
        uint64_t r = rnd();
        unsigned n = r & 1 ? 5 + (r >> 8) % (GDT_ENTRIES - 5) : (unsigned)((r >> 8) % GDT_ENTRIES);

        st_le64(ram + GDT + n * 8, (rnd() & 0xff0f00ffffffffffu) | (r >> 16 & 0xf0ff) << 40);
        if (r & 2) {
            uint64_t target = (r >> 56 & 15) * 8 << 16 | (rnd() & 0xffff);
            st_le64(ram + IDT + (r >> 32 & 0x1f8), (rnd() & 0xffff00ff00000000u) | (r >> 40 & 0xff) << 40 | target);
        }
    }
    for (unsigned k = 0; k < 0x68; k += 4) {
        st_le32(ram + TSS + k, (uint32_t)(rnd() & 1 ? rnd() & 0x7b : rnd() & 0x3fffff));
    }
    cpu->gdt.limit = GDT_ENTRIES * 8 - 1;
}

static void set_virtual_8086(void)
{
    guest_flat32(cpu);
    st_le32(guest_ram() + TSS + 8, 0x10); /* SS0 */
    for (unsigned s = 0; s <= SEG_GS; s++) {
        cpu->seg[s] = (X86Seg){ .attr = SEG_A | SEG_W | SEG_S | SEG_P | 3u << SEG_DPL_SHIFT, .limit = 0xffff };
    }
    cpu->eflags |= FL_VM;
    cpu->cpl = 3;
    cpu->cr4 |= rnd() & 1 ? CR4_VME : 0;
    cpu->regs[R_RIP] = 0x7c00;
}

static void set_pae(void)
{
    guest_flat32(cpu);
    for (unsigned k = 0; k < 4; k++) {
        st_le64(guest_ram() + PAE_TABLES + k * 8, (PAE_TABLES + 0x1000) | 1);
    }
    for (unsigned k = 0; k < 8; k++) {
        st_le64(guest_ram() + PAE_TABLES + 0x1000 + k * 8, k * 0x200000 | 0x87);
    }
    cpu->cr4 = CR4_PAE | CR4_PSE | CR4_OSFXSR;
    cpu->cr3 = PAE_TABLES;
    cpu->efer = rnd() & 1 ? EFER_NXE : 0;
    cpu->cr0 |= CR0_PG;
    tlb_flush_all(cpu);
    mmu_load_pdptes(cpu, cpu->cr3);
}

static void set_mode(unsigned mode)
{
    switch (mode) {
    case 0:
        guest_real(cpu);
        break;
    case 1:
        guest_flat32(cpu);
        break;
    case 2:
        guest_flat32(cpu);
        cpu->seg[SEG_CS].attr &= ~(uint32_t)SEG_DB;
        cpu->seg[SEG_SS].attr &= ~(uint32_t)SEG_DB;
        cpu->regs[R_RIP] = 0x7c00;
        break;
    case 3:
        set_virtual_8086();
        break;
    case 4:
        set_pae();
        break;
    case 5:
        guest_long(cpu, rnd() & 1 ? 3 : 0);
        cpu->seg[SEG_CS].attr = (cpu->seg[SEG_CS].attr & ~(uint32_t)SEG_L) | SEG_DB;
        break;
    default:
        guest_long(cpu, rnd() & 1 ? 3 : 0);
        cpu->cr4 |= (uint32_t)rnd() & (CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_UMIP | CR4_PCIDE | CR4_PKE);
        break;
    }
}

static void put_code(uint64_t at)
{
    random_code(guest_ram() + at, 200);
    ram_written(address_space_lookup(cpu->vcpu.as_mem, 0).ram, at, 200);
}

static void one_round(unsigned round)
{
    state = 0x9e3779b97f4a7c15u * (round + 1);
    guest_new();
    set_mode(rnd() >> 40 & 7);
    if (rnd() & 1) {
        random_tables();
    }
    if (rnd() & 1) {
        random_descriptors();
    }
    for (unsigned r = 0; r < 16; r++) {
        uint64_t v = rnd();
        cpu->regs[r] = v & 1 ? v >> (v >> 8 & 63) : GUEST_DATA + (v >> 16 & 0xffff);
    }
    cpu->eflags |= (uint32_t)rnd() & (FL_DF | FL_AC | FL_TF | FL_NT | FL_IOPL);
    if (rnd() & 1) {
        cpu->regs[R_RSP] = GUEST_STACK;
    }
    x86_update_mode(cpu);
    cpu->regs[R_RIP] += rnd() & 15 ? 0 : 0xff8 - (cpu->regs[R_RIP] & 0xfff); /* sometimes at a page's end */
    put_code(cpu->seg[SEG_CS].base + cpu->regs[R_RIP]);
    if (rnd() >> 40 & 1 && rnd() >> 41 & 1) {
        put_code(cpu->smbase + 0x8000);
        vcpu_event_set(&cpu->vcpu, VCPU_EV_SMI);
    }
    guest_go(cpu);
    vcpu_event_clear(&cpu->vcpu, VCPU_EV_SMI | VCPU_EV_NMI);
}

TEST(random_code_in_every_mode)
{
    const char *rounds = getenv("ROUNDS"), *seed = getenv("SEED");
    unsigned first = seed ? (unsigned)atoi(seed) : 0, n = rounds ? (unsigned)atoi(rounds) : 2500;
    struct itimerval tick = { { 0, 3000 }, { 0, 3000 } };

    signal(SIGSEGV, on_crash); /* before the translator takes what its code raises, and passes on the rest */
    signal(SIGABRT, on_crash);
    cpu = guest_new();
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &tick, NULL);
    for (unsigned k = first; k < first + n; k++) {
        current_round = k;
        one_round(k);
    }
    tick = (struct itimerval){ 0 };
    setitimer(ITIMER_REAL, &tick, NULL);
    fprintf(stderr, "%u rounds\n", n);
    guest_free();
}
