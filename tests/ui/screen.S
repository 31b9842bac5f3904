/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The screen of tests/bench/screen and of tests of displays: 1024x768, 32 bits a pixel, on the standard VGA.  At rest a key (its make code) repaints a block of
 * 64x64 pixels in another colour; F2 goes to 640x480; Esc starts and stops repainting of the whole screen, 200 times a second, in bands of
 * colours that change, with some of the lines striped, so that encoders have work.
 */
#define GUEST_MODE MODE_PM32
#include "tests/guest/guest.h"

#define FRAME 0xe0000000
#define STATE SCRATCH /* +0: frames, +4: repainting, +8: colour of the block */
#define STRIPES 0x20000
#define WIDTH 1024
#define HEIGHT 768

#define PCI_WRITE(function, register, value) \
    mov $(0x80000000 | (function) << 8 | (register)), %eax; mov $0xcf8, %dx; out %eax, %dx; \
    mov $(value), %eax; mov $0xcfc, %dx; out %eax, %dx
#define VBE(index, value) mov $0x1ce, %dx; mov $(index), %ax; out %ax, %dx; inc %dx; mov $(value), %ax; out %ax, %dx
#define OUT(port, value) mov $(value), %al; out %al, $(port)

guest_main:
    SET_GATE(0x20, tick)
    movl $0x1ff, 0xfee000f0 /* the local APIC lets the 8259's line through */
    movl $0x700, 0xfee00350
    OUT(0x20, 0x11)
    OUT(0x21, 0x20)
    OUT(0x21, 4)
    OUT(0x21, 1)
    OUT(0x21, 0xfe)
    OUT(0x43, 0x34) /* channel 0: 200 Hz */
    OUT(0x40, 5966 & 0xff)
    OUT(0x40, 5966 >> 8)
    OUT(0x64, 0x60) /* keyboard controller: scan codes of set 1, no interrupts */
    OUT(0x60, 0x60)
    PCI_WRITE(2 << 3, 0x10, FRAME)
    PCI_WRITE(2 << 3, 0x04, 3)
    VBE(4, 0)
    VBE(1, WIDTH)
    VBE(2, HEIGHT)
    VBE(3, 32)
    VBE(4, 0x41)
    mov $0x3c0, %dx /* the picture is on */
    mov $0x20, %al
    out %al, %dx
    movl $0, STATE
    movl $0, STATE + 4
    movl $0x00400000, STATE + 8
    call make_stripes
    call paint
    PRINT("screen\n")

1:  sti
    hlt
    cli
    in $0x64, %al
    test $1, %al
    jz 2f
    in $0x60, %al
    test $0x80, %al
    jnz 2f
    cmp $1, %al
    jne 3f
    xorl $1, STATE + 4
    jmp 2f
3:  cmp $0x3c, %al
    je 4f
    call block
2:  cmpl $0, STATE + 4
    je 1b
    call paint
    jmp 1b

4:  VBE(4, 0)
    VBE(1, 640)
    VBE(2, 480)
    VBE(4, 0x41)
    jmp 1b

/* The whole screen: bands of 16 lines, each of one colour; every other line is striped. */
paint:
    incl STATE
    mov $FRAME, %edi
    xor %ebx, %ebx
1:  mov %ebx, %eax
    shr $4, %eax
    add STATE, %eax
    mov %eax, %esi
    imul $0x00934f1d, %eax
    and $0x00ffffff, %eax
    mov $WIDTH, %ecx
    test $1, %ebx
    jnz 2f
    rep stosl
    jmp 3f
2:  add %ebx, %esi
    and $7, %esi
    shl $12, %esi
    add $STRIPES, %esi
    rep movsl
3:  inc %ebx
    cmp $HEIGHT, %ebx
    jb 1b
    ret

/* Eight lines, each with stripes of two other colours. */
make_stripes:
    mov $STRIPES, %edi
    mov $0x00204080, %eax
    mov $8, %ebx
1:  mov $WIDTH / 2, %ecx
2:  mov %eax, (%edi)
    movl $0x00c0c0c0, 4(%edi)
    add $8, %edi
    dec %ecx
    jnz 2b
    add $0x00113355, %eax
    dec %ebx
    jnz 1b
    ret

block:
    addl $0x00102030, STATE + 8
    mov STATE + 8, %eax
    mov $FRAME, %edi
    mov $64, %ebx
1:  mov $64, %ecx
    rep stosl
    add $((WIDTH - 64) * 4), %edi
    dec %ebx
    jnz 1b
    ret

tick:
    push %eax
    mov $0x20, %al
    out %al, $0x20
    pop %eax
    iret
