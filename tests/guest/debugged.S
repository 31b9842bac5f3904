/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tests/cli/gdb-test.py debugs: a loop that writes a counter, a read of it, registers of all kinds, and a second CPU that
 * is sent to its own loop. Without a debugger it passes by itself. The way here leads through 16-, 32- and 64-bit code.
 */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define COUNTER SCRATCH
#define OTHER (SCRATCH + 64)

guest_main:
    mov $0x1122334455667788, %rax
    mov $5, %ecx
    xor %ebx, %ebx
    fninit
    fld1
    mov %cr4, %rdx
    or $0x600, %edx
    mov %rdx, %cr4
    mov $0x1122334455667788, %rax
    movq %rax, %xmm3
again:
    add %rcx, %rbx
write:
    mov %rbx, COUNTER
written:
    dec %ecx
    jnz again
    EXPECT(%rbx, $15)
    lock incq COUNTER
changed:
    mov COUNTER, %rdx
read:
    EXPECT(%rdx, $16)
    mov $(SCRATCH + 0x200), %edi
    mov $16, %ecx
    mov $0xaa, %al
    rep stosb
stored:
    /* the other CPU: INIT, SIPI to the real-mode code below, at 0x9000 */
    mov $other, %esi
    mov $0x9000, %edi
    mov $(other_end - other), %ecx
    rep movsb
    mov $0xfee00300, %edi
    movl $0xc4500, (%rdi)
    movl $0xc4609, (%rdi)
1:  pause
    cmpl $3, OTHER
    jb 1b
both:
    nop
    PASS

.code16
other:
    xor %ax, %ax
    mov %ax, %ds
    mov $(OTHER >> 4), %ax
    mov %ax, %ds
1:  incl 0
    pause
    jmp 1b
other_end:
