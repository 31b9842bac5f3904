/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes that the kernel keeps until the guest comes out for another reason (coalesced I/O): few runs, nothing lost, in order, and
 * there before whatever the guest does next is.  On any /dev/kvm, also one that interprets.
 */
#include "util/osdep.h"
#include "tests/unit/test.h"
#include "tests/unit/guest-kvm.h"
#include "util/mainloop.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum { LAZY = 0xd0000000u, PROMPT = 0xd0001000u, LAZY_PORT = 0x300, MOST = 600 };

static uint32_t seen[MOST];
static unsigned count, count_at_read, runs;

int ioctl(int fd, unsigned long request, ...);
int ioctl(int fd, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    void *arg = va_arg(more, void *);
    va_end(more);
    runs += request == KVM_RUN;
    return (int)syscall(SYS_ioctl, fd, request, arg);
}

static void lazy_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    (void)opaque;
    if (count < MOST && size == 4) {
        seen[count++] = (uint32_t)(off << 16 | val);
    }
}

static uint64_t prompt_read(void *opaque, hwaddr off, unsigned size)
{
    (void)opaque;
    (void)off;
    (void)size;
    count_at_read = count;
    return 0x1234;
}

static const MemOps lazy_ops = { .write = lazy_write }, prompt_ops = { .read = prompt_read };
static MemRegion lazy, prompt, lazy_port;

static X86Cpu *prepare(void)
{
    char *why = NULL;
    X86Cpu *cpu = guest_on_kvm(&why);
    if (!cpu) {
        TEST_SKIP(why);
    }
    bql_lock();
    if (!kvm.coalesced_page || !kvm.has_coalesced_pio) {
        bql_unlock();
        TEST_SKIP("this kernel keeps no writes");
    }
    mem_init_io(&lazy, &lazy_ops, NULL, "lazy", 0x1000);
    mem_init_io(&prompt, &prompt_ops, NULL, "prompt", 0x1000);
    mem_init_io(&lazy_port, &lazy_ops, NULL, "lazy-port", 4);
    mem_set_coalesced(&lazy, true);
    mem_set_coalesced(&lazy_port, true);
    mem_add(cpu->vcpu.as_mem->root, LAZY, &lazy);
    mem_add(cpu->vcpu.as_mem->root, PROMPT, &prompt);
    mem_add(cpu->vcpu.as_io->root, LAZY_PORT, &lazy_port);
    bql_unlock();
    guest_flat32(cpu);
    count = count_at_read = runs = 0;
    return cpu;
}

static void finish(void)
{
    MemRegion *const regions[] = { &lazy, &prompt, &lazy_port };
    bql_lock();
    for (unsigned i = 0; i < G_N_ELEMENTS(regions); i++) {
        mem_remove(regions[i]);
        mem_destroy(regions[i]);
    }
    bql_unlock();
}

/* eax = 1..@n to the region and port, one after the other; then a read of another device; one more write. */
static void run(X86Cpu *cpu, unsigned n)
{
    const uint8_t code[] = {
        0xb9, (uint8_t)n, (uint8_t)(n >> 8), 0, 0, /* mov $n, %ecx */
        0x31, 0xc0,                                /* xor %eax, %eax */
        0x66, 0xba, LAZY_PORT & 0xff, LAZY_PORT >> 8, /* mov $port, %dx */
        0x40,                                      /* 1: inc %eax */
        0xa3, 0x08, 0, 0, 0xd0,                    /* mov %eax, 0xd0000008 */
        0x40,                                      /* inc %eax */
        0xef,                                      /* out %eax, %dx */
        0xe2, 0xf6,                                /* loop 1b */
        0xa1, 0, 0x10, 0, 0xd0,                    /* mov 0xd0001000, %eax */
        0xa3, 0x0c, 0, 0, 0xd0,                    /* mov %eax, 0xd000000c */
        0xf4,
    };
    memcpy(guest_ram() + GUEST_CODE, code, sizeof(code));
    guest_kvm_run(cpu);
    CHECK_EQ(cpu->regs[R_RIP], GUEST_CODE + sizeof(code));
    CHECK_EQ(count_at_read, 2 * n);
    CHECK_EQ(count, 2 * n + 1);
    for (unsigned i = 0; i < 2 * n; i++) {
        CHECK_EQ(seen[i], (i & 1 ? 0 : 8u << 16) | (i + 1));
    }
    CHECK_EQ(seen[2 * n], 0xc1234);
}

TEST(writes_wait_for_the_next_exit)
{
    X86Cpu *cpu = prepare();
    run(cpu, 20);
    CHECK(runs <= 4); /* the read, HLT; not forty writes */
    finish();
}

/* The kernel has room for some 170. */
TEST(more_than_the_kernel_keeps)
{
    X86Cpu *cpu = prepare();
    run(cpu, 250);
    CHECK(runs < 250);
    finish();
}

/* A region that is taken away is no more than memory that is not there. */
TEST(a_region_goes)
{
    X86Cpu *cpu = prepare();
    run(cpu, 5);
    finish();
    static const uint8_t code[] = { 0xa3, 0x08, 0, 0, 0xd0, 0xf4 };
    guest_flat32(cpu);
    memcpy(guest_ram() + GUEST_CODE, code, sizeof(code));
    unsigned before = count;
    guest_kvm_run(cpu);
    CHECK_EQ(count, before);
}
