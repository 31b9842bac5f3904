/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads and writes that go to and fro between two pages, and then four: a translator may look for them in another way after a while, and
 * must still see a page that is mapped elsewhere, and operands that begin in one page and end in the next.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define WINDOW 0x40000000 /* 1 GiB: four pages */
#define TABLE 0x600000
#define ONE 0x200000      /* what is mapped there: this memory, or the other, the last page first */
#define OTHER 0x400000
#define PAGE(to, n) ((to) + (3 - (n)) * 0x1000)
#define TURNS 200000
#define FEW 2000

#define MAP_PAGE(to, n) movq $(PAGE(to, n) | 7), TABLE + (n) * 8; invlpg WINDOW + (n) * 0x1000
#define MAP(to) MAP_PAGE(to, 0); MAP_PAGE(to, 1); MAP_PAGE(to, 2); MAP_PAGE(to, 3)

guest_main:
    movq $3, PAGE(ONE, 0)
    movq $5, PAGE(ONE, 1)
    movq $7, PAGE(OTHER, 0)
    movq $9, PAGE(OTHER, 1)
    movq $(TABLE | 7), TABLES + 0x3000
    mov $WINDOW, %ebx
    mov $1, %esi
    MAP(ONE)
    mov $TURNS, %ecx
    call walk
    EXPECT(%rax, $(TURNS / 2 * 8))
    MAP(OTHER)
    mov $TURNS, %ecx
    call walk
    EXPECT(%rax, $(TURNS / 2 * 16))
    mov PAGE(OTHER, 0) + 8, %edx
    EXPECT(%eax, %edx)
    mov PAGE(ONE, 1) + 8, %edx
    EXPECT(%edx, $(TURNS / 2 * 8 - 3)) /* in the turn before the last */
    /* operands across both ends */
    add $0xffc, %ebx
    mov $FEW, %ecx
    call walk
    movabs $(FEW / 2 * 9 << 32), %rdx
    EXPECT(%rax, %rdx)
    /* four pages: the last even page and the last odd one are not enough either */
    sub $0xffc, %ebx
    movq $9, PAGE(OTHER, 1)
    movq $11, PAGE(OTHER, 2)
    movq $13, PAGE(OTHER, 3)
    mov $3, %esi
    mov $TURNS, %ecx
    call walk
    EXPECT(%rax, $(TURNS / 4 * 40))
    movq $0, PAGE(ONE, 2)
    movq $1, PAGE(ONE, 3)
    MAP(ONE)
    mov $TURNS, %ecx
    call walk
    EXPECT(%rax, $(TURNS / 4 * 9))
    mov PAGE(ONE, 3) + 8, %edx
    EXPECT(%edx, $(TURNS / 4 * 9 - 8)) /* three turns before the last */
    PASS

walk:
    xor %eax, %eax
1:  mov %ecx, %edx
    and %esi, %edx
    xor %esi, %edx
    shl $12, %edx
    lea (%rbx, %rdx), %r15
    add (%rbx, %rdx), %rax
    mov %eax, 8(%rbx, %rdx)
    cmp 8(%r15), %eax
    jne 2f
    dec %ecx
    jnz 1b
    ret
2:  FAIL
