/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What options like `-cpu help` print instead of running a machine.  Start-up, main thread. */
#include "util/osdep.h"
#include "system/options.h"

#include "accel/accel.h"
#include "build/config.h"
#include "util/log.h"

void options_print_version(FILE *f)
{
    fprintf(f, "Rhea emulator version " RHEA_VERSION " (QEMU interface 7.2)\n"
               "Free software under the GNU GPL, version 2 or later; no warranty.\n");
}

void opthelp_version(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    options_print_version(stdout);
}

void opthelp_machines(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    machine_print_help(stdout);
}

void opthelp_machine_keys(Options *o, const char *topic)
{
    (void)o;
    printf("%s options:\n"
           "  accel=<str>            - accelerators to try in order, example: kvm:tcg\n"
           "  acpi=<bool>            - ACPI tables and power management (default: on)\n"
           "  graphics=<bool>        - display devices by default (default: on)\n"
           "  hpet=<bool>            - high precision event timer (default: on)\n"
           "  memory-backend=<str>   - id of the memory; only the machine's own is there\n"
           "  smm=<on|off|auto>      - system management mode (default: auto)\n"
           "  usb=<bool>             - USB controller by default (default: off)\n"
           "  kernel, initrd, append, firmware=<str> - as the options of these names\n"
           "  dump-guest-core, mem-merge, suppress-vmdesc, smbus=<bool>, kernel-irqchip=<on|off|split> - without effect\n",
           topic);
}

void opthelp_cpus(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    target_ops.print_models(stdout);
}

void opthelp_accels(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    accel_print_help(stdout);
}

void opthelp_log_items(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    log_print_items(stdout);
}

void opthelp_text(Options *o, const char *topic)
{
    (void)o;
    fputs(topic, stdout);
}

void opthelp_devices(Options *o, const char *topic)
{
    (void)o;
    (void)topic;
    devhelp_print_all(stdout);
}

void opthelp_device(Options *o, const char *topic)
{
    (void)o;
    devhelp_print_device(stdout, device_class_find(topic));
}
