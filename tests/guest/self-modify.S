/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code that changes: an immediate before its loop, the instruction after the store, another page's function, code
 * written through a second mapping of its page, and code written by rep movs. */
#define GUEST_MODE MODE_LONG
#include "tests/guest/guest.h"

#define CODE_A SCRATCH
#define CODE_B (SCRATCH + 0x1000)
#define ALIAS 0x80000000 /* mapped to the first 2 MiB as well */

guest_main:
    /* a function in RAM: mov $1, %eax; ret */
    movb $0xb8, CODE_A
    movl $1, CODE_A + 1
    movb $0xc3, CODE_A + 5
    mov $CODE_A, %ebx
    call *%rbx
    EXPECT(%eax, $1)
    /* its immediate changes a thousand times */
    xor %ebp, %ebp
1:  inc %ebp
    mov %ebp, CODE_A + 1
    call *%rbx
    EXPECT(%eax, %ebp)
    cmp $1000, %ebp
    jne 1b

    /* a block that changes its own next instruction: copied to RAM and run there */
    mov $patching, %esi
    mov $CODE_B, %edi
    mov $(patching_end - patching), %ecx
    rep movsb
    mov $CODE_B, %ebx
    call *%rbx
    EXPECT(%eax, $0x2222)

    /* written through another address: the first 2 MiB also at ALIAS */
    mov TABLES + 0x2000, %rax
    mov %rax, TABLES + 0x4000
    mov %cr3, %rax
    mov %rax, %cr3
    mov $CODE_A, %ebx
    call *%rbx
    EXPECT(%eax, $1000)
    mov $ALIAS, %edi
    movl $77, CODE_A + 1(%rdi)
    call *%rbx
    EXPECT(%eax, $77)

    /* code across two pages, its second half changed */
    movw $0xb848, CODE_B - 2 /* mov imm64, %rax; ret */
    movabs $0x1111222233334444, %rax
    mov %rax, CODE_B
    movb $0xc3, CODE_B + 8
    mov $(CODE_B - 2), %ebx
    call *%rbx
    movabs $0x1111222233334444, %rcx
    EXPECT(%rax, %rcx)
    movl $0x55556666, CODE_B
    call *%rbx
    movabs $0x1111222255556666, %rcx
    EXPECT(%rax, %rcx)

    /* replaced by another page under the same address */
    mov $replacement, %esi
    mov $(0x200000 + CODE_A), %edi
    mov $(replacement_end - replacement), %ecx
    rep movsb
    mov $CODE_A, %ebx
    call *%rbx
    EXPECT(%eax, $77)
    mov TABLES + 0x2008, %rax
    mov %rax, TABLES + 0x4000
    mov $(ALIAS + CODE_A), %ebx
    invlpg (%rbx)
    call *%rbx
    EXPECT(%eax, $0x4321)
    PASS

patching: /* changes the 0x1111 below while it runs */
    movl $0x2222, 1f - patching + CODE_B + 1
1:  mov $0x1111, %eax
    ret
patching_end:

replacement:
    mov $0x4321, %eax
    ret
replacement_end:
