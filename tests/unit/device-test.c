/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device classes, properties, buses, life, reset, interrupts, the tree as text, saved state. */
#include "util/osdep.h"
#include "system/device.h"
#include "util/mainloop.h"

#include "tests/unit/test.h"

static GString *events;

static void event(const char *what, const Device *d)
{
    g_string_append_printf(events, "%s:%s ", what, d->id ? d->id : d->cls->name);
}

/* A parent with a bus of its own, and a child for it. */

typedef struct TestHost {
    Device dev;
    Bus bus;
    uint32_t reg;
    bool fail;
} TestHost;

typedef struct TestChild {
    Device dev;
    bool flag;
    uint8_t u8;
    uint16_t ranged;
    uint32_t u32, feature_bits;
    int32_t i32;
    uint64_t u64, size;
    char *text;
    int choice;
    uint8_t mac[6];
    uint32_t reg; /* guest-visible */
    int in_level;
    IrqLine out[2];
} TestChild;

static bool child_bus_attach(Bus *bus, Device *d, Error **errp)
{
    event("attach", d);
    if (bus->devices->len >= 3) {
        error_set(errp, "bus '%s' is full", bus->name);
        return false;
    }
    return true;
}

static void child_bus_detach(Bus *bus, Device *d)
{
    (void)bus;
    event("detach", d);
}

static void child_bus_reset_device(Bus *bus, Device *d)
{
    (void)bus;
    event("busdev", d);
}

static void child_bus_reset(Bus *bus)
{
    g_string_append_printf(events, "bus:%s ", bus->name);
}

static void child_bus_print(Bus *bus, Device *d, GString *out)
{
    (void)bus;
    (void)d;
    g_string_append(out, "slot 1\n");
}

static const BusClass child_bus_class = {
    .kind = BUS_ISA,
    .type = "ISA",
    .attach = child_bus_attach,
    .detach = child_bus_detach,
    .reset_device = child_bus_reset_device,
    .reset = child_bus_reset,
    .print_device = child_bus_print,
};
static const BusClass root_bus_class = { .kind = BUS_SYSTEM, .type = "System" };

static bool host_realize(Device *d, Error **errp)
{
    TestHost *h = container_of(d, TestHost, dev);
    event("realize", d);
    bus_init(&h->bus, &child_bus_class, d, "isa.0");
    if (h->fail) {
        error_set(errp, "told to fail");
        return false;
    }
    return true;
}

static void host_reset(Device *d)
{
    container_of(d, TestHost, dev)->reg = 1;
    event("reset", d);
}

static void host_unrealize(Device *d)
{
    event("unrealize", d);
}

static const VMState host_state = {
    .name = "test-host",
    .version = 1,
    .fields = (const VMStateField[]){ VMS_UINT(TestHost, reg), VMS_END },
};
static const Prop host_props[] = { PROP(TestHost, fail, "fail", prop_bool, NULL, "realize fails"), PROP_END };
static const DeviceClass host_class = {
    .name = "test-host",
    .bus = BUS_SYSTEM,
    .size = sizeof(TestHost),
    .props = host_props,
    .state = &host_state,
    .realize = host_realize,
    .reset = host_reset,
    .unrealize = host_unrealize,
};
DEVICE_REGISTER(host_class);

static bool child_realize(Device *d, Error **errp)
{
    (void)errp;
    event("realize", d);
    return true;
}

static void child_reset(Device *d)
{
    container_of(d, TestChild, dev)->reg = 0x11;
    event("reset", d);
}

static void child_unrealize(Device *d)
{
    event("unrealize", d);
}

static void child_irq_in(Device *d, int n, int level)
{
    container_of(d, TestChild, dev)->in_level = level ? n + 1 : 0;
}

static void child_print(Device *d, GString *out)
{
    (void)d;
    g_string_append(out, "own line\n");
}

static const VMState child_state = {
    .name = "test-child",
    .version = 1,
    .fields = (const VMStateField[]){ VMS_UINT(TestChild, reg), VMS_END },
};
static const char *const choices[] = { "red", "green", NULL };
static const Prop child_props[] = {
    PROP(TestChild, flag, "flag", prop_bool, "on", "a flag"),
    PROP(TestChild, u8, "u8", prop_u8, "7", "a byte"),
    PROP_RANGE(TestChild, ranged, "ranged", prop_u16, "10", 10, 20, "a number"),
    PROP(TestChild, u32, "u32", prop_u32, NULL, "a number"),
    PROP(TestChild, i32, "i32", prop_i32, "-5", "a number"),
    PROP(TestChild, u64, "u64", prop_u64, "0xffffffffffffffff", "a number"),
    PROP(TestChild, size, "size", prop_size, "2G", "a size"),
    PROP(TestChild, text, "text", prop_string, "hello", "a text"),
    { .name = "choice", .type = &prop_enum, .offset = offsetof(TestChild, choice), .def = "green", .names = choices },
    { .name = "feature", .type = &prop_bit, .offset = offsetof(TestChild, feature_bits), .def = "on", .bit = 31 },
    PROP(TestChild, mac, "mac", prop_macaddr, "52:54:00:12:34:56", "an address"),
    PROP_END,
};
static const char *const child_alias[] = { "child-alias", NULL };
static const IrqOut child_out[] = { { "irq", offsetof(TestChild, out), 2 }, { NULL, 0, 0 } };
static const DeviceClass child_class = {
    .name = "test-child",
    .alias = child_alias,
    .bus = BUS_ISA,
    .size = sizeof(TestChild),
    .user_creatable = true,
    .props = child_props,
    .state = &child_state,
    .realize = child_realize,
    .reset = child_reset,
    .unrealize = child_unrealize,
    .irq_in = child_irq_in,
    .irq_in_count = 2,
    .irq_out = child_out,
    .print = child_print,
};
DEVICE_REGISTER(child_class);

static Bus root;

static void begin(void)
{
    if (!events) {
        events = g_string_new(NULL);
        bql_lock();
    }
    bus_destroy(&root);
    memset(&root, 0, sizeof(root));
    bus_init(&root, &root_bus_class, NULL, "main-system-bus");
    g_string_truncate(events, 0);
}

static TestHost *host(void)
{
    Device *d = device_create(&host_class, &root, NULL);
    CHECK(d && d->realized);
    return container_of(d, TestHost, dev);
}

static Device *child(TestHost *h, const char *id)
{
    Device *d = device_new(&child_class);
    d->id = g_strdup(id);
    CHECK(device_realize(d, &h->bus, NULL));
    return d;
}

static const char *seen(void)
{
    static char text[1024];
    g_strlcpy(text, events->str, sizeof(text));
    g_string_truncate(events, 0);
    return text;
}

/* Classes. */

static void check_order(void *opaque, const DeviceClass *cls)
{
    const char **last = opaque;
    CHECK(!*last || strcmp(*last, cls->name) < 0); /* sorted, and no name twice */
    *last = cls->name;
}

TEST(registry)
{
    const char *last = NULL;
    begin();
    CHECK(device_class_find("test-child") == &child_class);
    CHECK(device_class_find("child-alias") == &child_class);
    CHECK(!device_class_find("no-such"));
    device_class_each(check_order, &last);
    CHECK(last);
}

static void create_one(void *opaque, const DeviceClass *cls)
{
    ++*(unsigned *)opaque;
    Device *d = device_new(cls); /* g_error when a default does not fit its type */
    for (const Prop *p = cls->props; p && p->name; p++) {
        char *text = device_get_prop(d, p->name);
        g_free(text);
    }
    device_free(d);
}

TEST(every_class_can_be_made_and_freed)
{
    unsigned n = 0;
    begin();
    device_class_each(create_one, &n);
    CHECK(n >= 2);
}

/* Properties. */

static void check_prop(Device *d, const char *name, const char *set, const char *get)
{
    Error *err = NULL;
    if (set && !device_set_prop(d, name, set, &err)) {
        TEST_FAIL("%s", error_message(err));
    }
    char *text = device_get_prop(d, name);
    CHECK_STR(text, get);
    g_free(text);
}

static void check_refused(Device *d, const char *name, const char *set, const char *message)
{
    Error *err = NULL;
    char *before = device_get_prop(d, name);
    CHECK(!device_set_prop(d, name, set, &err));
    CHECK_STR(error_message(err), message);
    error_free(err);
    check_prop(d, name, NULL, before);
    g_free(before);
}

TEST(defaults_and_values)
{
    begin();
    Device *d = device_new(&child_class);
    check_prop(d, "flag", NULL, "on");
    check_prop(d, "u8", NULL, "7");
    check_prop(d, "u32", NULL, "0");
    check_prop(d, "i32", NULL, "-5");
    check_prop(d, "u64", NULL, "18446744073709551615");
    check_prop(d, "size", NULL, "2147483648");
    check_prop(d, "text", NULL, "hello");
    check_prop(d, "choice", NULL, "green");
    check_prop(d, "feature", NULL, "on");
    CHECK_EQ(container_of(d, TestChild, dev)->feature_bits, 0x80000000);
    check_prop(d, "flag", "off", "off");
    check_prop(d, "u8", "0xff", "255");
    check_prop(d, "ranged", "20", "20");
    check_prop(d, "i32", "-2147483648", "-2147483648");
    check_prop(d, "size", "1.5k", "1536");
    check_prop(d, "text", "", "");
    check_prop(d, "text", "again", "again");
    check_prop(d, "choice", "red", "red");
    check_prop(d, "feature", "off", "off");
    check_prop(d, "mac", "52-54-00-AB-cd-ef", "52:54:00:ab:cd:ef");
    device_free(d);
}

TEST(bad_values_name_the_range)
{
    begin();
    Device *d = device_new(&child_class);
    check_refused(d, "u8", "256", "property 'test-child.u8' is 256, but must be from 0 to 255");
    check_refused(d, "ranged", "9", "property 'test-child.ranged' is 9, but must be from 10 to 20");
    check_refused(d, "i32", "2147483648",
                  "property 'test-child.i32' must be a number from -2147483648 to 2147483647, not '2147483648'");
    check_refused(d, "flag", "2", "property 'test-child.flag' must be 'on' or 'off', not '2'");
    check_refused(d, "choice", "blue", "property 'test-child.choice' must be one of red, green, not 'blue'");
    check_refused(d, "mac", "52:54:00:12:34",
                  "property 'test-child.mac' must be an address such as 52:54:00:12:34:56, not '52:54:00:12:34'");
    check_refused(d, "mac", "52:54:00:12:34:5g",
                  "property 'test-child.mac' must be an address such as 52:54:00:12:34:56, not '52:54:00:12:34:5g'");
    device_free(d);
}

TEST(unknown_property_names_the_nearest)
{
    Error *err = NULL;
    begin();
    Device *d = device_new(&child_class);
    CHECK(!device_set_prop(d, "tex", "x", &err));
    CHECK_STR(error_message(err), "device 'test-child' has no property 'tex'");
    CHECK_STR(error_hint(err), "Did you mean 'text'? -device test-child,help lists its properties.");
    error_free(err);
    device_free(d);
}

TEST(properties_are_fixed_after_realize)
{
    Error *err = NULL;
    begin();
    Device *d = child(host(), NULL);
    CHECK(!device_set_prop(d, "u8", "1", &err));
    CHECK(strstr(error_message(err), "in use"));
    error_free(err);
}

TEST(globals)
{
    Error *err = NULL;
    begin();
    CHECK(device_add_global("test-child", "u8", "99", NULL));
    CHECK(!device_add_global("test-child", "u8", "999", &err));
    error_free(err);
    err = NULL;
    CHECK(!device_add_global("test-chil", "u8", "9", &err));
    CHECK_STR(error_hint(err), "Did you mean 'test-child'? -device help lists all devices.");
    error_free(err);
    CHECK(!device_add_global("test-child", "u9", "9", NULL));
    Device *d = device_new(&child_class);
    check_prop(d, "u8", NULL, "99");
    check_prop(d, "u8", "1", "1");
    device_free(d);
    CHECK(device_add_global("test-child", "u8", "7", NULL)); /* the last one counts; others here expect 7 */
}

/* Life. */

TEST(realize_attaches_then_resets)
{
    begin();
    TestHost *h = host();
    CHECK_STR(seen(), "realize:test-host reset:test-host bus:isa.0 ");
    Device *d = child(h, "c0");
    CHECK_STR(seen(), "attach:c0 realize:c0 busdev:c0 reset:c0 ");
    CHECK_EQ(container_of(d, TestChild, dev)->reg, 0x11);
    device_free(d);
    CHECK_STR(seen(), "unrealize:c0 detach:c0 ");
    CHECK_EQ(h->bus.devices->len, 0);
}

TEST(reset_goes_down_the_tree)
{
    begin();
    TestHost *h = host();
    Device *a = child(h, "a");
    child(h, "b");
    container_of(a, TestChild, dev)->reg = 0;
    seen();
    bus_reset(&root);
    CHECK_STR(seen(), "reset:test-host busdev:a reset:a busdev:b reset:b bus:isa.0 ");
    CHECK_EQ(container_of(a, TestChild, dev)->reg, 0x11);
}

TEST(children_go_before_their_parent)
{
    begin();
    TestHost *h = host();
    child(h, "a");
    child(h, "b");
    seen();
    device_free(&h->dev);
    CHECK_STR(seen(), "unrealize:b detach:b unrealize:a detach:a unrealize:test-host ");
    CHECK_EQ(root.devices->len, 0);
}

TEST(a_failed_realize_leaves_nothing)
{
    Error *err = NULL;
    begin();
    Device *d = device_new(&host_class);
    CHECK(device_set_prop(d, "fail", "on", NULL));
    CHECK(!device_realize(d, &root, &err));
    CHECK_STR(error_message(err), "told to fail");
    CHECK(!d->realized && !d->bus && d->child_buses->len == 0 && root.devices->len == 0);
    CHECK(device_set_prop(d, "fail", "off", NULL));
    CHECK(device_realize(d, &root, NULL)); /* and may be tried again */
    error_free(err);
}

TEST(wrong_bus_full_bus_taken_id)
{
    Error *err = NULL;
    begin();
    TestHost *h = host();
    CHECK(!device_create(&child_class, &root, &err));
    CHECK_STR(error_message(err),
              "device 'test-child' needs a bus of type ISA, but 'main-system-bus' is of type system");
    error_free(err);
    err = NULL;
    CHECK(!device_create(&child_class, NULL, &err));
    error_free(err);
    err = NULL;
    child(h, "x");
    Device *d = device_new(&child_class);
    d->id = g_strdup("x");
    CHECK(!device_realize(d, &h->bus, &err));
    CHECK_STR(error_message(err), "id 'x' is taken by a device 'test-child'");
    error_free(err);
    err = NULL;
    device_free(d);
    child(h, "y");
    child(h, "z");
    CHECK(!device_create(&child_class, &h->bus, &err));
    CHECK_STR(error_message(err), "bus 'isa.0' is full");
    error_free(err);
}

static int tapped;

static void tap(void *opaque, Device *d, int n, int level)
{
    CHECK(opaque == &tapped && d);
    tapped = 10 * n + level;
}

TEST(interrupt_inputs_and_tap)
{
    begin();
    Device *d = child(host(), NULL);
    TestChild *c = container_of(d, TestChild, dev);
    irq_raise(device_irq_in(d, 1));
    CHECK_EQ(c->in_level, 2);
    d->irq_tap = tap;
    d->irq_tap_opaque = &tapped;
    irq_lower(device_irq_in(d, 1));
    CHECK_EQ(tapped, 10);
    CHECK_EQ(c->in_level, 2); /* the class does not see it */
}

/* The tree. */

TEST(finding)
{
    begin();
    TestHost *h = host();
    Device *a = child(h, "a"), *anon = child(h, NULL);
    CHECK(device_find(&root, "a") == a);
    CHECK(device_find(&root, "test-child") == a);
    CHECK(device_find(&root, "child-alias") == a);
    CHECK(device_find(&root, "/machine/peripheral/a") == a);
    CHECK(device_find(&root, "/machine/unattached/device[0]") == &h->dev);
    CHECK(device_find(&root, "/machine/peripheral-anon/device[1]") == anon);
    CHECK(!device_find(&root, "/machine/unattached/device[2]"));
    CHECK(!device_find(&root, "/machine/unattached/device[x"));
    CHECK(!device_find(&root, "/machine/peripheral/b"));
    CHECK(!device_find(&root, "b"));
    CHECK(bus_find(&root, BUS_ISA, NULL) == &h->bus);
    CHECK(bus_find(&root, BUS_ISA, "isa.0") == &h->bus);
    CHECK(!bus_find(&root, BUS_ISA, "isa.1"));
    CHECK(!bus_find(&root, BUS_PCI, NULL));
    char *path = device_path(anon);
    CHECK_STR(path, "main-system-bus/test-host[0]/isa.0/test-child[1]");
    g_free(path);
}

TEST(tree_as_text)
{
    begin();
    child(host(), "c0");
    GString *s = g_string_new(NULL);
    device_print_tree(&root, s);
    CHECK_STR(s->str, "bus: main-system-bus\n"
                      "  type System\n"
                      "  dev: test-host, id \"\"\n"
                      "    fail = false\n"
                      "    bus: isa.0\n"
                      "      type ISA\n"
                      "      dev: test-child, id \"c0\"\n"
                      "        gpio-in \"\" 2\n"
                      "        gpio-out \"irq\" 2\n"
                      "        flag = true\n"
                      "        u8 = 7 (0x7)\n"
                      "        ranged = 10 (0xa)\n"
                      "        u32 = 0 (0x0)\n"
                      "        i32 = -5\n"
                      "        u64 = 18446744073709551615 (0xffffffffffffffff)\n"
                      "        size = 2147483648 (2 GiB)\n"
                      "        text = \"hello\"\n"
                      "        choice = \"green\"\n"
                      "        feature = true\n"
                      "        mac = \"52:54:00:12:34:56\"\n"
                      "        slot 1\n"
                      "        own line\n");
    g_string_free(s, TRUE);
}

/* State. */

static GByteArray *saved(TestHost *h)
{
    GByteArray *out = g_byte_array_new();
    device_save(&h->dev, out);
    return out;
}

TEST(state_of_the_tree)
{
    begin();
    TestHost *h = host();
    TestChild *a = container_of(child(h, "a"), TestChild, dev), *b = container_of(child(h, "b"), TestChild, dev);
    h->reg = 5;
    a->reg = 6;
    b->reg = 7;
    GByteArray *one = saved(h);
    bus_reset(&root);
    const uint8_t *p = one->data;
    size_t len = one->len;
    CHECK(device_load(&h->dev, &p, &len, NULL));
    CHECK(len == 0 && h->reg == 5 && a->reg == 6 && b->reg == 7);
    GByteArray *two = saved(h);
    CHECK_EQ(one->len, two->len);
    CHECK_MEM(one->data, two->data, one->len);
    g_byte_array_unref(one);
    g_byte_array_unref(two);
}

TEST(short_and_foreign_states)
{
    begin();
    TestHost *h = host();
    Device *a = child(h, "a");
    GByteArray *s = saved(h);
    for (size_t n = 0; n < s->len; n++) {
        uint8_t *cut = g_memdup2(s->data, n);
        const uint8_t *p = cut;
        size_t len = n;
        Error *err = NULL;
        CHECK(!device_load(&h->dev, &p, &len, &err));
        CHECK(strstr(error_message(err), "test-host[0]"));
        error_free(err);
        g_free(cut);
    }
    device_free(a);
    Device *other = device_create(&host_class, &root, NULL);
    const uint8_t *p = s->data;
    size_t len = s->len;
    Error *err = NULL;
    CHECK(!device_load(other, &p, &len, &err));
    CHECK_STR(error_message(err), "state of device 'main-system-bus/test-host[1]' expected, but "
                                  "'main-system-bus/test-host[0]' found");
    error_free(err);
    g_byte_array_unref(s);
}

TEST(a_bus_may_be_destroyed_twice)
{
    begin();
    bus_destroy(&root);
    bus_destroy(&root);
}
