/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kernels do all the time, twice so that the second turn runs what was translated: CLI, STI, PUSHFQ, POPFQ, bases of FS and GS. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define FLAGS(mask) \
    pushfq; \
    pop %rax; \
    and $(mask), %eax

guest_main:
    mov $SCRATCH, %ebp
    mov %cr4, %rax
    or $0x10000, %eax
    mov %rax, %cr4
    mov $2, %r14d
again:
    cmp %eax, %eax
    cli
    FLAGS(0x244)
    EXPECT(%eax, $0x44)
    xor %ecx, %ecx
    sub $1, %ecx /* CF, SF, PF, AF live across STI and POPFQ */
    sti
    nop
    FLAGS(0x2d5)
    EXPECT(%eax, $0x295)
    push $0x46
    popfq
    FLAGS(0x8d5 | 0x200)
    EXPECT(%eax, $0x44)
    push $0x200a97 /* ID is a rarer flag */
    popfq
    FLAGS(0x200ad5)
    EXPECT(%eax, $0x200a95)
    push $2
    popfq
    FLAGS(0x200ad5)
    EXPECT(%eax, $0)

    mov $0x123456789abc, %rax
    wrfsbase %rax
    rdfsbase %rbx
    EXPECT(%rbx, %rax)
    rdfsbase %r9d
    EXPECT(%r9, $0x56789abc)
    wrfsbase %r9d
    rdfsbase %r15
    EXPECT(%r15, $0x56789abc)
    wrgsbase %rbp
    movl $77, SCRATCH
    movl $88, SCRATCH + 0x1000
    swapgs
    lea 0x1000(%rbp), %r10
    wrgsbase %r10
    mov %gs:0, %ecx
    EXPECT(%ecx, $88)
    swapgs
    mov %gs:0, %ecx
    EXPECT(%ecx, $77)
    mov $-1, %rdx
    mov %ss, %edx
    EXPECT(%rdx, $SEL_DATA64)
    mov %cs, %r11
    EXPECT(%r11, $SEL_CODE64)
    dec %r14d
    jnz again
    PASS
