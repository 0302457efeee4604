/* Objects of Kubernetes in the target's memory: their fields, and sums over lists of them. Offsets come
 * from tracer/offsets.toml. */

#define WW_MAX_VERSIONS 1024
#define WW_VERSION_BYTES 32
/* Kinds of types: internal/abi/type.go. */
#define WW_TYPE_KIND 31
#define WW_TYPE_SLICE 23
#define WW_TYPE_STRUCT 25
#define WW_STRUCT_FIELD 24
/* A sum begins with this, so that of no items isn't 0, which stands for not known. */
#define WW_EMPTY_SUM 0x9e3779b97f4a7c15ULL

static inline u64 mixed(u64 value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

/* bpf_probe_read_user as the kernel has it: what it returns needs no more than an or. It fills `to` with
 * zeros where it fails. */
static u64 (*read_user)(void *to, u64 size, u64 from) = (void *)BPF_FUNC_probe_read_user;

static inline u64 go_string(struct ww_thread *thread, u64 address)
{
    return name_hash(thread, read_u64(address), read_u64(address + 8));
}

/* An object with fields: a struct of TypeMeta, then ObjectMeta, as every typed one is. */
static inline u32 is_typed(u64 type)
{
    if (!OBJECT_MIN_SIZE || read_u64(type + TYPE_SIZE) < OBJECT_MIN_SIZE)
        return 0;
    u64 second = read_u64(type + STRUCTTYPE_FIELDS) + WW_STRUCT_FIELD;
    return ((u8)read_u64(type + TYPE_KIND) & WW_TYPE_KIND) == WW_TYPE_STRUCT &&
           read_u64(type + STRUCTTYPE_FIELDS + 8) >= 2 &&
           read_u64(second + STRUCTFIELD_OFFSET) == OBJECT_META &&
           read_u64(read_u64(second + STRUCTFIELD_TYPE) + TYPE_SIZE) >= OBJECT_MIN_SIZE - OBJECT_META;
}

/* The hash of a resourceVersion; `bad` where it has none or an unreasonably long one. The verifier
 * walks through this for each of a thousand items: no branch, and as few instructions as can be. */
static inline u64 version_hash(u64 object, u64 *bad)
{
    struct { u64 text, length; } version;
    u64 words[WW_VERSION_BYTES / 8] = {};
    *bad |= read_user(&version, sizeof(version), object + OBJECT_VERSION);
    *bad |= (version.length - 1) / WW_VERSION_BYTES;
    u64 bytes = ((version.length - 1) & (WW_VERSION_BYTES - 1)) + 1;
    *bad |= read_user(words, bytes, version.text);
    return mixed(mixed(mixed(mixed(words[0] + bytes) ^ words[1]) ^ words[2]) ^ words[3]);
}

struct ww_interface { u64 type, object; };

/* Over the resourceVersions of a list's items: interfaces of one type, or one behind the other. */
static inline u64 versions_sum(u64 items, u64 count, u64 size, u32 interfaces)
{
    u64 sum = WW_EMPTY_SUM, bad = 0, type = interfaces && count ? read_u64(items) : 0;
    if (count > WW_MAX_VERSIONS)
        return 0;
#pragma clang loop unroll(disable)
    for (u64 i = 0; i < WW_MAX_VERSIONS; i++) {
        if (!below(i, count) || bad)
            break;
        u64 object = items;
        if (interfaces) {
            struct ww_interface item;
            bad |= read_user(&item, sizeof(item), items);
            bad |= item.type ^ type;
            object = item.object;
        }
        sum += version_hash(object, &bad);
        items += size;
    }
    if (bad)
        return 0;
    return sum ? sum : 1;
}
