/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The items and files of fw_cfg that tell firmware about the board.  Main thread, big lock, at start-up. */
#include "util/osdep.h"
#include "hw/i386/pc.h"
#include "hw/i386/topology.h"
#include "util/bytes.h"

enum { E820_RAM = 1, E820_ENTRY = 20 };

static bool pc_fw_cfg_add_u32_file(PcBoard *b, const char *name, uint32_t val, Error **errp)
{
    uint8_t buf[4];
    st_le32(buf, val);
    return fw_cfg_add_file_copy(b->fw_cfg, name, buf, sizeof(buf), errp);
}

static void pc_e820_entry(GByteArray *out, uint64_t addr, uint64_t len, uint32_t type)
{
    uint8_t e[E820_ENTRY];
    st_le64(e, addr);
    st_le64(e + 8, len);
    st_le32(e + 16, type);
    g_byte_array_append(out, e, sizeof(e));
}

static bool pc_fw_cfg_e820(PcBoard *b, Error **errp)
{
    GByteArray *map = g_byte_array_new();
    pc_e820_entry(map, 0, b->below_4g, E820_RAM);
    if (b->above_4g) {
        pc_e820_entry(map, 4 * GiB, b->above_4g, E820_RAM);
    }
    bool ok = fw_cfg_add_file_copy(b->fw_cfg, "etc/e820", map->data, map->len, errp);
    g_byte_array_unref(map);
    return ok;
}

/* Byte n: Sn; bit 7: available, the rest its SLP_TYP.  The DSDT's _S3 to _S5 say the same. */
static bool pc_fw_cfg_sleep_states(PcBoard *b, Error **errp)
{
    uint8_t states[6] = { [0] = 0x80, [5] = 0x80 | PIIX4_SLP_S5 };
    states[3] = (uint8_t)(PIIX4_SLP_S3 | (b->pm && piix4_pm_s3_enabled(b->pm) ? 0x80 : 0));
    states[4] = (uint8_t)(PIIX4_SLP_S4 | (b->pm && piix4_pm_s4_enabled(b->pm) ? 0x80 : 0));
    return fw_cfg_add_file_copy(b->fw_cfg, "etc/system-states", states, sizeof(states), errp);
}

bool pc_fw_cfg_init(PcBoard *b, Error **errp)
{
    FwCfg *f = b->fw_cfg;
    const MachineConfig *cfg = &b->m->cfg;
    fw_cfg_add(f, FW_CFG_UUID, cfg->uuid, sizeof(cfg->uuid));
    fw_cfg_add_u64(f, FW_CFG_RAM_SIZE, cfg->ram_size);
    fw_cfg_add_u16(f, FW_CFG_NOGRAPHIC, !cfg->graphics);
    fw_cfg_add_u16(f, FW_CFG_NB_CPUS, (uint16_t)cfg->topo.cpus);
    fw_cfg_add_u16(f, FW_CFG_MAX_CPUS, (uint16_t)topology_apic_id_limit(&cfg->topo));
    fw_cfg_add_u16(f, FW_CFG_BOOT_MENU, cfg->boot_menu);
    fw_cfg_add_u32(f, FW_CFG_IRQ0_OVERRIDE, 1);
    return pc_fw_cfg_e820(b, errp) && pc_fw_cfg_sleep_states(b, errp);
}

/* One path a line; "HALT" at the end keeps firmware from trying anything else (-boot strict=on). */
static bool pc_fw_cfg_boot_order(PcBoard *b, Error **errp)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < b->boot_roms->len; i++) {
        g_string_append_printf(text, "%s/rom@genroms/%s", i ? "\n" : "", (const char *)b->boot_roms->pdata[i]);
    }
    if (b->m->cfg.boot_strict && text->len) {
        g_string_append(text, "\nHALT");
    }
    bool ok = !text->len || fw_cfg_add_file_copy(b->fw_cfg, "bootorder", text->str, text->len + 1, errp);
    g_string_free(text, TRUE);
    return ok;
}

bool pc_fw_cfg_finish(PcBoard *b, Error **errp)
{
    const MachineConfig *cfg = &b->m->cfg;
    const char *orders[] = { cfg->boot_order, cfg->boot_once };
    for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        if (orders[i] && !pc_check_boot_order(orders[i], errp)) {
            return false;
        }
    }
    if (!pc_fw_cfg_boot_order(b, errp)) {
        return false;
    }
    if (cfg->boot_menu_timeout_ms >= 0) {
        uint8_t wait[2];
        st_le16(wait, (uint16_t)MIN(cfg->boot_menu_timeout_ms, 0xffff));
        if (!fw_cfg_add_file_copy(b->fw_cfg, "etc/boot-menu-wait", wait, sizeof(wait), errp)) {
            return false;
        }
    }
    if (cfg->boot_reboot_timeout_ms >= 0 &&
        !pc_fw_cfg_add_u32_file(b, "etc/boot-fail-wait", (uint32_t)cfg->boot_reboot_timeout_ms, errp)) {
        return false;
    }
    for (guint i = 0; cfg->fw_cfg_args && i < cfg->fw_cfg_args->len; i++) {
        if (!fw_cfg_add_user(b->fw_cfg, cfg->fw_cfg_args->pdata[i], errp)) {
            return false;
        }
    }
    return true;
}
