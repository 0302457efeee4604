/* What the operator asks by HTTP, and what client-go makes of the API server's answers.
 *
 * Registers come from tracer/probes.toml, offsets from tracer/offsets.toml. */

/* --- HTTP ---------------------------------------------------------------------------------------- */

int on_http_request(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 request = HTTP_REQUEST, goid = current_goid(ctx->r14), url = read_u64(request + REQUEST_URL);
    struct ww_thread *thread = this_thread();
    u64 method = go_string(thread, request + REQUEST_METHOD);
    u64 host = go_string(thread, url + URL_HOST), path = go_string(thread, url + URL_PATH);
    u64 stack = user_stack(thread, ctx);
    struct ww_http_request *e = go_record(WW_HTTP_REQUEST, site, goid);
    if (!e)
        return 0;
    e->request = request;
    e->http_method = method;
    e->host = host;
    e->path = path;
    e->stack = stack;
    go_submit(e);
    return 0;
}

int on_http_response(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 response = HTTP_RESPONSE, goid = current_goid(ctx->r14);
    struct ww_http_response *e = go_record(WW_HTTP_RESPONSE, site, goid);
    if (!e)
        return 0;
    e->status = response ? read_u64(response + RESPONSE_STATUS) : 0;
    go_submit(e);
    return 0;
}

/* --- answers of the API server ------------------------------------------------------------------- */

struct ww_decode { u64 type, object, sent_version; };
BPF_TABLE("lru_hash", u64, struct ww_decode, decodes, 4096);

struct ww_answer { u64 namespace, object_name, version, objects, versions; };

/* Of ListMeta, from its resourceVersion on: that, a string and a pointer. */
#define WW_LIST_META 40

/* TypeMeta, ListMeta, items: where these are structs their versions can be read, too. */
static inline void read_list(struct ww_thread *thread, struct ww_answer *answer, struct ww_type type,
                             u64 list)
{
    if (type.kind != WW_TYPE_STRUCT || type.count != 3)
        return;
    struct ww_field second = field_of(type.fields, 1), third = field_of(type.fields, 2);
    if (second.offset != OBJECT_META || third.offset < LIST_VERSION + WW_LIST_META ||
        type_of(third.type).kind != WW_TYPE_SLICE)
        return;
    struct ww_pair items = read_pair(list + third.offset);
    struct ww_type element = type_of(read_u64(third.type + SLICETYPE_ELEM));
    answer->version = go_string(thread, list + LIST_VERSION);
    answer->objects = items.second;
    if (is_typed(element))
        answer->versions = versions_sum(items.first, items.second, element.size, 0);
}

static inline void emit_answer(u32 site, u64 goid, struct ww_decode *decode, u64 error)
{
    struct ww_thread *thread = this_thread();
    struct ww_answer answer = {};
    u64 address = read_u64(decode->type + PTRTYPE_ELEM), object = decode->object;
    struct ww_type type = type_of(address);
    if (!error && is_typed(type)) {
        answer.namespace = go_string(thread, object + OBJECT_NAMESPACE);
        answer.object_name = go_string(thread, object + OBJECT_NAME);
        answer.version = go_string(thread, object + OBJECT_VERSION);
    } else if (!error) {
        read_list(thread, &answer, type, object);
    }
    struct ww_answer_decoded *e = go_record(WW_ANSWER_DECODED, site, goid);
    if (!e)
        return;
    e->object_type = decode->type;
    e->namespace = answer.namespace;
    e->object_name = answer.object_name;
    e->sent_version = decode->sent_version;
    e->resource_version = answer.version;
    e->objects = answer.objects;
    e->versions = answer.versions;
    e->failed = error != 0;
    go_submit(e);
}

/* An object that is written has been sent as it is now; one that is read is empty. */
int on_decode(struct pt_regs *ctx)
{
    u64 goid = current_goid(ctx->r14), itab = DECODE_ITAB;
    struct ww_decode decode = { .object = DECODE_OBJECT };
    decode.type = itab ? read_u64(itab + ITAB_TYPE) : 0;
    if (decode.type && is_typed(type_of(read_u64(decode.type + PTRTYPE_ELEM))))
        decode.sent_version = go_string(this_thread(), decode.object + OBJECT_VERSION);
    decodes.update(&goid, &decode);
    return 0;
}

/* An error, and where the answer is an object of the decoder's choice, that: an itab and its data. */
int on_decode_end(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 goid = current_goid(ctx->r14);
    struct ww_arguments arguments = {};
    read_arguments(ctx, &arguments);
    u64 error = argument(&arguments, 0), itab = argument(&arguments, 1);
    struct ww_decode decode = { .object = argument(&arguments, 2) };
    if (!WW_REGISTER(&arguments, 1)) {
        struct ww_decode *found = decodes.lookup(&goid);
        if (!found)
            return 0;
        decode = *found;
        decodes.delete(&goid);
    } else if (itab) {
        decode.type = read_u64(itab + ITAB_TYPE);
    }
    emit_answer(site, goid, &decode, error);
    return 0;
}
