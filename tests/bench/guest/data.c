/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integers that work on data: tables, trees, sorting, digests, compression, and memory that no cache or TLB holds. */
#include "util/osdep.h"

#include <zlib.h>

#include "tests/bench/guest/bench.h"

#define BUFFER_SIZE (256 * 1024)
static uint8_t buffer[BUFFER_SIZE];

/* Something like text: words of a small vocabulary, so that it can be compressed. */
static void prepare_text(void)
{
    uint32_t x = 99;
    for (size_t i = 0; i < BUFFER_SIZE;) {
        uint32_t word = random_next(&x) % 700 * 2654435761u;
        for (unsigned k = 0; k < 2 + word % 7 && i < BUFFER_SIZE; k++) {
            buffer[i++] = 'a' + (word >> (4 * k + 3)) % 26;
        }
        if (i < BUFFER_SIZE) {
            buffer[i++] = x % 11 ? ' ' : '\n';
        }
    }
}

static uint64_t crc_by(uint32_t *table, uint64_t size)
{
    uint32_t crc = ~0u;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) {
            c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        }
        table[i] = c;
    }
    for (uint64_t turn = 0; turn < size; turn++) {
        for (size_t i = 0; i < BUFFER_SIZE; i++) {
            crc = crc >> 8 ^ table[(crc ^ buffer[i]) & 0xff];
        }
    }
    return crc;
}

static uint64_t run_crc(uint64_t size)
{
    static __attribute__((aligned(4096))) uint32_t table[256];
    return crc_by(table, size);
}

/* The same with half of the table in one page, half in the next: emulators may remember the last page only. */
static uint64_t run_crc_pages(uint64_t size)
{
    static __attribute__((aligned(4096))) uint32_t pages[2048];
    return crc_by(pages + 1024 - 128, size);
}

/* A binary search tree of random keys, from malloc. */
typedef struct Node {
    struct Node *child[2];
    uint32_t key, count;
} Node;

static void tree_insert(Node **at, uint32_t key)
{
    while (*at && (*at)->key != key) {
        at = &(*at)->child[key > (*at)->key];
    }
    if (!*at) {
        *at = calloc(1, sizeof(Node));
        if (!*at) {
            die("calloc");
        }
        (*at)->key = key;
    }
    (*at)->count++;
}

static uint64_t tree_take_down(Node *node, uint64_t sum)
{
    if (node) {
        sum = tree_take_down(node->child[0], sum);
        sum = mix(sum, node->key + node->count);
        sum = tree_take_down(node->child[1], sum);
        free(node);
    }
    return sum;
}

static uint64_t run_tree(uint64_t size)
{
    uint64_t sum = 0;
    uint32_t x = 12345;
    for (uint64_t turn = 0; turn < size; turn++) {
        Node *root = NULL;
        for (int i = 0; i < 20000; i++) {
            tree_insert(&root, random_next(&x) % 15000);
        }
        sum = tree_take_down(root, sum);
    }
    return sum;
}

#define SORTED 100000
static uint32_t numbers[SORTED];

static void quicksort(uint32_t *a, long first, long last)
{
    while (first < last) {
        uint32_t pivot = a[(first + last) / 2];
        long i = first, k = last;
        while (i <= k) {
            while (a[i] < pivot) {
                i++;
            }
            while (a[k] > pivot) {
                k--;
            }
            if (i <= k) {
                uint32_t t = a[i];
                a[i++] = a[k];
                a[k--] = t;
            }
        }
        quicksort(a, first, k);
        first = i;
    }
}

static uint64_t run_quicksort(uint64_t size)
{
    uint64_t sum = 0;
    uint32_t x = 555;
    for (uint64_t turn = 0; turn < size; turn++) {
        for (int i = 0; i < SORTED; i++) {
            numbers[i] = random_next(&x);
        }
        quicksort(numbers, 0, SORTED - 1);
        for (int i = 0; i < SORTED; i += 997) {
            sum = mix(sum, numbers[i]);
        }
        for (int i = 1; i < SORTED; i++) {
            sum += numbers[i] < numbers[i - 1];
        }
    }
    return sum;
}

/* SHA-256 of FIPS 180-4. Its constants are the fractional parts of the roots of the first primes. */
static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t ror(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void sha_block(uint32_t h[8], const uint8_t *data)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) {
        uint32_t big;
        memcpy(&big, data + i * 4, 4);
        w[i] = __builtin_bswap32(big);
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3, b = ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, h, sizeof(s));
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha_k[i] + w[i];
        uint32_t t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof(uint32_t));
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) {
        h[i] += s[i];
    }
}

static uint64_t run_sha256(uint64_t size)
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (uint64_t turn = 0; turn < size; turn++) {
        for (size_t i = 0; i < BUFFER_SIZE; i += 64) {
            sha_block(h, buffer + i);
        }
    }
    return mix_bytes(1, h, sizeof(h));
}

static uint64_t run_gzip(uint64_t size)
{
    static uint8_t packed[BUFFER_SIZE + 4096], back[BUFFER_SIZE];
    uint64_t sum = 0;
    for (uint64_t turn = 0; turn < size; turn++) {
        uLongf length = sizeof(packed), restored = sizeof(back);
        buffer[turn % BUFFER_SIZE] ^= 1;
        if (compress2(packed, &length, buffer, BUFFER_SIZE, 6) != Z_OK || uncompress(back, &restored, packed, length) != Z_OK) {
            return 0;
        }
        sum = mix(mix(sum, length), crc32(0, packed, length));
        sum += restored != BUFFER_SIZE || memcmp(back, buffer, BUFFER_SIZE) != 0;
    }
    return sum;
}

/* 128 MiB, a step a cache line: the lines form one cycle in the order of a generator of full period. */
#define LINES (1u << 21)
#define LINE_WORDS 8
static uint64_t *field;

static void prepare_chase(void)
{
    field = small_pages((size_t)LINES * LINE_WORDS * 8);
    for (uint32_t i = 0; i < LINES; i++) {
        field[(size_t)i * LINE_WORDS] = (i * 1664525u + 1013904223u) % LINES;
    }
}

static uint64_t run_chase(uint64_t size)
{
    uint64_t at = 0, sum = 0;
    for (uint64_t i = 0; i < size * 1000; i++) {
        at = field[at * LINE_WORDS];
        sum += at;
    }
    return mix(sum, at);
}

static void prepare_writes(void)
{
    field = small_pages((size_t)LINES * LINE_WORDS * 8);
    memset(field, 1, (size_t)LINES * LINE_WORDS * 8);
}

static uint64_t run_writes(uint64_t size)
{
    uint32_t x = 31337;
    for (uint64_t i = 0; i < size * 1000; i++) {
        random_next(&x);
        field[x % (LINES * LINE_WORDS)] += x;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)LINES * LINE_WORDS; i += 4099) {
        sum = mix(sum, field[i]);
    }
    return sum;
}

const Program data_programs[] = {
    {"crc", "integer", 350, run_crc, prepare_text, NULL},
    {"crcpages", "integer", 350, run_crc_pages, prepare_text, NULL},
    {"tree", "integer", 50, run_tree, NULL, NULL},
    {"quicksort", "integer", 30, run_quicksort, NULL, NULL},
    {"sha256", "integer", 24, run_sha256, prepare_text, NULL},
    {"gzip", "integer", 9, run_gzip, prepare_text, NULL},
    {"chase", "integer", 1500, run_chase, prepare_chase, NULL},
    {"writes", "integer", 1200, run_writes, prepare_writes, NULL},
    {NULL},
};
