/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processors that spin, contend for a lock or halt while the first one works. By itself it goes through all of these and looks that
 * each takes part. With a serial port it obeys letters that come there, and answers each by itself: p: the others spin with PAUSE, s:
 * without, l: for a lock, h: they halt, x: the end; anything else: nothing. tests/cli/jit-test.py measures how soon.
 */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"
#include "tests/guest/others.h"

#define VECTOR 0x50
#define COM1 0x3f8
#define PHASE 0x20000 /* a cache line each */
#define NEXT 0x20040  /* how many others there are */
#define LOCKED 0x20080
#define TURNS 0x20100 /* for each processor: what it has done in this phase */

guest_main:
    SET_GATE(VECTOR, heard)
    mov $PHASE, %edi
    xor %eax, %eax
    mov $0x200, %ecx
    rep stosl
    movl $'h', PHASE
    start_others
    mov $0x5f, %al
    out %al, $0x70
    in $0x71, %al
    movzbl %al, %ebx
    await_others NEXT
    mov $(COM1 + 7), %edx /* a register that keeps what is written, where there is a port */
    mov $0x5a, %al
    out %al, %dx
    in %dx, %al
    cmp $0x5a, %al
    je serve

    mov $phases, %esi
2:  lodsb
    test %al, %al
    jz 4f
    call set_phase
    mov NEXT, %ecx
3:  pause
    cmpl $100, TURNS(, %ecx, 4) /* all take part */
    jb 3b
    loop 3b
    jmp 2b
4:  PASS
phases: .asciz "pslpsl"

serve:
    mov $(COM1 + 5), %edx
1:  in %dx, %al
    test $1, %al
    jz 1b
    mov $COM1, %edx
    in %dx, %al
    mov %al, %bl
    cmp $'x', %al
    je 3f
    mov $letters, %edi
    mov $4, %ecx
    repne scasb
    jne 2f
    call set_phase
2:  mov %bl, %al
    mov $COM1, %edx
    out %al, %dx
    jmp serve
3:  PASS
letters: .ascii "pslh"

set_phase: /* to al, and everybody hears of it */
    push %ecx
    movzbl %al, %eax
    mov $16, %ecx
1:  movl $0, TURNS - 4(, %ecx, 4)
    loop 1b
    mov %eax, PHASE
    movl $(0xc4000 | VECTOR), APIC + 0x300
    pop %ecx
    ret

other:
    others_enter NEXT, 0x30000
    movl $0x1ff, APIC + 0xf0
1:  incl TURNS(, %esi, 4)
    cmpl $'p', PHASE
    je 3f
    cmpl $'l', PHASE
    je 4f
    cmpl $'h', PHASE
    jne 1b
    sti
    hlt
    cli
    jmp 1b
3:  pause
    jmp 1b
4:  mov $1, %eax
5:  xchg %eax, LOCKED
    test %eax, %eax
    jz 7f
6:  pause
    cmpl $0, LOCKED
    jne 6b
    mov $1, %eax
    jmp 5b
7:  mov $50, %ecx /* held for a while */
    loop .
    movl $0, LOCKED
    jmp 1b

heard:
    movl $0, APIC + 0xb0
    iret
