/* Go runtime: timers, sleeps, ready goroutines, descriptors, collections.
 *
 * Offsets (G_*, M_*, TIMER_*, ...) and program counters (PC_*) are defined by tracer/engine.py from
 * tracer/offsets.toml and the target's function table. R14 is g in every Go function. */

_Static_assert(G_M <= G_GOID && G_SCHED_BP <= G_GOID && G_GOID <= G_STARTPC, "order of runtime.g");
_Static_assert(TIMER_WHEN <= TIMER_PERIOD && TIMER_PERIOD <= TIMER_F && TIMER_F <= TIMER_ARG,
               "order of runtime.timer");

static inline u64 current_goid(u64 g)
{
    u64 words[WW_WORDS(G_M, G_GOID)];
    bpf_probe_read_user(words, sizeof(words), (void *)(g + G_M));
    u64 m = words[0], goid = words[WW_WORD(G_M, G_GOID)];
    if (goid)
        return goid;
    u64 current = read_u64(m + M_CURG);
    return current ? read_u64(current + G_GOID) : 0;
}

static inline void *go_record(u16 kind, u32 site, u64 goid)
{
    struct ww_gc_start *e = go_ring.ringbuf_reserve(sizeof(struct ww_gc_start));
    if (!e) {
        lose(kind, 1);
        return 0;
    }
    e->ts_ns = bpf_ktime_get_ns();
    e->goid = goid;
    e->tid = (u32)bpf_get_current_pid_tgid();
    e->kind = kind;
    e->site = site;
    return e;
}

static inline void go_submit(void *e)
{
    go_ring.ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/* A goroutine that isn't running, with the return addresses up the frame pointers from g.sched.bp. */
struct ww_parked { u64 goid, start, stack; };

static inline struct ww_parked parked(struct ww_thread *thread, u64 g)
{
    struct ww_parked found = {};
    u64 words[WW_WORDS(G_SCHED_BP, G_STARTPC)];
    if (!g || bpf_probe_read_user(words, sizeof(words), (void *)(g + G_SCHED_BP)))
        return found;
    found.goid = words[WW_WORD(G_SCHED_BP, G_GOID)];
    found.start = words[WW_WORD(G_SCHED_BP, G_STARTPC)];
    struct ww_window window;
    u64 bp = words[0];
    if (!thread || !bp || look(thread, bp, &window))
        return found;
    u32 depth = walk_frames(thread, bp, &window, 0);
    found.stack = depth ? send_text(&thread->scratch, WW_PARKED_STACK, depth * 8) : 0;
    return found;
}

struct ww_timer { u64 due_ns, period_ns, function, data; };

/* What a timer does is a Go closure, whose first word is its code. */
static inline void read_timer(u64 address, struct ww_timer *timer)
{
    u64 words[WW_WORDS(TIMER_WHEN, TIMER_ARG + 8)];
    bpf_probe_read_user(words, sizeof(words), (void *)(address + TIMER_WHEN));
    timer->due_ns = words[0];
    timer->period_ns = words[WW_WORD(TIMER_WHEN, TIMER_PERIOD)];
    timer->function = words[WW_WORD(TIMER_WHEN, TIMER_F)];
    timer->data = words[WW_WORD(TIMER_WHEN, TIMER_ARG + 8)];
}

/* The code of a Go closure: its first word. In the segment that nobody writes it stays what it is, once
 * its page is there. */
static inline u64 code_of(struct ww_thread *thread, u64 closure)
{
    if (!thread || closure - READ_ONLY_DATA >= READ_ONLY_BYTES)
        return read_u64(closure);
    struct ww_closure *known = &thread->closures[bounded(closure >> 3, WW_CLOSURES)];
    if (known->address == closure)
        return known->code;
    u64 code = read_u64(closure);
    if (code)
        *known = (struct ww_closure){ closure, code };
    return code;
}

/* The goroutine that waits for a timer, by the timer's callback; 0 where nobody does. */
static inline u64 timer_waiter(u64 callback, u64 data)
{
    if (callback == PC_SEND_TIME) {
        u64 sudog = read_u64(data + HCHAN_RECVQ);
        return sudog ? read_u64(sudog + SUDOG_G) : 0;
    }
    if (callback == PC_GOROUTINE_READY)
        return data;
    if (callback == PC_NETPOLL_READ_DEADLINE || callback == PC_NETPOLL_DEADLINE) {
        u64 g = read_u64(read_u64(data) + POLLDESC_RG);
        return g > 2 ? g : 0;
    }
    if (callback == PC_NETPOLL_WRITE_DEADLINE) {
        u64 g = read_u64(read_u64(data) + POLLDESC_WG);
        return g > 2 ? g : 0;
    }
    return 0;
}

int on_timer_fire(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 address = TIMER_FIRE_TIMER, g = ctx->r14, sp = ctx->sp;
    struct ww_thread *thread = this_thread();
    struct ww_timer timer;
    read_timer(address, &timer);
    u64 callback = code_of(thread, timer.function);
    struct ww_parked woken = parked(thread, timer_waiter(unlinked(callback), timer.data));
    struct ww_timer_fire *e = go_record(WW_TIMER_FIRE, site, current_goid(g));
    if (!e)
        return 0;
    e->timer = address;
    e->due_ns = timer.due_ns;
    e->period_ns = timer.period_ns;
    e->callback = callback;
    e->function = callback == PC_GO_FUNC ? read_u64(timer.data) : 0;
    e->woken_goid = woken.goid;
    e->woken_start = woken.start;
    e->parked_stack = woken.stack;
    e->caller = read_u64(sp);
    go_submit(e);
    return 0;
}

static inline int timer_armed(struct pt_regs *ctx, u64 address, struct ww_timer *timer)
{
    u32 site = site_of(ctx);
    struct ww_thread *thread = this_thread();
    u64 g = ctx->r14, stack = user_stack(thread, ctx), callback = code_of(thread, timer->function);
    struct ww_timer_arm *e = go_record(WW_TIMER_ARM, site, current_goid(g));
    if (!e)
        return 0;
    e->timer = address;
    e->due_ns = timer->due_ns;
    e->period_ns = timer->period_ns;
    e->callback = callback;
    e->function = callback == PC_GO_FUNC ? read_u64(timer->data) : 0;
    e->stack = stack;
    go_submit(e);
    return 0;
}

/* (*timer).modify, modtimer: the function is 0 on a Reset and in Sleep, then the timer has its own. */
int on_timer_arm(struct pt_regs *ctx)
{
    struct ww_timer timer = { .function = ctx->di, .data = ctx->r8 };
    if (!timer.function)
        read_timer(ctx->ax, &timer);
    timer.due_ns = ctx->bx;
    timer.period_ns = ctx->cx;
    return timer_armed(ctx, ctx->ax, &timer);
}

/* addtimer of Go up to 1.22: everything is in the timer. */
int on_timer_add(struct pt_regs *ctx)
{
    struct ww_timer timer;
    read_timer(ctx->ax, &timer);
    return timer_armed(ctx, ctx->ax, &timer);
}

int on_sleep(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    s64 duration = ctx->ax;
    u64 g = ctx->r14;
    u64 stack = user_stack(this_thread(), ctx);
    struct ww_sleep *e = go_record(WW_SLEEP, site, current_goid(g));
    if (!e)
        return 0;
    e->sleep_ns = duration;
    e->stack = stack;
    go_submit(e);
    return 0;
}

static inline void netpoll_woken(u32 site, u64 goid, u64 fd, u64 mode, u64 woken)
{
    /* 0 none, 1 ready already, 2 about to wait: runtime/netpoll.go pdNil, pdReady, pdWait */
    if (woken <= 2)
        return;
    struct ww_parked found = parked(this_thread(), woken);
    struct ww_netpoll_ready *e = go_record(WW_NETPOLL_READY, site, goid);
    if (!e)
        return;
    e->fd = fd;
    e->mode = mode;
    e->woken_goid = found.goid;
    e->woken_start = found.start;
    e->parked_stack = found.stack;
    go_submit(e);
}

/* mode is 'r', 'w' or their sum; most are the sum, so rg and wg tell who waits. */
int on_netpoll_ready(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 descriptor = ctx->bx, g = ctx->r14;
    u32 mode = ctx->cx;
    u64 fd = read_u64(descriptor + POLLDESC_FD), goid = current_goid(g);
    if (mode != 'w')
        netpoll_woken(site, goid, fd, 'r', read_u64(descriptor + POLLDESC_RG));
    if (mode != 'r')
        netpoll_woken(site, goid, fd, 'w', read_u64(descriptor + POLLDESC_WG));
    return 0;
}

int on_goroutine_ready(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 woken = ctx->ax, g = ctx->r14;
    struct ww_parked found = parked(this_thread(), woken);
    struct ww_goroutine_ready *e = go_record(WW_GOROUTINE_READY, site, current_goid(g));
    if (!e)
        return 0;
    e->woken_goid = found.goid;
    e->woken_start = found.start;
    e->parked_stack = found.stack;
    go_submit(e);
    return 0;
}

/* After the call of newproc1 in newproc's closure: AX is the new g, the caller runs below g0. */
int on_goroutine_new(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 fresh = ctx->ax, g = ctx->r14;
    struct ww_goroutine_new *e = go_record(WW_GOROUTINE_NEW, site, current_goid(g));
    if (!e)
        return 0;
    e->new_goid = read_u64(fresh + G_GOID);
    e->new_start = read_u64(fresh + G_STARTPC);
    go_submit(e);
    return 0;
}

int on_gc_start(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 trigger = ctx->ax, g = ctx->r14;
    struct ww_gc_start *e = go_record(WW_GC_START, site, current_goid(g));
    if (!e)
        return 0;
    e->trigger = trigger;
    go_submit(e);
    return 0;
}
