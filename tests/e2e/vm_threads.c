/* SPDX-License-Identifier: MIT
 *
 * The threads of a VM domain, seen from outside: there for as long as the
 * domain, confined from the start.
 */
#include "tests/e2e/vm_suite.h"

#include "hypervisor/client/breakable.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static bool get_line(const char *dir, const char *file, const char *key,
                     char line[128])
{
    char path[600];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, file);
    f = fopen(path, "re");
    while (f && !found && fgets(line, 128, f))
        found = strncmp(line, key, strlen(key)) == 0;
    if (f)
        fclose(f);
    return found;
}

/* Threads of weir-hv with a filter: those with such a name, or all (NULL). */
static unsigned confined(const char *name)
{
    char tasks[64], path[400], line[128];
    struct dirent *e;
    unsigned n = 0;
    DIR *dir;

    snprintf(tasks, sizeof(tasks), "/proc/%d/task", (int)world.pid);
    dir = opendir(tasks);
    assert_non_null(dir);
    while ((e = readdir(dir))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", tasks, e->d_name);
        if (name && !get_line(path, "comm", name, line))
            continue;
        n += get_line(path, "status", "Seccomp:", line) &&
             atoi(line + strlen("Seccomp:")) == 2;
    }
    closedir(dir);
    return n;
}

static void threads_of_a_vm_are_confined(void **state)
{
    struct weir_hv_create how = vm_how("three");
    unsigned before = confined(NULL);
    char name[16];
    struct vm v;

    (void)state;
    how.vcpus = 3;
    v = vm_start(&world, how);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "vm%u.%u", v.domid, i);
        assert_int_equal(confined(name), 1);
    }
    snprintf(name, sizeof(name), "vm%u\n", v.domid); /* the domain's own */
    assert_int_equal(confined(name), 1);
    assert_int_equal(vm_destroy(&v), 0);
    /* KVM has a thread of its own that ends a little later. */
    for (int i = 0; i < 100 && confined(NULL) != before; i++)
        usleep(20000);
    assert_int_equal(confined(NULL), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(threads_of_a_vm_are_confined, clear),
    };

    if (WEIR_SANITIZED) {
        print_message("sanitizers make calls of their own\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
