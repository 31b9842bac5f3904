/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that four processors run and change, by aligned stores to an operand, without a serialising instruction: what one stores all
 * others must come to run, and never again what was there before. First the number of who is next goes round in the code itself, each
 * patching it for the next one; then one counts up in it for all others. Runs with any number of processors up to 8.
 *
 * Like cross-modify, not for QEMU 7.2, which may run translations of bytes that are there no more.
 */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"
#include "tests/guest/others.h"

#define NEXT 0x20000
#define COUNT 0x20040 /* of processors */
#define FINISHED 0x20080
#define SEEN 0x20100  /* a line for each */
#define WHOSE 0x30003 /* mov $number, %eax with an aligned operand; ret */
#define VALUE 0x30103
#define ROUNDS 400
#define LAST 600

guest_main:
    mov $0x20000, %edi
    xor %eax, %eax
    mov $0x200, %ecx
    rep stosl
    movb $0xb8, WHOSE
    movl $-1, WHOSE + 1
    movb $0xc3, WHOSE + 5
    movb $0xb8, VALUE
    movl $0, VALUE + 1
    movb $0xc3, VALUE + 5
    mov $0x5f, %al
    out %al, $0x70
    in $0x71, %al
    movzbl %al, %eax
    inc %eax
    mov %eax, COUNT
    start_others
    mov COUNT, %ebx
    dec %ebx
    await_others NEXT

    xor %esi, %esi
    movl $0, WHOSE + 1
    call ring
1:  pause
    mov COUNT, %eax
    cmp %eax, FINISHED
    jne 1b

    xor %ebx, %ebx
2:  inc %ebx
    mov %ebx, VALUE + 1
    mov COUNT, %ecx
    dec %ecx
    jz 5f
3:  mov %ecx, %eax
    shl $6, %eax
4:  pause
    cmp %ebx, SEEN(%eax)
    jne 4b
    loop 3b
5:  cmp $LAST, %ebx
    jne 2b
    PASS

ring: /* esi: who this is */
    mov $ROUNDS, %edi
    mov $WHOSE, %ebx
1:  call *%ebx
    cmp %esi, %eax
    je 2f
    pause
    jmp 1b
2:  lea 1(%esi), %eax
    cmp COUNT, %eax
    jne 3f
    xor %eax, %eax
3:  mov %eax, WHOSE + 1
    dec %edi
    jnz 1b
    lock incl FINISHED
    ret

other:
    others_enter NEXT, 0x40000
    call ring
    mov %esi, %ebp
    shl $6, %ebp
    xor %edi, %edi
    mov $VALUE, %ebx
1:  call *%ebx
    cmp %edi, %eax
    jae 2f
    FAIL /* it went back */
2:  mov %eax, %edi
    mov %eax, SEEN(%ebp)
    pause
    cmp $LAST, %eax
    jne 1b
3:  hlt
    jmp 3b
