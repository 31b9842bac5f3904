/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a translator must not get wrong, all at once and on every processor at the same time: code that rewrites itself, bytes that mean
 * something else in another mode, pages that are remapped under running code, faults in fetches and in the middle of rep movs, and a walk through long, compatibility,
 * protected and real mode and back, while the timer of the local APIC interrupts in each of these modes.
 *
 * Every processor works in an area of its own, pointed to by ebp in all modes (the interrupt handlers rely on it), and counts
 * its random numbers from its own seed. Runs with any number of processors up to CPUS; CMOS 0x5f says how many there are.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define ROUNDS 1500
#define CPUS 8

#define APIC 0xfee00000
#define VECTOR 0x40
#define IDT32 0x6000
#define AP_PAGE 0x9000
#define NEXT 0x600     /* the number that the next processor takes */
#define FINISHED 0x604 /* how many are through */
#define AREAS 0x200000
#define WINDOWS 0x40000000 /* 2 MiB for each processor, with a page table in its area */

/* In an area: words, then pages. */
#define NUMBER 0
#define SEED 4
#define ROUND 8
#define TICKS64 12 /* interrupts taken by the handler of long mode (and compatibility mode), */
#define TICKS32 16 /* of protected mode, */
#define TICKS16 20 /* and of real mode */
#define FAULTS 24
#define START 28 /* what the computation of this round starts from, and its results */
#define RESULT_COMPAT 32
#define RESULT_PROTECTED 36
#define RESULT_REAL 40
#define WINDOW 48 /* 64 bits: the address of the window */
#define WANTED 56 /* 64 bits: the table entry that the page fault puts in */
#define SAVED_SP 64
#define FAULTS_WANTED 72
#define TWOFOLD_COMPAT 76 /* what the code of two meanings made of START */
#define TWOFOLD_PROTECTED 80
#define AREA_CODE 0x1000
#define AREA_PAGES 0x2000 /* three pages that appear in the window */
#define AREA_TABLE 0x5000
#define AREA_SOURCE 0x6000 /* two pages */
#define AREA_TARGET 0x8000 /* two pages */
#define AREA_STACK 0x10000
#define AREA_SIZE 0x100000

/* Two hundred steps from eax, with results that every mode must agree on; clobbers ecx and edx. */
#define COMPUTE \
    mov $200, %ecx; \
70: imul $1664525, %eax, %eax; add $1013904223, %eax; rol $7, %eax; mov %eax, %edx; shr $3, %edx; xor %edx, %eax; dec %ecx; jnz 70b

/* In the first round: waits until the counter of this mode has moved, which proves that the interrupts come. */
#define AWAIT_TICK(counter, segment) \
    mov segment counter(%ebp), %edx; \
71: cmpl $0, segment ROUND(%ebp); jne 72f; cmp segment counter(%ebp), %edx; je 71b; 72:

/* Ends the interrupt and sets the timer to go off again after a time that varies; clobbers eax. */
#define REARM(counter, segment) \
    addl $1, segment counter(%ebp); \
    imul $7919, segment counter(%ebp), %eax; and $0x1ffff, %eax; add $30000, %eax; \
    push %edi; mov $APIC, %edi; movl $0, segment 0xb0(%edi); mov %eax, segment 0x380(%edi); pop %edi

/* From protected mode, paging off, to long mode. */
#define ENTER_LONG(label) \
    mov $SEL_DATA32, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs; mov %eax, %ss; \
    LONG_MODE(label)

guest_main:
    /* the gates of the timer in three modes, and of the page fault */
    SET_GATE(VECTOR, tick64)
    SET_GATE(14, page_fault)
    mov $tick32, %eax
    mov %ax, IDT32 + VECTOR * 8
    movw $SEL_CODE32, IDT32 + VECTOR * 8 + 2
    movw $0x8e00, IDT32 + VECTOR * 8 + 4
    shr $16, %eax
    mov %ax, IDT32 + VECTOR * 8 + 6
    movw $OFF(tick16), VECTOR * 4
    movw $0xf000, VECTOR * 4 + 2

    /* the others start at a far jump into the ROM */
    movl $0, NEXT
    movl $0, FINISHED
    movb $0xea, AP_PAGE
    movl $(0xf0000000 | OFF(other)), AP_PAGE + 1
    mov $APIC, %ebx
    movl $0x1ff, 0xf0(%rbx)
    movl $0xc4500, 0x300(%rbx) /* INIT to all but this one */
    call pause_a_little
    movl $(0xc4600 | AP_PAGE >> 12), 0x300(%rbx)
    call pause_a_little
    movl $(0xc4600 | AP_PAGE >> 12), 0x300(%rbx)
    mov $all, %r12d
    jmp work

all: /* this one is through */
    mov $0x5f, %al
    out %al, $0x70
    in $0x71, %al
    movzbl %al, %ebx
    inc %ebx
1:  pause
    cmp %ebx, FINISHED
    jne 1b
    EXPECT(%ebx, NEXT)
    PASS

pause_a_little:
    mov $2000, %ecx
1:  in $0x80, %al
    loop 1b
    ret

/* ---- one processor's work --------------------------------------------------------------------------------------- */
work: /* goes on at r12, with a stack in its area */
    mov $1, %eax
    lock xadd %eax, NEXT
    cmp $CPUS, %eax
    EXPECT_IF(b)
    imul $AREA_SIZE, %eax, %ebp
    add $AREAS, %ebp
    lea AREA_STACK(%rbp), %rsp
    push %r12
    mov %rbp, %rdi
    push %rax
    xor %eax, %eax
    mov $(0x9000 / 8), %ecx
    rep stosq
    pop %rax
    mov %eax, NUMBER(%rbp)
    imul $0x9e3779b9, %eax, %ecx
    or $1, %ecx
    mov %ecx, SEED(%rbp)
    /* the window's table */
    mov %eax, %ecx
    shl $21, %rcx
    add $WINDOWS, %rcx
    mov %rcx, WINDOW(%rbp)
    lea AREA_TABLE + 3(%rbp), %rdx
    mov %rdx, TABLES + 0x3000(, %rax, 8)
    mov %cr3, %rdx
    mov %rdx, %cr3
    call lay_out_code
    /* its timer: one shot, undivided; the handlers set it again */
    mov $APIC, %ebx
    movl $0x1ff, 0xf0(%rbx)
    movl $0xb, 0x3e0(%rbx)
    movl $VECTOR, 0x320(%rbx)
    movl $50000, 0x380(%rbx)
    sti
1:  call rewrite_code
    call rewrite_loop
    call remap
    call fault_in
    call change_modes
    incl ROUND(%rbp)
    cmpl $ROUNDS, ROUND(%rbp)
    jne 1b
    cli
    mov FAULTS(%rbp), %eax
    EXPECT(%eax, FAULTS_WANTED(%rbp))
    lock incl FINISHED
    ret

/* eax: the next random number */
random:
    mov SEED(%rbp), %eax
    mov %eax, %edx
    shl $13, %edx
    xor %edx, %eax
    mov %eax, %edx
    shr $17, %edx
    xor %edx, %eax
    mov %eax, %edx
    shl $5, %edx
    xor %edx, %eax
    mov %eax, SEED(%rbp)
    ret

/* eax: 0, 1 or 2; rsi: the table entry of that page */
random_page:
    call random
    xor %edx, %edx
    mov $3, %ecx
    div %ecx
    mov %edx, %eax
    shl $12, %edx
    lea AREA_PAGES + 3(%rbp, %rdx), %rsi
    ret

lay_out_code:
    mov $patch_next, %esi
    lea AREA_CODE + 0x100(%rbp), %rdi
    mov $(patch_end - patch_next), %ecx
    rep movsb
    movl $0xc3c0ff48, AREA_CODE + 0x200(%rbp) /* inc %rax; in 32-bit code dec %eax and inc %eax; ret */
    xor %ebx, %ebx
1:  mov %ebx, %edx /* page by page: a function at 0, one that changes its own page at 0x100 */
    shl $12, %edx
    lea AREA_PAGES(%rbp, %rdx), %rdi
    lea 0x1000(%rbx), %eax
    movb $0xb8, (%rdi)
    mov %eax, 1(%rdi)
    movb $0xc3, 5(%rdi)
    add $0x100, %rdi
    mov $swap_self, %esi
    mov $(swap_end - swap_self), %ecx
    rep movsb
    lea 0x2000(%rbx), %eax
    mov %eax, -5(%rdi)
    inc %ebx
    cmp $3, %ebx
    jne 1b
    ret

/* Code that is copied to RAM and runs there. */
patch_next: /* writes the operand of its next instruction: gives ecx */
    mov %ecx, 1f + 1(%rip)
1:  mov $0x1111, %eax
    ret
.balign 16
patch_loop: /* in each of ecx turns, changes what the next one adds to edx */
1:  add $0x01010101, %edx
    mov %ecx, 1b + 2(%rip)
    dec %ecx
    jnz 1b
    ret
patch_end:

swap_self: /* puts another page where this code runs, which ends differently */
    mov %rsi, (%rdi)
    invlpg (%rbx)
    mov $0x2000, %eax
    ret
swap_end:

/* ---- self-modifying code ------------------------------------------------------------------------------------------ */
rewrite_code:
    lea AREA_CODE(%rbp), %rbx
    call random
    mov %eax, %r12d
    call random
    mov %eax, %r13d
    mov %eax, %ecx
    shr $30, %ecx
    movzbl operations(%rcx), %edx
    movb $0xb8, (%rbx) /* mov $r12d, %eax; an operation with $r13d; ret */
    mov %r12d, 1(%rbx)
    mov %dl, 5(%rbx)
    mov %r13d, 6(%rbx)
    movb $0xc3, 10(%rbx)
    mov %r12d, %r14d
    jmp *operation_table(, %rcx, 8)
do_add: add %r13d, %r14d; jmp 1f
do_sub: sub %r13d, %r14d; jmp 1f
do_xor: xor %r13d, %r14d; jmp 1f
do_or: or %r13d, %r14d
1:  call *%rbx
    EXPECT(%eax, %r14d)
    incl 1(%rbx) /* once more with one byte or four changed, by a read-modify-write */
    xorb $1, 1(%rbx)
    call *%rbx
    mov %eax, %r14d
    mov 1(%rbx), %r12d
    mov %r12d, %eax
    cmpb $0x05, 5(%rbx)
    jne 2f
    add %r13d, %eax
    EXPECT(%eax, %r14d)
2:  mov %r13d, %ecx
    lea AREA_CODE + 0x100(%rbp), %rbx
    call *%rbx
    EXPECT(%eax, %r13d)
    ret
operations: .byte 0x05, 0x2d, 0x35, 0x0d
.balign 8
operation_table: .quad do_add, do_sub, do_xor, do_or

rewrite_loop:
    lea AREA_CODE + 0x100 + patch_loop - patch_next(%rbp), %rbx
    movl $1, 2(%rbx)
    xor %edx, %edx
    mov $40, %ecx
    call *%rbx
    EXPECT(%edx, $820) /* the sum of 1 to 40: each turn's operand was written by the turn before */
    ret

/* ---- pages ------------------------------------------------------------------------------------------------------- */
/* puts the entry rsi where the window's first page is, and forgets the old one by invlpg or by cr3; rbx is the window */
map_page:
    mov WINDOW(%rbp), %rbx
    mov %rsi, AREA_TABLE(%rbp)
    testb $1, SEED + 2(%rbp)
    jz 1f
    invlpg (%rbx)
    ret
1:  mov %cr3, %rdx
    mov %rdx, %cr3
    ret

remap:
    mov $6, %r13d /* nothing but other pages, so that nothing else makes a translator look again */
1:  call random_page
    lea 0x1000(%rax), %r12d
    call map_page
    call *%rbx
    EXPECT(%eax, %r12d)
    call *%rbx /* it may have learned the way now */
    EXPECT(%eax, %r12d)
    call *%rbx
    EXPECT(%eax, %r12d)
    dec %r13d
    jnz 1b
    call random_page
    lea 0x1000(%rax), %r12d
    call map_page
    call *%rbx
    EXPECT(%eax, %r12d)
    /* its code changed through the other mapping */
    lea -3(%rsi), %rdi
    call random
    mov %eax, 1(%rdi)
    mov %eax, %r13d
    call *%rbx
    EXPECT(%eax, %r13d)
    mov %r12d, 1(%rdi)
    call *%rbx
    EXPECT(%eax, %r12d)
    /* and through this one */
    mov %r13d, 1(%rbx)
    call *%rbx
    EXPECT(%eax, %r13d)
    mov %r12d, 1(%rbx)
    /* code that puts another page under itself */
    call random_page
    lea 0x2000(%rax), %r12d
    lea AREA_TABLE(%rbp), %rdi
    lea 0x100(%rbx), %rdx
    call *%rdx
    EXPECT(%eax, %r12d)
    ret

fault_in:
    /* a fetch from a page that is not there */
    xor %esi, %esi
    call map_page
    call random_page
    lea 0x1000(%rax), %r12d
    mov %rsi, WANTED(%rbp)
    incl FAULTS_WANTED(%rbp)
    call *%rbx
    EXPECT(%eax, %r12d)
    /* rep movsb into a page that is there and one that is not */
    mov $(0x2000 / 4), %ecx
    lea AREA_SOURCE(%rbp), %rdi
    call random
1:  add $0x01234567, %eax
    stosl
    dec %ecx
    jnz 1b
    lea AREA_TARGET + 3(%rbp), %rax
    mov %rax, AREA_TABLE + 8(%rbp)
    invlpg 0x1000(%rbx)
    movq $0, AREA_TABLE + 16(%rbp)
    invlpg 0x2000(%rbx)
    add $0x1000, %rax
    mov %rax, WANTED(%rbp)
    incl FAULTS_WANTED(%rbp)
    call random
    mov %eax, %r12d
    and $0x7ff, %r12d
    lea 0x1100(%rbx, %r12), %rdi /* to 0x100 to 0x8ff of the first page */
    lea AREA_SOURCE(%rbp), %rsi
    mov $0x1000, %ecx
    rep movsb
    EXPECT(%ecx, $0)
    lea 0x2100(%rbx, %r12), %rax
    EXPECT(%rdi, %rax)
    lea AREA_SOURCE(%rbp), %rsi
    lea AREA_TARGET + 0x100(%rbp, %r12), %rdi
    mov $0x1000, %ecx
    repe cmpsb
    EXPECT_IF(z)
    ret

page_fault: /* puts the wanted entry in; faults elsewhere are failures */
    push %rax
    push %rcx
    mov %cr2, %rax
    sub WINDOW(%rbp), %rax
    cmp $0x3000, %rax
    jae 1f
    shr $12, %eax
    mov WANTED(%rbp), %rcx
    mov %rcx, AREA_TABLE(%rbp, %rax, 8)
    incl FAULTS(%rbp)
    pop %rcx
    pop %rax
    add $8, %rsp
    iretq
1:  FAIL

/* ---- modes ------------------------------------------------------------------------------------------------------- */
change_modes:
    call random
    mov %eax, START(%rbp)
    mov %eax, %r12d
    lea AREA_CODE + 0x200(%rbp), %rdx
    call *%rdx
    call *%rdx
    call *%rdx
    add $3, %r12d
    EXPECT(%eax, %r12d)
    mov START(%rbp), %eax
    COMPUTE
    mov %eax, %r12d
    push %r12
    cli
    mov %rsp, SAVED_SP(%rbp)
    pushq $SEL_CODE32
    pushq $compatible
    lretq

.code32
compatible:
    mov $SEL_DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    sti
    mov START(%ebp), %eax
    COMPUTE
    mov %eax, RESULT_COMPAT(%ebp)
    mov START(%ebp), %eax
    lea AREA_CODE + 0x200(%ebp), %edx
    call *%edx
    mov %eax, TWOFOLD_COMPAT(%ebp)
    AWAIT_TICK(TICKS64, %ds:)
    cli
    /* paging off: out of long mode */
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    mov $0xc0000080, %ecx
    rdmsr
    and $~0x100, %eax
    wrmsr
    lidtl idtr32
    sti
    mov START(%ebp), %eax
    COMPUTE
    mov %eax, RESULT_PROTECTED(%ebp)
    mov START(%ebp), %eax
    lea AREA_CODE + 0x200(%ebp), %edx
    call *%edx
    mov %eax, TWOFOLD_PROTECTED(%ebp)
    AWAIT_TICK(TICKS32, %ds:)
    cli
    ljmp $SEL_CODE16, $OFF(protected16)

.code16
protected16:
    mov $SEL_DATA16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov %ax, %gs
    mov $SEL_DATA32, %ax /* real mode keeps fs's limit: it reaches all memory */
    mov %ax, %fs
    mov %cr0, %eax
    and $0xfe, %al
    mov %eax, %cr0
    ljmp $0xf000, $OFF(real)
real:
    mov %fs:NUMBER(%ebp), %eax
    shl $8, %eax
    add $0x2000, %eax
    mov %ax, %ss
    mov $0x1000, %sp
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %gs
    lidtl %cs:OFF(idtr16)
    sti
    mov %fs:START(%ebp), %eax
    COMPUTE
    mov %eax, %fs:RESULT_REAL(%ebp)
    AWAIT_TICK(TICKS16, %fs:)
    cli
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $protected_again

.code32
protected_again:
    ENTER_LONG(back)
.code64
back:
    lidt idtr64
    mov SAVED_SP(%rbp), %rsp
    sti
    pop %r12
    mov START(%rbp), %edx
    EXPECT(%edx, TWOFOLD_COMPAT(%rbp))
    EXPECT(%edx, TWOFOLD_PROTECTED(%rbp))
    mov RESULT_COMPAT(%rbp), %eax
    EXPECT(%eax, %r12d)
    mov RESULT_PROTECTED(%rbp), %eax
    EXPECT(%eax, %r12d)
    mov RESULT_REAL(%rbp), %eax
    EXPECT(%eax, %r12d)
    ret

/* ---- interrupts of the timer ---------------------------------------------------------------------------------------- */
tick64:
    push %rax
    push %rdi
    addl $1, TICKS64(%rbp)
    imul $7919, TICKS64(%rbp), %eax
    and $0x1ffff, %eax
    add $30000, %eax
    mov $APIC, %edi
    movl $0, 0xb0(%rdi)
    mov %eax, 0x380(%rdi)
    pop %rdi
    pop %rax
    iretq

.code32
tick32:
    push %eax
    REARM(TICKS32, %ds:)
    pop %eax
    iretl

.code16
tick16:
    push %eax
    REARM(TICKS16, %fs:)
    pop %eax
    iretw

/* ---- the start of the other processors ------------------------------------------------------------------------------- */
other:
    cli
    lgdtl %cs:OFF(guest_gdtr)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $other32
.code32
other32:
    ENTER_LONG(other64)
.code64
other64:
    lidt idtr64
    mov $1f, %r12d
    jmp work
1:  hlt
    jmp 1b

.balign 2
idtr16: .word 0x3ff
    .long 0
idtr32: .word 0x7ff
    .long IDT32
idtr64: .word 0xfff
    .quad IDT
