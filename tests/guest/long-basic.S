/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Long mode: 64-bit arithmetic, zero extension, REX bytes, RIP-relative addressing, segments, control registers and
 * MSRs, CPUID, the exceptions of non-canonical and reserved things, compatibility mode. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

guest_main:
    /* 32-bit results clear the upper half; 8 and 16-bit ones do not */
    mov $-1, %rax
    mov $1, %eax
    EXPECT(%rax, $1)
    mov $-1, %rax
    mov $1, %ax
    movabs $0xffffffffffff0001, %rbx
    EXPECT(%rax, %rbx)
    mov $0x55, %sil
    movzbl %sil, %ecx
    EXPECT(%rcx, $0x55)
    movslq %eax, %rax
    movabs $0xffffffffffff0001, %rbx
    EXPECT(%rax, %rbx)

    /* 64-bit multiply, divide, shift */
    movabs $0x123456789abcdef0, %rax
    movabs $0xfedcba9876543210, %rbx
    mul %rbx
    movabs $0x121fa00ad77d7422, %rcx
    EXPECT(%rdx, %rcx)
    movabs $0x236d88fe5618cf00, %rcx
    EXPECT(%rax, %rcx)
    mov $3, %edx
    mov $7, %ebx
    mov $5, %eax
    div %rbx /* (3 * 2^64 + 5) / 7 */
    EXPECT(%rdx, $4)
    movabs $0x6db6db6db6db6db7, %rcx
    EXPECT(%rax, %rcx)
    mov $1, %eax
    shl $63, %rax
    EXPECT_IF(s)
    mov $64, %cl
    mov $5, %edx
    shl %cl, %rdx /* the count is 0 */
    EXPECT(%rdx, $5)
    bswap %rax
    EXPECT(%rax, $0x80)
    mov $0x10, %eax
    mov $0x20, %ebx
    lea 8(%rax,%rbx,4), %rcx
    EXPECT(%rcx, $0x98)

    /* the eight new registers, as operand, base and index */
    mov $SCRATCH, %r12d
    mov $4, %r13d
    movl $0x12344321, 8(%r12,%r13,2)
    mov SCRATCH + 16, %r8d
    EXPECT(%r8, $0x12344321)
    push %r8
    pop %r15
    EXPECT(%r15, $0x12344321)
    xchg %r15, %r9
    EXPECT(%r9, $0x12344321)

    /* relative to the next instruction */
    mov constant(%rip), %rax
    movabs $0x1122334455667788, %rbx
    EXPECT(%rax, %rbx)
    cmpl $0x55667788, constant(%rip)
    EXPECT_IF(z)

    /* fs and gs have bases, swapgs swaps */
    mov $0xc0000100, %ecx
    mov $SCRATCH, %eax
    xor %edx, %edx
    wrmsr
    movq $0x77, SCRATCH + 0x40
    mov %fs:0x40, %rax
    EXPECT(%rax, $0x77)
    mov $0xc0000102, %ecx
    mov $(SCRATCH + 8), %eax
    wrmsr
    swapgs
    mov %gs:0x38, %rax
    EXPECT(%rax, $0x77)
    swapgs
    mov $0xc0000102, %ecx
    rdmsr
    EXPECT(%eax, $(SCRATCH + 8))

    /* compare and exchange */
    mov $5, %eax
    movq $5, SCRATCH
    mov $9, %ebx
    lock cmpxchg %rbx, SCRATCH
    EXPECT_IF(z)
    lock cmpxchg %rbx, SCRATCH
    EXPECT_IF(nz)
    EXPECT(%rax, $9)
    mov $3, %edx
    lock xadd %rdx, SCRATCH
    EXPECT(%rdx, $9)
    cmpq $12, SCRATCH
    EXPECT_IF(z)
    movq $1, SCRATCH
    movq $2, SCRATCH + 8
    mov $1, %eax
    mov $2, %edx
    mov $3, %ebx
    mov $4, %ecx
    lock cmpxchg16b SCRATCH
    EXPECT_IF(z)
    cmpq $4, SCRATCH + 8
    EXPECT_IF(z)

    /* CPUID says long mode, and time goes on */
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    EXPECT_IF(c)
    rdtsc
    mov %eax, %ebx
    rdtsc
    cmp %ebx, %eax
    EXPECT_IF(nz)

    /* EFER shows long mode active; control registers read back */
    mov $0xc0000080, %ecx
    rdmsr
    and $0x500, %eax
    EXPECT(%eax, $0x500)
    mov %cr8, %rax
    EXPECT(%rax, $0)

    /* a non-canonical address is a general protection fault, not a page fault */
    SET_GATE(13, protection)
    movabs $0x0000800000000000, %rax
    mov $1f, %ebx
    xor %ebp, %ebp
    mov (%rax), %rcx
1:  EXPECT(%ebp, $0x600d)
    /* an undefined instruction */
    SET_GATE(6, undefined)
    xor %ebp, %ebp
    mov $1f, %ebx
    ud2
1:  EXPECT(%ebp, $0x0bad)
    xor %ebp, %ebp
    mov $1f, %ebx
    .byte 0x06 /* push es does not exist in 64-bit mode */
1:  EXPECT(%ebp, $0x0bad)

    /* to 32-bit compatibility mode and back */
    pushq $SEL_CODE32
    pushq $compatible
    lretq
.code32
compatible:
    mov $0xffffffff, %eax
    inc %eax /* one byte here, a REX prefix in 64-bit mode */
    EXPECT_IF(z)
    mov $0x1234, %ecx
    ljmp $SEL_CODE64, $back
.code64
back:
    EXPECT(%rcx, $0x1234)
    EXPECT(%rsp, $STACK_TOP)
    PASS

protection: /* an error code is on the stack */
    add $8, %rsp
    mov $0x600d, %ebp
    mov %rbx, (%rsp)
    iretq
undefined:
    mov $0x0bad, %ebp
    mov %rbx, (%rsp)
    iretq

.balign 8
constant:
    .quad 0x1122334455667788
