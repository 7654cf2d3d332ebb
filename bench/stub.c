/* A provider's stand-in that answers as APNs or FCM does, can be slow, and can refuse: HTTP/2 over TLS on libnghttp2,
 * OpenSSL and epoll.
 *
 *   stub PORT KEY.pem CHAIN.pem DELAY_MS
 *
 * Listens on 127.0.0.1, answers every request DELAY_MS after it came (0: at once), with an `apns-id` and 200, or APNs'
 * 410 `Unregistered` when the path begins with /3/device/dead. When the path begins with /v1/projects/, the answer is
 * FCM's: headers as Google sends them, and the message's name. It allows 1,000 streams, as APNs does. One thread.
 * GET /count answers at once with the number of all other requests that have come.
 *
 * The delay is the same for all, so answers fall due in the order of the requests: a ring is all the bookkeeping.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_STREAMS 1000
#define CHUNK 65536
#define DEAD_PATH "/3/device/dead"
#define FCM_PATH "/v1/projects/"
#define COUNT_PATH "/count"

static const char DEAD_BODY[] = "{\"reason\":\"Unregistered\",\"timestamp\":1700000000000}";
static unsigned long long counted;

typedef struct {
    int fd;
    SSL *ssl;
    nghttp2_session *session;
    uint8_t out[CHUNK];
    size_t out_begin, out_end;
    int handshaken, writing, open;
    unsigned waiting; /* entries in the ring */
    int dirty;        /* has something to send, and is in the list of those */
} Connection;

typedef struct {
    uint64_t due;
    Connection *connection;
    int32_t stream;
} Answer;

static Answer *ring;
static size_t ring_begin, ring_count, ring_size = 1 << 14;
static Connection **dirty;
static size_t dirty_count, dirty_size;
static uint64_t delay_ns;
static int poller;
static SSL_CTX *context;

static void fail(const char *what) {
    fprintf(stderr, "stub: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static void *must(void *memory) {
    if (memory == NULL) fail("memory");
    return memory;
}

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void mark_dirty(Connection *connection) {
    if (connection->dirty) return;
    connection->dirty = 1;
    if (dirty_count == dirty_size) {
        dirty_size = dirty_size ? 2 * dirty_size : 64;
        dirty = must(realloc(dirty, dirty_size * sizeof *dirty));
    }
    dirty[dirty_count++] = connection;
}

/* ---- answers ---- */

static ssize_t read_dead_body(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length, uint32_t *flags,
                              nghttp2_data_source *source, void *user) {
    (void)session, (void)stream, (void)source, (void)user;
    if (length < sizeof DEAD_BODY - 1) return NGHTTP2_ERR_DEFERRED;
    memcpy(buffer, DEAD_BODY, sizeof DEAD_BODY - 1);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return sizeof DEAD_BODY - 1;
}

static ssize_t read_count(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length, uint32_t *flags,
                          nghttp2_data_source *source, void *user) {
    (void)session, (void)stream, (void)source, (void)user;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return snprintf((char *)buffer, length, "%llu", counted);
}

static ssize_t read_name(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
    static unsigned long long number = 1500415314455276u;
    (void)session, (void)stream, (void)source, (void)user;
    if (length < 128) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return snprintf((char *)buffer, length, "{\n  \"name\": \"projects/benchmark/messages/0:%llu%%31bd1c9631bd1c96\"\n}\n",
                    number++);
}

/* Makes the next id: eight digits of a UUID that counts. */
static void next_id(uint8_t *id) {
    for (int i = 7; i >= 0; i--) {
        id[i] = id[i] == '9' ? 'A' : id[i] == 'F' ? '0' : id[i] + 1;
        if (id[i] != '0') return;
    }
}

#define HEADER(name, value) \
    {(uint8_t *)name, (uint8_t *)value, sizeof name - 1, sizeof value - 1, NGHTTP2_NV_FLAG_NONE}
#define ID {(uint8_t *)"apns-id", id, 7, sizeof id - 1, NGHTTP2_NV_FLAG_NONE}
static uint8_t id[] = "00000000-14A8-11E5-B60B-1697F925EC7B";
static nghttp2_nv good_headers[] = {HEADER(":status", "200"), ID};
static nghttp2_nv dead_headers[] = {HEADER(":status", "410"), ID};
static nghttp2_nv fcm_headers[] = {HEADER(":status", "200"),
                                   HEADER("content-type", "application/json; charset=UTF-8"),
                                   HEADER("vary", "Origin"),
                                   HEADER("vary", "X-Origin"),
                                   HEADER("vary", "Referer"),
                                   HEADER("date", "Mon, 30 Nov 2026 12:00:00 GMT"),
                                   HEADER("server", "scaffolding on HTTPServer2"),
                                   HEADER("cache-control", "private"),
                                   HEADER("x-xss-protection", "0"),
                                   HEADER("x-frame-options", "SAMEORIGIN"),
                                   HEADER("x-content-type-options", "nosniff")};

/* How a request is answered; nghttp2 keeps a pointer to it per stream for us, NULL for APNs' good answer. */
typedef struct {
    nghttp2_nv *headers;
    size_t header_count;
    nghttp2_data_source_read_callback read_body; /* NULL: without one */
} Kind;

static Kind good = {good_headers, 2, NULL}, dead = {dead_headers, 2, read_dead_body},
            fcm = {fcm_headers, sizeof fcm_headers / sizeof *fcm_headers, read_name},
            question = {good_headers, 2, read_count};

static void answer(Connection *connection, int32_t stream) {
    Kind *kind = nghttp2_session_get_stream_user_data(connection->session, stream);
    if (kind == NULL) kind = &good;
    nghttp2_data_provider body = {.read_callback = kind->read_body};
    next_id(id);
    nghttp2_submit_response(connection->session, stream, kind->headers, kind->header_count,
                            kind->read_body ? &body : NULL);
    mark_dirty(connection);
}

static void enqueue(Connection *connection, int32_t stream) {
    if (ring_count == ring_size) {
        Answer *larger = must(malloc(2 * ring_size * sizeof *ring));
        for (size_t i = 0; i < ring_count; i++) larger[i] = ring[(ring_begin + i) % ring_size];
        free(ring);
        ring = larger;
        ring_begin = 0;
        ring_size *= 2;
    }
    ring[(ring_begin + ring_count++) % ring_size] = (Answer){now_ns() + delay_ns, connection, stream};
    connection->waiting++;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t value_length, uint8_t flags, void *user) {
    (void)flags, (void)user;
    if (name_length != 5 || memcmp(name, ":path", 5)) return 0;
    if (value_length >= sizeof DEAD_PATH - 1 && !memcmp(value, DEAD_PATH, sizeof DEAD_PATH - 1))
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, &dead);
    else if (value_length >= sizeof FCM_PATH - 1 && !memcmp(value, FCM_PATH, sizeof FCM_PATH - 1))
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, &fcm);
    else if (value_length == sizeof COUNT_PATH - 1 && !memcmp(value, COUNT_PATH, sizeof COUNT_PATH - 1))
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, &question);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        int asks = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id) == &question;
        if (!asks) counted++;
        if (delay_ns && !asks)
            enqueue(user, frame->hd.stream_id);
        else
            answer(user, frame->hd.stream_id);
    }
    return 0;
}

/* ---- connections ---- */

static void watch(Connection *connection, int writing) {
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = connection};
    if (connection->writing == writing) return;
    connection->writing = writing;
    epoll_ctl(poller, EPOLL_CTL_MOD, connection->fd, &event);
}

static void release(Connection *connection) {
    if (!connection->open && !connection->waiting && !connection->dirty) free(connection);
}

static void hang_up(Connection *connection) {
    if (!connection->open) return;
    connection->open = 0;
    nghttp2_session_del(connection->session);
    SSL_free(connection->ssl);
    close(connection->fd);
}

/* Sends what the session has to say. Returns 0 when the connection is to be closed. */
static int flush(Connection *connection) {
    for (;;) {
        while (connection->out_end < CHUNK / 2) {
            const uint8_t *data;
            ssize_t length = nghttp2_session_mem_send(connection->session, &data);
            if (length < 0) return 0;
            if (length == 0) break;
            /* A frame has at most 16 KiB and its header: it fits. */
            memcpy(connection->out + connection->out_end, data, (size_t)length);
            connection->out_end += (size_t)length;
        }
        if (connection->out_begin == connection->out_end) {
            watch(connection, 0);
            return nghttp2_session_want_read(connection->session) || nghttp2_session_want_write(connection->session);
        }
        int written = SSL_write(connection->ssl, connection->out + connection->out_begin,
                                (int)(connection->out_end - connection->out_begin));
        if (written <= 0) {
            int error = SSL_get_error(connection->ssl, written);
            ERR_clear_error();
            if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return 0;
            watch(connection, 1);
            return 1;
        }
        connection->out_begin += (size_t)written;
        if (connection->out_begin == connection->out_end) connection->out_begin = connection->out_end = 0;
    }
}

/* Reads what there is. Returns 0 when the connection is to be closed. */
static int receive(Connection *connection) {
    static uint8_t buffer[CHUNK];
    if (!connection->handshaken) {
        int done = SSL_accept(connection->ssl);
        if (done != 1) {
            int error = SSL_get_error(connection->ssl, done);
            ERR_clear_error();
            return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        }
        connection->handshaken = 1;
        nghttp2_settings_entry streams = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS};
        nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, &streams, 1);
        nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, 1 << 24);
        mark_dirty(connection);
    }
    for (;;) {
        int length = SSL_read(connection->ssl, buffer, sizeof buffer);
        if (length <= 0) {
            int error = SSL_get_error(connection->ssl, length);
            ERR_clear_error();
            return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        }
        if (nghttp2_session_mem_recv(connection->session, buffer, (size_t)length) < 0) return 0;
        mark_dirty(connection);
    }
}

static void welcome(int listener, nghttp2_session_callbacks *callbacks) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connection *connection = must(calloc(1, sizeof *connection));
    nghttp2_option *options;
    connection->fd = fd;
    connection->open = 1;
    connection->ssl = must(SSL_new(context));
    SSL_set_fd(connection->ssl, fd);
    nghttp2_option_new(&options);
    nghttp2_session_server_new2(&connection->session, callbacks, connection, options);
    nghttp2_option_del(options);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

/* ---- the loop ---- */

static void answer_due(void) {
    uint64_t now = now_ns();
    while (ring_count && ring[ring_begin].due <= now) {
        Answer due = ring[ring_begin];
        ring_begin = (ring_begin + 1) % ring_size;
        ring_count--;
        due.connection->waiting--;
        if (due.connection->open)
            answer(due.connection, due.stream);
        else
            release(due.connection);
    }
}

static void flush_dirty(void) {
    for (size_t i = 0; i < dirty_count; i++) {
        Connection *connection = dirty[i];
        connection->dirty = 0;
        if (connection->open && !flush(connection)) hang_up(connection);
        release(connection);
    }
    dirty_count = 0;
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in,
                     unsigned int in_length, void *user) {
    (void)ssl, (void)user;
    return nghttp2_select_next_protocol((unsigned char **)out, out_length, in, in_length) == 1 ? SSL_TLSEXT_ERR_OK
                                                                                               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int listen_on(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128)) fail("listen");
    return listener;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: stub PORT KEY.pem CHAIN.pem DELAY_MS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    delay_ns = (uint64_t)atoi(arguments[4]) * 1000000u;
    ring = must(malloc(ring_size * sizeof *ring));
    context = must(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_alpn_select_cb(context, choose_h2, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_PrivateKey_file(context, arguments[2], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, arguments[3]) != 1)
        fail("key or certificate");
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    int listener = listen_on(atoi(arguments[1]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event incoming = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &incoming);
    for (;;) {
        struct epoll_event events[64];
        int patience = -1;
        if (ring_count) {
            uint64_t now = now_ns(), due = ring[ring_begin].due;
            patience = due <= now ? 0 : (int)((due - now) / 1000000u) + 1;
        }
        int ready = epoll_wait(poller, events, 64, patience);
        for (int i = 0; i < ready; i++) {
            Connection *connection = events[i].data.ptr;
            if (connection == NULL) {
                welcome(listener, callbacks);
                continue;
            }
            if (events[i].events & EPOLLOUT) mark_dirty(connection);
            if (events[i].events & ~(uint32_t)EPOLLOUT && !receive(connection)) {
                hang_up(connection);
                mark_dirty(connection); /* released there */
            }
        }
        answer_due();
        flush_dirty();
    }
}
