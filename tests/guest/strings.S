/* SPDX-License-Identifier: GPL-2.0-or-later */
/* String instructions: all sizes, both directions, repeat conditions, overlap, page borders, and a fault in the middle
 * that leaves registers so that the instruction can go on. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define FROM SCRATCH
#define TO (SCRATCH + 0x8000)
#define SMALL (SCRATCH + 0x20000) /* a page table that breaks the second 2 MiB into 4 KiB pages */
#define WINDOW 0x200000

guest_main:
    /* a pattern: byte i is i * 7 + 3 */
    mov $FROM, %edi
    mov $3, %al
    mov $0x3000, %ecx
1:  stosb
    add $7, %al
    loop 1b
    /* a copy by each size, at odd addresses, across pages */
    mov $(FROM + 1), %esi
    mov $(TO + 3), %edi
    mov $0x1801, %ecx
    rep movsb
    EXPECT(%rcx, $0)
    EXPECT(%rsi, $(FROM + 0x1802))
    EXPECT(%rdi, $(TO + 0x1804))
    mov $(FROM + 0x1802), %esi
    mov $0x101, %ecx
    rep movsq
    mov $(FROM + 1), %esi
    mov $(TO + 3), %edi
    mov $0x2009, %ecx
    repe cmpsb
    EXPECT_IF(z)
    EXPECT(%rcx, $0)
    /* a difference is found, with the registers past it */
    notb TO + 3 + 0x1000
    mov $(FROM + 1), %esi
    mov $(TO + 3), %edi
    mov $0x2009, %ecx
    repe cmpsb
    EXPECT_IF(nz)
    EXPECT(%rsi, $(FROM + 1 + 0x1001))
    EXPECT(%rcx, $(0x2009 - 0x1001))
    /* no turns: flags and registers stay */
    xor %ecx, %ecx
    cmp %ecx, %ecx
    repne scasb
    EXPECT_IF(z)
    /* backwards, overlapping: memmove by one byte up */
    mov $(FROM + 99), %esi
    mov $(FROM + 100), %edi
    mov $100, %ecx
    std
    rep movsb
    cld
    EXPECT(%rsi, $(FROM - 1))
    cmpb $3, FROM + 1
    EXPECT_IF(z)
    /* forwards with overlap spreads the first bytes */
    movw $0x0201, FROM
    mov $FROM, %esi
    mov $(FROM + 2), %edi
    mov $50, %ecx
    rep movsw
    cmpw $0x0201, FROM + 100
    EXPECT_IF(z)
    cmpw $0x0201, FROM + 102
    EXPECT_IF(nz)
    /* the length of a string */
    movb $0, FROM + 77
    mov $FROM, %edi
    xor %eax, %eax
    mov $-1, %rcx
    repne scasb
    EXPECT(%rdi, $(FROM + 78))
    EXPECT(%rcx, $-79)
    /* dwords and words */
    mov $TO, %edi
    mov $0xdeadbeef, %eax
    mov $0x500, %ecx
    rep stosl
    mov $0xbeef, %ax
    mov $TO, %edi
    mov $3, %ecx
    repe scasw
    EXPECT(%ecx, $1)
    mov $TO, %esi
    lodsq
    movabs $0xdeadbeefdeadbeef, %rbx
    EXPECT(%rax, %rbx)
    /* 32-bit addresses wrap registers at 32 bits */
    movabs $0x1234567800000000 + FROM, %rsi
    addr32 lodsb
    EXPECT(%rsi, $(FROM + 1))

    /* pages of 4 KiB from WINDOW on, of which the third is missing */
    SET_GATE(14, fault)
    mov $SMALL, %edi
    mov $(WINDOW + 3), %eax
    mov $512, %ecx
1:  mov %rax, (%rdi)
    add $8, %rdi
    add $0x1000, %eax
    loop 1b
    movq $0, SMALL + 16
    movq $(SMALL + 3), TABLES + 0x2008
    mov %cr3, %rax
    mov %rax, %cr3
    xor %ebp, %ebp
    mov $0x5a, %al
    mov $(WINDOW + 1), %edi
    mov $0x3000, %ecx
    rep stosb
    EXPECT(%ebp, $1) /* one fault, mended by the handler */
    EXPECT(%rdi, $(WINDOW + 0x3001))
    EXPECT(%r8, $(WINDOW + 0x2000)) /* the address, */
    EXPECT(%r9, $(WINDOW + 0x2000)) /* rdi */
    EXPECT(%r10, $0x1001) /* and rcx at the fault */
    cmpb $0x5a, WINDOW + 0x3000
    EXPECT_IF(z)
    cmpb $0x5a, WINDOW + 0x3001
    EXPECT_IF(nz)
    /* the same with words that cross the border: the crossing one is not half written */
    movq $0, SMALL + 16
    invlpg WINDOW + 0x2000
    movl $0, WINDOW + 0x1ffc
    xor %ebp, %ebp
    mov $FROM, %esi
    mov $(WINDOW + 0x1ff9), %edi
    mov $4, %ecx
    rep movsl
    EXPECT(%ebp, $1)
    EXPECT(%r9, $(WINDOW + 0x1ffd))
    EXPECT(%r10, $3)
    EXPECT(%rcx, $0)
    PASS

fault: /* notes the registers and brings the page */
    inc %ebp
    mov %cr2, %r8
    mov %rdi, %r9
    mov %rcx, %r10
    movq $(WINDOW + 0x2003), SMALL + 16
    add $8, %rsp
    iretq
