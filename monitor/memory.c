/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands that look at memory, ports and registers.  Main thread, big lock. */
#include "util/osdep.h"
#include "monitor/monitor-int.h"

#include "system/machine.h"
#include "util/bytes.h"

static bool memory_read(Vcpu *cpu, uint64_t addr, void *buf, size_t len)
{
    return cpu ? target_ops.read_virtual(cpu, addr, buf, len)
               : address_space_read(&machine_current()->as_mem, addr, buf, len) == MEM_OK;
}

static void memory_format_char(GString *out, uint8_t c)
{
    static const char from[] = "'\\\n\r", to[] = "'\\nr";
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        g_string_append_printf(out, "'\\%c'", to[at - from]);
    } else if (c >= 32 && c <= 126) {
        g_string_append_printf(out, "'%c'", c);
    } else {
        g_string_append_printf(out, "'\\x%02x'", c);
    }
}

/* One value, in columns as wide as the widest of its size. */
static void memory_format(GString *out, MonFmt f, uint64_t val)
{
    unsigned bits_of = f.size * 8;
    int64_t as_signed = (int64_t)(val << (64 - bits_of)) >> (64 - bits_of);
    switch (f.format) {
    case 'o': g_string_append_printf(out, "0%0*" PRIo64, (int)(bits_of + 2) / 3, val); break;
    case 'x': g_string_append_printf(out, "0x%0*" PRIx64, (int)f.size * 2, val); break;
    case 'u': g_string_append_printf(out, "%*" PRIu64, (int)(bits_of * 10 + 32) / 33, val); break;
    case 'd': g_string_append_printf(out, "%*" PRId64, (int)(bits_of * 10 + 32) / 33, as_signed); break;
    default: memory_format_char(out, (uint8_t)val); break;
    }
}

static bool memory_dump(MonCall *call, Vcpu *cpu, uint64_t addr, GString *out)
{
    MonFmt f = mon_fmt(call);
    if (f.format == 'c') {
        f.size = 1;
    }
    unsigned per_line = f.size == 1 ? 8 : 16 / f.size;
    for (unsigned i = 0; i < f.count; i++, addr += f.size) {
        uint8_t buf[8] = { 0 };
        if (i % per_line == 0) {
            g_string_append_printf(out, "%s%016" PRIx64 ":", i ? "\n" : "", addr);
        }
        if (!memory_read(cpu, addr, buf, f.size)) {
            g_string_append(out, " Cannot access memory");
            break;
        }
        g_string_append_c(out, ' ');
        memory_format(out, f, ld_le(buf, f.size));
    }
    g_string_append_c(out, '\n');
    return true;
}

static bool memory_examine(MonCall *call, bool physical, GString *out, Error **errp)
{
    MonFmt f = mon_fmt(call);
    uint64_t addr = (uint64_t)mon_int(call, "addr", 0);
    bool needs_cpu = !physical || f.format == 'i';
    Vcpu *cpu = needs_cpu ? mon_cpu(call, errp) : NULL;
    if (needs_cpu && !cpu) {
        return false;
    }
    if (f.format == 'i') {
        target_ops.disassemble(cpu, addr, f.count, physical, out);
        return true;
    }
    return memory_dump(call, physical ? NULL : cpu, addr, out);
}

bool memory_x(MonCall *call, GString *out, Error **errp)
{
    return memory_examine(call, false, out, errp);
}

bool memory_xp(MonCall *call, GString *out, Error **errp)
{
    return memory_examine(call, true, out, errp);
}

bool memory_print(MonCall *call, GString *out, Error **errp)
{
    (void)errp;
    int64_t v = mon_int(call, "expr", 0);
    switch (mon_fmt(call).format) {
    case 'o': g_string_append_printf(out, "%#" PRIo64, (uint64_t)v); break;
    case 'x': g_string_append_printf(out, "%#" PRIx64, (uint64_t)v); break;
    case 'u': g_string_append_printf(out, "%" PRIu64, (uint64_t)v); break;
    case 'c': memory_format_char(out, (uint8_t)v); break;
    default: g_string_append_printf(out, "%" PRId64, v); break;
    }
    g_string_append_c(out, '\n');
    return true;
}

static bool memory_port(MonCall *call, unsigned *size, char *suffix, Error **errp)
{
    *size = mon_fmt(call).size;
    *suffix = *size == 1 ? 'b' : *size == 2 ? 'w' : 'l';
    if (*size > 4) {
        error_set(errp, "ports are read and written by 1, 2 or 4 bytes: /b, /h or /w");
        return false;
    }
    return true;
}

bool memory_in(MonCall *call, GString *out, Error **errp)
{
    unsigned size;
    char suffix;
    uint64_t port = (uint64_t)mon_int(call, "addr", 0) & 0xffff, val = 0;
    if (!memory_port(call, &size, &suffix, errp)) {
        return false;
    }
    address_space_load(&machine_current()->as_io, port, size, &val);
    g_string_append_printf(out, "port%c[0x%04x] = 0x%0*" PRIx64 "\n", suffix, (unsigned)port, (int)size * 2, val);
    return true;
}

bool memory_out(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    unsigned size;
    char suffix;
    if (!memory_port(call, &size, &suffix, errp)) {
        return false;
    }
    address_space_store(&machine_current()->as_io, (uint64_t)mon_int(call, "addr", 0) & 0xffff, size,
                        (uint64_t)mon_int(call, "value", 0));
    return true;
}

static bool memory_save(MonCall *call, Vcpu *cpu, Error **errp)
{
    uint64_t addr = (uint64_t)mon_int(call, "addr", 0), left = (uint64_t)mon_int(call, "size", 0);
    const char *path = mon_text(call, "filename");
    FILE *f = fopen(path, "wb");
    if (!f) {
        error_set_errno(errp, errno, "cannot write '%s'", path);
        return false;
    }
    bool ok = true;
    for (uint8_t buf[1024]; left && ok;) {
        size_t n = MIN(left, sizeof(buf));
        ok = memory_read(cpu, addr, buf, n);
        if (!ok) {
            error_set(errp, "invalid address 0x%" PRIx64, addr);
        } else if (fwrite(buf, 1, n, f) != n) {
            error_set_errno(errp, errno, "cannot write '%s'", path);
            ok = false;
        }
        addr += n;
        left -= n;
    }
    if (fclose(f) != 0 && ok) {
        error_set_errno(errp, errno, "cannot write '%s'", path);
        ok = false;
    }
    return ok;
}

bool memory_save_virtual(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    Vcpu *cpu = mon_cpu(call, errp);
    return cpu && memory_save(call, cpu, errp);
}

bool memory_save_physical(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    return memory_save(call, NULL, errp);
}
