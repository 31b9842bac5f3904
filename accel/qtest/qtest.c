/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device tests.  The accelerator `qtest` has vCPUs that run nothing and leaves the virtual clock to the test.
 * The server is a line protocol over a character back end, the one that QEMU's device tests speak.
 * Replies: "OK", "OK VALUE", "FAIL reason"; "IRQ raise N" and "IRQ lower N" come unasked, before the reply of the
 * command that caused them.  Everything in the main thread under the big lock.
 */
#include "util/osdep.h"
#include "accel/qtest/qtest.h"

#include "accel/accel.h"
#include "chardev/char.h"
#include "system/machine.h"
#include "util/keyval.h"
#include "util/timer.h"

#define QTEST_LINE_MAX (64 * MiB)
#define QTEST_BLOCK_MAX (16 * MiB)
#define QTEST_MAX_WORDS 6
#define QTEST_MAX_IRQS 256

static struct {
    CharFe fe;
    GString *in;  /* an unfinished line */
    GString *out; /* what the peer has not taken yet */
    FILE *log;
    int64_t log_start;
    Device *intercepted;
    uint8_t level[QTEST_MAX_IRQS];
} qtest;

/* Output. */

static void qtest_log(const char *dir, const char *line, size_t len)
{
    if (qtest.log) {
        double s = (double)(clock_ns(CLOCK_KIND_REALTIME) - qtest.log_start) / NS_PER_SEC;
        fprintf(qtest.log, "[%s +%.6f] %.*s", dir, s, (int)MIN(len, 4096), line);
        fputs(line[len - 1] == '\n' ? "" : "\n", qtest.log);
        fflush(qtest.log);
    }
}

static void qtest_flush(void)
{
    size_t n = char_fe_write(&qtest.fe, qtest.out->str, qtest.out->len);
    g_string_erase(qtest.out, 0, (gssize)n);
}

static void qtest_send(const char *text, size_t len)
{
    qtest_log("S", text, len);
    g_string_append_len(qtest.out, text, (gssize)len);
    qtest_flush();
}

static void G_GNUC_PRINTF(1, 2) qtest_reply(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    qtest_send(text, strlen(text));
    g_free(text);
}

/* Arguments. */

static bool qtest_num(const char *word, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = g_ascii_strtoull(word, &end, 0);
    return end != word && !*end && !errno;
}

static bool qtest_nums(char **words, unsigned n, uint64_t *out)
{
    for (unsigned i = 0; i < n; i++) {
        if (!qtest_num(words[i + 1], &out[i])) {
            qtest_reply("FAIL '%s' is not a number\n", words[i + 1]);
            return false;
        }
    }
    return true;
}

static unsigned qtest_size_of(char suffix)
{
    return suffix == 'b' ? 1 : suffix == 'w' ? 2 : suffix == 'l' ? 4 : 8;
}

/* Commands.  words[0] is the command; the table says how many arguments are there. */

static void qtest_out_port(char **words)
{
    uint64_t a[2];
    if (qtest_nums(words, 2, a)) {
        address_space_store(&machine_current()->as_io, a[0] & 0xffff, qtest_size_of(words[0][3]), a[1]);
        qtest_reply("OK\n");
    }
}

static void qtest_in_port(char **words)
{
    uint64_t addr, val = 0;
    if (qtest_nums(words, 1, &addr)) {
        address_space_load(&machine_current()->as_io, addr & 0xffff, qtest_size_of(words[0][2]), &val);
        qtest_reply("OK 0x%04" PRIx64 "\n", val);
    }
}

static void qtest_write_mem(char **words)
{
    uint64_t a[2];
    if (qtest_nums(words, 2, a)) {
        address_space_store(&machine_current()->as_mem, a[0], qtest_size_of(words[0][5]), a[1]);
        qtest_reply("OK\n");
    }
}

static void qtest_read_mem(char **words)
{
    uint64_t addr, val = 0;
    if (qtest_nums(words, 1, &addr)) {
        address_space_load(&machine_current()->as_mem, addr, qtest_size_of(words[0][4]), &val);
        qtest_reply("OK 0x%016" PRIx64 "\n", val);
    }
}

/* Address and length of a block command; a reply was sent when false. */
static bool qtest_block(char **words, uint64_t *addr, uint64_t *len)
{
    uint64_t a[2];
    if (!qtest_nums(words, 2, a)) {
        return false;
    }
    if (!a[1] || a[1] > QTEST_BLOCK_MAX) {
        qtest_reply("FAIL a length of %" PRIu64 " is not within 1..%" PRIu64 "\n", a[1], QTEST_BLOCK_MAX);
        return false;
    }
    *addr = a[0];
    *len = a[1];
    return true;
}

static uint8_t *qtest_read_block(char **words, uint64_t *len)
{
    uint64_t addr;
    if (!qtest_block(words, &addr, len)) {
        return NULL;
    }
    uint8_t *buf = g_malloc0(*len);
    address_space_read(&machine_current()->as_mem, addr, buf, *len);
    return buf;
}

static void qtest_read_hex(char **words)
{
    uint64_t len;
    uint8_t *buf = qtest_read_block(words, &len);
    if (buf) {
        GString *s = g_string_sized_new(2 * len + 8);
        g_string_assign(s, "OK 0x");
        for (uint64_t i = 0; i < len; i++) {
            g_string_append_c(s, "0123456789abcdef"[buf[i] >> 4]);
            g_string_append_c(s, "0123456789abcdef"[buf[i] & 15]);
        }
        g_string_append_c(s, '\n');
        qtest_send(s->str, s->len);
        g_string_free(s, TRUE);
        g_free(buf);
    }
}

static void qtest_read_b64(char **words)
{
    uint64_t len;
    uint8_t *buf = qtest_read_block(words, &len);
    if (buf) {
        char *text = g_base64_encode(buf, len);
        qtest_reply("OK %s\n", text);
        g_free(text);
        g_free(buf);
    }
}

static void qtest_write_hex(char **words)
{
    uint64_t addr, len;
    if (!qtest_block(words, &addr, &len)) {
        return;
    }
    const char *hex = words[3];
    size_t digits = strlen(hex);
    if (digits < 2 || hex[0] != '0' || hex[1] != 'x') {
        qtest_reply("FAIL data must be 0x and hexadecimal digits\n");
        return;
    }
    uint8_t *buf = g_malloc0(len); /* what was not given is zero */
    for (uint64_t i = 0; i < len && 2 * i + 3 < digits; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i + 2]), low = g_ascii_xdigit_value(hex[2 * i + 3]);
        buf[i] = high < 0 || low < 0 ? 0 : (uint8_t)(high << 4 | low);
    }
    address_space_write(&machine_current()->as_mem, addr, buf, len);
    g_free(buf);
    qtest_reply("OK\n");
}

static void qtest_write_b64(char **words)
{
    uint64_t addr, len;
    if (!qtest_block(words, &addr, &len)) {
        return;
    }
    gsize got;
    guchar *data = g_base64_decode(words[3], &got);
    address_space_write(&machine_current()->as_mem, addr, data, MIN(len, got));
    g_free(data);
    qtest_reply("OK\n");
}

static void qtest_memset(char **words)
{
    uint64_t addr, len, val;
    if (!qtest_block(words, &addr, &len)) {
        return;
    }
    if (!qtest_num(words[3], &val)) {
        qtest_reply("FAIL '%s' is not a number\n", words[3]);
        return;
    }
    uint8_t *buf = g_malloc(len);
    memset(buf, (int)(val & 0xff), len);
    address_space_write(&machine_current()->as_mem, addr, buf, len);
    g_free(buf);
    qtest_reply("OK\n");
}

static void qtest_endianness(char **words)
{
    (void)words;
    qtest_reply("OK little\n");
}

/* The clock. */

static void qtest_clock_to(int64_t target)
{
    for (;;) {
        int64_t next = timers_next_expiry(CLOCK_KIND_VIRTUAL);
        if (next < 0 || next > target) {
            break;
        }
        if (next > clock_ns(CLOCK_KIND_VIRTUAL)) {
            clock_virtual_set(next);
        }
        timers_run();
    }
    if (target > clock_ns(CLOCK_KIND_VIRTUAL)) {
        clock_virtual_set(target);
    }
    qtest_reply("OK %" PRIi64 "\n", clock_ns(CLOCK_KIND_VIRTUAL));
}

static void qtest_clock_step(char **words)
{
    int64_t now = clock_ns(CLOCK_KIND_VIRTUAL);
    uint64_t step;
    if (!words[1]) {
        qtest_clock_to(MAX(now, timers_next_expiry(CLOCK_KIND_VIRTUAL)));
    } else if (qtest_nums(words, 1, &step)) {
        qtest_clock_to(step > (uint64_t)(INT64_MAX - now) ? INT64_MAX : now + (int64_t)step);
    }
}

static void qtest_clock_set(char **words)
{
    uint64_t target;
    if (qtest_nums(words, 1, &target)) {
        qtest_clock_to((int64_t)MIN(target, (uint64_t)INT64_MAX));
    }
}

/* Interrupt lines. */

static void qtest_irq_event(int n, int level)
{
    if (n >= 0 && n < QTEST_MAX_IRQS && qtest.level[n] != !!level) {
        qtest.level[n] = !!level;
        qtest_reply("IRQ %s %d\n", level ? "raise" : "lower", n);
    }
}

static void qtest_irq_tap(void *opaque, Device *d, int n, int level)
{
    (void)opaque;
    (void)d;
    qtest_irq_event(n, level);
}

static void qtest_irq_out(void *opaque, int n, int level)
{
    (void)opaque;
    qtest_irq_event(n, level);
}

/* The device named in words[1], when none or the same is intercepted already. */
static Device *qtest_intercept_device(char **words)
{
    Device *d = device_find(&machine_current()->root, words[1]);
    if (!d) {
        qtest_reply("FAIL Unknown device\n");
    } else if (qtest.intercepted) {
        qtest_reply(qtest.intercepted == d ? "OK\n" : "FAIL IRQ intercept already enabled\n");
        d = NULL;
    }
    return d;
}

static void qtest_irq_intercept_in(char **words)
{
    Device *d = qtest_intercept_device(words);
    if (d) {
        qtest.intercepted = d;
        d->irq_tap = qtest_irq_tap;
        qtest_reply("OK\n");
    }
}

static void qtest_irq_intercept_out(char **words)
{
    Device *d = qtest_intercept_device(words);
    if (!d) {
        return;
    }
    int n = 0;
    qtest.intercepted = d;
    for (const IrqOut *o = d->cls->irq_out; o && o->name; o++) {
        IrqLine *lines = (IrqLine *)((char *)d + o->offset);
        for (uint32_t i = 0; i < o->count && n < QTEST_MAX_IRQS; i++, n++) {
            lines[i] = (IrqLine){ qtest_irq_out, NULL, n };
        }
    }
    qtest_reply("OK\n");
}

static void qtest_set_irq_in(char **words)
{
    Device *d = device_find(&machine_current()->root, words[1]);
    uint64_t a[2]; /* line, level */
    if (!d) {
        qtest_reply("FAIL Unknown device\n");
    } else if (qtest_nums(words + 2, 2, a) && a[0] >= d->cls->irq_in_count) {
        qtest_reply("FAIL '%s' has %u inputs\n", words[1], d->cls->irq_in_count);
    } else if (qtest_num(words[3], &a[0]) && qtest_num(words[4], &a[1])) {
        irq_set(device_irq_in(d, (unsigned)a[0]), a[1] != 0);
        qtest_reply("OK\n");
    }
}

typedef struct QTestCommand {
    const char *name;
    unsigned min_args, max_args;
    void (*run)(char **words);
    bool clock; /* only with the accelerator that leaves the clock to the test */
} QTestCommand;

static const QTestCommand qtest_commands[] = {
    { "outb", 2, 2, qtest_out_port, false },
    { "outw", 2, 2, qtest_out_port, false },
    { "outl", 2, 2, qtest_out_port, false },
    { "inb", 1, 1, qtest_in_port, false },
    { "inw", 1, 1, qtest_in_port, false },
    { "inl", 1, 1, qtest_in_port, false },
    { "writeb", 2, 2, qtest_write_mem, false },
    { "writew", 2, 2, qtest_write_mem, false },
    { "writel", 2, 2, qtest_write_mem, false },
    { "writeq", 2, 2, qtest_write_mem, false },
    { "readb", 1, 1, qtest_read_mem, false },
    { "readw", 1, 1, qtest_read_mem, false },
    { "readl", 1, 1, qtest_read_mem, false },
    { "readq", 1, 1, qtest_read_mem, false },
    { "read", 2, 2, qtest_read_hex, false },
    { "write", 3, 3, qtest_write_hex, false },
    { "b64read", 2, 2, qtest_read_b64, false },
    { "b64write", 3, 3, qtest_write_b64, false },
    { "memset", 3, 3, qtest_memset, false },
    { "endianness", 0, 0, qtest_endianness, false },
    { "clock_step", 0, 1, qtest_clock_step, true },
    { "clock_set", 1, 1, qtest_clock_set, true },
    { "irq_intercept_in", 1, 1, qtest_irq_intercept_in, false },
    { "irq_intercept_out", 1, 1, qtest_irq_intercept_out, false },
    { "set_irq_in", 4, 4, qtest_set_irq_in, false },
};

static void qtest_command(char *line)
{
    char **split = g_strsplit_set(g_strstrip(line), " \t", -1);
    char *words[QTEST_MAX_WORDS + 1] = { NULL };
    unsigned n = 0;
    for (char **w = split; *w && n < QTEST_MAX_WORDS; w++) {
        if (**w) {
            words[n++] = *w;
        }
    }
    const QTestCommand *cmd = NULL;
    for (unsigned i = 0; n && i < G_N_ELEMENTS(qtest_commands); i++) {
        const QTestCommand *c = &qtest_commands[i];
        if (!strcmp(c->name, words[0]) && !(c->clock && accel_runs_code())) {
            cmd = c;
        }
    }
    if (!cmd) {
        qtest_reply("FAIL Unknown command '%s'\n", n ? words[0] : "");
    } else if (n - 1 < cmd->min_args || n - 1 > cmd->max_args) {
        qtest_reply("FAIL '%s' takes %u arguments\n", cmd->name, cmd->max_args);
    } else {
        cmd->run(words);
    }
    g_strfreev(split);
}

/* Input. */

static size_t qtest_can_receive(void *opaque)
{
    (void)opaque;
    return 65536;
}

static void qtest_receive(void *opaque, const uint8_t *buf, size_t len)
{
    (void)opaque;
    g_string_append_len(qtest.in, (const char *)buf, (gssize)len);
    char *end;
    size_t done = 0;
    while ((end = memchr(qtest.in->str + done, '\n', qtest.in->len - done))) {
        char *line = qtest.in->str + done;
        *end = 0;
        done = (size_t)(end - qtest.in->str) + 1;
        qtest_log("R", line, MAX(strlen(line), 1));
        qtest_command(line);
    }
    g_string_erase(qtest.in, 0, (gssize)done);
    if (qtest.in->len > QTEST_LINE_MAX) {
        g_string_truncate(qtest.in, 0);
        qtest_reply("FAIL line too long\n");
    }
}

static void qtest_can_write(void *opaque)
{
    (void)opaque;
    qtest_flush();
}

static void qtest_event(void *opaque, CharEvent ev)
{
    (void)opaque;
    if (ev == CHAR_EV_OPENED) {
        g_string_truncate(qtest.in, 0);
        g_string_truncate(qtest.out, 0);
        memset(qtest.level, 0, sizeof(qtest.level));
    }
}

bool qtest_start_server(Chardev *chr, const char *log_path, Error **errp)
{
    static const CharFeOps ops = { qtest_can_receive, qtest_receive, qtest_event, qtest_can_write };
    if (log_path && strcmp(log_path, "none")) {
        qtest.log = fopen(log_path, "w");
        if (!qtest.log) {
            error_set_errno(errp, errno, "-qtest-log: cannot write '%s'", log_path);
            return false;
        }
    }
    qtest.log_start = clock_ns(CLOCK_KIND_REALTIME);
    qtest.in = g_string_new(NULL);
    qtest.out = g_string_new(NULL);
    if (!char_fe_attach(&qtest.fe, chr, errp)) {
        return false;
    }
    char_fe_set_handlers(&qtest.fe, &ops, NULL);
    return true;
}

/* The accelerator. */

static bool qtest_accel_init(KeyVal *options, Error **errp)
{
    static const char *const known[] = { NULL };
    if (!keyval_finish(options, "accelerator qtest", known, errp)) {
        return false;
    }
    clock_virtual_manual();
    return true;
}

static const AccelClass qtest_accel = {
    .name = "qtest",
    .desc = "runs no guest code: device tests drive the machine through -qtest",
    .init = qtest_accel_init,
};
ACCEL_REGISTER(qtest_accel);
