/* A disk that fails, for a broker that is not changed for it: loaded before the C library (LD_PRELOAD), it stands
 * between the broker and its files, and answers with errors while a control file says so.
 *
 * ORDAIN_FAULT_ROOT is the data directory: only what lies below it is touched. ORDAIN_FAULT_CONTROL is a file of
 * 16 bytes that the harness writes while the broker runs:
 *   0  syncs fail with EIO            3  writes fail with ENOSPC
 *   1  writes fail with EIO           4  syncs take so many times 10 ms
 *   2  reads fail with EIO            8  how many calls were answered like this (8 bytes, written here)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SYNC, WRITE, READ, FULL, DELAY };

static volatile unsigned char *control;
static char root[PATH_MAX];
static size_t root_length;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("ORDAIN_FAULT_CONTROL");
    const char *below = getenv("ORDAIN_FAULT_ROOT");
    if (path == NULL || below == NULL || realpath(below, root) == NULL) {
        return;
    }
    root_length = strlen(root);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    void *mapped = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    control = mapped == MAP_FAILED ? NULL : mapped;
}

static int is_meant(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < (ssize_t)root_length) {
        return 0;
    }
    path[length] = 0;
    return strncmp(path, root, root_length) == 0;
}

static int answers(int error) {
    __atomic_add_fetch((uint64_t *)(control + 8), 1, __ATOMIC_RELAXED);
    errno = error;
    return 1;
}

/* Whether a read is to fail; if so, errno says with what. */
static int read_fails(int file) {
    return control != NULL && control[READ] && is_meant(file) && answers(EIO);
}

static int sync_fails(int file) {
    if (control == NULL || (!control[SYNC] && !control[DELAY]) || !is_meant(file)) {
        return 0;
    }
    if (control[SYNC]) {
        return answers(EIO);
    }
    long delay = control[DELAY] * 10000000L;
    struct timespec time = {delay / 1000000000L, delay % 1000000000L};
    answers(0);
    nanosleep(&time, NULL);
    return 0;
}

static int write_fails(int file) {
    if (control == NULL || (!control[WRITE] && !control[FULL]) || !is_meant(file)) {
        return 0;
    }
    return answers(control[WRITE] ? EIO : ENOSPC);
}

/* What the C library does, which is looked up once. */
#define THE_REAL(name) \
    static __typeof__(&name) real; \
    if (real == NULL) { \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    }

ssize_t read(int file, void *into, size_t count) {
    THE_REAL(read)
    return read_fails(file) ? -1 : real(file, into, count);
}

ssize_t pread(int file, void *into, size_t count, off_t at) {
    THE_REAL(pread)
    return read_fails(file) ? -1 : real(file, into, count, at);
}

ssize_t pread64(int file, void *into, size_t count, off64_t at) {
    THE_REAL(pread64)
    return read_fails(file) ? -1 : real(file, into, count, at);
}

ssize_t preadv2(int file, const struct iovec *into, int count, off_t at, int flags) {
    THE_REAL(preadv2)
    return read_fails(file) ? -1 : real(file, into, count, at, flags);
}

ssize_t write(int file, const void *from, size_t count) {
    THE_REAL(write)
    return write_fails(file) ? -1 : real(file, from, count);
}

ssize_t pwrite(int file, const void *from, size_t count, off_t at) {
    THE_REAL(pwrite)
    return write_fails(file) ? -1 : real(file, from, count, at);
}

ssize_t pwrite64(int file, const void *from, size_t count, off64_t at) {
    THE_REAL(pwrite64)
    return write_fails(file) ? -1 : real(file, from, count, at);
}

ssize_t writev(int file, const struct iovec *from, int count) {
    THE_REAL(writev)
    return write_fails(file) ? -1 : real(file, from, count);
}

ssize_t pwritev2(int file, const struct iovec *from, int count, off_t at, int flags) {
    THE_REAL(pwritev2)
    if (write_fails(file) || ((flags & RWF_DSYNC) && sync_fails(file))) {
        return -1;
    }
    return real(file, from, count, at, flags);
}

int fsync(int file) {
    THE_REAL(fsync)
    return sync_fails(file) ? -1 : real(file);
}

int fdatasync(int file) {
    THE_REAL(fdatasync)
    return sync_fails(file) ? -1 : real(file);
}

int syncfs(int file) {
    THE_REAL(syncfs)
    return sync_fails(file) ? -1 : real(file);
}
