/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints what CPUID says, a line a leaf: leaf, EAX, EBX, ECX, EDX as eight digits each. tests/boot/models-slow.py compares it with QEMU's. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define LEAF SCRATCH

guest_main:
    mov $leaves, %ebp
1:  mov (%ebp), %eax
    mov %eax, LEAF
    xor %ecx, %ecx
    cpuid
    mov %eax, LEAF + 4
    mov %ebx, LEAF + 8
    mov %ecx, LEAF + 12
    mov %edx, LEAF + 16
    mov $LEAF, %edi
2:  mov (%edi), %eax
    call guest_hex
    add $4, %edi
    cmp $(LEAF + 20), %edi
    jne 2b
    mov $'\n', %al
    out %al, $0xe9
    add $4, %ebp
    cmp $leaves_end, %ebp
    jne 1b
    PASS

.balign 4
leaves:
    .long 0, 1, 7, 0x80000000, 0x80000001
leaves_end:
