/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a file given to -kernel is when it is no kernel, so that the message can say what to do.  Pure functions. */
#include "util/osdep.h"
#include "hw/i386/linux-loader.h"

typedef struct KernelMagic {
    size_t at;
    const char *magic;
    size_t len;
    KernelKind kind;
} KernelMagic;

#define MAGIC(at_, text) .at = (at_), .magic = (text), .len = sizeof(text) - 1

static const KernelMagic kernel_magics[] = {
    { MAGIC(0, "\x7f" "ELF"), { "an ELF file without a multiboot header, perhaps a vmlinux",
                                "The bzImage from the same build is what boots (arch/x86/boot/bzImage, /boot/vmlinuz-*)." } },
    { MAGIC(0, "\x1f\x8b"), { "data compressed with gzip", "Uncompress it first (gunzip), or give it to -initrd." } },
    { MAGIC(0, "\xfd" "7zXZ"), { "data compressed with xz", "Uncompress it first (unxz), or give it to -initrd." } },
    { MAGIC(0, "\x28\xb5\x2f\xfd"), { "data compressed with zstd", "Uncompress it first (unzstd), or give it to -initrd." } },
    { MAGIC(0, "BZh"), { "data compressed with bzip2", "Uncompress it first (bunzip2)." } },
    { MAGIC(0, "070701"), { "a cpio archive", "An initial RAM disk goes to -initrd." } },
    { MAGIC(0x38, "ARM\x64"), { "a Linux image for 64-bit ARM", "This is a PC: a kernel for amd64 or i386 is wanted." } },
    { MAGIC(0x24, "\x18\x28\x6f\x01"), { "a Linux image for ARM", "This is a PC: a kernel for amd64 or i386 is wanted." } },
    { MAGIC(0x8001, "CD001"), { "a CD image", "Give it to -cdrom." } },
    { MAGIC(0, "QFI\xfb"), { "a qcow2 disk image", "Give it to -hda." } },
    { MAGIC(0, "KDMV"), { "a VMDK disk image", "Give it to -hda." } },
    { MAGIC(0, "MZ"), { "an EFI program", "Put it on a disk and boot that with UEFI firmware: -bios OVMF.fd." } },
    { MAGIC(0, "#!"), { "a script", NULL } },
    { MAGIC(0, "!<arch>\ndebian"), { "a Debian package", "Unpack it (dpkg -x); the kernel is boot/vmlinuz-* in it." } },
    { MAGIC(510, "\x55\xaa"), { "a disk image with a boot sector", "Give it to -hda (or -fda)." } },
};

KernelKind kernel_kind(const uint8_t *p, size_t len)
{
    if (len == 0) {
        return (KernelKind){ "an empty file", NULL };
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kernel_magics); i++) {
        const KernelMagic *m = &kernel_magics[i];
        if (len >= m->at + m->len && !memcmp(p + m->at, m->magic, m->len)) {
            return m->kind;
        }
    }
    size_t text = 0;
    while (text < len && text < 512 && (g_ascii_isprint(p[text]) || g_ascii_isspace(p[text]))) {
        text++;
    }
    if (text == MIN(len, (size_t)512)) {
        return (KernelKind){ "a text file", NULL };
    }
    return (KernelKind){ "data of an unknown kind", NULL };
}
