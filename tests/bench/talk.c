/*
 * Rows of processes that talk: a byte to and fro through pipes and sockets, a token round
 * a ring, bulk data through a pipe.
 */
#include "bench.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING 8

static int to_peer, from_peer;       /* this process's ends */
static pid_t peers[RING];
static int peer_count;
static char byte;

/* A process that passes on every byte that it gets. */
static void start_peer(int in, int out)
{
    pid_t child = MUST(fork());
    if (child == 0) {
        while (read(in, &byte, 1) == 1 && write(out, &byte, 1) == 1)
            ;
        _exit(0);
    }
    peers[peer_count++] = child;
}

static void round_trip(long n)
{
    while (n--) {
        MUST(write(to_peer, &byte, 1));
        MUST(read(from_peer, &byte, 1));
    }
}

static void stop_peers(void)
{
    while (peer_count > 0) {
        pid_t peer = peers[--peer_count];
        kill(peer, SIGKILL);
        waitpid(peer, NULL, 0);
    }
}

static void ring(int size)
{
    int pipes[RING][2];
    for (int i = 0; i < size; i++)
        MUST(pipe(pipes[i]));
    for (int i = 1; i < size; i++)
        start_peer(pipes[i][0], pipes[(i + 1) % size][1]);
    to_peer = pipes[1][1];
    from_peer = pipes[0][0];
    round_trip(20);
}

static void ring_of_two(void) { ring(2); }
static void ring_of_eight(void) { ring(8); }

/* The rows of a ring count hops, a round trip has as many as the ring has members. */
static void hops_of_two(long n) { round_trip(n / 2); }
static void hops_of_eight(long n) { round_trip(n / 8); }

static void through_socketpair(int type)
{
    int ends[2];
    MUST(socketpair(AF_UNIX, type, 0, ends));
    to_peer = from_peer = ends[0];
    start_peer(ends[1], ends[1]);
    round_trip(20);
}

static void stream(void) { through_socketpair(SOCK_STREAM); }
static void datagram(void) { through_socketpair(SOCK_DGRAM); }

static int listener;
static struct sockaddr_in address;

static void listen_local(void)
{
    socklen_t length = sizeof address;
    listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    MUST(bind(listener, (struct sockaddr *)&address, sizeof address));
    MUST(listen(listener, 5));
    MUST(getsockname(listener, (struct sockaddr *)&address, &length));
}

static void connect_pair(int *client, int *server)
{
    *client = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(*client, (struct sockaddr *)&address, sizeof address));
    *server = MUST(accept(listener, NULL, NULL));
}

static void tcp(void)
{
    int one = 1, client, server;
    listen_local();
    connect_pair(&client, &server);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    to_peer = from_peer = client;
    start_peer(server, server);
    round_trip(20);
}

static void tcp_connections(long n)
{
    while (n--) {
        int client, server;
        struct linger at_once = { 1, 0 };
        connect_pair(&client, &server);
        setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(client);
        close(server);
    }
}

static int ends[2];

static void own_pipe(void) { MUST(pipe(ends)); }

static void write_read_self(long n)
{
    while (n--) {
        MUST(write(ends[1], &byte, 1));
        MUST(read(ends[0], &byte, 1));
    }
}

static char bulk[65536];

static void start_sink(void)
{
    MUST(pipe(ends));
    pid_t child = MUST(fork());
    if (child == 0) {
        close(ends[1]);
        while (read(ends[0], bulk, sizeof bulk) > 0)
            ;
        _exit(0);
    }
    peers[0] = child;
    close(ends[0]);
    memset(bulk, 1, sizeof bulk);
}

/* Counts until the reader has had everything and ended. */
static void pour(long n)
{
    while (n--)
        for (size_t done = 0; done < sizeof bulk;)
            done += (size_t)MUST(write(ends[1], bulk + done, sizeof bulk - done));
    close(ends[1]);
    waitpid(peers[0], NULL, 0);
}

const struct row talk_rows[] = {
    { "pipe_wr_rd_self", 50000, own_pipe, write_read_self, NULL },
    { "pipe_pingpong", 10000, ring_of_two, round_trip, stop_peers },
    { "pipe_64K_xfer", 400, start_sink, pour, NULL },
    { "ctxsw_ring_2p", 10000, ring_of_two, hops_of_two, stop_peers },
    { "ctxsw_ring_8p", 12000, ring_of_eight, hops_of_eight, stop_peers },
    { "unix_pingpong", 10000, stream, round_trip, stop_peers },
    { "unixdg_pingpong", 10000, datagram, round_trip, stop_peers },
    { "tcp_pingpong", 5000, tcp, round_trip, stop_peers },
    { "tcp_conn_accept", 500, listen_local, tcp_connections, NULL },
    { NULL },
};
