/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions and operands that cross a page: which page faults (CR2, error code), that nothing is written when the second one may
 * not be, and that all of it is right when both are there. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

/* The first page at LIN, the second behind it, and a hole after that; they are apart in memory. */
#define LIN 0x40000000
#define EDGE (LIN + 0x1000)
#define PD 0x20000
#define PT 0x21000
#define PAGE_1 0x24000
#define PAGE_2 0x22000
#define FAULT_CR2 SCRATCH
#define FAULT_ERROR (SCRATCH + 8)
#define FAULTS (SCRATCH + 16)
#define FAULT_RIP (SCRATCH + 24)
#define LIN_2 (LIN + 0x4000) /* the first page again, before another second one */
#define PAGES 0x30000 /* second pages in turn */
#define PAGE_COUNT 7

#define SECOND(bits) movq $(PAGE_2 + (bits)), PT + 8; invlpg EDGE
#define FIRST(bits) movq $(PAGE_1 + (bits)), PT; invlpg LIN
/* The instruction faults at this address with this error code. */
#define FAULT_AT(addr, error, ...) movl $0, FAULTS; mov $76f, %r15d; __VA_ARGS__; 76: cmpl $1, FAULTS; je 75f; FAIL; 75: \
    mov FAULT_CR2, %rcx; EXPECT(%rcx, $(addr)); mov FAULT_ERROR, %ecx; EXPECT(%ecx, $(error))
/* The same for what reads before it writes: software CPUs differ in which of the two faults. */
#define FAULT_NEAR(addr, ...) movl $0, FAULTS; mov $76f, %r15d; __VA_ARGS__; 76: cmpl $1, FAULTS; je 75f; FAIL; 75: \
    mov FAULT_CR2, %rcx; EXPECT(%rcx, $(addr))
#define RUNS(...) movl $0, FAULTS; mov $76f, %r15d; __VA_ARGS__; 76: cmpl $0, FAULTS; je 75f; FAIL; 75:
/* Code across the edge: its last 8 bytes in the first page, the first ones of the second. */
#define CODE_BYTES(first, second) movabs $(first), %rax; mov %rax, PAGE_1 + 0xff8; movabs $(second), %rax; mov %rax, PAGE_2
/* What lies across the edge. */
#define CLEAR movq $0, PAGE_1 + 0xff8; movq $0, PAGE_2
#define EXPECT_BYTES(first, second) mov PAGE_1 + 0xff8, %rax; movabs $(first), %rbx; EXPECT(%rax, %rbx); mov PAGE_2, %rax; \
    movabs $(second), %rbx; EXPECT(%rax, %rbx)

guest_main:
    SET_GATE(14, page_fault)
    movq $(PD + 7), TABLES + 0x1000 + 8
    movq $(PT + 7), PD
    movq $0, PT + 16
    mov %cr0, %rax
    or $0x10000, %rax /* WP */
    mov %rax, %cr0
    mov %cr4, %rax
    or $0x600, %rax /* OSFXSR, OSXMMEXCPT */
    mov %rax, %cr4
    FIRST(3)
    SECOND(3)
    mov $(EDGE - 4), %esi
    movabs $0x1122334455667788, %rdx

    /* both pages there */
    CLEAR
    RUNS(mov %rdx, (%rsi))
    EXPECT_BYTES(0x5566778800000000, 0x11223344)
    RUNS(mov (%rsi), %rax)
    EXPECT(%rax, %rdx)
    RUNS(lock incq (%rsi))
    EXPECT_BYTES(0x5566778900000000, 0x11223344)
    RUNS(mov 2(%rsi), %eax)
    EXPECT(%eax, $0x33445566)
    RUNS(mov 3(%rsi), %ax)
    EXPECT(%ax, $0x4455)
    mov $5, %eax
    RUNS(xadd %eax, 1(%rsi))
    EXPECT(%eax, $0x44556677)
    EXPECT_BYTES(0x55667c8900000000, 0x11223344)
    movups (%rsi), %xmm0
    CLEAR
    RUNS(movups %xmm0, -5(%rsi))
    EXPECT_BYTES(0x001122334455667c, 0) /* the first byte lies before PAGE_1 + 0xff8 */

    /* the second page is missing */
    SECOND(0)
    CLEAR
    FAULT_AT(EDGE, 2, mov %rdx, (%rsi))
    FAULT_AT(EDGE, 0, mov (%rsi), %rax)
    FAULT_NEAR(EDGE, addl $1, 1(%rsi))
    FAULT_NEAR(EDGE, lock addl $1, 2(%rsi))
    FAULT_AT(EDGE, 2, movw $1, 3(%rsi))
    FAULT_AT(EDGE, 2, movups %xmm0, -11(%rsi))
    FAULT_AT(EDGE, 2, fstpt -2(%rsi))
    FAULT_AT(EDGE, 2, sidt -2(%rsi))
    mov $0x40000000, %eax /* QEMU's TCG writes the halves of vectors and of 80-bit values one by one */
    cpuid
    cmp $0x54474354, %ebx
    je 1f
    EXPECT_BYTES(0, 0)
1:  movabs $0x1122334455667788, %rdx
    FAULT_AT(EDGE, 2, fxsave -0xfc(%rsi)) /* may have written what lies before */
    CLEAR
    FAULT_AT(EDGE, 0, lgdt (%rsi))
    /* strings go as far as they get */
    cld
    mov $0x11, %eax
    mov $(EDGE - 3), %edi
    mov $8, %ecx
    mov %rcx, %r13
    FAULT_AT(EDGE, 2, rep stosb; mov %rcx, %r13)
    EXPECT(%rdi, $EDGE)
    EXPECT_BYTES(0x1111110000000000, 0)
    CLEAR

    /* the second page is read-only: a read-modify-write reads nothing halfway */
    SECOND(1)
    FAULT_AT(EDGE, 3, mov %rdx, (%rsi))
    FAULT_AT(EDGE, 3, xchg %rax, (%rsi))
    FAULT_AT(EDGE, 3, lock cmpxchg %rdx, (%rsi))
    FAULT_AT(EDGE, 3, btsl $0, 1(%rsi))
    EXPECT_BYTES(0, 0)
    RUNS(mov (%rsi), %rax)

    /* the first page is missing, or both: the lower one is named */
    FIRST(0)
    FAULT_AT(EDGE - 4, 2, mov %rdx, (%rsi))
    FAULT_AT(EDGE - 4, 0, mov (%rsi), %rax)
    FAULT_NEAR(EDGE - 4, lock incq (%rsi))
    SECOND(0)
    FAULT_AT(EDGE - 4, 0, mov (%rsi), %rax)

    /* two operands 256 MiB apart, which want the same place in any direct-mapped TLB of up to 64 Ki entries */
    movq $(PT + 7), PD + 128 * 8
    FIRST(3)
    movq $0x77, PAGE_1 + 0x10
    mov $1000, %ebp
1:  mov $(LIN + 0x10), %esi
    mov $(LIN + 0x10000100), %edi
    movsq
    mov $(LIN + 0x10), %esi
    mov $(LIN + 0x10000100), %edi
    cmpsq
    je 2f
    FAIL
2:  mov %rsp, %r14
    mov $(LIN + 0x10000800), %esp
    pushq LIN + 0x10
    popq LIN + 0x18
    mov %r14, %rsp
    dec %ebp
    jnz 1b
    cmpq $0x77, PAGE_1 + 0x100
    je 1f
    FAIL
1:  cmpq $0x77, PAGE_1 + 0x18
    je 1f
    FAIL
1:
    /* code: mov $0x12345678, %eax; ret, two bytes in the first page */
    FIRST(3)
    SECOND(3)
    movw $0x78b8, PAGE_1 + 0xffe
    movl $0xc3123456, PAGE_2
    mov $(EDGE - 2), %edi
    RUNS(call *%rdi)
    EXPECT(%eax, $0x12345678)
    movl $0xc3aabbcc, PAGE_2 /* the second half changes */
    RUNS(call *%rdi)
    EXPECT(%eax, $0xaabbcc78)
    movq $(0x25000 + 3), PT + 8 /* and so does the page that it is in */
    movl $0xc3ddeeff, 0x25000
    invlpg EDGE
    RUNS(call *%rdi)
    EXPECT(%eax, $0xddeeff78)
    SECOND(0)
    mov %rsp, %r14
    FAULT_AT(EDGE, 0, call *%rdi)
    mov %r14, %rsp
    movw $0xc3f8, PAGE_1 + 0xffe /* clc; ret: does not need the second page */
    stc
    RUNS(call *%rdi)
    EXPECT_IF(z) /* of RUNS' own comparison */
    movb $0xc3, PAGE_1 + 0xfff
    RUNS(inc %rdi; call *%rdi)

    /* in a loop: 1: add $2, %eax; dec %ecx; jnz 1b; ret */
    SECOND(3)
    CODE_BYTES(0x0002059090909090, 0xc3f775c9ff0000)
    mov $(EDGE - 8), %edi
    xor %eax, %eax
    mov $1000, %ecx
    RUNS(call *%rdi)
    EXPECT(%eax, $2000)
    movw $1, PAGE_2 /* $0x10002 */
    xor %eax, %eax
    mov $1000, %ecx
    RUNS(call *%rdi)
    EXPECT(%eax, $(1000 * 0x10002))
    /* 1: dec %ecx; jnz 1b, which crosses; ret */
    CODE_BYTES(0x75c9ff9090909090, 0xc3fc)
    mov $1000, %ecx
    RUNS(call *%rdi)
    EXPECT(%ecx, $0)
    /* 1: addb $1, (%rsi), which is that 1; dec %ecx; jnz 1b; ret */
    CODE_BYTES(0x0680909090909090, 0xc3f975c9ff01)
    mov $EDGE, %esi
    mov $6, %ecx
    RUNS(call *%rdi)
    EXPECT_BYTES(0x0680909090909090, 0xc3f975c9ff40)
    /* the same written through another address */
    movb $1, PAGE_2
    mov $PAGE_2, %esi
    mov $5, %ecx
    RUNS(call *%rdi)
    EXPECT_BYTES(0x0680909090909090, 0xc3f975c9ff20)
    /* call 1f; ret; 1: pop %rax; push %rax; ret */
    CODE_BYTES(0x0de8909090909090, 0xc3000000)
    movl $0xc35058, PAGE_2 + 0x10
    RUNS(call *%rdi)
    EXPECT(%rax, $(EDGE + 3))
    /* lea 0x10(%rip), %rax; ret and mov 0xc(%rip), %rax; ret */
    CODE_BYTES(0x058d489090909090, 0xc300000010)
    RUNS(call *%rdi)
    EXPECT(%rax, $(EDGE + 0x14))
    CODE_BYTES(0x058b489090909090, 0xc30000000c)
    RUNS(call *%rdi)
    EXPECT(%rax, $0xc35058)
    /* push %rax by its long form, 0x28(%rsp): two accesses */
    CODE_BYTES(0x2474ff9090909090, 0xc358f8)
    movq $0x1234, -16(%rsp)
    RUNS(call *%rdi)
    EXPECT(%rax, $0x1234)

    /* mov $N, %eax; ret: only the second page is mapped anew */
    CODE_BYTES(0x78b8909090909090, 0xc3123456)
    mov $PAGES, %ebx
1:  mov %ebx, %eax
    shr $12, %eax
    or $0xc3000000, %eax
    mov %eax, (%rbx)
    add $0x1000, %ebx
    cmp $(PAGES + PAGE_COUNT * 0x1000), %ebx
    jne 1b
    mov $20, %ebp
2:  mov $PAGES, %ebx
1:  lea 3(%rbx), %rax
    mov %rax, PT + 8
    invlpg EDGE
    RUNS(call *%rdi; call *%rdi)
    mov %ebx, %edx
    shr $4, %edx
    or $0x78, %edx
    EXPECT(%eax, %edx)
    add $0x1000, %ebx
    cmp $(PAGES + PAGE_COUNT * 0x1000), %ebx
    jne 1b
    dec %ebp
    jnz 2b
    /* the first page twice, each time before another one */
    movq $(PAGE_1 + 3), PT + 4 * 8
    movq $(PAGE_2 + 3), PT + 5 * 8
    movq $(PAGES + 3), PT + 8
    invlpg LIN_2
    invlpg LIN_2 + 0x1000
    invlpg EDGE
    mov $(LIN_2 + 0xff8), %r12d
    mov $300, %ebp
1:  RUNS(call *%rdi)
    EXPECT(%eax, $(PAGES >> 4 | 0x78))
    RUNS(call *%r12)
    EXPECT(%eax, $0x12345678)
    dec %ebp
    jnz 1b
    /* the second page goes: the fault is the instruction's, not that of the nops before */
    SECOND(0)
    mov %rsp, %r14
    FAULT_AT(EDGE, 0, call *%rdi)
    mov %r14, %rsp
    mov FAULT_RIP, %rcx
    EXPECT(%rcx, $(EDGE - 2))
    RUNS(call *%r12)
    EXPECT(%eax, $0x12345678)
    PASS

page_fault: /* notes and goes on at r15 */
    push %rax
    mov %cr2, %rax
    mov %rax, FAULT_CR2
    mov 8(%rsp), %rax
    mov %rax, FAULT_ERROR
    mov 16(%rsp), %rax
    mov %rax, FAULT_RIP
    incl FAULTS
    pop %rax
    add $8, %rsp
    mov %r15, (%rsp)
    iretq
