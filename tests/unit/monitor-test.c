/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor without a machine's hardware: words, expressions, formats, help, completion, line editing. */
#include "util/osdep.h"
#include "monitor/monitor-int.h"

#include "accel/accel.h"
#include "system/machine.h"
#include "system/runstate.h"
#include "tests/unit/test.h"
#include "util/mainloop.h"

static Machine *machine;

static void begin(void)
{
    if (machine) {
        return;
    }
    Error *err = NULL;
    mainloop_init();
    bql_lock();
    CHECK(accel_choose("qtest", &err));
    MachineConfig cfg = { .topo = { 1, 1, 1, 1, 1, 1 }, .ram_size = 16 * MiB, .name = "tester", .cpu_model = "qemu64" };
    machine = machine_new(machine_class_find("none", &err), &cfg, &err);
    if (!machine) {
        TEST_FAIL("%s", error_message(err));
    }
    machine_reset(machine);
}

/* The output of one line; valid until the next call. */
static const char *run(const char *line)
{
    static GString *out;
    unsigned cpu = 0;
    begin();
    if (!out) {
        out = g_string_new(NULL);
    }
    g_string_truncate(out, 0);
    hmp_run_line(line, &cpu, NULL, NULL, out);
    return out->str;
}

TEST(expressions)
{
    CHECK_STR(run("p 1+2*3"), "7\n");
    CHECK_STR(run("print (1+2)*3"), "9\n");
    CHECK_STR(run("p 0x10-020"), "0\n");
    CHECK_STR(run("p -5/2"), "-2\n");
    CHECK_STR(run("p 7%4|8"), "11\n");
    CHECK_STR(run("p ~0"), "-1\n");
    CHECK_STR(run("p/x 255"), "0xff\n");
    CHECK_STR(run("p /o 8"), "010\n");
    CHECK_STR(run("p /c 65"), "'A'\n");
    CHECK_STR(run("p /u -1"), "18446744073709551615\n");
    CHECK_STR(run("p 'a'"), "97\n");
    CHECK_STR(run("p (0-0x7fffffffffffffff-1)/-1"), "-9223372036854775808\n"); /* no trap */
}

TEST(registers_in_expressions)
{
    CHECK_STR(run("p/x $rip"), "0xfff0\n");
    CHECK_STR(run("p/x $cs"), "0xf000\n");
    CHECK_STR(run("p/x $EIP+1"), "0xfff1\n");
    CHECK(strstr(run("p $bogus"), "unknown register"));
}

TEST(bad_expressions)
{
    CHECK(strstr(run("p 1/0"), "division by zero"));
    CHECK(strstr(run("p"), "unexpected end of expression"));
    CHECK(strstr(run("p (1"), "')' expected"));
    CHECK(strstr(run("p 1 2"), "extraneous"));
    CHECK(strstr(run("p 99999999999999999999"), "too large"));
    char deep[1000] = "p ";
    memset(deep + 2, '(', 900);
    CHECK(strstr(run(deep), "too deeply"));
    memset(deep + 2, '-', 900);
    CHECK(strstr(run(deep), "too deeply"));
    CHECK(strstr(run("p 1"), "1\n"));
}

TEST(memory_dumps)
{
    begin();
    address_space_write(&machine->as_mem, 0x1000, "\x01\x02\x03\x04 Hello\n\0\xff", 13);
    CHECK_STR(run("xp /4xb 0x1000"), "0000000000001000: 0x01 0x02 0x03 0x04\n");
    CHECK_STR(run("xp /1xw 0x1000"), "0000000000001000: 0x04030201\n");
    CHECK_STR(run("xp /3dh 0x1000"), "0000000000001000:   513  1027 18464\n");
    CHECK_STR(run("xp /2xg 0x1000"), "0000000000001000: 0x6c65482004030201 0x000000ff000a6f6c\n");
    CHECK_STR(run("xp /8cb 0x1004"), "0000000000001004: ' ' 'H' 'e' 'l' 'l' 'o' '\\n' '\\x00'\n");
    CHECK_STR(run("xp /9xb 0x1000"), "0000000000001000: 0x01 0x02 0x03 0x04 0x20 0x48 0x65 0x6c\n"
                                     "0000000000001008: 0x6c\n");
    CHECK_STR(run("xp /1xw 0x1000"), "0000000000001000: 0x04030201\n");
    CHECK_STR(run("xp 0x1000"), "0000000000001000: 0x04030201\n"); /* as the one before */
    CHECK(strstr(run("xp /q 0x1000"), "invalid char"));
    CHECK(strstr(run("xp /xw 0xffff0000000"), "Cannot access memory"));
    CHECK_STR(run("x /1xw 0x1000"), "0000000000001000: 0x04030201\n");
}

TEST(ports)
{
    CHECK_STR(run("i /b 0x70"), "portb[0x0070] = 0xff\n");
    CHECK_STR(run("i /w 0x70"), "portl[0x0070] = 0xffffffff\n");
    CHECK_STR(run("i /h 0x70"), "portw[0x0070] = 0xffff\n");
    CHECK_STR(run("o /b 0x70 1"), "");
    CHECK(strstr(run("i /g 0x70"), "1, 2 or 4"));
}

TEST(unknown_names_the_nearest)
{
    CHECK_STR(run("helpp"), "unknown command: 'helpp'\nDid you mean 'help'?\n");
    CHECK_STR(run("systemreset"), "unknown command: 'systemreset'\nDid you mean 'system_reset'?\n");
    CHECK_STR(run("info regsters"), "unknown command: 'info regsters'\nDid you mean 'info registers'?\n");
    CHECK(g_str_has_prefix(run("help sendkye"), "unknown command: 'sendkye'\nDid you mean 'sendkey'?"));
    CHECK_STR(run("   "), "");
    CHECK_STR(run("# a remark"), "");
}

TEST(help)
{
    CHECK_STR(run("help i"), "i /fmt addr -- I/O port read\n");
    CHECK_STR(run("help c"), "cont|c  -- resume emulation\n");
    CHECK(g_str_has_prefix(run("help info status"), "info status  -- "));
    CHECK(strstr(run("help"), "\nsystem_powerdown"));
    CHECK(strstr(run("info"), "info registers [-a|vcpu] -- "));
}

TEST(arguments)
{
    CHECK(strstr(run("sendkey"), "keys expected"));
    CHECK(strstr(run("stop now"), "extraneous"));
    CHECK(strstr(run("logfile \"unfinished"), "closing quote"));
    CHECK_STR(run("eject -f nobody"), "Error: Device 'nobody' not found\n`info block` lists the drives.\n");
    CHECK_STR(run("cpu 1"), "Error: invalid CPU index\n");
}

TEST(info)
{
    CHECK_STR(run("info status"), "VM status: paused (prelaunch)\n");
    CHECK_STR(run("info name"), "tester\n");
    CHECK_STR(run("info uuid"), "00000000-0000-0000-0000-000000000000\n");
    CHECK(g_str_has_prefix(run("info cpus"), "* CPU #0: thread_id="));
    CHECK(strstr(run("info registers"), "CS =f000 ffff0000"));
    CHECK(strstr(run("info mtree"), "address-space: "));
    CHECK(strstr(run("info mtree -f"), "FlatView #0\n"));
    CHECK(strstr(run("info pci"), "no PCI bus"));
    CHECK(strstr(run("info version"), "7.2"));
}

static unsigned complete(const char *line, const char *expected)
{
    GPtrArray *m = g_ptr_array_new_with_free_func(g_free);
    begin();
    hmp_complete(line, m);
    bool found = !expected;
    for (unsigned i = 0; i < m->len; i++) {
        found = found || !strcmp(m->pdata[i], expected);
    }
    unsigned n = found ? m->len : 999;
    g_ptr_array_unref(m);
    return n;
}

TEST(completion)
{
    CHECK_EQ(complete("system_r", "system_reset"), 1);
    CHECK_EQ(complete("system_", "system_wakeup"), 3);
    CHECK_EQ(complete("info reg", "registers"), 1);
    CHECK_EQ(complete("help info reg", "registers"), 1);
    CHECK_EQ(complete("nothing", NULL), 0);
    CHECK(complete("", "info") > 10);
    CHECK_EQ(complete("sendkey x y z", NULL), 0);
    CHECK_EQ(complete("eject -f ", NULL), 0); /* no drives here */
}

/* Line editing: what the editor hands over after these keys. */
static GString *edited, *shown;

static void edit_write(void *opaque, const char *text)
{
    (void)opaque;
    g_string_append(shown, text);
}

static void edit_line(void *opaque, const char *line)
{
    (void)opaque;
    g_string_append_printf(edited, "[%s]", line);
}

static void edit_complete(void *opaque, const char *line, GPtrArray *matches)
{
    (void)opaque;
    static const char *const words[] = { "alpha", "alphabet", "beta" };
    const char *blank = strrchr(line, ' '), *word = blank ? blank + 1 : line;
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(words[i], word)) {
            g_ptr_array_add(matches, g_strdup(words[i]));
        }
    }
}

static const char *edit(const char *keys)
{
    static const EditorOps ops = { edit_write, edit_line, edit_complete };
    Editor *e = editor_new(&ops, NULL, "> ");
    edited = edited ? edited : g_string_new(NULL);
    shown = shown ? shown : g_string_new(NULL);
    g_string_truncate(edited, 0);
    g_string_truncate(shown, 0);
    for (; *keys; keys++) {
        editor_input(e, (uint8_t)*keys);
    }
    editor_free(e);
    return edited->str;
}

TEST(line_editing)
{
    CHECK_STR(edit("abc\r"), "[abc]");
    CHECK_STR(shown->str, "abc\n"); /* plain typing is plain echo */
    CHECK_STR(edit("abc\x7f\x7fxy\r"), "[axy]");
    CHECK_STR(edit("bc\001a\005d\r"), "[abcd]");
    CHECK_STR(edit("ac\033[Db\033[C\033[Cd\r"), "[abcd]");
    CHECK_STR(edit("one two\027three\r"), "[one three]");
    CHECK_STR(edit("abc\025x\r"), "[x]");
    CHECK_STR(edit("abcd\002\002\013\r"), "[ab]");
    CHECK_STR(edit("abc\033[Hx\033[3~\033[Fy\r"), "[xbcy]");
    CHECK_STR(edit("abc\033[1~x\033[4~y\r"), "[xabcy]");
    CHECK_STR(edit("\x7f\004\002\r"), "[]");
}

TEST(line_history)
{
    CHECK_STR(edit("one\rtwo\r\033[A\033[A\r"), "[one][two][one]");
    CHECK_STR(edit("one\rtwo\rnew\020\020\016\016\r"), "[one][two][new]");
    CHECK_STR(edit("one\r\033[A\033[A\033[A!\r"), "[one][one!]");
    CHECK_STR(edit("a\rb\ra\r\033OA\033OA\r"), "[a][b][a][b]"); /* a repeated line moves to the end */
}

TEST(line_completion)
{
    CHECK_STR(edit("be\t\r"), "[beta ]");
    CHECK_STR(edit("al\t\r"), "[alpha]");
    CHECK_STR(edit("al\t\t\r"), "[alpha]");
    CHECK(strstr(shown->str, "\nalpha  alphabet\n> alpha"));
    CHECK_STR(edit("x b\t\r"), "[x beta ]");
    CHECK_STR(edit("zz\t\r"), "[zz]");
}

TEST(line_garbage)
{
    GString *keys = g_string_new(NULL);
    for (unsigned i = 0; i < 20000; i++) {
        g_string_append_c(keys, (char)(1 + (i * 7919 + i / 13) % 255));
    }
    edit(keys->str);
    g_string_assign(keys, "");
    for (unsigned i = 0; i < 9000; i++) {
        g_string_append_c(keys, 'x');
    }
    g_string_append_c(keys, '\r');
    CHECK_EQ(strlen(edit(keys->str)), 4095 + 2);
    g_string_free(keys, TRUE);
}
