/* What the operator asks by HTTP, and what client-go makes of the API server's answers.
 *
 * Registers come from tracer/probes.toml, offsets from tracer/offsets.toml. */

/* --- HTTP ---------------------------------------------------------------------------------------- */

int on_http_request(struct pt_regs *ctx)
{
    u32 site = HIT_SITE(ctx);
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
    u32 site = HIT_SITE(ctx);
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
static inline void read_list(struct ww_thread *thread, struct ww_answer *answer, u64 type, u64 list)
{
    u64 fields = read_u64(type + STRUCTTYPE_FIELDS), third = fields + 2 * WW_STRUCT_FIELD;
    if (((u8)read_u64(type + TYPE_KIND) & WW_TYPE_KIND) != WW_TYPE_STRUCT ||
        read_u64(type + STRUCTTYPE_FIELDS + 8) != 3 ||
        read_u64(fields + WW_STRUCT_FIELD + STRUCTFIELD_OFFSET) != OBJECT_META ||
        read_u64(third + STRUCTFIELD_OFFSET) < LIST_VERSION + WW_LIST_META)
        return;
    u64 slice = read_u64(third + STRUCTFIELD_TYPE);
    u64 items = list + read_u64(third + STRUCTFIELD_OFFSET);
    if (((u8)read_u64(slice + TYPE_KIND) & WW_TYPE_KIND) != WW_TYPE_SLICE)
        return;
    u64 element = read_u64(slice + SLICETYPE_ELEM);
    answer->version = go_string(thread, list + LIST_VERSION);
    answer->objects = read_u64(items + 8);
    if (is_typed(element))
        answer->versions =
            versions_sum(read_u64(items), answer->objects, read_u64(element + TYPE_SIZE), 0);
}

static inline void emit_answer(u32 site, u64 goid, struct ww_decode *decode, u64 error)
{
    struct ww_thread *thread = this_thread();
    struct ww_answer answer = {};
    u64 type = read_u64(decode->type + PTRTYPE_ELEM), object = decode->object;
    if (!error && type && is_typed(type)) {
        answer.namespace = go_string(thread, object + OBJECT_NAMESPACE);
        answer.object_name = go_string(thread, object + OBJECT_NAME);
        answer.version = go_string(thread, object + OBJECT_VERSION);
    } else if (!error && type) {
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
    HIT_SITE(ctx);
    u64 goid = current_goid(ctx->r14), itab = DECODE_ITAB;
    struct ww_decode decode = { .object = DECODE_OBJECT };
    decode.type = itab ? read_u64(itab + ITAB_TYPE) : 0;
    if (decode.type && is_typed(read_u64(decode.type + PTRTYPE_ELEM)))
        decode.sent_version = go_string(this_thread(), decode.object + OBJECT_VERSION);
    decodes.update(&goid, &decode);
    return 0;
}

int on_decode_end(struct pt_regs *ctx)
{
    u32 site = HIT_SITE(ctx);
    u64 goid = current_goid(ctx->r14), error = DECODE_ERROR;
    struct ww_decode *found = decodes.lookup(&goid);
    if (!found)
        return 0;
    struct ww_decode decode = *found;
    decodes.delete(&goid);
    emit_answer(site, goid, &decode, error);
    return 0;
}

/* The answer as an object of the decoder's choice. */
int on_decode_new(struct pt_regs *ctx)
{
    u32 site = HIT_SITE(ctx);
    u64 goid = current_goid(ctx->r14), itab = DECODE_NEW_ITAB, error = DECODE_NEW_ERROR;
    struct ww_decode decode = { .object = DECODE_NEW_OBJECT };
    decode.type = itab ? read_u64(itab + ITAB_TYPE) : 0;
    emit_answer(site, goid, &decode, error);
    return 0;
}
