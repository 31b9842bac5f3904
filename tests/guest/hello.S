/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tiny guest that `make run` boots where no kernel can be fetched: greets on the first serial port, waits five
 * seconds (by the real-time clock) or for a key, and powers the machine off through ACPI. */
#define GUEST_MODE MODE_REAL
#include "tests/guest/guest.h"

#define COM1 0x3f8
#define PM_BASE 0x600

guest_main:
    /* 115200 baud, 8 bits, no parity; FIFO on */
    mov $(COM1 + 3), %dx
    mov $0x83, %al
    out %al, %dx
    mov $COM1, %dx
    mov $1, %al
    out %al, %dx
    inc %dx
    xor %al, %al
    out %al, %dx
    mov $(COM1 + 3), %dx
    mov $3, %al
    out %al, %dx
    mov $(COM1 + 2), %dx
    mov $7, %al
    out %al, %dx

    mov $OFF(greeting), %si
    call say
    mov $5, %bp
second:
    mov $'.', %al
    call put
    call clock
    mov %al, %bl
1:  mov $(COM1 + 5), %dx
    in %dx, %al
    test $1, %al
    jnz off
    call clock
    cmp %bl, %al
    je 1b
    dec %bp
    jnz second

off:
    mov $OFF(farewell), %si
    call say
    PRINT("PASS\n")
    /* PIIX4 power management is 00:01.3: its ports at PM_BASE, then S5 */
    mov $0x80000b40, %eax
    mov $(PM_BASE | 1), %ebx
    call config_write
    mov $0x80000b80, %eax
    mov $1, %ebx
    call config_write
    mov $0x80000b04, %eax
    mov $1, %ebx
    call config_write
    mov $(PM_BASE + 4), %dx
    mov $0x2000, %ax
    out %ax, %dx
1:  hlt
    jmp 1b

config_write: /* eax: address, ebx: value */
    mov $0xcf8, %dx
    out %eax, %dx
    mov $0xcfc, %dx
    mov %ebx, %eax
    out %eax, %dx
    ret

clock: /* al: the seconds of the real-time clock */
    xor %al, %al
    out %al, $0x70
    in $0x71, %al
    ret

say: /* the string at cs:si, to the serial port */
    lodsb %cs:(%si), %al
    test %al, %al
    jz 1f
    call put
    jmp say
1:  ret

put: /* al, to the serial port when that is ready */
    mov %al, %ah
    mov $(COM1 + 5), %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov $COM1, %dx
    mov %ah, %al
    out %al, %dx
    ret

greeting:
    .ascii "Hello from Rhea's tiny guest: CPU, real-time clock and serial port work.\r\n"
    .ascii "RHEA-HELLO OK\r\n"
    .asciz "A key powers off (so do five seconds) "
farewell:
    .asciz "\r\nGood bye.\r\n"
