/* Loads one room of a WebSocket server on 127.0.0.1 and reports what was delivered, as one line of JSON.
 *
 * Build:  cc -O2 -o load load.c            (Linux: epoll, timerfd)
 * Run:    load --port 8080 --clients 500 --senders 20 --window 1 --seconds 5       closed loop
 *         load --port 8080 --clients 500 --senders 4 --rate 100 --seconds 5        open loop
 *         load --port 8080 --clients 4000 --senders 0 --seconds 30                 idle connections, until SIGTERM
 *
 * One thread, one epoll. Every message begins with a mark "#RRRRSSSNNNNNNNNTTTTTTTTTTTTTTTT#": run, sender, number and
 * time of sending in nanoseconds, in hexadecimal. A reader looks for marks anywhere in a text or binary message, so a
 * message that carries a batch counts as many deliveries, and prefixes, envelopes and history of earlier runs do no
 * harm. Each reader must hear the numbers of each sender from 0 on, once and in order; what it does not hear by the end
 * of the drain is lost. In open loop a message's time is the one at which it was due, so a server that makes the
 * generator wait cannot hide it.
 *
 * Nothing here goes on for ever: counts and times are limited below, and an alarm ends the process in any case.
 * Exit status: 0 done, 1 too few connections, 2 wrong usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 20000, MAX_SENDERS = 1024, MAX_SECONDS = 600, MAX_SIZE = 1 << 20, MAX_WINDOW = 1024 };
enum { MARK = 33, INPUT = 8 << 20, READ = 256 << 10, STALLED_RCVBUF = 4096, CODES = 5000, DRAIN_SECONDS = 10, SLACK_SECONDS = 15 };
static const double MAX_RATE = 1e6; /* messages a second of all senders */

typedef struct { char *data; size_t len, cap; } Buffer;
typedef struct { uint32_t next; uint64_t seen; } Stream; /* what a reader heard of a sender: bit i of seen is next-1-i */
typedef enum { CONNECTING, SHAKING, OPEN, GONE } State;
typedef struct {
	int fd, index, inflight, writing, joined;
	State state;
	Buffer in, fragments, out;
	Stream *streams;
	uint32_t sent;
	int64_t due, pulse;
} Client;

static struct {
	int port, clients, senders, window, size, stalled, ramp;
	double rate, seconds, warm, settle, dial, pulse_every;
	const char *path, *protocol, *join, *joined, *message, *pulse, *origin;
} opt = { .port = 8080, .clients = 100, .senders = 1, .size = 64, .ramp = 32, .seconds = 5, .warm = 1, .settle = .5, .dial = 30,
	.pulse_every = 10, .path = "/ws", .protocol = "", .join = "", .joined = "", .message = "%s", .pulse = "", .origin = "" };

static Client *clients;
static int epoll, timer, total, dialled, dialling, failed, open_now, joined_now, sending, measuring, finishing;
static unsigned run;
static char *input, *body, *text, first_failure[128], first_error[256];
static uint64_t sent, frames, bytes, deliveries, lost, duplicated, reordered, closed, stalled_closed, errors, codes[CODES];
static uint64_t histogram[64 * 64], measured_sent, measured_frames, measured_bytes, latency_max;
static volatile sig_atomic_t stop;

static void die(const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(2);
}

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t nanoseconds(double seconds) { return (int64_t)(seconds * 1e9); }

/* -- latencies: 64 steps an octave, so a quantile is right within 1.6 % ------------------------------------------- */

static void record(int64_t latency) {
	uint64_t v = latency > 64 ? latency : 64;
	int octave = 63 - __builtin_clzll(v);
	histogram[octave * 64 + ((v >> (octave - 6)) & 63)]++;
	if (v > latency_max) latency_max = v;
}

static double quantile(double p) { /* milliseconds */
	uint64_t below = 0;
	for (int i = 0; i < 64 * 64; i++) {
		below += histogram[i];
		if (deliveries && below > p * deliveries) return (double)(1ULL << (i / 64)) * (1 + (i % 64 + .5) / 64) / 1e6;
	}
	return 0;
}

/* -- buffers and frames ------------------------------------------------------------------------------------------- */

static void append(Buffer *b, const void *data, size_t len) {
	if (b->len + len > b->cap) {
		b->cap = (b->len + len) * 2;
		if (!(b->data = realloc(b->data, b->cap))) die("out of memory");
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void empty(Buffer *b) {
	free(b->data);
	*b = (Buffer){ 0 };
}

static void watch(Client *c, uint32_t events) {
	struct epoll_event e = { .events = events, .data.ptr = c };
	epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static int reads(const Client *c) { return c->index < opt.clients; }

static void flush(Client *c) {
	size_t done = 0;
	while (done < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + done, c->out.len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0) break; /* a broken connection is found by reading */
		done += n;
	}
	memmove(c->out.data, c->out.data + done, c->out.len - done);
	c->out.len -= done;
	int writing = c->out.len > 0;
	if (writing != c->writing) watch(c, (reads(c) ? EPOLLIN : 0) | EPOLLRDHUP | (writing ? EPOLLOUT : 0));
	c->writing = writing;
}

static void send_frame(Client *c, int opcode, const char *data, size_t len) {
	static uint32_t mask = 2463534242u;
	mask ^= mask << 13, mask ^= mask >> 17, mask ^= mask << 5;
	unsigned char head[14] = { 0x80 | opcode, 0x80 };
	int n = 2, bits = len < 126 ? 0 : len < 65536 ? 16 : 64;
	head[1] |= bits == 0 ? len : bits == 16 ? 126 : 127;
	while (bits) head[n++] = (uint64_t)len >> (bits -= 8);
	memcpy(head + n, &mask, 4);
	append(&c->out, head, n + 4);
	append(&c->out, data, len);
	char *masked = c->out.data + c->out.len - len;
	for (size_t i = 0; i < len; i++) masked[i] ^= head[n + i % 4];
	flush(c);
}

/* -- messages ------------------------------------------------------------------------------------------------------ */

static void send_message(Client *c, int64_t due) {
	char mark[MARK + 1];
	snprintf(mark, sizeof mark, "#%04x%03x%08x%016llx#", run, c->index, c->sent++, (unsigned long long)due);
	memcpy(body, mark, MARK);
	const char *slot = strstr(opt.message, "%s");
	size_t before = slot - opt.message, after = strlen(slot + 2);
	memcpy(text, opt.message, before);
	memcpy(text + before, body, opt.size);
	memcpy(text + before + opt.size, slot + 2, after);
	sent++;
	c->inflight++;
	send_frame(c, 1, text, before + opt.size + after);
}

static int hex(const char **p, int digits, uint64_t *value) {
	static signed char table[256];
	if (!table['1']) {
		memset(table, -1, sizeof table);
		for (int i = 0; i < 16; i++) table[(unsigned char)"0123456789abcdef"[i]] = i;
	}
	for (*value = 0; digits--; (*p)++) {
		int digit = table[(unsigned char)**p];
		if (digit < 0) return 0;
		*value = *value << 4 | digit;
	}
	return 1;
}

static void count(Stream *s, uint32_t number) {
	if (number >= s->next) {
		uint32_t step = number - s->next + 1;
		lost += step - 1;
		s->seen = step < 64 ? s->seen << step | 1 : 1;
		s->next = number + 1;
		return;
	}
	uint32_t age = s->next - 1 - number;
	if (age < 64 && !(s->seen >> age & 1)) { /* it was counted as lost, and only came late */
		s->seen |= 1ULL << age;
		lost--;
		reordered++;
	} else {
		duplicated++;
	}
}

static void heard(Client *c, uint64_t sender, uint64_t number, int64_t latency) {
	count(&c->streams[sender], number);
	if (measuring) {
		deliveries++;
		record(latency);
	}
	if ((int)sender == c->index) {
		c->inflight--;
		if (opt.window && sending) send_message(c, now());
	}
}

static void read_message(Client *c, const char *p, size_t len) {
	const char *end = p + len, *start = p;
	int64_t arrived = now();
	int marks = 0;
	frames++;
	while ((p = memchr(p, '#', end - p)) && end - p >= MARK) {
		const char *q = ++p;
		uint64_t of, sender, number, at;
		if (!hex(&q, 4, &of) || !hex(&q, 3, &sender) || !hex(&q, 8, &number) || !hex(&q, 16, &at) || *q != '#') continue;
		p = q + 1;
		if (of != run || (int)sender >= opt.senders) continue;
		heard(c, sender, number, arrived - (int64_t)at);
		marks++;
	}
	if (marks) return;
	if (*opt.joined && !c->joined && memmem(start, len, opt.joined, strlen(opt.joined))) c->joined = 1, joined_now++;
	if (memmem(start, len, "\"error\"", 7) && !errors++) snprintf(first_error, sizeof first_error, "%.*s", (int)len, start);
}

/* -- connections --------------------------------------------------------------------------------------------------- */

static void end(Client *c) {
	close(c->fd);
	empty(&c->in), empty(&c->fragments), empty(&c->out);
	c->state = GONE;
}

static void lose(Client *c) {
	open_now--;
	if (!finishing) reads(c) ? closed++ : stalled_closed++;
	end(c);
}

static void fail(Client *c, const char *why) {
	failed++, dialling--;
	if (!*first_failure) snprintf(first_failure, sizeof first_failure, "%.100s", why);
	end(c);
}

static void on_frame(Client *c, int first, char *p, size_t len) {
	int opcode = first & 15, fin = first & 0x80;
	if (opcode == 8) {
		int code = len >= 2 ? (unsigned char)p[0] << 8 | (unsigned char)p[1] : 1005;
		if (!finishing && code < CODES) codes[code]++;
		lose(c);
	} else if (opcode == 9) {
		send_frame(c, 10, p, len);
	} else if (opcode < 3 && fin && opcode) {
		read_message(c, p, len);
	} else if (opcode < 3) {
		append(&c->fragments, p, len);
		if (fin) read_message(c, c->fragments.data, c->fragments.len), empty(&c->fragments);
	}
}

static size_t read_frames(Client *c, char *data, size_t len) { /* returns how many bytes were whole frames */
	size_t at = 0;
	while (c->state == OPEN && len - at >= 2) {
		unsigned char *b = (unsigned char *)data + at;
		uint64_t size = b[1] & 127;
		int head = 2, more = size == 126 ? 2 : size == 127 ? 8 : 0;
		if (len - at < (size_t)head + more) break;
		if (more) size = 0;
		while (more--) size = size << 8 | b[head++];
		if (size > INPUT / 2) die("a frame of %llu bytes came", (unsigned long long)size);
		if (len - at - head < size) break;
		on_frame(c, b[0], data + at + head, size);
		at += head + size;
	}
	return at;
}

static void on_readable(Client *c) {
	size_t kept = c->in.len;
	if (kept) memcpy(input, c->in.data, kept);
	ssize_t n = recv(c->fd, input + kept, READ, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n <= 0) { lose(c); return; }
	if (measuring) bytes += n;
	size_t len = kept + n, used = read_frames(c, input, len);
	if (c->state != OPEN) return;
	c->in.len = 0;
	if (used < len) append(&c->in, input + used, len - used);
	else if (c->in.data) empty(&c->in);
}

static void dial(Client *c) {
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(opt.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, small = STALLED_RCVBUF;
	dialling++;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) { fail(c, strerror(errno)); return; }
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (!reads(c)) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	if (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) { fail(c, strerror(errno)); return; }
	struct epoll_event e = { .events = EPOLLOUT, .data.ptr = c };
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
}

static void on_connected(Client *c) {
	char request[4096], origin[64];
	int error = 0;
	socklen_t size = sizeof error;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) { fail(c, strerror(error)); return; }
	snprintf(origin, sizeof origin, "http://127.0.0.1:%d", opt.port);
	int n = snprintf(request, sizeof request,
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: %s\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2hhdHNpdGUgYmVu%04xAg==\r\n%s%s%s\r\n",
		opt.path, opt.port, *opt.origin ? opt.origin : origin, c->index & 0xffff,
		*opt.protocol ? "Sec-WebSocket-Protocol: " : "", opt.protocol, *opt.protocol ? "\r\n" : "");
	if (send(c->fd, request, n, MSG_NOSIGNAL) != n) { fail(c, "the request could not be sent"); return; }
	c->state = SHAKING;
	watch(c, EPOLLIN);
}

static void on_answer(Client *c) {
	char chunk[4096];
	/* A stalled client takes no byte behind the handshake's answer: those stay in the kernel, as if it had hung. */
	ssize_t n = recv(c->fd, chunk, reads(c) ? sizeof chunk : 1, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) return;
	if (n <= 0) { fail(c, n ? strerror(errno) : "closed in the handshake"); return; }
	append(&c->in, chunk, n);
	char *head = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
	if (!head) return;
	if (c->in.len < 12 || memcmp(c->in.data + 8, " 101", 4)) {
		*strchrnul(c->in.data, '\r') = 0;
		fail(c, c->in.data);
		return;
	}
	c->state = OPEN;
	open_now++, dialling--;
	watch(c, (reads(c) ? EPOLLIN : 0) | EPOLLRDHUP);
	if (*opt.join) send_frame(c, 1, opt.join, strlen(opt.join));
	size_t rest = c->in.data + c->in.len - (head + 4);
	memmove(c->in.data, head + 4, rest);
	size_t used = read_frames(c, c->in.data, rest);
	if (c->state != OPEN) return;
	memmove(c->in.data, c->in.data + used, rest - used);
	c->in.len = rest - used;
}

/* -- the loop ------------------------------------------------------------------------------------------------------ */

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t send_what_is_due(int64_t until) { /* returns when to be called again */
	int64_t t = now();
	for (int i = 0; opt.rate > 0 && sending && i < opt.senders; i++) {
		Client *c = &clients[i];
		for (; c->state == OPEN && c->due <= t; c->due += nanoseconds(opt.senders / opt.rate)) send_message(c, c->due);
		if (c->state == OPEN) until = earlier(until, c->due);
	}
	return until;
}

static int64_t pulse_what_is_due(int64_t until) { /* json clients must be heard of now and then; spread over the interval */
	static int64_t next;
	static int at;
	int64_t t = now(), step = nanoseconds(opt.pulse_every / total);
	if (!*opt.pulse) return until;
	for (; next <= t; at = (at + 1) % total) {
		Client *c = &clients[at];
		if (c->state == OPEN && reads(c)) send_frame(c, 1, opt.pulse, strlen(opt.pulse));
		next = (next ? next : t) + step;
	}
	return earlier(until, next);
}

static void wait_until(int64_t at) {
	static int64_t armed;
	if (at == armed) return;
	struct itimerspec spec = { .it_value = { at / 1000000000LL, at % 1000000000LL } };
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, 0);
	armed = at;
}

static void on_event(Client *c, uint32_t events) {
	if (c->state == CONNECTING) on_connected(c);
	else if (c->state == SHAKING) on_answer(c);
	else if (c->state == OPEN && !reads(c) && events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) lose(c);
	else if (c->state == OPEN) {
		if (events & EPOLLOUT) flush(c);
		if (events & ~EPOLLOUT && reads(c)) on_readable(c);
	}
}

static int dialled_all(void) { return dialled == total && !dialling; }
static int joined_all(void) { return !*opt.joined || joined_now >= open_now - opt.stalled; }
static int never(void) { return 0; }

static int heard_all(void) { /* every open reader heard the last number of every open sender */
	for (int r = 0; r < opt.clients; r++)
		for (int s = 0; clients[r].state == OPEN && s < opt.senders; s++)
			if (clients[s].state == OPEN && clients[r].streams[s].next < clients[s].sent) return 0;
	return 1;
}

static void loop(double seconds, int (*done)(void)) {
	struct epoll_event events[1024];
	int64_t until = now() + nanoseconds(seconds);
	while (!stop && !done() && now() < until && (open_now || dialling || dialled < total)) {
		while (dialled < total && dialling < opt.ramp) dial(&clients[dialled++]);
		wait_until(pulse_what_is_due(send_what_is_due(until)));
		int n = epoll_wait(epoll, events, 1024, 1000);
		for (int i = 0; i < n; i++) if (events[i].data.ptr) on_event(events[i].data.ptr, events[i].events);
	}
}

static void start_senders(void) {
	int64_t t = now();
	sending = 1;
	for (int i = 0; i < opt.senders; i++) {
		Client *c = &clients[i];
		c->due = t + nanoseconds(opt.rate > 0 ? i / opt.rate : 0);
		for (int k = 0; k < opt.window && c->state == OPEN; k++) send_message(c, now());
	}
}

static void count_the_tail(void) {
	for (int r = 0; r < opt.clients; r++)
		for (int s = 0; clients[r].state == OPEN && s < opt.senders; s++)
			if (clients[s].state == OPEN && clients[r].streams[s].next < clients[s].sent)
				lost += clients[s].sent - clients[r].streams[s].next;
}

/* -- options, report, main ----------------------------------------------------------------------------------------- */

static void print_string(const char *name, const char *s) {
	printf(",\"%s\":\"", name);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\') printf("\\%c", *s);
		else if ((unsigned char)*s < 32) printf("\\u%04x", *s);
		else putchar(*s);
	}
	putchar('"');
}

static void report(double dial_seconds, double elapsed, int settled) {
	double per = elapsed > 0 ? 1 / elapsed : 0;
	printf("{\"clients\":%d,\"failed\":%d,\"dials_per_s\":%.0f,\"joined\":%s", open_now, failed, (total - failed) / dial_seconds,
		settled ? "true" : "false");
	printf(",\"seconds\":%.3f,\"sent\":%llu,\"sent_per_s\":%.1f,\"deliveries\":%llu,\"deliveries_per_s\":%.0f,\"frames_per_s\":%.0f,\"bytes_per_s\":%.0f",
		elapsed, (unsigned long long)sent, measured_sent * per, (unsigned long long)deliveries, deliveries * per, measured_frames * per,
		measured_bytes * per);
	printf(",\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f", quantile(.5), quantile(.9), quantile(.99), latency_max / 1e6);
	printf(",\"lost\":%llu,\"duplicated\":%llu,\"reordered\":%llu,\"closed\":%llu,\"errors\":%llu", (unsigned long long)lost,
		(unsigned long long)duplicated, (unsigned long long)reordered, (unsigned long long)closed, (unsigned long long)errors);
	printf(",\"stalled\":%d,\"stalled_closed\":%llu,\"codes\":{", opt.stalled, (unsigned long long)stalled_closed);
	for (int i = 0, any = 0; i < CODES; i++)
		if (codes[i]) printf("%s\"%d\":%llu", any++ ? "," : "", i, (unsigned long long)codes[i]);
	putchar('}');
	print_string("first_failure", first_failure);
	print_string("first_error", first_error);
	puts("}");
}

static void within(const char *name, double value, double low, double high) {
	if (!(value >= low && value <= high)) die("--%s is %g, expected %g to %g", name, value, low, high);
}

static const char *NAMES[] = { "port", "clients", "senders", "window", "rate", "seconds", "warm", "settle", "dial", "size", "stalled",
	"ramp", "path", "protocol", "join", "joined", "message", "pulse", "pulse-every", "origin" };

static void options(int argc, char **argv) {
	int count = sizeof NAMES / sizeof *NAMES, n;
	struct option longs[sizeof NAMES / sizeof *NAMES + 1] = { 0 };
	for (int i = 0; i < count; i++) longs[i] = (struct option){ NAMES[i], required_argument, 0, i };
	while ((n = getopt_long(argc, argv, "", longs, 0)) != -1) switch (n) {
	case 0: opt.port = atoi(optarg); break;
	case 1: opt.clients = atoi(optarg); break;      /* that read; the first --senders of them also send */
	case 2: opt.senders = atoi(optarg); break;
	case 3: opt.window = atoi(optarg); break;       /* closed loop: own messages in flight, each sender */
	case 4: opt.rate = atof(optarg); break;         /* open loop: messages a second, all senders together */
	case 5: opt.seconds = atof(optarg); break;      /* measured, after --warm seconds of the same */
	case 6: opt.warm = atof(optarg); break;
	case 7: opt.settle = atof(optarg); break;       /* quiet time after the last join */
	case 8: opt.dial = atof(optarg); break;         /* for all handshakes, and again for all joins */
	case 9: opt.size = atoi(optarg); break;         /* bytes of a message's text */
	case 10: opt.stalled = atoi(optarg); break;     /* more clients, that join and never read */
	case 11: opt.ramp = atoi(optarg); break;        /* handshakes at a time */
	case 12: opt.path = optarg; break;
	case 13: opt.protocol = optarg; break;          /* Sec-WebSocket-Protocol */
	case 14: opt.join = optarg; break;              /* a frame that each client sends first */
	case 15: opt.joined = optarg; break;            /* what the answer to it contains; waited for */
	case 16: opt.message = optarg; break;           /* what a sender sends: %s is the text */
	case 17: opt.pulse = optarg; break;             /* a frame that each client sends every --pulse-every seconds */
	case 18: opt.pulse_every = atof(optarg); break;
	case 19: opt.origin = optarg; break;
	default: exit(2);
	}
	if (optind < argc) die("unknown argument %s", argv[optind]);
	within("port", opt.port, 1, 65535), within("clients", opt.clients, 1, MAX_CLIENTS), within("stalled", opt.stalled, 0, MAX_CLIENTS);
	within("senders", opt.senders, 0, opt.clients < MAX_SENDERS ? opt.clients : MAX_SENDERS), within("window", opt.window, 0, MAX_WINDOW);
	within("rate", opt.rate, 0, MAX_RATE), within("seconds", opt.seconds, 0, MAX_SECONDS), within("warm", opt.warm, 0, 60);
	within("settle", opt.settle, 0, 60), within("dial", opt.dial, 1, 120), within("size", opt.size, MARK, MAX_SIZE);
	within("ramp", opt.ramp, 1, MAX_CLIENTS), within("pulse-every", opt.pulse_every, 1, MAX_SECONDS);
	if (!strstr(opt.message, "%s")) die("--message has no %%s, expected one where the text goes");
	if (opt.senders && !opt.window == !opt.rate) die("expected either --window or --rate");
}

static void on_signal(int number) {
	(void)number;
	stop = 1;
}

static void prepare(void) {
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	alarm(opt.seconds + opt.warm + opt.settle + 2 * opt.dial + DRAIN_SECONDS + SLACK_SECONDS);
	run = (getpid() * 40503u ^ (unsigned)time(0)) & 0xffff;
	total = opt.clients + opt.stalled;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &(struct epoll_event){ .events = EPOLLIN | EPOLLET });
	clients = calloc(total, sizeof *clients);
	Stream *streams = calloc((size_t)opt.clients * opt.senders + 1, sizeof *streams);
	input = malloc(INPUT), body = malloc(opt.size), text = malloc(opt.size + strlen(opt.message));
	if (!clients || !streams || !input || !body || !text) die("out of memory");
	memset(body, 'x', opt.size);
	for (int i = 0; i < total; i++) {
		clients[i].index = i;
		if (i < opt.clients) clients[i].streams = streams + (size_t)i * opt.senders;
	}
}

int main(int argc, char **argv) {
	options(argc, argv);
	prepare();
	int64_t t = now();
	loop(opt.dial, dialled_all);
	double dial_seconds = (now() - t) / 1e9;
	for (int i = 0; i < dialled; i++)
		if (clients[i].state < OPEN) fail(&clients[i], "no answer to the handshake in time");
	failed += total - dialled;
	loop(opt.dial, joined_all);
	int settled = joined_all();
	loop(opt.settle, never);
	fprintf(stderr, "ready: %d open, %d failed%s%s\n", open_now, failed, *first_failure ? ": " : "", first_failure);
	start_senders();
	loop(opt.warm, never);
	measuring = 1;
	uint64_t sent0 = sent, frames0 = frames;
	t = now();
	loop(opt.seconds, never);
	double elapsed = (now() - t) / 1e9;
	measured_sent = sent - sent0, measured_frames = frames - frames0, measured_bytes = bytes;
	measuring = sending = 0;
	loop(DRAIN_SECONDS, heard_all);
	finishing = 1;
	count_the_tail();
	report(dial_seconds, elapsed, settled);
	return failed || !settled ? 1 : 0;
}
