/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads and writes that go to and fro between two pages: a translator may look for them in another way after a while, and must still
 * see a page that is mapped elsewhere, and operands that begin in one page and end in the next.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define WINDOW 0x40000000 /* 1 GiB: one page of 2 MiB */
#define TURNS 200000
#define FEW 2000

#define MAP(to) movq $((to) | 0x87), TABLES + 0x3000; invlpg WINDOW

guest_main:
    movq $3, 0x200000
    movq $5, 0x201000
    movq $7, 0x400000
    movq $9, 0x401000
    mov $WINDOW, %ebx
    MAP(0x200000)
    mov $TURNS, %ecx
    call walk
    EXPECT(%rax, $(TURNS / 2 * 8))
    MAP(0x400000)
    mov $TURNS, %ecx
    call walk
    EXPECT(%rax, $(TURNS / 2 * 16))
    EXPECT(%eax, 0x400008)
    mov 0x201008, %edx
    EXPECT(%edx, $(TURNS / 2 * 8 - 3)) /* in the turn before the last */
    /* operands across both ends */
    add $0xffc, %ebx
    mov $FEW, %ecx
    call walk
    movabs $(FEW / 2 * 9 << 32), %rdx
    EXPECT(%rax, %rdx)
    PASS

walk:
    xor %eax, %eax
1:  mov %ecx, %edx
    and $1, %edx
    xor $1, %edx
    shl $12, %edx
    add (%rbx, %rdx), %rax
    mov %eax, 8(%rbx, %rdx)
    dec %ecx
    jnz 1b
    ret
