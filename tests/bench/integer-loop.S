/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The integer loop of `make bench`: 25 million turns of 20 instructions (loads, stores, arithmetic, a multiplication, branches),
 * 500 million in all.  The result is checked, so that a fast wrong answer does not count.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define TURNS 25000000

guest_main:
    mov $TURNS, %ecx
    mov $0x12345678, %eax
    xor %ebx, %ebx
    mov $SCRATCH, %esi
    movq $0, (%rsi)
1:  mov %eax, %edx
    shl $13, %edx
    xor %edx, %eax
    mov %eax, %edx
    shr $17, %edx
    xor %edx, %eax
    mov %eax, %edx
    shl $5, %edx
    xor %edx, %eax
    add %eax, %ebx
    mov (%rsi), %rdi
    add %rax, %rdi
    mov %rdi, (%rsi)
    lea 3(%rbx, %rdi, 2), %r8d
    and $0xffff, %r8d
    imul %r8d, %r9d
    test $1, %al
    jz 2f
    inc %r10
2:  dec %ecx
    jnz 1b
    EXPECT(%ecx, $0)
    mov (%rsi), %edi
    EXPECT(%ebx, %edi) /* both summed the same values */
    PASS
