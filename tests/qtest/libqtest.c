/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device tests' client: see libqtest.h.  One thread, blocking, with a time limit on every answer. */
#include "util/osdep.h"
#include "tests/qtest/libqtest.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define QTEST_TIMEOUT_MS 30000
#define QTEST_MAX_IRQS 256
#define QTEST_PROMPT "(qemu) "

typedef struct QTestIrq {
    bool level;
    unsigned raised;
} QTestIrq;

struct QTest {
    pid_t pid; /* 0: has been waited for */
    int fd, hmp_fd;
    GString *in;
    QTestIrq irq[QTEST_MAX_IRQS];
};

static GPtrArray *qtest_all; /* those to be killed when the test program fails */

static void qtest_kill_all(void)
{
    for (unsigned i = 0; qtest_all && i < qtest_all->len; i++) {
        QTest *t = qtest_all->pdata[i];
        if (t->pid > 0) {
            kill(t->pid, SIGKILL);
        }
    }
}

static void G_GNUC_PRINTF(1, 2) G_GNUC_NORETURN qtest_die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "libqtest: ");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    qtest_kill_all();
    printf("not ok - the emulator could not be driven any further\n");
    fflush(NULL);
    _exit(1);
}

/* The connection. */

static void qtest_send(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            qtest_die("cannot send to the emulator: %s", g_strerror(errno));
        }
        text += MAX(n, 0);
        len -= (size_t)MAX(n, 0);
    }
}

static size_t qtest_receive(int fd, char *buf, size_t size, const char *what)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int n;
    do {
        n = poll(&p, 1, QTEST_TIMEOUT_MS);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        qtest_die("no answer to '%s' within %d s", what, QTEST_TIMEOUT_MS / 1000);
    }
    ssize_t got = recv(fd, buf, size, 0);
    if (got <= 0) {
        qtest_die("the emulator closed the connection before it answered '%s'", what);
    }
    return (size_t)got;
}

static char *qtest_read_line(QTest *t, const char *what)
{
    char *end;
    while (!(end = memchr(t->in->str, '\n', t->in->len))) {
        char buf[16384];
        size_t n = qtest_receive(t->fd, buf, sizeof(buf), what);
        g_string_append_len(t->in, buf, (gssize)n);
    }
    size_t len = (size_t)(end - t->in->str);
    char *line = g_strndup(t->in->str, len);
    g_string_erase(t->in, 0, (gssize)len + 1);
    return line;
}

/* True: the line was an event, and is noted. */
static bool qtest_take_irq(QTest *t, const char *line)
{
    unsigned n;
    char what[8];
    if (sscanf(line, "IRQ %7s %u", what, &n) != 2) {
        return false;
    }
    if (n < QTEST_MAX_IRQS) {
        t->irq[n].level = !strcmp(what, "raise");
        t->irq[n].raised += t->irq[n].level;
    }
    return true;
}

static char *qtest_command(QTest *t, const char *cmd)
{
    char *line = g_strconcat(cmd, "\n", NULL);
    qtest_send(t->fd, line, strlen(line));
    g_free(line);
    for (;;) {
        char *reply = qtest_read_line(t, cmd);
        if (!qtest_take_irq(t, reply)) {
            return reply;
        }
        g_free(reply);
    }
}

char *qtest_raw(QTest *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *cmd = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    char *reply = qtest_command(t, cmd);
    g_free(cmd);
    return reply;
}

/* A command that must succeed; what follows OK, newly allocated. */
static char *G_GNUC_PRINTF(2, 3) qtest_ok(QTest *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *cmd = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    char *reply = qtest_command(t, cmd);
    if (!g_str_has_prefix(reply, "OK")) {
        qtest_die("'%.200s' was answered '%s'", cmd, reply);
    }
    char *value = g_strdup(reply[2] ? reply + 3 : "");
    g_free(cmd);
    g_free(reply);
    return value;
}

static uint64_t qtest_number(char *value)
{
    uint64_t n = g_ascii_strtoull(value, NULL, 0);
    g_free(value);
    return n;
}

/* Start and end. */

static void qtest_exec(char **args, const int *keep, unsigned nkeep)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < nkeep; i++) {
        char *text = g_strdup_printf("socket,id=qtest%u,fd=%d", i, dup(keep[i])); /* dup: without close-on-exec */
        args[4 + 2 * i] = text;
    }
    execv(args[0], args);
    fprintf(stderr, "libqtest: cannot run '%s': %s\n", args[0], g_strerror(errno));
    _exit(127);
}

static char **qtest_arguments(const char *extra)
{
    const char *program = g_getenv("RHEA");
    /* The arguments at 4 and 6 are filled in by qtest_exec(). */
    const char *const fixed[] = { program ? program : "build/rhea-system-x86_64", "-accel", "qtest",
                                  "-chardev", "", "-chardev", "", "-qtest", "chardev:qtest0", "-mon",
                                  "chardev=qtest1,mode=readline", "-display", "none", NULL };
    GPtrArray *all = g_ptr_array_new();
    for (unsigned i = 0; fixed[i]; i++) {
        g_ptr_array_add(all, g_strdup(fixed[i]));
    }
    char **more = NULL;
    GError *err = NULL;
    if (*extra && !g_shell_parse_argv(extra, NULL, &more, &err)) {
        qtest_die("'%s': %s", extra, err->message);
    }
    for (unsigned i = 0; more && more[i]; i++) {
        g_ptr_array_add(all, more[i]);
    }
    g_free(more);
    g_ptr_array_add(all, NULL);
    return (char **)g_ptr_array_free(all, FALSE);
}

static char *qtest_hmp_until_prompt(QTest *t, const char *what)
{
    GString *s = g_string_new(NULL);
    while (!g_str_has_suffix(s->str, QTEST_PROMPT)) {
        char buf[16384];
        size_t n = qtest_receive(t->hmp_fd, buf, sizeof(buf), what);
        g_string_append_len(s, buf, (gssize)n);
    }
    g_string_truncate(s, s->len - strlen(QTEST_PROMPT));
    return g_string_free(s, FALSE);
}

QTest *qtest_start(const char *args, ...)
{
    va_list ap;
    va_start(ap, args);
    char *extra = g_strdup_vprintf(args, ap);
    va_end(ap);
    int pair[2][2];
    for (unsigned i = 0; i < 2; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]) < 0) {
            qtest_die("socketpair: %s", g_strerror(errno));
        }
    }
    QTest *t = g_new0(QTest, 1);
    t->in = g_string_new(NULL);
    t->fd = pair[0][0];
    t->hmp_fd = pair[1][0];
    char **argv = qtest_arguments(extra);
    fflush(NULL);
    t->pid = fork();
    if (t->pid == 0) {
        qtest_exec(argv, (int[2]){ pair[0][1], pair[1][1] }, 2);
    }
    close(pair[0][1]);
    close(pair[1][1]);
    g_strfreev(argv);
    g_free(extra);
    if (!qtest_all) {
        qtest_all = g_ptr_array_new();
        atexit(qtest_kill_all);
    }
    g_ptr_array_add(qtest_all, t);
    g_free(qtest_ok(t, "endianness"));
    g_free(qtest_hmp_until_prompt(t, "the monitor's greeting"));
    return t;
}

int qtest_wait_exit(QTest *t)
{
    int status = 0;
    for (int ms = 0; waitpid(t->pid, &status, WNOHANG) == 0; ms += 10) {
        if (ms >= QTEST_TIMEOUT_MS) {
            qtest_die("the emulator does not end");
        }
        g_usleep(10000);
    }
    t->pid = 0;
    if (WIFSIGNALED(status)) {
        qtest_die("the emulator was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    return WEXITSTATUS(status);
}

void qtest_end(QTest *t)
{
    if (!t) {
        return;
    }
    if (t->pid > 0) {
        kill(t->pid, SIGTERM);
        int status = qtest_wait_exit(t);
        if (status) {
            qtest_die("the emulator ended with status %d", status);
        }
    }
    g_ptr_array_remove(qtest_all, t);
    close(t->fd);
    close(t->hmp_fd);
    g_string_free(t->in, TRUE);
    g_free(t);
}

/* Ports and memory. */

uint8_t qtest_inb(QTest *t, uint16_t port)
{
    return (uint8_t)qtest_number(qtest_ok(t, "inb 0x%x", port));
}

uint16_t qtest_inw(QTest *t, uint16_t port)
{
    return (uint16_t)qtest_number(qtest_ok(t, "inw 0x%x", port));
}

uint32_t qtest_inl(QTest *t, uint16_t port)
{
    return (uint32_t)qtest_number(qtest_ok(t, "inl 0x%x", port));
}

void qtest_outb(QTest *t, uint16_t port, uint8_t val)
{
    g_free(qtest_ok(t, "outb 0x%x 0x%x", port, val));
}

void qtest_outw(QTest *t, uint16_t port, uint16_t val)
{
    g_free(qtest_ok(t, "outw 0x%x 0x%x", port, val));
}

void qtest_outl(QTest *t, uint16_t port, uint32_t val)
{
    g_free(qtest_ok(t, "outl 0x%x 0x%x", port, val));
}

uint8_t qtest_readb(QTest *t, uint64_t addr)
{
    return (uint8_t)qtest_number(qtest_ok(t, "readb 0x%" PRIx64, addr));
}

uint16_t qtest_readw(QTest *t, uint64_t addr)
{
    return (uint16_t)qtest_number(qtest_ok(t, "readw 0x%" PRIx64, addr));
}

uint32_t qtest_readl(QTest *t, uint64_t addr)
{
    return (uint32_t)qtest_number(qtest_ok(t, "readl 0x%" PRIx64, addr));
}

uint64_t qtest_readq(QTest *t, uint64_t addr)
{
    return qtest_number(qtest_ok(t, "readq 0x%" PRIx64, addr));
}

void qtest_writeb(QTest *t, uint64_t addr, uint8_t val)
{
    g_free(qtest_ok(t, "writeb 0x%" PRIx64 " 0x%x", addr, val));
}

void qtest_writew(QTest *t, uint64_t addr, uint16_t val)
{
    g_free(qtest_ok(t, "writew 0x%" PRIx64 " 0x%x", addr, val));
}

void qtest_writel(QTest *t, uint64_t addr, uint32_t val)
{
    g_free(qtest_ok(t, "writel 0x%" PRIx64 " 0x%x", addr, val));
}

void qtest_writeq(QTest *t, uint64_t addr, uint64_t val)
{
    g_free(qtest_ok(t, "writeq 0x%" PRIx64 " 0x%" PRIx64, addr, val));
}

/* Blocks travel in base 64, in pieces that both sides take. */
#define QTEST_PIECE ((size_t)1 << 20)

void qtest_read(QTest *t, uint64_t addr, void *buf, size_t len)
{
    for (size_t done = 0, n; done < len; done += n) {
        n = MIN(len - done, QTEST_PIECE);
        char *text = qtest_ok(t, "b64read 0x%" PRIx64 " 0x%zx", addr + done, n);
        gsize got;
        guchar *data = g_base64_decode(text, &got);
        if (got != n) {
            qtest_die("%zu bytes were read at 0x%" PRIx64 " where %zu were asked for", got, addr + done, n);
        }
        memcpy((char *)buf + done, data, n);
        g_free(data);
        g_free(text);
    }
}

void qtest_write(QTest *t, uint64_t addr, const void *buf, size_t len)
{
    for (size_t done = 0, n; done < len; done += n) {
        n = MIN(len - done, QTEST_PIECE);
        char *text = g_base64_encode((const guchar *)buf + done, n);
        g_free(qtest_ok(t, "b64write 0x%" PRIx64 " 0x%zx %s", addr + done, n, text));
        g_free(text);
    }
}

void qtest_memset(QTest *t, uint64_t addr, uint8_t val, size_t len)
{
    for (size_t done = 0, n; done < len; done += n) {
        n = MIN(len - done, 8 * QTEST_PIECE);
        g_free(qtest_ok(t, "memset 0x%" PRIx64 " 0x%zx 0x%x", addr + done, n, val));
    }
}

static void qtest_pci_select(QTest *t, uint8_t bus, uint8_t devfn, unsigned addr)
{
    qtest_outl(t, 0xcf8, 0x80000000u | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (addr & 0xfc));
}

uint32_t qtest_pci_read(QTest *t, uint8_t bus, uint8_t devfn, unsigned addr, unsigned size)
{
    uint16_t port = (uint16_t)(0xcfc + (addr & 3));
    qtest_pci_select(t, bus, devfn, addr);
    return size == 1 ? qtest_inb(t, port) : size == 2 ? qtest_inw(t, port) : qtest_inl(t, port);
}

void qtest_pci_write(QTest *t, uint8_t bus, uint8_t devfn, unsigned addr, uint32_t val, unsigned size)
{
    uint16_t port = (uint16_t)(0xcfc + (addr & 3));
    qtest_pci_select(t, bus, devfn, addr);
    if (size == 1) {
        qtest_outb(t, port, (uint8_t)val);
    } else if (size == 2) {
        qtest_outw(t, port, (uint16_t)val);
    } else {
        qtest_outl(t, port, val);
    }
}

/* Clock and interrupt lines. */

int64_t qtest_clock_step(QTest *t, int64_t ns)
{
    return (int64_t)qtest_number(qtest_ok(t, "clock_step %" PRId64, ns));
}

int64_t qtest_clock_step_next(QTest *t)
{
    return (int64_t)qtest_number(qtest_ok(t, "clock_step"));
}

int64_t qtest_clock_set(QTest *t, int64_t ns)
{
    return (int64_t)qtest_number(qtest_ok(t, "clock_set %" PRId64, ns));
}

void qtest_irq_intercept_in(QTest *t, const char *device)
{
    g_free(qtest_ok(t, "irq_intercept_in %s", device));
}

void qtest_irq_intercept_out(QTest *t, const char *device)
{
    g_free(qtest_ok(t, "irq_intercept_out %s", device));
}

/* Events of other causes than a command (timers of the host, block completions) come with the next reply. */
bool qtest_irq(QTest *t, unsigned n)
{
    g_free(qtest_ok(t, "endianness"));
    return n < QTEST_MAX_IRQS && t->irq[n].level;
}

unsigned qtest_irq_raised(QTest *t, unsigned n)
{
    g_free(qtest_ok(t, "endianness"));
    return n < QTEST_MAX_IRQS ? t->irq[n].raised : 0;
}

void qtest_set_irq_in(QTest *t, const char *device, unsigned n, int level)
{
    g_free(qtest_ok(t, "set_irq_in %s unnamed-gpio-in %u %d", device, n, level));
}

/* The monitor. */

void qtest_send_hmp(QTest *t, const char *cmd)
{
    qtest_send(t->hmp_fd, cmd, strlen(cmd));
    qtest_send(t->hmp_fd, "\n", 1);
}

char *qtest_hmp(QTest *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *cmd = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    qtest_send_hmp(t, cmd);
    char *all = qtest_hmp_until_prompt(t, cmd);
    char *echo = strchr(all, '\n');
    char *output = g_strdup(echo ? echo + 1 : all);
    char *from = output, *to = output; /* lines end in CR LF on the wire */
    while (*from) {
        if (*from != '\r') {
            *to++ = *from;
        }
        from++;
    }
    *to = 0;
    g_free(all);
    g_free(cmd);
    return output;
}
