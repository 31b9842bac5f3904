/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Branches to addresses that are not canonical: the fault is the branch's own (SDM vol. 2, CALL, JMP, RET), so its address is in the
 * frame, and RSP and the stack are as before it. Each several times, for a translator may have learned it meanwhile, and with the stack
 * page's translation forgotten before.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define FAULT_RIP 0x600
#define FAULT_RSP 0x608
#define FAULT_CODE 0x610
#define RESUME 0x618
#define TARGET 0x620
#define FAULT_STACK 0x20000
#define STACK 0x1f000
#define MARK 0x5a5a1234
#define TOP_PAGE 0x7ffffffff000

/* The instruction must fault, with RSP at the word that it found there, and change nothing below and above. */
#define FAULTS(...) \
    mov $STACK, %esp; movq $MARK, -8(%rsp); movq $MARK + 1, -16(%rsp); movq $0, FAULT_RIP; movq $77f, RESUME; \
76: __VA_ARGS__; FAIL; \
77: mov FAULT_RIP, %rax; cmp $76b, %rax; je 77f; FAIL; \
77: cmpq $STACK, FAULT_RSP; je 77f; FAIL; \
77: cmpq $0, FAULT_CODE; je 77f; FAIL; \
77: cmpq $MARK, STACK - 8; je 77f; FAIL; \
77: cmpq $MARK + 1, STACK - 16; je 77f; FAIL; 77:

guest_main:
    movw $0xff, 0x630
    movq $GDT, 0x632
    lgdt 0x630
    mov $TSS, %edi
    xor %eax, %eax
    mov $26, %ecx
    rep stosl
    movq $FAULT_STACK, TSS + 0x24
    movw $0x68, TSS + 102
    mov $SEL_TSS, %ax
    ltr %ax
    SET_GATE(13, protection)
    movb $1, IDT + 13 * 16 + 4 /* a stack of its own: the guest's is not written */
    mov $20, %r15d
again:
    movabs $0x800000000000, %rbx /* the first that is not canonical, */
    call all
    movabs $0xffff7fffffffffff, %rbx /* the last, */
    call all
    movabs $0xdead0000deadbeef, %rbx
    call all
    test $3, %r15d
    jnz 1f
    mov %cr3, %rax
    mov %rax, %cr3
1:  dec %r15d
    jnz again

    /* relative branches across the end of the lower half: the page of code there is a copy */
    movabs $TOP_PAGE, %r13
    movq $TABLES + 0x7007, TABLES + 0x7f8 /* PML4 entry 255, and the last one of each table below */
    movq $TABLES + 0x8007, TABLES + 0x7ff8
    movq $TABLES + 0x9007, TABLES + 0x8ff8
    movq $0x30007, TABLES + 0x9ff8
    mov %cr3, %rax
    mov %rax, %cr3
    mov $10, %r15d
2:  movl $0x00000be8, 0x30ff0 /* call rel32, to 0x800000000000 */
    movb $0, 0x30ff0 + 4
    lea 0xff0(%r13), %r12
    call at_top
    movl $0x00000be9, 0x30ff0 /* jmp rel32 */
    call at_top
    movl $0x90900eeb, 0x30ff0 /* jmp rel8 */
    call at_top
    movl $0x90900e74, 0x30ff0 /* jz rel8 */
    call at_top
    dec %r15d
    jnz 2b
    PASS

all: /* rbx: the target */
    pop %r14
    mov %rbx, TARGET
    mov %rbx, %r9
    FAULTS(call *%rbx)
    FAULTS(call *%r9)
    FAULTS(call *TARGET)
    FAULTS(jmp *%rbx)
    FAULTS(jmp *TARGET)
    mov %rbx, STACK
    FAULTS(ret)
    FAULTS(ret $16)
    mov $STACK_TOP, %esp
    jmp *%r14

at_top: /* r12: the address of the branch; ZF is set when it runs */
    pop %r14
    mov $STACK, %esp
    movq $MARK, -8(%rsp)
    movq $0, FAULT_RIP
    movq $1f, RESUME
    xor %eax, %eax
    jmp *%r12
1:  EXPECT(%r12, FAULT_RIP)
    cmpq $STACK, FAULT_RSP
    EXPECT_IF(e)
    cmpq $MARK, STACK - 8
    EXPECT_IF(e)
    mov $STACK_TOP, %esp
    jmp *%r14

protection:
    mov %rax, 0x700
    mov (%rsp), %rax
    mov %rax, FAULT_CODE
    mov 8(%rsp), %rax
    mov %rax, FAULT_RIP
    mov 32(%rsp), %rax
    mov %rax, FAULT_RSP
    mov RESUME, %rax
    mov %rax, 8(%rsp)
    mov 0x700, %rax
    add $8, %rsp
    iretq
