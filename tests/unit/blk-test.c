/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block layer on real files: random I/O against a model, bounds, order of completion, cancel, drain, overlay, cache
 * modes, full disks, locks, formats, and -drive's placing rules.
 */
#include "util/osdep.h"
#include "block/block-int.h"
#include "block/drive.h"
#include "block/throttle.h"
#include "tests/unit/test.h"
#include "util/mainloop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char path[64];

static void setup(uint64_t size)
{
    static bool ready;
    if (!ready) {
        mainloop_init();
        bql_lock();
        ready = true;
    }
    drive_close_all();
    snprintf(path, sizeof(path), "/var/tmp/rhea-blk-test-%d", getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_EQ(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static void teardown(void)
{
    drive_close_all();
    unlink(path);
}

static Drive *open_drive(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
static Error *open_error;

static Drive *open_drive(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_free(open_error);
    open_error = NULL;
    KeyVal *kv = keyval_parse(text, NULL, &open_error);
    Drive *d = kv ? drive_open(kv, false, &open_error) : NULL;
    keyval_free(kv);
    g_free(text);
    return d;
}

static Drive *open_raw(const char *more)
{
    Drive *d = open_drive("file=%s,format=raw,if=none,id=d%s", path, more);
    if (!d) {
        TEST_FAIL("%s", error_message(open_error));
    }
    return d;
}

static void done_count(void *opaque, int ret)
{
    int *n = opaque;
    *n += ret == 0 ? 1 : 1000;
}

static void done_ret(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

enum { PENDING = 12345 };

static int wait_ret(int *ret)
{
    while (*ret == PENDING) {
        mainloop_iterate(false);
    }
    return *ret;
}

static uint32_t rnd_state = 1;

static uint32_t rnd(uint32_t n)
{
    rnd_state = rnd_state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)rnd_state * n) >> 32);
}

/* Random reads, writes, zeroes with one to three pieces, checked against a copy in memory. */
static void random_io(const char *options, bool unaligned)
{
    enum { SIZE = 1024 * 1024, MOST = 100 * 1024 };
    setup(SIZE);
    uint8_t *model = g_malloc0(SIZE), *buf = g_malloc(MOST);
    Drive *d = open_raw(options);
    unsigned unit = unaligned ? 1 : 512;
    for (unsigned round = 0; round < 400; round++) {
        uint64_t off = rnd(SIZE / unit) * (uint64_t)unit;
        uint32_t wanted = (rnd(MOST / unit) + 1) * unit, len = MIN(wanted, SIZE - (uint32_t)off);
        uint32_t a = rnd(len + 1), b = a + rnd(len - a + 1);
        struct iovec iov[3] = { { buf, a }, { buf + a, b - a }, { buf + b, len - b } };
        int ret = PENDING;
        switch (rnd(4)) {
        case 0:
            for (uint32_t i = 0; i < len; i++) {
                buf[i] = (uint8_t)(round + i * 7);
            }
            memcpy(model + off, buf, len);
            blk_writev(d->blk, off, iov, 3, done_ret, &ret);
            CHECK_EQ(ret, PENDING); /* never inside the call */
            CHECK_EQ(wait_ret(&ret), 0);
            break;
        case 1:
            memset(model + off, 0, len);
            blk_write_zeroes(d->blk, off, len, done_ret, &ret);
            CHECK_EQ(wait_ret(&ret), 0);
            break;
        default:
            memset(buf, 0xee, len);
            blk_readv(d->blk, off, iov, 3, done_ret, &ret);
            CHECK_EQ(wait_ret(&ret), 0);
            CHECK_MEM(buf, model + off, len);
        }
    }
    if (!d->snapshot) {
        drive_close_all();
        int fd = open(path, O_RDONLY);
        uint8_t *file = g_malloc(SIZE);
        CHECK_EQ(read(fd, file, SIZE), SIZE);
        CHECK_MEM(file, model, SIZE);
        close(fd);
        g_free(file);
    }
    g_free(model);
    g_free(buf);
    teardown();
}

TEST(random_io_writeback) { random_io("", true); }
TEST(random_io_writethrough) { random_io(",cache=writethrough,detect-zeroes=on", true); }
TEST(random_io_direct) { random_io(",cache=none", false); }
TEST(random_io_direct_unaligned) { random_io(",cache=directsync", true); }
TEST(random_io_uring) { random_io(",cache=none,aio=io_uring", false); }
TEST(random_io_uring_buffered) { random_io(",aio=io_uring", true); }
TEST(random_io_native) { random_io(",cache=none,aio=native", true); }
TEST(random_io_unsafe_with_discard) { random_io(",cache=unsafe,discard=unmap,detect-zeroes=unmap", true); }
TEST(random_io_overlay) { random_io(",snapshot=on", true); }

TEST(overlay_leaves_the_image_alone)
{
    uint8_t buf[8192], back[8192];
    setup(1 * MiB);
    Drive *d = open_raw("");
    memset(buf, 0x11, sizeof(buf));
    CHECK_EQ(blk_pwrite(d->blk, 0, buf, sizeof(buf)), 0);
    drive_close_all();
    d = open_raw(",snapshot=on");
    memset(buf, 0x22, sizeof(buf));
    CHECK_EQ(blk_pwrite(d->blk, 1000, buf, 3000), 0);
    CHECK_EQ(blk_pread(d->blk, 0, back, sizeof(back)), 0);
    CHECK_EQ(back[999], 0x11);
    CHECK_EQ(back[1000], 0x22);
    CHECK_EQ(back[3999], 0x22);
    CHECK_EQ(back[4000], 0x11);
    drive_close_all();
    d = open_raw("");
    CHECK_EQ(blk_pread(d->blk, 0, back, sizeof(back)), 0);
    memset(buf, 0x11, sizeof(buf));
    CHECK_MEM(back, buf, sizeof(buf));
    teardown();
}

TEST(requests_beyond_the_end_touch_nothing)
{
    uint8_t buf[1024] = { 1 };
    struct iovec iov = { buf, 1024 };
    setup(4096);
    Drive *d = open_raw("");
    static const uint64_t offs[] = { 4096, 3584, UINT64_MAX, UINT64_MAX - 100, (uint64_t)INT64_MAX };
    for (unsigned i = 0; i < G_N_ELEMENTS(offs); i++) {
        int ret = PENDING;
        blk_writev(d->blk, offs[i], &iov, 1, done_ret, &ret);
        CHECK_EQ(ret, PENDING);
        CHECK_EQ(wait_ret(&ret), -EIO);
        ret = PENDING;
        blk_discard(d->blk, offs[i], 1024, done_ret, &ret);
        CHECK_EQ(wait_ret(&ret), -EIO);
        CHECK_EQ(blk_pread(d->blk, offs[i], buf, 1024), -EIO);
    }
    struct iovec huge[2] = { { buf, SIZE_MAX }, { buf, 2 } };
    int ret = PENDING;
    blk_readv(d->blk, 0, huge, 2, done_ret, &ret);
    CHECK_EQ(wait_ret(&ret), -EIO);
    struct stat st;
    stat(path, &st);
    CHECK_EQ(st.st_size, 4096);
    BlkStats s;
    blk_stats(d->blk, &s);
    CHECK_EQ(s.failed_wr, 5);
    CHECK_EQ(s.wr_ops, 0);
    teardown();
}

TEST(empty_drive_has_no_medium)
{
    setup(512);
    Drive *d = open_drive("if=ide,media=cdrom,index=2");
    uint8_t buf[512];
    struct iovec iov = { buf, 512 };
    int ret = PENDING;
    CHECK(d != NULL);
    CHECK_STR(blk_name(d->blk), "ide1-cd0");
    CHECK(!blk_has_medium(d->blk));
    CHECK_EQ(blk_size(d->blk), 0);
    blk_readv(d->blk, 0, &iov, 1, done_ret, &ret);
    CHECK_EQ(wait_ret(&ret), -ENOMEDIUM);
    teardown();
}

TEST(many_requests_drain_and_cancel)
{
    enum { N = 500 };
    setup(4 * MiB);
    Drive *d = open_raw("");
    static uint8_t bufs[N][4096];
    int finished = 0;
    for (unsigned i = 0; i < N; i++) {
        struct iovec iov = { bufs[i], 4096 }; /* copied: may go out of scope */
        memset(bufs[i], (int)i, 4096);
        blk_writev(d->blk, i * 4096, &iov, 1, done_count, &finished);
    }
    CHECK_EQ(finished, 0);
    blk_drain(d->blk);
    CHECK_EQ(finished, N);
    uint8_t back[4096];
    CHECK_EQ(blk_pread(d->blk, 300 * 4096, back, 4096), 0);
    CHECK_MEM(back, bufs[300], 4096);
    CHECK(block_worker_threads() <= 16);
    BlkReq *reqs[N];
    finished = 0;
    for (unsigned i = 0; i < N; i++) {
        struct iovec iov = { bufs[i], 4096 };
        reqs[i] = blk_writev(d->blk, i * 4096, &iov, 1, done_count, &finished);
    }
    for (unsigned i = N; i-- > 0;) {
        blk_cancel(reqs[i]);
    }
    blk_drain_all();
    CHECK(finished >= 1000 * (N - BLK_MAX_INFLIGHT)); /* those that waited never ran */
    CHECK_EQ(finished / 1000 + finished % 1000, N);   /* and each completed once */
    teardown();
}

/* 400 a second, and a tenth of a second's worth at once: nothing comes early, the rest in time. */
TEST(limits_hold_requests_back)
{
    enum { N = 100 };
    static uint8_t bufs[N][4096];
    setup(4 * MiB);
    Drive *d = open_raw(",throttling.iops-write=400");
    int finished = 0;
    gint64 start = g_get_monotonic_time();
    for (unsigned i = 0; i < N; i++) {
        struct iovec iov = { bufs[i], 4096 };
        blk_writev(d->blk, i * 4096, &iov, 1, done_count, &finished);
    }
    while (finished < N) {
        mainloop_iterate(false);
    }
    gint64 ms = (g_get_monotonic_time() - start) / 1000;
    CHECK(ms >= 140 && ms < 3000); /* (100 - 40) / 400 s */
    finished = 0;
    struct iovec iov = { bufs[0], 4096 };
    for (unsigned i = 0; i < N; i++) {
        blk_writev(d->blk, 0, &iov, 1, done_count, &finished);
    }
    start = g_get_monotonic_time();
    blk_drain(d->blk); /* who stops the machine does not wait for limits */
    CHECK_EQ(finished, N);
    CHECK((g_get_monotonic_time() - start) / 1000 < 140);
    uint64_t none[6] = { 0 }, wrong[6] = { 5, 5 };
    CHECK(drive_set_throttle(d, none, NULL));
    CHECK(!drive_set_throttle(d, wrong, NULL));
    drive_close_all();
    CHECK(!open_drive("file=%s,format=raw,if=none,id=d,throttling.bps-total=1,throttling.bps-read=1", path));
    CHECK(!open_drive("file=%s,format=raw,if=none,id=d,throttling.bps-total-max=1", path));
    CHECK(!open_drive("file=%s,format=raw,if=none,id=d,throttling.bps-total=5,throttling.bps-total-max=4", path));
    CHECK(!open_drive("file=%s,format=raw,if=none,id=d,iops_size=4096", path));
    d = open_raw(",bps=100000,throttling.bps-total-max=200000,throttling.bps-total-max-length=3,throttling.group=g1");
    GString *out = g_string_new(NULL);
    drive_print_info(out);
    CHECK(strstr(out->str, "bps=100000 bps_rd=0 bps_wr=0 bps_max=200000 ") && strstr(out->str, "group=g1"));
    g_string_free(out, TRUE);
    teardown();
}

/* Writes 40 blocks to each; the ms it took. */
static gint64 write_both(Drive *a, Drive *b)
{
    static uint8_t buf[4096];
    struct iovec iov = { buf, sizeof(buf) };
    int finished = 0;
    gint64 start = g_get_monotonic_time();
    for (unsigned i = 0; i < 40; i++) {
        blk_writev(a->blk, i * 4096, &iov, 1, done_count, &finished);
        blk_writev(b->blk, i * 4096, &iov, 1, done_count, &finished);
    }
    while (finished < 80) {
        mainloop_iterate(false);
    }
    CHECK_EQ(finished, 80);
    return (g_get_monotonic_time() - start) / 1000;
}

static bool add_group(const char *text)
{
    KeyVal *kv = text[0] == '{' ? block_opts_from_json(text, NULL) : keyval_parse(text, NULL, NULL);
    bool ok = throttle_group_add(kv, NULL);
    keyval_free(kv);
    return ok;
}

/* 40 requests may come at once, 400 a second after that: what two drives do together takes as long as if one did it. */
TEST(drives_of_a_group_share_its_limits)
{
    enum { LEAST = 90, MOST = 3000 };
    setup(MiB);
    CHECK(add_group("id=g,x-iops-total=400"));
    CHECK(add_group("{\"id\": \"j\", \"limits\": {\"iops-write\": 400}}"));
    CHECK(!add_group("id=g,x-iops-total=400") && !add_group("x-iops-total=400") && !add_group("id=x,x-iops=1"));
    CHECK(!add_group("id=x,x-iops-total=1,x-iops-read=1"));
    Drive *a = open_drive("driver=null-co,size=1M,if=none,id=a,throttling.group=g");
    Drive *b = open_drive("driver=null-co,size=1M,if=none,id=b,throttling.group=g");
    gint64 ms = write_both(a, b);
    CHECK(ms >= LEAST && ms < MOST);
    drive_close_all();
    a = open_drive("driver=null-co,size=1M,if=none,id=a,throttling.group=new,iops=400"); /* the second takes what the first brought */
    b = open_drive("driver=null-co,size=1M,if=none,id=b,throttling.group=new");
    ms = write_both(a, b);
    CHECK(ms >= LEAST && ms < MOST);
    drive_close_all();
    /* The filter on top, where the drive does it, and below a format, where it does it itself. */
    CHECK(!blockdev_add("driver=throttle,node-name=x,throttle-group=none,file.driver=null-co", NULL));
    CHECK(!blockdev_add("driver=throttle,node-name=x,file.driver=null-co", NULL));
    CHECK(blockdev_add("driver=throttle,node-name=top,throttle-group=j,file.driver=null-co,file.size=1M", NULL));
    CHECK(blockdev_add("driver=raw,node-name=low,file.driver=throttle,file.throttle-group=j,file.file.driver=null-co", NULL));
    a = drive_for_node("top", NULL);
    b = drive_for_node("low", NULL);
    CHECK(blk_throttle(a->blk) == throttle_group_find("j") && !blk_throttle(b->blk));
    ms = write_both(a, b);
    CHECK(ms >= LEAST && ms < MOST);
    drive_close_all();
    throttle_group_drop_all();
    CHECK(!throttle_group_find("g") && !throttle_group_find("j"));
    teardown();
}

static bool called_leaving;

static void on_leaving(void)
{
    called_leaving = bql_held();
}

TEST(reads_from_the_page_cache_never_leave_their_thread)
{
    uint8_t buf[4096];
    struct iovec iov = { buf, sizeof(buf) };
    int ret = PENDING;
    setup(MiB);
    Drive *d = open_raw("");
    memset(buf, 3, sizeof(buf));
    CHECK_EQ(blk_pwrite(d->blk, 8192, buf, sizeof(buf)), 0);
    memset(buf, 0, sizeof(buf));
    blk_readv(d->blk, 8192, &iov, 1, done_ret, &ret);
    CHECK_EQ(ret, PENDING); /* but do not complete inside the call */
    CHECK_EQ(wait_ret(&ret), 0);
    CHECK_EQ(buf[4095], 3);
    CHECK(bql_before_unlock(on_leaving));
    CHECK(!called_leaving);
    bql_unlock();
    bql_lock();
    CHECK(called_leaving);
    teardown();
}

TEST(worker_threads_end_when_idle)
{
    setup(4096);
    Drive *d = open_raw("");
    int ret = PENDING;
    block_worker_set_idle_ms(20);
    for (int i = 0; i < 200 && block_worker_threads(); i++) {
        blk_flush(d->blk, done_ret, &ret);
        wait_ret(&ret);
        g_usleep(50000);
    }
    CHECK_EQ(block_worker_threads(), 0);
    ret = PENDING;
    blk_flush(d->blk, done_ret, &ret);
    CHECK_EQ(wait_ret(&ret), 0);
    block_worker_set_idle_ms(10000);
    teardown();
}

static BlkErrorAction hook_action;
static int hook_err;

static void error_hook(void *opaque, Blk *b, bool write, int err, BlkErrorAction action)
{
    (void)opaque;
    (void)b;
    (void)write;
    hook_err = err;
    hook_action = action;
}

TEST(a_full_disk_is_an_error_with_a_policy)
{
    uint8_t buf[4096] = { 1 };
    struct iovec iov = { buf, sizeof(buf) };
    struct rlimit old, small = { 65536, RLIM_INFINITY };
    int ret = PENDING;
    setup(1 * MiB);
    Drive *d = open_raw("");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    blk_writev(d->blk, 512 * 1024, &iov, 1, done_ret, &ret);
    wait_ret(&ret);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_EQ(ret, -EFBIG);
    CHECK_EQ(blk_error_action(d->blk, true, ENOSPC), BLK_ERR_REPORT); /* nobody to stop the machine */
    blk_set_error_hook(error_hook, NULL);
    CHECK_EQ(blk_error_action(d->blk, true, ENOSPC), BLK_ERR_STOP);
    CHECK_EQ(hook_err, ENOSPC);
    CHECK_EQ(hook_action, BLK_ERR_STOP);
    CHECK_EQ(blk_error_action(d->blk, true, EIO), BLK_ERR_REPORT);
    CHECK_EQ(blk_error_action(d->blk, false, EIO), BLK_ERR_REPORT);
    d = open_drive("file=%s,format=raw,if=none,id=e,file.locking=off,werror=stop,rerror=ignore", path);
    CHECK(d != NULL);
    CHECK_EQ(blk_error_action(d->blk, true, EIO), BLK_ERR_STOP);
    CHECK_EQ(blk_error_action(d->blk, false, EIO), BLK_ERR_IGNORE);
    blk_set_error_hook(NULL, NULL);
    teardown();
}

TEST(locks_keep_two_writers_apart)
{
    setup(4096);
    open_raw("");
    CHECK(!open_drive("file=%s,format=raw,if=none,id=two", path));
    CHECK(strstr(error_message(open_error), path) && strstr(error_message(open_error), "in use"));
    CHECK(error_hint(open_error));
    CHECK(!open_drive("file=%s,format=raw,if=none,id=two,readonly=on", path));
    CHECK(open_drive("file=%s,format=raw,if=none,id=two,file.locking=off", path));
    drive_close_all();
    CHECK(open_drive("file=%s,format=raw,if=none,id=a,readonly=on", path)); /* readers share */
    CHECK(open_drive("file=%s,format=raw,if=none,id=b,readonly=on", path));
    CHECK(open_drive("file=%s,format=raw,if=none,id=c,snapshot=on", path));
    CHECK(!open_drive("file=%s,format=raw,if=none,id=w", path));
    teardown();
}

TEST(formats_are_refused_by_name_and_never_forged)
{
    uint8_t head[512] = "QFI\xfb\0\0\0\3", zero[512] = { 0 }, back[512];
    head[7] = 3;
    setup(8192);
    Drive *d = open_drive("file=%s,if=none,id=d", path);
    CHECK(d != NULL);
    CHECK_EQ(blk_pwrite(d->blk, 0, head, 512), -EPERM);
    CHECK_EQ(blk_pwrite(d->blk, 0, zero, 512), 0);
    CHECK_EQ(blk_pwrite(d->blk, 0, head, 4), -EPERM); /* in pieces neither */
    CHECK_EQ(blk_pwrite(d->blk, 0, head, 3), 0);
    CHECK_EQ(blk_pwrite(d->blk, 3, head + 3, 5), -EPERM);
    CHECK_EQ(blk_pwrite(d->blk, 512, head, 512), 0);
    drive_close_all();
    d = open_raw("");
    CHECK_EQ(blk_pwrite(d->blk, 0, head, 512), 0); /* format=raw: the guest may */
    drive_close_all();
    CHECK(!open_drive("file=%s,if=none,id=d", path));
    CHECK(strstr(error_message(open_error), "cluster"));
    CHECK(!open_drive("file=%s,if=none,id=d,format=vmdk", path));
    CHECK(strstr(error_message(open_error), "later"));
    CHECK(!open_drive("file=%s,if=none,id=d,format=rwa", path));
    CHECK(strstr(error_hint(open_error), "raw"));
    d = open_raw("");
    CHECK_EQ(blk_pread(d->blk, 0, back, 512), 0);
    CHECK_MEM(back, head, 512);
    teardown();
}

/* What a guest could have written into its raw disk must not open other files of the host. */
TEST(a_guessed_format_names_no_other_files)
{
    setup(8192);
    char *command = g_strdup_printf("qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw %s 1M", path);
    if (system(command) != 0) {
        g_free(command);
        teardown();
        return; /* no qemu-img here */
    }
    g_free(command);
    CHECK(!open_drive("file=%s,if=none,id=d", path));
    CHECK(strstr(error_message(open_error), "/etc/passwd") && strstr(error_hint(open_error), "format=qcow2"));
    CHECK(open_drive("file=%s,if=none,id=d,format=qcow2,readonly=on", path));
    teardown();
}

TEST(windows_and_odd_sizes)
{
    uint8_t buf[512];
    setup(10000);
    Drive *d = open_drive("file=%s,format=raw,if=none,id=d", path);
    CHECK_EQ(blk_size(d->blk), 10240); /* whole sectors; the rest reads as zeros */
    CHECK_EQ(blk_pread(d->blk, 9728, buf, 512), 0);
    memset(buf, 7, 512);
    CHECK_EQ(blk_pwrite(d->blk, 1024, buf, 512), 0);
    drive_close_all();
    d = open_drive("file=%s,format=raw,if=none,id=d,offset=1024,size=1024", path);
    CHECK_EQ(blk_size(d->blk), 1024);
    CHECK_EQ(blk_pread(d->blk, 0, buf, 1), 0);
    CHECK_EQ(buf[0], 7);
    CHECK_EQ(blk_pread(d->blk, 1024, buf, 1), -EIO);
    drive_close_all();
    CHECK(!open_drive("file=%s,format=raw,if=none,id=d,offset=1024,size=1M", path));
    teardown();
}

TEST(drives_get_their_places_and_names)
{
    setup(4096);
    CHECK_STR(open_drive("file=%s,format=raw,snapshot=on", path)->id, "ide0-hd0");
    CHECK_STR(open_drive("file=%s,format=raw,snapshot=on,index=3", path)->id, "ide1-hd1");
    CHECK_STR(open_drive("file=%s,format=raw,snapshot=on", path)->id, "ide0-hd1");
    CHECK_STR(open_drive("file=%s,format=raw,media=cdrom", path)->id, "ide1-cd0");
    CHECK(!open_drive("file=%s,format=raw,snapshot=on", path)); /* full */
    CHECK(!open_drive("file=%s,format=raw,snapshot=on,index=0", path));
    CHECK(strstr(error_message(open_error), "exists"));
    CHECK_STR(open_drive("if=floppy")->id, "floppy0");
    CHECK_STR(open_drive("if=none,file=%s,format=raw,snapshot=on", path)->id, "none0");
    CHECK(!open_drive("file=%s,index=1,bus=0", path));
    CHECK(!open_drive("file=%s,if=ide,unit=2", path));
    CHECK(!open_drive("file=%s,if=idee", path));
    CHECK(!open_drive("fiel=%s", path));
    CHECK(!open_drive("file=%s,if=none,id=1x,format=raw,snapshot=on", path));
    CHECK(!open_drive("file=%s.not-there,format=raw,if=none", path));
    CHECK(strstr(error_message(open_error), "not-there"));
    CHECK(!open_drive("file=/tmp,format=raw,if=none"));
    CHECK(strstr(error_message(open_error), "folder"));
    CHECK(!open_drive("file=nbd:localhost:1,if=none"));
    CHECK(drive_get(DRIVE_IF_IDE, 2)->cdrom);
    CHECK(blk_readonly(drive_get(DRIVE_IF_IDE, 2)->blk));
    teardown();
}

TEST(info_block_looks_as_tools_expect)
{
    setup(4096);
    GString *out = g_string_new(NULL);
    Error *err = NULL;
    open_drive("file=%s,format=raw,if=ide,media=disk,cache=none,node-name=n0", path);
    Drive *cd = open_drive("if=ide,media=cdrom,index=2");
    drive_print_info(out);
    char *want = g_strdup_printf("ide0-hd0 (n0): %s (raw)\n    Removable device: not locked, tray closed\n"
                                 "    Cache mode:       writeback, direct\n\nide1-cd0: [not inserted]\n"
                                 "    Removable device: not locked, tray closed\n", path);
    CHECK_STR(out->str, want);
    CHECK(!drive_change_medium(cd, "/not/there", "raw", false, &err));
    CHECK(strstr(error_message(err), "/not/there"));
    error_free(err);
    drive_close_all();
    cd = open_drive("if=ide,media=cdrom,index=2");
    CHECK(drive_change_medium(cd, path, "raw", false, NULL));
    CHECK(blk_has_medium(cd->blk) && blk_readonly(cd->blk));
    CHECK(drive_eject(cd, false, NULL));
    CHECK(!blk_has_medium(cd->blk));
    g_free(want);
    g_string_free(out, TRUE);
    teardown();
}
