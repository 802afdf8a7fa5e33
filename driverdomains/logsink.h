/* SPDX-License-Identifier: MIT
 *
 * Log of one domain: the read end of the pipe that is its descriptors 1 and
 * 2, and the file it goes to.  A domain can fill neither the disk nor the
 * manager's time: lines a second and bytes a file are bounded, one older file
 * is kept (NAME.log.1), and what is dropped, or lost on a full file system, is
 * counted in the log.
 */
#ifndef WEIR_DRIVERDOMAINS_LOGSINK_H
#define WEIR_DRIVERDOMAINS_LOGSINK_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_LOG_LINE       512 /* longer lines are cut */
#define WEIR_LOG_BURST      400 /* lines at once */
#define WEIR_LOG_PER_SECOND 100
#define WEIR_LOG_FILE_MAX   (1u << 20)

struct weir_logsink {
    int pipe_fd; /* to be polled; non-blocking; -1: closed */
    int file_fd;
    char path[160];
    uint64_t file_bytes;
    uint64_t last_ns, dropped;
    uint64_t lost; /* lines that could not be written; why, below */
    int lost_error;
    uint32_t tokens;
    size_t used;
    char line[WEIR_LOG_LINE];
};

/* *write_end is for the domain (close-on-exec). */
int weir_logsink_open(struct weir_logsink *l, const char *path, int *write_end);
/* The read end is there, or -1: there is none.  l owns it, also on failure. */
int weir_logsink_adopt(struct weir_logsink *l, const char *path, int pipe_fd);
/* Takes in at most one pipe buffer.  0: more may come, -EPIPE: the last
 * writer is gone. */
int weir_logsink_pump(struct weir_logsink *l, uint64_t now_ns);
/* A line of the manager's own, never dropped. */
void weir_logsink_note(struct weir_logsink *l, const char *text);
void weir_logsink_close(struct weir_logsink *l);

#endif
