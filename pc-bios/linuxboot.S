/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot ROM of -kernel with a Linux image: puts setup code, command line, kernel and initial RAM disk where
 * hw/i386/linux-loader.c says and enters the setup code (Documentation/arch/x86/boot.rst, "Running the kernel").
 */
#include "pc-bios/optionrom.h"

rom_product:
        .asciz "Linux loader"

rom_boot:
        cli
        cld
        movw $CMDLINE_DATA, %ax
        movw $CMDLINE_ADDR, %bx
        movw $CMDLINE_SIZE, %cx
        call fw_cfg_load
        movw $INITRD_DATA, %ax
        movw $INITRD_ADDR, %bx
        movw $INITRD_SIZE, %cx
        call fw_cfg_load
        movw $KERNEL_DATA, %ax
        movw $KERNEL_ADDR, %bx
        movw $KERNEL_SIZE, %cx
        call fw_cfg_load
        movw $SETUP_DATA, %ax
        movw $SETUP_ADDR, %bx
        movw $SETUP_SIZE, %cx
        call fw_cfg_load

        /* Stack from just below the command line down; the segments are those of the setup code. */
        movw $CMDLINE_ADDR, %ax
        call fw_cfg_dword
        movl %eax, %esi
        movw $SETUP_ADDR, %ax
        call fw_cfg_dword
        subl %eax, %esi
        subl $16, %esi
        shrl $4, %eax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %fs
        movw %ax, %gs
        movw %ax, %ss
        movl %esi, %esp
        addw $0x20, %ax
        pushw %ax
        pushw $0
        xorl %eax, %eax
        xorl %ebx, %ebx
        xorl %ecx, %ecx
        xorl %edx, %edx
        xorl %edi, %edi
        xorl %ebp, %ebp
        xorl %esi, %esi
        lret
