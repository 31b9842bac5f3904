/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests/kvm/cpuid-compare: every CPUID leaf's first four sub-leaves to the debug console, as numbers of 32 bits: leaf, sub-leaf,
 * EAX, EBX, ECX, EDX. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

guest_main:
    mov $ranges, %esi
range:
    mov (%esi), %ebp
leaf:
    xor %edi, %edi
subleaf:
    mov %ebp, %eax
    call put
    mov %edi, %eax
    call put
    mov %ebp, %eax
    mov %edi, %ecx
    cpuid
    push %edx
    push %ecx
    push %ebx
    call put
    pop %eax
    call put
    pop %eax
    call put
    pop %eax
    call put
    inc %edi
    cmp $4, %edi
    jne subleaf
    inc %ebp
    cmp 4(%esi), %ebp
    jne leaf
    add $8, %esi
    cmp $ranges_end, %esi
    jne range
    PASS

put: /* eax; changes edx, ecx */
    mov $4, %ecx
1:  out %al, $0xe9
    shr $8, %eax
    dec %ecx
    jnz 1b
    ret

ranges:
    .long 0, 0x20, 0x40000000, 0x4000000c, 0x40000100, 0x40000102, 0x80000000, 0x80000022
ranges_end:
