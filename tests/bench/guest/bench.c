/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark's binary. On the host: `bench list`, `bench run NAME SIZE COPIES`. As a guest's init (process 1): mounts what
 * the programs need and serves lines of the console: "run NAME SIZE COPIES", "about", "off".
 *
 * A run says "@start NAME" when all is prepared (and waits for a line, in a guest), "@stop NAME" when all copies are through, and then
 * "@result NAME CHECKSUM NANOSECONDS CPU", or "@missing NAME" where the CPU or a file lacks, or "@failed NAME". The time is
 * CLOCK_MONOTONIC around run(), from the first copy's start to the last one's end; CPU is the copies' CPU time.
 */
#include "util/osdep.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "tests/bench/guest/bench.h"

enum { COPIES_MAX = 8 };

static const Program *const tables[] = {integer_programs, data_programs, tool_programs, float_programs, matrix_sse2_programs,
                                        matrix_avx2_programs, move_programs, kernel_programs};

void die(const char *what)
{
    perror(what);
    _exit(1);
}

uint64_t mix_bytes(uint64_t sum, const void *data, size_t length)
{
    const uint8_t *byte = data;
    for (size_t i = 0; i < length; i++) {
        sum = mix(sum, byte[i]);
    }
    return sum;
}

void *small_pages(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        die("mmap");
    }
    madvise(memory, size, MADV_NOHUGEPAGE); /* fails where there are no huge pages: then these are small anyway */
    return memory;
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Nanoseconds of CPU time of this process and of those of its children that have ended. */
static uint64_t cpu_time(void)
{
    uint64_t total = 0;
    for (int i = 0; i < 2; i++) {
        struct rusage use;
        getrusage(i ? RUSAGE_CHILDREN : RUSAGE_SELF, &use);
        total += (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 + (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    }
    return total * 1000;
}

static const Program *find(const char *name)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const Program *p = tables[i]; p->name; p++) {
            if (strcmp(p->name, name) == 0) {
                return p;
            }
        }
    }
    return NULL;
}

static void list(void)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const Program *p = tables[i]; p->name; p++) {
            printf("%s %s %" PRIu64 "\n", p->name, p->group, p->size);
        }
    }
}

typedef struct Outcome {
    uint64_t sum, start, end, cpu;
} Outcome;

/* A copy, in its own process on a processor of its own: says that it is ready, waits for the end of the pipe `go`. */
G_NORETURN static void run_copy(const Program *program, uint64_t size, int number, int ready, int go)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(number, &set);
    sched_setaffinity(0, sizeof(set), &set); /* where there are fewer processors, the copies share */
    if (program->prepare) {
        program->prepare();
    }
    char letter = 'r';
    if (write(ready, &letter, 1) != 1 || read(go, &letter, 1) != 0) {
        die("pipe to the parent");
    }
    uint64_t cpu = cpu_time();
    Outcome outcome = {.start = now()};
    outcome.sum = program->run(size);
    outcome.end = now();
    outcome.cpu = cpu_time() - cpu;
    _exit(write(ready, &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1);
}

static bool read_all(int fd, void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = read(fd, (char *)data + done, length - done);
        if (got <= 0) {
            return false;
        }
        done += got;
    }
    return true;
}

static bool run_copies(const Program *program, uint64_t size, int copies, Outcome *all)
{
    int ready[COPIES_MAX][2], go[2];
    pid_t child[COPIES_MAX];
    bool good = pipe(go) == 0;
    for (int i = 0; i < copies; i++) {
        if (pipe(ready[i]) != 0 || (child[i] = fork()) < 0) {
            die("pipe or fork");
        }
        if (child[i] == 0) {
            close(go[1]);
            run_copy(program, size, i, ready[i][1], go[0]);
        }
        close(ready[i][1]);
    }
    char letter, line[16];
    for (int i = 0; i < copies; i++) {
        good &= read_all(ready[i][0], &letter, 1);
    }
    printf("@start %s\n", program->name);
    if (getpid() == 1 && !fgets(line, sizeof(line), stdin)) { /* until who measures has read its clocks */
        good = false;
    }
    close(go[0]);
    close(go[1]);
    *all = (Outcome){.start = UINT64_MAX};
    for (int i = 0; i < copies; i++) {
        Outcome one = {0};
        good &= read_all(ready[i][0], &one, sizeof(one)) && (i == 0 || one.sum == all->sum);
        *all = (Outcome){one.sum, MIN(all->start, one.start), MAX(all->end, one.end), all->cpu + one.cpu};
        close(ready[i][0]);
    }
    printf("@stop %s\n", program->name); /* before the wait: the end of a process takes its time too */
    for (int i = 0; i < copies; i++) {
        int status;
        good &= waitpid(child[i], &status, 0) == child[i] && status == 0;
    }
    return good;
}

/* Carries out "NAME SIZE COPIES" and prints the answer. */
static bool run(const char *name, uint64_t size, int copies)
{
    const Program *program = find(name);
    Outcome outcome;
    if (!program || (program->usable && !program->usable())) {
        printf("@missing %s\n", name);
        return false;
    }
    if (copies < 1 || copies > COPIES_MAX || !run_copies(program, size, copies, &outcome)) {
        printf("@failed %s\n", name);
        return false;
    }
    printf("@result %s %016" PRIx64 " %" PRIu64 " %" PRIu64 "\n", name, outcome.sum, outcome.end - outcome.start, outcome.cpu);
    return true;
}

static void about(void)
{
    char clock[64] = "unknown";
    FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");
    if (f) {
        if (fgets(clock, sizeof(clock), f)) {
            clock[strcspn(clock, "\n")] = 0;
        }
        fclose(f);
    }
    printf("@about %ld processors, clock %s\n", sysconf(_SC_NPROCESSORS_ONLN), clock);
}

/* Process 1 of a guest. */
static void serve(void)
{
    static const struct {
        const char *folder, *type;
    } mounts[] = {{"/proc", "proc"}, {"/sys", "sysfs"}, {"/dev", "devtmpfs"}, {"/tmp", "tmpfs"}};
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        mkdir(mounts[i].folder, 0755);
        mount(mounts[i].type, mounts[i].folder, mounts[i].type, 0, NULL);
    }
    setenv("PATH", "/bin", 1);
    struct termios terminal;
    if (tcgetattr(0, &terminal) == 0) {
        terminal.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(0, TCSANOW, &terminal);
    }
    printf("RHEA-BENCH ready\n");
    char line[128], name[32];
    while (fgets(line, sizeof(line), stdin)) {
        uint64_t size;
        int copies;
        if (sscanf(line, "run %31s %" SCNu64 " %d", name, &size, &copies) == 3) {
            run(name, size, copies);
        } else if (strcmp(line, "about\n") == 0) {
            about();
        } else if (strcmp(line, "off\n") == 0) {
            break;
        } else {
            printf("@unknown %s", line);
        }
    }
    sync();
    reboot(RB_POWER_OFF);
}

int main(int count, char **words)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (getpid() == 1) {
        serve();
        return 1;
    }
    if (count == 3 && strcmp(words[1], "exit") == 0) {
        return atoi(words[2]);
    }
    if (count == 2 && strcmp(words[1], "list") == 0) {
        list();
        return 0;
    }
    if (count == 5 && strcmp(words[1], "run") == 0) {
        return run(words[2], strtoull(words[3], NULL, 0), atoi(words[4])) ? 0 : 1;
    }
    fprintf(stderr, "usage: bench list | bench run NAME SIZE COPIES\n");
    return 2;
}
