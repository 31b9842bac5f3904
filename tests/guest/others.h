/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What 32-bit flat guests share that start all other processors: they define `other`, which begins with others_enter. */
#define APIC 0xfee00000
#define AP_PAGE 0x9000 /* where the others start: a jump to `other` in the ROM */

pause_a_little:
    mov $2000, %ecx
76: in $0x80, %al
    loop 76b
    ret

/* Our APIC enabled; INIT to all but this one, and the page to start at, twice as the manual wants. */
.macro start_others
    movb $0xea, AP_PAGE
    movl $(0xf0000000 | OFF(other)), AP_PAGE + 1
    movl $0x1ff, APIC + 0xf0
    movl $0xc4500, APIC + 0x300
    call pause_a_little
    movl $(0xc4600 | AP_PAGE >> 12), APIC + 0x300
    call pause_a_little
    movl $(0xc4600 | AP_PAGE >> 12), APIC + 0x300
.endm

/* Waits until the count at @place is ebx. */
.macro await_others place
76: pause
    cmp %ebx, \place
    jne 76b
.endm

/* Its first instructions: to protected mode with our tables; esi: which it is, from 1, by the count at @place; a stack above @stacks. */
.macro others_enter place, stacks
.code16
    cli
    lgdtl %cs:OFF(guest_gdtr)
    lidtl %cs:OFF(guest_idtr)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $77f
.code32
77: mov $SEL_DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $1, %esi
    lock xadd %esi, \place
    inc %esi
    imul $0x1000, %esi, %esp
    add $\stacks, %esp
.endm
