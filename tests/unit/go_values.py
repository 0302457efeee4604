"""A process of a controller-runtime operator that exists in memory only, with Go's descriptors."""

import os
from types import SimpleNamespace

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.informers import InformerReader, read_informers
from whowoke.tracer.memory import Layout, Memory
from whowoke.tracer.pclntab import Function
from whowoke.tracer.reflection import Types, Value

BASE, TYPES_SIZE, SIZE = 0x100000, 0x8000, 0x40000
# Addresses as linked; the process is loaded ``BIAS`` above them.
BIAS = 0x2000
CODE = 0x1000
DO = 24  # where a Controller has its reconciler
CACHE, QUEUES = "k8s.io/client-go/tools/cache", "k8s.io/client-go/util/workqueue"
SOURCE = "sigs.k8s.io/controller-runtime/pkg/internal/source"
CONTROLLER_CACHE = "sigs.k8s.io/controller-runtime/pkg/cache/internal"
META = "k8s.io/apimachinery/pkg/apis/meta/v1"
UINT8, UINT64, ARRAY, FUNC, INTERFACE, MAP, POINTER, SLICE, STRUCT = (
    8,
    11,
    17,
    19,
    20,
    21,
    22,
    23,
    25,
)
FUNCTIONS = (f"{SOURCE}.(*EventHandler).OnAdd-fm", "main.(*Own).added-fm")
LISTENERS = ("slice", "classic", "growing", "small", "tables", "split")


class FakeTable:
    """A function table with ``FUNCTIONS``, each 64 bytes of code."""

    def __init__(self, module):
        self.module = module
        self.entries = {name: CODE + 64 * index for index, name in enumerate(FUNCTIONS)}

    def function_at(self, pc):
        for name, entry in self.entries.items():
            if entry <= pc < entry + 64:
                return Function(name, entry, entry + 64, "x.go", 1)
        return None


class GoProcess:
    """Stands in for a Target. ``on_read`` is called with the number of each read before it."""

    def __init__(self, minor=26):
        self.pid = os.getpid()
        self.bytes = bytearray(SIZE)
        self.alive = True
        self.reads = 0
        self.largest = 0
        self.on_read = None
        self.minor = minor
        self.module = SimpleNamespace(
            types=BASE - BIAS, etypes=BASE - BIAS + TYPES_SIZE, minor=minor
        )
        self.table = FakeTable(self.module)
        self._next_type, self._next = BASE, BASE + TYPES_SIZE
        self.sizes, self.names = {}, {}
        self.byte = self.type(UINT8, 1, "uint8")
        self.word = self.type(UINT64, 8, "uint64")
        self.function = self.type(FUNC, 8, "func()", direct=True)
        self.any = self.type(INTERFACE, 16, "interface {}", package="")

    # ------------------------------------------------------------ what a Target does

    def read_memory(self, address, size):
        self.reads += 1
        self.largest = max(self.largest, size)
        if self.on_read:
            self.on_read(self.reads)
        if not BASE <= address <= BASE + SIZE - size:
            raise WhowokeError(f"no memory at {address:#x}")
        return bytes(self.bytes[address - BASE : address - BASE + size])

    def is_alive(self):
        return self.alive

    # ------------------------------------------------------------ reading

    def types(self):
        return Types(Memory(self, Layout({})), self.module, BIAS)

    def value(self, type_address, address):
        types = self.types()
        return Value(types, types.at(type_address), address)

    def reader(self):
        return InformerReader(self.types(), self.table, BIAS)

    def metadata(self, controllers, readers):
        plan = SimpleNamespace(macros={"CONTROLLER_DO": hex(DO)})
        program = SimpleNamespace(target=self, table=self.table, bias=BIAS, plan=plan)
        return read_informers(program, controllers, readers)

    def informers(self, *readers):
        return self.metadata((), readers)["informers"]

    # ------------------------------------------------------------ bytes

    def alloc(self, size):
        address, self._next = self._next, self._next + (size + 15) // 16 * 16
        return address

    def number(self, address, value, size=8):
        at = address - BASE
        self.bytes[at : at + size] = value.to_bytes(size, "little")

    def words(self, address, *values):
        for index, value in enumerate(values):
            self.number(address + 8 * index, value)
        return address

    def string(self, address, text):
        data = text.encode()
        start = self.alloc(len(data) + 1)
        self.bytes[start - BASE : start - BASE + len(data)] = data
        self.words(address, start if data else 0, len(data))

    # ------------------------------------------------------------ descriptors

    def name(self, text):
        data = (
            bytes([0, len(text)])
            if len(text) < 128
            else bytes([0, len(text) & 127 | 128, len(text) >> 7])
        )
        return self._descriptor(data + text.encode())

    def _descriptor(self, data):
        address, self._next_type = self._next_type, self._next_type + (len(data) + 7) // 8 * 8
        self.bytes[address - BASE : address - BASE + len(data)] = data
        return address

    def type(self, kind, size, name, *, package="", behind=(), direct=False):
        starred = kind == STRUCT
        name_address = self.name(f"*{name}" if starred else name)
        address = self._descriptor(bytes(88))
        self.words(address, size)
        self.number(address + 20, 2 * starred + bool(package), 1)
        self.number(address + 23, kind | direct << 5, 1)
        self.number(address + 40, name_address - BASE, 4)
        self.words(address + 48, *behind)
        if package:
            self.number(address + 80, self.name(package) - BASE, 4)
        self.sizes[address], self.names[address] = size, name
        return address

    def pointer(self, elem):
        return self.type(POINTER, 8, f"*{self.names[elem]}", behind=(elem,), direct=True)

    def slice(self, elem):
        return self.type(SLICE, 24, f"[]{self.names[elem]}", behind=(elem,))

    def array(self, elem, count):
        size = count * self.sizes[elem]
        return self.type(ARRAY, size, f"[{count}]{self.names[elem]}", behind=(elem, 0, count))

    def interface(self, path):
        package, _, local = path.rpartition(".")
        name = f"{package.rpartition('/')[2]}.{local}"
        return self.type(INTERFACE, 16, name, package=package, behind=(0, 0, 1))

    def struct(self, path="", **fields):
        """A struct of fields in that order, each aligned to its size or to 8 bytes."""
        package, _, local = path.rpartition(".")
        rows, at = [], 0
        for name, field in fields.items():
            align = min(self.sizes[field], 8)
            at = (at + align - 1) // align * align
            rows += [self.name(name), field, at << (self.minor < 19)]
            at += self.sizes[field]
        start = self._descriptor(bytes(8 * len(rows)))
        self.words(start, *rows)
        name = f"{package.rpartition('/')[2]}.{local}" if path else "struct {}"
        behind = (0, start, len(fields))
        return self.type(STRUCT, (at + 7) // 8 * 8, name, package=package, behind=behind)

    def map(self, key, elem, *, classic=False, split=False):
        keys, elems = self.array(key, 8), self.array(elem, 8)
        if classic:
            tops = self.array(self.byte, 8)
            place = self.struct(topbits=tops, keys=keys, elems=elems, overflow=self.word)
        elif split:
            place = self.struct(ctrl=self.word, keys=keys, elems=elems)
        else:
            slot = self.struct(key=key, elem=elem)
            place = self.struct(ctrl=self.word, slots=self.array(slot, 8))
        name = f"map[{self.names[key]}]{self.names[elem]}"
        return self.type(MAP, 8, name, behind=(key, elem, place), direct=True), place

    # ------------------------------------------------------------ values

    def hold(self, address, interface, held, data):
        """Let the interface at an address hold a value or, if it is a pointer, itself."""
        return self.words(address, self.words(self.alloc(24), interface, held), data)

    def at(self, type_address, address, field):
        return self.value(type_address, address).field(field).address

    def eight(self, place, address, keys, elems=()):
        """Fill the slots of a bucket or a group; the control bytes as maps have them."""
        group = self.value(place, address)
        fields = group.type.fields
        classic = "topbits" in fields
        control = [(0x91 if classic else 0x11) if key else (0 if classic else 0x80) for key in keys]
        control += [(0 if classic else 0x80)] * (8 - len(keys))
        at = group.field("topbits" if classic else "ctrl").address - BASE
        self.bytes[at : at + 8] = bytes(control)
        for index, key in enumerate(keys):
            elem = elems[index] if elems else 0
            if "slots" in fields:
                slot = group.field("slots").elements()[index]
                key_at, elem_at = slot.field("key").address, slot.field("elem").address
            else:
                key_at, elem_at = (
                    group.field(n).elements()[index].address for n in ("keys", "elems")
                )
            self.number(key_at, key)
            if elem:
                self.number(elem_at, elem)
        return address

    def classic_map(self, place, buckets, old=(), count=None):
        """A runtime.hmap; a bucket is a list of keys, what is beyond eight overflows."""
        size = self.sizes[place]

        def array(rows):
            start = self.alloc(size * len(rows))
            for index, keys in enumerate(rows):
                address = start + index * size
                for first in range(0, max(len(keys), 1), 8):
                    if first:
                        more = self.alloc(size)
                        self.words(self.at(place, address, "overflow"), more)
                        address = more
                    self.eight(place, address, keys[first : first + 8])
            return start

        used = sum(bool(key) for keys in (*buckets, *old) for key in keys)
        header = self.words(self.alloc(48), used if count is None else count)
        self.number(header + 9, len(buckets).bit_length() - 1, 1)
        self.words(header + 16, array(buckets), array(old) if old else 0)
        return header

    def small_map(self, place, keys, elems=()):
        group = self.eight(place, self.alloc(self.sizes[place]), keys, elems)
        used = sum(map(bool, keys))
        return self.words(self.alloc(48), used, 0x5EED, group, 0)

    def table_map(self, place, *tables):
        """A map of tables, each in two places of the directory; a table is a list of groups."""
        size, directory = self.sizes[place], []
        for groups in tables:
            start = self.alloc(size * len(groups))
            for index, keys in enumerate(groups):
                self.eight(place, start + index * size, keys)
            table = self.words(self.alloc(32), 0, 0, start, len(groups) - 1)
            directory += [table, table]
        used = sum(bool(key) for groups in tables for keys in groups for key in keys)
        where = self.words(self.alloc(8 * len(directory)), *directory)
        return self.words(self.alloc(48), used, 0x5EED, where, len(directory))


class Operator(GoProcess):
    """A process with one informer; add listeners, then ``finish`` it."""

    def __init__(self, form="slice", minor=26, kind=("apps", "v1", "Deployment")):
        super().__init__(minor)
        self.form, self.listeners = form, []
        self.handler_interface = self.interface(f"{CACHE}.ResourceEventHandler")
        self.queue_interface = self.interface(f"{QUEUES}.TypedRateLimitingInterface")
        self.queue_type = self.pointer(self.struct(f"{QUEUES}.rateLimitingType", a=self.word))
        self.object_interface = self.interface("k8s.io/apimachinery/pkg/runtime.Object")
        self.listener_type = self.struct(
            f"{CACHE}.processorListener", next=self.word, handler=self.handler_interface
        )
        self.event_handler = self.struct(
            f"{SOURCE}.EventHandler", ctx=self.any, handler=self.any, queue=self.queue_interface
        )
        key = self.pointer(self.listener_type)
        self.place = 0
        if form == "slice":
            collection = self.slice(key)
        else:
            collection, self.place = self.map(
                key, self.byte, classic=form in ("classic", "growing"), split=form == "split"
            )
        self.processor_type = self.struct(
            f"{CACHE}.sharedProcessor", started=self.byte, listeners=collection
        )
        self.informer_type = self.struct(
            f"{CACHE}.sharedIndexInformer",
            indexer=self.any,
            processor=self.pointer(self.processor_type),
            objectType=self.object_interface,
        )
        self.informer = self.alloc(self.sizes[self.informer_type])
        entry = self.alloc(16 + 80)
        self.reader_address = entry + 16
        shared = self.interface(f"{CACHE}.SharedIndexInformer")
        self.hold(entry, shared, self.pointer(self.informer_type), self.informer)
        indexer = self.interface(f"{CACHE}.Indexer")
        self.hold(self.reader_address, indexer, self.pointer(self.struct(f"{CACHE}.cache")), 0)
        for index, text in enumerate(kind):
            self.string(self.reader_address + 16 + 16 * index, text)

    def listen(self, held, data):
        """A listener whose handler is of type ``held``."""
        listener = self.alloc(self.sizes[self.listener_type])
        self.hold(
            self.at(self.listener_type, listener, "handler"), self.handler_interface, held, data
        )
        self.listeners.append(listener)

    def own(self, queue):
        """An EventHandler of controller-runtime that adds to a queue."""
        handler = self.alloc(48)
        at = self.at(self.event_handler, handler, "queue")
        self.hold(at, self.queue_interface, self.queue_type, queue)
        return handler

    def functions(self, name, receiver, package=CACHE):
        """ResourceEventHandlerFuncs, of which only the second function is set."""
        fields = dict.fromkeys(("AddFunc", "UpdateFunc", "DeleteFunc"), self.function)
        held = self.struct(f"{package}.ResourceEventHandlerFuncs", **fields)
        code = self.table.entries[name] + BIAS
        closure = self.words(self.alloc(16), code, receiver)
        return held, self.words(self.alloc(24), 0, closure, 0)

    def object_type(self, path):
        at = self.at(self.informer_type, self.informer, "objectType")
        self.hold(at, self.object_interface, self.pointer(self.struct(path)), self.alloc(8))

    def controller(self, *readers, others=()):
        """A Controller whose reconciler reads from a cache of some readers, and of others."""
        package = CONTROLLER_CACHE.rpartition("/")[0]
        reader = self.struct(f"{CONTROLLER_CACHE}.CacheReader", a=self.array(self.word, 10))
        entry = self.struct(f"{CONTROLLER_CACHE}.Cache", Informer=self.any, Reader=reader)
        kind = self.struct("schema.GroupVersionKind", words=self.array(self.word, 6))
        by_kind, self.by_kind = self.map(kind, self.pointer(entry))
        interface = self.interface(f"{package}.Cache")
        cache = self.struct(
            f"{package}.informerCache",
            scheme=self.word,
            Informers=self.pointer(
                self.struct(f"{CONTROLLER_CACHE}.Informers", tracker=self.struct(Metadata=by_kind))
            ),
        )
        caches, place = self.map(self.word, interface)
        root = self.struct(f"{package}.delegatingByGVKCache", caches=caches, default=interface)
        self.root = self.alloc(24)
        self._own_cache(self.root + 8, interface, cache, readers)
        if others:
            header = self.small_map(place, [1])
            group = self.value(self.word, header + 16).word()
            elem = self.value(place, group).field("slots").elements()[0].field("elem")
            self._own_cache(elem.address, interface, cache, others)
            self.words(self.root, header)
        reader_interface = self.interface("client.Reader")
        client = self.struct("client.client", number=self.word, cache=reader_interface)
        client_at = self.alloc(24)
        self.hold(client_at + 8, reader_interface, self.pointer(root), self.root)
        reconciler = self.struct("main.Reconciler", Client=reader_interface)
        value = self.alloc(16)
        self.hold(value, reader_interface, self.pointer(client), client_at)
        controller = self.alloc(64)
        self.hold(controller + DO, self.any, self.pointer(reconciler), value)
        return controller

    def _own_cache(self, at, interface, cache, readers):
        entries = [reader - 16 for reader in readers]
        informers = self.words(
            self.alloc(8), self.small_map(self.by_kind, [1 for _ in entries], entries)
        )
        value = self.words(self.alloc(16), 0, informers)
        self.hold(at, interface, self.pointer(cache), value)

    def another_reader(self, kind):
        """A second reader and its informer, alike but for the kind."""
        entry = self.alloc(96)
        first = self.reader_address - 16 - BASE
        self.bytes[entry - BASE : entry - BASE + 96] = self.bytes[first : first + 96]
        self.string(entry + 16 + 48, kind)
        return entry + 16

    def finish(self):
        """Write the collection of listeners; returns the address of the reader."""
        listeners = self.listeners
        processor = self.alloc(self.sizes[self.processor_type])
        self.words(self.at(self.informer_type, self.informer, "processor"), processor)
        at = self.at(self.processor_type, processor, "listeners")
        half = len(listeners) // 2
        if self.form == "slice":
            start = self.words(self.alloc(8 * len(listeners) + 8), *listeners)
            self.words(at, start, len(listeners), len(listeners) + 1)
        elif self.form == "classic":
            self.words(
                at, self.classic_map(self.place, [[], listeners[:half], [], listeners[half:]])
            )
        elif self.form == "growing":
            new, old = [listeners[:half], []], [[0, *listeners[half:]]]
            self.words(at, self.classic_map(self.place, new, old))
        elif self.form == "tables":
            first, second = (
                [keys[at : at + 8] for at in range(0, max(len(keys), 1), 8)]
                for keys in (listeners[:half], [0, *listeners[half:]])
            )
            self.words(at, self.table_map(self.place, first, second))
        else:
            self.words(at, self.small_map(self.place, listeners))
        self.collection = at
        return self.reader_address
