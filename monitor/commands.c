/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's commands other than `info`, and their table.  Main thread, big lock. */
#include "util/osdep.h"
#include "monitor/monitor-int.h"

#include "block/drive.h"
#include "chardev/char.h"
#include "gdb/gdbserver.h"
#include "system/machine.h"
#include "system/runstate.h"
#include "util/log.h"

static bool commands_quit(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)out;
    (void)errp;
    monitor_quit();
    return true;
}

static bool commands_stop(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)out;
    (void)errp;
    vm_stop(RUN_PAUSED);
    return true;
}

static bool commands_gdbserver(MonCall *call, GString *out, Error **errp)
{
    const char *device = mon_text(call, "device");
    if (!gdbserver_start(device ? device : "tcp::1234", errp)) {
        return false;
    }
    if (device && !strcmp(device, "none")) {
        g_string_append(out, "Disabled gdbserver\n");
    } else {
        g_string_append_printf(out, "Waiting for gdb connection on device '%s'\n", device ? device : "tcp::1234");
    }
    return true;
}

static bool commands_cont(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)out;
    RunState s = runstate_get();
    if (s == RUN_SHUTDOWN || s == RUN_INTERNAL_ERROR) {
        error_set(errp, "Resetting the Virtual Machine is required");
        return false;
    }
    if (s == RUN_SUSPENDED) {
        error_set(errp, "the guest sleeps; system_wakeup wakes it");
        return false;
    }
    vm_start();
    return true;
}

static bool commands_system_reset(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)out;
    (void)errp;
    request_reset(SHUTDOWN_HOST_RESET);
    return true;
}

static bool commands_system_powerdown(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)out;
    (void)errp;
    request_powerdown();
    return true;
}

static bool commands_system_wakeup(MonCall *call, GString *out, Error **errp)
{
    (void)call;
    (void)out;
    if (runstate_get() != RUN_SUSPENDED) {
        error_set(errp, "Unable to wake up: guest is not in suspended state");
        return false;
    }
    request_wakeup();
    return true;
}

static bool commands_cpu(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    int64_t index = mon_int(call, "index", 0);
    if (index < 0 || index >= vcpu_count()) {
        error_set(errp, "invalid CPU index");
        return false;
    }
    *call->cpu = (unsigned)index;
    return true;
}

static bool commands_nmi(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    Vcpu *v = mon_cpu(call, errp);
    if (v) {
        vcpu_event_set(v, VCPU_EV_NMI);
    }
    return v != NULL;
}

static bool commands_mce(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    int64_t cpu = mon_int(call, "cpu", 0), bank = mon_int(call, "bank", 0);
    MachineCheck m = { .bank = (unsigned)MIN((uint64_t)bank, UINT_MAX), .status = (uint64_t)mon_int(call, "status", 0),
                       .mcg_status = (uint64_t)mon_int(call, "mcgstatus", 0), .addr = (uint64_t)mon_int(call, "addr", 0),
                       .misc = (uint64_t)mon_int(call, "misc", 0) };

    if (cpu < 0 || (uint64_t)cpu >= vcpu_count()) {
        error_set(errp, "there is no CPU %" PRId64 ": 0 to %u", cpu, vcpu_count() - 1);
        return false;
    }
    return target_ops.machine_check(vcpu_get((unsigned)cpu), &m, mon_flag(call, "b"), errp);
}

static bool commands_log(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    unsigned mask = 0;
    const char *items = mon_text(call, "items");
    if (strcmp(items, "none") && !log_parse_items(items, &mask, errp)) {
        return false;
    }
    log_set_mask(mask);
    return true;
}

static bool commands_logfile(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    return log_set_file(mon_text(call, "filename"), errp);
}

static Drive *commands_drive(MonCall *call, Error **errp)
{
    const char *id = mon_text(call, "device");
    Drive *d = drive_find(id);
    if (!d) {
        error_set(errp, "Device '%s' not found", id);
        error_add_hint(errp, "`info block` lists the drives.");
    }
    return d;
}

static bool commands_eject(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    Drive *d = commands_drive(call, errp);
    return d && drive_eject(d, mon_flag(call, "f"), errp);
}

static bool commands_change(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    if (!strcmp(mon_text(call, "device"), "vnc")) {
        return screen_change_vnc(call, errp);
    }
    Drive *d = commands_drive(call, errp);
    return d && drive_change_medium(d, mon_text(call, "filename"), mon_text(call, "format"), mon_flag(call, "f"), errp);
}

static Chardev *commands_chardev(MonCall *call, Error **errp)
{
    const char *id = mon_text(call, "device");
    Chardev *c = char_find(id);
    if (!c) {
        error_set(errp, "Device '%s' not found", id);
        error_add_hint(errp, "`info chardev` lists them.");
    }
    return c;
}

/* What is no text is shown as \xNN. */
static bool commands_ringbuf_read(MonCall *call, GString *out, Error **errp)
{
    Chardev *c = commands_chardev(call, errp);
    GString *data = g_string_new(NULL);
    bool ok = c && char_ringbuf_read(c, (size_t)MAX(mon_int(call, "size", 0), 0), data, errp);
    for (size_t i = 0; ok && i < data->len; i++) {
        uint8_t b = (uint8_t)data->str[i];
        if (b == '\\') {
            g_string_append(out, "\\\\");
        } else if ((b < 32 && b != '\n' && b != '\t') || b == 127) {
            g_string_append_printf(out, "\\u%04x", b);
        } else {
            g_string_append_c(out, (char)b);
        }
    }
    if (ok) {
        g_string_append_c(out, '\n');
    }
    g_string_free(data, TRUE);
    return ok;
}

static bool commands_ringbuf_write(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    Chardev *c = commands_chardev(call, errp);
    const char *data = mon_text(call, "data");
    return c && char_ringbuf_write(c, data, strlen(data), errp);
}

static bool commands_chardev_add(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    return char_new(mon_text(call, "args"), errp) != NULL;
}

static bool commands_chardev_remove(MonCall *call, GString *out, Error **errp)
{
    (void)out;
    return char_remove(mon_text(call, "id"), errp);
}

static bool commands_block_throttle(MonCall *call, GString *out, Error **errp)
{
    static const char *const names[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };
    Drive *d = commands_drive(call, errp);
    uint64_t limits[6];
    (void)out;
    for (unsigned i = 0; d && i < 6; i++) {
        int64_t v = mon_int(call, names[i], 0);
        if (v < 0) {
            error_set(errp, "%s=%" PRId64 " is negative; 0 means no limit", names[i], v);
            return false;
        }
        limits[i] = (uint64_t)v;
    }
    return d && drive_set_throttle(d, limits, errp);
}

#define DRIVE_ARG { "device", MON_STR, false, MON_DRIVE }

const MonCommand monitor_commands[] = {
    { "block_set_io_throttle", NULL, { DRIVE_ARG, { "bps", MON_INT, false, MON_NOTHING }, { "bps_rd", MON_INT, false, MON_NOTHING },
                                       { "bps_wr", MON_INT, false, MON_NOTHING }, { "iops", MON_INT, false, MON_NOTHING },
                                       { "iops_rd", MON_INT, false, MON_NOTHING }, { "iops_wr", MON_INT, false, MON_NOTHING } },
      "device bps bps_rd bps_wr iops iops_rd iops_wr", "limit a drive's bytes and requests a second (0: no limit)",
      commands_block_throttle },
    { "change", NULL, { { "f", MON_FLAG, true, MON_NOTHING }, DRIVE_ARG, { "filename", MON_STR, false, MON_NOTHING },
                        { "format", MON_STR, true, MON_NOTHING } },
      "[-f] device filename [format]",
      "change a removable medium (-f: also when the guest locked it); `change vnc password PASSWORD`", commands_change },
    { "chardev-add", NULL, { { "args", MON_REST, false, MON_NOTHING } }, "args", "add a character device, as -chardev",
      commands_chardev_add },
    { "chardev-remove", NULL, { { "id", MON_STR, false, MON_CHARDEV } }, "id", "remove a character device",
      commands_chardev_remove },
    { "cont", "c", { { NULL, MON_END, false, MON_NOTHING } }, "", "resume emulation", commands_cont },
    { "cpu", NULL, { { "index", MON_INT, false, MON_NOTHING } }, "index", "set the default CPU", commands_cpu },
    { "eject", NULL, { { "f", MON_FLAG, true, MON_NOTHING }, DRIVE_ARG }, "[-f] device",
      "eject a removable medium (-f: also when the guest locked it)", commands_eject },
    { "expire_password", NULL, { { "protocol", MON_STR, false, MON_NOTHING }, { "time", MON_STR, false, MON_NOTHING },
                                 { "d", MON_FLAG, true, MON_NOTHING }, { "display", MON_STR, true, MON_NOTHING } },
      "protocol time [-d display]", "when the password of a VNC server expires (now, never, +SECONDS, seconds since 1970)",
      screen_expire_password },
    { "gdbserver", NULL, { { "device", MON_STR, true, MON_NOTHING } }, "[device]",
      "wait for a debugger on a device (default: tcp::1234; none: no more)", commands_gdbserver },
    { "i", NULL, { { "fmt", MON_FMT, true, MON_NOTHING }, { "addr", MON_INT, false, MON_NOTHING } }, "/fmt addr",
      "I/O port read", memory_in },
    { "log", NULL, { { "items", MON_STR, false, MON_NOTHING } }, "item1[,...]", "log these items (none: stop)",
      commands_log },
    { "logfile", NULL, { { "filename", MON_STR, false, MON_NOTHING } }, "filename", "write the log to 'filename'",
      commands_logfile },
    { "mce", NULL, { { "b", MON_FLAG, true, MON_NOTHING }, { "cpu", MON_INT, false, MON_NOTHING }, { "bank", MON_INT, false, MON_NOTHING },
                     { "status", MON_INT, false, MON_NOTHING }, { "mcgstatus", MON_INT, false, MON_NOTHING },
                     { "addr", MON_INT, false, MON_NOTHING }, { "misc", MON_INT, false, MON_NOTHING } },
      "[-b] cpu bank status mcgstatus addr misc", "inject a machine check into a CPU (-b: and tell the others)", commands_mce },
    { "memsave", NULL, { { "addr", MON_INT, false, MON_NOTHING }, { "size", MON_INT, false, MON_NOTHING },
                         { "filename", MON_STR, false, MON_NOTHING } },
      "addr size file", "save virtual memory from 'addr' on to a file", memory_save_virtual },
    { "mouse_button", NULL, { { "state", MON_INT, false, MON_NOTHING } }, "state",
      "press and release mouse buttons (1: left, 2: middle, 4: right)", screen_mouse_button },
    { "mouse_move", NULL, { { "dx", MON_STR, false, MON_NOTHING }, { "dy", MON_STR, false, MON_NOTHING },
                            { "dz", MON_STR, true, MON_NOTHING } },
      "dx dy [dz]", "move the mouse, or put an absolute pointer there (0 to 32767)", screen_mouse_move },
    { "mouse_set", NULL, { { "index", MON_INT, false, MON_NOTHING } }, "index", "choose the mouse that gets events",
      screen_mouse_set },
    { "nmi", NULL, { { NULL, MON_END, false, MON_NOTHING } }, "", "send the default CPU an NMI", commands_nmi },
    { "o", NULL, { { "fmt", MON_FMT, true, MON_NOTHING }, { "addr", MON_INT, false, MON_NOTHING },
                   { "value", MON_INT, false, MON_NOTHING } },
      "/fmt addr value", "I/O port write", memory_out },
    { "pmemsave", NULL, { { "addr", MON_INT, false, MON_NOTHING }, { "size", MON_INT, false, MON_NOTHING },
                          { "filename", MON_STR, false, MON_NOTHING } },
      "addr size file", "save physical memory from 'addr' on to a file", memory_save_physical },
    { "print", "p", { { "fmt", MON_FMT, true, MON_NOTHING }, { "expr", MON_INT, false, MON_NOTHING } }, "/fmt expr",
      "print an expression ($reg is a CPU register)", memory_print },
    { "quit", "q", { { NULL, MON_END, false, MON_NOTHING } }, "", "end the emulator", commands_quit },
    { "ringbuf_read", NULL, { { "device", MON_STR, false, MON_CHARDEV }, { "size", MON_INT, false, MON_NOTHING } },
      "device size", "read from a ring buffer character device", commands_ringbuf_read },
    { "ringbuf_write", NULL, { { "device", MON_STR, false, MON_CHARDEV }, { "data", MON_STR, false, MON_NOTHING } },
      "device data", "write to a ring buffer character device", commands_ringbuf_write },
    { "screen-text", NULL, { { "d", MON_FLAG, true, MON_NOTHING }, { "device", MON_STR, true, MON_NOTHING },
                             { "head", MON_INT, true, MON_NOTHING } },
      "[-d device [head]]", "print the text that the screen shows", screen_text },
    { "screendump", NULL, { { "filename", MON_STR, false, MON_NOTHING }, { "f", MON_FLAG, true, MON_NOTHING },
                            { "format", MON_STR, true, MON_NOTHING }, { "device", MON_STR, true, MON_NOTHING },
                            { "head", MON_INT, true, MON_NOTHING } },
      "filename [-f format] [device [head]]", "save the screen of a display device as 'filename' (ppm or png)", screen_dump },
    { "sendkey", NULL, { { "keys", MON_STR, false, MON_NOTHING }, { "hold_ms", MON_INT, true, MON_NOTHING } },
      "keys [hold_ms]", "send keys to the guest (ctrl-alt-f1; held for 100 ms)", screen_sendkey },
    { "set_password", NULL, { { "protocol", MON_STR, false, MON_NOTHING }, { "password", MON_STR, false, MON_NOTHING },
                              { "d", MON_FLAG, true, MON_NOTHING }, { "display", MON_STR, true, MON_NOTHING },
                              { "connected", MON_STR, true, MON_NOTHING } },
      "protocol password [-d display] [action-if-connected]", "set the password of a VNC server", screen_set_password },
    { "stop", "s", { { NULL, MON_END, false, MON_NOTHING } }, "", "stop emulation", commands_stop },
    { "system_powerdown", NULL, { { NULL, MON_END, false, MON_NOTHING } }, "", "press the power button",
      commands_system_powerdown },
    { "system_reset", NULL, { { NULL, MON_END, false, MON_NOTHING } }, "", "reset the system", commands_system_reset },
    { "system_wakeup", NULL, { { NULL, MON_END, false, MON_NOTHING } }, "", "wake the guest from suspend",
      commands_system_wakeup },
    { "type", NULL, { { "text", MON_STR, false, MON_NOTHING } }, "text",
      "type text on the guest's keyboard (layout: -k; \"a string\\n\")", screen_type },
    { "wait-for", NULL, { { "text", MON_STR, false, MON_NOTHING }, { "seconds", MON_INT, true, MON_NOTHING },
                          { "chardev", MON_STR, true, MON_CHARDEV } },
      "text [seconds] [chardev]",
      "wait until the text is on the screen or comes out of a serial port (at most 60 s)", screen_wait_for },
    { "x", NULL, { { "fmt", MON_FMT, true, MON_NOTHING }, { "addr", MON_INT, false, MON_NOTHING } }, "/fmt addr",
      "virtual memory dump starting at 'addr'", memory_x },
    { "xp", NULL, { { "fmt", MON_FMT, true, MON_NOTHING }, { "addr", MON_INT, false, MON_NOTHING } }, "/fmt addr",
      "physical memory dump starting at 'addr'", memory_xp },
    { .name = NULL },
};
