/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real mode: integer arithmetic and its flags, decimal adjustment, segment wrap, the interrupt table. */
#define GUEST_MODE MODE_REAL
#include "tests/guest/guest.h"

guest_main:
    /* add and its flags */
    mov $0x7fff, %ax
    add $1, %ax
    EXPECT_IF(o)
    EXPECT_IF(s)
    EXPECT_IF(nc)
    EXPECT(%ax, $0x8000)
    mov $0xff, %al
    add $1, %al
    EXPECT_IF(c)
    EXPECT_IF(z)
    adc $0, %al
    EXPECT(%al, $1)
    stc
    mov $0xfffe, %ax
    adc $1, %ax
    EXPECT_IF(c)
    EXPECT_IF(z)
    /* inc and dec leave carry alone */
    stc
    mov $0xff, %bl
    inc %bl
    EXPECT_IF(c)
    EXPECT_IF(z)
    /* borrow */
    mov $5, %ax
    sub $7, %ax
    EXPECT_IF(c)
    EXPECT_IF(s)
    EXPECT(%ax, $-2)
    mov $0x10, %ax
    stc
    sbb $0x0f, %ax
    EXPECT_IF(z)
    neg %ax
    EXPECT_IF(nc)

    /* multiplication and division */
    mov $0x1234, %ax
    mov $0x5678, %bx
    mul %bx
    EXPECT_IF(c)
    EXPECT(%dx, $0x0626)
    EXPECT(%ax, $0x0060)
    mov $-3, %al
    mov $7, %bl
    imul %bl
    EXPECT(%ax, $-21)
    EXPECT_IF(nc)
    mov $100, %ax
    mov $7, %bl
    div %bl
    EXPECT(%al, $14)
    EXPECT(%ah, $2)
    mov $-100, %ax
    idiv %bl
    EXPECT(%al, $-14)
    EXPECT(%ah, $-2)
    imul $1000, %bx, %cx
    mov $0x12345678, %eax
    mov $0x9abcdef0, %ebx
    mul %ebx
    EXPECT(%edx, $0x0b00ea4e)
    EXPECT(%eax, $0x242d2080)

    /* shifts and rotates */
    mov $0x81, %al
    rol $1, %al
    EXPECT_IF(c)
    EXPECT(%al, $3)
    mov $0x81, %al
    sar $1, %al
    EXPECT_IF(c)
    EXPECT(%al, $0xc0)
    clc
    rcr $2, %al
    EXPECT(%al, $0x30)
    mov $0x1234, %ax
    mov $0xabcd, %dx
    shld $4, %dx, %ax
    EXPECT(%ax, $0x234a)
    mov $0x8001, %ax
    mov $33, %cl
    shl %cl, %ax /* the count is 33 & 31 = 1 */
    EXPECT_IF(c)
    EXPECT(%ax, $2)

    /* decimal adjustment */
    mov $0x79, %al
    add $0x35, %al
    daa
    EXPECT_IF(c)
    EXPECT(%al, $0x14)
    mov $0x0105, %ax
    mov $9, %bl
    sub %bl, %al
    aas
    EXPECT(%ax, $0x0006)
    mov $63, %al
    aam
    EXPECT(%ax, $0x0603)
    aad
    EXPECT(%ax, $63)

    /* bits */
    mov $0x0840, %ax
    bsf %ax, %bx
    EXPECT(%bx, $6)
    bsr %ax, %bx
    EXPECT(%bx, $11)
    bts $0, %ax
    EXPECT_IF(nc)
    bt $11, %ax
    EXPECT_IF(c)
    mov $0x80, %al
    cbw
    EXPECT(%ax, $0xff80)
    cwd
    EXPECT(%dx, $0xffff)

    /* an interrupt through the table at 0, and back */
    movw $OFF(handler), 0x42 * 4
    movw %cs, 0x42 * 4 + 2
    mov $1, %bx
    stc
    int $0x42
    EXPECT_IF(c)
    EXPECT(%bx, $2)
    EXPECT(%sp, $STACK_TOP)

    /* division by zero is exception 0 with the address of the division */
    movw $OFF(divide), 0
    movw %cs, 2
    xor %cx, %cx
    mov $1, %ax
    xor %dx, %dx
the_division:
    div %cx
    EXPECT(%si, $0x600d)

    /* address bit 20: two addresses a megabyte apart are different when A20 is open */
    movw $0x1111, 0x500
    mov $0xffff, %ax
    mov %ax, %fs
    movw $0x2222, %fs:0x510
    mov 0x500, %ax
    EXPECT(%ax, $0x1111)

    /* a loop that sums 1 to 100 */
    xor %ax, %ax
    mov $100, %cx
1:  add %cx, %ax
    loop 1b
    EXPECT(%ax, $5050)
    PASS

handler:
    inc %bx
    clc
    iret
divide:
    mov %sp, %bp
    mov (%bp), %ax
    EXPECT(%ax, $OFF(the_division))
    addw $2, (%bp) /* past the division */
    mov $0x600d, %si
    iret
