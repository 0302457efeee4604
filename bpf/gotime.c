/* Go runtime: timers, sleeps, ready goroutines, descriptors, collections.
 *
 * Offsets (G_*, M_*, TIMER_*, ...) and program counters (PC_*) are defined by tracer/engine.py from
 * tracer/offsets.toml and the target's function table. R14 is g in every Go function. */

static inline u64 current_goid(u64 g)
{
    u64 goid = read_u64(g + G_GOID);
    if (goid)
        return goid;
    u64 current = read_u64(read_u64(g + G_M) + M_CURG);
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

/* Return addresses of a goroutine that isn't running: up the frame pointers from g.sched.bp. */
static inline u64 parked_stack(struct ww_thread *thread, u64 g)
{
    struct { u64 bp, return_address; } frame;
    if (!thread || !g)
        return 0;
    u64 *frames = (u64 *)thread->text.data;
    u64 bp = read_u64(g + G_SCHED_BP);
    u32 depth = 0;
    for (int i = 0; i < WW_TEXT_BYTES / 8; i++) {
        if (!bp || bpf_probe_read_user(&frame, sizeof(frame), (void *)bp))
            break;
        if (!frame.return_address)
            break;
        frames[bounded(i, WW_TEXT_BYTES / 8)] = frame.return_address;
        bp = frame.bp;
        depth = i + 1;
    }
    depth = (u32)forgotten(thread, depth);
    return depth ? send_text(&thread->text, WW_PARKED_STACK, depth * 8) : 0;
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
    u32 site = HIT_SITE(ctx);
    u64 timer = TIMER_FIRE_TIMER, g = ctx->r14, sp = ctx->sp;
    struct ww_thread *thread = this_thread();
    u64 callback = read_u64(read_u64(timer + TIMER_F));
    u64 data = read_u64(timer + TIMER_ARG + 8);
    u64 woken = timer_waiter(unlinked(callback), data);
    u64 stack = parked_stack(thread, woken);
    struct ww_timer_fire *e = go_record(WW_TIMER_FIRE, site, current_goid(g));
    if (!e)
        return 0;
    e->timer = timer;
    e->due_ns = read_u64(timer + TIMER_WHEN);
    e->period_ns = read_u64(timer + TIMER_PERIOD);
    e->callback = callback;
    e->function = callback == PC_GO_FUNC ? read_u64(data) : 0;
    e->woken_goid = woken ? read_u64(woken + G_GOID) : 0;
    e->woken_start = woken ? read_u64(woken + G_STARTPC) : 0;
    e->parked_stack = stack;
    e->caller = read_u64(sp);
    go_submit(e);
    return 0;
}

static inline int timer_armed(struct pt_regs *ctx, u64 timer, u64 when, u64 period, u64 f, u64 data)
{
    u32 site = HIT_SITE(ctx);
    u64 g = ctx->r14, stack = user_stack(this_thread(), ctx), callback = read_u64(f);
    struct ww_timer_arm *e = go_record(WW_TIMER_ARM, site, current_goid(g));
    if (!e)
        return 0;
    e->timer = timer;
    e->due_ns = when;
    e->period_ns = period;
    e->callback = callback;
    e->function = callback == PC_GO_FUNC ? read_u64(data) : 0;
    e->stack = stack;
    go_submit(e);
    return 0;
}

/* (*timer).modify, modtimer: f is 0 on a Reset and in Sleep, then the timer has its own. */
int on_timer_arm(struct pt_regs *ctx)
{
    u64 timer = ctx->ax, when = ctx->bx, period = ctx->cx, f = ctx->di, data = ctx->r8;
    if (!f) {
        f = read_u64(timer + TIMER_F);
        data = read_u64(timer + TIMER_ARG + 8);
    }
    return timer_armed(ctx, timer, when, period, f, data);
}

/* addtimer of Go up to 1.22: everything is in the timer. */
int on_timer_add(struct pt_regs *ctx)
{
    u64 timer = ctx->ax;
    return timer_armed(ctx, timer, read_u64(timer + TIMER_WHEN), read_u64(timer + TIMER_PERIOD),
                       read_u64(timer + TIMER_F), read_u64(timer + TIMER_ARG + 8));
}

int on_sleep(struct pt_regs *ctx)
{
    u32 site = HIT_SITE(ctx);
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
    u64 stack = parked_stack(this_thread(), woken);
    struct ww_netpoll_ready *e = go_record(WW_NETPOLL_READY, site, goid);
    if (!e)
        return;
    e->fd = fd;
    e->mode = mode;
    e->woken_goid = read_u64(woken + G_GOID);
    e->woken_start = read_u64(woken + G_STARTPC);
    e->parked_stack = stack;
    go_submit(e);
}

/* mode is 'r', 'w' or their sum; most are the sum, so rg and wg tell who waits. */
int on_netpoll_ready(struct pt_regs *ctx)
{
    u32 site = HIT_SITE(ctx);
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
    u32 site = HIT_SITE(ctx);
    u64 woken = ctx->ax, g = ctx->r14;
    u64 stack = parked_stack(this_thread(), woken);
    struct ww_goroutine_ready *e = go_record(WW_GOROUTINE_READY, site, current_goid(g));
    if (!e)
        return 0;
    e->woken_goid = read_u64(woken + G_GOID);
    e->woken_start = read_u64(woken + G_STARTPC);
    e->parked_stack = stack;
    go_submit(e);
    return 0;
}

/* After the call of newproc1 in newproc's closure: AX is the new g, the caller runs below g0. */
int on_goroutine_new(struct pt_regs *ctx)
{
    u32 site = HIT_SITE(ctx);
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
    u32 site = HIT_SITE(ctx);
    u64 trigger = ctx->ax, g = ctx->r14;
    struct ww_gc_start *e = go_record(WW_GC_START, site, current_goid(g));
    if (!e)
        return 0;
    e->trigger = trigger;
    go_submit(e);
    return 0;
}
