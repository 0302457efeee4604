"""Informers and handlers in memory that is made by hand: changing, wrong, hostile."""

import random

import pytest

from tests.unit.go_values import (
    BASE,
    CODE,
    CONTROLLER_CACHE,
    LISTENERS,
    META,
    QUEUES,
    SOURCE,
    GoProcess,
    Operator,
)
from whowoke.analysis.telling import info
from whowoke.tracer import caches, informers, reflection
from whowoke.tracer.caches import caches_near, readers_of
from whowoke.tracer.gomaps import entries
from whowoke.tracer.informers import Handler
from whowoke.tracer.memory import Changed
from whowoke.tracer.reflection import MAX_READS

OWN = f"{SOURCE}.EventHandler"


def operator(form="slice", queues=(), **options):
    """An operator whose informer has an EventHandler for each queue."""
    process = Operator(form, **options)
    pointer = process.pointer(process.event_handler)
    for queue in queues:
        process.listen(pointer, process.own(queue))
    return process


def handlers(process, reader=None):
    return process.reader().read(reader or process.finish()).handlers


@pytest.mark.parametrize("count", [0, 1, 5, 8, 15])
@pytest.mark.parametrize("form", LISTENERS)
def test_the_handlers_of_an_informer_lead_to_their_queues(form, count):
    if form in ("small", "split"):
        count = min(count, 8)
    queues = [0x7000 + 16 * index for index in range(count)]
    process = operator(form, queues)
    assert process.informers(process.finish()) == [
        {
            "reader": process.reader_address,
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "form": None,
            "handlers": tuple({"type": OWN, "queue": queue} for queue in queues),
        }
    ]


def test_the_offsets_of_fields_before_go_1_19():
    assert handlers(operator("classic", (0x7000,), minor=18)) == (Handler(OWN, 0x7000),)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("k8s.io/api/apps/v1.Deployment", "typed"),
        (f"{META}/unstructured.Unstructured", "unstructured"),
        (f"{META}.PartialObjectMetadata", "metadata"),
        ("example.com/unstructured.Unstructured", "typed"),
    ],
)
def test_the_form_is_that_of_the_objects(path, form):
    process = operator()
    process.object_type(path)
    assert process.reader().read(process.finish()).form == form


def test_a_handler_may_be_a_struct_itself():
    process = Operator()
    before = process.struct(
        "sigs.k8s.io/controller-runtime/pkg/source/internal.EventHandler",
        EventHandler=process.any,
        Queue=process.queue_interface,
    )
    value = process.alloc(32)
    process.hold(value + 16, process.queue_interface, process.queue_type, 0x7000)
    process.listen(before, value)
    (found,) = handlers(process)
    assert found.queue == 0x7000


def test_functions_are_followed_to_the_handler_whose_method_they_are():
    process = Operator()
    process.listen(*process.functions(f"{SOURCE}.(*EventHandler).OnAdd-fm", process.own(0x7000)))
    process.listen(*process.functions("main.(*Own).added-fm", process.own(0x7100)))
    assert handlers(process) == (Handler("main.(*Own).added-fm", None), Handler(OWN, 0x7000))


def test_a_method_of_what_has_no_queue_or_two_is_unknown():
    process = Operator()
    two = process.own(0x7000)
    process.hold(two, process.queue_interface, process.queue_type, 0x7100)
    for receiver in (process.alloc(64), two, 0, 0xDEAD):
        process.listeners = []
        process.listen(*process.functions(f"{SOURCE}.(*EventHandler).OnAdd-fm", receiver))
        assert handlers(process) is None


def test_code_that_is_no_function_is_unknown():
    process = Operator()
    held, functions = process.functions("main.(*Own).added-fm", 0)
    process.words(process.value(process.word, functions + 8).word(), CODE + 0x900000)
    process.listen(held, functions)
    assert handlers(process) is None


def test_handlers_of_the_operator_have_their_type_and_no_queue():
    process = Operator()
    process.listen(process.pointer(process.struct("main.Counter", seen=process.word)), 0x9000)
    process.listen(*process.functions("main.(*Own).added-fm", 0, package="example.com/own"))
    assert handlers(process) == (
        Handler("*main.Counter", None),
        Handler("example.com/own.ResourceEventHandlerFuncs", None),
    )


def test_info_tells_them():
    queue = {"type": OWN, "queue": 0x7000}
    rows = [
        {"kind": "Secret", "group": "", "version": "v1", "handlers": [queue, queue]},
        {"kind": "Job", "group": "batch", "version": "v1", "handlers": []},
        {"kind": "Pod", "version": "v1", "handlers": [{"type": "main.added", "queue": None}, 7]},
        {"kind": "Node", "handlers": None},
        "nonsense",
    ]
    assert list(info._informers(rows)) == [
        f"  Secret v1: 2 of {OWN}, queue 0x7000",
        "  Job batch/v1: no event handler",
        "  Pod v1: 1 of main.added; 1 of None",
        "  Node : handlers aren't known",
    ]
    assert list(info._informers({"a": 1})) == list(info._informers(None)) == []


def filtering(process):
    return process.struct(
        "k8s.io/client-go/tools/cache.FilteringResourceEventHandler",
        FilterFunc=process.function,
        Handler=process.handler_interface,
    )


def test_a_wrapper_is_followed_to_what_it_hands_on_to():
    process = Operator()
    wrapper, value = filtering(process), process.alloc(24)
    inner = process.pointer(process.event_handler)
    process.hold(value + 8, process.handler_interface, inner, process.own(0x7000))
    process.listen(wrapper, value)
    assert handlers(process) == (Handler(OWN, 0x7000),)


def test_a_wrapper_around_itself_is_unknown():
    process = Operator()
    wrapper, value = filtering(process), process.alloc(24)
    process.hold(value + 8, process.handler_interface, wrapper, value)
    process.listen(wrapper, value)
    assert handlers(process) is None


def test_what_is_no_reader_is_left_out():
    process = operator("small", (0x7000,))
    reader = process.finish()
    assert process.informers(0, 8, 0xDEAD, BASE, reader + 16, process.informer, (1 << 64) - 8) == []
    process.string(reader + 48, "")
    assert process.informers(reader) == []


def test_another_informer_before_a_reader_is_unknown():
    process = operator("small", (0x7000,))
    reader = process.finish()
    shared = process.interface("k8s.io/client-go/tools/cache.SharedIndexInformer")
    process.hold(reader - 16, shared, process.pointer(process.struct("main.informer")), 0x9000)
    found = process.reader().read(reader)
    assert (found.kind, found.form, found.handlers) == ("Deployment", None, None)


def test_an_interface_that_holds_what_is_not_asked_for_is_unknown():
    process = operator("slice", (0x7000,))
    handler = process.at(process.listener_type, process.listeners[0], "handler")
    process.hold(handler, process.object_interface, process.pointer(process.event_handler), 0x9000)
    assert handlers(process) is None


@pytest.mark.parametrize("form", LISTENERS)
def test_a_collection_that_changes_is_read_again(form):
    process = operator(form, (0x7000, 0x7100))
    reader = process.finish()
    at = process.collection
    header = process.value(process.word, at).word()
    count = at + 8 if form == "slice" else header

    def settle(reads):
        process.number(count, 900 if reads < 150 else 2)

    process.on_read = settle
    assert len(process.reader().read(reader).handlers) == 2
    process.on_read = lambda reads: process.number(count, 900)
    assert process.reader().read(reader).handlers is None


def test_what_is_never_the_same_is_unknown():
    process = operator("slice", (0x7000,))
    reader = process.finish()
    queue = process.at(process.event_handler, process.own(0), "queue")
    queue -= 48 + 32  # of the handler before: its object and its itab
    process.on_read = lambda reads: process.number(queue + 8, reads)
    found = process.reader().read(reader)
    assert found.kind == "Deployment"
    assert found.handlers is None


@pytest.mark.parametrize("form", LISTENERS)
@pytest.mark.parametrize("count", [1 << 62, 1 << 40, 4097, 4096, 3])
def test_a_collection_that_says_it_is_huge_does_no_harm(form, count):
    process = operator(form, (0x7000, 0x7100))
    reader = process.finish()
    if form == "slice":
        process.words(process.collection + 8, count, count)
    else:
        process.number(process.value(process.word, process.collection).word(), count)
    assert process.reader().read(reader).handlers is None
    assert process.largest <= 1 << 16
    assert process.reads < 100_000


@pytest.mark.parametrize("shift", [63, 40, 14, 0])
def test_buckets_that_do_not_exist_or_never_end_do_no_harm(shift):
    process = operator("classic", range(0x7000, 0x7100, 16))
    reader = process.finish()
    header = process.value(process.word, process.collection).word()
    process.number(header + 9, shift, 1)
    assert handlers(process, reader) is None
    process.number(header + 9, 2, 1)
    bucket = process.value(process.word, header + 16).word()
    process.words(process.at(process.place, bucket, "overflow"), bucket)
    assert handlers(process, reader) is None
    assert process.reads < MAX_READS * 2


def with_tables():
    process = operator("tables", range(0x7000, 0x7100, 16))
    reader = process.finish()
    return process, reader, process.value(process.word, process.collection).word()


@pytest.mark.parametrize(
    ("word", "value"), [(2, 0), (2, 0xDEAD), (2, BASE), (3, 1 << 62), (3, 4096), (3, 1), (3, 0)]
)
def test_a_directory_that_does_not_exist_does_no_harm(word, value):
    process, reader, header = with_tables()
    assert len(handlers(process, reader)) == 16
    process.number(header + 8 * word, value)
    assert handlers(process, reader) is None
    assert process.largest <= 1 << 16


@pytest.mark.parametrize("mask", [1 << 63, (1 << 64) - 1, 1 << 13, 0])
def test_groups_that_do_not_exist_do_no_harm(mask):
    process, reader, header = with_tables()
    directory = process.value(process.word, header + 16).word()
    process.number(process.value(process.word, directory).word() + 24, mask)
    process.number(process.value(process.word, directory + 16).word() + 24, mask)
    assert handlers(process, reader) is None
    assert process.reads < 100_000


def test_large_keys_lie_behind_a_pointer():
    process = GoProcess()
    large = process.array(process.word, 20)
    pointer = process.pointer(large)
    place = process.struct(
        ctrl=process.word, slots=process.array(process.struct(key=pointer, elem=process.word), 8)
    )
    of = process.type(reflection.MAP, 8, "map", behind=(large, process.word, place), direct=True)
    stored = process.words(process.alloc(160), 11)
    at = process.words(process.alloc(8), process.small_map(place, [stored]))
    ((key, _),) = entries(process.value(of, at))
    assert (key.address, key.elements()[0].word()) == (stored, 11)
    with pytest.raises(Changed):
        entries(process.value(large, at))


def test_a_pointer_to_itself_ends():
    process = GoProcess()
    pointer = process.pointer(process.word)
    assert process.value(pointer, BASE).type.path == "*uint64"
    process.words(pointer + 48, pointer)
    value = process.value(pointer, process.words(process.alloc(8), BASE))
    for ask in (lambda: value.type.path, lambda: value.field("a")):
        with pytest.raises(Changed):
            ask()


def test_an_empty_map_has_no_entries():
    process = GoProcess()
    of, _ = process.map(process.word, process.word)
    assert entries(process.value(of, process.alloc(8))) == []


def kinds(metadata):
    return [informer["kind"] for informer in metadata["informers"] or ()]


def test_a_reconciler_leads_to_all_informers_of_its_cache():
    process = operator("small", (0x7000,))
    reader = process.finish()
    secret, service, pod = map(process.another_reader, ("Secret", "Service", "Pod"))
    controller = process.controller(reader, secret, others=(service,))
    every = ["Deployment", "Secret", "Service"]
    for readers in ((), (secret,), (service, reader)):
        found = process.metadata((controller, controller), readers)
        assert (kinds(found), found["informers_complete"]) == (every, True)
    found = process.metadata((controller,), (pod,))
    assert (kinds(found), found["informers_complete"]) == ([*every, "Pod"], False)


def test_without_its_cache_only_what_was_read_is_known():
    process = operator("small", (0x7000,))
    reader = process.finish()
    controller = process.controller(reader, process.another_reader("Secret"))
    for controllers in ((), (0,), (controller + 8,), (process.informer, 0xDEAD)):
        found = process.metadata(controllers, (reader,))
        assert (kinds(found), found["informers_complete"]) == (["Deployment"], False)
        assert process.metadata(controllers, ())["informers"] is None
    process.words(process.value(process.word, controller + 32).word(), 0, 0)  # no client
    assert process.metadata((controller,), (reader,))["informers_complete"] is False


def test_an_informer_that_cannot_be_read_is_told():
    process = operator("small", (0x7000,))
    reader = process.finish()
    controller = process.controller(reader, process.another_reader(""))
    found = process.metadata((controller,), (reader,))
    assert (kinds(found), found["informers_complete"]) == (["Deployment"], False)


def test_too_much_to_read_is_not_read(monkeypatch):
    process = operator("small", (0x7000,))
    reader = process.finish()
    monkeypatch.setattr(reflection, "MAX_READS", 300)
    assert process.informers(reader)
    process.reads = 0
    monkeypatch.setattr(reflection, "MAX_READS", 50)
    assert process.informers(reader) is None
    assert process.reads == 50


def test_the_number_of_readers_is_bounded(monkeypatch):
    process = operator("small", (0x7000,))
    reader = process.finish()
    monkeypatch.setattr(informers, "MAX_READERS", 2)
    assert len(process.informers(0, reader)) == 1
    assert process.informers(0, 8, reader) == []
    monkeypatch.setattr(informers, "MAX_CONTROLLERS", 1)
    controller = process.controller(reader)
    assert process.metadata((controller,), ())["informers_complete"] is True
    assert process.metadata((controller, 8), ())["informers_complete"] is False


def test_a_process_that_ends_meanwhile_has_none():
    process = operator("small", (0x7000,))
    reader = process.finish()
    process.alive = False
    assert process.informers(reader, 0) is None


@pytest.mark.parametrize("seed", range(60))
def test_memory_full_of_nonsense_does_no_harm(seed):
    """Whatever a hostile process writes: an answer or none, in bounded time."""
    chance = random.Random(seed)
    process = operator(chance.choice(LISTENERS), range(0x7000, 0x7080, 16))
    process.object_type(f"{META}.PartialObjectMetadata")
    held = process.functions(f"{SOURCE}.(*EventHandler).OnAdd-fm", process.own(0x8000))
    process.listeners = process.listeners[:6]
    process.listen(*held)
    reader = process.finish()
    controller = process.controller(reader, others=(process.another_reader("Secret"),))
    whole = process.metadata((controller,), ())["informers"]
    assert [len(informer["handlers"]) for informer in whole] == [7, 7]
    used = process._next - BASE
    for _ in range(chance.choice((1, 3, 30, 300))):
        at = chance.randrange(used) & ~chance.choice((7, 0))
        value = chance.choice(
            (0, 1, (1 << 64) - 1, 1 << 62, BASE + chance.randrange(used), chance.randrange(1 << 64))
        )
        process.bytes[at : at + 8] = value.to_bytes(8, "little")
    process.reads = 0
    readers = (reader, BASE + chance.randrange(used))
    for informer in process.metadata((controller,), readers)["informers"] or ():
        assert set(informer) == {"reader", "group", "version", "kind", "form", "handlers"}
    assert process.largest <= 1 << 17
    assert process.reads <= MAX_READS


def test_interfaces_of_other_packages_are_no_queues():
    process = Operator()
    handler = process.own(0x7000)
    other = process.interface(f"{QUEUES}x.TypedRateLimitingInterface")
    process.hold(handler + 32, other, process.queue_type, 0x7000)
    process.listen(*process.functions(f"{SOURCE}.(*EventHandler).OnAdd-fm", handler))
    assert handlers(process) is None


def test_a_cache_of_types_that_hold_themselves_ends(monkeypatch):
    """Nothing is read for a field, so that the number of reads is no bound."""
    process = Operator()
    inner = process.struct(f"{CONTROLLER_CACHE.rpartition('/')[0]}.informerCache",
                           **{f"f{n}": process.word for n in range(40)})  # fmt: skip
    fields = process.value(inner, 0).type._behind[1]
    for number in range(40):
        process.words(fields + 24 * number + 8, inner)
    value = process.value(inner, BASE)
    assert all(v.type.address == inner for v in map(value.field, value.type.fields))
    with pytest.raises(Changed, match="more than"):
        list(readers_of(value))
    monkeypatch.setattr(caches, "_CACHES", ())
    with pytest.raises(Changed, match="more than"):
        caches_near([value])
