/* The operator: work queues, reconciles, informers.
 *
 * Registers and offsets depend on the library's version: QUEUE_*, RESULT_*, REFLECTOR_* and the like
 * come from tracer/probes.toml and tracer/offsets.toml, or the cookie has them (bpf/maps.h). */

/* reconcile.Request, the item of every controller's queue: Namespace and Name, two Go strings. */
struct ww_request {
    u64 namespace, namespace_length, name, name_length;
};

int on_queue_add(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 g = ctx->r14, queue = QUEUE_ADD_QUEUE, after = QUEUE_ADD_AFTER;
    u64 rate_limited = QUEUE_ADD_RATE_LIMITED, priority = QUEUE_ADD_PRIORITY;
    u64 items = QUEUE_ADD_ITEMS, length = QUEUE_ADD_LENGTH;
    struct ww_thread *thread = this_thread();
    u64 stack = user_stack(thread, ctx), goid = current_goid(g);
    u64 metrics = read_u64(queue + QUEUE_METRICS + 8);
    if (length > WW_MAX_ITEMS) {
        lose(WW_QUEUE_ADD, length - WW_MAX_ITEMS);
        length = WW_MAX_ITEMS;
    }
    for (int i = 0; i < WW_MAX_ITEMS; i++) {
        if (i >= length)
            break;
        struct ww_request key = {};
        bpf_probe_read_user(&key, sizeof(key), (void *)(items + i * sizeof(key)));
        u64 namespace = name_hash(thread, key.namespace, key.namespace_length);
        u64 object_name = name_hash(thread, key.name, key.name_length);
        struct ww_queue_add *e = go_record(WW_QUEUE_ADD, site, goid);
        if (!e)
            continue;
        e->queue = queue;
        e->namespace = namespace;
        e->object_name = object_name;
        e->after_ns = after;
        e->rate_limited = rate_limited & 1;
        e->priority = QUEUE_ADD_PRIORITY_POINTER ? read_u64(priority) : priority;
        e->stack = stack;
        e->metrics = metrics;
        go_submit(e);
    }
    return 0;
}

#define WW_KIND_MASK 31
#define WW_KIND_STRING 24
#define WW_KIND_STRUCT 25

struct ww_item_key { u64 namespace, object_name; };

/* A queue's item: a reconcile.Request (or another struct of two strings), a string, or an interface
 * that holds one of these. Kinds of types: internal/abi/type.go. */
static inline struct ww_item_key item_key(struct ww_arguments *arguments, struct ww_thread *thread)
{
    struct ww_request item = {};
    u32 first = WW_REGISTER(arguments, 0), kind = WW_ITEM(arguments);
    u64 word = register_value(arguments, first), next = register_value(arguments, first + 1);
    if (kind == WW_ITEM_REQUEST) {
        item.namespace = word;
        item.namespace_length = next;
        item.name = register_value(arguments, first + 2);
        item.name_length = register_value(arguments, first + 3);
    } else if (kind == WW_ITEM_TEXT) {
        item.name = word;
        item.name_length = next;
    } else {
        u32 type_kind = (u8)read_u64(word + TYPE_KIND) & WW_KIND_MASK;
        if (type_kind == WW_KIND_STRING)
            bpf_probe_read_user(&item.name, 16, (void *)next);
        else if (type_kind == WW_KIND_STRUCT && read_u64(word + TYPE_SIZE) == sizeof(item))
            bpf_probe_read_user(&item, sizeof(item), (void *)next);
    }
    struct ww_item_key key = {
        .namespace = name_hash(thread, item.namespace, item.namespace_length),
        .object_name = name_hash(thread, item.name, item.name_length),
    };
    return key;
}

/* An item is handed to a queue of client-go: by Add, or by AddAfter of the queue around it. */
int on_typed_add(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 queue = ctx->ax, g = ctx->r14;
    struct ww_arguments arguments = {};
    read_arguments(ctx, &arguments);
    if (WW_REGISTER(&arguments, 1))
        queue = read_u64(queue + DELAYING_QUEUE + 8);
    struct ww_thread *thread = this_thread();
    struct ww_item_key key = item_key(&arguments, thread);
    u64 stack = user_stack(thread, ctx);
    struct ww_queue_add *e = go_record(WW_QUEUE_ADD, site, current_goid(g));
    if (!e)
        return 0;
    e->queue = queue;
    e->namespace = key.namespace;
    e->object_name = key.object_name;
    e->after_ns = argument(&arguments, 1);
    e->rate_limited = 0;
    e->priority = 0;
    e->stack = stack;
    e->metrics = read_u64(queue + TYPED_METRICS + 8);
    go_submit(e);
    return 0;
}

/* One record for what has a queue (or its metrics) and an item as arguments. */
static inline int keyed(struct pt_regs *ctx, u16 kind, u64 metrics_at, u8 with_stack)
{
    u32 site = site_of(ctx);
    u64 owner = ctx->ax, g = ctx->r14, stack = 0;
    struct ww_arguments arguments = {};
    read_arguments(ctx, &arguments);
    struct ww_thread *thread = this_thread();
    struct ww_item_key key = item_key(&arguments, thread);
    if (with_stack)
        stack = user_stack(thread, ctx);
    struct ww_queue_done *e = go_record(kind, site, current_goid(g));
    if (!e)
        return 0;
    e->queue = owner;
    e->namespace = key.namespace;
    e->object_name = key.object_name;
    e->metrics = metrics_at ? read_u64(owner + metrics_at + 8) : 0;
    e->stack = stack;
    go_submit(e);
    return 0;
}

int on_queue_ready(struct pt_regs *ctx)
{
    return keyed(ctx, WW_QUEUE_READY, 0, 0);
}

int on_queue_get(struct pt_regs *ctx)
{
    return keyed(ctx, WW_QUEUE_GET, 0, 0);
}

int on_queue_done(struct pt_regs *ctx)
{
    return keyed(ctx, WW_QUEUE_DONE, QUEUE_METRICS, 0);
}

/* A controller without controller-runtime has its name from who is done with the item. */
int on_typed_done(struct pt_regs *ctx)
{
    return keyed(ctx, WW_QUEUE_DONE, TYPED_METRICS, 1);
}

int on_reconcile_start(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 g = ctx->r14, controller = ctx->ax;
    struct ww_arguments arguments = {};
    read_arguments(ctx, &arguments);
    struct ww_thread *thread = this_thread();
    struct ww_item_key key = item_key(&arguments, thread);
    u64 controller_hash = go_string(thread, controller + CONTROLLER_NAME);
    u64 queue = read_u64(controller + CONTROLLER_QUEUE + 8);
    u64 itab = read_u64(controller + CONTROLLER_DO), data = read_u64(controller + CONTROLLER_DO + 8);
    struct ww_reconcile_start *e = go_record(WW_RECONCILE_START, site, current_goid(g));
    if (!e)
        return 0;
    e->queue = queue;
    e->metrics = QUEUE_METRICS ? read_u64(queue + QUEUE_METRICS + 8) : 0;
    e->namespace = key.namespace;
    e->object_name = key.object_name;
    e->controller = controller_hash;
    e->method = read_u64(itab + ITAB_FUN);
    e->closure = read_u64(data);
    e->controller_object = controller;
    go_submit(e);
    return 0;
}

int on_reconcile_return(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 g = ctx->r14, pc = ctx->ip;
    u64 requeue = RESULT_REQUEUE, after = RESULT_REQUEUE_AFTER, error = RESULT_ERROR;
    struct ww_reconcile_return *e = go_record(WW_RECONCILE_RETURN, site, current_goid(g));
    if (!e)
        return 0;
    e->pc = pc;
    e->requeue = requeue & 0xff;
    e->requeue_after_ns = after;
    e->error = error != 0;
    go_submit(e);
    return 0;
}

int on_reconcile_result(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 g = ctx->r14, requeue = RESULT_REQUEUE, after = RESULT_REQUEUE_AFTER, error = RESULT_ERROR;
    struct ww_reconcile_result *e = go_record(WW_RECONCILE_RESULT, site, current_goid(g));
    if (!e)
        return 0;
    e->requeue = requeue & 0xff;
    e->requeue_after_ns = after;
    e->error = error != 0;
    go_submit(e);
    return 0;
}

/* Objects before and after, and whether the add is of the initial list. */
int on_informer_event(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 g = ctx->r14;
    struct ww_arguments arguments = {};
    read_arguments(ctx, &arguments);
    struct ww_informer_event *e = go_record(WW_INFORMER_EVENT, site, current_goid(g));
    if (!e)
        return 0;
    e->old = argument(&arguments, 0);
    e->new = argument(&arguments, 1);
    e->initial = argument(&arguments, 2) & 1;
    go_submit(e);
    return 0;
}

int on_resync_arm(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 g = ctx->r14, reflector = RESYNC_ARM_REFLECTOR;
    u64 type_name = go_string(this_thread(), reflector + REFLECTOR_TYPE);
    struct ww_resync_arm *e = go_record(WW_RESYNC_ARM, site, current_goid(g));
    if (!e)
        return 0;
    e->type_name = type_name;
    e->period_ns = read_u64(reflector + REFLECTOR_RESYNC_PERIOD);
    go_submit(e);
    return 0;
}

/* The decoder's results: (watch.EventType, runtime.Object, error). Names lie where ObjectMeta is
 * embedded second, behind TypeMeta: in every typed object; an unstructured one is too small. */
int on_watch_event(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 g = ctx->r14, text = WATCH_EVENT_TYPE, length = WATCH_EVENT_TYPE_LENGTH;
    u64 itab = WATCH_EVENT_ITAB, object = WATCH_EVENT_OBJECT;
    struct ww_thread *thread = this_thread();
    u64 type = itab ? read_u64(itab + ITAB_TYPE) : 0;
    u64 size = type ? read_u64(read_u64(type + PTRTYPE_ELEM) + TYPE_SIZE) : 0;
    u64 namespace = 0, name = 0, version = 0;
    u64 event_type = name_hash(thread, text, length);
    if (size >= OBJECT_MIN_SIZE) {
        namespace = go_string(thread, object + OBJECT_NAMESPACE);
        name = go_string(thread, object + OBJECT_NAME);
        version = go_string(thread, object + OBJECT_VERSION);
    }
    struct ww_watch_event *e = go_record(WW_WATCH_EVENT, site, current_goid(g));
    if (!e)
        return 0;
    e->event_type = event_type;
    e->object_type = type;
    e->namespace = namespace;
    e->object_name = name;
    e->resource_version = version;
    go_submit(e);
    return 0;
}

int on_http_serve(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 g = ctx->r14, request = HTTP_SERVE_REQUEST;
    struct ww_thread *thread = this_thread();
    u64 url = read_u64(request + REQUEST_URL);
    u64 method = go_string(thread, request + REQUEST_METHOD);
    u64 path = go_string(thread, url + URL_PATH);
    struct ww_http_serve *e = go_record(WW_HTTP_SERVE, site, current_goid(g));
    if (!e)
        return 0;
    e->http_method = method;
    e->path = path;
    go_submit(e);
    return 0;
}

int on_http_handler(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    struct ww_http_handler *e = go_record(WW_HTTP_HANDLER, site, current_goid(ctx->r14));
    if (e)
        go_submit(e);
    return 0;
}
