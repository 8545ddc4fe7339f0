#!/usr/bin/env python3
"""Asks a server that speaks Loki's HTTP API the recorded questions and compares its answers with Loki's.

Standard library only. Exit code: 0 all cases pass, 1 some fail, 2 the request was wrong.
"""

import argparse
import base64
import gzip
import http.client
import json
import math
import re
import sys
import time
import urllib.parse

SECOND = 10**9
ALIGN = 600  # T0 is a multiple of ten minutes: Loki aligns metric queries to their step
IGNORED_LABELS = ("__error_details__",)  # texts of Go's parsers
RELATIVE, ABSOLUTE = 1e-9, 1e-12


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--base", default="http://127.0.0.1:3100", help="URL of the server")
    p.add_argument(
        "--cases", action="append", required=True, help="cases.json.gz; may be given more than once"
    )
    p.add_argument("--dataset", help="dataset.json.gz, needed by --push")
    p.add_argument(
        "--push", action="store_true", help="push the dataset first; the server must be empty"
    )
    p.add_argument(
        "--only",
        action="append",
        help="run only this area, or the case of this id; may be given more than once",
    )
    p.add_argument(
        "--t0",
        type=int,
        help="T0 in Unix seconds: that of an earlier --push, to ask again without pushing",
    )
    p.add_argument(
        "--verbose",
        action="store_true",
        help="also print passing cases, and differing messages of errors",
    )
    a = p.parse_args()
    if a.push and not a.dataset:
        p.error("--push needs --dataset FILE")
    t0 = (a.t0 if a.t0 is not None else choose_t0(time.time())) * SECOND
    print(
        "T0 = %d (%s)"
        % (t0 // SECOND, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t0 // SECOND)))
    )
    server = Server(a.base)
    if a.push:
        n, seconds = push_dataset(server, read_json(a.dataset), t0)
        print("pushed %d lines in %.1f s" % (n, seconds))
        settle(server, t0)
    cases = [c for path in a.cases for c in read_json(path)["cases"]]
    if a.only:
        cases = [c for c in cases if c["area"] in a.only or c["id"] in a.only]
    cases.sort(key=lambda c: c["area"] == "push")  # stable: what adds data comes last
    failed, messages, areas = 0, 0, {}
    for case in cases:
        try:
            got = observe(server, case, t0)
            difference = compare(case, case["expect"], got)
        except (OSError, http.client.HTTPException) as e:
            got, difference = {}, "no answer: %r" % e
        good, bad = areas.get(case["area"], (0, 0))
        areas[case["area"]] = (good + (not difference), bad + bool(difference))
        if difference:
            failed += 1
            print(
                (
                    "FAIL %s [%s] %s: %s"
                    % (
                        case["id"],
                        case["area"],
                        case.get("params", {}).get("query", case["path"]),
                        difference,
                    )
                ).replace("\n", " ")[:200]
            )
        elif a.verbose:
            print("ok   %s [%s]" % (case["id"], case["area"]))
        if not difference and case["expect"].get("message", "") != got.get("message", ""):
            messages += 1
            if a.verbose:
                print(
                    "     message differs: recorded %r, got %r"
                    % (case["expect"].get("message", "")[:120], got.get("message", "")[:120])
                )
    for area, (good, bad) in sorted(areas.items()):
        print("%-16s %4d passed %4d failed" % (area, good, bad))
    if messages:
        print("messages that differ from Loki's (reported, not compared): %d" % messages)
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0


def choose_t0(now):
    return int(now - 2 * 3600 - 300) // ALIGN * ALIGN


def read_json(path):
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as f:
        return json.loads(f.read())


class Server:
    def __init__(self, base):
        u = urllib.parse.urlsplit(base)
        self.host, self.prefix = u.netloc, u.path.rstrip("/")
        self.connection = None

    def ask(self, method, path, body=None, headers=None):
        """(status, body); one kept-alive connection, opened again when it breaks."""
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.host, timeout=120)
            try:
                self.connection.request(method, self.prefix + path, body, headers or {})
                r = self.connection.getresponse()
                return r.status, r.read()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
                if attempt == 2:
                    raise


# --- pushing -------------------------------------------------------------------------------------


def push_dataset(server, dataset, t0):
    began, n = time.monotonic(), 0
    for batch in dataset["batches"]:
        for body in parts(batch["streams"]):
            status, answer = server.ask(
                "POST",
                "/loki/api/v1/push",
                push_json(body, t0),
                {"Content-Type": "application/json"},
            )
            if status not in (200, 204):
                sys.exit(
                    "push of the dataset refused: %d %s"
                    % (status, answer[:300].decode("utf-8", "replace"))
                )
            n += sum(len(s["values"]) for s in body)
    return n, time.monotonic() - began


def parts(streams, lines=1000):
    part, n = [], 0
    for s in streams:
        part.append(s)
        n += len(s["values"])
        if n >= lines:
            yield part
            part, n = [], 0
    if part:
        yield part


def settle(server, t0, patience=60):
    """Waits until two counts in a row are the same."""
    q = urllib.parse.urlencode(
        {
            "query": 'sum(count_over_time({job=~".+"}[3h])) + sum(count_over_time({service=~".+", job=""}[3h]))',
            "time": str(t0 + 7201 * SECOND),
        }
    )
    last, end = None, time.monotonic() + patience
    while time.monotonic() < end:
        status, body = server.ask("GET", "/loki/api/v1/query?" + q)
        count = json.loads(body)["data"]["result"] if status == 200 else None
        if count and count == last:
            return print("queryable lines: %s" % count[0]["value"][1])
        last = count
        time.sleep(0.5)
    print("warning: counts are not stable after %d s" % patience)


def push_json(streams, t0):
    return json.dumps(
        {
            "streams": [
                {"stream": s["stream"], "values": [[str(t0 + v[0])] + v[1:] for v in s["values"]]}
                for s in streams
            ]
        },
        ensure_ascii=False,
    ).encode()


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    payload = payload.encode() if isinstance(payload, str) else payload
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def push_protobuf(streams, t0):
    """logproto.PushRequest: streams=1{labels=1, entries=2{timestamp=1{seconds=1, nanos=2}, line=2, structuredMetadata=3{name=1, value=2}}}"""
    out = b""
    for s in streams:
        labels = (
            "{"
            + ", ".join(
                "%s=%s" % (k, json.dumps(v, ensure_ascii=False))
                for k, v in sorted(s["stream"].items())
            )
            + "}"
        )
        body = field(1, labels)
        for v in s["values"]:
            ns = t0 + v[0]
            entry = field(1, field(1, ns // SECOND) + field(2, ns % SECOND)) + field(2, v[1])
            for k, value in (v[2] if len(v) > 2 else {}).items():
                entry += field(3, field(1, k) + field(2, value))
            body += field(2, entry)
        out += field(1, body)
    return out


def snappy(data):
    """The snappy block format: literals, and copies of what was seen within 64 KiB."""
    out, i, start, seen = bytearray(varint(len(data))), 0, 0, {}

    def literal(piece):
        for k in range(0, len(piece), 65536):
            p = piece[k : k + 65536]
            n = len(p) - 1
            out.extend(
                bytes([n << 2])
                if n < 60
                else bytes([60 << 2, n])
                if n < 256
                else bytes([61 << 2, n & 255, n >> 8])
            )
            out.extend(p)

    while i + 4 <= len(data):
        at = seen.get(data[i : i + 4])
        seen[data[i : i + 4]] = i
        if at is None or i - at > 65535:
            i += 1
            continue
        n = 4
        while n < 64 and i + n < len(data) and data[at + n] == data[i + n]:
            n += 1
        literal(data[start:i])
        out.extend(bytes([(n - 1) << 2 | 2, (i - at) & 255, (i - at) >> 8]))
        i += n
        start = i
    literal(data[start:])
    return bytes(out)


def push_request(push, t0):
    """(body, headers) of a push case."""
    kind = push["encoding"]
    headers = {
        "Content-Type": push.get(
            "content_type", "application/x-protobuf" if "protobuf" in kind else "application/json"
        )
    }
    if kind == "json":
        body = push_json(push["streams"], t0)
    elif kind == "json+gzip":
        body, headers["Content-Encoding"] = (
            gzip.compress(push_json(push["streams"], t0), mtime=0),
            "gzip",
        )
    elif kind == "protobuf+snappy":
        body = snappy(push_protobuf(push["streams"], t0))
    elif kind == "base64":
        body = base64.b64decode(push["body"])
    else:  # text in which {T0+n} stands for a time
        body = re.sub(r"\{T0([+-]\d+)\}", lambda m: str(t0 + int(m[1])), push["body"]).encode()
    headers.update(push.get("headers", {}))
    return body, headers


# --- asking --------------------------------------------------------------------------------------


def moment_text(value, t0):
    if not isinstance(value, dict):
        return value
    ns, form = t0 + value["t0"], value.get("as", "ns")
    if form == "ns":
        return str(ns)
    if form == "s":
        return "%d" % (ns // SECOND)
    if form == "float":
        return "%d.%03d" % (ns // SECOND, ns % SECOND // 10**6)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // SECOND))
    return text + (".%09dZ" % (ns % SECOND) if form == "rfc3339nano" else "Z")


def observe(server, case, t0):
    headers, body, path = dict(case.get("headers", {})), None, case["path"]
    if "push" in case:
        body, more = push_request(case["push"], t0)
        headers.update(more)
    else:
        pairs = []
        for name, value in case.get("params", {}).items():
            for one in value if isinstance(value, list) else [value]:
                pairs.append((name, moment_text(one, t0)))
        text = urllib.parse.urlencode(pairs)
        if case["method"] == "POST":
            body, headers["Content-Type"] = text.encode(), "application/x-www-form-urlencoded"
        elif text:
            path += "?" + text
    status, answer = server.ask(case["method"], path, body, headers)
    return normal(status, answer, case, t0)


def normal(status, answer, case, t0):
    """An answer without what changes from run to run; times become offsets from T0."""
    out = {"status": status}
    if not 200 <= status < 300:
        text = answer.decode("utf-8", "replace").strip()
        try:
            text = json.loads(text).get("message", text)
        except (ValueError, AttributeError):
            pass
        out["message"] = re.sub(
            r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4} UTC|Z)?", "<time>", text
        )[:500]
        return out
    if not answer:
        return out
    try:
        data = json.loads(answer)
    except ValueError:
        out["text"] = answer.decode("utf-8", "replace")[:500]
        return out
    what = case.get("shape", "query")
    if what == "query":
        data = data.get("data", {}) if isinstance(data, dict) else {}
        kind = out["type"] = data.get("resultType")
        result = data.get("result") or []
        if kind == "streams":
            out["result"] = normal_streams(result, t0)
        elif kind == "matrix":
            out["result"] = [
                [strip(r["metric"]), [[seconds(t, t0), v] for t, v in r["values"]]] for r in result
            ]
        elif kind == "vector":
            out["result"] = [
                [strip(r["metric"]), [[seconds(r["value"][0], t0), r["value"][1]]]] for r in result
            ]
        elif kind == "scalar":
            out["result"] = [
                [{}, [[0, result[1]]]]
            ]  # Loki's time of a scalar is not the one asked for
        if kind in ("matrix", "vector") and not case.get("ordered"):
            out["result"].sort(key=lambda r: key(r[0]))
    elif what == "names":
        out["result"] = sorted(data.get("data") or [])
    elif what == "series":
        out["result"] = sorted(data.get("data") or [], key=key)
    elif what == "stats":
        out["result"] = {k: data.get(k) for k in ("streams", "entries")}
    elif what == "volume":
        out["result"] = sorted([key(r["metric"]) for r in data["data"]["result"]])
    return out


def strip(labels):
    return {k: v for k, v in labels.items() if k not in IGNORED_LABELS}


def key(labels):
    return json.dumps(labels, sort_keys=True, ensure_ascii=False)


def seconds(t, t0):
    return round(float(t) - t0 // SECOND, 3)


def normal_streams(result, t0):
    streams, merged = {}, set()
    for r in result:
        labels = strip(r["stream"])
        if key(labels) in streams:
            merged.add(key(labels))
        entries = streams.setdefault(key(labels), [labels, []])[1]
        for v in r["values"]:
            entries.append(
                [int(v[0]) - t0] + v[1:2] + ([without_details(v[2])] if len(v) > 2 else [])
            )
    for k in merged:
        streams[k][1].sort(key=lambda e: (e[0], e[1]))
    return [streams[k] for k in sorted(streams)]


def without_details(extra):
    return {k: strip(v) if isinstance(v, dict) else v for k, v in extra.items()}


# --- comparing -----------------------------------------------------------------------------------


def compare(case, want, got):
    """What differs, in words; an empty text when nothing does."""
    if want["status"] >= 500 and got["status"] >= 400:
        return ""  # where Loki fails on a wrong request, any refusal is good
    if want["status"] != got["status"]:
        return "status %s, recorded %s; %s" % (
            got["status"],
            want["status"],
            got.get("message", "") or want.get("message", ""),
        )
    if want["status"] >= 300 or case.get("compare") == "status":
        return ""
    for part in ("type", "text"):
        if want.get(part) != got.get(part):
            return "%s is %r, recorded %r" % (part, got.get(part), want.get(part))
    a, b = want.get("result"), got.get("result")
    if want.get("type") is None:
        return "" if a == b else "got %s, recorded %s" % (excess(b, a), excess(a, b))
    if want["type"] == "streams":
        return compare_streams(a, b)
    return compare_samples(a, b, case.get("ordered"))


def excess(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return "more: " + json.dumps([x for x in a if x not in b][:4], ensure_ascii=False)
    return json.dumps(a, ensure_ascii=False)


def compare_sets(a, b):
    ka, kb = {key(x[0]) for x in a}, {key(x[0]) for x in b}
    if ka != kb or len(a) != len(b):
        return "%d series, recorded %d; missing %s; extra %s" % (
            len(b),
            len(a),
            sorted(ka - kb)[:1],
            sorted(kb - ka)[:1],
        )
    return ""


def compare_streams(a, b):
    wrong = compare_sets(a, b)
    if wrong:
        return wrong
    got = {key(s[0]): s[1] for s in b}
    for labels, entries in a:
        other = got[key(labels)]
        if len(entries) != len(other):
            return "%s: %d entries, recorded %d" % (key(labels), len(other), len(entries))
        for i, (x, y) in enumerate(zip(entries, other)):
            if x != y:
                return "%s entry %d: got %s, recorded %s" % (
                    key(labels),
                    i,
                    json.dumps(y, ensure_ascii=False)[:70],
                    json.dumps(x, ensure_ascii=False)[:70],
                )
    return ""


def compare_samples(a, b, ordered):
    wrong = compare_sets(a, b)
    if wrong:
        return wrong
    if ordered and [key(s[0]) for s in a] != [key(s[0]) for s in b]:
        return "order is %s, recorded %s" % ([key(s[0]) for s in b][:3], [key(s[0]) for s in a][:3])
    got = {key(s[0]): s[1] for s in b}
    for labels, samples in a:
        other = got[key(labels)]
        if len(samples) != len(other):
            missing = [t for t, _ in samples if t not in {t for t, _ in other}][:3]
            return "%s: %d samples, recorded %d; missing times %s" % (
                key(labels),
                len(other),
                len(samples),
                missing,
            )
        for (t, v), (u, w) in zip(samples, other):
            if t != u or not same(v, w):
                return "%s: got %s at %s, recorded %s at %s" % (key(labels), w, u, v, t)
    return ""


def same(v, w):
    try:
        x, y = float(v), float(w)
    except (TypeError, ValueError):
        return v == w
    return (
        (math.isnan(x) and math.isnan(y))
        or x == y
        or math.isclose(x, y, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    )


if __name__ == "__main__":
    sys.exit(main())
