/* A disk that fails, for a broker that is not changed for it: loaded before the C library (LD_PRELOAD), it stands
 * between the broker and its files, and answers with errors while a control file says so.
 *
 * ORDAIN_FAULT_ROOT is the data directory: only what lies below it is touched. ORDAIN_FAULT_CONTROL is a file of
 * 16 bytes that the harness writes while the broker runs:
 *   0  syncs fail with EIO            4  syncs take so many times 10 ms
 *   1  writes fail with EIO           5  making, renaming, removing and cutting off files fails with EIO
 *   2  reads fail with EIO            6  new files and directories, and renaming, find no room: ENOSPC
 *   3  writes fail with ENOSPC        8  how many calls were answered like this (8 bytes, written here)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SYNC, WRITE, READ, FULL, DELAY, NAMES, NO_NAMES };

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

static int is_below(const char *path) {
    return strncmp(path, root, root_length) == 0 && (path[root_length] == 0 || path[root_length] == '/');
}

static int is_meant(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return 0;
    }
    path[length] = 0;
    return is_below(path);
}

/* Whether the directory that holds what is named so is meant: the name itself need not be there. */
static int is_meant_at(int directory, const char *name) {
    char parent[PATH_MAX], path[PATH_MAX];
    if (name[0] != '/' && directory != AT_FDCWD) {
        return is_meant(directory);
    }
    if (snprintf(parent, sizeof parent, "%s", name) >= (int)sizeof parent) {
        return 0;
    }
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        strcpy(parent, ".");
    } else {
        slash[slash == parent] = 0;
    }
    return realpath(parent, path) != NULL && is_below(path);
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

static int is_on(int place) {
    return control != NULL && control[place];
}

/* What changes a name and needs no room for it: a removal. */
static int removal_fails(int directory, const char *name) {
    return is_on(NAMES) && is_meant_at(directory, name) && answers(EIO);
}

static int naming_fails(int directory, const char *name) {
    if ((!is_on(NAMES) && !is_on(NO_NAMES)) || !is_meant_at(directory, name)) {
        return 0;
    }
    return answers(is_on(NAMES) ? EIO : ENOSPC);
}

static int opening_fails(int directory, const char *name, int flags) {
    if (!(flags & O_CREAT) || (!is_on(NAMES) && !is_on(NO_NAMES))) {
        return 0;
    }
    int error = errno;
    int needs_room = faccessat(directory, name, F_OK, 0) != 0;
    errno = error;
    return (is_on(NAMES) || needs_room) && naming_fails(directory, name);
}

static int length_fails(int file) {
    return is_on(NAMES) && is_meant(file) && answers(EIO);
}

static int room_fails(int file) {
    if ((!is_on(NAMES) && !is_on(FULL)) || !is_meant(file)) {
        return 0;
    }
    return answers(is_on(NAMES) ? EIO : ENOSPC);
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

/* The mode is given only with a file that may be made. */
#define MODE(after) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { \
        va_list more; \
        va_start(more, after); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *name, int flags, ...) {
    THE_REAL(open)
    MODE(flags)
    return opening_fails(AT_FDCWD, name, flags) ? -1 : real(name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    THE_REAL(open64)
    MODE(flags)
    return opening_fails(AT_FDCWD, name, flags) ? -1 : real(name, flags, mode);
}

int openat(int directory, const char *name, int flags, ...) {
    THE_REAL(openat)
    MODE(flags)
    return opening_fails(directory, name, flags) ? -1 : real(directory, name, flags, mode);
}

int openat64(int directory, const char *name, int flags, ...) {
    THE_REAL(openat64)
    MODE(flags)
    return opening_fails(directory, name, flags) ? -1 : real(directory, name, flags, mode);
}

int mkdir(const char *name, mode_t mode) {
    THE_REAL(mkdir)
    return naming_fails(AT_FDCWD, name) ? -1 : real(name, mode);
}

int mkdirat(int directory, const char *name, mode_t mode) {
    THE_REAL(mkdirat)
    return naming_fails(directory, name) ? -1 : real(directory, name, mode);
}

int rename(const char *from, const char *to) {
    THE_REAL(rename)
    return naming_fails(AT_FDCWD, to) ? -1 : real(from, to);
}

int renameat(int near, const char *from, int far, const char *to) {
    THE_REAL(renameat)
    return naming_fails(far, to) ? -1 : real(near, from, far, to);
}

int renameat2(int near, const char *from, int far, const char *to, unsigned int flags) {
    THE_REAL(renameat2)
    return naming_fails(far, to) ? -1 : real(near, from, far, to, flags);
}

int unlink(const char *name) {
    THE_REAL(unlink)
    return removal_fails(AT_FDCWD, name) ? -1 : real(name);
}

int unlinkat(int directory, const char *name, int flags) {
    THE_REAL(unlinkat)
    return removal_fails(directory, name) ? -1 : real(directory, name, flags);
}

int rmdir(const char *name) {
    THE_REAL(rmdir)
    return removal_fails(AT_FDCWD, name) ? -1 : real(name);
}

int ftruncate(int file, off_t length) {
    THE_REAL(ftruncate)
    return length_fails(file) ? -1 : real(file, length);
}

int ftruncate64(int file, off64_t length) {
    THE_REAL(ftruncate64)
    return length_fails(file) ? -1 : real(file, length);
}

int fallocate(int file, int how, off_t at, off_t length) {
    THE_REAL(fallocate)
    return room_fails(file) ? -1 : real(file, how, at, length);
}

int fallocate64(int file, int how, off64_t at, off64_t length) {
    THE_REAL(fallocate64)
    return room_fails(file) ? -1 : real(file, how, at, length);
}

int posix_fallocate(int file, off_t at, off_t length) {
    THE_REAL(posix_fallocate)
    return room_fails(file) ? errno : real(file, at, length);
}

int posix_fallocate64(int file, off64_t at, off64_t length) {
    THE_REAL(posix_fallocate64)
    return room_fails(file) ? errno : real(file, at, length);
}
