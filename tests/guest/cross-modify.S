/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cross-modifying code: one processor patches what the other runs. By the manual's protocol (Intel SDM vol. 3, 9.1.3: flag, then a
 * serialising instruction); by the breakpoint protocol of operating systems, in which the other one never stops to wait; by plain
 * aligned stores, which the other one must see in time; by breaking a loop that would never end; and by the manual's protocol again, with
 * nothing but the serialising instruction between a long straight run and the new code, to which a direct jump leads. Needs -smp 2.
 *
 * Processors do all of this (the host's own was asked too). QEMU 7.2's software CPU is no oracle here: it passes the first part
 * only, for it can keep a translation of the bytes as they were before the store.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define APIC 0xfee00000
#define AP_PAGE 0x9000
#define AP_STACK 0x1f000
#define CODE_AREA SCRATCH
#define PROTOCOL_ROUNDS 500
#define POKE_ROUNDS 100
#define PLAIN_ROUNDS 500
#define LOOP_ROUNDS 60
#define STRAIGHT_ROUNDS 300
#define STRAIGHT 0x11000 /* a page of straight code */
#define STRAIGHT_END 0x11f00
#define DIVISIONS 560
#define TRAPPED 0x7fffffff

/* Shared words, a cache line each. */
#define FLAG 0x20000    /* the round whose code is ready */
#define WANTED 0x20040  /* what it returns */
#define DONE 0x20080    /* the round that the executing side has run */
#define HEARD 0x200c0   /* interrupts that it has taken */
#define PHASE 0x20100   /* what it shall do */
#define SEEN 0x20140    /* what the code returned last */
#define OLD 0x20180     /* what it may return while it is being patched */
#define TRAPS 0x201c0   /* breakpoints that it ran into */
#define TURNS 0x20200   /* calls that it has made */
#define INSIDE 0x20240  /* the round for which it is in the straight code */

guest_main:
    SET_GATE(3, breakpoint)
    SET_GATE(0x50, heard)
    mov $FLAG, %edi
    xor %eax, %eax
    mov $(0x280 / 8), %ecx
    rep stosq
    movb $0xea, AP_PAGE
    movl $(0xf0000000 | OFF(other)), AP_PAGE + 1
    mov $APIC, %ebx
    movl $0x1ff, 0xf0(%rbx)
    movl $0xc4500, 0x300(%rbx)
    call pause_a_little
    movl $(0xc4600 | AP_PAGE >> 12), 0x300(%rbx)
    call pause_a_little
    movl $(0xc4600 | AP_PAGE >> 12), 0x300(%rbx)

    /* ---- the manual's protocol: code of another length and meaning each time, ready before the flag says so */
    mov $CODE_AREA, %edi
    mov $0x12345678, %r12d
    mov $1, %r13d
1:  imul $1664525, %r12d, %r12d
    add $1013904223, %r12d
    mov %r12d, %ecx
    shr $29, %ecx
    mov $CODE_AREA, %edi
    movb $0xb8, (%rdi) /* mov $r12d, %eax */
    mov %r12d, 1(%rdi)
    add $5, %edi
    mov %r12d, %eax
2:  sub $1, %ecx /* up to seven times inc or not, of two bytes each */
    js 3f
    bt %ecx, %r12d
    jc 4f
    movw $0xc0ff, (%rdi)
    inc %eax
    jmp 5f
4:  movw $0xd0f7, (%rdi)
    not %eax
5:  add $2, %edi
    jmp 2b
3:  movb $0xc3, (%rdi)
    mov %eax, WANTED
    mov %r13d, FLAG
6:  pause
    cmp %r13d, DONE
    jne 6b
    inc %r13d
    cmp $(PROTOCOL_ROUNDS + 1), %r13d
    jne 1b

    /* ---- breakpoint, tail, first byte, with the other one interrupted after each step: it returns old, new or trapped */
    movb $0xb8, CODE_AREA + 64
    movl $1, CODE_AREA + 65
    movb $0xc3, CODE_AREA + 69
    movl $1, OLD
    movl $1, WANTED
    movl $1, PHASE
    mov $2, %r13d
1:  mov %r13d, WANTED
    movb $0xcc, CODE_AREA + 64
    call interrupt_other
    mov %r13d, CODE_AREA + 65
    call interrupt_other
    movb $0xb8, CODE_AREA + 64
    call interrupt_other
    mov %r13d, OLD /* from here on nothing else will do */
    mov TURNS, %eax
    add $2, %eax
2:  pause
    mov TURNS, %ecx
    sub %eax, %ecx
    js 2b
    EXPECT(%r13d, SEEN)
    inc %r13d
    cmp $(POKE_ROUNDS + 2), %r13d
    jne 1b

    /* ---- plain stores of an aligned operand: seen without help */
    movb $0xb8, CODE_AREA + 99 /* mov $0, %eax with its operand aligned; ret */
    movl $0, CODE_AREA + 100
    movb $0xc3, CODE_AREA + 104
    movl $2, PHASE
    mov $1, %r13d
1:  mov %r13d, CODE_AREA + 100
2:  pause
    cmp %r13d, SEEN
    jne 2b
    inc %r13d
    cmp $(PLAIN_ROUNDS + 1), %r13d
    jne 1b

    /* ---- a loop without an end, until its jump is patched away and then put back */
    movl $0, DONE
    movw $0xfeeb, CODE_AREA + 128 /* 1: jmp 1b; ret */
    movb $0xc3, CODE_AREA + 130
    movl $3, PHASE
    mov $1, %r13d
1:  mov %r13d, FLAG
2:  cmp %r13d, HEARD /* it is about to enter the loop */
    pause
    jne 2b
    mov %r13d, %ecx
    and $0xff, %ecx
    inc %ecx
3:  in $0x80, %al
    loop 3b
    movw $0x9090, CODE_AREA + 128
4:  pause
    cmp %r13d, DONE
    jne 4b
    movw $0xfeeb, CODE_AREA + 128
    inc %r13d
    cmp $(LOOP_ROUNDS + 1), %r13d
    jne 1b

    /* ---- no jump backwards, call or return between the flag's reading and the new code */
    call lay_out_straight
    movl $0, FLAG
    movl $0, DONE
    movl $4, PHASE
    mov $1, %r13d
1:  cmp %r13d, INSIDE
    jne 1b
    lea 0x1000(%r13), %eax
    mov %eax, STRAIGHT_END + 1
    mov %r13d, FLAG
2:  pause
    cmp %r13d, DONE
    jne 2b
    inc %r13d
    cmp $(STRAIGHT_ROUNDS + 1), %r13d
    jne 1b
    PASS

/* "I am inside"; what takes a while; the flag is there: serialise and go on to the end of the page; else return -1. */
lay_out_straight:
    mov $straight, %esi
    mov $STRAIGHT, %edi
    mov $(straight_division - straight), %ecx
    rep movsb
    mov $DIVISIONS, %edx
1:  mov $straight_division, %esi
    mov $(straight_tail - straight_division), %ecx
    rep movsb
    dec %edx
    jnz 1b
    mov $(straight_end - straight_tail), %ecx
    rep movsb
    movb $0xe9, (%rdi) /* jmp STRAIGHT_END */
    mov $(STRAIGHT_END - 5), %eax
    sub %edi, %eax
    mov %eax, 1(%rdi)
    movb $0xb8, STRAIGHT_END
    movb $0xc3, STRAIGHT_END + 5
    ret
straight:
    mov %r13d, INSIDE
straight_division:
    xor %edx, %edx
    div %rbx
straight_tail:
    cmp %r13d, FLAG
    je 1f
    mov $-1, %eax
    ret
1:  xor %eax, %eax
    cpuid
straight_end:

pause_a_little:
    mov $2000, %ecx
1:  in $0x80, %al
    loop 1b
    ret

/* Interrupts the other processor and waits until it has returned from that: iret serialises. */
interrupt_other:
    mov HEARD, %eax
    mov $APIC, %ebx
    movl $(1 << 24), 0x310(%rbx)
    movl $0x4050, 0x300(%rbx)
1:  pause
    cmp HEARD, %eax
    je 1b
    ret

heard:
    push %rax
    mov $APIC, %eax
    movl $0, 0xb0(%rax)
    incl HEARD
    pop %rax
    iretq

breakpoint: /* stands for the five bytes that are being patched; rip is behind the int3 */
    cmpq $(CODE_AREA + 65), (%rsp)
    EXPECT_IF(e)
    incl TRAPS
    mov $TRAPPED, %eax
    addq $4, (%rsp)
    iretq

/* ---- the executing side ---------------------------------------------------------------------------------------------- */
.code16
other:
    cli
    lgdtl %cs:OFF(guest_gdtr)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $other32
.code32
other32:
    mov $SEL_DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    LONG_MODE(other64)
.code64
other64:
    lidt idtr64
    mov $AP_STACK, %esp
    mov $APIC, %ebx
    movl $0x1ff, 0xf0(%rbx)

    mov $1, %r13d
1:  pause
    cmp %r13d, FLAG
    jne 1b
    xor %eax, %eax
    cpuid
    mov $CODE_AREA, %ebx
    call *%rbx
    EXPECT(%eax, WANTED)
    mov %r13d, DONE
    inc %r13d
    cmp $(PROTOCOL_ROUNDS + 1), %r13d
    jne 1b
2:  pause
    cmpl $1, PHASE
    jne 2b
    sti

    /* while it is patched: old before new, never a mixture; OLD is read before the call and WANTED behind it */
    mov $(CODE_AREA + 64), %ebx
3:  mov OLD, %r12d
    call *%rbx
    mov %eax, SEEN
    mov WANTED, %r13d
    cmp $TRAPPED, %eax
    je 4f
    cmp %r12d, %eax
    jae 5f
    FAIL
5:  cmp %r13d, %eax
    jbe 4f
    FAIL
4:  incl TURNS
    cmpl $1, PHASE
    je 3b
    cli

    mov $(CODE_AREA + 99), %ebx
6:  call *%rbx
    mov %eax, SEEN
    cmpl $2, PHASE
    je 6b
    movl $0, HEARD

    mov $(CODE_AREA + 128), %ebx
    mov $1, %r13d
7:  pause
    cmp %r13d, FLAG
    jne 7b
    mov %r13d, HEARD
    call *%rbx
    mov %r13d, DONE
    inc %r13d
    cmp $(LOOP_ROUNDS + 1), %r13d
    jne 7b
1:  pause
    cmpl $4, PHASE
    jne 1b

    mov $1, %r13d
9:  mov $1, %ebx
    mov $STRAIGHT, %eax
    call *%rax
    cmp $-1, %eax
    je 9b
    lea 0x1000(%r13), %edx
    EXPECT(%eax, %edx)
    mov %r13d, DONE
    inc %r13d
    cmp $(STRAIGHT_ROUNDS + 1), %r13d
    jne 9b
8:  hlt
    jmp 8b

.balign 2
idtr64: .word 0xfff
    .quad IDT
