/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The A20 gate: by port 0x92 and by the keyboard controller, in real mode with its wrap at 1 MiB, in flat code, and below page
 * tables, where it masks what they lead to; a translation that was used before the gate moved does not survive. */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define LOW 0x20010
#define HIGH 0x120010
#define DIR 0x30000
#define TABLE 0x31000
#define LIN 0x400000 /* its pages lead to LOW's and HIGH's */

#define EXPECT_AT(addr, value) mov addr, %ebx; EXPECT(%ebx, $(value))

.macro fast on
    in $0x92, %al
    and $0xfc, %al
    or $(\on << 1), %al
    out %al, $0x92
.endm

guest_main:
    movl $0x11111111, LOW
    movl $0x22222222, HIGH
    EXPECT_AT(LOW, 0x11111111)
    fast 0
    EXPECT_AT(HIGH, 0x11111111)
    movl $0x33333333, HIGH /* lands below */
    EXPECT_AT(LOW, 0x33333333)
    in $0x92, %al
    test $2, %al
    EXPECT_IF(z)
    fast 1
    EXPECT_AT(HIGH, 0x22222222)
    EXPECT_AT(LOW, 0x33333333)

    /* keyboard controller: command D1, output port bit 1; and its two short commands */
    mov $0xd1, %al
    call command
    mov $0xdd, %al /* A20 off */
    call data
    EXPECT_AT(HIGH, 0x33333333)
    mov $0xd1, %al
    call command
    mov $0xdf, %al
    call data
    EXPECT_AT(HIGH, 0x22222222)
    mov $0xdd, %al
    call command
    call settled
    EXPECT_AT(HIGH, 0x33333333)
    mov $0xdf, %al
    call command
    call settled
    EXPECT_AT(HIGH, 0x22222222)

    /* paging: linear addresses are not touched, physical ones are, those of page tables too */
    mov $DIR, %edi
    xor %eax, %eax
    mov $2048, %ecx
    rep stosl
    movl $0x83, DIR /* the first 4 MiB as they are */
    movl $(TABLE + 3), DIR + 4
    movl $(0x20000 + 3), TABLE
    movl $(0x120000 + 3), TABLE + 4
    movl $(0x120000 + 3), TABLE + 0x100 * 4 /* linear bit 20 set */
    mov %cr4, %eax
    or $0x10, %eax
    mov %eax, %cr4
    mov $DIR, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    jmp 1f
1:  EXPECT_AT(LIN + 0x10, 0x33333333)
    EXPECT_AT(LIN + 0x1010, 0x22222222)
    EXPECT_AT(LIN + 0x100010, 0x22222222)
    fast 0
    EXPECT_AT(LIN + 0x10, 0x33333333)
    EXPECT_AT(LIN + 0x1010, 0x33333333)
    EXPECT_AT(LIN + 0x100010, 0x33333333)
    movl $(0x100000 + TABLE + 3), DIR + 4 /* a table above that is read below */
    mov %cr3, %eax
    mov %eax, %cr3
    EXPECT_AT(LIN + 0x1010, 0x33333333)
    fast 1
    movl $(TABLE + 3), DIR + 4
    mov %cr3, %eax
    mov %eax, %cr3
    EXPECT_AT(LIN + 0x1010, 0x22222222)
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0

    /* real mode: ffff:0020 is 1 MiB + 16, or 16 */
    movl $0x55555555, 0x7010
    movl $0x66666666, 0x107010
    ljmp $SEL_CODE16, $OFF(real_entry)
.code16
real_entry:
    mov $SEL_DATA16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov %cr0, %eax
    and $0xfe, %al
    mov %eax, %cr0
    ljmp $0xf000, $OFF(real)
real:
    xor %ax, %ax
    mov %ax, %ss
    mov $0xffff, %ax
    mov %ax, %ds
    mov 0x7020, %ebx
    fast 0
    mov 0x7020, %edx
    fast 1
    mov 0x7020, %ecx
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $back
.code32
back:
    mov $SEL_DATA32, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    EXPECT(%ebx, $0x66666666)
    EXPECT(%edx, $0x55555555)
    EXPECT(%ecx, $0x66666666)
    PASS

command:
    push %eax
    call settled
    pop %eax
    out %al, $0x64
    ret
data:
    push %eax
    call settled
    pop %eax
    out %al, $0x60
    call settled
    ret
settled: /* the controller has read its input */
    in $0x64, %al
    test $2, %al
    jnz settled
    ret
