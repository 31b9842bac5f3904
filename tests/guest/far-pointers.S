/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading segment registers in protected mode: LDS, LES, LSS, LFS, LGS, MOV and POP, with the faults of each kind of selector; PUSH of
 * them; INTO, BOUND and INT3. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"
#include "tests/guest/task.h"

#define ERROR SCRATCH
#define VECTOR (SCRATCH + 4)
#define RESUME (SCRATCH + 8)
#define AFTER (SCRATCH + 12) /* where the exception came from */
#define GDTR (SCRATCH + 0x40)
#define POINTER (SCRATCH + 0x80)
#define SEL_DATA 0x60
#define SEL_EXECUTE 0x68 /* code that cannot be read */
#define SEL_READ 0x70    /* code that can */
#define SEL_GONE 0x78    /* not present */
#define SEL_RO 0x80      /* data that cannot be written */
#define SEL_DATA3 0x88
#define SEL_BEYOND 0x98

#define FAULTS(vector, error, ...) movl $76f, RESUME; movl $0, VECTOR; __VA_ARGS__; 76: mov VECTOR, %ecx; EXPECT(%ecx, $vector); \
    mov ERROR, %ecx; EXPECT(%ecx, $error)
#define POINT(selector) movl $0x12345678, POINTER; movl $(selector), POINTER + 4

.macro handler vector, has_error
    SET_GATE(\vector, 1f)
    jmp 2f
1:  movl $\vector, %ss:VECTOR
    push %eax
.if \has_error
    mov 4(%esp), %eax
    mov %eax, %ss:ERROR
    pop %eax
    add $4, %esp
    push %eax
.endif
    mov 4(%esp), %eax
    mov %eax, %ss:AFTER
    mov %ss:RESUME, %eax
    mov %eax, 4(%esp)
    pop %eax
    iret
2:
.endm

.macro loads insn, seg
    POINT(SEL_DATA)
    \insn POINTER, %ebx
    EXPECT(%ebx, $0x12345678)
    mov %\seg, %ecx
    EXPECT(%ecx, $SEL_DATA)
    mov $0xffffffff, %ebx
    movw $SEL_DATA32, POINTER + 2
    .byte 0x66
    \insn POINTER, %ebx
    EXPECT(%ebx, $0xffff5678)
    mov %\seg, %ecx
    EXPECT(%ecx, $SEL_DATA32)
    mov $0x55, %ebx
    POINT(SEL_BEYOND)
    FAULTS(13, SEL_BEYOND, \insn POINTER, %ebx)
    EXPECT(%ebx, $0x55)
    POINT(SEL_TSS)
    FAULTS(13, SEL_TSS, \insn POINTER, %ebx)
    POINT(SEL_EXECUTE)
    FAULTS(13, SEL_EXECUTE, \insn POINTER, %ebx)
    mov %\seg, %ecx
    EXPECT(%ecx, $SEL_DATA32)
.endm
.macro loads_data insn, seg
    loads \insn, \seg
    POINT(SEL_GONE)
    FAULTS(11, SEL_GONE, \insn POINTER, %ebx)
    POINT(SEL_READ)
    \insn POINTER, %ebx
    mov %\seg, %ecx
    EXPECT(%ecx, $SEL_READ)
    POINT(2) /* null, with an RPL */
    \insn %ss:POINTER, %ebx
    mov %\seg, %ecx
    EXPECT(%ecx, $2)
.endm

guest_main:
    movw $0x97, GDTR
    movl $GDT, GDTR + 2
    lgdt GDTR
    descriptor SEL_DATA, 0x0000ffff, 0x00cf9200
    descriptor SEL_EXECUTE, 0x0000ffff, 0x00cf9800
    descriptor SEL_READ, 0x0000ffff, 0x00cf9a00
    descriptor SEL_GONE, 0x0000ffff, 0x00cf1200
    descriptor SEL_RO, 0x0000ffff, 0x00cf9000
    descriptor SEL_DATA3, 0x0000ffff, 0x00cff200
    handler 3, 0
    handler 4, 0
    handler 5, 0
    handler 6, 0
    handler 11, 1
    handler 12, 1
    handler 13, 1

    loads_data les, es
    loads_data lfs, fs
    loads_data lgs, gs
    mov $0x40000000, %eax
    cpuid
    cmp $0x54474354, %ebx /* QEMU's TCG lets null selectors through */
    je 3f
    FAULTS(13, 0, mov %es:0, %eax)
    FAULTS(13, 0, incl %gs:0)
3:
    loads lss, ss
    POINT(SEL_GONE)
    FAULTS(12, SEL_GONE, lss POINTER, %ebx)
    POINT(0)
    FAULTS(13, 0, lss POINTER, %ebx)
    POINT(SEL_RO)
    FAULTS(13, SEL_RO, lss POINTER, %ebx)
    POINT(SEL_READ)
    FAULTS(13, SEL_READ, lss POINTER, %ebx)
    POINT(SEL_DATA3)
    FAULTS(13, SEL_DATA3, lss POINTER, %ebx)
    POINT(SEL_DATA + 1)
    FAULTS(13, SEL_DATA, lss POINTER, %ebx)
    POINT(SEL_DATA)
    lds POINTER, %ebx
    mov %ds, %ecx
    EXPECT(%ecx, $SEL_DATA)
    testb $1, GDT + SEL_DATA + 5 /* accessed */
    EXPECT_IF(nz)
    FAULTS(6, SEL_DATA, .byte 0x0f; .byte 0xb2; .byte 0xc0) /* LSS of a register */

    /* MOV and POP */
    mov $SEL_DATA, %eax
    mov %eax, %ss
    mov %ss, %ecx
    EXPECT(%ecx, $SEL_DATA)
    xor %eax, %eax
    FAULTS(13, 0, mov %eax, %ss)
    mov $SEL_DATA32, %eax
    FAULTS(6, 0, .byte 0x8e; .byte 0xc8) /* MOV to CS */
    FAULTS(6, 0, .byte 0x8e; .byte 0xf0) /* to the sixth */
    movl $0xabcd0000 + SEL_DATA, POINTER
    mov POINTER, %ds
    mov %ds, %ecx
    EXPECT(%ecx, $SEL_DATA)
    mov %esp, %ebp
    push $SEL_DATA32
    pop %es
    EXPECT(%esp, %ebp)
    pushw $SEL_DATA
    popw %gs
    EXPECT(%esp, %ebp)
    mov %gs, %ecx
    EXPECT(%ecx, $SEL_DATA)
    push $SEL_GONE
    FAULTS(11, SEL_GONE, pop %fs)
    pop %eax
    EXPECT(%eax, $SEL_GONE) /* the stack pointer is where it was */
    push %es
    pop %ecx
    EXPECT(%cx, $SEL_DATA32)

    /* INTO, BOUND, INT3 */
    xor %eax, %eax
    into
    mov $0x7fffffff, %eax
    inc %eax
    movl $0, ERROR
    FAULTS(4, 0, into)
    mov $0x7fffffff, %eax
    inc %eax
    movl $2f, RESUME
    into
2:  mov AFTER, %eax
    EXPECT(%eax, $2b) /* a trap: behind it */
    movl $-5, POINTER
    movl $9, POINTER + 4
    mov $-5, %eax
    bound %eax, POINTER
    mov $9, %eax
    bound %eax, POINTER
    mov $10, %eax
    movl $2f, RESUME
1:  bound %eax, POINTER
    FAIL
2:  mov AFTER, %eax
    EXPECT(%eax, $1b) /* a fault: at it */
    mov $-6, %eax
    FAULTS(5, 0, bound %eax, POINTER)
    movl $0x0002fffe, POINTER
    mov $0xffff0002, %eax
    bound %ax, POINTER
    mov $3, %eax
    FAULTS(5, 0, bound %ax, POINTER)
    FAULTS(3, 0, int3)
    movl $2f, RESUME
    .byte 0xcd, 3
2:  mov AFTER, %eax
    EXPECT(%eax, $2b)
    PASS
