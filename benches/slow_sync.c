// Makes every fsync and fdatasync of a program take longer, to see what depends on the speed of the disk:
//
//     gcc -shared -fPIC -o slow_sync.so benches/slow_sync.c -ldl
//     LD_PRELOAD=$PWD/slow_sync.so SYNC_ADDS_US=2000 memberbase bench --members 1000000
//
// Programs that make system calls without the C library (etcd) are not slowed down.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_longer(void) {
    const char *given = getenv("SYNC_ADDS_US");
    long us = given ? atol(given) : 2000;
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

static int call(const char *name, int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int done = real(file);
    wait_longer();
    return done;
}

int fsync(int file) {
    return call("fsync", file);
}

int fdatasync(int file) {
    return call("fdatasync", file);
}
