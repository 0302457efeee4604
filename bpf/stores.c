/* What the operator reads of informers' stores, through controller-runtime's caches or listers.
 * A goroutine may change its thread in the middle of a call, so what is in flight is kept by goroutine.
 * Registers come from tracer/probes.toml, offsets from tracer/offsets.toml. */

#define WW_MAX_POINTERS 4096
#define WW_CHUNK (WW_TEXT_BYTES / 16)

struct ww_read {
    u64 reader, object_type, namespace, object_name, versions, pointers, stack;
    u32 is_list, objects;
};
BPF_TABLE("lru_hash", u64, struct ww_read, reads, 4096);

/* Goroutines of informers: what they ask their own stores for is no read of the operator. */
BPF_TABLE("lru_hash", u64, u8, informers, 4096);

/* Over the addresses of the objects in a slice of interfaces. */
static inline u64 pointers_sum(struct ww_thread *thread, u64 items, u64 count)
{
    if (!thread || count > WW_MAX_POINTERS)
        return 0;
    /* What doesn't fill a chunk is read first: 0 adds nothing, and the others are of one size. */
    u64 sum = WW_EMPTY_SUM, *chunk = (u64 *)thread->scratch.text.data, first = count & (WW_CHUNK - 1);
    __builtin_memset(chunk, 0, WW_TEXT_BYTES);
    u64 bad = bpf_probe_read_user(chunk, first * 16, (void *)items);
    items += first * 16;
    count -= first;
#pragma clang loop unroll(disable)
    for (u64 i = 0; i <= WW_MAX_POINTERS; i += WW_CHUNK) {
        for (u32 j = 0; j < WW_CHUNK; j++) {
            u64 address = chunk[2 * j + 1];
            /* One after the other: all at once need more registers than there are. */
            asm volatile("" : "+r"(address), "+r"(sum));
            sum += mixed(address);
        }
        if (!below(i, count) || bad)
            break;
        bad = bpf_probe_read_user(chunk, WW_TEXT_BYTES, (void *)items);
        items += WW_TEXT_BYTES;
    }
    if (bad)
        return 0;
    return sum ? sum : 1;
}

static inline void emit_read(u32 site, u64 goid, struct ww_read *read, u64 version)
{
    struct ww_cache_read *e = go_record(WW_CACHE_READ, site, goid);
    if (!e)
        return;
    e->reader = read->reader;
    e->object_type = read->object_type;
    e->namespace = read->namespace;
    e->object_name = read->object_name;
    e->is_list = read->is_list;
    e->objects = read->objects;
    e->resource_version = version;
    e->versions = read->versions;
    e->pointers = read->pointers;
    e->stack = read->stack;
    go_submit(e);
}

/* --- controller-runtime's caches ----------------------------------------------------------------- */

/* Of which kind a reader is, once. */
static inline void emit_reader(struct ww_thread *thread, u32 site, u64 goid, u64 reader)
{
    u64 known = mixed(reader);
    u8 one = 1;
    if (seen.lookup(&known))
        return;
    u64 group = go_string(thread, reader + READER_GVK);
    u64 version = go_string(thread, reader + READER_GVK + 16);
    u64 kind = go_string(thread, reader + READER_GVK + 32);
    struct ww_cache_reader *e = go_record(WW_CACHE_READER, site, goid);
    if (!e)
        return;
    e->reader = reader;
    e->group = group;
    e->version = version;
    e->object_kind = kind;
    go_submit(e);
    seen.update(&known, &one);
}

int on_cache_get(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 goid = current_goid(ctx->r14);
    u64 namespace = CACHE_GET_NAMESPACE, namespace_length = CACHE_GET_NAMESPACE_LENGTH;
    u64 name = CACHE_GET_NAME, name_length = CACHE_GET_NAME_LENGTH;
    struct ww_thread *thread = this_thread();
    struct ww_read read = { .reader = CACHE_READER };
    emit_reader(thread, site, goid, read.reader);
    read.namespace = name_hash(thread, namespace, namespace_length);
    read.object_name = name_hash(thread, name, name_length);
    read.stack = user_stack(thread, ctx);
    reads.update(&goid, &read);
    return 0;
}

int on_cache_list(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 goid = current_goid(ctx->r14);
    struct ww_thread *thread = this_thread();
    struct ww_read read = { .reader = CACHE_READER, .is_list = 1 };
    emit_reader(thread, site, goid, read.reader);
    read.stack = user_stack(thread, ctx);
    reads.update(&goid, &read);
    return 0;
}

/* What is left after the label selector is about to be copied into the operator's list. */
int on_set_list(struct pt_regs *ctx)
{
    u64 goid = current_goid(ctx->r14), items = SET_LIST_ITEMS, length = SET_LIST_LENGTH;
    struct ww_read *read = reads.lookup(&goid);
    if (!read || !read->reader || !read->is_list)
        return 0;
    u64 type = length ? read_u64(read_u64(items) + ITAB_TYPE) : 0;
    read->objects = (u32)length;
    read->object_type = type;
    read->versions = 0;
    if (!length || is_typed(type_of(read_u64(type + PTRTYPE_ELEM))))
        read->versions = versions_sum(items, length, 16, 1);
    return 0;
}

int on_cache_list_end(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 goid = current_goid(ctx->r14);
    struct ww_read *found = reads.lookup(&goid);
    if (!found || !found->reader || !found->is_list)
        return 0;
    struct ww_read read = *found;
    reads.delete(&goid);
    emit_read(site, goid, &read, 0);
    return 0;
}

/* --- stores of client-go ------------------------------------------------------------------------- */

int on_informer(struct pt_regs *ctx)
{
    u64 goid = current_goid(ctx->r14);
    u8 one = 1;
    informers.update(&goid, &one);
    return 0;
}

/* Namespace and name of a store's key; one without a slash is a name. */
static inline void split_key(struct ww_thread *thread, struct ww_read *read, u64 key, u64 length)
{
    u8 *text = thread->scratch.text.data;
    u64 bytes = length > WW_TEXT_BYTES - 1 ? WW_TEXT_BYTES - 1 : length;
    if (bpf_probe_read_user(text, bounded(bytes, WW_TEXT_BYTES), (void *)key))
        return;
    bytes = unlinked(bytes);
    u64 slash = 0, seen = 0;
#pragma clang loop unroll(disable)
    for (u64 i = 0; i < WW_TEXT_BYTES; i++) {
        if (!below(i, bytes))
            break;
        /* No branch: the verifier would follow each place of a slash by itself, for a second. */
        u64 here = (((u64)text[i] ^ '/') - 1) >> 63 & ~seen;
        slash |= here * (i + 1);
        seen |= here;
    }
    slash = forgotten(thread, slash);
    if (slash > 1)
        read->namespace = name_hash(thread, key, slash - 1);
    read->object_name = name_hash(thread, key + slash, length - slash);
}

/* A lister's read; one of controller-runtime began earlier. */
int on_store_get(struct pt_regs *ctx)
{
    u64 goid = current_goid(ctx->r14), key = STORE_GET_KEY, length = STORE_GET_KEY_LENGTH;
    struct ww_thread *thread = this_thread();
    struct ww_read read = {}, *found = reads.lookup(&goid);
    if (!thread || (found && found->reader) || informers.lookup(&goid))
        return 0;
    split_key(thread, &read, key, length);
    read.stack = user_stack(thread, ctx);
    reads.update(&goid, &read);
    return 0;
}

int on_store_get_end(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 goid = current_goid(ctx->r14);
    u64 type = STORE_GET_TYPE, object = STORE_GET_OBJECT, exists = STORE_GET_EXISTS, version = 0;
    struct ww_read *found = reads.lookup(&goid);
    if (!found || found->is_list)
        return 0;
    struct ww_read read = *found;
    reads.delete(&goid);
    if ((u8)exists && object) {
        read.object_type = type;
        read.objects = 1;
        read.pointers = mixed(object);
        if (is_typed(type_of(read_u64(type + PTRTYPE_ELEM))))
            version = go_string(this_thread(), object + OBJECT_VERSION);
    }
    emit_read(site, goid, &read, version);
    return 0;
}

/* "namespace", the index that listers use: k8s.io/client-go/tools/cache.NamespaceIndex. */
static inline u32 by_namespace(u64 name, u64 length)
{
    u64 words[2] = {};
    if (length != 9 || bpf_probe_read_user(words, 9, (void *)name))
        return 0;
    return words[0] == 0x63617073656d616eULL && words[1] == 'e';
}

/* The read that a store's list belongs to; a lister's own begins here. */
static inline struct ww_read *list_begins(struct ww_thread *thread, struct pt_regs *ctx, u64 goid)
{
    struct ww_read read = { .is_list = 1 }, *found = reads.lookup(&goid);
    if (found && found->reader && found->is_list)
        return found;
    if (!thread || informers.lookup(&goid))
        return 0;
    read.stack = user_stack(thread, ctx);
    reads.update(&goid, &read);
    return reads.lookup(&goid);
}

int on_store_list(struct pt_regs *ctx)
{
    list_begins(this_thread(), ctx, current_goid(ctx->r14));
    return 0;
}

/* By a namespace, or by a field: controller-runtime puts the namespace before the field's value. */
int on_store_by_index(struct pt_regs *ctx)
{
    u64 name = STORE_INDEX_NAME, name_length = STORE_INDEX_NAME_LENGTH;
    u64 value = STORE_INDEX_VALUE, length = STORE_INDEX_VALUE_LENGTH;
    struct ww_thread *thread = this_thread();
    struct ww_read *read = list_begins(thread, ctx, current_goid(ctx->r14));
    if (!read || !thread)
        return 0;
    if (by_namespace(name, name_length)) {
        read->namespace = name_hash(thread, value, length);
    } else if (read->reader) {
        struct ww_read field = {};
        split_key(thread, &field, value, length);
        u8 first = 0;
        bpf_probe_read_user(&first, 1, (void *)value);
        /* __all_namespaces; no namespace begins so. */
        read->namespace = first == '_' ? 0 : field.namespace;
    }
    return 0;
}

/* By what an object, or metadata alone, has for it. */
int on_store_index(struct pt_regs *ctx)
{
    u64 name = STORE_INDEX_NAME, name_length = STORE_INDEX_NAME_LENGTH;
    u64 type = STORE_INDEX_TYPE, object = STORE_INDEX_OBJECT;
    struct ww_thread *thread = this_thread();
    struct ww_read *read = list_begins(thread, ctx, current_goid(ctx->r14));
    if (!read || !by_namespace(name, name_length))
        return 0;
    struct ww_type element = type_of(read_u64(type + PTRTYPE_ELEM));
    if (is_typed(element))
        read->namespace = go_string(thread, object + OBJECT_NAMESPACE);
    else if (element.size >= OBJECT_MIN_SIZE - OBJECT_META && element.size < OBJECT_MIN_SIZE)
        read->namespace = go_string(thread, object + OBJECT_NAMESPACE - OBJECT_META);
    return 0;
}

int on_store_list_end(struct pt_regs *ctx)
{
    u32 site = site_of(ctx);
    u64 goid = current_goid(ctx->r14), items = STORE_LIST_ITEMS, length = STORE_LIST_LENGTH;
    struct ww_read *found = reads.lookup(&goid);
    if (!found || !found->is_list)
        return 0;
    u64 type = length ? read_u64(items) : 0;
    found->object_type = type;
    found->objects = (u32)length;
    found->pointers = pointers_sum(this_thread(), items, length);
    if (found->reader)
        return 0;
    struct ww_read read = *found;
    reads.delete(&goid);
    if (!length || is_typed(type_of(read_u64(type + PTRTYPE_ELEM))))
        read.versions = versions_sum(items, length, 16, 1);
    emit_read(site, goid, &read, 0);
    return 0;
}
