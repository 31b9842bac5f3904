/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A multiboot kernel that reports on port 0xe9 what the loader gave it, then ends the emulator by the debug-exit port. */
        .set FLAGS, 3                   /* modules at pages, memory information */
        .code32
        .text
        .align 4
        .long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
        .globl _start
_start:
        movl $stack_end, %esp
        movl %eax, %ebp
        movl $text_magic, %esi
        call puts
        movl %ebp, %eax
        call hex
        movl $text_cmdline, %esi
        call puts
        movl 16(%ebx), %esi
        call puts
        movl $text_modules, %esi
        call puts
        movl 20(%ebx), %eax
        call hex
        movl 20(%ebx), %ecx
        movl 24(%ebx), %edi
1:      jecxz 3f
        movl $text_module, %esi
        call puts
        movl 8(%edi), %esi
        call puts
        movl $text_is, %esi
        call puts
        movl (%edi), %esi
2:      cmpl 4(%edi), %esi
        jae 4f
        lodsb
        outb %al, $0xe9
        jmp 2b
4:      addl $16, %edi
        decl %ecx
        jmp 1b
3:      movl $text_upper, %esi
        call puts
        movl 8(%ebx), %eax
        call hex
        movl $text_map, %esi
        call puts
        movl 44(%ebx), %ecx             /* length and address of the map: RAM entries' lengths summed */
        movl 48(%ebx), %edi
        addl %edi, %ecx
        xorl %edx, %edx
5:      cmpl %ecx, %edi
        jae 7f
        cmpl $1, 20(%edi)
        jne 6f
        addl 12(%edi), %edx
6:      addl (%edi), %edi
        addl $4, %edi
        jmp 5b
7:      movl %edx, %eax
        shrl $20, %eax
        call hex
        movl $text_end, %esi
        call puts
        movw $0x501, %dx
        movb $0x21, %al
        outb %al, %dx
8:      hlt
        jmp 8b

puts:   lodsb
        testb %al, %al
        jz 1f
        outb %al, $0xe9
        jmp puts
1:      ret
hex:    pushl %ecx
        movl %eax, %edx
        movl $8, %ecx
1:      roll $4, %edx
        movb %dl, %al
        andb $15, %al
        addb $'0', %al
        cmpb $'9', %al
        jbe 2f
        addb $39, %al
2:      outb %al, $0xe9
        loop 1b
        popl %ecx
        ret

        .data
text_magic: .asciz "magic "
text_cmdline: .asciz "\ncmdline "
text_modules: .asciz "\nmodules "
text_module: .asciz "\nmodule "
text_is: .asciz " = "
text_upper: .asciz "\nupper "
text_map: .asciz "\nmap "
text_end: .asciz "\nend\n"
        .bss
        .space 4096
stack_end:
