/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -numa: nodes, processors, distances, and what does not fit together; guest memory from where it is wanted. */
#include "util/osdep.h"
#include "system/numa.h"
#include "system/rammap.h"

#include "tests/unit/test.h"

#include <sys/mman.h>

static const CpuTopology topo = { .sockets = 2, .dies = 1, .cores = 2, .threads = 2, .cpus = 8, .max_cpus = 8 };
static NumaConfig numa;

static bool parse(const char *text)
{
    Error *err = NULL;
    bool ok = numa_parse(&numa, text, &topo, &err);
    CHECK_EQ(ok, err == NULL);
    error_free(err);
    return ok;
}

static bool complete(uint64_t size)
{
    Error *err = NULL;
    bool ok = numa_complete(&numa, &topo, size, &err);
    CHECK_EQ(ok, err == NULL);
    error_free(err);
    return ok;
}

TEST(without_nodes_nothing_happens)
{
    numa_init(&numa);
    CHECK(complete(64 * MiB));
    CHECK_EQ(numa.count, 0);
}

TEST(whole_sockets_and_equal_shares)
{
    numa_init(&numa);
    CHECK(parse("node") && parse("node,nodeid=1") && complete(100 * MiB));
    CHECK_EQ(numa.node[0].size, 48 * MiB);
    CHECK_EQ(numa.node[1].size, 52 * MiB);
    CHECK_EQ(numa.cpu_node[3], 0);
    CHECK_EQ(numa.cpu_node[4], 1);
    CHECK_EQ(numa.distance[0][0], 10);
    CHECK_EQ(numa.distance[0][1], 20);
    numa_free(&numa);
}

TEST(processors_by_number_and_by_socket)
{
    numa_init(&numa);
    CHECK(parse("node,cpus=0-1:6,mem=64M") && parse("node,cpus=7"));
    CHECK(parse("cpu,node-id=1,socket-id=0,core-id=1"));
    CHECK(complete(64 * MiB));
    const int16_t want[8] = { 0, 0, 1, 1, 0, 0, 0, 1 };
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQ(numa.cpu_node[i], want[i]);
    }
    CHECK(!parse("cpu,node-id=0,socket-id=0"));
    CHECK(!parse("cpu,socket-id=0"));
    numa_free(&numa);
}

TEST(distances_are_all_or_none)
{
    numa_init(&numa);
    CHECK(parse("node") && parse("node") && parse("node") && parse("dist,src=0,dst=1,val=21") && parse("dist,src=2,dst=0,val=31"));
    CHECK(!complete(64 * MiB));
    CHECK(parse("dist,src=1,dst=2,val=255") && complete(64 * MiB));
    CHECK_EQ(numa.distance[1][0], 21);
    CHECK_EQ(numa.distance[0][2], 31);
    CHECK_EQ(numa.distance[2][1], 255);
    CHECK(!parse("dist,src=0,dst=1,val=9") && !parse("dist,src=0,dst=1"));
    numa_free(&numa);
}

TEST(what_does_not_fit)
{
    numa_init(&numa);
    CHECK(parse("node,cpus=0") && !parse("node,cpus=0") && !parse("node,cpus=3-1"));
    numa_free(&numa);
    numa_init(&numa);
    CHECK(!parse("node,nodeid=128") && !parse("nod") && !parse("node,mem=1M,memdev=a"));
    CHECK(parse("node,nodeid=1,mem=32M") && !parse("node,nodeid=1"));
    CHECK(!complete(32 * MiB)); /* no node 0 */
    CHECK(parse("node,nodeid=0,mem=32M") && !complete(32 * MiB) && complete(64 * MiB));
    numa_free(&numa);
}

static RamMapping map(const RamSource *src, uint64_t size)
{
    RamMapping m = { .fd = -1 };
    Error *err = NULL;
    CHECK(rammap_map(&m, "test", size, src, &err));
    CHECK(!err && m.host && m.size >= size);
    return m;
}

TEST(memory_is_zero_and_writable)
{
    for (RamKind kind = RAM_AUTO; kind <= RAM_MEMFD; kind++) {
        RamSource src = { .kind = kind };
        RamMapping m = map(&src, 4 * MiB);
        CHECK_EQ((uintptr_t)m.host % (2 * MiB), 0);
        CHECK_EQ(m.host[4 * MiB - 1], 0);
        m.host[4 * MiB - 1] = 1;
        CHECK_EQ(m.fd >= 0, kind != RAM_ANONYMOUS); /* no hardware accelerator here: a memfd by default */
        rammap_unmap(&m);
    }
}

TEST(prealloc_makes_every_page_resident)
{
    RamSource src = { .kind = RAM_ANONYMOUS, .prealloc = true, .prealloc_threads = 3 };
    RamMapping m = map(&src, 8 * MiB);
    unsigned char in[2048];
    CHECK(mincore(m.host, m.size, in) == 0);
    for (unsigned i = 0; i < sizeof(in); i++) {
        CHECK(in[i] & 1);
    }
    rammap_unmap(&m);
}

TEST(files_shared_and_private)
{
    char path[] = "/tmp/rhea-rammap-XXXXXX";
    int fd = mkstemp(path);
    uint8_t byte = 0x5a;
    CHECK(fd >= 0 && pwrite(fd, &byte, 1, 4095) == 1);
    RamSource src = { .kind = RAM_FILE, .path = path };
    RamMapping m = map(&src, 4096);
    CHECK_EQ(m.host[4095], 0x5a);
    m.host[4095] = 1;
    rammap_unmap(&m);
    CHECK(pread(fd, &byte, 1, 4095) == 1 && byte == 0x5a);
    src.share = true;
    m = map(&src, 4096);
    m.host[4095] = 1;
    rammap_unmap(&m);
    CHECK(pread(fd, &byte, 1, 4095) == 1 && byte == 1);
    Error *err = NULL;
    CHECK(!rammap_map(&m, "test", 8192, &src, &err)); /* the file is too small, and somebody's */
    error_free(err);
    close(fd);
    unlink(path);
}
