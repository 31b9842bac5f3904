/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces by PCID: what CR3, INVLPG, INVPCID and CR4 must invalidate, and which operands are #GP.  Only what must be dropped is
 * looked at: a processor may keep less than it is allowed to.  Without PCID or INVPCID in CPUID there is nothing to see.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define PT 0x20000             /* maps 0x40000000 and the two pages behind it: local, global, and one that nobody edits */
#define PD 0x21000
#define PAGE_A 0x22000
#define PAGE_B 0x23000
#define DESC 0x24000
#define LOCAL 0x40000000
#define GLOBAL 0x40001000

/* Points both pages at A (1) or B (2) without a word to the CPU. */
#define POINT(page) movq $((page) + 3), PT; movq $((page) + 0x103), PT + 8
/* Both pages are looked at in the current context. */
#define TOUCH mov $LOCAL, %esi; mov (%rsi), %eax; mov $GLOBAL, %esi; mov (%rsi), %eax
#define EXPECT_AT(lin, value) mov $(lin), %esi; mov (%rsi), %eax; EXPECT(%eax, $(value))
/* Loads CR3 with a PCID; KEEP: bit 63. */
#define LOAD(pcid) mov $(TABLES + (pcid)), %eax; mov %rax, %cr3
#define KEEP(pcid) mov $(TABLES + (pcid)), %eax; bts $63, %rax; mov %rax, %cr3
#define INVPCID(type, pcid, lin) movq $(pcid), DESC; movabs $(lin), %rax; mov %rax, DESC + 8; mov $(type), %ebx; invpcid DESC, %rbx
#define EXPECT_GP(...) xor %ebp, %ebp; mov $88f, %r15d; __VA_ARGS__; 88: EXPECT(%ebp, $0x600d)

/* Contexts 1 and 2 have seen both pages as A; 1 is in use, and the tables say B. */
.macro begin
    POINT(PAGE_A)
    LOAD(0)
    INVPCID(2, 0, 0)
    LOAD(2)
    TOUCH
    LOAD(1)
    TOUCH
    POINT(PAGE_B)
.endm

guest_main:
    mov $1, %eax
    cpuid
    bt $17, %ecx
    jnc 1f
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    bt $10, %ebx
    jc 2f
1:  PASS
2:  SET_GATE(13, protection)
    movl $1, PAGE_A
    movl $2, PAGE_B
    movq $(PT + 7), PD
    movq $(PAGE_B + 3), PT + 16
    movq $(PD + 7), TABLES + 0x1000 + 8
    mov %cr4, %rax
    or $0x80, %eax /* PGE */
    mov %rax, %cr4
    mov $(TABLES + 0x18), %eax /* PCIDE wants bits 11..0 clear */
    mov %rax, %cr3
    EXPECT_GP(mov %cr4, %rax; bts $17, %rax; mov %rax, %cr4)
    mov $TABLES, %eax
    mov %rax, %cr3
    mov %cr4, %rax
    bts $17, %rax
    mov %rax, %cr4
    KEEP(5)
    mov %cr3, %rax
    EXPECT(%rax, $(TABLES + 5)) /* bit 63 is not stored */

    begin /* a load without bit 63: this context's, not global ones necessarily */
    LOAD(1)
    EXPECT_AT(LOCAL, 2)
    begin /* the other's */
    LOAD(2)
    EXPECT_AT(LOCAL, 2)
    begin
    invlpg LOCAL
    EXPECT_AT(LOCAL, 2)
    begin /* global: everywhere */
    invlpg GLOBAL + 0xfff
    EXPECT_AT(GLOBAL, 2)
    KEEP(2)
    EXPECT_AT(GLOBAL, 2)
    begin
    INVPCID(0, 1, LOCAL)
    EXPECT_AT(LOCAL, 2)
    begin
    INVPCID(0, 2, LOCAL + 7)
    KEEP(2)
    EXPECT_AT(LOCAL, 2)
    begin
    INVPCID(1, 1, 0)
    EXPECT_AT(LOCAL, 2)
    begin
    INVPCID(1, 2, 0)
    KEEP(2)
    EXPECT_AT(LOCAL, 2)
    begin
    INVPCID(2, 0, 0)
    EXPECT_AT(LOCAL, 2)
    EXPECT_AT(GLOBAL, 2)
    KEEP(2)
    EXPECT_AT(LOCAL, 2)
    EXPECT_AT(GLOBAL, 2)
    begin
    INVPCID(3, 0, 0)
    EXPECT_AT(LOCAL, 2)
    KEEP(2)
    EXPECT_AT(LOCAL, 2)
    begin /* a change of PGE: all of it */
    mov %cr4, %rax
    btr $7, %rax
    mov %rax, %cr4
    EXPECT_AT(GLOBAL, 2)
    KEEP(2)
    EXPECT_AT(LOCAL, 2)
    EXPECT_AT(GLOBAL, 2)
    mov %cr4, %rax
    bts $7, %rax
    mov %rax, %cr4

    /* an upper level that was known goes with any address of the context */
    begin
    movq $0, PD
    invlpg 0x1000
    SET_GATE(14, page_fault)
    xor %ebp, %ebp
    mov $1f, %r15d
    mov $(LOCAL + 0x2000), %esi
    mov (%rsi), %eax
1:  EXPECT(%ebp, $0xfa)
    movq $(PT + 7), PD /* and its absence is not remembered */
    EXPECT_AT(LOCAL + 0x2000, 2)

    EXPECT_GP(INVPCID(4, 0, 0))
    EXPECT_GP(INVPCID(2, 0x1000, 0))
    EXPECT_GP(INVPCID(0, 1, 0x800000000000))
    EXPECT_GP(mov %cr0, %rax; btr $31, %rax; mov %rax, %cr0) /* PG off under PCIDE */
    LOAD(0)
    mov %cr4, %rax
    btr $17, %rax
    mov %rax, %cr4
    EXPECT_GP(KEEP(0)) /* bit 63 is reserved again */
    EXPECT_GP(INVPCID(1, 1, 0))
    INVPCID(1, 0, 0)
    PASS

protection:
    add $8, %rsp
    mov $0x600d, %ebp
    mov %r15, (%rsp)
    iretq
page_fault:
    add $8, %rsp
    mov $0xfa, %ebp
    mov %r15, (%rsp)
    iretq
