/* The records, as analysis/capture/schema.py defines them: same names, order and sizes.
 * Every field is naturally aligned; each ring's records are padded to one fixed size. */
#ifndef WW_EVENTS_H
#define WW_EVENTS_H

#define WW_TEXT_BYTES 256

enum ww_kind {
    WW_THREAD_WAKING = 1,
    WW_THREAD_OFF = 2,
    WW_THREAD_ON = 3,
    WW_SYSCALL = 4,
    WW_THREAD_START = 5,
    WW_THREAD_EXIT = 6,
    WW_SIGNAL = 7,
    WW_SOCKET_ADDRESS = 8,
    WW_TIMER_FIRE = 16,
    WW_TIMER_ARM = 17,
    WW_SLEEP = 18,
    WW_NETPOLL_READY = 19,
    WW_GOROUTINE_READY = 20,
    WW_GOROUTINE_NEW = 21,
    WW_GC_START = 22,
    WW_QUEUE_ADD = 32,
    WW_QUEUE_READY = 33,
    WW_QUEUE_GET = 34,
    WW_QUEUE_DONE = 35,
    WW_RECONCILE_START = 40,
    WW_RECONCILE_RETURN = 41,
    WW_RECONCILE_RESULT = 42,
    WW_INFORMER_EVENT = 48,
    WW_RESYNC_ARM = 49,
    WW_WATCH_EVENT = 50,
    WW_HTTP_SERVE = 51,
    WW_HTTP_HANDLER = 52,
    WW_CACHE_READER = 53,
    WW_CACHE_READ = 54,
    WW_HTTP_REQUEST = 55,
    WW_HTTP_RESPONSE = 56,
    WW_ANSWER_DECODED = 57,
    WW_KINDS = 64,
};

enum ww_text_kind {
    WW_NAME = 1,
    WW_USER_STACK = 2,
    WW_KERNEL_STACK = 3,
    WW_PARKED_STACK = 4,
    WW_ADDRESS = 5,
};

#define WW_THREAD_HEADER u64 ts_ns; u32 tid; u16 kind; u16 number
#define WW_GO_HEADER u64 ts_ns; u64 goid; u32 tid; u16 kind; u16 site
#define WW_KEY u64 namespace; u64 object_name

/* threads ring: 56 bytes */
struct ww_thread_waking { WW_THREAD_HEADER; u64 waker_tid; u64 kernel_stack; u64 pad[3]; };
struct ww_thread_off { WW_THREAD_HEADER; u64 state; u64 pad[4]; };
struct ww_thread_on { WW_THREAD_HEADER; u64 pad[5]; };
struct ww_syscall { WW_THREAD_HEADER; u64 duration_ns, first, second; s64 result; u64 goid; };
struct ww_thread_start { WW_THREAD_HEADER; u64 pad[5]; };
struct ww_thread_exit { WW_THREAD_HEADER; u64 pad[5]; };
struct ww_signal { WW_THREAD_HEADER; u64 sender_pid; u64 pad[4]; };
struct ww_socket_address { WW_THREAD_HEADER; u64 fd, address; u64 pad[3]; };

/* go ring: 96 bytes */
struct ww_timer_fire {
    WW_GO_HEADER;
    u64 timer, due_ns, period_ns, callback, function;
    u64 woken_goid, woken_start, parked_stack, caller;
};
struct ww_timer_arm {
    WW_GO_HEADER;
    u64 timer, due_ns, period_ns, callback, function, stack;
    u64 pad[3];
};
struct ww_sleep { WW_GO_HEADER; s64 sleep_ns; u64 stack; u64 pad[7]; };
struct ww_netpoll_ready {
    WW_GO_HEADER;
    u64 fd, mode, woken_goid, woken_start, parked_stack;
    u64 pad[4];
};
struct ww_goroutine_ready { WW_GO_HEADER; u64 woken_goid, woken_start, parked_stack; u64 pad[6]; };
struct ww_goroutine_new { WW_GO_HEADER; u64 new_goid, new_start; u64 pad[7]; };
struct ww_gc_start { WW_GO_HEADER; u64 trigger; u64 pad[8]; };
struct ww_queue_add {
    WW_GO_HEADER;
    u64 queue;
    WW_KEY;
    s64 after_ns;
    u64 rate_limited;
    s64 priority;
    u64 stack, metrics;
    u64 pad[1];
};
struct ww_queue_ready { WW_GO_HEADER; u64 metrics; WW_KEY; u64 pad[6]; };
struct ww_queue_get { WW_GO_HEADER; u64 metrics; WW_KEY; u64 pad[6]; };
struct ww_queue_done { WW_GO_HEADER; u64 queue; WW_KEY; u64 metrics, stack; u64 pad[4]; };
struct ww_reconcile_start {
    WW_GO_HEADER;
    u64 queue, metrics;
    WW_KEY;
    u64 controller, method, closure, controller_object;
    u64 pad[1];
};
struct ww_reconcile_return {
    WW_GO_HEADER;
    u64 pc, requeue;
    s64 requeue_after_ns;
    u64 error;
    u64 pad[5];
};
struct ww_reconcile_result { WW_GO_HEADER; u64 requeue; s64 requeue_after_ns; u64 error; u64 pad[6]; };
struct ww_informer_event { WW_GO_HEADER; u64 old, new, initial; u64 pad[6]; };
struct ww_resync_arm { WW_GO_HEADER; u64 type_name, period_ns; u64 pad[7]; };
struct ww_watch_event {
    WW_GO_HEADER;
    u64 event_type, object_type;
    WW_KEY;
    u64 resource_version;
    u64 pad[4];
};
struct ww_http_serve { WW_GO_HEADER; u64 http_method, path; u64 pad[7]; };
struct ww_http_handler { WW_GO_HEADER; u64 pad[9]; };
struct ww_cache_reader { WW_GO_HEADER; u64 reader, group, version, object_kind; u64 pad[5]; };
struct ww_cache_read {
    WW_GO_HEADER;
    u64 reader, object_type;
    WW_KEY;
    u32 is_list, objects;
    u64 resource_version, versions, pointers, stack;
};
struct ww_http_request {
    WW_GO_HEADER;
    u64 request, http_method, host, path, stack;
    u64 pad[4];
};
struct ww_http_response { WW_GO_HEADER; u64 status; u64 pad[8]; };
struct ww_answer_decoded {
    WW_GO_HEADER;
    u64 object_type;
    WW_KEY;
    u64 sent_version, resource_version, objects, versions, failed;
    u64 pad[1];
};

/* texts ring: what a hash stands for, sent once */
struct ww_text { u64 hash; u32 kind, length; u8 data[WW_TEXT_BYTES]; };

#endif
