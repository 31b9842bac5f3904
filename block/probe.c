/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What image formats look like at their beginning, to say no to them by name and to keep guests from forging them. */
#include "util/osdep.h"
#include "block/block-int.h"

typedef struct BlockMagic {
    const char *format;
    unsigned off, len;
    const char *bytes;
} BlockMagic;

static const BlockMagic block_magics[] = {
    { "qcow2", 0, 8, "QFI\xfb\0\0\0\2" },
    { "qcow2", 0, 8, "QFI\xfb\0\0\0\3" },
    { "qcow", 0, 4, "QFI\xfb" },
    { "qed", 0, 4, "QED\0" },
    { "vmdk", 0, 4, "KDMV" },
    { "vmdk", 0, 4, "COWD" },
    { "vmdk", 0, 21, "# Disk DescriptorFile" },
    { "vdi", 64, 4, "\x7f\x10\xda\xbe" },
    { "vhdx", 0, 8, "vhdxfile" },
    { "vpc", 0, 8, "conectix" },
    { "luks", 0, 6, "LUKS\xba\xbe" },
    { "parallels", 0, 16, "WithoutFreeSpace" },
    { "parallels", 0, 16, "WithouFreSpacExt" },
    { "bochs", 0, 22, "Bochs Virtual HD Image" },
    { "cloop", 0, 11, "#!/bin/sh\n#" },
};

const char *block_probe_magic(const uint8_t *head)
{
    for (size_t i = 0; i < G_N_ELEMENTS(block_magics); i++) {
        const BlockMagic *m = &block_magics[i];
        if (!memcmp(head + m->off, m->bytes, m->len)) {
            return m->format;
        }
    }
    return NULL;
}
