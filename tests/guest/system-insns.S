/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that show or set the processor's state and cannot run beside the host's: XGETBV, RDTSCP, RDPID, RDRAND, RDSEED, RDPMC,
 * LMSW, SMSW, CLAC, STAC, string I/O with faults in the middle, INT3. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define VECTOR SCRATCH
#define RESUME (SCRATCH + 8)
#define AFTER (SCRATCH + 16)
#define CPUID_7_EBX (SCRATCH + 24)
#define CPUID_7_ECX (SCRATCH + 28)
#define CPUID_1_ECX (SCRATCH + 32)
#define IS_QEMU (SCRATCH + 36)
#define BUFFER (SCRATCH + 0x1000)
#define ARITHMETIC 0x8d5
#define HOLE 0x40000000 /* a page that is not there; below it there is no memory either */

#define FAULTS(vector, ...) movq $76f, RESUME; movq $0, VECTOR; __VA_ARGS__; FAIL; 76: mov VECTOR, %r15d; EXPECT(%r15d, $vector)
#define SKIP_UNLESS(word, bit, label) testl $(1 << (bit)), word; jz label
#define FLAGS(mask) pushfq; pop %rbx; and $(mask), %ebx

.macro draws insn
    mov $-1, %rdx
    \insn %rdx
    FLAGS(ARITHMETIC)
    EXPECT(%ebx, $1) /* there is always one: CF, and no other flag */
    \insn %rsi
    EXPECT_IF(c)
    cmp %rsi, %rdx
    EXPECT_IF(ne)
    mov $-1, %rdx
    \insn %edx
    mov %rdx, %rsi
    shr $32, %rsi
    EXPECT(%esi, $0)
    mov $0x11223344, %edx
    \insn %dx
    shr $16, %edx
    EXPECT(%edx, $0x1122)
.endm

.macro handler vector, has_error
    SET_GATE(\vector, 1f)
    jmp 2f
1:  movl $\vector, VECTOR
.if \has_error
    add $8, %rsp
.endif
    push %rax
    mov 8(%rsp), %rax
    mov %rax, AFTER
    mov RESUME, %rax
    mov %rax, 8(%rsp)
    pop %rax
    iretq
2:
.endm

guest_main:
    handler 3, 0
    handler 6, 0
    handler 13, 1
    handler 14, 1
    mov $1, %eax
    cpuid
    mov %ecx, CPUID_1_ECX
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    mov %ebx, CPUID_7_EBX
    mov %ecx, CPUID_7_ECX
    mov $0x40000000, %eax
    cpuid
    movl $0, IS_QEMU
    cmp $0x54474354, %ebx
    sete IS_QEMU

    /* XGETBV, XSETBV */
    xor %ecx, %ecx
    FAULTS(6, xgetbv)
    SKIP_UNLESS(CPUID_1_ECX, 26, 1f)
    mov %cr4, %rax
    or $0x40200, %eax
    mov %rax, %cr4
    mov $1, %eax
    cpuid
    bt $27, %ecx /* OSXSAVE shows it */
    EXPECT_IF(c)
    xor %ecx, %ecx
    xgetbv
    EXPECT(%eax, $1)
    EXPECT(%edx, $0)
    mov $3, %eax
    xsetbv
    xgetbv
    EXPECT(%eax, $3)
    mov $2, %eax
    FAULTS(13, xsetbv) /* without x87 */
    mov $5, %eax
    FAULTS(13, xsetbv) /* AVX without SSE */
    mov $3, %eax
    mov $0x80000000, %edx
    FAULTS(13, xsetbv)
    xor %edx, %edx
    mov $9, %ecx
    FAULTS(13, xsetbv)
    FAULTS(13, xgetbv)
1:

    /* RDTSCP, RDPID */
    mov $0x80000001, %eax
    cpuid
    bt $27, %edx
    jnc 1f
    mov $0xc0000103, %ecx
    mov $0x1234abcd, %eax
    xor %edx, %edx
    wrmsr
    rdtsc
    shl $32, %rdx
    lea (%rdx, %rax), %rsi
    mov $-1, %rcx
    rdtscp
    EXPECT(%rcx, $0x1234abcd)
    shl $32, %rdx
    add %rdx, %rax
    cmp %rsi, %rax
    EXPECT_IF(ae)
    SKIP_UNLESS(CPUID_7_ECX, 22, 1f)
    mov $-1, %rdx
    .byte 0xf3, 0x0f, 0xc7, 0xfa /* rdpid %rdx */
    EXPECT(%rdx, $0x1234abcd)
1:

    /* RDRAND, RDSEED */
    SKIP_UNLESS(CPUID_1_ECX, 30, 1f)
    draws rdrand
1:  SKIP_UNLESS(CPUID_7_EBX, 18, 1f)
    draws rdseed
1:

    /* RDPMC: no such counter */
    cmpb $0, IS_QEMU
    jne 1f
    mov $0x100, %ecx
    FAULTS(13, rdpmc)
1:

    /* LMSW sets PE, MP, EM, TS and cannot clear PE; SMSW */
    mov $0xe, %eax
    lmsw %ax
    mov %cr0, %rax
    and $0xf, %eax
    EXPECT(%eax, $0xf)
    smsw %rbx
    mov %cr0, %rax
    EXPECT(%rbx, %rax)
    movl $-1, BUFFER
    smsw BUFFER
    mov BUFFER, %ebx
    or $0xffff0000, %eax
    EXPECT(%ebx, %eax)
    movw $0, BUFFER
    lmsw BUFFER
    mov %cr0, %rax
    and $0xf, %eax
    EXPECT(%eax, $1)

    /* CLAC, STAC */
    SKIP_UNLESS(CPUID_7_EBX, 20, 1f)
    stac
    FLAGS(0x40000)
    EXPECT(%ebx, $0x40000)
    clac
    FLAGS(0x40000)
    EXPECT(%ebx, $0)
1:

    /* string I/O; port 0x92 reads the same all the time */
    in $0x92, %al
    mov %al, %bl
    mov $0x92, %edx
    mov $BUFFER, %edi
    mov $3, %ecx
    movl $0, BUFFER
    rep insb
    EXPECT(%ecx, $0)
    EXPECT(%edi, $(BUFFER + 3))
    mov BUFFER + 2, %al
    EXPECT(%al, %bl)
    mov BUFFER + 3, %al
    EXPECT(%al, $0)
    std
    insb
    cld
    EXPECT(%edi, $(BUFFER + 2))
    mov BUFFER + 3, %al
    EXPECT(%al, %bl)
    mov $0x80, %edx
    mov $BUFFER, %esi
    mov $5, %ecx
    rep outsb
    EXPECT(%ecx, $0)
    EXPECT(%esi, $(BUFFER + 5))
    mov $0x92, %edx
    mov $0xff, %ecx
    rep insb %dx, (%edi) /* address size 32 */
    EXPECT(%ecx, $0)
    /* the page after the third byte is not there: what is done is done, and the registers say so */
    movl $0, TABLES + 0x2000 + (HOLE >> 21) * 8
    mov %cr3, %rax
    mov %rax, %cr3
    mov $(HOLE - 3), %rdi
    mov $8, %ecx
1:  FAULTS(14, rep insb)
    EXPECT(%ecx, $5)
    EXPECT(%rdi, $HOLE)
    mov %cr2, %rax
    EXPECT(%rax, $HOLE)
    mov $0x80, %edx
    mov $(HOLE - 2), %rsi
    mov $4, %ecx
    FAULTS(14, rep outsw)
    EXPECT(%ecx, $3)
    EXPECT(%rsi, $HOLE)

    /* INT3 is a trap; CD 03 too */
    movq $2f, RESUME
    int3
1:  FAIL
2:  mov AFTER, %rax
    EXPECT(%rax, $1b)
    movq $2f, RESUME
    .byte 0xcd, 3
1:  FAIL
2:  mov AFTER, %rax
    EXPECT(%rax, $1b)
    FAULTS(6, .byte 0xce) /* INTO: not in 64-bit code */
    PASS
