/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An interrupt that waits while it is masked: code runs on meanwhile (tests/cli/jit-test.py counts how often it is left), and the interrupt
 * comes at once when STI, POPF, IRET or HLT let it.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define HEARD 0x600
#define SELF 0x40050
#define TURNS 100000

/* One is sent to itself, and not heard in so many turns of a loop. */
#define WAITS cli; movl $SELF, 0x300(%r15); mov $TURNS, %ecx; 75: dec %ecx; jnz 75b; EXPECT(HEARD, %ebx)
#define COMES inc %ebx; EXPECT(HEARD, %ebx)

guest_main:
    mov $0xfee00000, %r15d
    movl $0x1ff, 0xf0(%r15)
    SET_GATE(0x50, heard)
    movl $0, HEARD
    xor %ebx, %ebx
    mov $20, %r14d
1:
    WAITS
    sti
    nop
    COMES

    WAITS
    pushfq
    orl $0x200, (%rsp)
    popfq
    COMES

    WAITS
    mov %rsp, %rax
    push $SEL_DATA64
    push %rax
    pushfq
    orl $0x200, (%rsp)
    push $SEL_CODE64
    lea 2f(%rip), %rax
    push %rax
    iretq
2:  COMES

    WAITS
    sti
    hlt
    COMES

    WAITS
    mov $SCRATCH, %esi
    lea 1(%rsi), %rdi
    mov $TURNS, %ecx
    rep movsb
    EXPECT(%ecx, $0)
    EXPECT(HEARD, %ebx)
    call lets_it /* in another page */
    COMES

    dec %r14d
    jnz 1b
    PASS

heard:
    incl HEARD
    movl $0, 0xb0(%r15)
    iretq

    .balign 4096
lets_it:
    sti
    ret
