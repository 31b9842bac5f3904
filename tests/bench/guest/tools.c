/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other people's programs: tcc compiles a generated source, BusyBox's shell runs loops. Both are files of the benchmark's root. */
#include "util/osdep.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/bench/guest/bench.h"

enum { FUNCTIONS = 400 };
static char source[64], object[64]; /* a pair a process: two copies may run at a time */

/* Functions with loops, switches, structs, arrays and strings, each calling an earlier one. */
static void write_function(FILE *f, int n, uint32_t *x)
{
    fprintf(f, "struct s%d { long a[%d]; char text[16]; struct s%d *next; double d; };\n", n, 2 + n % 7, n);
    fprintf(f, "static long f%d(long x, struct s%d *s)\n{\n    long r = x, i;\n    for (i = 0; i < %d; i++) {\n", n, n, 2 + n % 7);
    fprintf(f, "        s->a[i] = r * %u + (i ^ %uu);\n        switch (r & 7) {\n", random_next(x) % 1000, random_next(x) % 5000);
    for (int k = 0; k < 7; k++) {
        fprintf(f, "        case %d: r = r %c (s->a[i] %s %u); break;\n", k, "+-^|+-^"[k], k & 1 ? ">>" : "&", random_next(x) % 31);
    }
    fprintf(f, "        default: r++; s->d = s->d * 1.5 + r; break;\n        }\n    }\n");
    fprintf(f, "    while (r > 1000) { r = r / 3 - (s->text[r & 15] == '%c' ? 1 : 2); }\n", 'a' + n % 26);
    if (n) {
        fprintf(f, "    { struct s%d t = { { 1, 2 }, \"text %d\", 0, %d.25 }; r += f%d(r, &t) + (long)t.d; }\n", n - 1, n, n, n - 1);
    }
    fprintf(f, "    return s->next ? r : r + %d;\n}\n\n", n);
}

static void prepare_tcc(void)
{
    snprintf(source, sizeof(source), "tmp/%d-generated.c", (int)getpid());
    snprintf(object, sizeof(object), "tmp/%d-generated.o", (int)getpid());
    FILE *f = fopen(source, "w");
    if (!f) {
        die(source);
    }
    uint32_t x = 17;
    fprintf(f, "#include <stddef.h>\n#include <stdarg.h>\n#include <float.h>\n#line 1 \"generated.c\"\n");
    for (int n = 0; n < FUNCTIONS; n++) {
        write_function(f, n, &x);
    }
    fprintf(f, "long entry(long x)\n{\n    struct s%d s = { { 1 } };\n    return f%d(x, &s);\n}\n", FUNCTIONS - 1, FUNCTIONS - 1);
    if (fclose(f) != 0) {
        die(source);
    }
}

/* Runs a program and gives its standard output's descriptor. */
static int start(pid_t *child, const char *const *arguments)
{
    int out[2];
    if (pipe(out) != 0 || (*child = fork()) < 0) {
        die("pipe or fork");
    }
    if (*child == 0) {
        dup2(out[1], 1);
        close(out[0]);
        close(out[1]);
        execv(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    close(out[1]);
    return out[0];
}

/* Mixes all that can be read from the descriptor, and closes it. */
static uint64_t mix_stream(uint64_t sum, int fd)
{
    uint8_t data[65536];
    size_t length = 0;
    ssize_t got;
    while ((got = read(fd, data + length, sizeof(data) - length)) > 0) {
        length += got;
        if (length == sizeof(data)) {
            sum = mix_bytes(sum, data, length);
            length = 0;
        }
    }
    close(fd);
    return mix_bytes(sum, data, length);
}

static uint64_t run_program(uint64_t sum, const char *const *arguments)
{
    pid_t child;
    int status;
    sum = mix_stream(sum, start(&child, arguments));
    if (waitpid(child, &status, 0) != child || status != 0) {
        die(arguments[0]);
    }
    return sum;
}

static uint64_t run_tcc(uint64_t size)
{
    uint64_t sum = 0;
    const char *const arguments[] = {"usr/bin/tcc", "-Busr/lib/x86_64-linux-gnu/tcc", "-c", source, "-o", object, NULL};
    for (uint64_t i = 0; i < size; i++) {
        sum = run_program(sum, arguments);
        int fd = open(object, O_RDONLY);
        if (fd < 0) {
            die(object);
        }
        sum = mix_stream(sum, fd);
    }
    unlink(source);
    unlink(object);
    return sum;
}

static bool has_tcc(void)
{
    return access("usr/bin/tcc", X_OK) == 0;
}

/* Arithmetic, text and tests in the shell itself; a subshell in every turn, another program in every eighth. */
static uint64_t run_shell(uint64_t size)
{
    char turns[24];
    snprintf(turns, sizeof(turns), "%" PRIu64, size * 10);
    const char *const arguments[] = {
        "bin/busybox", "sh", "-c",
        "i=0 s=1\n"
        "while [ $i -lt $0 ]; do\n"
        "    i=$((i + 1))\n"
        "    for k in a b c d e f g h; do\n"
        "        s=$(((s * 31 + i) % 65521))\n"
        "        case $k$s in a1*) s=$((s + 1)) ;; b*7) s=$((s + 2)) ;; *) text=${k}${s#1} ;; esac\n"
        "    done\n"
        "    text=$(echo \"$text $i\")\n"
        "    [ $((i % 8)) = 0 ] && bin/busybox expr $s % 1000\n"
        "done\n"
        "echo $s $text\n",
        turns, NULL};
    return run_program(1, arguments);
}

static bool has_busybox(void)
{
    return access("bin/busybox", X_OK) == 0;
}

const Program tool_programs[] = {
    {"tcc", "integer", 1, run_tcc, prepare_tcc, has_tcc},
    {"shell", "kernel", 4, run_shell, NULL, has_busybox},
    {NULL},
};
