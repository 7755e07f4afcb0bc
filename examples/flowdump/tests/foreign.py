"""Opens the Arrow streams and Parquet files of flowdump in other readers, pyarrow and DuckDB.

    foreign.py FLOWDUMP RECORDING [CORPUS]

Every cell has to be what flowdump's JSON says, the sums those of the traffic where somebody else counted it, and all batches of a stream
have to have one schema.
"""

import ipaddress
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet


def run(program, options, files):
    command = [program, *options, *map(str, files)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def said(column):
    """The cells as JSON says them."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        assert (kind.unit, kind.tz) == ("ns", "UTC"), kind
        return [None if nanos is None else time(nanos) for nanos in column.cast(pa.int64()).to_pylist()]
    cells = column.to_pylist()
    if pa.types.is_binary_view(kind):
        return [None if cell is None else cell.hex() for cell in cells]
    return cells


def time(nanos):
    seconds, rest = divmod(nanos, 10**9)
    day = pa.scalar(seconds, pa.timestamp("s")).as_py()
    return f"{day:%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def address(octets):
    """What people write for 16 octets, or 6 of a MAC address."""
    if len(octets) == 6:
        return octets.hex(":")
    whole = ipaddress.IPv6Address(octets)
    return str(whole.ipv4_mapped or whole)


def same(what, table, records, raw=()):
    """Holds every cell against the JSON objects."""
    assert table.num_rows == len(records), (what, table.num_rows, len(records))
    for name in table.column_names:
        if name == "raw_text":
            continue
        for row, (cell, record) in enumerate(zip(said(table.column(name)), records)):
            wanted = record.get(name)
            if (row, name) in raw:
                assert cell is None, (what, name, row, cell)
            else:
                assert cell == wanted, (what, name, row, cell, wanted)


def check(program, folder, files, options=(), expected=None, raw=()):
    what = files[0].name
    every = ",".join(line.split()[0] for line in run(program, ["--list-fields"], []).decode().splitlines()[1:])
    parquet, binary = folder / "all.parquet", folder / "binary.parquet"
    for fields in (None, every):
        chosen = ["--fields", fields] if fields else []
        stream = pa.ipc.open_stream(run(program, [*options, *chosen, "--format", "arrow"], files))
        batches = list(stream)
        assert all(batch.schema.equals(stream.schema, check_metadata=True) for batch in batches)
        table = pa.Table.from_batches(batches, stream.schema)
        table.validate(full=True)
        names = [name for name in table.column_names if name != "raw_text"]
        assert fields is None or names == fields.split(",")
        lines = run(program, [*options, "--format", "json", "--fields", ",".join(names)], files).splitlines()
        records = [json.loads(line) for line in lines]
        same(what, table, records, raw)
        for path, more in ((parquet, []), (binary, ["--binary-addresses"])):
            run(program, [*options, *chosen, "--format", "parquet", "-o", path, *more], files)
        read = pa.parquet.read_table(parquet)
        read.validate(full=True)
        assert read.schema.equals(stream.schema), what
        # The reader adds field numbers of its own.
        assert all(field.metadata.items() <= read.schema.field(field.name).metadata.items() for field in stream.schema), what
        same(what, read, records, raw)
        octets = pa.parquet.read_table(binary)
        for name in octets.column_names:
            if pa.types.is_fixed_size_binary(octets.schema.field(name).type):
                cells = [None if cell is None else address(cell) for cell in octets.column(name).to_pylist()]
                assert cells == [record.get(name) for record in records], (what, name)

    # DuckDB, on both files, and somebody else's count.
    sums = "select count(*), coalesce(sum(octets), 0)::bigint, coalesce(sum(packets), 0)::bigint from "
    by_json = (len(records), sum(r.get("octets", 0) for r in records), sum(r.get("packets", 0) for r in records))
    flows = table  # DuckDB finds it by its name.
    for source in (f"'{parquet}'", f"'{binary}'", "flows"):
        (found,) = duckdb.sql(sums + source).fetchall()
        assert found == by_json, (what, source, found, by_json)
        assert expected is None or found == expected, (what, source, found, expected)
    talkers = duckdb.sql(f"select src_addr, sum(octets)::bigint from '{parquet}' where octets is not null group by 1").fetchall()
    wanted = {}
    for record in records:
        if "octets" in record:
            wanted[record.get("src_addr")] = wanted.get(record.get("src_addr"), 0) + record["octets"]
    assert dict(talkers) == wanted, what
    print(f"{what}: {by_json[0]} flows, {by_json[1]} octets, {by_json[2]} packets in {len(batches)} batches")
    return flows


def not_utf8(folder):
    """An IPFIX message of two records with a pod's name; the first is not UTF-8."""
    template = struct.pack("!HHHHHHI", 2, 16, 256, 1, 0x8000 | 101, 0xFFFF, 56506)
    data = b"\x03p\xffd" + b"\x03pod"
    data = struct.pack("!HH", 256, 4 + len(data)) + data
    path = folder / "not-utf8.ipfix"
    path.write_bytes(struct.pack("!HHIII", 10, 16 + len(template) + len(data), 1_700_000_000, 0, 1) + template + data)
    return path


def main():
    program, recording = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check(program, folder, [recording])
        check(program, folder, [recording], ["--filter", "octets > 100 and direction = ingress"])
        table = check(program, folder, [not_utf8(folder)], ["--raw"], raw={(0, "src_pod")})
        assert table.column("raw_text").to_pylist() == [[("src_pod", b"p\xffd")], None]
        assert table.column("src_pod").to_pylist() == [None, "pod"]

        corpus = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
        if corpus is None or not corpus.is_dir():
            print("skipped: recordings of others; there is no corpus")
            return
        counted = 0
        for totals in sorted(corpus.glob("exporters/*/expected.json")):
            for name, expected in sorted(json.loads(totals.read_text()).items()):
                # Octets of samples were counted with their frames, those in sections of packets not at all.
                if "skip" in expected or "sflow5" in expected["protocols"] or name == "psamp.pcap":
                    continue
                wanted = (expected["flows"], expected["octets"], expected["packets"])
                check(program, folder, [totals.parent / name], expected=wanted)
                counted += 1
        assert counted > 10, counted
        for name in ("antrea/antrea-2.7.pcap", "akvorado-sflow/data-1140.pcap", "netflow_parser/IPFIX.pcap.gz"):
            check(program, folder, [corpus / name])


main()
