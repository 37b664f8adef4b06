#ifndef CSOCKET_SHIM_H
#define CSOCKET_SHIM_H
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The CMSG macros, by which an open file is passed to another process, are invisible to Swift. */

/* Sends one byte and the descriptor `file` over a Unix socket; -1 where that fails. */
static inline int csocket_send_file(int socket, int file) {
    char byte = 'L';
    struct iovec vector = { &byte, 1 };
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = { 0 };
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &file, sizeof(int));
    ssize_t sent;
    do { sent = sendmsg(socket, &message, MSG_NOSIGNAL); } while (sent < 0 && errno == EINTR);
    return sent == 1 ? 0 : -1;
}

/* Has a read wait so many seconds at most. */
static inline int csocket_set_patience(int socket, int seconds) {
    struct timeval patience = { seconds, 0 };
    return setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

/* Receives what csocket_send_file sent: a descriptor that is ours to close; -1 where there is none. */
static inline int csocket_receive_file(int socket) {
    char byte = 0;
    struct iovec vector = { &byte, 1 };
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = { 0 };
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    ssize_t received;
    do { received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC); } while (received < 0 && errno == EINTR);
    if (received != 1) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(int))) return -1;
    int file = -1;
    memcpy(&file, CMSG_DATA(header), sizeof(int));
    return file;
}

/* Moving bytes from socket to socket inside the kernel, through a pipe: splice(2) and pipe2(2) are invisible to Swift, which
   reads the C library without _GNU_SOURCE. The numbers are Linux's for every processor. */
#ifdef __linux__
extern int pipe2(int ends[2], int flags);
extern ssize_t splice(int from, long long *fromOffset, int to, long long *toOffset, size_t count, unsigned int flags);
extern int fcntl(int file, int command, ...);

/* Opens a pipe of so many bytes, or of the usual 64 KB where that is not granted; -1 where there is none of that size: a user
   who has many is given smaller ones. */
static inline int csocket_open_pipe(int ends[2], int bytes) {
    if (pipe2(ends, 02000000 /* O_CLOEXEC */) != 0) return -1;
    if (fcntl(ends[1], 1031 /* F_SETPIPE_SZ */, bytes) > 0 || fcntl(ends[1], 1032 /* F_GETPIPE_SZ */) >= 65536) return 0;
    close(ends[0]);
    close(ends[1]);
    return -1;
}

/* Moves up to `count` bytes; one of the two is a pipe. Neither waits, as both sockets are set not to. */
static inline ssize_t csocket_move(int from, int to, size_t count) {
    return splice(from, NULL, to, NULL, count, 3 /* SPLICE_F_MOVE | SPLICE_F_NONBLOCK */);
}
#else
static inline int csocket_open_pipe(int ends[2], int bytes) { (void)ends, (void)bytes; errno = ENOSYS; return -1; }
static inline ssize_t csocket_move(int from, int to, size_t count) {
    (void)from, (void)to, (void)count; errno = ENOSYS; return -1;
}
#endif
#endif
