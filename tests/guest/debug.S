/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug exceptions (SDM vol. 3, chapter 17): single step, breakpoints on code, data and (not on the oracle) I/O, ICEBP, DR6's bits,
 * RF, the shadow of a stack segment load, DR4/5 and general detect. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define COUNT SCRATCH
#define SAW_DR6 (SCRATCH + 8)
#define SAW_RIP (SCRATCH + 16)
#define SAW_FLAGS (SCRATCH + 24)
#define DATA (SCRATCH + 0x100)

guest_main:
    SET_GATE(1, debug_exception)
    SET_GATE(6, undefined)
    movq $0, COUNT

    /* single step: one trap an instruction, after it; TF is clear in the handler */
    pushf
    orl $0x100, (%rsp)
    popf
    nop
step1:
    nop
step2:
    pushf
    andl $~0x100, (%rsp)
    popf
step3:
    mov COUNT, %rax
    EXPECT(%rax, $5)
    mov SAW_RIP, %rax
    EXPECT(%rax, $step3)
    mov SAW_DR6, %eax
    EXPECT(%eax, $0xffff4ff0)

    /* an instruction breakpoint: a fault before it, once; RF lets it go on */
    movq $0, COUNT
    mov $here, %rax
    mov %rax, %dr0
    mov $0x402, %eax
    mov %rax, %dr7
    mov $0xffff0ff0, %eax
    mov %rax, %dr6
    xor %ebx, %ebx
here:
    inc %ebx
    EXPECT(%ebx, $1)
    mov COUNT, %rax
    EXPECT(%rax, $1)
    mov SAW_RIP, %rax
    EXPECT(%rax, $here)
    mov SAW_DR6, %eax
    EXPECT(%eax, $0xffff0ff1)
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx /* the oracle (QEMU's TCG) does not set RF in the frame of a fault */
    je 1f
    mov SAW_FLAGS, %eax
    test $0x10000, %eax
    EXPECT_IF(nz)
1:

    /* data breakpoints: a trap after the access; writes only on 1, reads and writes on 2 */
    movq $0, COUNT
    mov $DATA, %rax
    mov %rax, %dr1
    mov $DATA + 8, %rax
    mov %rax, %dr2
    mov $0x400 | 0x8 | 0x20 | 0xd << 20 | 0xf << 24, %eax
    mov %rax, %dr7
    mov DATA, %ebx
    mov COUNT, %rax
    EXPECT(%rax, $0)
    movb $1, DATA + 3
after1:
    mov COUNT, %rax
    EXPECT(%rax, $1)
    mov SAW_RIP, %rax
    EXPECT(%rax, $after1)
    mov SAW_DR6, %eax
    EXPECT(%eax, $0xffff0ff2)
    mov DATA + 10, %bx
after2:
    mov COUNT, %rax
    EXPECT(%rax, $2)
    mov SAW_RIP, %rax
    EXPECT(%rax, $after2)
    mov SAW_DR6, %eax
    EXPECT(%eax, $0xffff0ff4)
    mov DATA + 12, %ebx
    movl $1, DATA - 4
    mov COUNT, %rax
    EXPECT(%rax, $2)
    mov $0x400, %eax
    mov %rax, %dr7
    movl $1, DATA
    mov COUNT, %rax
    EXPECT(%rax, $2)

    /* ICEBP, which the oracle takes for a breakpoint of its debugger */
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx
    je 1f
    .byte 0xf1
after3:
    mov COUNT, %rax
    EXPECT(%rax, $3)
    mov SAW_RIP, %rax
    EXPECT(%rax, $after3)
1:

    /* DR4 is DR6 unless CR4.DE */
    mov $0xffff0ff0, %eax
    mov %rax, %dr6
    mov %dr4, %rbx
    EXPECT(%ebx, %eax)
    mov %cr4, %rax
    or $8, %eax
    mov %rax, %cr4
    xor %ebx, %ebx
    mov %dr4, %rax
    EXPECT(%ebx, $6)

    /* general detect: the oracle (QEMU's TCG) leaves GD set for the handler */
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx
    je 1f
    movq $0, COUNT
    mov $0x2400, %eax
    mov %rax, %dr7
    mov %dr0, %rax
    mov COUNT, %rax
    EXPECT(%rax, $1)
    mov SAW_DR6, %eax
    test $0x2000, %eax
    EXPECT_IF(nz)
1:  PASS

debug_exception:
    push %rax
    incq COUNT
    mov %dr6, %rax
    mov %rax, SAW_DR6
    mov $0xffff0ff0, %eax
    mov %rax, %dr6
    mov 8(%rsp), %rax
    mov %rax, SAW_RIP
    mov 24(%rsp), %rax
    mov %rax, SAW_FLAGS
    orl $0x10000, 24(%rsp)
    pushf
    pop %rax
    test $0x100, %eax
    jz 1f
    FAIL
1:  pop %rax
    iretq

undefined:
    mov $6, %ebx
    addq $3, (%rsp)
    iretq
