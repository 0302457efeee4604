/* Maps, hashes and losses, shared by all programs. Sizes come from tracer/engine.py. */

BPF_RINGBUF_OUTPUT(threads_ring, WW_THREADS_PAGES);
BPF_RINGBUF_OUTPUT(go_ring, WW_GO_PAGES);
BPF_RINGBUF_OUTPUT(texts_ring, WW_TEXTS_PAGES);

/* Counters are mapped by the recorder: reading a map by system call disables tracepoint programs on
 * that CPU meanwhile (bpf_disable_instrumentation), and wake-ups would be missed. */
/* Records that found no room, by kind; kind 0 is a text. */
BPF_F_TABLE("array", u32, u64, lost, WW_KINDS, BPF_F_MMAPABLE);
/* Probe sites by their index in the capture's list; the recorder says what a hit costs, of which tier it
 * is, which of the programs it is for, and with which flags control leaves the function there. */
struct ww_site {
    u64 hits, stopped, leaving_flags;
    u32 cost_ns;
    u16 tier, program;
};
BPF_F_TABLE("array", u32, struct ww_site, sites, WW_MAX_SITES, BPF_F_MMAPABLE);
/* What the hits of a tier have cost, and may cost until the recorder looks again. Some have no sites:
 * what these record costs cost_ns each, what they only look at bare_ns, and what they left out is
 * counted. Their numbers: tracer/budget.py. */
struct ww_tier { u64 spent_ns, limit_ns, cost_ns, bare_ns, left_out, pad[3]; };
BPF_F_TABLE("array", u32, struct ww_tier, tiers, WW_TIERS, BPF_F_MMAPABLE);
BPF_PROG_ARRAY(programs, WW_MAX_PROGRAMS);
BPF_TABLE("lru_hash", u64, u8, seen, 65536);

#define WW_WINDOW_BYTES 1024
#define WW_FRAME_BYTES 16
#define WW_PAGE_BYTES 4096
#define WW_RECENT 16
#define WW_CLOSURES 8
/* A text, and hashes of those that were sent from here lately: each at the place of its lowest bits. */
struct ww_scratch {
    u64 recent[WW_RECENT];
    struct ww_text text;
};
struct ww_closure { u64 address, code; };
/* Scratch belongs to a thread, not to a CPU: a uprobe program may be preempted. */
struct ww_thread {
    u64 enter_ns, first, second, goid;
    u32 number, inside;
    struct ww_closure closures[WW_CLOSURES];
    u64 window[WW_WINDOW_BYTES / 8 + 1];
    struct ww_scratch scratch;
};
BPF_HASH(threads, u32, struct ww_thread, WW_MAX_THREADS);
/* Scheduler programs run with interrupts off: theirs may belong to the CPU. */
BPF_PERCPU_ARRAY(cpu_scratch, struct ww_scratch, 1);
BPF_ARRAY(fresh_thread, struct ww_thread, 1);

static inline void lose(u32 kind, u64 count)
{
    u64 *value = lost.lookup(&kind);
    if (value)
        __sync_fetch_and_add(value, count);
}

/* A constant that is put into the instructions when they are loaded: tracer/compiled.py. */
#define WW_PARAMETER(number)                                                                      \
    ({                                                                                            \
        u64 ww_value;                                                                             \
        asm("%0 = %1 ll" : "=r"(ww_value) : "i"(WW_PARAMETER_BASE + (number)));                    \
        ww_value;                                                                                 \
    })

/* A cookie has the site's index in the list of sites, then four bits for each argument of the program:
 * the register that it is in. The highest four say what a queue's items are. tracer/arguments.py */
static inline u32 site_of(struct pt_regs *ctx)
{
    return (u16)bpf_get_attach_cookie(ctx);
}

/* All places have this program, one link for each tier: the kernel waits some 40 ms for each link that
 * ends. It counts a hit and what it costs, and goes on with the site's own program; not where the tier
 * has spent what it may: that hit is told as lost, and the recorder takes the probes off soon after. */
int on_hit(struct pt_regs *ctx)
{
    u32 index = site_of(ctx);
    struct ww_site *site = sites.lookup(&index);
    if (!site || ctx->flags & site->leaving_flags)
        return 0;
    __sync_fetch_and_add(&site->hits, 1);
    u32 number = site->tier;
    struct ww_tier *tier = tiers.lookup(&number);
    if (!tier)
        return 0;
    __sync_fetch_and_add(&tier->spent_ns, site->cost_ns);
    if (tier->spent_ns <= tier->limit_ns)
        programs.call(ctx, site->program);
    /* Not reached where it was called. */
    __sync_fetch_and_add(&site->stopped, 1);
    return 0;
}

/* Counts what is going to be recorded in a tier without sites; 0 where it has spent what it may. */
static inline int may_spend(u32 number)
{
    struct ww_tier *tier = tiers.lookup(&number);
    if (!tier)
        return 0;
    if (tier->spent_ns > tier->limit_ns) {
        __sync_fetch_and_add(&tier->left_out, 1);
        return 0;
    }
    __sync_fetch_and_add(&tier->spent_ns, tier->cost_ns);
    return 1;
}

/* Counts what is only looked at. */
static inline void spend_bare(u32 number)
{
    struct ww_tier *tier = tiers.lookup(&number);
    if (tier)
        __sync_fetch_and_add(&tier->spent_ns, tier->bare_ns);
}

struct ww_arguments {
    u64 cookie;
    u64 registers[16];
};

#define WW_REGISTER(arguments, slot) ((u32)((arguments)->cookie >> (16 + 4 * (slot))) & 15)
#define WW_ITEM(arguments) ((arguments)->cookie >> 60)

enum ww_item { WW_ITEM_REQUEST = 1, WW_ITEM_TEXT = 2, WW_ITEM_ANY = 3 };

/* Number 0 stands for an argument that there isn't, and is 0. */
static inline void read_arguments(struct pt_regs *ctx, struct ww_arguments *arguments)
{
    arguments->cookie = bpf_get_attach_cookie(ctx);
    arguments->registers[1] = ctx->ax;
    arguments->registers[2] = ctx->bx;
    arguments->registers[3] = ctx->cx;
    arguments->registers[4] = ctx->di;
    arguments->registers[5] = ctx->si;
    arguments->registers[6] = ctx->r8;
    arguments->registers[7] = ctx->r9;
    arguments->registers[8] = ctx->r10;
    arguments->registers[9] = ctx->r11;
}

static inline u64 read_u64(u64 address)
{
    u64 value = 0;
    bpf_probe_read_user(&value, sizeof(value), (void *)address);
    return value;
}

/* A read takes 0.15 us, however little it is: what lies together is read at once. */
struct ww_pair { u64 first, second; };

static inline struct ww_pair read_pair(u64 address)
{
    struct ww_pair pair;
    bpf_probe_read_user(&pair, sizeof(pair), (void *)address);
    return pair;
}

/* The place of a field in words that begin with the first one; how many they are with the last. */
#define WW_WORD(first, field) (((field) - (first)) / 8)
#define WW_WORDS(first, last) (WW_WORD(first, last) + 1)

/* An index below a power of two, in a form that the verifier can follow. */
static inline u32 bounded(u32 index, u32 limit)
{
    asm volatile("" : "+r"(index));
    return index & (limit - 1);
}

static inline u64 register_value(struct ww_arguments *arguments, u32 number)
{
    return arguments->registers[bounded(number, 16)];
}

static inline u64 argument(struct ww_arguments *arguments, u32 slot)
{
    return register_value(arguments, WW_REGISTER(arguments, slot));
}

static inline struct ww_thread *this_thread(void)
{
    u32 tid = (u32)bpf_get_current_pid_tgid();
    return threads.lookup(&tid);
}

/* Whether a loop goes on, in a form in which the compiler keeps the bound that the verifier needs. */
static inline u32 below(u64 index, u64 count)
{
    asm volatile("" : "+r"(index));
    return index < count;
}

/* The value, or the limit where that is less: one below a power of two. Without a branch, of which the
 * verifier would follow both ways through all that comes. */
static inline u64 at_most(u64 value, u64 limit)
{
    u64 over = value & ~limit, negative = -over;
    asm volatile("" : "+r"(negative));
    return (value | (u64)((s64)(over | negative) >> 63)) & limit;
}

/* A copy that the verifier doesn't know to be equal: what a comparison tells of one, it would note of
 * the other, and walk once more through all that follows. */
static inline u64 unlinked(u64 value)
{
    asm volatile("%0 ^= 0" : "+r"(value));
    return value;
}

/* The same value, of which the verifier knows nothing: it goes on once behind a loop that may end in
 * any round, and not once for each. */
static inline u64 forgotten(struct ww_thread *thread, u64 value)
{
    volatile u64 *place = &thread->scratch.text.hash;
    *place = value;
    return *place;
}

/* 64 bits over whole words: the tail of the last word must be zero. 0 stands for nothing. */
static inline u64 hash_words(struct ww_text *text, u32 kind, u32 length)
{
    u64 *words = (u64 *)text->data;
    u64 hash = 0x9e3779b97f4a7c15ULL + kind;
#pragma clang loop unroll(disable)
    for (u64 i = 0; i < WW_TEXT_BYTES / 8; i++) {
        if (!below(i * 8, length))
            break;
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 29;
    }
    return hash ? hash : 1;
}

/* Sends what the hash stands for, the first time. A lost one is tried again at its next event. */
static inline u64 send_text(struct ww_scratch *scratch, u32 kind, u32 length)
{
    struct ww_text *text = &scratch->text;
    u64 hash = hash_words(text, kind, length);
    u64 *recent = &scratch->recent[bounded(hash, WW_RECENT)];
    u8 one = 1;
    if (*recent == hash)
        return hash;
    if (!seen.lookup(&hash)) {
        text->hash = hash;
        text->kind = kind;
        text->length = length;
        if (texts_ring.ringbuf_output(text, sizeof(*text), BPF_RB_NO_WAKEUP)) {
            lose(0, 1);
            return hash;
        }
        seen.update(&hash, &one);
    }
    *recent = hash;
    return hash;
}

static inline u64 name_hash(struct ww_thread *thread, u64 address, u64 length)
{
    if (!thread || !address || !length)
        return 0;
    u64 bytes = at_most(length, WW_TEXT_BYTES - 1);
    ((u64 *)thread->scratch.text.data)[bytes >> 3] = 0;
    if (bpf_probe_read_user(thread->scratch.text.data, bytes, (void *)address))
        return 0;
    return send_text(&thread->scratch, WW_NAME, bytes);
}

/* What was read around a frame: so many bytes behind its base the last frame may begin. */
struct ww_window { u64 base, span; };

/* Reads what lies at an address, but nothing of the next page, which might not be there, unless the
 * first frame needs it. Not 0 where it can't, and where no frame can be. */
static inline u64 look(struct ww_thread *thread, u64 address, struct ww_window *window)
{
    if (address & 7)
        return 1;
    u64 left = WW_PAGE_BYTES - (address & (WW_PAGE_BYTES - 1));
    u64 size = at_most(left - 1, WW_WINDOW_BYTES - 1) + 1;
    size += ((size - WW_FRAME_BYTES) >> 60) & 8;
    window->base = unlinked(address);
    window->span = unlinked(size) - WW_FRAME_BYTES;
    return bpf_probe_read_user(thread->window, size, (void *)address);
}

/* Return addresses up the frame pointers, behind those that are there; how many there are then. The
 * kernel's own walk (bpf_get_stack) would end in a page fault at the address 0. */
static inline u32 walk_frames(struct ww_thread *thread, u64 bp, struct ww_window *window, u32 depth)
{
    u64 *frames = (u64 *)thread->scratch.text.data;
    for (u32 i = depth; i < WW_TEXT_BYTES / 8; i++) {
        u64 at = bp - window->base;
        if (at > window->span || at & 7) {
            if (!bp || look(thread, bp, window))
                break;
            at = 0;
        }
        u64 *frame = &thread->window[bounded(at >> 3, WW_WINDOW_BYTES / 8)];
        if (!frame[1])
            break;
        frames[bounded(i, WW_TEXT_BYTES / 8)] = frame[1];
        bp = frame[0];
        depth = i + 1;
    }
    return (u32)forgotten(thread, depth);
}

/* The stack at a function's entry, where the caller is at [rsp] and no frame is set up. */
static inline u64 user_stack(struct ww_thread *thread, struct pt_regs *ctx)
{
    struct ww_window window;
    u64 bp = ctx->bp;
    /* Else it would be read where the next frame is, through a pointer that may be to either. */
    asm volatile("" : "+r"(bp));
    if (!thread || look(thread, ctx->sp, &window))
        return 0;
    u64 *frames = (u64 *)thread->scratch.text.data;
    frames[0] = ctx->ip;
    frames[1] = thread->window[0];
    return send_text(&thread->scratch, WW_USER_STACK, walk_frames(thread, bp, &window, 2) * 8);
}

static inline void *thread_record(u16 kind, u32 tid, u64 ts_ns)
{
    struct ww_thread_on *e = threads_ring.ringbuf_reserve(sizeof(struct ww_thread_on));
    if (!e) {
        lose(kind, 1);
        return 0;
    }
    e->ts_ns = ts_ns;
    e->tid = tid;
    e->kind = kind;
    e->number = 0;
    return e;
}

static inline void thread_submit(void *e)
{
    threads_ring.ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}
