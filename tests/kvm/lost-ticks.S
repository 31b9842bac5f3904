/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests/kvm/inside: counts the PIT's interrupts at 200 Hz over two stretches of 220 ms, interrupts being off in the first; the
 * count (16 bits, 44 and what is made up for) goes to the debug console.  What came in the first is lost but for one, or made up for in the second. */
#define GUEST_MODE MODE_REAL
#include "tests/guest/guest.h"

guest_main:
    xor %ax, %ax
    mov %ax, %ds
    movw $OFF(tick), 8 * 4
    movw $0xf000, 8 * 4 + 2
    mov $0x11, %al          /* both PICs: vectors 8 and 0x70, only input 0 open */
    out %al, $0x20
    mov $8, %al
    out %al, $0x21
    mov $4, %al
    out %al, $0x21
    mov $1, %al
    out %al, $0x21
    mov $0xfe, %al
    out %al, $0x21
    mov $0xff, %al
    out %al, $0xa1
    xor %bx, %bx
    mov $0x34, %al          /* channel 0: mode 2, 1193182 / 5966 */
    out %al, $0x43
    mov $0x4e, %al
    out %al, $0x40
    mov $0x17, %al
    out %al, $0x40
    call wait
    sti
    call wait
    cli
    mov %bl, %al
    out %al, $0xe9
    mov %bh, %al
    out %al, $0xe9
    PASS

wait: /* four times 55 ms by channel 2, whose output is bit 5 of port 0x61 */
    mov $4, %cx
1:  mov $1, %al
    out %al, $0x61
    mov $0xb0, %al
    out %al, $0x43
    mov $0xff, %al
    out %al, $0x42
    out %al, $0x42
2:  in $0x61, %al
    test $0x20, %al
    jz 2b
    loop 1b
    ret

tick:
    push %ax
    inc %bx
    mov $0x20, %al
    out %al, $0x20
    pop %ax
    iret
