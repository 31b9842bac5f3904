/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells on the debug console what its keyboard and its vmmouse say: each scan code of set 1 as two digits and a blank, each event of
 * the pointer as a line "pointer X Y WHEEL BUTTONS". First it says "ready". The keyboard's lamps follow its keys' codes: F1 lights
 * Caps Lock, F2 puts all out.
 */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define MAGIC 0x564d5868
#define CALL(command, argument) \
    mov $MAGIC, %eax; mov $(argument), %ebx; mov $(command), %ecx; mov $0x5658, %edx; in %dx, %eax
#define VBE(index, value) mov $0x1ce, %dx; mov $(index), %ax; out %ax, %dx; inc %dx; mov $(value), %ax; out %ax, %dx
#define OUT(port, value) call wait_input; mov $(value), %al; out %al, $(port)

guest_main:
    OUT(0x64, 0x60) /* keyboard controller: scan codes of set 1, both devices on, no interrupts */
    OUT(0x60, 0x40)
    OUT(0x64, 0xd4) /* the mouse may send: it pokes the vmmouse's driver */
    OUT(0x60, 0xf4)
    CALL(41, 0x45414552)
    CALL(39, 1)
    CALL(41, 0x53424152)
    VBE(1, 800)
    VBE(2, 600)
    VBE(3, 32)
    VBE(4, 0x41)
    PRINT("ready\n")
1:  in $0x64, %al
    test $1, %al
    jz 2f
    mov %al, %ah
    in $0x60, %al
    test $0x20, %ah
    jnz 1b /* the mouse's poke */
    cmp $0xfa, %al
    je 1b
    call hex
    call blank
    cmp $0x3b, %al
    jne 3f
    mov $4, %bl
    call lamps
3:  cmp $0x3c, %al
    jne 1b
    mov $0, %bl
    call lamps
    jmp 1b
2:  CALL(40, 0)
    cmp $4, %eax
    jb 1b
    CALL(39, 4)
    push %eax
    push %edx
    push %ecx
    push %ebx
    PRINT("pointer ")
    mov $4, %ecx
4:  pop %eax
    call hex4
    call blank
    loop 4b
    mov $10, %al
    out %al, $0xe9
    jmp 1b

lamps:
    push %eax
    OUT(0x60, 0xed)
    call wait_input
    mov %bl, %al
    out %al, $0x60
    pop %eax
    ret

wait_input:
    in $0x64, %al
    test $2, %al
    jnz wait_input
    ret

blank:
    push %eax
    mov $32, %al
    out %al, $0xe9
    pop %eax
    ret

hex4:
    rol $16, %eax /* the low half, from the top */
    rol $8, %eax
    call hex
    rol $8, %eax
    call hex
    ret

hex:
    push %eax
    push %eax
    shr $4, %al
    call digit
    pop %eax
    call digit
    pop %eax
    ret
digit:
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    out %al, $0xe9
    ret
