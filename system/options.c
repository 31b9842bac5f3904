/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The option table: names, arguments and meanings are those of qemu-kvm.  From it come the parser, -help, the man page
 * and shell completion.  Handlers only note what was said; system/main.c acts on it.  Start-up, main thread.
 */
#include "util/osdep.h"
#include "system/options.h"

#include "chardev/char.h"
#include "util/log.h"

static char *options_dup(const char *value)
{
    return g_strdup(value);
}

static void options_set(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
}

static bool options_print(Options *o, void (*print)(Options *o, const char *topic), const char *topic)
{
    o->print = print;
    options_set(&o->topic, topic);
    return false; /* stops the parser; without an error */
}

static bool options_is_help(const char *value)
{
    return !strcmp(value, "help") || !strcmp(value, "?");
}

/* What is printed instead of running. */

static void print_chardevs(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    char_print_backends(stdout);
}

/* Handlers.  The first argument is the Options. */

static bool opt_version(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    return options_print(p, opthelp_version, NULL);
}

static void print_help(Options *o, const char *topic);
static bool opt_help(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    return options_print(p, print_help, NULL);
}

static void print_dump(Options *o, const char *topic);
static bool opt_dump(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    return options_print(p, print_dump, NULL);
}

static bool opt_machine(void *p, const char *value, Error **errp)
{
    if (options_is_help(value)) {
        return options_print(p, opthelp_machines, NULL);
    }
    char *comma = strchr(value, ',');
    if (comma && options_is_help(comma + 1)) {
        char *name = g_strndup(value, (size_t)(comma - value));
        const MachineClass *cls = machine_class_find(name, errp);
        g_free(name);
        return cls && options_print(p, opthelp_machine_keys, cls->name);
    }
    return optargs_machine(p, value, errp);
}

static bool opt_cpu(void *p, const char *value, Error **errp)
{
    Options *o = p;
    (void)errp;
    if (options_is_help(value)) {
        return options_print(o, opthelp_cpus, NULL);
    }
    o->cfg.cpu_model = options_dup(value);
    return true;
}

static bool opt_accel(void *p, const char *value, Error **errp)
{
    (void)errp;
    if (options_is_help(value)) {
        return options_print(p, opthelp_accels, NULL);
    }
    optargs_add_accel(p, value);
    return true;
}

static bool opt_enable_kvm(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    optargs_add_accel(p, "kvm");
    return true;
}

static bool opt_kernel(void *p, const char *value, Error **errp)
{
    (void)errp;
    ((Options *)p)->cfg.kernel = options_dup(value);
    return true;
}

static bool opt_initrd(void *p, const char *value, Error **errp)
{
    (void)errp;
    ((Options *)p)->cfg.initrd = options_dup(value);
    return true;
}

static bool opt_append(void *p, const char *value, Error **errp)
{
    (void)errp;
    ((Options *)p)->cfg.append = options_dup(value);
    return true;
}

static bool opt_bios(void *p, const char *value, Error **errp)
{
    (void)errp;
    ((Options *)p)->cfg.firmware = options_dup(value);
    return true;
}

static bool opt_data_dir(void *p, const char *value, Error **errp)
{
    (void)p;
    if (!g_file_test(value, G_FILE_TEST_IS_DIR)) {
        error_set(errp, "there is no folder '%s'", value);
        return false;
    }
    datafile_add_dir(value);
    return true;
}

static bool opt_hda(void *p, const char *value, Error **errp)
{
    return optargs_drive_file(p, "ide", 0, false, value, errp);
}

static bool opt_hdb(void *p, const char *value, Error **errp)
{
    return optargs_drive_file(p, "ide", 1, false, value, errp);
}

static bool opt_hdc(void *p, const char *value, Error **errp)
{
    return optargs_drive_file(p, "ide", 2, false, value, errp);
}

static bool opt_hdd(void *p, const char *value, Error **errp)
{
    return optargs_drive_file(p, "ide", 3, false, value, errp);
}

static bool opt_cdrom(void *p, const char *value, Error **errp)
{
    return optargs_drive_file(p, "ide", 2, true, value, errp);
}

static bool opt_fda(void *p, const char *value, Error **errp)
{
    return optargs_drive_file(p, "floppy", 0, false, value, errp);
}

static bool opt_fdb(void *p, const char *value, Error **errp)
{
    return optargs_drive_file(p, "floppy", 1, false, value, errp);
}

static bool opt_drive(void *p, const char *value, Error **errp)
{
    return optargs_drive(p, value, errp);
}

static bool opt_snapshot(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->snapshot = true;
    return true;
}

static bool opt_device(void *p, const char *value, Error **errp)
{
    if (options_is_help(value)) {
        return options_print(p, opthelp_devices, NULL);
    }
    if (value[0] == '{') {
        error_set(errp, "the JSON form is not there yet; write NAME,property=value");
        return false;
    }
    char **parts = g_strsplit(value, ",", 2);
    const char *name = g_str_has_prefix(parts[0], "driver=") ? parts[0] + 7 : parts[0];
    bool help = parts[1] && options_is_help(parts[1]);
    bool known = !help || device_class_find(name);
    if (help && known) {
        options_print(p, opthelp_device, name);
    }
    g_strfreev(parts);
    if (help && known) {
        return false;
    }
    g_ptr_array_add(((Options *)p)->devices, g_strdup(value));
    return true;
}

/* DRIVER.PROP=VALUE, or driver=...,property=...,value=... */
static bool opt_global(void *p, const char *value, Error **errp)
{
    (void)p;
    const char *dot = strchr(value, '.'), *equals = strchr(value, '=');
    if (dot && equals && dot < equals) {
        char *cls = g_strndup(value, (size_t)(dot - value));
        char *prop = g_strndup(dot + 1, (size_t)(equals - dot - 1));
        bool done = device_add_global(cls, prop, equals + 1, errp);
        g_free(cls);
        g_free(prop);
        return done;
    }
    static const char *const known[] = { "driver", "property", "value", NULL };
    KeyVal *kv = keyval_parse(value, NULL, errp);
    if (!kv) {
        return false;
    }
    const char *cls = keyval_get(kv, "driver"), *prop = keyval_get(kv, "property"), *val = keyval_get(kv, "value");
    bool ok = keyval_finish(kv, "-global", known, errp);
    if (ok && (!cls || !prop || !val)) {
        error_set(errp, "the form is DEVICE.PROPERTY=VALUE");
        ok = false;
    }
    ok = ok && device_add_global(cls, prop, val, errp);
    keyval_free(kv);
    return ok;
}

static bool opt_nodefaults(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->default_devices = false;
    return true;
}

static bool opt_nothing(void *p, const char *value, Error **errp)
{
    (void)p;
    (void)value;
    (void)errp;
    return true;
}

static bool opt_nographic(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->nographic = true;
    ((Options *)p)->cfg.graphics = false;
    return true;
}

static bool opt_display(void *p, const char *value, Error **errp)
{
    if (options_is_help(value)) {
        return options_print(p, optdisplay_help, NULL);
    }
    return optdisplay_display(p, value, errp);
}

static bool opt_vga(void *p, const char *value, Error **errp)
{
    static const char *const later[] = { "vmware", "qxl", "virtio", "xenfb", NULL };
    if (options_is_help(value)) {
        return options_print(p, opthelp_text, "none                 no graphic card\n"
                                            "std                  standard VGA with Bochs VBE (default)\n"
                                            "cirrus               Cirrus Logic CL-GD5446\n");
    }
    if (strcmp(value, "std") && strcmp(value, "cirrus") && strcmp(value, "none")) {
        error_set(errp, g_strv_contains(later, value) ? "this graphics card comes with a later version"
                                                      : "there is no such graphics card");
        error_add_hint(errp, "std, cirrus and none are there.");
        return false;
    }
    ((Options *)p)->cfg.vga = options_dup(value);
    return true;
}

static bool opt_serial(void *p, const char *value, Error **errp)
{
    Options *o = p;
    o->serial_given = true;
    if (!strcmp(value, "none")) {
        return true;
    }
    if (o->serials->len == MAX_SERIAL_PORTS) {
        error_set(errp, "there are %d serial ports, no more", MAX_SERIAL_PORTS);
        return false;
    }
    g_ptr_array_add(o->serials, g_strdup(value));
    return true;
}

static bool opt_parallel(void *p, const char *value, Error **errp)
{
    (void)p;
    if (strcmp(value, "none") && strcmp(value, "null")) {
        error_set(errp, "a parallel port is not there yet; -parallel none is");
        return false;
    }
    return true;
}

static bool opt_monitor(void *p, const char *value, Error **errp)
{
    (void)errp;
    Options *o = p;
    o->monitor_none = true; /* no default one */
    if (strcmp(value, "none")) {
        MonitorOption *m = g_new0(MonitorOption, 1);
        m->spec = g_strdup(value);
        g_ptr_array_add(o->monitors, m);
    }
    return true;
}

static bool opt_mon(void *p, const char *value, Error **errp)
{
    static const char *const known[] = { "chardev", "mode", "pretty", "id", NULL };
    Options *o = p;
    KeyVal *kv = keyval_parse(value, "chardev", errp);
    if (!kv) {
        return false;
    }
    const char *id = keyval_get(kv, "chardev"), *mode = keyval_get(kv, "mode");
    bool pretty = false, ok = keyval_get_bool(kv, "pretty", &pretty, errp);
    keyval_get(kv, "id");
    if (ok && !id) {
        error_set(errp, "chardev=ID is missing");
        ok = false;
    } else if (ok && mode && !strcmp(mode, "control")) {
        error_set(errp, "QMP (mode=control) is not there yet; mode=readline is");
        ok = false;
    } else if (ok && mode && strcmp(mode, "readline")) {
        error_set(errp, "mode=%s must be readline or control", mode);
        ok = false;
    }
    ok = ok && keyval_finish(kv, "-mon", known, errp);
    if (ok) {
        MonitorOption *m = g_new0(MonitorOption, 1);
        m->chardev = g_strdup(id);
        g_ptr_array_add(o->monitors, m);
        o->monitor_none = true;
    }
    keyval_free(kv);
    return ok;
}

static bool opt_chardev(void *p, const char *value, Error **errp)
{
    (void)errp;
    if (options_is_help(value)) {
        return options_print(p, print_chardevs, NULL);
    }
    g_ptr_array_add(((Options *)p)->chardevs, g_strdup(value));
    return true;
}

static bool opt_echr(void *p, const char *value, Error **errp)
{
    (void)p;
    uint64_t ch;
    if (!parse_uint("escape character", value, 1, 255, &ch, errp)) {
        return false;
    }
    char_set_escape((int)ch);
    return true;
}

static bool opt_debugcon(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_set(&((Options *)p)->debugcon, value);
    return true;
}

static bool opt_no_reboot(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->actions.reboot_is_shutdown = true;
    return true;
}

static bool opt_no_shutdown(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->actions.shutdown_is_pause = true;
    return true;
}

static bool opt_start_paused(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->start_paused = true;
    return true;
}

static bool opt_gdb(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_set(&((Options *)p)->gdb, value);
    return true;
}

static bool opt_gdb_default(void *p, const char *value, Error **errp)
{
    (void)value;
    return opt_gdb(p, "tcp::1234", errp);
}

static bool opt_no_hpet(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->cfg.hpet = false;
    return true;
}

static bool opt_no_acpi(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->cfg.acpi = false;
    return true;
}

static bool opt_usb(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->cfg.usb = true;
    return true;
}

static bool opt_daemonize(void *p, const char *value, Error **errp)
{
    (void)value;
    (void)errp;
    ((Options *)p)->daemonize = true;
    return true;
}

static bool opt_pidfile(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_set(&((Options *)p)->pidfile, value);
    return true;
}

static bool opt_log(void *p, const char *value, Error **errp)
{
    Options *o = p;
    unsigned mask;
    if (options_is_help(value)) {
        return options_print(o, opthelp_log_items, NULL);
    }
    options_set(&o->log_items, value);
    return log_parse_items(value, &mask, errp);
}

static bool opt_log_file(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_set(&((Options *)p)->log_file, value);
    return true;
}

static void options_add_arg(GPtrArray **list, const char *value)
{
    if (!*list) {
        *list = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(*list, g_strdup(value));
}

static bool opt_smbios(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_add_arg(&((Options *)p)->cfg.smbios_args, value);
    return true;
}

static bool opt_acpitable(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_add_arg(&((Options *)p)->cfg.acpitable_args, value);
    return true;
}

static bool opt_fw_cfg(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_add_arg(&((Options *)p)->cfg.fw_cfg_args, value);
    return true;
}

static bool opt_qtest(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_set(&((Options *)p)->qtest, value);
    return true;
}

static bool opt_qtest_log(void *p, const char *value, Error **errp)
{
    (void)errp;
    options_set(&((Options *)p)->qtest_log, value);
    return true;
}

/* One flag out of a few that are known. */
static bool options_flags(const char *what, const char *value, const char *implied, const char *const *known, bool *first,
                          bool *second, Error **errp)
{
    KeyVal *kv = keyval_parse(value, implied, errp);
    bool ok = kv && keyval_get_bool(kv, known[0], first, errp) &&
              (!second || keyval_get_bool(kv, known[1], second, errp)) && keyval_finish(kv, what, known, errp);
    keyval_free(kv);
    return ok;
}

static bool opt_msg(void *p, const char *value, Error **errp)
{
    static const char *const known[] = { "timestamp", "guest-name", NULL };
    (void)p;
    bool timestamp = false, guest_name = false;
    if (!options_flags("-msg", value, NULL, known, &timestamp, &guest_name, errp)) {
        return false;
    }
    error_set_timestamps(timestamp);
    return true;
}

static bool opt_sandbox(void *p, const char *value, Error **errp)
{
    (void)p;
    size_t len = strcspn(value, ",");
    if ((len == 3 && !strncmp(value, "off", 3)) || g_str_has_prefix(value, "enable=off")) {
        return true;
    }
    error_set(errp, "the sandbox is not there yet; -sandbox off is");
    return false;
}

static bool opt_network(void *p, const char *value, Error **errp)
{
    (void)p;
    if (!strcmp(value, "none")) {
        return true;
    }
    error_set(errp, "networking comes with a later version; `-nic none` and `-net none` are accepted");
    return false;
}

static bool opt_later_display(void *p, const char *value, Error **errp)
{
    (void)p;
    (void)value;
    error_set(errp, "displays come with a later version");
    error_add_hint(errp, "Use -nographic for a serial console here, or -display none.");
    return false;
}

static bool opt_later(void *p, const char *value, Error **errp)
{
    (void)p;
    (void)value;
    error_set(errp, "this option is known to qemu-kvm but not there yet");
    return false;
}

#define STANDARD "Standard options"
#define BLOCK "Block devices"
#define DISPLAY "Display and console"
#define CHARDEVS "Character devices and monitor"
#define BOOT "Boot and firmware"
#define NETWORK "Network"
#define EXPERT "Running and debugging"
#define LATER "Known, but not there yet"

static const Option options_table[] = {
    { "h", NULL, "show this help", STANDARD, opt_help },
    { "help", NULL, "show this help", STANDARD, opt_help },
    { "version", NULL, "show the version", STANDARD, opt_version },
    { "machine", "[type=]NAME[,KEY=VALUE...]", "the machine (help lists them; NAME,help lists its keys)\n"
      "accel=A1[:A2], usb=on|off, hpet=on|off, acpi=on|off, smm=on|off|auto, ...", STANDARD, opt_machine },
    { "M", "NAME", "as -machine", STANDARD, opt_machine },
    { "cpu", "MODEL[,+FEATURE|,-FEATURE...]", "the CPU model (help lists them)", STANDARD, opt_cpu },
    { "accel", "NAME[,KEY=VALUE...]", "what runs guest code; several: tried in order (help lists them)", STANDARD,
      opt_accel },
    { "enable-kvm", NULL, "as -accel kvm", STANDARD, opt_enable_kvm },
    { "smp", "[cpus=]N[,maxcpus=N][,sockets=N][,dies=N][,cores=N][,threads=N]", "number of CPUs [1]", STANDARD, optargs_smp },
    { "m", "[size=]N[k|M|G|T]", "memory; a plain number is in MiB [128]", STANDARD, optargs_memory },
    { "mem-path", "PATH", "memory in this file, or in a file of this folder (hugetlbfs)", STANDARD, optmem_path },
    { "mem-prealloc", NULL, "allocate all memory at start", STANDARD, optmem_prealloc },
    { "numa", "node[,nodeid=N][,cpus=A[-B]][,mem=SIZE|,memdev=ID] | dist,src=N,dst=N,val=N | cpu,node-id=N[,socket-id=N][,...]",
      "NUMA nodes of the guest", STANDARD, optmem_numa },
    { "device", "NAME[,PROPERTY=VALUE...]", "add a device (help lists them; NAME,help lists its properties)", STANDARD,
      opt_device },
    { "global", "DEVICE.PROPERTY=VALUE", "another default for a property of all devices of that name", STANDARD,
      opt_global },
    { "nodefaults", NULL, "no devices that were not asked for", STANDARD, opt_nodefaults },
    { "name", "[guest=]NAME[,process=NAME][,debug-threads=on|off]", "name of the guest", STANDARD, optargs_name },
    { "uuid", "UUID", "UUID of the machine, for SMBIOS", STANDARD, optargs_uuid },
    { "rtc", "[base=utc|localtime|DATE][,clock=host|rt|vm][,driftfix=none|slew]", "the real-time clock [utc]", STANDARD,
      optargs_rtc },
    { "usb", NULL, "as -machine usb=on", STANDARD, opt_usb },

    { "hda", "FILE", "image of IDE hard disk 0 (also as a bare argument)", BLOCK, opt_hda },
    { "hdb", "FILE", "image of IDE hard disk 1", BLOCK, opt_hdb },
    { "hdc", "FILE", "image of IDE hard disk 2", BLOCK, opt_hdc },
    { "hdd", "FILE", "image of IDE hard disk 3", BLOCK, opt_hdd },
    { "cdrom", "FILE", "image of a CD-ROM, as IDE drive 2", BLOCK, opt_cdrom },
    { "fda", "FILE", "image of floppy disk 0", BLOCK, opt_fda },
    { "fdb", "FILE", "image of floppy disk 1", BLOCK, opt_fdb },
    { "drive", "[file=FILE][,if=ide|floppy|none][,index=N][,bus=N][,unit=N][,media=disk|cdrom][,format=F][,readonly=on]"
      "[,snapshot=on][,id=ID][,cache=C][,werror=A][,rerror=A][,serial=S][,aio=A][,discard=D][,detect-zeroes=Z]",
      "a drive", BLOCK, opt_drive },
    { "blockdev", "[driver=]DRIVER,node-name=NAME[,read-only=on][,auto-read-only=on][,force-share=on][,cache.direct=on]"
      "[,cache.no-flush=on][,discard=unmap][,detect-zeroes=on|unmap][,OPTION=VALUE...]",
      "a block node; children are named (file=NODE) or given in place (file.driver=file,file.filename=FILE); JSON will do too",
      BLOCK, optargs_blockdev },
    { "object", "secret,id=ID,data=TEXT|file=FILE[,format=raw|base64] | tls-creds-x509,id=ID,dir=FOLDER,endpoint=server"
      "[,verify-peer=off][,passwordid=ID][,priority=P] | tls-creds-anon,id=ID,endpoint=server"
      " | memory-backend-ram|file|memfd,id=ID,size=SIZE[,share=on][,mem-path=PATH][,hugetlb=on][,hugetlbsize=SIZE][,prealloc=on]"
      "[,merge=off][,dump=off][,host-nodes=A[-B],policy=P]"
      " | throttle-group,id=ID,x-iops-total=N[,x-iops-total-max=N][,x-bps-write=N...]",
      "an object: a secret for encrypted images, certificates for -vnc tls-creds=ID, memory for -numa and memory-backend=ID of -machine, "
      "or limits for throttling.group=ID of -drive and -blockdev driver=throttle,throttle-group=ID",
      STANDARD, optargs_object },
    { "snapshot", NULL, "write to temporary files instead of the images", BLOCK, opt_snapshot },

    { "kernel", "FILE", "start this Linux kernel (bzImage) or multiboot image", BOOT, opt_kernel },
    { "initrd", "FILE", "initial RAM disk; for multiboot: modules, with commas between", BOOT, opt_initrd },
    { "append", "TEXT", "the kernel's command line", BOOT, opt_append },
    { "bios", "FILE", "firmware", BOOT, opt_bios },
    { "L", "FOLDER", "look for firmware and data files here first", BOOT, opt_data_dir },
    { "boot", "[order=]DRIVES[,once=DRIVES][,menu=on|off][,strict=on|off][,splash-time=MS][,reboot-timeout=MS]",
      "what to start from: a, b floppies, c disk, d CD-ROM, n network [cad]", BOOT, optargs_boot },
    { "smbios", "file=FILE | type=N[,FIELD=VALUE...]", "SMBIOS table or fields", BOOT, opt_smbios },
    { "acpitable", "[sig=S][,rev=N][,oem_id=S][,...],data=FILE[:FILE...] | file=FILE", "another ACPI table", BOOT,
      opt_acpitable },
    { "fw_cfg", "[name=]NAME,file=FILE | string=TEXT", "a file for the firmware configuration device", BOOT, opt_fw_cfg },
    { "no-acpi", NULL, "as -machine acpi=off", BOOT, opt_no_acpi },
    { "no-hpet", NULL, "as -machine hpet=off", BOOT, opt_no_hpet },

    { "nographic", NULL, "no graphics; serial port and monitor on this terminal (Ctrl-A h: help, Ctrl-A x: leave)",
      DISPLAY, opt_nographic },
    { "display", "none | sdl[,full-screen=on][,window-close=on|off|powerdown][,...] | curses | vnc=ADDRESS",
      "the display (help lists them)", DISPLAY, opt_display },
    { "sdl", NULL, "as -display sdl", DISPLAY, optdisplay_sdl },
    { "curses", NULL, "as -display curses: text modes in this terminal (Alt-1 to Alt-9: other consoles)", DISPLAY,
      optdisplay_curses },
    { "full-screen", NULL, "the window fills the screen (Ctrl-Alt-F: back)", DISPLAY, optdisplay_full_screen },
    { "alt-grab", NULL, "hot keys with Ctrl-Alt-Shift instead of Ctrl-Alt", DISPLAY, optdisplay_alt_grab },
    { "ctrl-grab", NULL, "hot keys with the right Ctrl instead of Ctrl-Alt", DISPLAY, optdisplay_ctrl_grab },
    { "vnc", "[HOST]:N[,to=N][,password=on|,password-secret=ID][,websocket=on|[HOST:]PORT][,share=allow-exclusive|force-shared|ignore]"
      "[,tls-creds=ID][,reverse=on][,power-control=on][,display=DEVICE][,head=N][,id=ID] | unix:PATH[,...] | none",
      "a VNC server, on port 5900 + N", DISPLAY, optdisplay_vnc },
    { "k", "LAYOUT", "keyboard layout, for VNC viewers that do not tell keys' places, and for `type` [us]", DISPLAY,
      optdisplay_keymap },
    { "vga", "std|cirrus|none", "the graphics card [std]", DISPLAY, opt_vga },

    { "serial", "DEVICE", "a serial port on stdio, mon:stdio, vc, pty, null, none, file:F, pipe:F, unix:F[,server=on]"
      "[,wait=off], tcp:HOST:PORT, telnet:HOST:PORT, chardev:ID, ringbuf or /dev/tty...", CHARDEVS, opt_serial },
    { "parallel", "none", "a parallel port", CHARDEVS, opt_parallel },
    { "monitor", "DEVICE", "the monitor, on a device as with -serial", CHARDEVS, opt_monitor },
    { "mon", "[chardev=]ID[,mode=readline]", "a monitor on a -chardev", CHARDEVS, opt_mon },
    { "chardev", "KIND,id=ID[,mux=on][,logfile=FILE][,KEY=VALUE...]", "a character device (help lists the kinds)",
      CHARDEVS, opt_chardev },
    { "debugcon", "DEVICE", "the debug port 0xe9", CHARDEVS, opt_debugcon },
    { "echr", "N", "code of the escape character instead of Ctrl-A", CHARDEVS, opt_echr },

    { "nic", "none", "network cards", NETWORK, opt_network },
    { "net", "none", "network cards", NETWORK, opt_network },
    { "netdev", "TYPE,id=ID", "network back end (later)", NETWORK, opt_network },

    { "S", NULL, "do not start the CPUs (monitor: cont)", EXPERT, opt_start_paused },
    { "gdb", "DEVICE", "wait for a debugger (gdb's remote protocol) on tcp::PORT, unix:PATH,server=on,wait=off, stdio, pty,"
      " chardev:ID; none", EXPERT, opt_gdb },
    { "s", NULL, "as -gdb tcp::1234", EXPERT, opt_gdb_default },
    { "no-reboot", NULL, "end instead of rebooting", EXPERT, opt_no_reboot },
    { "no-shutdown", NULL, "stop instead of ending when the guest powers off", EXPERT, opt_no_shutdown },
    { "action", "[reboot=reset|shutdown][,shutdown=poweroff|pause][,panic=shutdown|pause|none]", "what to do then",
      EXPERT, optargs_action },
    { "d", "ITEM[,...]", "write a log of these (help lists them)", EXPERT, opt_log },
    { "D", "FILE", "the log goes here instead of standard error", EXPERT, opt_log_file },
    { "daemonize", NULL, "run in the background; returns when the machine is ready", EXPERT, opt_daemonize },
    { "pidfile", "FILE", "write the process id here", EXPERT, opt_pidfile },
    { "msg", "timestamp=on|off", "put the time before messages", EXPERT, opt_msg },
    { "overcommit", "[mem-lock=on|off][,cpu-pm=on|off]", "keep guest memory from being swapped out; let the\n"
      "guest put the host's CPUs to sleep by itself", EXPERT, optmem_overcommit },
    { "sandbox", "off", "the system call filter", EXPERT, opt_sandbox },
    { "no-user-config", NULL, "accepted; there are no configuration files", EXPERT, opt_nothing },
    { "qtest", "DEVICE", "device tests drive the machine through this (with -accel qtest)", EXPERT, opt_qtest },
    { "qtest-log", "FILE", "log of that", EXPERT, opt_qtest_log },
    { "dump-options", NULL, "this table, tab-separated", EXPERT, opt_dump },

    { "spice", "OPTIONS", "SPICE display", LATER, opt_later_display },
    { "qmp", "DEVICE", "QMP monitor", LATER, opt_later },
    { "audiodev", "DRIVER,id=ID", "audio back ends", LATER, opt_later },
    { "usbdevice", "NAME", "USB devices", LATER, opt_later },
    { "incoming", "URI", "wait for a migration", LATER, opt_later },
    { "loadvm", "NAME", "start from a snapshot", LATER, opt_later },
    { "icount", "OPTIONS", "count instructions", LATER, opt_later },
    { "trace", "OPTIONS", "trace points", LATER, opt_later },
    { "tpmdev", "OPTIONS", "TPM", LATER, opt_later },
    { "fsdev", "OPTIONS", "shared folders", LATER, opt_later },
    { "virtfs", "OPTIONS", "shared folders", LATER, opt_later },
    { "readconfig", "FILE", "options from a file", LATER, opt_later },
    { "watchdog-action", "ACTION", "watchdog", LATER, opt_later },
    { "runas", "USER", "change user", LATER, opt_later },
    { "chroot", "FOLDER", "change root", LATER, opt_later },
};

static void print_help(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    options_print_version(stdout);
    printf("usage: %s [options] [disk_image]\n\n'disk_image' is an image of IDE hard disk 0\n",
           g_get_prgname() ? g_get_prgname() : "rhea-system-x86_64");
    opts_print_help(options_table, G_N_ELEMENTS(options_table), stdout);
}

static void print_dump(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    opts_dump(options_table, G_N_ELEMENTS(options_table), stdout);
}

static bool options_positional(void *p, const char *word, Error **errp)
{
    return optargs_drive_file(p, "ide", 0, false, word, errp);
}

/* True also when something is to be printed: then o->print is set. */
bool options_parse(Options *o, int argc, char **argv, Error **errp)
{
    Error *err = NULL;
    bool ok = opts_parse(options_table, G_N_ELEMENTS(options_table), argc, argv, o, options_positional, &err);
    if (o->print) {
        error_free(err);
        return true;
    }
    o->cfg.default_devices = o->default_devices;
    error_propagate(errp, err);
    return ok;
}
