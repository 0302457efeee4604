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
    struct ww_pair string = read_pair(address);
    return name_hash(thread, string.first, string.second);
}

/* A Go type, and where its fields are if it is a struct: internal/abi/type.go. Of what isn't one, what
 * stands for fields is something else. */
struct ww_type { u64 size, fields, count; u32 kind; };

static inline struct ww_type type_of(u64 address)
{
    u64 words[WW_WORDS(TYPE_SIZE, STRUCTTYPE_FIELDS + 8)];
    struct ww_type type = {};
    if (bpf_probe_read_user(words, sizeof(words), (void *)(address + TYPE_SIZE)))
        return type;
    type.size = words[0];
    u64 kind = words[WW_WORD(TYPE_SIZE, TYPE_KIND)] >> 8 * ((TYPE_KIND - TYPE_SIZE) & 7);
    type.kind = kind & WW_TYPE_KIND;
    type.fields = words[WW_WORD(TYPE_SIZE, STRUCTTYPE_FIELDS)];
    type.count = words[WW_WORD(TYPE_SIZE, STRUCTTYPE_FIELDS + 8)];
    return type;
}

struct ww_field { u64 type, offset; };

static inline struct ww_field field_of(u64 fields, u32 number)
{
    u64 words[WW_WORDS(STRUCTFIELD_TYPE, STRUCTFIELD_OFFSET)];
    u64 address = fields + number * WW_STRUCT_FIELD + STRUCTFIELD_TYPE;
    bpf_probe_read_user(words, sizeof(words), (void *)address);
    struct ww_field field = { words[0], words[WW_WORD(STRUCTFIELD_TYPE, STRUCTFIELD_OFFSET)] };
    return field;
}

/* An object with fields: a struct of TypeMeta, then ObjectMeta, as every typed one is. */
static inline u32 is_typed(struct ww_type type)
{
    if (!OBJECT_MIN_SIZE || type.size < OBJECT_MIN_SIZE || type.kind != WW_TYPE_STRUCT || type.count < 2)
        return 0;
    struct ww_field second = field_of(type.fields, 1);
    return second.offset == OBJECT_META &&
           read_u64(second.type + TYPE_SIZE) >= OBJECT_MIN_SIZE - OBJECT_META;
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
