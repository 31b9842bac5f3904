/* SPDX-License-Identifier: GPL-2.0-or-later */
/* key=value lists and the values in them. */
#include "util/osdep.h"
#include "util/keyval.h"

#include "tests/unit/test.h"

static KeyVal *parse(const char *text, const char *implied)
{
    Error *err = NULL;
    KeyVal *kv = keyval_parse(text, implied, &err);
    CHECK(kv && !err);
    return kv;
}

TEST(pairs_flags_and_the_implied_key)
{
    KeyVal *kv = parse("e1000,id=n0,multifunction,noapic,mac=", "driver");
    CHECK_STR(keyval_get(kv, "driver"), "e1000");
    CHECK_STR(keyval_get(kv, "id"), "n0");
    CHECK_STR(keyval_get(kv, "multifunction"), "on");
    CHECK_STR(keyval_get(kv, "noapic"), "on");
    CHECK_STR(keyval_get(kv, "mac"), "");
    CHECK(!keyval_get(kv, "bus"));
    CHECK(keyval_has(kv, "id") && !keyval_has(kv, "bus"));
    keyval_free(kv);
}

TEST(commas_are_doubled_in_values)
{
    KeyVal *kv = parse("a,,b.img,format=x,,y,,,z=1", "file");
    CHECK_STR(keyval_get(kv, "file"), "a,b.img");
    CHECK_STR(keyval_get(kv, "format"), "x,y,");
    CHECK_STR(keyval_get(kv, "z"), "1");
    keyval_free(kv);
}

TEST(a_first_part_with_a_key_is_not_implied)
{
    KeyVal *kv = parse("file=x=y", "file");
    CHECK_STR(keyval_get(kv, "file"), "x=y");
    keyval_free(kv);
    kv = parse("", "file");
    CHECK(!keyval_has(kv, "file"));
    keyval_free(kv);
}

TEST(the_last_value_counts)
{
    KeyVal *kv = parse("a=1,a=2", NULL);
    CHECK_STR(keyval_get(kv, "a"), "2");
    CHECK(keyval_finish(kv, "x", NULL, NULL)); /* both are used */
    keyval_set(kv, "a", "3");
    keyval_set(kv, "b", "4");
    CHECK_STR(keyval_get(kv, "a"), "3");
    CHECK_STR(keyval_get(kv, "b"), "4");
    keyval_free(kv);
}

TEST(missing_names_are_errors)
{
    Error *err = NULL;
    CHECK(!keyval_parse("=x", NULL, &err));
    error_free(err);
    err = NULL;
    CHECK(!keyval_parse("a=1,=x", NULL, &err));
    error_free(err);
    CHECK(!keyval_parse("a,,b", NULL, NULL));
}

TEST(leftovers_name_the_nearest)
{
    static const char *const known[] = { "format", "file", NULL };
    Error *err = NULL;
    KeyVal *kv = parse("file=x,fromat=raw", NULL);
    CHECK_STR(keyval_get(kv, "file"), "x");
    CHECK(!keyval_finish(kv, "-drive", known, &err));
    CHECK_STR(error_message(err), "-drive has no parameter 'fromat'");
    CHECK_STR(error_hint(err), "Did you mean 'format'?");
    error_free(err);
    keyval_free(kv);
}

static bool collect(void *opaque, const char *key, const char *value, Error **errp)
{
    GString *s = opaque;
    g_string_append_printf(s, "%s:%s;", key, value);
    if (!strcmp(key, "stop")) {
        error_set(errp, "stopped");
        return false;
    }
    return true;
}

TEST(each_visits_in_order_and_stops)
{
    GString *s = g_string_new(NULL);
    KeyVal *kv = parse("b=1,a=2,stop,c=3", NULL);
    Error *err = NULL;
    CHECK(!keyval_each(kv, collect, s, &err));
    CHECK_STR(s->str, "b:1;a:2;stop:on;");
    CHECK_STR(error_message(err), "stopped");
    error_free(err);
    g_string_free(s, TRUE);
    keyval_free(kv);
}

TEST(typed_getters)
{
    KeyVal *kv = parse("on=yes,n=0x10,size=1.5k,bad=x", NULL);
    bool b = false;
    uint64_t n = 5, size = 0, none = 9;
    Error *err = NULL;
    CHECK(keyval_get_bool(kv, "on", &b, NULL) && b);
    CHECK(keyval_get_uint(kv, "n", 0, 16, &n, NULL) && n == 16);
    CHECK(keyval_get_size(kv, "size", &size, NULL));
    CHECK_EQ(size, 1536);
    CHECK(keyval_get_uint(kv, "absent", 0, 1, &none, NULL));
    CHECK_EQ(none, 9);
    CHECK(!keyval_get_uint(kv, "bad", 1, 8, &n, &err));
    CHECK_STR(error_message(err), "bad must be a number from 1 to 8, not 'x'");
    error_free(err);
    keyval_free(kv);
}

TEST(numbers_and_their_range)
{
    uint64_t v = 1;
    Error *err = NULL;
    CHECK(parse_uint("x", "18446744073709551615", 0, UINT64_MAX, &v, NULL));
    CHECK_EQ(v, UINT64_MAX);
    CHECK(!parse_uint("x", "18446744073709551616", 0, UINT64_MAX, &v, &err));
    error_free(err);
    err = NULL;
    CHECK(!parse_uint("-smp", "300", 1, 255, &v, &err));
    CHECK_STR(error_message(err), "-smp is 300, but must be from 1 to 255");
    error_free(err);
    err = NULL;
    CHECK(!parse_uint("x", "-1", 0, 9, &v, &err));
    CHECK_STR(error_message(err), "x is -1, but must be from 0 to 9");
    error_free(err);
    CHECK(!parse_uint("x", "", 0, 9, &v, NULL));
    CHECK(!parse_uint("x", " 1", 0, 9, &v, NULL));
    CHECK(!parse_uint("x", "1 ", 0, 9, &v, NULL));
    CHECK(!parse_uint("x", "+1", 0, 9, &v, NULL));
    CHECK(!parse_uint("x", "0x", 0, 9, &v, NULL));
    CHECK_EQ(v, UINT64_MAX);
}

TEST(sizes)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        { "512", 512 * MiB }, { "64k", 64 * KiB }, { "256M", 256 * MiB }, { "1.5G", 3 * GiB / 2 }, { "2T", 2 * TiB },
        { "0", 0 },           { "7b", 7 },         { "15E", 15ull << 60 }, { "0.5", MiB / 2 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        uint64_t v;
        CHECK(parse_size("-m", good[i].text, MiB, &v, NULL));
        CHECK_EQ(v, good[i].value);
    }
    static const char *const bad[] = { "", "x", "-1", "1x", "1kb", "1.2.3", "1 k", ".5", "16E", "99999999999999999999" };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        uint64_t v = 3;
        Error *err = NULL;
        CHECK(!parse_size("-m", bad[i], MiB, &v, &err));
        CHECK(err && strstr(error_message(err), "-m"));
        CHECK_EQ(v, 3);
        error_free(err);
    }
}

TEST(booleans)
{
    bool b = false;
    Error *err = NULL;
    CHECK(parse_bool("x", "on", &b, NULL) && b);
    CHECK(parse_bool("x", "false", &b, NULL) && !b);
    CHECK(!parse_bool("hpet", "maybe", &b, &err));
    CHECK_STR(error_message(err), "hpet must be 'on' or 'off', not 'maybe'");
    error_free(err);
}
