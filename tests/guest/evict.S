/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * More code than a small tb-size= holds: 25000 functions, each of its own constant, run three times over, one behind the other and in an
 * order that jumps about. Sums must be right however often code was thrown away, and no call may take long: the longest is printed, in
 * microseconds.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define FUNCTIONS 25000
#define CODE_AREA 0x400000
#define STRIDE 96
#define LIMIT 300000000 /* ns; other work on the host may hold one call up, but not many */
#define LATE_ALLOWED 8

guest_main:
    mov $CODE_AREA, %edi
    xor %ebx, %ebx
1:  mov $function, %esi
    mov $(function_end - function), %ecx
    mov %rdi, %rdx
    rep movsb
    mov %ebx, function_value - function(%rdx)
    lea STRIDE(%rdx), %rdi
    inc %ebx
    cmp $FUNCTIONS, %ebx
    jne 1b

    xor %r12d, %r12d /* late calls */
    xor %r13d, %r13d /* the longest */
    mov $1, %ebp
    call pass
    mov $7919, %ebp /* has no factor in common with their number */
    call pass
    mov $1, %ebp
    call pass
    PRINT("longest call ")
    mov %r13, %rax
    xor %edx, %edx
    mov $1000, %ecx
    div %rcx
    call guest_decimal
    PRINT(" us\n")
    cmp $LATE_ALLOWED, %r12d
    EXPECT_IF(be)
    PASS

pass: /* all functions, ebp apart; r15 is their sum */
    xor %ebx, %ebx
    xor %r14d, %r14d
    xor %r15d, %r15d
1:  imul $STRIDE, %rbx, %rdi
    add $CODE_AREA, %rdi
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, %r8
    call *%rdi
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    sub %r8, %rax
    cmp %r13, %rax
    jb 2f
    mov %rax, %r13
2:  cmp $LIMIT, %rax
    jb 3f
    inc %r12d
3:  add %rbp, %rbx
    cmp $FUNCTIONS, %rbx
    jb 4f
    sub $FUNCTIONS, %rbx
4:  inc %r14d
    cmp $FUNCTIONS, %r14d
    jne 1b
    movabs $(FUNCTIONS * (FUNCTIONS - 1) / 2), %rax
    EXPECT(%r15, %rax)
    ret

function: /* adds its number to r15; the rest comes to nothing */
    .byte 0xb9 /* mov $number, %ecx */
function_value:
    .long 0
    mov %ecx, %esi
    add $12345, %rsi
    mov %rsi, -64(%rsp)
    test %ecx, %ecx
    js 1f
    add %rcx, %r15
    sub -64(%rsp), %rsi
    jz 2f
1:  xor %r15d, %r15d
2:  lea 3(%rsi, %rcx, 2), %rsi
    ret
function_end:
