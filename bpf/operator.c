/* The operator: work queue, reconciles, informers.
 *
 * Registers and offsets depend on the library's version: QUEUE_*, RECONCILE_*, INFORMER_* and
 * REFLECTOR_* come from tracer/probes.toml and tracer/offsets.toml. */

/* reconcile.Request, the item of every controller's queue: Namespace and Name, two Go strings. */
struct ww_request {
    u64 namespace, namespace_length, name, name_length;
};

int on_queue_add(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    u64 g = ctx->r14, queue = QUEUE_ADD_QUEUE, after = QUEUE_ADD_AFTER;
    u64 rate_limited = QUEUE_ADD_RATE_LIMITED, priority = QUEUE_ADD_PRIORITY;
    u64 items = QUEUE_ADD_ITEMS, length = QUEUE_ADD_LENGTH;
    struct ww_thread *thread = this_thread();
    u64 stack = user_stack(thread, ctx), goid = current_goid(g);
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
        e->priority = priority ? read_u64(priority) : 0;
        e->stack = stack;
        go_submit(e);
    }
    return 0;
}

/* One record for what has a queue (or its metrics) and a key as arguments. */
static inline void keyed(u16 kind, u32 site, u64 g, u64 owner, u64 namespace, u64 namespace_length,
                         u64 name, u64 name_length)
{
    struct ww_thread *thread = this_thread();
    u64 namespace_hash = name_hash(thread, namespace, namespace_length);
    u64 object_hash = name_hash(thread, name, name_length);
    struct ww_queue_done *e = go_record(kind, site, current_goid(g));
    if (!e)
        return;
    e->queue = owner;
    e->namespace = namespace_hash;
    e->object_name = object_hash;
    go_submit(e);
}

int on_queue_ready(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    keyed(WW_QUEUE_READY, site, ctx->r14, QUEUE_KEYED_OWNER, QUEUE_KEYED_NAMESPACE,
          QUEUE_KEYED_NAMESPACE_LENGTH, QUEUE_KEYED_NAME, QUEUE_KEYED_NAME_LENGTH);
    return 0;
}

int on_queue_get(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    keyed(WW_QUEUE_GET, site, ctx->r14, QUEUE_KEYED_OWNER, QUEUE_KEYED_NAMESPACE,
          QUEUE_KEYED_NAMESPACE_LENGTH, QUEUE_KEYED_NAME, QUEUE_KEYED_NAME_LENGTH);
    return 0;
}

int on_queue_done(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    keyed(WW_QUEUE_DONE, site, ctx->r14, QUEUE_KEYED_OWNER, QUEUE_KEYED_NAMESPACE,
          QUEUE_KEYED_NAMESPACE_LENGTH, QUEUE_KEYED_NAME, QUEUE_KEYED_NAME_LENGTH);
    return 0;
}

int on_reconcile_start(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    u64 g = ctx->r14, controller = RECONCILE_CONTROLLER;
    u64 namespace = RECONCILE_NAMESPACE, namespace_length = RECONCILE_NAMESPACE_LENGTH;
    u64 name = RECONCILE_NAME, name_length = RECONCILE_NAME_LENGTH;
    struct ww_thread *thread = this_thread();
    u64 namespace_hash = name_hash(thread, namespace, namespace_length);
    u64 object_hash = name_hash(thread, name, name_length);
    u64 controller_hash =
        name_hash(thread, read_u64(controller + CONTROLLER_NAME), read_u64(controller + CONTROLLER_NAME + 8));
    u64 queue = read_u64(controller + CONTROLLER_QUEUE + 8);
    u64 itab = read_u64(controller + CONTROLLER_DO), data = read_u64(controller + CONTROLLER_DO + 8);
    struct ww_reconcile_start *e = go_record(WW_RECONCILE_START, site, current_goid(g));
    if (!e)
        return 0;
    e->queue = queue;
    e->metrics = read_u64(queue + QUEUE_METRICS + 8);
    e->namespace = namespace_hash;
    e->object_name = object_hash;
    e->controller = controller_hash;
    e->method = read_u64(itab + ITAB_FUN);
    e->closure = read_u64(data);
    go_submit(e);
    return 0;
}

int on_reconcile_return(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    u64 g = ctx->r14, pc = ctx->ip;
    struct ww_reconcile_return *e = go_record(WW_RECONCILE_RETURN, site, current_goid(g));
    if (!e)
        return 0;
    e->pc = pc;
    go_submit(e);
    return 0;
}

int on_reconcile_result(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
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

static inline void informer_event(u32 site, u64 g, u64 old, u64 new, u64 initial)
{
    struct ww_informer_event *e = go_record(WW_INFORMER_EVENT, site, current_goid(g));
    if (!e)
        return;
    e->old = old;
    e->new = new;
    e->initial = initial & 1;
    go_submit(e);
}

int on_informer_add(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    informer_event(site, ctx->r14, 0, INFORMER_ADD_OBJECT, INFORMER_ADD_INITIAL);
    return 0;
}

int on_informer_update(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    informer_event(site, ctx->r14, INFORMER_UPDATE_OLD, INFORMER_UPDATE_NEW, 0);
    return 0;
}

int on_informer_delete(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    informer_event(site, ctx->r14, INFORMER_DELETE_OBJECT, 0, 0);
    return 0;
}

int on_resync_arm(struct pt_regs *ctx)
{
    u32 site = hit_site(ctx);
    u64 g = ctx->r14, reflector = RESYNC_ARM_REFLECTOR;
    u64 type_name = name_hash(this_thread(), read_u64(reflector + REFLECTOR_TYPE),
                              read_u64(reflector + REFLECTOR_TYPE + 8));
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
    u32 site = hit_site(ctx);
    u64 g = ctx->r14, text = WATCH_EVENT_TYPE, length = WATCH_EVENT_TYPE_LENGTH;
    u64 itab = WATCH_EVENT_ITAB, object = WATCH_EVENT_OBJECT;
    struct ww_thread *thread = this_thread();
    u64 type = itab ? read_u64(itab + ITAB_TYPE) : 0;
    u64 size = type ? read_u64(read_u64(type + PTRTYPE_ELEM) + TYPE_SIZE) : 0;
    u64 namespace = 0, name = 0, version = 0;
    u64 event_type = name_hash(thread, text, length);
    if (size >= OBJECT_MIN_SIZE) {
        namespace = name_hash(thread, read_u64(object + OBJECT_NAMESPACE),
                              read_u64(object + OBJECT_NAMESPACE + 8));
        name = name_hash(thread, read_u64(object + OBJECT_NAME), read_u64(object + OBJECT_NAME + 8));
        version = name_hash(thread, read_u64(object + OBJECT_VERSION),
                            read_u64(object + OBJECT_VERSION + 8));
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
    u32 site = hit_site(ctx);
    u64 g = ctx->r14, request = HTTP_SERVE_REQUEST;
    struct ww_thread *thread = this_thread();
    u64 url = read_u64(request + REQUEST_URL);
    u64 method = name_hash(thread, read_u64(request + REQUEST_METHOD),
                           read_u64(request + REQUEST_METHOD + 8));
    u64 path = name_hash(thread, read_u64(url + URL_PATH), read_u64(url + URL_PATH + 8));
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
    u32 site = hit_site(ctx);
    struct ww_http_handler *e = go_record(WW_HTTP_HANDLER, site, current_goid(ctx->r14));
    if (e)
        go_submit(e);
    return 0;
}
