/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions with two memory operands in pages that fall into the same set of a TLB, whatever its size: each distance of a power
 * of two pages up to 512 MiB, and both operands across two pages. An engine that needs both entries at once must not wait for ever.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define WINDOW 0x40000000 /* 1 GiB: the RAM from 2 to 10 MiB again and again */
#define TURNS 20

guest_main:
    xor %ecx, %ecx
1:  mov %ecx, %eax
    and $3, %eax
    inc %eax
    shl $21, %eax
    or $0x87, %eax
    mov %rax, TABLES + 0x3000(, %rcx, 8)
    inc %ecx
    cmp $512, %ecx
    jne 1b
    mov %cr3, %rax
    mov %rax, %cr3

    mov $TURNS, %r15d
turn:
    mov $12, %r14d /* the distance's power of two */
distance:
    mov $1, %eax
    mov %r14d, %ecx
    shl %cl, %eax
    mov %eax, %r13d
    mov $(WINDOW + 0x1100), %ebx        /* the near operand, */
    lea (%rbx, %r13), %rbp
    add $0x80, %rbp                     /* and the far one: the same page of RAM where the distance is 8 MiB or more */
    movabs $0x1122334455667788, %rax
    add %r14, %rax
    mov %rax, (%rbp)

    /* push and pop of memory, the stack in one page and the operand in the other */
    lea 0x40(%rbx), %rsp
    pushq (%rbp)
    EXPECT(%rax, 0x38(%rbx))
    movq $0, (%rbp)
    popq (%rbp)
    EXPECT(%rax, (%rbp))
    lea 0x40(%rbx), %rcx
    EXPECT(%rsp, %rcx)
    /* a call and a jump through memory, and back */
    movq $target, (%rbp)
    call *(%rbp)
    EXPECT(%edx, $77)
    /* string instructions: one step, then repeated across the ends of both pages */
    mov %rax, (%rbp)
    mov %rbp, %rsi
    mov %rbx, %rdi
    movsq
    EXPECT(%rax, (%rbx))
    mov %rbp, %rsi
    mov %rbx, %rdi
    cmpsq
    EXPECT_IF(z)
    lea 0xefd(%rbx), %rdi  /* 3 bytes before the page's end */
    lea (%rdi, %r13), %rsi
    movabs $0xa1b2c3d4e5f60718, %rax
    mov %rax, (%rsi)
    movsq
    EXPECT(%rax, -8(%rdi))
    sub $8, %rdi
    sub $8, %rsi
    cmpsq
    EXPECT_IF(z)
    lea 0xe00(%rbx), %rdi
    lea (%rdi, %r13), %rsi
    mov $0x200, %ecx
    rep movsb
    EXPECT(%ecx, $0)
    lea 0xe00(%rbx), %rdi
    lea (%rdi, %r13), %rsi
    mov $0x200, %ecx
    repe cmpsb
    EXPECT_IF(z)
    /* a push to a stack across two pages */
    mov %rax, (%rbp)
    lea 0xf04(%rbx), %rsp
    pushq (%rbp)
    EXPECT(%rax, 0xefc(%rbx))
    mov $STACK_TOP, %esp

    inc %r14d
    cmp $30, %r14d
    jne distance
    dec %r15d
    jnz turn
    PASS

target:
    mov $77, %edx
    ret
