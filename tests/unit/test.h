/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A unit-test framework in one header. A test program is one .c file that includes this once and holds cases:
 *
 *     TEST(adds_numbers)
 *     {
 *         CHECK_EQ(add(2, 2), 4);
 *         CHECK_STR(name(), "four");
 *     }
 *
 * The program prints one TAP line per case ("ok 1 - name", "not ok 2 - name"), each failed check with file, line and
 * values on standard error, and exits with the number of failed cases (at most 99). With arguments it runs only the
 * cases named by them; with -l it lists the cases. A failed check ends its case, not the program.
 * TEST_SKIP("reason") ends a case as skipped. Cases run in the order of the file, in one thread.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TestCase {
    const char *name;
    void (*run)(void);
    struct TestCase *next;
} TestCase;

static TestCase *test_first, **test_tail = &test_first;
static jmp_buf test_end;
enum { TEST_FAILED = 1, TEST_SKIPPED };

static inline void test_add(TestCase *test)
{
    *test_tail = test;
    test_tail = &test->next;
}

/* Reads as a comparison of any integer or pointer type, printed in decimal and hexadecimal. */
static inline void test_eq(const char *file, int line, const char *what_a, const char *what_b, uint64_t a, uint64_t b)
{
    if (a != b) {
        fprintf(stderr, "%s:%d: %s is %" PRId64 " (0x%" PRIx64 "), but %s is %" PRId64 " (0x%" PRIx64 ")\n", file, line,
                what_a, (int64_t)a, a, what_b, (int64_t)b, b);
        longjmp(test_end, TEST_FAILED);
    }
}

static inline void test_str(const char *file, int line, const char *what, const char *a, const char *b)
{
    if (!a || !b ? a != b : strcmp(a, b) != 0) {
        fprintf(stderr, "%s:%d: %s is \"%s\", but should be \"%s\"\n", file, line, what, a ? a : "(null)", b ? b : "(null)");
        longjmp(test_end, TEST_FAILED);
    }
}

static inline void test_mem(const char *file, int line, const char *what, const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i]) {
            fprintf(stderr, "%s:%d: %s: byte %zu of %zu is 0x%02x, but should be 0x%02x\n", file, line, what, i, size, x[i],
                    y[i]);
            longjmp(test_end, TEST_FAILED);
        }
    }
}

#define TEST(name_)                                                                    \
    static void test_##name_(void);                                                    \
    __attribute__((constructor)) static void test_register_##name_(void)               \
    {                                                                                  \
        static TestCase test_case = { .name = #name_, .run = test_##name_ };           \
        test_add(&test_case);                                                          \
    }                                                                                  \
    static void test_##name_(void)

#define CHECK(condition)                                                               \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
            longjmp(test_end, TEST_FAILED);                                            \
        }                                                                              \
    } while (0)
#define CHECK_EQ(a, b) test_eq(__FILE__, __LINE__, #a, #b, (uint64_t)(a), (uint64_t)(b))
#define CHECK_STR(a, b) test_str(__FILE__, __LINE__, #a, (a), (b))
#define CHECK_MEM(a, b, size) test_mem(__FILE__, __LINE__, #a, (a), (b), (size))
#define TEST_FAIL(...)                                                                 \
    do {                                                                               \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                \
        fprintf(stderr, __VA_ARGS__);                                                  \
        fputc('\n', stderr);                                                           \
        longjmp(test_end, TEST_FAILED);                                                \
    } while (0)
#define TEST_SKIP(why)                                                                 \
    do {                                                                               \
        fprintf(stderr, "%s\n", (why));                                                \
        longjmp(test_end, TEST_SKIPPED);                                               \
    } while (0)

static inline int test_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(name, argv[i])) {
            return 1;
        }
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    volatile int number = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (TestCase *volatile test = test_first; test; test = test->next) {
        if (argc == 2 && !strcmp(argv[1], "-l")) {
            puts(test->name);
            continue;
        }
        if (!test_wanted(test->name, argc, argv)) {
            continue;
        }
        number++;
        int end = setjmp(test_end);
        if (end == 0) {
            test->run();
        }
        failed += end == TEST_FAILED;
        printf("%s %d - %s%s\n", end == TEST_FAILED ? "not ok" : "ok", number, test->name,
               end == TEST_SKIPPED ? " # SKIP" : "");
    }
    if (number == 0 && argc > 1 && strcmp(argv[1], "-l")) {
        fprintf(stderr, "no such case; %s -l lists them\n", argv[0]);
        return 99;
    }
    return failed > 99 ? 99 : failed;
}

#endif
