/* System calls of the target that wait or touch the network. Other processes pay one comparison. */

/* struct sockaddr_in6 is the longest that names a peer; of a unix path this much is kept. */
#define WW_SOCKADDR_BYTES 32

static inline int is_wanted(u64 number)
{
    return WW_SYSCALLS;
}

int on_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
    if (bpf_get_current_pid_tgid() >> 32 != WW_TGID)
        return 0;
    u64 number = ctx->args[1];
    if (!is_wanted(number)) {
        spend_bare(WW_CALLS_TIER);
        return 0;
    }
    struct ww_thread *thread = this_thread();
    if (!thread || !may_spend(WW_CALLS_TIER))
        return 0;
    u64 registers = ctx->args[0];
    bpf_probe_read_kernel(&thread->first, 8, (void *)(registers + WW_SYSCALL_FIRST));
    bpf_probe_read_kernel(&thread->second, 8, (void *)(registers + WW_SYSCALL_SECOND));
    u64 g = 0;
    bpf_probe_read_kernel(&g, 8, (void *)(registers + WW_SYSCALL_G));
    /* Go's system call stubs keep g in its register; in the scheduler it has the number 0. */
    thread->goid = G_GOID ? read_u64(g + G_GOID) : 0;
    thread->number = number;
    thread->enter_ns = bpf_ktime_get_ns();
    thread->inside = 1;
    return 0;
}

/* The peer: what connect was given, what accept4 gave back (and is the new descriptor's). */
static inline void socket_address(struct ww_thread *thread, s64 result)
{
    u64 *words = (u64 *)thread->scratch.text.data;
    if (!thread->second || (thread->number == WW_ACCEPT4 && result < 0))
        return;
    for (int i = 0; i < WW_SOCKADDR_BYTES / 8; i++)
        words[i] = 0;
    if (bpf_probe_read_user(words, WW_SOCKADDR_BYTES, (void *)thread->second))
        return;
    u64 address = send_text(&thread->scratch, WW_ADDRESS, WW_SOCKADDR_BYTES);
    struct ww_socket_address *e =
        thread_record(WW_SOCKET_ADDRESS, (u32)bpf_get_current_pid_tgid(), thread->enter_ns);
    if (!e)
        return;
    e->number = thread->number;
    e->fd = thread->number == WW_ACCEPT4 ? result : thread->first;
    e->address = address;
    thread_submit(e);
}

int on_sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
    if (bpf_get_current_pid_tgid() >> 32 != WW_TGID)
        return 0;
    s64 result = ctx->args[1];
    struct ww_thread *thread = this_thread();
    if (!thread || !thread->inside)
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
    e->goid = thread->goid;
    thread_submit(e);
    if (thread->number == WW_CONNECT || thread->number == WW_ACCEPT4)
        socket_address(thread, result);
    return 0;
}
