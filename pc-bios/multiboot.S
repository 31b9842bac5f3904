/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot ROM of -kernel with a multiboot image (Multiboot Specification 0.6.96): loads the image with its modules and the
 * information structure, adds firmware's memory map to that, and enters the kernel in protected mode.
 * hw/i386/multiboot-loader.c lays it all out; the information structure is below 64 KiB.
 */
#include "pc-bios/optionrom.h"

#define MMAP_ADDR 0x8000                /* the map is written here; the information structure follows at 0x9000 */
#define MMAP_END 0x8fe0
#define INFO_MEM_LOWER 4
#define INFO_MEM_UPPER 8
#define INFO_MMAP_LENGTH 44
#define INFO_MMAP_ADDR 48

rom_product:
        .asciz "multiboot loader"

rom_boot:
        cld
        movw $KERNEL_DATA, %ax
        movw $KERNEL_ADDR, %bx
        movw $KERNEL_SIZE, %cx
        call fw_cfg_load
        movw $INITRD_DATA, %ax
        movw $INITRD_ADDR, %bx
        movw $INITRD_SIZE, %cx
        call fw_cfg_load
        movw $INITRD_ADDR, %ax
        call fw_cfg_dword
        movl %eax, %ebp                 /* information structure */

        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        int $0x12
        movzwl %ax, %eax
        movl %eax, %ds:INFO_MEM_LOWER(%ebp)

        /* Entries of 24 bytes: their size without this field, then what firmware gives. */
        movw $MMAP_ADDR, %di
        xorl %ebx, %ebx
1:      movl $0xe820, %eax
        movl $0x534d4150, %edx
        movl $20, %ecx
        movl $20, (%di)
        addw $4, %di
        int $0x15
        jc 3f
        cmpl $0x100000, (%di)           /* RAM from 1 MiB on is mem_upper */
        jne 2f
        cmpl $0, 4(%di)
        jne 2f
        movl 8(%di), %eax
        movl 12(%di), %edx
        shrdl $10, %edx, %eax
        movl %eax, %ds:INFO_MEM_UPPER(%ebp)
2:      addw $20, %di
        testl %ebx, %ebx
        jz 4f
        cmpw $MMAP_END, %di
        jb 1b
        jmp 4f
3:      subw $4, %di
4:      subw $MMAP_ADDR, %di
        movzwl %di, %edi
        movl %edi, %ds:INFO_MMAP_LENGTH(%ebp)
        movl $MMAP_ADDR, %ds:INFO_MMAP_ADDR(%ebp)

        movw $KERNEL_ENTRY, %ax
        call fw_cfg_dword
        movl %eax, %edi

        /* Flat segments; the ROM's own address is only known now. */
        cli
        xorl %esi, %esi
        movw %cs, %si
        shll $4, %esi
        leal gdt(%esi), %eax
        pushl %eax
        pushw $(gdt_end - gdt - 1)
        movw %sp, %bx
        lgdtl %ss:(%bx)
        movl %ebp, %ebx
        leal protected(%esi), %edx
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        pushl $0x08
        pushl %edx
        lretl

        .code32
protected:
        movw $0x10, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %fs
        movw %ax, %gs
        movw %ax, %ss
        movl $0x7c00, %esp
        movl $0x2badb002, %eax
        jmp *%edi

        .align 8
gdt:
        .quad 0
        .quad 0x00cf9b000000ffff        /* code, 4 GiB, 32 bits */
        .quad 0x00cf93000000ffff        /* data */
gdt_end:
