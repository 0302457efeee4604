"""A Perfetto trace, event by event: tracks with slices and instants, arrows between them.

Texts travel once: an event carries a number, its text comes in the packet that needs it first.
"""

from collections.abc import Iterable, Mapping
from typing import IO, Any

# Of perfetto/protos: one sequence of packets, numbers of interned texts are its own.
SEQUENCE = 1
MAX_NS, MAX_ID = (1 << 63) - 1, (1 << 31) - 1
Facts = Mapping[str, Any]


class TrackFile:
    """Writes packets to a binary file as they come. Times are nanoseconds of CLOCK_MONOTONIC.

    What is on one track must come in the order of time, and its slices must not overlap.
    """

    def __init__(self, file: IO[bytes], monotonic_ns: int | None, realtime_ns: int | None) -> None:
        from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos
        from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder

        self._protos: Any = protos
        self._builder = StreamingTraceProtoBuilder(file)
        self._interned: dict[tuple[str, str], int] = {}
        self._tracks = 0
        self.flows = 0
        monotonic = protos.BUILTIN_CLOCK_MONOTONIC
        packet = self._packet()
        packet.sequence_flags = protos.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
        packet.trace_packet_defaults.timestamp_clock_id = monotonic
        packet.clock_snapshot.primary_trace_clock = monotonic
        if monotonic_ns is not None and realtime_ns is not None:
            for clock, ns in (
                (monotonic, monotonic_ns),
                (protos.BUILTIN_CLOCK_REALTIME, realtime_ns),
            ):
                packet.clock_snapshot.clocks.add(clock_id=clock, timestamp=_within(ns))
        self._builder.write_packet(packet)

    def process(self, pid: int, name: str, command: Iterable[str] = ()) -> int:
        """A process; returns its track."""
        packet, track = self._descriptor(name)
        track.process.pid = _within(pid, MAX_ID)
        track.process.process_name = name
        track.process.cmdline.extend(command)
        return self._written(packet, track)

    def thread(self, pid: int, tid: int, name: str) -> int:
        """A thread of the process; returns its track."""
        packet, track = self._descriptor("")
        track.thread.pid, track.thread.tid = _within(pid, MAX_ID), _within(tid, MAX_ID)
        if name:
            track.thread.thread_name = name
        return self._written(packet, track)

    def track(self, name: str, parent: int) -> int:
        """A track below another one, in the order in which they are made."""
        packet, track = self._descriptor(name)
        track.parent_uuid = parent
        # Not kept among the tracks of a process itself: these are in the order of their names.
        track.child_ordering = self._protos.TrackDescriptor.EXPLICIT
        track.sibling_order_rank = self._tracks
        # Tracks of one name are told apart: each is a lane of its own.
        track.sibling_merge_behavior = self._protos.TrackDescriptor.SIBLING_MERGE_BEHAVIOR_NONE
        return self._written(packet, track)

    def new_flow(self) -> int:
        """A number for one arrow, from the event that has it in ``flows`` to that in ``ends``."""
        self.flows += 1
        return self.flows

    def slice(
        self, track: int, start_ns: int, end_ns: int, name: str, facts: Facts,
        ends: Iterable[int] = (),
    ) -> None:  # fmt: skip
        """Something that lasts."""
        kinds = self._protos.TrackEvent
        packet = self._event(track, start_ns, kinds.TYPE_SLICE_BEGIN, name, facts)
        packet.track_event.terminating_flow_ids.extend(ends)
        self._builder.write_packet(packet)
        self._builder.write_packet(
            self._event(track, max(start_ns, end_ns), kinds.TYPE_SLICE_END, "", {})
        )

    def instant(
        self, track: int, ts_ns: int, name: str, facts: Facts, flows: Iterable[int] = ()
    ) -> None:
        """Something that happens at one time."""
        kind = self._protos.TrackEvent.TYPE_INSTANT
        packet = self._event(track, ts_ns, kind, name, facts)
        packet.track_event.flow_ids.extend(flows)
        self._builder.write_packet(packet)

    def _packet(self) -> Any:
        packet = self._builder.create_packet()
        packet.trusted_packet_sequence_id = SEQUENCE
        return packet

    def _descriptor(self, name: str) -> tuple[Any, Any]:
        self._tracks += 1
        packet = self._packet()
        packet.track_descriptor.uuid = self._tracks
        if name:
            packet.track_descriptor.name = name
        return packet, packet.track_descriptor

    def _written(self, packet: Any, track: Any) -> int:
        self._builder.write_packet(packet)
        return int(track.uuid)

    def _event(self, track: int, ts_ns: int, kind: int, name: str, facts: Facts) -> Any:
        packet = self._packet()
        packet.sequence_flags = self._protos.TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
        packet.timestamp = _within(ts_ns)
        event = packet.track_event
        event.type, event.track_uuid = kind, track
        if name:
            event.name_iid = self._number(packet, "event_names", name)
        for key, value in facts.items():
            if value is None:
                continue
            annotation = event.debug_annotations.add()
            annotation.name_iid = self._number(packet, "debug_annotation_names", key)
            if isinstance(value, bool):
                annotation.bool_value = value
            elif isinstance(value, int) and value > MAX_NS:
                annotation.uint_value = value
            elif isinstance(value, int):
                annotation.int_value = value
            else:
                number = self._number(packet, "debug_annotation_string_values", str(value))
                annotation.string_value_iid = number
        return packet

    def _number(self, packet: Any, table: str, text: str) -> int:
        number = self._interned.get((table, text))
        if number is None:
            number = self._interned[table, text] = len(self._interned) + 1
            entry = getattr(packet.interned_data, table).add()
            entry.iid = number
            if table == "debug_annotation_string_values":
                entry.str = text.encode()
            else:
                entry.name = text
        return number


def _within(value: int, most: int = MAX_NS) -> int:
    """A number that the format can hold; a sound capture has no other."""
    return min(max(value, 0), most)
