from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric as Family
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from vigie.instrument.cells import read_cells, write_cells
from vigie.instrument.merge import Content, merged

GAUGES = [
    live + mode for live in ("", "live") for mode in ("all", "min", "max", "sum", "mostrecent")
]
KINDS = ["counter", "histogram", "summary", *(f"gauge_{mode}" for mode in GAUGES)]
Cells = dict[str, tuple[float, float]]


def keys(kind: str) -> list[str]:
    """Keys of two families of a kind, with and without a label."""
    found = []
    for name, value in product((f"{kind}_a", f"{kind}_b"), ("", "x", "y")):
        names, values = (["label"], [value]) if value else ([], [])
        if kind == "histogram":
            for bound in ("0.5", "1.0", "10.0", "+Inf"):
                found.append(
                    mmap_key(name, f"{name}_bucket", [*names, "le"], [*values, bound], "H.")
                )
            found.append(mmap_key(name, f"{name}_sum", names, values, "H."))
        else:
            suffix = {"counter": "_total", "summary": "_count"}.get(kind, "")
            found.append(mmap_key(name, name + suffix, names, values, "H."))
    return found


def contents() -> st.SearchStrategy[list[tuple[str, Cells]]]:
    numbers = st.integers(0, 100).map(float)
    return st.lists(
        st.sampled_from(KINDS).flatmap(
            lambda kind: st.tuples(
                st.just(kind),
                st.dictionaries(st.sampled_from(keys(kind)), st.tuples(numbers, numbers)),
            )
        ),
        max_size=8,
    )


def told(families: list[Family]) -> set[tuple[str, str, str, str, float]]:
    return {
        (
            family.type,
            family.documentation,
            sample.name,
            str(sorted(sample.labels.items())),
            sample.value,
        )
        for family in families
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


@pytest.mark.servers
@given(read=contents())
def test_it_tells_what_prometheus_client_tells(folder: Path, read: list[tuple[str, Cells]]) -> None:
    for old in folder.iterdir():
        old.unlink()
    files = []
    for process, (kind, cells) in enumerate(read):
        files.append(folder / f"{kind}_{process}.db")
        write_cells(files[-1], cells)
    ours = merged(
        Content(kind, str(process), read_cells(file))
        for process, ((kind, _), file) in enumerate(zip(read, files, strict=True))
    )
    assert told(ours) == told(list(MultiProcessCollector.merge([str(file) for file in files])))


def test_buckets_rise_with_their_bounds_and_end_in_the_count() -> None:
    def bucket(bound: str) -> str:
        return mmap_key("w", "w_bucket", ["le"], [bound], "H.")

    cells = {bucket("+Inf"): (1.0, 0.0), bucket("10.0"): (2.0, 0.0), bucket("2.5"): (4.0, 0.0)}
    (family,) = merged([Content("histogram", "1", cells), Content("histogram", "2", cells)])
    assert [(sample.name, sample.labels.get("le"), sample.value) for sample in family.samples] == [
        ("w_bucket", "2.5", 8.0),
        ("w_bucket", "10.0", 12.0),
        ("w_bucket", "+Inf", 14.0),
        ("w_count", None, 14.0),
    ]
