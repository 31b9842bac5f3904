/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Task switches with paging: CR3 comes from the new TSS; page faults on either TSS are the old task's, and nothing has changed; those of the
 * new address space are the new task's; an error code that does not fit on the new stack makes a double fault; the debug trap of the T
 * bit; local breakpoints go off. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"
#include "tests/guest/task.h"

#define VECTOR SCRATCH
#define ERROR (SCRATCH + 4)
#define FAULT_AT (SCRATCH + 8)
#define RESUME (SCRATCH + 12)
#define LINK (SCRATCH + 16)
#define NOTE (SCRATCH + 20)
#define WHERE (SCRATCH + 24)
#define GDTR (SCRATCH + 0x40)
#define TSS_A TSS
#define TSS_B 0x18000 /* alone in its page */
#define TSS_P 0x19000 /* the page-fault task */
#define TSS_D 0x19100 /* the double-fault task */
#define TSS_G 0x19200 /* takes general-protection faults without a stack */
#define STACK_B 0x21000
#define STACK_P 0x22000
#define STACK_D 0x23000
#define DIR 0x30000
#define PAGES 0x31000
#define DIR_B 0x32000 /* task B's address space: another page at WINDOW */
#define PAGES_B 0x33000
#define WINDOW 0x40000
#define OTHER 0x41000
#define HOLE 0x50000 /* not there in either */
#define SEL_B 0x60
#define SEL_P 0x68
#define SEL_D 0x70
#define SEL_G 0x78
#define PAGE(table, at) (table + ((at) >> 12) * 4)
#define TYPE(sel) GDT + (sel) + 5
#define EXPECT_TYPE(sel, wanted) mov TYPE(sel), %cl; and $0x0f, %cl; EXPECT(%cl, $wanted)
#define RELOAD mov %cr3, %eax; mov %eax, %cr3
/* a fault of this task at the instruction, the TSS's contents as they were */
#define FAULTS(error, from, ...) movl $76f, RESUME; movl $0, VECTOR; __VA_ARGS__; FAIL; 76: mov VECTOR, %ecx; EXPECT(%ecx, $14); \
    mov ERROR, %ecx; EXPECT(%ecx, $error); mov FAULT_AT, %ecx; and $~0xfff, %ecx; EXPECT(%ecx, $from); str %ecx; EXPECT(%ecx, $SEL_TSS)

.macro tables dir, pages
    mov $\dir, %edi
    xor %eax, %eax
    mov $1024, %ecx
    rep stosl
    movl $(\pages+3), \dir
    mov $\pages, %edi
    mov $3, %eax
1:  stosl
    add $0x1000, %eax
    cmp $0x400003, %eax
    jne 1b
.endm

guest_main:
    movw $0x7f, GDTR
    movl $GDT, GDTR + 2
    lgdt GDTR
    tables DIR, PAGES
    tables DIR_B, PAGES_B
    movl $(OTHER + 3), PAGE(PAGES_B, WINDOW)
    movl $0, PAGE(PAGES, HOLE)
    movl $0, PAGE(PAGES_B, HOLE)
    movl $0xaaaa, WINDOW
    movl $0xbbbb, OTHER
    SET_GATE(1, debug)
    SET_GATE(14, page_fault)
    task TSS_A, 0, 0
    task TSS_B, task_b, STACK_B
    task TSS_P, task_p, STACK_P
    task TSS_D, task_d, STACK_D
    task TSS_G, task_g, HOLE + 0x800
    movl $DIR, TSS_A + 0x1c
    movl $DIR_B, TSS_B + 0x1c
    movl $DIR, TSS_P + 0x1c
    movl $DIR, TSS_D + 0x1c
    movl $DIR, TSS_G + 0x1c
    descriptor SEL_B, 0x80000067, 0x00008901
    descriptor SEL_P, 0x90000067, 0x00008901
    descriptor SEL_D, 0x91000067, 0x00008901
    descriptor SEL_G, 0x92000067, 0x00008901
    mov $SEL_TSS, %ax
    ltr %ax
    mov $DIR, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80010000, %eax
    mov %eax, %cr0

    /* another address space and back; DR7's local bits are cleared, the global ones stay */
    mov $0x0455, %eax
    or $0xaa, %al
    mov $HOLE, %ecx /* breakpoints that never hit */
    mov %ecx, %dr0
    mov %ecx, %dr1
    mov %ecx, %dr2
    mov %ecx, %dr3
    mov %eax, %dr7
    lcall $SEL_B, $0
    mov NOTE, %eax
    EXPECT(%eax, $0xbbbb)
    mov WINDOW, %eax
    EXPECT(%eax, $0xaaaa)
    mov %dr7, %eax
    and $0xff, %eax
    EXPECT(%eax, $0xaa)
    mov $0x400, %eax
    mov %eax, %dr7

    /* the new TSS is not there, or cannot be written although the back link must be */
    movl $0, PAGE(PAGES, TSS_B)
    RELOAD
    FAULTS(0, TSS_B, ljmp $SEL_B, $0)
    FAULTS(0, TSS_B, lcall $SEL_B, $0)
    EXPECT_TYPE(SEL_B, 9)
    EXPECT_TYPE(SEL_TSS, 11)
    mov $0x40000000, %eax /* QEMU's TCG has begun the switch by then */
    cpuid
    cmp $0x54474354, %ebx
    je 1f
    movl $(TSS_B + 1), PAGE(PAGES, TSS_B)
    RELOAD
    FAULTS(3, TSS_B, lcall $SEL_B, $0)
    EXPECT_TYPE(SEL_B, 9)
    EXPECT_TYPE(SEL_TSS, 11)
1:  movl $(TSS_B + 3), PAGE(PAGES, TSS_B)
    /* ours cannot be written: nowhere to save to */
    movl $(TSS_A + 1), PAGE(PAGES, TSS_A)
    RELOAD
    FAULTS(3, TSS_A, lcall $SEL_B, $0)
    FAULTS(3, TSS_A, ljmp $SEL_B, $0)
    EXPECT_TYPE(SEL_B, 9)
    movl $(TSS_A + 3), PAGE(PAGES, TSS_A)
    RELOAD

    /* B's first instruction is not mapped: its own page fault, which a task takes */
    movl $(SEL_P << 16), IDT + 14 * 8
    movl $0x8500, IDT + 14 * 8 + 4
    task TSS_B, HOLE+0x123, STACK_B
    movl $DIR_B, TSS_B + 0x1c
    movl $0, VECTOR
    ljmp $SEL_B, $0
    mov VECTOR, %eax
    EXPECT(%eax, $14)
    mov ERROR, %eax
    EXPECT(%eax, $0)
    mov FAULT_AT, %eax
    EXPECT(%eax, $(HOLE + 0x123))
    mov LINK, %eax
    EXPECT(%eax, $SEL_B)
    mov TSS_B + 0x20, %eax
    EXPECT(%eax, $(HOLE + 0x123))
    mov WINDOW, %eax
    EXPECT(%eax, $0xaaaa)

    /* a task gate whose task has no stack for the error code: double fault */
    movl $(SEL_G << 16), IDT + 13 * 8
    movl $0x8500, IDT + 13 * 8 + 4
    movl $(SEL_D << 16), IDT + 8 * 8
    movl $0x8500, IDT + 8 * 8 + 4
    SET_GATE(14, page_fault)
    movl $0, VECTOR
    movl $1f, RESUME
    mov $0xf8, %eax
    mov %eax, %es
    FAIL
1:  mov VECTOR, %eax
    EXPECT(%eax, $8)
    mov ERROR, %eax
    EXPECT(%eax, $0)
    mov LINK, %eax
    EXPECT(%eax, $SEL_G)

    /* the T bit: a debug trap before the task's first instruction; QEMU's TCG does not know it */
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx
    je 1f
    movb $0x89, GDT + SEL_B + 5
    task TSS_B, task_b, STACK_B
    movl $DIR_B, TSS_B + 0x1c
    movw $1, TSS_B + 0x64
    xor %eax, %eax
    mov %eax, %dr6
    movl $0, VECTOR
    movl $0, NOTE
    lcall $SEL_B, $0
    mov VECTOR, %eax
    EXPECT(%eax, $1)
    mov ERROR, %eax
    and $0xe00f, %eax
    EXPECT(%eax, $0x8000)
    mov WHERE, %eax
    EXPECT(%eax, $task_b)
    mov LINK, %eax
    EXPECT(%eax, $SEL_B)
    mov NOTE, %eax
    EXPECT(%eax, $0xbbbb)
1:  PASS

task_b:
    mov WINDOW, %eax
    mov %eax, NOTE
    mov %cr3, %eax
    EXPECT(%eax, $DIR_B)
    iret
    jmp task_b

debug:
    push %eax
    movl $1, VECTOR
    mov %dr6, %eax
    mov %eax, ERROR
    str %eax
    mov %eax, LINK
    mov 4(%esp), %eax
    mov %eax, WHERE
    pop %eax
    iret

page_fault:
    movl $14, VECTOR
    push %eax
    mov 4(%esp), %eax
    mov %eax, ERROR
    mov %cr2, %eax
    mov %eax, FAULT_AT
    mov RESUME, %eax
    mov %eax, 8(%esp)
    pop %eax
    add $4, %esp
    iret

task_p: /* gives the faulting task up and goes back to the first */
    movl $14, VECTOR
    pop %eax
    mov %eax, ERROR
    mov %cr2, %eax
    mov %eax, FAULT_AT
    movzwl TSS_P, %eax
    mov %eax, LINK
    ljmp $SEL_TSS, $0
    jmp task_p

task_d:
    movl $8, VECTOR
    pop %eax
    mov %eax, ERROR
    movzwl TSS_D, %eax
    mov %eax, LINK
    mov RESUME, %eax
    mov %eax, TSS_A + 0x20
    movb $0x89, GDT + SEL_TSS + 5 /* it called the task without a stack and is still busy */
    ljmp $SEL_TSS, $0

task_g:
    FAIL
