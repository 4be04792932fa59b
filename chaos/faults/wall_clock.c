/* Preloaded into a program, moves its wall clock by the nanoseconds that stand in the file SLUICE_CLOCK_FILE.

   Only the wall clock moves, as when somebody sets it: monotonic time and the kernel's timers go on. Debian 12's
   libfaketime 0.9.10 cannot do that: with FAKETIME_DONT_FAKE_MONOTONIC every time.sleep() of Python fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

/* Nanoseconds; NULL where time is left alone. */
static const volatile int64_t *jump;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("SLUICE_CLOCK_FILE");
    /* The server's clock stays: it may well run on another host. */
    if (!path || !strcmp(program_invocation_short_name, "postgres")) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) jump = page;
}

static void add(struct timespec *when, int64_t by) {
    int64_t total = when->tv_sec * SECOND + when->tv_nsec + by;
    when->tv_sec = total / SECOND;
    when->tv_nsec = total % SECOND;
}

static int real(clockid_t clock, struct timespec *when) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = dlsym(RTLD_NEXT, "clock_gettime");
    return next(clock, when);
}

int clock_gettime(clockid_t clock, struct timespec *when) {
    int code = real(clock, when);
    if (!code && jump && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) add(when, *jump);
    return code;
}

int gettimeofday(struct timeval *restrict when, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    when->tv_sec = now.tv_sec;
    when->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}

/* Who waits until a moment of the moved clock would wait hours: the kernel knows the real one only. */
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
    static int (*next)(sem_t *, const struct timespec *);
    struct timespec real_until = *until;
    if (!next) next = dlsym(RTLD_NEXT, "sem_timedwait");
    if (jump) add(&real_until, -*jump);
    return next(semaphore, &real_until);
}
