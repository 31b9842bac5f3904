/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool of threads that do blocking image I/O.  A thread starts when there is work and none is idle, up to a
 * bound, and ends after a while without work.  Callers: blk.c.  One mutex of its own, taken for queue moves only.
 */
#include "util/osdep.h"
#include "block/block-int.h"

#include <pthread.h>
#include <signal.h>

enum { WORKER_MAX = 16, WORKER_STACK = 256 * 1024 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    BlockWork *first, **tail;
    unsigned threads, idle, waiting; /* waiting: queued and not yet taken */
    unsigned idle_ms;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .idle_ms = 10000 };

/* With the lock: the oldest piece of work; NULL when none came within the idle time. */
static BlockWork *worker_take(void)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += pool.idle_ms / 1000;
    end.tv_nsec += (long)(pool.idle_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pool.idle++;
    while (!pool.first) {
        if (pthread_cond_timedwait(&pool.work, &pool.lock, &end) == ETIMEDOUT) {
            break;
        }
    }
    pool.idle--;
    BlockWork *w = pool.first;
    if (w) {
        pool.first = w->next;
        pool.waiting--;
    }
    return w;
}

static void *worker_main(void *arg)
{
    (void)arg;
    pthread_setname_np(pthread_self(), "block-io");
    pthread_mutex_lock(&pool.lock);
    BlockWork *w;
    while ((w = worker_take())) {
        pthread_mutex_unlock(&pool.lock);
        w->run(w);
        pthread_mutex_lock(&pool.lock);
    }
    pool.threads--;
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

/* With the lock.  Signals belong to the main thread. */
static bool worker_start(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, WORKER_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = pthread_create(&thread, &attr, worker_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    pool.threads += ok;
    return ok;
}

void block_worker_submit(BlockWork *w)
{
    bool run_here = false;
    w->next = NULL;
    pthread_mutex_lock(&pool.lock);
    if (pool.waiting >= pool.idle && pool.threads < WORKER_MAX && !worker_start() && pool.threads == 0) {
        run_here = true; /* the host gives no thread at all: slow is better than never */
    } else {
        if (!pool.first) {
            pool.tail = &pool.first;
        }
        *pool.tail = w;
        pool.tail = &w->next;
        pool.waiting++;
        pthread_cond_signal(&pool.work);
    }
    pthread_mutex_unlock(&pool.lock);
    if (run_here) {
        w->run(w);
    }
}

/* ---- Many pieces at once ----------------------------------------------------------------------------------- */

/* Lives until the last helper has left it; helpers that come late find nothing to do. */
typedef struct WorkerBatch {
    void (*fn)(void *opaque, size_t i);
    void *opaque;
    size_t count;
    atomic_size_t next;
    atomic_uint refs;
    size_t done;
    pthread_mutex_t lock;
    pthread_cond_t all_done;
} WorkerBatch;

typedef struct WorkerHelper {
    BlockWork work;
    WorkerBatch *batch;
} WorkerHelper;

static void worker_batch_unref(WorkerBatch *b)
{
    if (atomic_fetch_sub(&b->refs, 1) == 1) {
        pthread_mutex_destroy(&b->lock);
        pthread_cond_destroy(&b->all_done);
        g_free(b);
    }
}

static void worker_batch_run(WorkerBatch *b)
{
    size_t i, mine = 0;
    while ((i = atomic_fetch_add(&b->next, 1)) < b->count) {
        b->fn(b->opaque, i);
        mine++;
    }
    pthread_mutex_lock(&b->lock);
    b->done += mine;
    if (b->done == b->count) {
        pthread_cond_signal(&b->all_done);
    }
    pthread_mutex_unlock(&b->lock);
}

static void worker_help(BlockWork *w)
{
    WorkerHelper *h = container_of(w, WorkerHelper, work);
    worker_batch_run(h->batch);
    worker_batch_unref(h->batch);
    g_free(h);
}

void block_worker_each(void (*fn)(void *opaque, size_t i), void *opaque, size_t count)
{
    unsigned helpers = MIN(count > 0 ? count - 1 : 0, MAX(g_get_num_processors(), 2) - 1);
    if (helpers == 0) {
        for (size_t i = 0; i < count; i++) {
            fn(opaque, i);
        }
        return;
    }
    WorkerBatch *b = g_new0(WorkerBatch, 1);
    b->fn = fn;
    b->opaque = opaque;
    b->count = count;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->all_done, NULL);
    atomic_store(&b->refs, helpers + 1);
    for (unsigned i = 0; i < helpers; i++) {
        WorkerHelper *h = g_new0(WorkerHelper, 1);
        h->work.run = worker_help;
        h->batch = b;
        block_worker_submit(&h->work);
    }
    worker_batch_run(b);
    pthread_mutex_lock(&b->lock);
    while (b->done < count) {
        pthread_cond_wait(&b->all_done, &b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    worker_batch_unref(b);
}

/* ---- For the tests -------------------------------------------------------------------------------------------- */

unsigned block_worker_threads(void)
{
    pthread_mutex_lock(&pool.lock);
    unsigned n = pool.threads;
    pthread_mutex_unlock(&pool.lock);
    return n;
}

void block_worker_set_idle_ms(unsigned ms)
{
    pthread_mutex_lock(&pool.lock);
    pool.idle_ms = ms;
    pthread_mutex_unlock(&pool.lock);
}
