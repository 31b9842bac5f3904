/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random bytes as code, in every mode, with random registers, partly random page tables and descriptors: whatever they do must end in the
 * architecture's own exceptions, a halt, a shutdown, or go on until the clock stops them.  ROUNDS=n changes how many (default 3000);
 * SEED=n where they begin.  A crash names the round to begin with.
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

static void random_tables(void)
{
    for (unsigned k = 0; k < 64; k++) { /* some page table entries and descriptors */
        uint64_t r = rnd();
        uint64_t at = k & 1 ? GUEST_PML4 + (r % 0x3000) : 0x4000 + (r % 0x2900);
        guest_ram()[at] = (uint8_t)(r >> 32);
    }
}

static void one_round(unsigned round)
{
    state = 0x9e3779b97f4a7c15u * (round + 1);
    guest_new();
    switch (rnd() >> 40 & 3) {
    case 0: guest_real(cpu); break;
    case 1: guest_flat32(cpu); break;
    default: guest_long(cpu, rnd() & 1 ? 3 : 0); break;
    }
    if (rnd() & 1) {
        random_tables();
    }
    for (unsigned r = 0; r < 16; r++) {
        uint64_t v = rnd();
        cpu->regs[r] = v & 1 ? v >> (v >> 8 & 63) : GUEST_DATA + (v >> 16 & 0xffff);
    }
    cpu->eflags |= (uint32_t)rnd() & (FL_DF | FL_AC | FL_TF | FL_NT | FL_IOPL);
    if (!(cpu->mode & MODE_PE)) {
        cpu->regs[R_RIP] = 0x7c00;
    } else if (rnd() & 1) {
        cpu->regs[R_RSP] = GUEST_STACK;
    }
    x86_update_mode(cpu);
    uint64_t at = cpu->regs[R_RIP] + (rnd() & 15 ? 0 : 0xff8); /* sometimes at a page's end */
    cpu->regs[R_RIP] = at;
    random_code(guest_ram() + at, 200);
    ram_written(address_space_lookup(cpu->vcpu.as_mem, 0).ram, at, 200);
    guest_go(cpu);
}

TEST(random_code_in_every_mode)
{
    const char *rounds = getenv("ROUNDS"), *seed = getenv("SEED");
    unsigned first = seed ? (unsigned)atoi(seed) : 0, n = rounds ? (unsigned)atoi(rounds) : 3000;
    struct itimerval tick = { { 0, 3000 }, { 0, 3000 } };

    cpu = guest_new();
    signal(SIGALRM, on_alarm);
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    setitimer(ITIMER_REAL, &tick, NULL);
    for (unsigned k = first; k < first + n; k++) {
        current_round = k;
        one_round(k);
    }
    tick = (struct itimerval){ 0 };
    setitimer(ITIMER_REAL, &tick, NULL);
    fprintf(stderr, "%u rounds\n", n);
}
