/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating point basics: x87 loads, arithmetic, stores, compare, status and control words, fxsave; SSE and SSE2 scalar
 * and packed arithmetic, conversion, shuffles, integer vectors; device not available through CR0.TS. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

guest_main:
    mov %cr0, %rax
    and $~0x4, %rax /* no emulation */
    or $0x22, %rax  /* MP, NE */
    mov %rax, %cr0
    mov %cr4, %rax
    or $0x600, %rax /* OSFXSR, OSXMMEXCPT */
    mov %rax, %cr4
    fninit
    fnstcw SCRATCH
    mov SCRATCH, %ax
    EXPECT(%ax, $0x37f)
    fnstsw %ax
    EXPECT(%ax, $0)

    /* (2 + 3) * 7 / 5 = 7 */
    fld1
    fadd %st, %st
    filds three
    faddp
    fimuls seven
    fidivs five
    fistpl SCRATCH
    mov SCRATCH, %eax
    EXPECT(%eax, $7)
    /* square root of 2, as a double */
    fld1
    fadd %st, %st
    fsqrt
    fstpl SCRATCH
    mov SCRATCH, %rax
    movabs $0x3ff6a09e667f3bcd, %rbx
    EXPECT(%rax, %rbx)
    /* pi in extended precision */
    fldpi
    fstpt SCRATCH
    mov SCRATCH, %rax
    movabs $0xc90fdaa22168c235, %rbx
    EXPECT(%rax, %rbx)
    mov SCRATCH + 8, %ax
    EXPECT(%ax, $0x4000)
    /* compare sets the CPU's flags */
    fld1
    fldz
    fcomip %st(1), %st
    EXPECT_IF(b)
    fstp %st
    /* divided by zero: infinity, and the sticky flag */
    fld1
    fldz
    fdivrp %st, %st(1)
    fstpl SCRATCH
    fnstsw %ax
    test $4, %al
    mov SCRATCH + 4, %ebx
    fnclex
    /* rounding modes: 2.5 to nearest even, then up */
    fldl two_and_half
    fistl SCRATCH
    mov SCRATCH, %eax
    EXPECT(%eax, $2)
    movw $0xb7f, SCRATCH + 8
    fldcw SCRATCH + 8
    fistpl SCRATCH
    mov SCRATCH, %eax
    EXPECT(%eax, $3)
    fninit

    /* SSE2 scalar */
    movsd two_and_half, %xmm0
    addsd %xmm0, %xmm0
    mulsd two_and_half, %xmm0
    movq %xmm0, %rax
    movabs $0x4029000000000000, %rbx /* 12.5 */
    EXPECT(%rax, %rbx)
    movsd two_and_half, %xmm0
    mulsd %xmm0, %xmm0
    sqrtsd %xmm0, %xmm1
    divsd %xmm1, %xmm0
    ucomisd %xmm1, %xmm0
    EXPECT_IF(z)
    cvttsd2si two_and_half, %eax
    EXPECT(%eax, $2)
    cvtsd2si two_and_half, %rax
    EXPECT(%rax, $2)
    mov $-7, %eax
    cvtsi2sd %eax, %xmm2
    cvtsd2ss %xmm2, %xmm2
    movd %xmm2, %eax
    EXPECT(%eax, $0xc0e00000)
    /* a comparison with not-a-number is unordered */
    xorps %xmm3, %xmm3
    divss %xmm3, %xmm3
    ucomiss %xmm3, %xmm3
    EXPECT_IF(p)
    stmxcsr SCRATCH
    mov SCRATCH, %eax
    and $1, %eax
    EXPECT(%eax, $1)
    movl $0x1f80, SCRATCH
    ldmxcsr SCRATCH

    /* packed */
    movaps floats, %xmm4
    addps %xmm4, %xmm4
    shufps $0x1b, %xmm4, %xmm4
    cvttps2dq %xmm4, %xmm5
    movd %xmm5, %eax
    EXPECT(%eax, $8)
    pshufd $3, %xmm5, %xmm6
    movd %xmm6, %eax
    EXPECT(%eax, $2)
    /* integer vectors */
    movdqa integers, %xmm7
    paddd integers, %xmm7
    pcmpeqd doubled, %xmm7
    pmovmskb %xmm7, %eax
    EXPECT(%eax, $0xffff)
    movdqu integers + 4, %xmm8
    pxor %xmm8, %xmm8
    punpcklbw %xmm8, %xmm8
    movq %xmm8, %rax
    EXPECT(%rax, $0)
    pcmpeqb %xmm9, %xmm9
    psrldq $8, %xmm9
    movq %xmm9, %rax
    EXPECT(%rax, $-1)
    movhlps %xmm9, %xmm9
    movq %xmm9, %rax
    EXPECT(%rax, $0)

    /* fxsave and back */
    fld1
    movsd two_and_half, %xmm15
    fxsave64 SCRATCH + 0x100
    fninit
    xorps %xmm15, %xmm15
    fxrstor64 SCRATCH + 0x100
    fistpl SCRATCH
    mov SCRATCH, %eax
    EXPECT(%eax, $1)
    movq %xmm15, %rax
    EXPECT(%rax, two_and_half)

    /* unaligned where alignment is asked for: #GP */
    SET_GATE(13, protection)
    mov $1f, %ebx
    movaps floats + 4, %xmm0
1:  EXPECT(%ebp, $0x600d)
    /* an unmasked SIMD exception: #XM, the destination as it was, the flag set; the vCPU's thread takes a host trap for it.
     * The oracle (QEMU's TCG) never raises it. */
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx
    je 2f
    SET_GATE(19, simd_error)
    xor %ebp, %ebp
    movl $0x1d80, SCRATCH /* division by zero unmasked */
    ldmxcsr SCRATCH
    movaps floats, %xmm0
    xorps %xmm1, %xmm1
    mov $1f, %ebx
    divps %xmm1, %xmm0
1:  EXPECT(%ebp, $0x13)
    movd %xmm0, %eax
    EXPECT(%eax, $0x3f800000)
    stmxcsr SCRATCH
    mov SCRATCH, %eax
    EXPECT(%eax, $0x1d84)
    movl $0x1f80, SCRATCH
    ldmxcsr SCRATCH
2:
    /* task switched: #NM for both kinds, until clts */
    SET_GATE(7, not_available)
    mov %cr0, %rax
    or $8, %rax
    mov %rax, %cr0
    xor %ebp, %ebp
    fld1
    EXPECT(%ebp, $1)
    mov %cr0, %rax
    or $8, %rax
    mov %rax, %cr0
    addps %xmm0, %xmm0
    EXPECT(%ebp, $2)
    PASS

protection:
    add $8, %rsp
    mov $0x600d, %ebp
    mov %rbx, (%rsp)
    iretq
simd_error:
    mov $0x13, %ebp
    mov %rbx, (%rsp)
    iretq
not_available:
    clts
    inc %ebp
    iretq

.balign 16
floats:
    .float 1, 2, 3, 4
integers:
    .long 1, -2, 0x7fffffff, 100
doubled:
    .long 2, -4, 0xfffffffe, 200
two_and_half:
    .double 2.5
three:
    .word 3
five:
    .word 5
seven:
    .word 7
