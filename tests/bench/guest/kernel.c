/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel does most: system calls, processes, page faults, pipes, switches between threads. */
#include "util/osdep.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/bench/guest/bench.h"

static uint64_t run_syscall(uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < size * 1000; i++) {
        sum = mix(sum, syscall(SYS_umask, i & 0777)); /* gives the value before */
    }
    return sum;
}

/* The exit status of a child. */
static int wait_for(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        die("fork or wait");
    }
    return WEXITSTATUS(status);
}

static uint64_t run_fork(uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < size; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit((int)(i & 127));
        }
        sum = mix(sum, wait_for(child));
    }
    return sum;
}

static uint64_t run_exec(uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < size; i++) {
        char status[8];
        snprintf(status, sizeof(status), "%u", (unsigned)(i & 127));
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", "bench", "exit", status, NULL);
            _exit(255);
        }
        sum = mix(sum, wait_for(child));
    }
    return sum;
}

static uint64_t run_fault(uint64_t size)
{
    enum { PAGES = 2048 };
    uint64_t sum = 0;
    for (uint64_t turn = 0; turn < size; turn++) {
        uint8_t *memory = small_pages(PAGES * 4096);
        for (size_t i = 0; i < PAGES; i++) {
            sum += memory[i * 4096];
            memory[i * 4096] = (uint8_t)i;
        }
        sum = mix(sum, memory[(turn % PAGES) * 4096]);
        munmap(memory, PAGES * 4096);
    }
    return sum;
}

static uint64_t run_pipe(uint64_t size)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) {
        die("pipe");
    }
    pid_t child = fork();
    if (child == 0) {
        uint8_t letter;
        close(there[1]);
        while (read(there[0], &letter, 1) == 1) {
            letter = letter * 5 + 1;
            if (write(back[1], &letter, 1) != 1) {
                _exit(1);
            }
        }
        _exit(0);
    }
    uint64_t sum = 0;
    for (uint64_t i = 0; i < size * 100; i++) {
        uint8_t letter = (uint8_t)i;
        if (write(there[1], &letter, 1) != 1 || read(back[0], &letter, 1) != 1) {
            die("pipe");
        }
        sum = mix(sum, letter);
    }
    close(there[1]);
    return sum + wait_for(child);
}

typedef struct Ring {
    sem_t mine, other;
    uint64_t turns, word;
} Ring;

static void *ring_other(void *opaque)
{
    Ring *ring = opaque;
    for (uint64_t i = 0; i < ring->turns; i++) {
        sem_wait(&ring->other);
        ring->word = mix(ring->word, i);
        sem_post(&ring->mine);
    }
    return NULL;
}

static uint64_t run_threads(uint64_t size)
{
    Ring ring = {.turns = size * 100, .word = 1};
    pthread_t thread;
    if (sem_init(&ring.mine, 0, 0) != 0 || sem_init(&ring.other, 0, 0) != 0 || pthread_create(&thread, NULL, ring_other, &ring) != 0) {
        die("threads");
    }
    for (uint64_t i = 0; i < ring.turns; i++) {
        ring.word ^= i << 32;
        sem_post(&ring.other);
        sem_wait(&ring.mine);
    }
    pthread_join(thread, NULL);
    return ring.word;
}

const Program kernel_programs[] = {
    {"syscall", "kernel", 600, run_syscall, NULL, NULL},
    {"fork", "kernel", 200, run_fork, NULL, NULL},
    {"exec", "kernel", 50, run_exec, NULL, NULL},
    {"fault", "kernel", 5, run_fault, NULL, NULL},
    {"pipe", "kernel", 25, run_pipe, NULL, NULL},
    {"threads", "kernel", 100, run_threads, NULL, NULL},
    {NULL},
};
