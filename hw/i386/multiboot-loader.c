/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel with a multiboot image (Multiboot Specification 0.6.96): 32-bit ELF or an image with address fields; -initrd
 * names modules, "FILE ARGS,FILE ARGS".  Image and modules become one blob; the information structure, module list and
 * strings another one, below 64 KiB.  pc-bios/multiboot.S loads them and adds the memory map.  Start-up, main thread.
 */
#include "util/osdep.h"
#include "hw/i386/linux-loader.h"
#include "util/bytes.h"
#include <elf.h>

enum { MB_MAGIC = 0x1badb002, MB_SEARCH = 8192, MB_ADDRESSES = 1 << 16 };
enum { INFO_MEMORY = 1 << 0, INFO_BOOT_DEVICE = 1 << 1, INFO_CMDLINE = 1 << 2, INFO_MODS = 1 << 3, INFO_MMAP = 1 << 6,
       INFO_LOADER = 1 << 9 };
enum { INFO_AT_BOOT_DEVICE = 12, INFO_AT_CMDLINE = 16, INFO_AT_MODS_COUNT = 20, INFO_AT_MODS = 24, INFO_AT_LOADER = 64,
       INFO_SIZE = 96, MODULE_SIZE = 16 };
#define MB_INFO_ADDR 0x9000u
#define MB_INFO_MAX 0x6000u
#define MB_MODULES_MAX 64
#define MB_IMAGE_MAX (2 * GiB)
#define MB_FILE_MAX (1 * GiB)

typedef struct Multiboot {
    const char *file;
    const uint8_t *p;
    size_t len;
    uint64_t base, end; /* where the image lies in memory */
    uint32_t entry;
    GByteArray *blob;   /* image, then modules */
    GByteArray *info;
} Multiboot;

int multiboot_find(const uint8_t *p, size_t len)
{
    for (size_t at = 0; at + 12 <= MIN(len, (size_t)MB_SEARCH); at += 4) {
        uint32_t magic = ld_le32(p + at), flags = ld_le32(p + at + 4), sum = ld_le32(p + at + 8);
        if (magic == MB_MAGIC && magic + flags + sum == 0) {
            return (int)at;
        }
    }
    return -1;
}

static bool multiboot_room(Multiboot *m, uint64_t from, uint64_t to, Error **errp)
{
    if (from < MiB || to < from || to - from > MB_IMAGE_MAX || to > UINT32_MAX) {
        error_set(errp, "multiboot kernel %s wants to be at 0x%" PRIx64 "-0x%" PRIx64 "; it must be linked at 1 MiB or above "
                  "and below 4 GiB", m->file, from, to);
        return false;
    }
    return true;
}

/* Bytes @file_at .. +@size of the file go to @addr. */
static bool multiboot_copy(Multiboot *m, uint64_t addr, uint64_t file_at, uint64_t size, Error **errp)
{
    if (file_at > m->len || size > m->len - file_at) {
        error_set(errp, "multiboot kernel %s has %zu bytes, fewer than its own headers say: it was cut off", m->file, m->len);
        return false;
    }
    memcpy(m->blob->data + (addr - m->base), m->p + file_at, size);
    return true;
}

static void multiboot_allocate(Multiboot *m, uint64_t from, uint64_t to)
{
    m->base = from;
    m->end = to;
    g_byte_array_set_size(m->blob, (guint)(to - from));
    memset(m->blob->data, 0, m->blob->len);
}

/* Header with address fields: header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr. */
static bool multiboot_load_flat(Multiboot *m, size_t at, Error **errp)
{
    if (at + 32 > m->len) {
        error_set(errp, "multiboot kernel %s ends inside its header", m->file);
        return false;
    }
    const uint8_t *h = m->p + at;
    uint64_t header = ld_le32(h + 12), load = ld_le32(h + 16), load_end = ld_le32(h + 20), bss_end = ld_le32(h + 24);
    m->entry = ld_le32(h + 28);
    if (header < load || header - load > at) {
        error_set(errp, "multiboot kernel %s: load_addr 0x%" PRIx64 " does not go with header_addr 0x%" PRIx64, m->file, load,
                  header);
        return false;
    }
    uint64_t file_at = at - (header - load), size = load_end ? load_end - load : m->len - file_at;
    uint64_t end = MAX(load + size, bss_end);
    if ((load_end && load_end < load) || !multiboot_room(m, load, end, errp)) {
        if (errp && !*errp) {
            error_set(errp, "multiboot kernel %s: load_end_addr lies before load_addr", m->file);
        }
        return false;
    }
    multiboot_allocate(m, load, end);
    return multiboot_copy(m, load, file_at, size, errp);
}

static bool multiboot_load_elf(Multiboot *m, Error **errp)
{
    if (m->len < sizeof(Elf32_Ehdr) || memcmp(m->p, ELFMAG, SELFMAG) || m->p[EI_CLASS] != ELFCLASS32 ||
        ld_le16(m->p + offsetof(Elf32_Ehdr, e_machine)) != EM_386) {
        error_set(errp, "multiboot kernel %s is not a 32-bit x86 ELF file and has no address fields in its header", m->file);
        error_add_hint(errp, "A 64-bit kernel can be converted: objcopy -O elf32-i386 %s NEW.", m->file);
        return false;
    }
    uint64_t phoff = ld_le32(m->p + offsetof(Elf32_Ehdr, e_phoff)), from = UINT64_MAX, to = 0;
    unsigned n = ld_le16(m->p + offsetof(Elf32_Ehdr, e_phnum)), step = ld_le16(m->p + offsetof(Elf32_Ehdr, e_phentsize));
    m->entry = ld_le32(m->p + offsetof(Elf32_Ehdr, e_entry));
    if (step < sizeof(Elf32_Phdr) || phoff > m->len || (uint64_t)n * step > m->len - phoff) {
        error_set(errp, "multiboot kernel %s: its ELF program headers lie outside the file", m->file);
        return false;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < n; i++) {
            const uint8_t *ph = m->p + phoff + (uint64_t)i * step;
            uint64_t addr = ld_le32(ph + offsetof(Elf32_Phdr, p_paddr)), mem = ld_le32(ph + offsetof(Elf32_Phdr, p_memsz));
            uint64_t size = ld_le32(ph + offsetof(Elf32_Phdr, p_filesz)), at = ld_le32(ph + offsetof(Elf32_Phdr, p_offset));
            if (ld_le32(ph + offsetof(Elf32_Phdr, p_type)) != PT_LOAD || mem == 0) {
                continue;
            }
            if (pass == 0) {
                from = MIN(from, addr);
                to = MAX(to, addr + MAX(mem, size));
            } else if (!multiboot_copy(m, addr, at, size, errp)) {
                return false;
            }
        }
        if (pass == 0) {
            if (to == 0) {
                error_set(errp, "multiboot kernel %s has no loadable segment", m->file);
                return false;
            }
            if (!multiboot_room(m, from, to, errp)) {
                return false;
            }
            multiboot_allocate(m, from, to);
        }
    }
    return true;
}

/* A string at the end of the information blob; its address in memory. */
static uint32_t multiboot_string(Multiboot *m, const char *text)
{
    uint32_t at = MB_INFO_ADDR + m->info->len;
    g_byte_array_append(m->info, (const uint8_t *)text, (guint)strlen(text) + 1);
    return at;
}

/* "FILE ARGS": the file goes behind what is in the blob, at a page. */
static bool multiboot_add_module(Multiboot *m, const char *spec, unsigned index, Error **errp)
{
    char *file = g_strdup(spec), *space = strchr(file, ' ');
    if (space) {
        *space = 0;
    }
    GBytes *data = datafile_load(file, MB_FILE_MAX, errp);
    g_free(file);
    if (!data) {
        error_prepend(errp, "-initrd, module %u: ", index + 1);
        return false;
    }
    gsize len;
    const uint8_t *p = g_bytes_get_data(data, &len);
    uint64_t at = align_up(m->base + m->blob->len, 4096);
    bool ok = multiboot_room(m, m->base, at + len, errp);
    if (ok) {
        guint old = m->blob->len;
        g_byte_array_set_size(m->blob, (guint)(at + len - m->base));
        memset(m->blob->data + old, 0, m->blob->len - old);
        memcpy(m->blob->data + (at - m->base), p, len);
        uint32_t text = multiboot_string(m, spec);
        uint8_t *entry = m->info->data + INFO_SIZE + index * MODULE_SIZE;
        st_le32(entry, (uint32_t)at);
        st_le32(entry + 4, (uint32_t)(at + len));
        st_le32(entry + 8, text);
    }
    g_bytes_unref(data);
    return ok;
}

static bool multiboot_add_modules(Multiboot *m, const char *list, Error **errp)
{
    char **specs = g_strsplit(list ? list : "", ",", -1);
    guint n = g_strv_length(specs);
    bool ok = n <= MB_MODULES_MAX;
    if (!ok) {
        error_set(errp, "-initrd names %u modules, at most %d are possible", n, MB_MODULES_MAX);
    }
    if (ok) {
        g_byte_array_set_size(m->info, INFO_SIZE + n * MODULE_SIZE);
        memset(m->info->data, 0, m->info->len);
    }
    for (guint i = 0; ok && i < n; i++) {
        ok = multiboot_add_module(m, g_strstrip(specs[i]), i, errp);
    }
    if (ok) {
        st_le32(m->info->data + INFO_AT_MODS_COUNT, n);
        st_le32(m->info->data + INFO_AT_MODS, MB_INFO_ADDR + INFO_SIZE);
    }
    g_strfreev(specs);
    return ok;
}

static bool multiboot_finish_info(Multiboot *m, const char *append, Error **errp)
{
    char *line = g_strdup_printf("%s%s%s", m->file, append ? " " : "", append ? append : "");
    uint32_t cmdline = multiboot_string(m, line), loader = multiboot_string(m, "Rhea");
    uint8_t *info = m->info->data;
    st_le32(info, INFO_MEMORY | INFO_BOOT_DEVICE | INFO_CMDLINE | INFO_MODS | INFO_MMAP | INFO_LOADER);
    st_le32(info + INFO_AT_BOOT_DEVICE, 0x8000ffff);
    st_le32(info + INFO_AT_CMDLINE, cmdline);
    st_le32(info + INFO_AT_LOADER, loader);
    g_free(line);
    if (m->info->len > MB_INFO_MAX) {
        error_set(errp, "-append and the modules' arguments have %u bytes, at most %u are possible", m->info->len, MB_INFO_MAX);
        return false;
    }
    return true;
}

static void multiboot_publish(PcBoard *b, Multiboot *m)
{
    FwCfg *f = b->fw_cfg;
    fw_cfg_add_u32(f, FW_CFG_KERNEL_ADDR, (uint32_t)m->base);
    fw_cfg_add_u32(f, FW_CFG_KERNEL_SIZE, m->blob->len);
    fw_cfg_add(f, FW_CFG_KERNEL_DATA, m->blob->data, m->blob->len);
    fw_cfg_add_u32(f, FW_CFG_KERNEL_ENTRY, m->entry);
    fw_cfg_add_u32(f, FW_CFG_INITRD_ADDR, MB_INFO_ADDR);
    fw_cfg_add_u32(f, FW_CFG_INITRD_SIZE, m->info->len);
    fw_cfg_add(f, FW_CFG_INITRD_DATA, m->info->data, m->info->len);
}

bool multiboot_load(PcBoard *b, GBytes *image, Error **errp)
{
    const MachineConfig *cfg = &b->m->cfg;
    Multiboot m = { .file = cfg->kernel, .blob = g_byte_array_new(), .info = g_byte_array_new() };
    gsize len;
    m.p = g_bytes_get_data(image, &len);
    m.len = len;
    int at = multiboot_find(m.p, m.len);
    uint32_t flags = at >= 0 ? ld_le32(m.p + at + 4) : 0;
    bool ok = (flags & MB_ADDRESSES) ? multiboot_load_flat(&m, (size_t)at, errp) : multiboot_load_elf(&m, errp);
    ok = ok && multiboot_add_modules(&m, cfg->initrd, errp) && multiboot_finish_info(&m, cfg->append, errp);
    if (ok && m.base + m.blob->len > b->below_4g - MIN(b->below_4g, MiB)) {
        error_set(errp, "multiboot kernel %s with its modules needs memory up to %" PRIu64 " MiB, the machine has %" PRIu64,
                  m.file, (m.base + m.blob->len) / MiB + 2, b->below_4g / MiB);
        error_add_hint(errp, "Give it more with -m.");
        ok = false;
    }
    if (ok) {
        multiboot_publish(b, &m);
    }
    g_byte_array_unref(m.blob);
    g_byte_array_unref(m.info);
    return ok && linux_loader_add_rom(b, "multiboot.bin", errp);
}
