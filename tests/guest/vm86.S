/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual-8086 mode (SDM vol. 3, chapter 20): entry by IRET, exits through gates with the segments on the stack, IOPL-sensitive
 * instructions, the I/O permission bitmap, INT n at IOPL 3, exceptions and the far return into the mode. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define KERNEL_STACK 0x20000
#define CODE86 0x10000 /* where the 8086 program is copied: segment 0x1000 */
#define STATE 0x18000  /* of the monitor */
#define STEP STATE
#define FRAME(n) KERNEL_STACK - 4 * 9 + 4 * (n) /* eip cs flags esp ss es ds fs gs */

guest_main:
    SET_GATE(13, protection)
    SET_GATE_DPL(0x20, service, 3)
    SET_GATE(0x21, service0)
    SET_GATE(6, undefined)
    mov $TSS, %edi
    xor %eax, %eax
    mov $26, %ecx
    rep stosl
    movl $KERNEL_STACK, TSS + 4
    movl $SEL_DATA32, TSS + 8
    movw $0x68, TSS + 102
    /* bitmap: port 0xe9 and 0xf4 allowed, others not; TSS limit as the table has it is 0x67, so make it longer */
    movw $(0x68 + 0x40), GDT + SEL_TSS
    mov $TSS + 0x68, %edi
    mov $0xffffffff, %eax
    mov $18, %ecx
    rep stosl
    andb $~2, TSS + 0x68 + 0xe9 / 8
    andb $~0x10, TSS + 0x68 + 0xf4 / 8
    mov $SEL_TSS, %ax
    ltr %ax
    mov $program, %esi
    mov $CODE86, %edi
    mov $(program_end - program), %ecx
    rep movsb
    movl $0, STEP
    pushl $0x1004 /* gs */
    pushl $0x1003
    pushl $0x1002
    pushl $0x1001
    pushl $0x1800 /* ss */
    pushl $0x4000
    pushl $0x23002 /* VM, IOPL 3 */
    pushl $0x1000
    pushl $0
    iret

/* INT 0x20 at IOPL 3: straight through the gate */
service:
    EXPECT(%esp, $(KERNEL_STACK - 36))
    mov 4(%esp), %eax
    EXPECT(%eax, $0x1000)
    mov 8(%esp), %eax
    test $0x20000, %eax
    EXPECT_IF(nz)
    pushf
    pop %ebx
    test $0x20000, %ebx
    EXPECT_IF(z)
    mov 16(%esp), %eax
    EXPECT(%eax, $0x1800)
    mov 20(%esp), %eax
    EXPECT(%eax, $0x1001)
    mov 24(%esp), %eax
    EXPECT(%eax, $0x1002)
    mov 28(%esp), %eax
    EXPECT(%eax, $0x1003)
    mov 32(%esp), %eax
    EXPECT(%eax, $0x1004)
    mov %ds, %eax
    EXPECT(%eax, $0) /* null in the handler */
    mov $SEL_DATA32, %eax
    mov %ax, %ds
    mov %ax, %es
    incl STEP
    mov STEP, %eax
    EXPECT(%eax, $1)
    andl $~0x3000, 8(%esp) /* from now on IOPL 0 */
    iret
service0:
    FAIL

/* #GP: the program's sensitive instructions come here in turn */
protection:
    mov $SEL_DATA32, %eax
    mov %ax, %ds
    mov %ax, %es
    pop %ebx /* error */
    incl STEP
    mov STEP, %eax
    mov (%esp), %ecx /* its IP */
    movzbl CODE86(%ecx), %edx
    cmp $2, %eax
    je expect_cli
    cmp $3, %eax
    je expect_sti
    cmp $4, %eax
    je expect_pushf
    cmp $5, %eax
    je expect_int
    cmp $6, %eax
    je expect_in
    cmp $7, %eax
    je expect_iret
    cmp $8, %eax
    je expect_hlt
    FAIL
expect_cli:
    EXPECT(%edx, $0xfa)
    jmp skip1
expect_sti:
    EXPECT(%edx, $0xfb)
    jmp skip1
expect_pushf:
    EXPECT(%edx, $0x9c)
    jmp skip1
expect_int:
    EXPECT(%edx, $0xcd)
    EXPECT(%ebx, $0)
    incl (%esp)
    jmp skip1
expect_in:
    EXPECT(%edx, $0xe4)
    EXPECT(%ebx, $0)
    incl (%esp)
    jmp skip1
expect_iret:
    EXPECT(%edx, $0xcf)
    jmp skip1
expect_hlt:
    EXPECT(%edx, $0xf4)
    mov 16(%esp), %eax
    EXPECT(%eax, $0x1800)
    mov 12(%esp), %eax
    EXPECT(%eax, $0x4000)
    PASS
skip1:
    EXPECT(%ebx, $0)
    incl (%esp)
    iret

undefined:
    mov $SEL_DATA32, %eax
    mov %ax, %ds
    mov (%esp), %ecx
    movzwl CODE86(%ecx), %edx
    EXPECT(%edx, $0x000f) /* sldt */
    addl $3, (%esp)
    iret

.code16
program:
    mov %cs, %ax
    cmp $0x1000, %ax
    jne bad
    mov %gs, %ax
    cmp $0x1004, %ax
    jne bad
    /* segments are the 8086's: a load computes the base */
    mov $0x1234, %ax
    push %ds
    mov $0x1800, %bx
    mov %bx, %ds
    movw $0x55aa, 0x100
    mov $0x1810, %bx
    mov %bx, %ds
    cmpw $0x55aa, 0
    jne bad
    pop %ds
    int $0x20
    cli
    sti
    pushf
    int $0x21
    mov $'v', %al
    out %al, $0xe9
    mov $'\n', %al
    out %al, $0xe9
    in $0x21, %al
    iret
    .byte 0x0f, 0x00, 0xc0 /* sldt ax: undefined in this mode */
    lcall $0x1000, $(1f - program)
    hlt
1:  lret
bad:
    mov $'B', %al
    out %al, $0xe9
    mov $0x11, %al
    out %al, $0xf4
program_end:
.code32
