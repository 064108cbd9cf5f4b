/* Stands between a host and its system, for tests that cut the power or set the clock (LD_PRELOAD).
 *
 *   TROUPE_TEST_DISK=DIR    Whenever a file of the database has been synced, what it then holds is copied to DIR. All
 *                           that was written since is what a power cut may drop.
 *   TROUPE_TEST_CLOCK=FILE  The clock of the wall is ahead by the seconds in FILE, eight bytes in the order of this
 *                           machine, as when somebody sets it. The clock that only runs on is left alone.
 *
 * tests/suites/faults/between.rs compiles it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TROUPE_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) ahead = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(clock, time);
    if (done == 0 && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += *ahead;
    return done;
}

/* Copies a file of the database, whole or not at all: the process may die at any moment. */
static void keep(int file) {
    const char *dir = getenv("TROUPE_TEST_DISK");
    char link[64], path[PATH_MAX], kept[PATH_MAX], half[PATH_MAX];
    if (!dir) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    if (!name || strncmp(name, "/troupe.db", 10) != 0) return;
    if (snprintf(kept, sizeof kept, "%s%s", dir, name) >= (int)sizeof kept) return;
    if (snprintf(half, sizeof half, "%s%s.half", dir, name) >= (int)sizeof half) return;
    int from = open(link, O_RDONLY | O_CLOEXEC), to = open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int whole = 0;
    if (from >= 0 && to >= 0) {
        ssize_t sent;
        while ((sent = sendfile(to, from, NULL, 1 << 20)) > 0) {}
        whole = sent == 0;
    }
    if (from >= 0) close(from);
    if (to >= 0) close(to);
    if (whole) rename(half, kept);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int done = real(file);
    if (done == 0) keep(file);
    return done;
}

int fsync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int done = real(file);
    if (done == 0) keep(file);
    return done;
}
