#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Options: help texts, refusals and what they say."""
import os
import tempfile

from cli import NONE, case, fails, main, must, must_be, must_have, rhea


@case
def version_and_help():
    out = rhea("-version")
    must_be(out.returncode, 0)
    must_have(out.stdout, "Rhea emulator version 0.", "QEMU interface 7.2")
    for option in "-h", "-help", "--help":
        out = rhea(option)
        must_be(out.returncode, 0)
        must_have(out.stdout, "usage: rhea-system-x86_64 [options] [disk_image]", "-hda FILE", "-nographic", "-smp ")
    must_be(rhea("-h", "-bogus").returncode, 0, "help ends the parsing")


@case
def lists():
    must_have(rhea("-M", "help").stdout, "Supported machines are:", "pc-i440fx-7.2", "none ")
    must_have(rhea("-machine", "pc,help").stdout, "pc-i440fx-7.2 options:", "hpet=<bool>")
    must_have(rhea("-accel", "help").stdout, "interp", "qtest", "tcg", "kvm")
    must_have(rhea("-cpu", "help").stdout, "qemu64", "max")
    must_have(rhea("-chardev", "help").stdout, "socket", "pty", "ringbuf", "logfile")
    must_have(rhea("-d", "help").stdout, "guest_errors", "int", "mmu")
    must_have(rhea("-display", "help").stdout, "none")
    must_have(rhea("-vga", "help").stdout, "std")
    must_have(rhea("-device", "help").stdout, "name \"")


@case
def dump_of_the_table():
    rows = [line.split("\t") for line in rhea("--dump-options").stdout.splitlines()]
    must(len(rows) > 70 and all(len(row) == 4 for row in rows), "four columns")
    must(any(row[0] == "hda" and row[1] == "FILE" for row in rows), "hda")


@case
def unknown_names_the_nearest():
    fails("-nographc", parts=["unknown option '-nographc'", "Did you mean '-nographic'?"])
    fails("-M", "pcc", parts=["there is no machine 'pcc'", "'pc'"])
    fails("-M", "pc,hpett=on", parts=["hpett", "hpet"])
    fails("-M", "none", "-accel", "qtset", parts=["qtset", "Did you mean 'qtest'?"])
    fails(*NONE, "-chardev", "sokcet,id=a", parts=["-chardev sokcet,id=a", "Did you mean 'socket'?"])
    fails(*NONE, "-chardev", "file,id=a,pth=/tmp/x", parts=["path"])
    fails(*NONE, "-serial", "stido", parts=["stdio"])
    fails("-boot", "ordre=c", parts=["order"])
    fails("-smp", "coers=2", parts=["cores"])
    fails("-d", "guest_error", parts=["guest_errors"])
    fails("-rtc", "bas=utc", parts=["base"])


@case
def values_out_of_range():
    fails("-smp", "0", parts=["1 to 1024"])
    fails("-smp", "4,cores=3", parts=["maxcpus"])
    fails("-smp", "4,maxcpus=2", parts=["4", "2"])
    fails("-m", "0", parts=["1M..4T"])
    fails("-m", "99999999G", parts=["4T"])
    fails("-m", "abc", parts=["abc"])
    fails("-m", "", parts=["-m"])
    fails("-m", "1G,slots=2,maxmem=4G", parts=["hot plug"])
    fails("-boot", "order=cz", parts=["'z' is no boot device"])
    fails("-boot", "cc", parts=["twice"])
    fails("-boot", "reboot-timeout=70000", parts=["65535"])
    fails("-rtc", "base=yesterday", parts=["2006-06-17"])
    fails("-rtc", "clock=sun", parts=["host, rt or vm"])
    fails("-uuid", "1234", parts=["550e8400-"])
    fails("-uuid", "550e8400-e29b-41d4-a716-44665544000g", parts=["550e8400-"])
    fails("-action", "panic=run", parts=["pause"])
    fails("-echr", "300", parts=["255"])
    fails("-smp", parts=["needs an argument"])
    fails("-M", "none,accel=qtest", "-smp", "2", parts=["at most 1"])


@case
def missing_files():
    fails(*NONE, "-chardev", "file,id=a,path=/nonexistent/f", parts=["/nonexistent/f", "No such file"])
    fails("-L", "/nonexistent", parts=["/nonexistent"])
    fails("-M", "pc", "-accel", "qtest", "-display", "none", "-hda", "/nonexistent.img", parts=["/nonexistent.img",
                                                                                              "No such file"])
    fails("-M", "pc", "-accel", "qtest", "-display", "none", "-kernel", "/nonexistent", parts=["/nonexistent"])
    fails("-M", "pc", "-accel", "qtest", "-display", "none", "-bios", "nothere.bin", parts=["nothere.bin"])
    fails(*NONE, "-pidfile", "/nonexistent/pid", parts=["/nonexistent/pid"])
    fails(*NONE, "-D", "/nonexistent/log", "-d", "int", parts=["/nonexistent/log"])


@case
def not_there_yet():
    fails("-netdev", "user,id=n", parts=["networking comes with a later version"])
    fails("-display", "gtk", parts=["gtk", "sdl", "vnc"])
    fails("-qmp", "stdio", parts=["not there yet"])
    fails("-sandbox", "on", parts=["-sandbox off"])
    fails("-object", "rng-random,id=r", parts=["rng-random", "is not there"])


@case
def objects_have_an_id_of_their_own():
    memory = "memory-backend-ram,id=x,size=1M"
    for kind in ("secret,data=a", "throttle-group,x-iops-total=5", "memory-backend-ram,size=1M", "tls-creds-anon,endpoint=server"):
        fails("-object", kind, parts=["-object " + kind.split(",")[0], "id= is missing"])
        fails("-object", memory, "-object", kind + ",id=x", parts=["an object 'x' already"])
    fails("-object", "id=x", parts=["type is missing"])


@case
def accepted_without_effect():
    out = rhea(*NONE, "-no-user-config", "-nodefaults", "-nic", "none", "-net", "none", "-parallel", "none", "-sandbox",
               "off", "-msg", "timestamp=on", "-overcommit", "mem-lock=off", "-name", "guest=x,debug-threads=on",
               "-usb", "-no-hpet", "-rtc", "base=utc,clock=host,driftfix=slew", "-boot", "strict=on", "-monitor", "stdio",
               "-uuid", "550e8400-e29b-41d4-a716-446655440000", stdin="info uuid\ninfo name\nquit\n")
    must_be(out.returncode, 0, out.stderr)
    must_have(out.stdout, "550e8400-e29b-41d4-a716-446655440000", "\nx\n".replace("\n", "\r\n") if "\r" in out.stdout
              else "\nx\n")


@case
def libvirts_machine_keys():
    out = rhea("-machine", "none,accel=kvm:qtest,usb=off,dump-guest-core=off", "-display", "none", "-nodefaults", "-monitor",
               "stdio", stdin="quit\n")
    must_be(out.returncode, 0, out.stderr)
    must_have(out.stderr, "kvm", "running with 'qtest'")


@case
def timestamps():
    err = fails("-msg", "timestamp=on", "-bogus", parts=["Z "])
    must(err[4] == "-" and err[10] == "T", err)


@case
def logs():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log")
        out = rhea(*NONE, "-d", "ioport", "-D", path, "-monitor", "stdio", stdin="i /b 0x1234\nquit\n")
        must_be(out.returncode, 0, out.stderr)
        must(os.path.exists(path), "no log")


main()
