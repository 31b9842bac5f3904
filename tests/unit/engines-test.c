/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random programs of several blocks (engines-code.h) on the interpreter and on the translator, each in a process of its own: registers,
 * flags, vector and x87 state, memory and the exception at the end must be the same.
 *
 * In the environment: ROUNDS=n programs (default 1000) from number SEED=n on; ENGINES="a b": others than "interp jit".  A program that
 * differs is printed.  Those that do not end in time are not compared.  DUMP=file writes program and memory to file-ENGINE.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/engines-code.h"
#include "tests/unit/guest-cpu.h"
#include "target/i386/exc.h"
#include "target/i386/flags.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { PAGES = 32, BATCH = 2000, TICK_MS = 100 };

typedef struct Outcome {
    uint64_t regs[R_COUNT];
    uint64_t vec[16][4];
    uint8_t st[8][10];
    uint64_t fip, fdp, cr2, cr3;
    uint64_t pages[PAGES]; /* a hash of each page that may be written */
    uint32_t flags, mxcsr;
    uint16_t fcw, fsw, fop;
    uint8_t ftw, halted, done;
    int vector;
} Outcome;

static X86Cpu *cpu;
static volatile sig_atomic_t late;

static void on_alarm(int sig)
{
    (void)sig;
    late = 1;
    vcpu_kick(&cpu->vcpu);
}

/* Arithmetic flags that nobody reads after a fault need not be right in its frame (docs/jit.md): they become 0 there. */
static void clean_frame(int vector)
{
    static const uint8_t with_error[] = { EXC_DF, EXC_TS, EXC_NP, EXC_SS, EXC_GP, EXC_PF, EXC_AC };
    unsigned size = x86_long_mode(cpu) ? 8 : x86_protected(cpu) ? 4 : 2;
    uint64_t at = cpu->regs[R_RSP] + cpu->seg[SEG_SS].base * !x86_long_mode(cpu) + 2 * size;

    if (vector < 0) {
        return;
    }
    at += size > 2 && memchr(with_error, vector, sizeof(with_error)) ? size : 0;
    if (at < 16 * MiB) {
        uint64_t fl = ld_le(guest_ram() + at, size);

        st_le(guest_ram() + at, fl & ~(uint64_t)(FL_ARITH | FL_RF), size);
    }
}

static uint64_t hash_page(const uint8_t *p)
{
    uint64_t h = 0;

    for (unsigned k = 0; k < 0x1000; k += 8) {
        h = (h ^ ld_le64(p + k)) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

static void outcome_get(Outcome *o, int vector, const CodeArea *areas)
{
    unsigned n = 0;

    clean_frame(vector);
    memcpy(o->regs, cpu->regs, sizeof(o->regs));
    for (unsigned k = 0; k < 16; k++) {
        memcpy(o->vec[k], cpu->vec[k].q, sizeof(o->vec[k]));
    }
    for (unsigned k = 0; k < 8; k++) {
        memcpy(o->st[k], cpu->x87.st[k], sizeof(o->st[k]));
    }
    o->fip = cpu->fip;
    o->fdp = cpu->fdp;
    o->fop = cpu->fop;
    o->cr2 = cpu->cr2;
    o->cr3 = cpu->cr3;
    o->flags = cpu->eflags | (vector < 0 ? flags_compute(cpu) & FL_ARITH : 0);
    o->mxcsr = cpu->mxcsr;
    o->fcw = cpu->x87.fcw;
    o->fsw = cpu->x87.fsw;
    o->ftw = cpu->x87.ftw;
    o->vector = vector;
    o->halted = atomic_load(&cpu->vcpu.halted);
    for (; areas->size; areas++) {
        for (uint64_t at = areas->at; at < areas->at + areas->size && n < PAGES; at += 0x1000) {
            o->pages[n++] = hash_page(guest_ram() + at);
        }
    }
    o->done = 1;
}

static void run_round(uint64_t seed, Outcome *o, GString *text)
{
    struct itimerval tick = { { 0, 0 }, { 0, TICK_MS * 1000 } };
    CodeArea areas[CODE_AREAS];

    guest_new();
    engines_program(cpu, seed, areas, text);
    late = 0;
    setitimer(ITIMER_VIRTUAL, &tick, NULL);
    int vector = guest_go(cpu);
    tick = (struct itimerval){ 0 };
    setitimer(ITIMER_VIRTUAL, &tick, NULL);
    if (!late) {
        outcome_get(o, vector, areas);
        for (unsigned r = 0; text && r < 16; r++) {
            g_string_append_printf(text, "register %u: %" PRIx64 "\n", r, cpu->regs[r]);
        }
        for (const CodeArea *a = areas; a->size && text; a++) { /* the memory, for who looks for a difference */
            for (uint64_t at = a->at; at < a->at + a->size; at += 8) {
                uint64_t v = ld_le64(guest_ram() + at);

                g_string_append_printf(text, v ? "%06" PRIx64 ": %016" PRIx64 "\n" : "", at, v);
            }
        }
    }
}

/* In a process of its own: programs from @seed on by @engine.  False: it did not end well. */
static bool run_engine(const char *engine, uint64_t seed, unsigned n, Outcome *out)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        const char *dump = getenv("DUMP");
        GString *text = g_string_new(NULL);

        setenv("ENGINE", engine, true);
        cpu = guest_new();
        signal(SIGVTALRM, on_alarm);
        for (unsigned k = 0; k < n; k++) {
            run_round(seed + k, &out[k], dump ? text : NULL);
        }
        if (dump) {
            char *name = g_strconcat(dump, "-", engine, NULL);

            g_file_set_contents(name, text->str, (gssize)text->len, NULL);
        }
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
        unsigned k = 0;

        while (k < n && out[k].done) {
            k++;
        }
        fprintf(stderr, "%s: ended by itself, status %x, after program %" PRIu64 "\n", engine, status, seed + k);
        return false;
    }
    return true;
}

static void show(const char *what, const void *a, const void *b, size_t size)
{
    if (memcmp(a, b, size)) {
        uint64_t x = 0, y = 0;

        memcpy(&x, a, MIN(size, 8));
        memcpy(&y, b, MIN(size, 8));
        fprintf(stderr, "  %s: %" PRIx64 " and %" PRIx64 "\n", what, x, y);
    }
}

static void show_program(uint64_t seed)
{
    pid_t pid = fork();

    if (pid == 0) {
        CodeArea areas[CODE_AREAS];
        GString *text = g_string_new(NULL);

        setenv("ENGINE", "interp", true);
        cpu = guest_new();
        engines_program(cpu, seed, areas, text);
        fprintf(stderr, "%s", text->str);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void report(uint64_t seed, const Outcome *a, const Outcome *b)
{
    char name[16];

    fprintf(stderr, "program %" PRIu64 " (ROUNDS=1 SEED=%" PRIu64 "): the engines differ\n", seed, seed);
#define SHOW(field) show(#field, &a->field, &b->field, sizeof(a->field))
    SHOW(vector); SHOW(flags); SHOW(mxcsr); SHOW(fcw); SHOW(fsw); SHOW(fop); SHOW(ftw); SHOW(halted);
    SHOW(fip); SHOW(fdp); SHOW(cr2); SHOW(cr3);
    for (unsigned k = 0; k < R_COUNT; k++) {
        g_snprintf(name, sizeof(name), "register %u", k);
        show(name, &a->regs[k], &b->regs[k], 8);
    }
    for (unsigned k = 0; k < 64; k++) {
        g_snprintf(name, sizeof(name), "ymm%u:%u", k / 4, k % 4);
        show(name, &a->vec[k / 4][k % 4], &b->vec[k / 4][k % 4], 8);
    }
    for (unsigned k = 0; k < 8; k++) {
        g_snprintf(name, sizeof(name), "st%u", k);
        show(name, a->st[k], b->st[k], sizeof(a->st[k]));
    }
    for (unsigned k = 0; k < PAGES; k++) {
        g_snprintf(name, sizeof(name), "page %u", k);
        show(name, &a->pages[k], &b->pages[k], 8);
    }
    show_program(seed);
}

typedef struct Totals {
    unsigned compared, late, bad, ends[34];
} Totals;

static void compare(uint64_t seed, const Outcome *a, const Outcome *b, Totals *t)
{
    if (!a->done || !b->done) {
        t->late++;
        return;
    }
    t->compared++;
    t->ends[a->vector < 0 ? 32 : a->vector > 31 ? 33 : a->vector]++;
    if (memcmp(a, b, sizeof(*a))) {
        if (t->bad++ < 5) {
            report(seed, a, b);
        }
    }
}

TEST(random_programs)
{
    const char *rounds = getenv("ROUNDS"), *from = getenv("SEED"), *engines = getenv("ENGINES");
    char **names = g_strsplit(engines ? engines : "interp jit", " ", 2);
    uint64_t seed = from ? strtoull(from, NULL, 10) : 0;
    unsigned left = rounds ? (unsigned)atoi(rounds) : 1000;
    size_t bytes = 2 * BATCH * sizeof(Outcome);
    Outcome *out = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Totals t = { 0 };
    bool ok = out != MAP_FAILED && names[0] && names[1];

    while (ok && left) {
        unsigned n = MIN(left, BATCH);

        memset(out, 0, bytes);
        ok = run_engine(names[0], seed, n, out) && run_engine(names[1], seed, n, out + BATCH);
        for (unsigned k = 0; k < n; k++) {
            compare(seed + k, &out[k], &out[BATCH + k], &t);
        }
        seed += n;
        left -= n;
    }
    fprintf(stderr, "%u programs compared, %u not ended in time; ended with HLT: %u; with #DE %u, #DB %u, #UD %u, #NM %u, #SS %u, #GP %u, "
            "#PF %u, #MF %u, #AC %u, #XM %u; triple faults %u\n", t.compared, t.late, t.ends[32], t.ends[EXC_DE], t.ends[EXC_DB],
            t.ends[EXC_UD], t.ends[EXC_NM], t.ends[EXC_SS], t.ends[EXC_GP], t.ends[EXC_PF], t.ends[EXC_MF], t.ends[EXC_AC],
            t.ends[EXC_XM], t.ends[33]);
    munmap(out, bytes);
    g_strfreev(names);
    CHECK(ok);
    CHECK_EQ(t.bad, 0);
    CHECK(t.late * 20 <= t.compared);
}
