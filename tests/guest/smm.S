/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System management mode: an SMI by the APM port, the save area at SMBASE + 0xfe00 with revision 0x20064, the state on entry, RSM to
 * long mode with every register, SMBASE relocation, RSM outside of it (AMD APM vol. 2, chapter 10). */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define SMBASE0 0x30000
#define SMBASE1 0x40000
#define COUNT SCRATCH
#define SAW SCRATCH + 0x10 /* written by the handler: cr0, eflags, cs, revision, rip */

guest_main:
    SET_GATE(6, undefined)
    movl $0, COUNT
    /* RSM is undefined outside SMM */
    xor %ebx, %ebx
    .byte 0x0f, 0xaa
    EXPECT(%ebx, $6)
    /* the handler to both places */
    mov $handler, %esi
    mov $SMBASE0 + 0x8000, %edi
    mov $(handler_end - handler), %ecx
    rep movsb
    mov $handler, %esi
    mov $SMBASE1 + 0x8000, %edi
    mov $(handler_end - handler), %ecx
    rep movsb
    /* PIIX4's power management function (0:1.3): power-management base 0x600, enabled, SMI for writes to port 0xb2 */
    mov $0x80000b40, %eax
    mov $0xcf8, %edx
    out %eax, %dx
    mov $0x601, %eax
    mov $0xcfc, %edx
    out %eax, %dx
    mov $0x80000b80, %eax
    mov $0xcf8, %edx
    out %eax, %dx
    mov $1, %al
    mov $0xcfc, %edx
    out %al, %dx
    mov $0x80000b58, %eax
    mov $0xcf8, %edx
    out %eax, %dx
    mov $0xcfc, %edx
    in %dx, %eax
    or $0x02000000, %eax
    out %eax, %dx

    mov $0x1122334455667788, %rax
    mov %rax, %r15
    mov %rax, %r8
    mov %rax, %rbp
    not %rbp
    mov %rsp, %r14
    xor %ebx, %ebx
    stc
    mov $1, %al
    out %al, $0xb2
1:  mov COUNT, %ecx
    cmp $1, %ecx
    jne 1b
    mov $0x1122334455667788, %rax
    EXPECT(%r15, %rax)
    EXPECT(%r8, %rax)
    not %rax
    EXPECT(%rbp, %rax)
    EXPECT(%rsp, %r14)
    EXPECT(%ebx, $0x1234) /* the handler changed it in the save area */
    mov SAW, %eax
    and $0x80000001, %eax
    EXPECT(%eax, $0)
    mov SAW + 4, %eax
    EXPECT(%eax, $2)
    mov SAW + 8, %eax
    EXPECT(%eax, $(SMBASE0 >> 4))
    mov SAW + 12, %eax
    EXPECT(%eax, $0x20064)
    mov %cr0, %rax
    test $0x80000000, %eax
    EXPECT_IF(nz)
    /* again: at the base that the handler chose */
    mov $2, %al
    out %al, $0xb2
1:  mov COUNT, %ecx
    cmp $2, %ecx
    jne 1b
    mov SAW + 8, %eax
    EXPECT(%eax, $(SMBASE1 >> 4))
    PASS

undefined:
    mov $6, %ebx
    addq $2, (%rsp)
    iretq

.code16
/* CS base is SMBASE; data segments are flat from 0 */
handler:
    mov %cr0, %eax
    addr32 mov %eax, SAW
    mov $0x9000, %esp
    pushfl
    popl %eax
    addr32 mov %eax, SAW + 4
    xor %eax, %eax
    mov %cs, %ax
    addr32 mov %eax, SAW + 8
    mov %cs:0xfefc, %eax
    addr32 mov %eax, SAW + 12
    movl $SMBASE1, %cs:0xff00
    movl $0x1234, %cs:0xffe0 /* rbx */
    addr32 incl COUNT
    rsm
handler_end:
.code64
