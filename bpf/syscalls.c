/* System calls of the target that wait. Other processes pay one comparison a call. */

static inline int is_wanted(u64 number)
{
    return WW_SYSCALLS;
}

int on_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
    if (bpf_get_current_pid_tgid() >> 32 != WW_TGID)
        return 0;
    u64 number = ctx->args[1];
    if (!is_wanted(number))
        return 0;
    struct ww_thread *thread = this_thread();
    if (!thread)
        return 0;
    u64 registers = ctx->args[0];
    bpf_probe_read_kernel(&thread->first, 8, (void *)(registers + WW_SYSCALL_FIRST));
    bpf_probe_read_kernel(&thread->second, 8, (void *)(registers + WW_SYSCALL_SECOND));
    thread->number = number;
    thread->enter_ns = bpf_ktime_get_ns();
    thread->inside = 1;
    return 0;
}

/* A new thread's first event is its own return from clone. */
static inline void add_thread(void)
{
    u32 tid = (u32)bpf_get_current_pid_tgid(), zero = 0;
    struct ww_thread *fresh = fresh_thread.lookup(&zero);
    if (!fresh)
        return;
    if (threads.update(&tid, fresh))
        lose(WW_THREAD_START, 1);
    struct ww_thread_start *e = thread_record(WW_THREAD_START, tid, bpf_ktime_get_ns());
    if (e)
        thread_submit(e);
}

int on_sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
    if (bpf_get_current_pid_tgid() >> 32 != WW_TGID)
        return 0;
    s64 result = ctx->args[1];
    struct ww_thread *thread = this_thread();
    if (!thread) {
        add_thread();
        return 0;
    }
    if (!thread->inside)
        return 0;
    thread->inside = 0;
    struct ww_syscall *e =
        thread_record(WW_SYSCALL, (u32)bpf_get_current_pid_tgid(), thread->enter_ns);
    if (!e)
        return 0;
    e->number = thread->number;
    e->duration_ns = bpf_ktime_get_ns() - thread->enter_ns;
    e->first = thread->first;
    e->second = thread->second;
    e->result = result;
    thread_submit(e);
    return 0;
}
