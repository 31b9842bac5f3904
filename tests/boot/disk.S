/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that tells on COM1 which drive it came from and what the drive's second sector says, tries to write
 * "written " there, and then obeys what comes from COM1 or from the keyboard (with -nographic SeaBIOS takes the one for
 * the other): r resets, q powers off, another key of the keyboard is named. The same sector serves hard disk, floppy
 * and, as a no-emulation image, CD.
 * Assembled and used by drives-boot.py.
 */
    .code16
    .text
    .globl _start
_start:
    ljmp $0, $start
start:
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    cli                         /* an interrupt lets SeaBIOS write what it still has for COM1 into our lines */
    mov %dl, drive
    mov $hello, %si
    call print
    mov drive, %al
    call print_hex
    mov $newline, %si
    call print
    cmpb $0x90, drive           /* a CD has no cylinders, heads and sectors */
    jae obey

    mov $0x0201, %ax
    call transfer
    mov $unreadable, %si
    jc say
    movb $0, 0x8008
    mov $contents, %si
    call print
    mov $0x8000, %si
    call print
    mov $newline, %si
    call print
    mov $written, %si
    mov $0x8000, %di
    mov $4, %cx
    rep movsw
    mov $0x0301, %ax
    call transfer
    mov $write_failed, %si
    jc say
    mov $write_ok, %si
say:
    call print

obey:
    mov $ready, %si
    call print
wait:
    sti
    nop
    cli
    mov $1, %ah
    int $0x16
    jz no_key
    xor %ah, %ah
    int $0x16
    push %ax
    mov $key, %si
    call print
    pop %ax
    push %ax
    call print_char
    mov $newline, %si
    call print
    pop %ax
    jmp obey_al
no_key:
    mov $0x3fd, %dx
    in %dx, %al
    test $1, %al
    jz wait
    mov $0x3f8, %dx
    in %dx, %al
obey_al:
    cmp $'q', %al
    je power_off
    cmp $'r', %al
    jne wait
    mov $0xcf9, %dx
    mov $6, %al
    out %al, %dx
    jmp wait
power_off:
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
    jmp wait

/* Cylinder 0, head 0, sector 2 of the drive to or from 0x8000; carry tells that it failed. */
transfer:
    mov $0x8000, %bx
    mov $2, %cx
    mov drive, %dl
    xor %dh, %dh
    int $0x13
    ret

print:
    lodsb
    test %al, %al
    jz 1f
    call print_char
    jmp print
1:  ret

print_hex:
    mov %al, %bl
    shr $4, %al
    call 1f
    mov %bl, %al
    and $15, %al
1:  add $'0', %al
    cmp $'9', %al
    jbe print_char
    add $'a' - '9' - 1, %al
print_char:
    mov %al, %cl
    mov $0x3fd, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov %cl, %al
    mov $0x3f8, %dx
    out %al, %dx
    ret

hello:        .asciz "RHEA-DISK drive "
contents:     .asciz "sector says "
unreadable:   .asciz "sector is unreadable\r\n"
write_ok:     .asciz "write is ok\r\n"
write_failed: .asciz "write is refused\r\n"
ready:        .asciz "RHEA-DISK READY\r\n"
key:          .asciz "key "
newline:      .asciz "\r\n"
written:      .ascii "written "
drive:        .byte 0
    .org 510
    .word 0xaa55
