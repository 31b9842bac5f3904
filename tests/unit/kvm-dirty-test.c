/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages a guest wrote, as the kernel tells it: by a bitmap a slot, by a ring of each vCPU, and by a ring that is too short for all
 * of them.  On any /dev/kvm, also one that interprets.  One accelerator a process, so each case is a child.
 */
#include "util/osdep.h"
#include "accel/kvm/kvm-int.h"

#include "system/machine.h"
#include "system/runstate.h"
#include "tests/unit/wait.h"

#include <sys/wait.h>

enum { CODE = 0x1000, FIRST = 0x20, PAGES = 0xd8, BITS = 256, WRITES = 210 };
enum { CHILD_FAILED = 1, CHILD_SKIPPED = 77 };

static MemRegion *ram;

static bool test_machine_init(Machine *m, Error **errp)
{
    mem_add(&m->memory, 0, &m->ram);
    ram = &m->ram;
    return vcpu_create("qemu64", 0, 0, &m->cfg.topo, &m->as_mem, &m->as_smm, &m->as_io, errp) != NULL;
}

static const MachineClass test_machine = { .name = "test", .max_cpus = 1, .init = test_machine_init };

static void start(const char *engine)
{
    MachineConfig cfg = { .topo = { 1, 1, 1, 1, 1, 1 }, .ram_size = BITS * 4096 };
    Error *err = NULL;
    mainloop_init();
    bql_lock();
    if (!accel_choose(engine, &err) || !machine_new(&test_machine, &cfg, &err)) {
        fprintf(stderr, "%s\n", error_message(err));
        _exit(strstr(error_message(err), "dirty-ring-size") ? CHILD_SKIPPED : CHILD_FAILED); /* a kernel may want longer ones */
    }
}

/* Real-mode code that writes to each of @pages, and halts. */
static void run(const uint8_t *pages, unsigned count)
{
    X86Cpu *cpu = x86_cpu(vcpu_get(0));
    uint8_t *p = (uint8_t *)mem_ram_ptr(ram) + CODE;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t one[] = { 0xb8, 0, pages[i], 0x8e, 0xd8, 0xc6, 0x06, (uint8_t)i, 0x01, 0x5a };
        /* mov $page * 0x100, %ax; mov %ax, %ds; movb $0x5a, 0x1.. */
        memcpy(p, one, sizeof(one));
        p += sizeof(one);
    }
    *p = 0xf4;
    cpu->seg[SEG_CS] = (X86Seg){ .attr = SEG_P | SEG_S | SEG_CODE | SEG_W | SEG_A, .limit = 0xffff };
    cpu->regs[R_RIP] = CODE;
    atomic_store(&cpu->vcpu.halted, false);
    x86_update_mode(cpu);
    vm_start();
    WAIT_FOR_SECONDS(atomic_load(&cpu->vcpu.halted), 20);
}

/* Two rounds of writes to random pages; each time these pages are dirty and no others. */
static void check_pages(void)
{
    GRand *rnd = g_rand_new_with_seed(7);
    uint64_t bits[BITS / 64] = { 0 };
    mem_set_dirty_tracking(ram, DIRTY_DISPLAY, true);
    mem_take_dirty(ram, DIRTY_DISPLAY, 0, BITS * 4096, bits);
    for (unsigned round = 0; round < 2; round++) {
        uint64_t expected[BITS / 64] = { 0 };
        uint8_t pages[PAGES];
        for (unsigned i = 0; i < PAGES; i++) { /* shuffled */
            unsigned n = (unsigned)g_rand_int_range(rnd, 0, (int)i + 1);
            pages[i] = pages[n];
            pages[n] = (uint8_t)(FIRST + i);
        }
        for (unsigned i = 0; i < WRITES; i++) {
            expected[pages[i] / 64] |= (uint64_t)1 << (pages[i] % 64);
        }
        memset(bits, 0, sizeof(bits));
        run(pages, WRITES);
        mem_take_dirty(ram, DIRTY_DISPLAY, 0, BITS * 4096, bits);
        bits[0] &= ~(uint64_t)0xffff; /* the code, written by us */
        CHECK_MEM(bits, expected, sizeof(bits));
        vm_stop(RUN_PAUSED);
        memset(bits, 0, sizeof(bits));
        mem_take_dirty(ram, DIRTY_DISPLAY, FIRST * 4096, PAGES * 4096, bits);
        CHECK_EQ(bits[0] | bits[1] | bits[2] | bits[3], 0); /* told once */
    }
    g_rand_free(rnd);
}

static void in_a_child(const char *engine)
{
    char *why = NULL;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        g_setenv("RHEA_KVM_FIRMWARE", "1", TRUE);
        if (!kvm_probe(&why)) {
            fprintf(stderr, "%s\n", why);
            _exit(CHILD_SKIPPED);
        }
        if (setjmp(test_end)) {
            _exit(CHILD_FAILED);
        }
        start(engine);
        check_pages();
        _exit(0);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPPED) {
        TEST_SKIP("no KVM");
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(bitmaps)
{
    in_a_child("kvm,kernel-irqchip=off");
}

TEST(rings)
{
    in_a_child("kvm,kernel-irqchip=off,dirty-ring-size=1024");
}

/* Of this length fewer than 200 entries are used before the vCPU comes out to have them read. */
TEST(rings_that_run_full)
{
    in_a_child("kvm,kernel-irqchip=off,dirty-ring-size=256");
}
