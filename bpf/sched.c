/* Threads of the target: made runnable, on and off a CPU, sent signals, gone.
 *
 * What the switches of threads may cost is limited, as are system calls: tracer/budget.py.
 *
 * All are raw tracepoints. A perf-type program is skipped while another one runs on that CPU, and
 * while anybody reads a BPF map by system call (bpf_disable_instrumentation): wake-ups would be
 * missing. Where pid and tgid lie in task_struct comes from the kernel's BTF.
 *
 * sched_waking fires in the waker's context: current is the waker. sched_wakeup may run on the
 * wakee's CPU from an IPI (TTWU_QUEUE), where current is a bystander. */

/* The thread's id if it is one of the target's, else 0. */
static inline u32 target_tid(u64 task)
{
    u32 tgid = 0, tid = 0;
    bpf_probe_read_kernel(&tgid, sizeof(tgid), (void *)(task + TASK_TGID));
    if (tgid != WW_TGID)
        return 0;
    bpf_probe_read_kernel(&tid, sizeof(tid), (void *)(task + TASK_PID));
    return tid;
}

/* The walk is the dearest part of all tracepoints: 0 where walks have cost what they may. */
static inline u64 kernel_stack(void *ctx)
{
    u32 zero = 0;
    struct ww_scratch *scratch = cpu_scratch.lookup(&zero);
    if (!scratch || !may_spend(WW_WALKS_TIER))
        return 0;
    int bytes = bpf_get_stack(ctx, scratch->text.data, WW_TEXT_BYTES, 0);
    return bytes > 0 ? send_text(scratch, WW_KERNEL_STACK, bytes) : 0;
}

int on_sched_waking(struct bpf_raw_tracepoint_args *ctx)
{
    u32 tid = target_tid(ctx->args[0]);
    if (!tid || !may_spend(WW_THREADS_TIER))
        return 0;
    u64 stack = kernel_stack(ctx);
    struct ww_thread_waking *e = thread_record(WW_THREAD_WAKING, tid, bpf_ktime_get_ns());
    if (!e)
        return 0;
    e->waker_tid = (u32)bpf_get_current_pid_tgid();
    e->kernel_stack = stack;
    thread_submit(e);
    return 0;
}

static inline void thread_event(u16 kind, u32 tid, u64 value)
{
    struct ww_thread_off *e = thread_record(kind, tid, bpf_ktime_get_ns());
    if (!e)
        return;
    e->state = value;
    thread_submit(e);
}

/* (bool preempt, task *prev, task *next, unsigned int prev_state), Linux 5.18 and newer. */
int on_sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
    /* Current is the thread that goes, until the registers are switched: to ask costs less than a read. */
    u64 current = bpf_get_current_pid_tgid();
    u32 previous = current >> 32 == WW_TGID ? (u32)current : 0, next = target_tid(ctx->args[2]);
    u64 state = (u8)ctx->args[0] ? 0 : (u32)ctx->args[3];
    if (previous && may_spend(WW_THREADS_TIER))
        thread_event(WW_THREAD_OFF, previous, state);
    if (next && may_spend(WW_THREADS_TIER))
        thread_event(WW_THREAD_ON, next, 0);
    return 0;
}

/* (task *parent, task *child): a new thread, before it runs. A new process isn't the target. */
int on_sched_process_fork(struct bpf_raw_tracepoint_args *ctx)
{
    u32 tid = target_tid(ctx->args[1]), zero = 0;
    struct ww_thread *fresh = fresh_thread.lookup(&zero);
    if (!tid || !fresh)
        return 0;
    if (threads.update(&tid, fresh))
        lose(WW_THREAD_START, 1);
    struct ww_thread_start *e = thread_record(WW_THREAD_START, tid, bpf_ktime_get_ns());
    if (e)
        thread_submit(e);
    return 0;
}

/* Current is the thread that exits. It still will be switched away from, for the last time. */
int on_sched_process_exit(struct bpf_raw_tracepoint_args *ctx)
{
    u32 tid = (u32)bpf_get_current_pid_tgid();
    if (bpf_get_current_pid_tgid() >> 32 != WW_TGID)
        return 0;
    thread_event(WW_THREAD_EXIT, tid, 0);
    threads.delete(&tid);
    return 0;
}

/* (int sig, kernel_siginfo *info, task *task, int group, int result): current is the sender. */
int on_signal_generate(struct bpf_raw_tracepoint_args *ctx)
{
    u32 tid = target_tid(ctx->args[2]);
    if (!tid)
        return 0;
    struct ww_signal *e = thread_record(WW_SIGNAL, tid, bpf_ktime_get_ns());
    if (!e)
        return 0;
    e->number = ctx->args[0];
    e->sender_pid = bpf_get_current_pid_tgid() >> 32;
    thread_submit(e);
    return 0;
}
