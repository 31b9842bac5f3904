/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMAP (SDM vol. 3, 4.6.1): user pages are out of the supervisor's reach unless RFLAGS.AC is set; STAC and CLAC between accesses of the
 * same pages, in one stretch of code and around interrupts. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define LIN 0x8000000000 /* a user page, and a supervisor's behind it */
#define PDPT 0x23000
#define PD 0x20000
#define PT 0x21000
#define PAGE_USER 0x24000
#define PAGE_SYSTEM 0x22000
#define FAULT_CR2 SCRATCH
#define FAULT_ERROR (SCRATCH + 8)
#define FAULTS (SCRATCH + 16)
#define ROUNDS 3
#define CR4_SMAP 0x200000

/* Faults once, for the user page. */
#define GUARDED(error, ...) movl $0, FAULTS; mov $76f, %r15d; __VA_ARGS__; 76: cmpl $1, FAULTS; je 75f; FAIL; 75: \
    mov FAULT_CR2, %rcx; EXPECT(%rcx, %rsi); mov FAULT_ERROR, %ecx; EXPECT(%ecx, $(error))
#define RUNS(...) movl $0, FAULTS; mov $76f, %r15d; __VA_ARGS__; 76: cmpl $0, FAULTS; je 75f; FAIL; 75:

guest_main:
    SET_GATE(14, page_fault)
    SET_GATE(0x80, guard_up)
    SET_GATE(0x81, guard_lifted)
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    test $0x100000, %ebx
    jnz 1f
    FAIL
1:  andq $~4, TABLES /* all else is the supervisor's */
    movq $(PDPT + 7), TABLES + 8
    movq $(PD + 7), PDPT
    movq $(PT + 7), PD
    movq $(PAGE_USER + 7), PT
    movq $(PAGE_SYSTEM + 3), PT + 8
    mov %cr4, %rax
    or $CR4_SMAP, %rax
    mov %rax, %cr4
    movabs $LIN, %rsi
    mov $ROUNDS, %r14d
again:
    movl $0x1111, PAGE_USER
    movl $0x2222, PAGE_USER + 8
    movl $0x3333, PAGE_SYSTEM
    GUARDED(1, mov (%rsi), %eax)
    GUARDED(3, mov %eax, (%rsi))
    stac
    RUNS(mov (%rsi), %eax)
    EXPECT(%eax, $0x1111)
    RUNS(movl $0x4444, (%rsi))
    RUNS(mov 0x1000(%rsi), %eax)
    EXPECT(%eax, $0x3333)
    clac
    RUNS(mov 0x1000(%rsi), %eax)
    EXPECT(%eax, $0x3333)
    GUARDED(1, mov (%rsi), %eax)
    GUARDED(3, movl $0x5555, (%rsi))
    /* without a jump between them */
    xor %eax, %eax
    GUARDED(1, stac; mov (%rsi), %eax; clac; mov (%rsi), %eax)
    EXPECT(%eax, $0x4444)
    GUARDED(3, stac; mov %r14d, (%rsi); clac; movl $0, (%rsi))
    GUARDED(1, stac; mov (%rsi), %eax; mov 8(%rsi), %edx; clac; mov (%rsi), %edi; mov 8(%rsi), %edi)
    EXPECT(%eax, %r14d)
    EXPECT(%edx, $0x2222)
    RUNS(stac; stac; mov 8(%rsi), %eax; clac; clac; mov 0x1000(%rsi), %eax)
    /* the flag is the interrupted code's again, whatever the handler did */
    stac
    RUNS(mov (%rsi), %eax; int $0x80; mov 8(%rsi), %eax)
    EXPECT(%eax, $0x2222)
    clac
    GUARDED(1, int $0x81; mov (%rsi), %eax)
    /* POPF sets and clears it as well */
    pushf
    pushf
    orl $0x40000, (%rsp)
    popf
    RUNS(mov (%rsi), %eax)
    popf
    GUARDED(1, mov (%rsi), %eax)
    /* no guard without CR4.SMAP */
    mov %cr4, %rax
    and $~CR4_SMAP, %rax
    mov %rax, %cr4
    RUNS(stac; mov (%rsi), %eax; clac; mov (%rsi), %eax)
    mov %cr4, %rax
    or $CR4_SMAP, %rax
    mov %rax, %cr4
    dec %r14d
    jnz again
    PASS

guard_up:
    clac
    mov 0x1000(%rsi), %eax
    iretq

guard_lifted:
    stac
    mov (%rsi), %eax
    iretq

page_fault: /* notes and goes on at r15, with AC as it was */
    push %rax
    mov %cr2, %rax
    mov %rax, FAULT_CR2
    mov 8(%rsp), %rax
    mov %rax, FAULT_ERROR
    incl FAULTS
    pop %rax
    add $8, %rsp
    mov %r15, (%rsp)
    iretq
