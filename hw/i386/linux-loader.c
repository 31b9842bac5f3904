/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel with a Linux image: reads the setup header, decides where setup code, command line, kernel and initial RAM
 * disk go, fills in the header (Documentation/arch/x86/boot.rst, protocols 2.00 to 2.15) and hands everything to the
 * boot ROM pc-bios/linuxboot.S through fw_cfg.  Start-up, main thread, big lock.
 */
#include "util/osdep.h"
#include "hw/i386/linux-loader.h"
#include "util/bytes.h"

enum { HDR_CMDLINE_MAGIC = 0x20, HDR_CMDLINE_OFFSET = 0x22, HDR_SETUP_SECTS = 0x1f1, HDR_VID_MODE = 0x1fa,
       HDR_MAGIC = 0x202, HDR_VERSION = 0x206, HDR_LOADER = 0x210, HDR_LOADFLAGS = 0x211, HDR_RAMDISK = 0x218,
       HDR_RAMDISK_SIZE = 0x21c, HDR_HEAP_END = 0x224, HDR_CMDLINE_PTR = 0x228, HDR_INITRD_MAX = 0x22c,
       HDR_XLOADFLAGS = 0x236, HDR_CMDLINE_SIZE = 0x238, HDR_INIT_SIZE = 0x260, HDR_END = 0x268 };
enum { LOADED_HIGH = 0x01, CAN_USE_HEAP = 0x80, XLF_ABOVE_4G = 0x02, LOADER_UNDEFINED = 0xff,
       CMDLINE_MAGIC_VALUE = 0xa33f, CMDLINE_OLD_MAX = 255, INITRD_MAX_OLD = 0x37ffffff };
#define SETUP_ADDR_LOW 0x10000u
#define SETUP_ADDR_OLD 0x90000u
#define CMDLINE_OFFSET 0x10000u
#define CMDLINE_OFFSET_OLD 0x9a00u
#define CMDLINE_ROOM 0x10000u
#define KERNEL_ADDR_HIGH 0x100000u
#define KERNEL_ADDR_OLD 0x10000u
#define KERNEL_OLD_MAX 0x80000u
#define FIRMWARE_RESERVE (1 * MiB) /* firmware's tables at the end of low memory */
#define KERNEL_FILE_MAX (2 * GiB - 1)

static bool linux_plan_cmdline(uint8_t *h, uint16_t version, const char *append, LinuxPlan *plan, Error **errp)
{
    size_t len = strlen(append), max = CMDLINE_OLD_MAX;
    if (version >= 0x206) {
        max = MIN(ld_le32(h + HDR_CMDLINE_SIZE), CMDLINE_ROOM - 1);
    }
    if (len > max) {
        error_set(errp, "-append has %zu characters, but this kernel takes at most %zu", len, max);
        return false;
    }
    if (version >= 0x202) {
        st_le32(h + HDR_CMDLINE_PTR, plan->cmdline_addr);
    } else {
        st_le16(h + HDR_CMDLINE_MAGIC, CMDLINE_MAGIC_VALUE);
        st_le16(h + HDR_CMDLINE_OFFSET, (uint16_t)(plan->cmdline_addr - plan->setup_addr));
    }
    /* The boot loader's own option: vga=MODE goes into the header. */
    const char *vga = strstr(append, "vga=");
    if (vga && (vga == append || vga[-1] == ' ')) {
        vga += 4;
        unsigned mode = !strncmp(vga, "normal", 6) ? 0xffff : !strncmp(vga, "ext", 3) ? 0xfffe
                      : !strncmp(vga, "ask", 3) ? 0xfffd : (unsigned)strtoul(vga, NULL, 0);
        st_le16(h + HDR_VID_MODE, (uint16_t)mode);
    }
    return true;
}

static bool linux_plan_initrd(uint8_t *h, uint16_t version, uint64_t kernel_len, uint64_t initrd_len, uint64_t ram_end,
                              LinuxPlan *plan, Error **errp)
{
    uint64_t limit = version >= 0x203 ? ld_le32(h + HDR_INITRD_MAX) : INITRD_MAX_OLD;
    uint64_t kernel_end = plan->kernel_addr + (version >= 0x20a ? MAX(ld_le32(h + HDR_INIT_SIZE), kernel_len) : kernel_len);
    uint64_t usable = ram_end > FIRMWARE_RESERVE ? ram_end - FIRMWARE_RESERVE : 0;
    if (version >= 0x20c && (ld_le16(h + HDR_XLOADFLAGS) & XLF_ABOVE_4G)) {
        limit = UINT32_MAX;
    }
    limit = MIN(limit + 1, usable);
    if (plan->kernel_addr >= KERNEL_ADDR_HIGH && kernel_end > usable) {
        error_set(errp, "the kernel needs %" PRIu64 " MiB to start, the machine has %" PRIu64, kernel_end / MiB + 2,
                  ram_end / MiB);
        error_add_hint(errp, "Give it more memory, for example -m 512.");
        return false;
    }
    if (!initrd_len) {
        return true;
    }
    uint64_t at = initrd_len <= limit ? align_down(limit - initrd_len, 4096) : 0;
    if (at < MAX(kernel_end, (uint64_t)KERNEL_ADDR_HIGH)) {
        error_set(errp, "-initrd has %" PRIu64 " bytes, which find no room in memory beside the kernel", initrd_len);
        error_add_hint(errp, "Give the machine more memory, for example -m %" PRIu64 ".",
                       align_up((kernel_end + initrd_len) / MiB + 128, 128));
        return false;
    }
    plan->initrd_addr = (uint32_t)at;
    st_le32(h + HDR_RAMDISK, plan->initrd_addr);
    st_le32(h + HDR_RAMDISK_SIZE, (uint32_t)initrd_len);
    return true;
}

bool linux_plan(uint8_t *h, size_t file_len, const char *file, const char *append, uint64_t initrd_len, uint64_t ram_end,
                LinuxPlan *plan, Error **errp)
{
    uint16_t version = ld_le16(h + HDR_VERSION);
    bool high = h[HDR_LOADFLAGS] & LOADED_HIGH;
    unsigned sectors = h[HDR_SETUP_SECTS] ? h[HDR_SETUP_SECTS] : 4;
    *plan = (LinuxPlan){ .setup_len = (sectors + 1) * 512 };
    if (plan->setup_len >= file_len) {
        error_set(errp, "kernel %s has %zu bytes, fewer than its own header says: it was cut off", file, file_len);
        return false;
    }
    uint64_t kernel_len = file_len - plan->setup_len;
    bool modern = high && version >= 0x202;
    plan->setup_addr = modern ? SETUP_ADDR_LOW : SETUP_ADDR_OLD;
    plan->cmdline_addr = plan->setup_addr + (modern ? CMDLINE_OFFSET : CMDLINE_OFFSET_OLD);
    plan->kernel_addr = high ? KERNEL_ADDR_HIGH : KERNEL_ADDR_OLD;
    if (!high && kernel_len > KERNEL_OLD_MAX) {
        error_set(errp, "kernel %s is a zImage of %" PRIu64 " bytes, 512 KiB is the limit of that format", file, kernel_len);
        return false;
    }
    h[HDR_LOADER] = LOADER_UNDEFINED;
    if (version >= 0x201) {
        h[HDR_LOADFLAGS] |= CAN_USE_HEAP;
        st_le16(h + HDR_HEAP_END, (uint16_t)(plan->cmdline_addr - plan->setup_addr - 0x200));
    }
    return linux_plan_cmdline(h, version, append, plan, errp) &&
           linux_plan_initrd(h, version, kernel_len, initrd_len, ram_end, plan, errp);
}

/* ---- the machine's side ---- */

bool linux_loader_add_rom(PcBoard *b, const char *file, Error **errp)
{
    char *path = datafile_find(file, errp), *name = g_strdup_printf("genroms/%s", file);
    GBytes *rom = path ? datafile_load(path, 128 * KiB, errp) : NULL;
    if (!path) {
        error_add_hint(errp, "It is a boot ROM of Rhea's own, which make builds into pc-bios beside the program.");
    }
    bool ok = rom && fw_cfg_add_file(b->fw_cfg, name, rom, errp);
    if (ok) {
        g_ptr_array_add(b->boot_roms, g_strdup(file));
    }
    if (rom) {
        g_bytes_unref(rom);
    }
    g_free(name);
    g_free(path);
    return ok;
}

static bool linux_load_initrd(PcBoard *b, GBytes **out, Error **errp)
{
    *out = NULL;
    if (b->m->cfg.initrd) {
        *out = datafile_load(b->m->cfg.initrd, KERNEL_FILE_MAX, errp);
        if (!*out) {
            error_prepend(errp, "-initrd: ");
            return false;
        }
    }
    return true;
}

static void linux_publish(PcBoard *b, const LinuxPlan *plan, GBytes *image, uint8_t *setup, GBytes *initrd)
{
    FwCfg *f = b->fw_cfg;
    size_t len = g_bytes_get_size(image);
    const char *append = b->m->cfg.append ? b->m->cfg.append : "";
    GBytes *kernel = g_bytes_new_from_bytes(image, plan->setup_len, len - plan->setup_len);
    fw_cfg_add_u32(f, FW_CFG_KERNEL_ADDR, plan->kernel_addr);
    fw_cfg_add_u32(f, FW_CFG_KERNEL_SIZE, (uint32_t)(len - plan->setup_len));
    fw_cfg_add_bytes(f, FW_CFG_KERNEL_DATA, kernel);
    fw_cfg_add_u32(f, FW_CFG_SETUP_ADDR, plan->setup_addr);
    fw_cfg_add_u32(f, FW_CFG_SETUP_SIZE, (uint32_t)plan->setup_len);
    fw_cfg_add(f, FW_CFG_SETUP_DATA, setup, plan->setup_len);
    fw_cfg_add_u32(f, FW_CFG_CMDLINE_ADDR, plan->cmdline_addr);
    fw_cfg_add_u32(f, FW_CFG_CMDLINE_SIZE, (uint32_t)strlen(append) + 1);
    fw_cfg_add_string(f, FW_CFG_CMDLINE_DATA, append);
    fw_cfg_add_u32(f, FW_CFG_INITRD_ADDR, plan->initrd_addr);
    fw_cfg_add_u32(f, FW_CFG_INITRD_SIZE, initrd ? (uint32_t)g_bytes_get_size(initrd) : 0);
    if (initrd) {
        fw_cfg_add_bytes(f, FW_CFG_INITRD_DATA, initrd);
    }
    g_bytes_unref(kernel);
}

static bool linux_load_image(PcBoard *b, GBytes *image, Error **errp)
{
    const MachineConfig *cfg = &b->m->cfg;
    GBytes *initrd;
    LinuxPlan plan;
    gsize len;
    const uint8_t *p = g_bytes_get_data(image, &len);
    if (!linux_load_initrd(b, &initrd, errp)) {
        return false;
    }
    uint8_t *setup = g_malloc0(MAX(len, (gsize)HDR_END));
    memcpy(setup, p, MIN(len, (gsize)(256 + 1) * 512));
    bool ok = linux_plan(setup, len, cfg->kernel, cfg->append ? cfg->append : "",
                         initrd ? g_bytes_get_size(initrd) : 0, b->below_4g, &plan, errp);
    if (ok) {
        linux_publish(b, &plan, image, setup, initrd);
    }
    g_free(setup);
    if (initrd) {
        g_bytes_unref(initrd);
    }
    return ok && linux_loader_add_rom(b, "linuxboot.bin", errp);
}

bool linux_loader_load(PcBoard *b, Error **errp)
{
    const char *file = b->m->cfg.kernel;
    GBytes *image = datafile_load(file, KERNEL_FILE_MAX, errp);
    if (!image) {
        error_prepend(errp, "-kernel: ");
        return false;
    }
    gsize len;
    const uint8_t *p = g_bytes_get_data(image, &len);
    bool ok = false;
    if (multiboot_find(p, len) >= 0) {
        ok = multiboot_load(b, image, errp);
    } else if (len > HDR_END && ld_le16(p + 0x1fe) == 0xaa55 && !memcmp(p + HDR_MAGIC, "HdrS", 4)) {
        ok = linux_load_image(b, image, errp);
    } else {
        KernelKind kind = kernel_kind(p, len);
        error_set(errp, "-kernel %s is neither a Linux image (bzImage) nor a multiboot kernel: it looks like %s", file,
                  kind.what);
        if (kind.cure) {
            error_add_hint(errp, "%s", kind.cure);
        }
    }
    g_bytes_unref(image);
    return ok;
}
