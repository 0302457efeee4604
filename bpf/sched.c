/* Threads of the target: made runnable, on and off a CPU, gone.
 *
 * sched_waking fires in the waker's context: current is the waker. sched_wakeup may run on the
 * wakee's CPU from an IPI (TTWU_QUEUE), where current is a bystander. */

static inline u64 kernel_stack(void *ctx)
{
    u32 zero = 0;
    struct ww_text *text = cpu_text.lookup(&zero);
    if (!text)
        return 0;
    int bytes = bpf_get_stack(ctx, text->data, WW_TEXT_BYTES, 0);
    return bytes > 0 ? send_text(text, WW_KERNEL_STACK, bytes) : 0;
}

int on_sched_waking(struct tracepoint__sched__sched_waking *args)
{
    u32 tid = args->pid;
    if (!threads.lookup(&tid))
        return 0;
    u64 stack = kernel_stack(args);
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

int on_sched_switch(struct tracepoint__sched__sched_switch *args)
{
    u32 previous = args->prev_pid, next = args->next_pid;
    struct ww_thread *thread = threads.lookup(&previous);
    if (thread) {
        thread_event(WW_THREAD_OFF, previous, args->prev_state);
        if (thread->exiting)
            threads.delete(&previous);
    }
    if (threads.lookup(&next))
        thread_event(WW_THREAD_ON, next, 0);
    return 0;
}

/* Raw, not perf-type: it runs with interrupts on, and a perf-type program would have every
 * sched_waking of an interrupt meanwhile skipped. Current is the thread that exits; it leaves the
 * map when it is switched away from for the last time. */
int on_sched_process_exit(struct bpf_raw_tracepoint_args *ctx)
{
    struct ww_thread *thread = this_thread();
    if (!thread)
        return 0;
    thread_event(WW_THREAD_EXIT, (u32)bpf_get_current_pid_tgid(), 0);
    thread->exiting = 1;
    return 0;
}
